import { createPublicKey, type KeyObject } from 'node:crypto'
import { PRIVATE_KEY_ALGORITHMS, type AssertionAlgorithm } from '#protocol/client_assertion.ts'

/** A public key of a client that can verify something that we accept. */
export type ClientKey = {
  readonly kid: string | undefined
  readonly algorithms: readonly AssertionAlgorithm[]
  readonly publicKey: KeyObject
}

/** More keys than a client rolls over. */
const MOST_KEYS = 50
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/**
 * The keys of a JWK Set that are of use; the others (of other algorithms, for encryption, too weak, malformed) are left out.
 * @throws {Error} if it is no JWK Set (RFC 7517 §5)
 */
export const readClientKeys = (jwks: unknown): readonly ClientKey[] =>
  keysOf(jwks).flatMap((jwk) => {
    const key = readKey(jwk)
    return typeof key === 'string' ? [] : [key]
  })

/** What is wrong with a JWK Set that is registered, in words: there everything in it must be of use. */
export const findJwksDefect = (jwks: unknown): string | undefined => {
  try {
    const keys = keysOf(jwks)
    if (keys.length === 0) return 'expected at least one key'
    const defect = keys.map(readKey).find((key) => typeof key === 'string')
    if (typeof defect === 'string') return defect
    const kids = keys.map((key) => key['kid'])
    if (keys.length > 1 && new Set(kids).size < keys.length) return 'expected a kid of its own for each key'
    return kids.length > 1 && kids.includes(undefined) ? 'expected a kid for each key' : undefined
  } catch (error) {
    return (error as Error).message
  }
}

const keysOf = (jwks: unknown): readonly Readonly<Record<string, unknown>>[] => {
  const keys: unknown = typeof jwks === 'object' && jwks !== null && 'keys' in jwks ? jwks.keys : undefined
  if (!Array.isArray(keys) || keys.length > MOST_KEYS) {
    throw new Error(`expected a JWK Set: an object with at most ${MOST_KEYS} "keys"`)
  }
  return keys.filter((key): key is Record<string, unknown> => typeof key === 'object' && key !== null)
}

/** The key, or why it is of no use. */
const readKey = (jwk: Readonly<Record<string, unknown>>): ClientKey | string => {
  const { kid, use, alg, key_ops } = jwk
  if (PRIVATE_MEMBERS.some((name) => name in jwk)) return 'expected public keys alone: one holds a private part'
  if (kid !== undefined && typeof kid !== 'string') return 'expected a text as kid'
  if (use !== undefined && use !== 'sig') return 'expected keys with "use": "sig"'
  if (Array.isArray(key_ops) && !key_ops.includes('verify')) return 'expected keys that verify'
  let publicKey: KeyObject
  try {
    publicKey = createPublicKey({ key: { ...jwk }, format: 'jwk' })
  } catch {
    return 'expected keys of type RSA, EC (P-256) or OKP (Ed25519)'
  }
  const fitting = algorithmsOf(publicKey)
  if (fitting.length === 0) return 'expected RSA of 2048 to 8192 bits with the exponent 65537, EC P-256 or Ed25519'
  const algorithms = alg === undefined ? fitting : fitting.filter((name) => isSameAlgorithm(name, alg))
  if (algorithms.length === 0) return `expected "alg" to be one of ${PRIVATE_KEY_ALGORITHMS.join(', ')}`
  return { kid, algorithms, publicKey }
}

/** Also keeps out keys that are slow to verify with. @see RFC 7518 §3.3 */
const algorithmsOf = ({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): readonly AssertionAlgorithm[] => {
  const { modulusLength = 0, publicExponent, namedCurve } = asymmetricKeyDetails
  switch (asymmetricKeyType) {
    case 'rsa':
      return modulusLength >= 2048 && modulusLength <= 8192 && publicExponent === 65_537n ? ['PS256', 'RS256'] : []
    case 'ec':
      return namedCurve === 'prime256v1' ? ['ES256'] : []
    case 'ed25519':
      return ['EdDSA', 'Ed25519']
    default:
      return []
  }
}

/** Two names for one thing (RFC 9864 §2.2). */
export const isSameAlgorithm = (one: string, other: unknown): boolean =>
  one === other || (['EdDSA', 'Ed25519'].includes(one) && ['EdDSA', 'Ed25519'].some((name) => name === other))
