import type { PlatformError } from '#platform/errors.ts'

/** What RFC 6750 §3 lets stand in a description, and no text of a request can leave: no quotes, no backslash, no control bytes. */
const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, '?')}"`

/**
 * `WWW-Authenticate` of a refusal: how to get in, and for a request that came with a bearer token what is wrong.
 * @see RFC 6750 §3: without credentials the challenge says no error
 */
export const findChallenge = (error: PlatformError, cameWithBearer: boolean, realm: string): string | undefined => {
  const { kind, message, details } = error
  const bearerError = cameWithBearer ? kind.bearerError : undefined
  if (kind.status !== 401 && bearerError === undefined) return undefined
  const scheme = `Bearer realm=${quoted(realm)}`
  if (bearerError === undefined) return scheme
  const scope = details.scope === undefined ? '' : `, scope=${quoted(details.scope)}`
  return `${scheme}, error="${bearerError}", error_description=${quoted(message)}${scope}`
}
