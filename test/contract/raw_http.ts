import { request, type IncomingHttpHeaders } from 'node:http'

// HTTP with nothing added: `fetch` would send an `Accept` of its own, follow redirects and keep cookies' secrets to itself.

export type RawRequest = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** A record is sent as a form. */
  readonly body?: string | Buffer | Readonly<Record<string, string>>
}

export type RawAnswer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON of the shape that the caller expects: what differs fails in its assertions. */
  readonly json: <T>() => T
}

const FORM = 'application/x-www-form-urlencoded'

/** Sends exactly these headers and bytes to `origin`, on a connection of its own. The path may be one that no URL parser leaves alone. */
export const send = (
  origin: string,
  path: string,
  { method, headers = {}, body }: RawRequest = {},
): Promise<RawAnswer> => {
  const isForm = typeof body === 'object' && !Buffer.isBuffer(body)
  const bytes = body === undefined ? undefined : Buffer.from(isForm ? new URLSearchParams(body).toString() : body)
  const { hostname, port, host } = new URL(origin)
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent: false,
        hostname,
        port,
        path,
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: {
          Host: host,
          ...(isForm ? { 'Content-Type': FORM } : {}),
          ...headers,
          ...(bytes === undefined ? {} : { 'Content-Length': bytes.length }),
        },
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text,
            json: <T>() => JSON.parse(text) as T,
          })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(bytes)
  })
}

/** The one value of a cookie that an answer sets, and its attributes in lower case; fails if it sets it not once. */
export const cookieSetBy = (
  { headers }: RawAnswer,
  name: string,
): { readonly value: string; readonly attributes: readonly string[] } => {
  const found = (headers['set-cookie'] ?? []).filter((line) => line.startsWith(`${name}=`))
  if (found.length !== 1) throw new Error(`expected one Set-Cookie of ${name}, got ${found.length}`)
  const [pair = '', ...attributes] = found[0]!.split(';').map((part) => part.trim())
  return { value: pair.slice(name.length + 1), attributes: attributes.map((attribute) => attribute.toLowerCase()) }
}
