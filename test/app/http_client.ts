import { Agent, request, type IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'

/** The connection ended before the whole answer had come. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError'
  /** What had come of it. */
  readonly came: 'nothing' | 'part'
  constructor(came: 'nothing' | 'part', options?: ErrorOptions) {
    super(`${came} of the answer came`, options)
    this.came = came
  }
}

export type Answer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON. */
  readonly body: Body
}

/** What the answers of the token endpoint and of the platform API may hold. */
type Body = {
  readonly access_token?: string
  readonly refresh_token?: string
  readonly id_token?: string
  readonly scope?: string
  readonly error?: string
  readonly error_description?: string
  readonly data?: {
    readonly session?: { readonly sessionid: string; readonly current_time: string; readonly expires: string }
    readonly name?: string
    readonly id?: number
  } & readonly { readonly id: number }[]
  readonly errors?: readonly { readonly code?: string; readonly message: string }[]
  readonly meta?: { readonly status: string; readonly total_count?: number }
  readonly keys?: readonly { readonly kid: string }[]
}

export type Question = {
  readonly path: string
  /** GET, or POST if there is a form. */
  readonly form?: Readonly<Record<string, string>>
  readonly bearer?: string | undefined
  readonly session?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

export type HttpClient = {
  /** Resolves when the answer was read to its end. @throws {NoAnswerError} */
  readonly ask: (question: Question) => Promise<Answer>
  readonly token: (form: Readonly<Record<string, string>>) => Promise<Answer>
  readonly close: () => void
}

const headersOf = ({ bearer, session, headers }: Question) => ({
  accept: 'application/json',
  ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
  ...(session === undefined ? {} : { cookie: `adama_session=${session}` }),
  ...headers,
})

/** Keeps its connections open, and never asks twice. `fetch` would hide on which connection a question went, and how far it got. */
export const httpClient = (port: number, connections = Infinity): HttpClient => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const ask = (question: Question): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const form = question.form === undefined ? undefined : new URLSearchParams(question.form).toString()
      const outgoing = request({
        agent,
        host: '127.0.0.1',
        port,
        path: question.path,
        method: form === undefined ? 'GET' : 'POST',
        headers: {
          ...headersOf(question),
          ...(form === undefined
            ? {}
            : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(form.length) }),
        },
      })
      let socket: Socket | undefined
      let before = 0
      const fail = (cause?: Error) => {
        const came = socket !== undefined && socket.bytesRead > before ? 'part' : 'nothing'
        reject(new NoAnswerError(came, { cause }))
      }
      outgoing.on('socket', (its) => {
        socket = its
        before = its.bytesRead
      })
      outgoing.on('error', fail)
      outgoing.on('response', (incoming) => {
        let text = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (chunk: string) => (text += chunk))
        incoming.on('error', fail)
        incoming.on('end', () => {
          if (!incoming.complete) return fail()
          const isJson = incoming.headers['content-type']?.includes('json') === true
          const body = isJson ? (JSON.parse(text) as Body) : {}
          resolve({ status: incoming.statusCode!, headers: incoming.headers, text, body })
        })
      })
      outgoing.end(form)
    })
  return { ask, token: (form) => ask({ path: '/oauth/token', form }), close: () => agent.destroy() }
}
