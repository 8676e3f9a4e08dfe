import { createBoundedCache } from '#base/bounded_cache.ts'
import type { IdPermutation } from '#base/id_permutation.ts'
import { digestOf } from '#base/secrets.ts'
import { epochSeconds, type Clock, type EpochSeconds } from '#base/time.ts'
import { findParsedJwt, isSignedBy, type ParsedJwt } from '#protocol/jwt.ts'
import { parseScope } from '#protocol/scope.ts'
import type { ApiResource } from '#stores/records.ts'
import { accessTokenType, AUTHORIZATION_CLAIM } from '#tokens/issue.ts'
import type { SigningKeys } from '#tokens/signing_keys.ts'

/** What a genuine access token says. Whether its authorization still lives is another question. */
export type AccessToken = {
  /** `jti`. */
  readonly id: string
  readonly subject: string
  readonly clientId: string
  readonly audience: string
  readonly scopes: readonly string[]
  readonly issuedAt: EpochSeconds
  readonly expiresAt: EpochSeconds
  /** `undefined` for one of a client alone. */
  readonly authorizationId: number | undefined
  /** The thumbprint of the key that it is bound to (RFC 9449 §6.1); `undefined` for one that whoever bears it may use. */
  readonly dpopJkt: string | undefined
}

/** `description` tells the developer what to change (RFC 6750 §3). */
export type AccessTokenCheck =
  { readonly isValid: true; readonly token: AccessToken } | { readonly isValid: false; readonly description: string }

/** Verifies an access token made here for one of these resources: signature, type, issuer, audience, time. */
export type VerifyAccessToken = (token: string) => AccessTokenCheck

export type AccessTokenTools = {
  readonly issuer: string
  readonly clock: Clock
  readonly keys: SigningKeys
  readonly authorizationIds: IdPermutation
  readonly findResource: (audience: string) => ApiResource | undefined
}

/** Signatures that were found right need no second look: a signature costs forty times what a lookup does. */
const MOST_VERIFIED = 10_000

const invalid = (description: string): AccessTokenCheck => ({ isValid: false, description })

/** @see RFC 9068 §4, RFC 8725 §3 */
export const createAccessTokenVerification = ({
  issuer,
  clock,
  keys,
  authorizationIds,
  findResource,
}: AccessTokenTools): VerifyAccessToken => {
  const verified = createBoundedCache<string, AccessToken>(MOST_VERIFIED)

  const verify = (text: string): AccessTokenCheck => {
    const jwt = findParsedJwt(text)
    if (jwt === undefined) return invalid('The access token is malformed')
    const key = keys.find(jwt.header.kid)
    if (key === undefined || !isSignedBy(jwt, key.algorithm, key.publicKey)) {
      return invalid('The access token was not signed by this server')
    }
    return read(jwt)
  }

  const read = ({ header, claims }: ParsedJwt): AccessTokenCheck => {
    const { iss, sub, aud, iat, exp, client_id: clientId, scope, jti, cnf, [AUTHORIZATION_CLAIM]: shownId } = claims
    if (iss !== issuer) return invalid('The access token has another issuer')
    // An ID token has neither; its audience is a client, never an API.
    if (
      typeof sub !== 'string' ||
      typeof clientId !== 'string' ||
      typeof jti !== 'string' ||
      typeof scope !== 'string'
    ) {
      return invalid('This is not an access token. An ID token is for the client alone: send the access_token')
    }
    const resource = typeof aud === 'string' ? findResource(aud) : undefined
    if (resource === undefined) return invalid('The access token is for an API that is not registered here')
    if (header.typ !== accessTokenType(resource) || typeof exp !== 'number' || typeof iat !== 'number') {
      return invalid('The access token is not of the kind that this API takes')
    }
    const authorizationId = typeof shownId === 'string' ? authorizationIds.find(shownId) : undefined
    if (shownId !== undefined && authorizationId === undefined) return invalid('The access token is malformed')
    return {
      isValid: true,
      token: {
        id: jti,
        subject: sub,
        clientId,
        audience: resource.audience,
        scopes: parseScope(scope),
        issuedAt: epochSeconds(iat),
        expiresAt: epochSeconds(exp),
        authorizationId,
        dpopJkt: cnf === undefined ? undefined : (cnf as { readonly jkt: string }).jkt,
      },
    }
  }

  return (text) => {
    const name = digestOf(text).toString('base64')
    const known = verified.find(name)
    const check: AccessTokenCheck = known === undefined ? verify(text) : { isValid: true, token: known }
    if (!check.isValid) return check
    if (check.token.expiresAt <= clock()) {
      verified.delete(name)
      return invalid('The access token has expired')
    }
    if (known === undefined) verified.set(name, check.token)
    return check
  }
}
