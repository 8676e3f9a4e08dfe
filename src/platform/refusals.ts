import { AccessError, type AccessRefusal } from '#access/caller.ts'
import { OverloadedError } from '#base/password_hashing.ts'
import { seconds } from '#base/time.ts'
import { dpopNonceHeader } from '#http/dpop_header.ts'
import { HttpError, type HttpErrorCode } from '#http/message.ts'
import { PlatformError, type PlatformErrorCode } from '#platform/errors.ts'
import { OAuthError } from '#protocol/errors.ts'
import { StoreUnavailableError, StoreValueError } from '#stores/store.ts'

const OF_ACCESS: Readonly<Record<AccessRefusal, PlatformErrorCode>> = {
  authentication_required: 'authentication-required',
  invalid_request: 'bad-request',
  invalid_token: 'invalid-token',
  invalid_dpop_proof: 'invalid-dpop-proof',
  use_dpop_nonce: 'use-dpop-nonce',
  token_required: 'token-required',
  unknown_session: 'unknown-session',
  expired_session: 'expired-session',
  insufficient_scope: 'insufficient-scope',
  identity_mismatch: 'identity-mismatch',
}

const OF_HTTP: Readonly<Record<HttpErrorCode, PlatformErrorCode>> = {
  malformed_request: 'bad-request',
  https_required: 'bad-request',
  not_found: 'not-found',
  misdirected_request: 'misdirected-request',
  method_not_allowed: 'method-not-allowed',
  request_timeout: 'request-timeout',
  payload_too_large: 'payload-too-large',
  unsupported_encoding: 'unsupported-encoding',
  expectation_failed: 'expectation-failed',
  header_too_large: 'header-too-large',
  server_error: 'internal-error',
}

const UNAVAILABLE_FOR = seconds(1)

/** Anything that was thrown, in the words of this API; `undefined` for a defect. */
export const findRefusal = (error: unknown): PlatformError | undefined => {
  if (error instanceof PlatformError) return error
  if (error instanceof AccessError) {
    const { needsDpop, dpopNonce } = error.details
    return new PlatformError(OF_ACCESS[error.code], error.message, {
      headers: dpopNonceHeader(dpopNonce),
      needsDpop: needsDpop === true,
    })
  }
  if (error instanceof HttpError) {
    return new PlatformError(OF_HTTP[error.code], error.description, { headers: error.headers })
  }
  // From the shared readers of parameters, which know no other.
  if (error instanceof OAuthError) return new PlatformError('bad-request', error.description)
  if (error instanceof StoreValueError) return new PlatformError('bad-request', 'A value holds U+0000')
  if (error instanceof OverloadedError) {
    return new PlatformError('service-overloaded', 'Too many requests are waiting', { retryAfter: error.retryAfter })
  }
  if (error instanceof StoreUnavailableError) {
    return new PlatformError('service-overloaded', 'The server cannot answer now', { retryAfter: UNAVAILABLE_FOR })
  }
  return undefined
}
