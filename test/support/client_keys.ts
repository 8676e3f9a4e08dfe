import { generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto'
import { SignJWT, type JWTHeaderParameters } from 'jose'
import type { ClientPolicy } from '#stores/records.ts'

// What a client that signs assertions has: a key, and how it uses it.

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
export const ISSUER = 'http://localhost:9400/'

export type SigningClientKey = {
  readonly alg: string
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly jwk: Readonly<Record<string, unknown>>
}

const pairOf = (alg: string): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } => {
  if (alg === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' })
  if (alg === 'EdDSA' || alg === 'Ed25519') return generateKeyPairSync('ed25519')
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

let made = 0

/** The JWK says which key it is and not what for, unless `alg` is asked for there. */
export const makeKey = (alg: string, more: Readonly<Record<string, unknown>> = {}): SigningClientKey => {
  const { publicKey, privateKey } = pairOf(alg)
  const kid = `key-${++made}`
  return { alg, kid, publicKey, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', ...more } }
}

export const withKeys = (...keys: readonly SigningClientKey[]): Partial<ClientPolicy> => ({
  tokenEndpointAuthMethod: 'private_key_jwt',
  jwks: { keys: keys.map(({ jwk }) => jwk) },
})

export type AssertionParts = {
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Partial<JWTHeaderParameters>
}

/** The claims of an assertion that is accepted. @param now - milliseconds */
export const goodClaims = (clientId: string, now = Date.now()): Record<string, unknown> => ({
  iss: clientId,
  sub: clientId,
  aud: ISSUER,
  jti: randomUUID(),
  iat: Math.floor(now / 1000),
  exp: Math.floor(now / 1000) + 60,
})

/** Signs what would be accepted, with these parts changed; a claim or header that is `undefined` is left out. */
export const signAssertion = (
  clientId: string,
  key: Pick<SigningClientKey, 'alg' | 'kid'> & { readonly privateKey: KeyObject | Uint8Array },
  { claims = {}, header = {} }: AssertionParts = {},
): Promise<string> =>
  new SignJWT({ ...goodClaims(clientId), ...claims })
    .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
    .sign(key.privateKey)

/** The parameters that carry it. */
export const asserted = (clientAssertion: string) => ({
  client_assertion_type: ASSERTION_TYPE,
  client_assertion: clientAssertion,
})
