import { createHash, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { findSealed, seal } from '#base/seal.ts'
import type { Key } from '#base/secrets.ts'
import { createJwtSigner, privateKeyFromPkcs8, publicKeyOf, type JwtSigner } from '#protocol/jwt.ts'
import { SIGNING_ALGORITHMS, type SigningAlgorithm, type StoredSigningKey } from '#stores/records.ts'
import type { SigningKeyStore } from '#stores/store.ts'

export type VerificationKey = { readonly algorithm: SigningAlgorithm; readonly publicKey: KeyObject }

export type SigningKeys = {
  /** Signs with the newest key of the algorithm. One signer is made for each `typ`, and kept. */
  readonly signer: (algorithm: SigningAlgorithm, type: string) => JwtSigner
  readonly find: (kid: string) => VerificationKey | undefined
  /** The JWK Set (RFC 7517 §5), for all who verify. */
  readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] }
}

/** A stored key does not open: the master key is another one, or the row was changed. */
export class SealedKeyError extends Error {
  override readonly name = 'SealedKeyError'
}

/** RFC 8017 with 2048 bits and P-256: what the two algorithms of RFC 7518 §3.1 take. */
const generate = async (algorithm: SigningAlgorithm): Promise<KeyObject> => {
  const { privateKey } =
    algorithm === 'ES256'
      ? await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
      : await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  return privateKey
}

/** The JWK Thumbprint: a name that follows from the key itself. @see RFC 7638 §3.2: these members, in this order */
const thumbprint = ({ kty, crv, x, y, e, n }: Readonly<Record<string, unknown>>): string => {
  const required = kty === 'EC' ? { crv, kty, x, y } : { e, kty, n }
  return createHash('sha256').update(JSON.stringify(required)).digest('base64url')
}

const sealingContext = (kid: string, algorithm: SigningAlgorithm): string => `signing key ${algorithm} ${kid}`

const makeKey = async (algorithm: SigningAlgorithm, sealingKey: Key): Promise<Omit<StoredSigningKey, 'createdAt'>> => {
  const privateKey = await generate(algorithm)
  const kid = thumbprint({ ...publicKeyOf(privateKey).export({ format: 'jwk' }) })
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' })
  return { kid, algorithm, sealedPrivateKey: seal(sealingKey, sealingContext(kid, algorithm), pkcs8) }
}

/**
 * Opens the signing keys, and makes those that are missing. Of several servers that start at once on one database all get the same.
 * @throws {SealedKeyError}
 */
export const openSigningKeys = async (store: SigningKeyStore, sealingKey: Key): Promise<SigningKeys> => {
  const kept = await store.ensure([])
  const missing = SIGNING_ALGORITHMS.filter((algorithm) => !kept.some((key) => key.algorithm === algorithm))
  const stored =
    missing.length === 0
      ? kept
      : await store.ensure(await Promise.all(missing.map((algorithm) => makeKey(algorithm, sealingKey))))

  const opened = stored.map(({ kid, algorithm, sealedPrivateKey }) => {
    const pkcs8 = findSealed(sealingKey, sealingContext(kid, algorithm), sealedPrivateKey)
    if (pkcs8 === undefined) throw new SealedKeyError(`the signing key ${kid} cannot be opened with this master key`)
    const privateKey = privateKeyFromPkcs8(pkcs8)
    return { kid, algorithm, privateKey, publicKey: publicKeyOf(privateKey) }
  })
  const byKid = new Map(opened.map(({ kid, algorithm, publicKey }) => [kid, { algorithm, publicKey }]))
  const signers = new Map<string, JwtSigner>()
  return {
    signer: (algorithm, type) => {
      const name = `${algorithm} ${type}`
      const found = signers.get(name)
      if (found !== undefined) return found
      const { kid, privateKey } = opened.findLast((key) => key.algorithm === algorithm)!
      const signer = createJwtSigner(algorithm, kid, privateKey, type)
      signers.set(name, signer)
      return signer
    },
    find: (kid) => byKid.get(kid),
    jwks: {
      keys: opened.map(({ kid, algorithm, publicKey }) => ({
        ...publicKey.export({ format: 'jwk' }),
        kid,
        alg: algorithm,
        use: 'sig',
      })),
    },
  }
}
