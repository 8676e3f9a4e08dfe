import type { IncomingHttpHeaders } from 'node:http'

/** A request as the endpoints see it: read from the socket whole, interpreted not at all. */
export type Request = {
  /** `HEAD` arrives as `GET` (RFC 9110 §9.3.2); the server leaves the body out. */
  readonly method: string
  /** Repaired once and checked (`http/path.ts`); empty where exactly this was refused. */
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

/** By their names in lower case. */
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
  readonly methods: readonly ('GET' | 'POST' | 'OPTIONS')[]
  /** With `:name` for one segment. */
  readonly path: string
  readonly endpoint: (request: Request, segments: Readonly<Record<string, string>>) => Promise<Reply> | Reply
}

/**
 * Routes that word all their errors in one format: what an endpoint throws, and what the server refuses before it gets there. A path
 * that no route has is refused by the surface with the longest prefix of it, so one surface has the prefix `/`.
 */
export type Surface = {
  /** Begins and ends in `/`. */
  readonly prefix: string
  readonly routes: readonly Route[]
  /** Answers for every error, an unknown one too, and does not throw. */
  readonly answerError: (error: unknown, request: Request) => Reply
}

/** Every error code by which the server itself refuses a request, before an endpoint sees it: its status, source and meaning. */
export const HTTP_ERRORS = {
  malformed_request: {
    status: 400,
    source: 'RFC 9112 §3, §6.3',
    meaning: 'The request cannot be read in exactly one way: its path, its framing, or a header that is repeated.',
  },
  https_required: {
    status: 400,
    source: 'RFC 6749 §3.2',
    meaning: 'The public URL is https, and the request did not come that way.',
  },
  not_found: { status: 404, source: 'RFC 9110 §15.5.5', meaning: 'Nothing is at this path.' },
  method_not_allowed: {
    status: 405,
    source: 'RFC 9110 §15.5.6',
    meaning: 'The path does not take this method; `Allow` names those it takes.',
  },
  request_timeout: { status: 408, source: 'RFC 9110 §15.5.9', meaning: 'The request did not arrive whole in time.' },
  misdirected_request: {
    status: 421,
    source: 'RFC 9110 §15.5.20',
    meaning: 'Nothing is served under the host name in `Host`. `urls` in the configuration names those there are.',
  },
  payload_too_large: {
    status: 413,
    source: 'RFC 9110 §15.5.14',
    meaning: 'The body is larger than `limits.body_bytes`; the connection is closed.',
  },
  unsupported_encoding: {
    status: 415,
    source: 'RFC 9110 §15.5.16',
    meaning: 'The body has a `Content-Encoding`; send it as it is.',
  },
  expectation_failed: {
    status: 417,
    source: 'RFC 9110 §15.5.18',
    meaning: 'The only expectation that is met is `100-continue`.',
  },
  header_too_large: {
    status: 431,
    source: 'RFC 6585 §5',
    meaning: 'The headers are larger than 16 KiB, or more than 100.',
  },
  server_error: {
    status: 500,
    source: 'RFC 9110 §15.6.1',
    meaning: 'A defect of the server. The request id finds it in the log.',
  },
} as const satisfies Readonly<
  Record<string, { readonly status: number; readonly source: string; readonly meaning: string }>
>

export type HttpErrorCode = keyof typeof HTTP_ERRORS

/** A refusal by the server itself. A surface words it in its own format, and adds `headers` to its answer. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly code: HttpErrorCode
  readonly description: string
  readonly headers: Headers
  constructor(code: HttpErrorCode, description: string, headers: Headers = {}) {
    super(`${code}: ${description}`)
    this.code = code
    this.description = description
    this.headers = headers
  }
  get status(): number {
    return HTTP_ERRORS[this.code].status
  }
}

export const malformedRequest = (description: string): HttpError => new HttpError('malformed_request', description)

/** The plainest wording of a refusal: where no surface is reached, and for a surface that has no format of its own. */
export const httpErrorReply = ({ status, code, description, headers }: HttpError): Reply =>
  jsonReply(status, { error: code, error_description: description }, { ...NO_STORE, ...headers })

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
