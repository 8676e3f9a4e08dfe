import { constants, generateKeyPairSync, hash, randomUUID, sign, type KeyObject } from 'node:crypto'

// What a client of RFC 9449 has: a key, and proofs by it.

export type ProofClaims = Readonly<Record<string, unknown>>

export type DpopKey = {
  readonly jwk: Readonly<Record<string, unknown>>
  readonly privateJwk: Readonly<Record<string, unknown>>
  readonly jkt: string
  /** A proof with these claims; members of `header` and `claims` that are `undefined` are left out. */
  readonly prove: (claims: ProofClaims, header?: ProofClaims) => string
}

const PAIRS = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: () => generateKeyPairSync('ed25519'),
  Ed25519: () => generateKeyPairSync('ed25519'),
}
export type TestAlgorithm = keyof typeof PAIRS

const signWith = (algorithm: TestAlgorithm, input: Buffer, key: KeyObject): Buffer => {
  switch (algorithm) {
    case 'ES256':
      return sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' })
    case 'RS256':
      return sign('sha256', input, key)
    case 'PS256':
      return sign('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })
    default:
      return sign(null, input, key)
  }
}

export const encodePart = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export const makeDpopKey = (algorithm: TestAlgorithm = 'ES256', pair = PAIRS[algorithm]()): DpopKey => {
  const jwk = pair.publicKey.export({ format: 'jwk' }) as Readonly<Record<string, unknown>>
  const members = Object.entries(jwk).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return {
    jwk,
    privateJwk: pair.privateKey.export({ format: 'jwk' }) as Readonly<Record<string, unknown>>,
    jkt: hash('sha256', JSON.stringify(Object.fromEntries(members)), 'base64url'),
    prove: (claims, header = {}) => {
      const input = `${encodePart({ typ: 'dpop+jwt', alg: algorithm, jwk, ...header })}.${encodePart(claims)}`
      return `${input}.${signWith(algorithm, Buffer.from(input), pair.privateKey).toString('base64url')}`
    },
  }
}

/** The claims of a proof that is right, but for what a test changes. */
export const proofClaims = (htm: string, htu: string, more: ProofClaims = {}): ProofClaims => ({
  jti: randomUUID(),
  htm,
  htu,
  iat: Math.floor(Date.now() / 1000),
  ...more,
})

export const athOf = (accessToken: string): string => hash('sha256', accessToken, 'base64url')
