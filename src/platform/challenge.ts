import { tokenChallenges, usesDpop } from '#access/challenge.ts'
import type { PlatformError } from '#platform/errors.ts'

/**
 * `WWW-Authenticate` of a refusal: how to get in, and for a request that came with a token what is wrong.
 * @param authorization - the header of the request
 * @see RFC 6750 §3: without credentials the challenge says no error
 */
export const findChallenge = (
  { kind, message, details }: PlatformError,
  authorization: string | undefined,
  realm: string,
): string | undefined => {
  const error = authorization === undefined ? undefined : kind.bearerError
  if (kind.status !== 401 && error === undefined) return undefined
  const problem = error && { error, description: message, scope: details.scope }
  return tokenChallenges(realm, problem, details.needsDpop === true || usesDpop(authorization))
}
