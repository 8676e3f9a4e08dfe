import { findParsedJwt, isSignedBy } from '#protocol/jwt.ts'
import type { SigningKeys } from '#tokens/signing_keys.ts'

/** What an ID token of ours says about whose it is. */
export type HintedIdToken = {
  readonly clientId: string
  readonly subject: string
  /** The browser session of the sign-in, as it is shown; one of a password grant has none. */
  readonly sid: string | undefined
}

/**
 * What an ID token of ours says; `undefined` if it is none. It may have expired: as a hint it says who is meant, and proves nothing about
 * who is there. That `clientId` is the client's is for the caller to see.
 * @see OpenID Connect Core 1.0 §3.1.2.1, RP-Initiated Logout 1.0 §2 (`id_token_hint`)
 */
export const findHintedIdToken = (token: string, issuer: string, keys: SigningKeys): HintedIdToken | undefined => {
  const jwt = findParsedJwt(token)
  const key = jwt === undefined ? undefined : keys.find(jwt.header.kid)
  if (jwt === undefined || key === undefined || !isSignedBy(jwt, key.algorithm, key.publicKey)) return undefined
  const { iss, aud, sub, sid, exp } = jwt.claims
  // A signed answer of userinfo has the same issuer, audience and type, and no end (OpenID Connect Core 1.0 §5.3.2).
  if (typeof exp !== 'number') return undefined
  if (jwt.header.typ !== 'JWT' || iss !== issuer || typeof aud !== 'string' || typeof sub !== 'string') return undefined
  return { clientId: aud, subject: sub, sid: typeof sid === 'string' ? sid : undefined }
}

/** Whose ID token of this client it is; `undefined` if it is none. */
export const findHintedSubject = (
  token: string,
  issuer: string,
  clientId: string,
  keys: SigningKeys,
): string | undefined => {
  const hinted = findHintedIdToken(token, issuer, keys)
  return hinted?.clientId === clientId ? hinted.subject : undefined
}
