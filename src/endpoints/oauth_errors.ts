import { AccessError } from '#access/caller.ts'
import { isBearerError, tokenChallenges, usesDpop } from '#access/challenge.ts'
import type { Log } from '#base/log.ts'
import { OverloadedError } from '#base/password_hashing.ts'
import { dpopNonceHeader } from '#http/dpop_header.ts'
import { HttpError, jsonReply, NO_STORE, type Headers, type Reply, type Request, type Surface } from '#http/message.ts'
import { OAUTH_ERRORS, OAuthError } from '#protocol/errors.ts'
import { StoreUnavailableError, StoreValueError } from '#stores/store.ts'

/** Characters of `error_description`: printable ASCII without `"` and `\` (RFC 6749 §5.2). */
const describe = (description: string): string => description.replace(/["\\]/g, "'").replace(/[^\x20-\x7e]/g, '?')

export const errorReply = (status: number, error: string, description: string, headers: Headers = {}): Reply =>
  jsonReply(status, { error, error_description: describe(description) }, { ...NO_STORE, ...headers })

const unavailable = (retryAfter: number): Reply =>
  errorReply(OAUTH_ERRORS.temporarily_unavailable.status, 'temporarily_unavailable', 'The server is busy. Try again.', {
    'retry-after': String(retryAfter),
  })

const ACCESS_STATUS: Readonly<Record<string, number>> = { insufficient_scope: 403, invalid_request: 400 }

/** A token that opens nothing here. @see RFC 6750 §3, RFC 9449 §7.1 */
const accessReply = ({ code, message, details }: AccessError, { headers }: Request): Reply => {
  const error = isBearerError(code) ? code : 'invalid_token'
  const told = code === 'authentication_required' ? undefined : { error, description: describe(message) }
  const needsDpop = details.needsDpop === true || usesDpop(headers.authorization)
  return errorReply(ACCESS_STATUS[error] ?? 401, error, message, {
    'www-authenticate': tokenChallenges('userinfo', told, needsDpop),
    ...dpopNonceHeader(details.dpopNonce),
  })
}

/** A device that waits is told so every few seconds: nothing has been refused. */
const isOfEveryDay = ({ code }: OAuthError): boolean => code === 'authorization_pending' || code === 'slow_down'

/**
 * Words every error of the authorization server as RFC 6749 §5.2 does, and writes each refusal into the audit log: what the caller
 * reads and what the operator reads are two different sentences.
 */
export const createOAuthErrorAnswers =
  (log: Log): Surface['answerError'] =>
  (error, request) => {
    if (error instanceof OAuthError) {
      const { challenge, retryAfter, dpopNonce, ...details } = error.details
      if (!isOfEveryDay(error)) {
        log.audit('refused', {
          error: error.code,
          description: error.description,
          ...details,
          path: request.path,
          address: request.address,
          request: request.id,
        })
      }
      return errorReply(error.status, error.code, error.description, {
        ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
        ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
        ...dpopNonceHeader(dpopNonce),
      })
    }
    if (error instanceof AccessError) return accessReply(error, request)
    if (error instanceof HttpError) return errorReply(error.status, error.code, error.description, error.headers)
    if (error instanceof OverloadedError) return unavailable(error.retryAfter)
    if (error instanceof StoreUnavailableError) {
      log.warn('the store is not available', { error, request: request.id })
      return unavailable(1)
    }
    if (error instanceof StoreValueError) {
      return errorReply(400, 'invalid_request', 'A parameter holds a character that cannot be stored')
    }
    return errorReply(
      500,
      'server_error',
      `An error of the server. Name this request when you report it: ${request.id}`,
    )
  }
