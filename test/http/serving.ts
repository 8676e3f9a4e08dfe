import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import { silentLog, type Log } from '#base/log.ts'
import { seconds } from '#base/time.ts'
import { HttpError, httpErrorReply, jsonReply, type Request, type Route, type Surface } from '#http/message.ts'
import { createHttpServer, type HttpServerOptions } from '#http/server.ts'

/** What an endpoint saw, as far as a test compares it. */
export const seen = ({ body, headers: _, ...request }: Request) => ({ ...request, body: body.toString() })

export const echo: Route['endpoint'] = (request, segments) => jsonReply(200, { ...seen(request), segments })

export const surface = (prefix: string, routes: readonly Route[], name = 'plain'): Surface => ({
  prefix,
  routes,
  answerError: (error) => {
    const refusal = error instanceof HttpError ? error : new HttpError('server_error', 'A defect.')
    const reply = httpErrorReply(refusal)
    return { ...reply, headers: { ...reply.headers, 'x-surface': name } }
  },
})

export const ECHO: readonly Route[] = [{ methods: ['GET', 'POST'], path: '/echo', endpoint: echo }]

/** A server for one test, on a free port. */
export const serve = async (
  t: TestContext,
  {
    surfaces = [surface('/', ECHO)],
    ...options
  }: Partial<HttpServerOptions> & { readonly surfaces?: readonly Surface[] } = {},
) => {
  const server = createHttpServer({
    sites: [{ names: 'any', surfaces }],
    limits: { bodyBytes: 1000, requestTimeout: seconds(10), answerTimeout: seconds(10) },
    trustedProxies: [],
    isPublicUrlHttps: false,
    log: silentLog,
    ...options,
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  let closing: Promise<void> | undefined
  const close = () => (closing ??= server.close())
  t.after(close)
  return { port, close, origin: `http://127.0.0.1:${port}` }
}

export type RawReply = {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** A TCP connection, for what no HTTP client would send. */
export const open = async (port: number) => {
  const socket = connect(port, '127.0.0.1')
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  let received = ''
  let isClosed = false
  let wake = () => {}
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    received += text
    wake()
  })
  socket.on('close', () => {
    isClosed = true
    wake()
  })
  socket.on('error', () => {})

  const takeReply = (isHead: boolean): RawReply | undefined => {
    const end = received.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    const [line = '', ...lines] = received.slice(0, end).split('\r\n')
    const status = Number(line.split(' ')[1])
    const headers = new Map<string, string>()
    for (const each of lines)
      headers.set(each.slice(0, each.indexOf(':')).toLowerCase(), each.slice(each.indexOf(':') + 1).trim())
    const length = isHead ? 0 : Number(headers.get('content-length') ?? 0)
    if (received.length < end + 4 + length) return undefined
    const body = received.slice(end + 4, end + 4 + length)
    received = received.slice(end + 4 + length)
    return { status, headers, body }
  }

  const until = async <T>(find: () => T | undefined): Promise<T> => {
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      if (isClosed) throw new Error(`the connection was closed; left was ${JSON.stringify(received)}`)
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }

  return {
    socket,
    send: (text: string) => void socket.write(text, 'latin1'),
    reply: ({ isHead = false } = {}): Promise<RawReply> => until(() => takeReply(isHead)),
    closed: (): Promise<true> => until(() => (isClosed ? true : undefined)),
    end: () => void socket.destroy(),
  }
}

/** Sends one text on a connection of its own and answers with what comes first. */
export const exchange = async (port: number, text: string): Promise<RawReply> => {
  const connection = await open(port)
  try {
    connection.send(text)
    return await connection.reply()
  } finally {
    connection.end()
  }
}

export const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`

export type Line = {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A log that keeps its lines. */
export const recordingLog = (): { readonly log: Log; readonly lines: Line[] } => {
  const lines: Line[] = []
  const at =
    (level: string) =>
    (message: string, fields = {}) =>
      void lines.push({ level, message, fields })
  return {
    lines,
    log: {
      writesDebug: true,
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      audit: at('audit'),
    },
  }
}
