import type { IncomingHttpHeaders } from 'node:http'

/** A request as the endpoints see it: read from the socket whole, interpreted not at all. */
export type Request = {
  readonly method: string
  /** Repaired once and checked (`http/path.ts`). */
  readonly path: string
  /** Without `?`, as it came. */
  readonly query: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Of the client, as trusted proxies tell it. */
  readonly address: string
  /** Names the request in the log and in the answer (`X-Request-Id`). */
  readonly id: string
}

export type Headers = Readonly<Record<string, string | readonly string[]>>

/** An answer as data: a test is a comparison. */
export type Reply = {
  readonly status: number
  readonly headers: Headers
  readonly body: string | Buffer
}

export type Endpoint = (request: Request) => Promise<Reply> | Reply

/** What an endpoint answers at which URL. */
export type Route = {
  readonly methods: readonly ('GET' | 'POST')[]
  /** With `:name` for one segment. */
  readonly path: string
  readonly endpoint: (request: Request, segments: Readonly<Record<string, string>>) => Promise<Reply> | Reply
}

/** Neither a browser nor a proxy keeps it (RFC 6749 §5.1). */
export const NO_STORE: Headers = { 'cache-control': 'no-store', pragma: 'no-cache' }

export const jsonReply = (status: number, body: unknown, headers: Headers = {}): Reply => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

export const textReply = (status: number, body: string, headers: Headers = {}): Reply => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', ...headers },
  body,
})
