import type { BearerError } from '#access/challenge.ts'
import type { Seconds } from '#base/time.ts'
import type { Headers } from '#http/message.ts'

/** The status words of v2.0 that its libraries know, and `denied`. */
export type StatusWord = 'invalid' | 'bad_request' | 'auth_required' | 'auth_error' | 'denied' | 'not_found' | 'error'

type PlatformErrorKind = {
  readonly status: number
  /** At v2.0, as `meta.status` or `status code`. */
  readonly word: StatusWord
  /** In the challenge of a request that came with a bearer token. */
  readonly bearerError?: BearerError
  readonly meaning: string
}

/** Every refusal of the platform API: by its code at v3.0, with its HTTP status and its word at v2.0. */
export const PLATFORM_ERRORS = {
  'misdirected-request': {
    status: 421,
    word: 'bad_request',
    meaning: 'Nothing is served under the host name in `Host`.',
  },
  'bad-request': { status: 400, word: 'bad_request', meaning: 'The request cannot be read in exactly one way.' },
  'invalid-field': {
    status: 400,
    word: 'invalid',
    meaning: 'A field has a value that it cannot have; `field` names it.',
  },
  'version-conflict': { status: 409, word: 'invalid', meaning: 'Somebody saved the entity since it was read.' },
  'login-incomplete': { status: 400, word: 'invalid', meaning: 'The user or the password is missing.' },
  'authentication-required': {
    status: 401,
    word: 'auth_required',
    meaning: 'The request has neither a bearer token nor a platform session.',
  },
  'login-failed': { status: 401, word: 'auth_error', meaning: 'User and password do not belong together.' },
  'invalid-token': {
    status: 401,
    word: 'auth_required',
    bearerError: 'invalid_token',
    meaning: 'The bearer token is malformed, expired, revoked or for another API.',
  },
  'invalid-dpop-proof': {
    status: 401,
    word: 'auth_required',
    bearerError: 'invalid_dpop_proof',
    meaning: 'The DPoP proof is missing, not for this request, too old, or used before.',
  },
  'use-dpop-nonce': {
    status: 401,
    word: 'auth_required',
    bearerError: 'use_dpop_nonce',
    meaning: 'The DPoP proof must repeat the nonce that `DPoP-Nonce` gives.',
  },
  'unknown-session': {
    status: 401,
    word: 'auth_required',
    bearerError: 'invalid_token',
    meaning: 'The session cookie is not known, or has been ended.',
  },
  'expired-session': {
    status: 401,
    word: 'auth_required',
    bearerError: 'invalid_token',
    meaning: 'The session has expired.',
  },
  'identity-mismatch': {
    status: 401,
    word: 'auth_required',
    bearerError: 'invalid_token',
    meaning: 'The bearer token and the session cookie belong to different users or clients.',
  },
  'token-required': {
    status: 401,
    word: 'auth_required',
    meaning: 'This version, or a session that comes from a DPoP-bound token, is not taken without a token.',
  },
  'both-required': {
    status: 401,
    word: 'auth_required',
    meaning: 'It takes the bearer token and the session together.',
  },
  'insufficient-scope': {
    status: 403,
    word: 'denied',
    bearerError: 'insufficient_scope',
    meaning: 'The token, or the client behind the session, does not allow this.',
  },
  'permission-denied': { status: 403, word: 'denied', meaning: 'The user lacks a role or a flag for this.' },
  'cross-site-request': { status: 403, word: 'denied', meaning: 'A page of another site made a browser send this.' },
  'not-found': { status: 404, word: 'not_found', meaning: 'There is nothing, or nothing that the caller may see.' },
  'method-not-allowed': {
    status: 405,
    word: 'bad_request',
    meaning: 'The path does not take this method; see `Allow`.',
  },
  'request-timeout': { status: 408, word: 'error', meaning: 'The request did not arrive whole in time.' },
  'payload-too-large': { status: 413, word: 'bad_request', meaning: 'The body is too large.' },
  'unsupported-encoding': { status: 415, word: 'bad_request', meaning: 'The body has a `Content-Encoding`.' },
  'expectation-failed': { status: 417, word: 'bad_request', meaning: 'The expectation cannot be met.' },
  'rate-limit-exceeded': { status: 429, word: 'error', meaning: 'Wait as long as `Retry-After` says.' },
  'header-too-large': { status: 431, word: 'bad_request', meaning: 'The headers are too large.' },
  'internal-error': {
    status: 500,
    word: 'error',
    meaning: 'A defect of the server. The request id finds it in the log.',
  },
  'service-overloaded': { status: 503, word: 'error', meaning: 'Ask again after `Retry-After`.' },
} as const satisfies Readonly<Record<string, PlatformErrorKind>>

export type PlatformErrorCode = keyof typeof PLATFORM_ERRORS

export type PlatformErrorDetails = {
  /** The fields or parameters that are wrong, each with what it takes. */
  readonly fields?: readonly { readonly field: string; readonly message: string }[]
  /** The scope that would be enough (RFC 6750 §3). */
  readonly scope?: string
  readonly retryAfter?: Seconds
  readonly headers?: Headers
  /** The token must be sent with a proof of possession (RFC 9449 §7.2). */
  readonly needsDpop?: boolean
}

/** A refusal of the platform API. `message` is read by the developer of the client. */
export class PlatformError extends Error {
  override readonly name = 'PlatformError'
  readonly code: PlatformErrorCode
  readonly details: PlatformErrorDetails
  constructor(code: PlatformErrorCode, message: string, details: PlatformErrorDetails = {}) {
    super(message)
    this.code = code
    this.details = details
  }
  get kind(): PlatformErrorKind {
    return PLATFORM_ERRORS[this.code]
  }
}

/** One answer for what does not exist and for what the caller may not see: nobody learns which entities there are. */
export const notFound = (): PlatformError => new PlatformError('not-found', 'Not found')

export const invalidField = (field: string, message: string): PlatformError => invalidFields([{ field, message }])

/** @param fields - at least one */
export const invalidFields = (fields: NonNullable<PlatformErrorDetails['fields']>): PlatformError =>
  new PlatformError('invalid-field', fields.map(({ message }) => message).join('; '), { fields })
