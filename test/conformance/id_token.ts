import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'

// What a relying party must find in an ID token before it believes a word of it (OpenID Connect Core 1.0 §3.1.3.7).

export type Expected = {
  readonly issuer: string
  readonly clientId: string
  /** The one that the client is registered for: what the token says about itself decides nothing. */
  readonly algorithm: 'RS256' | 'ES256'
  readonly keys: JWTVerifyGetKey
  /** Seconds since 1970. */
  readonly now: number
  /** What was sent; `undefined` if none was, and then there must be none. */
  readonly nonce: string | undefined
  /** Seconds; with one the token must say when the person signed in, and it must not be longer ago. */
  readonly maxAge?: number | undefined
  readonly accessToken: string
}

export type IdTokenClaims = JWTPayload & {
  readonly sub: string
  readonly iat: number
  readonly exp: number
  readonly auth_time?: number
  readonly acr?: string
}

/** For how long ago a token may have been issued that has just come, in seconds. */
const CLOCK_SKEW = 60

export const validateIdToken = async (token: string, expected: Expected): Promise<IdTokenClaims> => {
  const { issuer, clientId, algorithm, keys, now, nonce, maxAge, accessToken } = expected
  const { payload, protectedHeader } = await jwtVerify(token, keys, {
    issuer,
    audience: clientId,
    algorithms: [algorithm],
    currentDate: new Date(now * 1000),
    requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat'],
  })
  // There are several keys, so the one that signed is named (§10.1); the JWKS is at one place, never in the token.
  assert.equal(typeof protectedHeader.kid, 'string')
  for (const name of ['jwk', 'jku', 'x5u', 'x5c', 'crit']) assert.ok(!(name in protectedHeader), name)

  assert.match(payload.sub ?? '', /^[\x20-\x7e]{1,255}$/)
  if (Array.isArray(payload.aud)) assert.deepEqual(payload.aud, [clientId], 'an audience that nobody trusts')
  if (payload['azp'] !== undefined) assert.equal(payload['azp'], clientId)
  for (const name of ['exp', 'iat'] as const) assert.ok(Number.isInteger(payload[name]), name)
  const { iat = 0, exp = 0 } = payload
  assert.ok(Math.abs(now - iat) <= CLOCK_SKEW, `iat is ${now - iat} s ago`)
  assert.ok(exp > iat)
  assert.equal(payload['nonce'], nonce)
  if (payload['at_hash'] !== undefined) {
    const half = hash('sha256', accessToken, 'buffer').subarray(0, 16).toString('base64url')
    assert.equal(payload['at_hash'], half)
  }
  const signedInAt = payload['auth_time']
  if (maxAge !== undefined) assert.ok(signedInAt !== undefined, 'auth_time is required with max_age (§2)')
  if (signedInAt !== undefined) {
    assert.ok(typeof signedInAt === 'number' && Number.isInteger(signedInAt) && signedInAt <= now + 1)
    if (maxAge !== undefined) assert.ok(now - signedInAt <= maxAge + CLOCK_SKEW, `signed in ${now - signedInAt} s ago`)
  }
  for (const [name, value] of Object.entries(payload)) assert.ok(value !== null && value !== '', `${name} is empty`)
  return payload as IdTokenClaims
}
