import type { Seconds } from '#base/time.ts'

/** Every error code that an OAuth endpoint answers: its status, where it is defined, and what it tells the client. */
export const OAUTH_ERRORS = {
  invalid_request: { status: 400, source: 'RFC 6749 §5.2', meaning: 'A parameter is missing, repeated or malformed.' },
  invalid_client: {
    status: 401,
    source: 'RFC 6749 §5.2',
    meaning: 'The client is unknown, or did not prove that it is the one.',
  },
  invalid_grant: {
    status: 400,
    source: 'RFC 6749 §5.2',
    meaning:
      'The password, authorization code, device code or refresh token is wrong, expired, revoked, or of another client.',
  },
  unauthorized_client: { status: 400, source: 'RFC 6749 §5.2', meaning: 'This client may not use this grant type.' },
  unsupported_grant_type: {
    status: 400,
    source: 'RFC 6749 §5.2',
    meaning: 'The server does not know this grant type.',
  },
  invalid_scope: {
    status: 400,
    source: 'RFC 6749 §5.2',
    meaning: 'None of the scopes that were asked for can be granted.',
  },
  invalid_target: {
    status: 400,
    source: 'RFC 8707 §2',
    meaning: 'The audience is unknown, or not one of this client or grant.',
  },
  unsupported_token_type: {
    status: 400,
    source: 'RFC 7009 §2.2.1',
    meaning: 'The token of a client alone cannot be revoked: it lives until it expires, or the client is disabled.',
  },
  authorization_pending: {
    status: 400,
    source: 'RFC 8628 §3.5',
    meaning: 'Nobody has decided about the device code yet; ask again after the interval.',
  },
  slow_down: {
    status: 400,
    source: 'RFC 8628 §3.5',
    meaning: 'As `authorization_pending`, and the poll came too early: the interval is 5 s longer from now on.',
  },
  access_denied: { status: 400, source: 'RFC 8628 §3.5', meaning: 'The person did not allow it.' },
  expired_token: {
    status: 400,
    source: 'RFC 8628 §3.5',
    meaning: 'The device code has expired; begin again with a new one.',
  },
  invalid_dpop_proof: {
    status: 400,
    source: 'RFC 9449 §5',
    meaning: 'The DPoP proof is missing, not for this request, too old, used before, or of another key.',
  },
  use_dpop_nonce: {
    status: 400,
    source: 'RFC 9449 §8',
    meaning: 'The DPoP proof must repeat the nonce that `DPoP-Nonce` gives.',
  },
  too_many_attempts: {
    status: 429,
    source: 'RFC 6585 §4',
    meaning:
      'Too many attempts failed from this address, or too many devices wait for a person; wait as long as `Retry-After` says.',
  },
  server_error: {
    status: 500,
    source: 'RFC 6749 §4.1.2.1',
    meaning: 'A defect of the server. The request id finds it in the log.',
  },
  temporarily_unavailable: {
    status: 503,
    source: 'RFC 6749 §4.1.2.1',
    meaning: 'The server cannot answer now; ask again after `Retry-After`.',
  },
} as const satisfies Readonly<
  Record<string, { readonly status: number; readonly source: string; readonly meaning: string }>
>

export type OAuthErrorCode = keyof typeof OAUTH_ERRORS

export type OAuthErrorDetails = {
  /** For the audit log alone, like the two below: what the caller must not learn. Never a secret. */
  readonly reason?: string
  /** As it was claimed, not as it was proved. */
  readonly client?: string
  readonly account?: number
  readonly retryAfter?: Seconds
  /** An authentication scheme to ask for (RFC 9110 §11.6.1). */
  readonly challenge?: string
  /** What the next proof must repeat (RFC 9449 §8). */
  readonly dpopNonce?: string
}

/** A refusal. `description` is read by the developer of the client; `details.reason` by the operator. */
export class OAuthError extends Error {
  override readonly name = 'OAuthError'
  readonly code: OAuthErrorCode
  readonly description: string
  readonly details: OAuthErrorDetails
  constructor(code: OAuthErrorCode, description: string, details: OAuthErrorDetails = {}) {
    super(`${code}: ${description}${details.reason === undefined ? '' : ` (${details.reason})`}`)
    this.code = code
    this.description = description
    this.details = details
  }
  get status(): number {
    return OAUTH_ERRORS[this.code].status
  }
}

export const tooManyAttempts = (retryAfter: Seconds): OAuthError =>
  new OAuthError('too_many_attempts', `Too many attempts failed from this address. Wait ${retryAfter} s.`, {
    retryAfter,
  })

export const invalidRequest = (description: string): OAuthError => new OAuthError('invalid_request', description)

export const invalidDpopProof = (description: string, client?: string): OAuthError =>
  new OAuthError('invalid_dpop_proof', description, client === undefined ? {} : { client })

/** The words for every wrong, expired, revoked or foreign refresh token: client libraries look for them, and learn nothing more. */
export const invalidRefreshToken = (reason: string, about: Pick<OAuthErrorDetails, 'client' | 'account'>): OAuthError =>
  new OAuthError('invalid_grant', 'Unknown or invalid refresh token.', { reason, ...about })
