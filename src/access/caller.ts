import type { Account, Confinement, PlatformSession } from '#stores/records.ts'

/** Who stands behind an admitted request, and what it may do at most. Only `access/admission.ts` makes one. */
export type Caller = {
  /** In whose name; `undefined` for a client alone that acts as nobody: it sees no entities. */
  readonly account: Account | undefined
  readonly clientId: string
  /** What the token or session, and the client's policy of today, allow together; scopes that stand for others come with their parts. */
  readonly scopes: ReadonlySet<string>
  /** The organizations that the client was confined to. */
  readonly organizations: Confinement
  readonly hasBearer: boolean
  /** The platform session, if the request came with one or was given a new one in place of its own expired one. */
  readonly session: PlatformSession | undefined
  readonly authorizationId: number | undefined
  /** The bearer token allows less than its authorization: so it is not exchanged for a session, which would allow all of it. */
  readonly isNarrowed: boolean
}

/** A caller, and what the answer hands it: a new session in place of its own expired one, a nonce for its next proof. */
export type Admission = {
  readonly caller: Caller
  readonly setCookie: string | undefined
  /** What the next proof of possession must repeat. */
  readonly dpopNonce: string | undefined
}

/** Why nobody is admitted. `status` and wire format are the surface's. */
export const ACCESS_REFUSALS = {
  authentication_required: { meaning: 'The request has neither a bearer token nor a platform session.' },
  invalid_request: { meaning: 'The credentials contradict each other or came in a place where they must not be.' },
  invalid_token: { meaning: 'The bearer token is malformed, expired, revoked or for another API.' },
  invalid_dpop_proof: { meaning: 'The DPoP proof is missing, not for this request, too old, or used before.' },
  use_dpop_nonce: { meaning: 'The DPoP proof must repeat the nonce that the answer gives.' },
  token_required: { meaning: 'The session is taken beside a DPoP-bound token alone.' },
  unknown_session: { meaning: 'The platform session is not known, or has been ended.' },
  expired_session: { meaning: 'The platform session has expired.' },
  insufficient_scope: { meaning: 'The token or session does not allow this.' },
  identity_mismatch: { meaning: 'The bearer token and the platform session belong to different users or clients.' },
} as const

export type AccessRefusal = keyof typeof ACCESS_REFUSALS

/** For the audit log alone, but for the last two: what the caller must not learn. */
export type AccessErrorDetails = {
  readonly reason?: string
  /** Behind the bearer token, or behind the session if there is no token. */
  readonly account?: number
  readonly client?: string
  readonly session?: number
  /** Of the session, where it is not that of the token. */
  readonly sessionAccount?: number
  readonly sessionClient?: string
  /** The token must be sent with a proof of possession, whatever scheme the request used (RFC 9449 §7.2). */
  readonly needsDpop?: boolean
  readonly dpopNonce?: string
}

/** Nobody is admitted: 401, except `invalid_request` (400) and `insufficient_scope` (403). `message` tells the developer what to do. */
export class AccessError extends Error {
  override readonly name = 'AccessError'
  readonly code: AccessRefusal
  readonly details: AccessErrorDetails
  constructor(code: AccessRefusal, message: string, details: AccessErrorDetails = {}) {
    super(message)
    this.code = code
    this.details = details
  }
}
