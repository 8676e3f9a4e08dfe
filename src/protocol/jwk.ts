import { createPublicKey, hash, type KeyObject } from 'node:crypto'

/** A public key as others show it: the members that make it the key it is, and no more. @see RFC 7518 §6, RFC 8037 §2 */
export type PublicJwk =
  | { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string }
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string }

/** What a public key never has: of an RSA, EC or OKP key, and of a symmetric one. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** Of the modulus. What is shorter can be factored; what is longer costs more to verify with than anybody needs. */
const RSA_BYTES = { shortest: 256, longest: 512 }
const LONGEST_EXPONENT_BYTES = 4

/**
 * Reads a JWK; `undefined` for whatever is not exactly one public key of the kinds above. Whether its point is on the curve is not known yet.
 */
export const findPublicJwk = (value: unknown): PublicJwk | undefined => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const jwk = value as Readonly<Record<string, unknown>>
  if (PRIVATE_MEMBERS.some((name) => name in jwk)) return undefined
  const { kty, crv, x, y, n, e } = jwk
  if (kty === 'EC' && crv === 'P-256' && isBytes(x, 32, 32) && isBytes(y, 32, 32)) return { kty, crv, x, y }
  if (kty === 'OKP' && crv === 'Ed25519' && isBytes(x, 32, 32)) return { kty, crv, x }
  const { shortest, longest } = RSA_BYTES
  if (kty === 'RSA' && isBytes(n, shortest, longest) && isBytes(e, 1, LONGEST_EXPONENT_BYTES)) return { kty, n, e }
  return undefined
}

/** One key, one spelling: otherwise it would have a second thumbprint. */
const isBytes = (value: unknown, shortest: number, longest: number): value is string => {
  if (typeof value !== 'string' || value.length > Math.ceil((longest * 4) / 3)) return false
  const bytes = Buffer.from(value, 'base64url')
  return bytes.length >= shortest && bytes.toString('base64url') === value && (shortest === longest || bytes[0] !== 0)
}

/** The SHA-256 of the members in the order of their names. @see RFC 7638 §3 */
export const thumbprintOf = (jwk: PublicJwk): string =>
  hash(
    'sha256',
    JSON.stringify(Object.fromEntries(Object.entries(jwk).toSorted(([a], [b]) => (a < b ? -1 : 1)))),
    'base64url',
  )

/** `undefined` if the members are no key, such as a point that is not on the curve. */
export const findPublicKey = (jwk: PublicJwk): KeyObject | undefined => {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return undefined
  }
}
