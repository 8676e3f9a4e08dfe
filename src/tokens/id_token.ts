import { findParsedJwt, isSignedBy } from '#protocol/jwt.ts'
import type { SigningKeys } from '#tokens/signing_keys.ts'

/**
 * Whose ID token of ours this is; `undefined` if it is none. It may have expired: as a hint it says who is meant, and proves nothing about
 * who is there.
 * @see OpenID Connect Core 1.0 §3.1.2.1 (`id_token_hint`)
 */
export const findHintedSubject = (
  token: string,
  issuer: string,
  clientId: string,
  keys: SigningKeys,
): string | undefined => {
  const jwt = findParsedJwt(token)
  const key = jwt === undefined ? undefined : keys.find(jwt.header.kid)
  if (jwt === undefined || key === undefined || !isSignedBy(jwt, key.algorithm, key.publicKey)) return undefined
  const { iss, aud, sub } = jwt.claims
  return jwt.header.typ === 'JWT' && iss === issuer && aud === clientId && typeof sub === 'string' ? sub : undefined
}
