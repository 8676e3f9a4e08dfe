import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'

// Compact JWS (RFC 7515 §3.1) for the two algorithms of RFC 7518 §3.1 that the server signs with. `node:crypto` and header bytes
// that are made once per key cost half of what a general library costs on the path of every token.

export type JwsAlgorithm = 'ES256' | 'RS256'

export type JwtClaims = Readonly<Record<string, unknown>>

/** Signs tokens of one `typ` with one key. */
export type JwtSigner = (claims: JwtClaims) => Promise<string>

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/**
 * @param type - the `typ` header (RFC 9068 §2.1: `at+jwt`; RFC 7519 §5.1: `JWT`)
 */
export const createJwtSigner = (
  algorithm: JwsAlgorithm,
  kid: string,
  privateKey: KeyObject,
  type: string,
): JwtSigner => {
  const header = `${base64url({ alg: algorithm, typ: type, kid })}.`
  if (algorithm === 'ES256') {
    // 20 µs of work: handing it to another thread would cost more than it saves.
    const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
    return (claims) => {
      const input = header + base64url(claims)
      return Promise.resolve(`${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`)
    }
  }
  return (claims) =>
    new Promise((resolve, reject) => {
      const input = header + base64url(claims)
      sign('sha256', Buffer.from(input), privateKey, (error, signature) => {
        if (error === null) resolve(`${input}.${signature.toString('base64url')}`)
        else reject(error)
      })
    })
}

export type JwtHeader = { readonly alg: string; readonly kid: string; readonly typ: string }

/** A token taken apart. Nothing of it is verified. */
export type ParsedJwt = {
  readonly header: JwtHeader
  readonly claims: JwtClaims
  readonly signedInput: Buffer
  readonly signature: Buffer
}

/** No token that we make is longer; what is longer is not even decoded. */
const LONGEST_JWT = 8192

/**
 * Takes a compact JWS apart; `undefined` for whatever is not exactly one with `alg`, `kid` and `typ` and nothing critical.
 * @see RFC 7515 §4.1.11 (`crit`), RFC 7797 (`b64`), RFC 8725 §3.1
 */
export const findParsedJwt = (token: string): ParsedJwt | undefined => {
  if (token.length > LONGEST_JWT || !/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(token)) return undefined
  const [head = '', body = '', tail = ''] = token.split('.')
  const header = findObject(head)
  const claims = findObject(body)
  if (header === undefined || claims === undefined) return undefined
  const { alg, kid, typ } = header
  if (typeof alg !== 'string' || typeof kid !== 'string' || typeof typ !== 'string') return undefined
  if ('crit' in header || 'b64' in header) return undefined
  const signature = Buffer.from(tail, 'base64url')
  // One token, one spelling: trailing bits that decode to the same bytes would be a second name for it in caches and logs.
  if (signature.toString('base64url') !== tail) return undefined
  return { header: { alg, kid, typ }, claims, signedInput: Buffer.from(`${head}.${body}`), signature }
}

const findObject = (part: string): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** Whether `publicKey`, which is of `algorithm`, signed the token. The token's own `alg` chooses nothing (RFC 8725 §3.1). */
export const isSignedBy = (
  { header, signedInput, signature }: ParsedJwt,
  algorithm: JwsAlgorithm,
  publicKey: KeyObject,
): boolean =>
  header.alg === algorithm &&
  verify(
    'sha256',
    signedInput,
    algorithm === 'ES256' ? { key: publicKey, dsaEncoding: 'ieee-p1363' } : publicKey,
    signature,
  )

export const privateKeyFromPkcs8 = (der: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })

export const publicKeyOf = (privateKey: KeyObject): KeyObject => createPublicKey(privateKey)
