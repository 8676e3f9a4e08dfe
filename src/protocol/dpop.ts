import { constants, hash, verify, type KeyObject } from 'node:crypto'
import { epochSeconds, later, seconds, type EpochSeconds } from '#base/time.ts'
import { invalidDpopProof } from '#protocol/errors.ts'
import { findPublicJwk, findPublicKey, thumbprintOf, type PublicJwk } from '#protocol/jwk.ts'

// A proof that the sender of one request has a private key (RFC 9449): read and judged here; whether it was shown before, and whether
// its nonce is ours, is asked by `tokens/dpop.ts`.

/** `Ed25519` is the later name of what `EdDSA` means here (RFC 9864 §2.2). */
export const DPOP_ALGORITHMS = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'] as const
type DpopAlgorithm = (typeof DPOP_ALGORITHMS)[number]

/** How old a proof may be, and how far its clock may be ahead of ours. */
export const DPOP_PAST = seconds(60)
export const DPOP_FUTURE = seconds(15)
/** The clock of the store may be so far ahead of ours, and a proof that is in time is still not taken for one that is over. */
const CLOCK_SLACK = seconds(60)

/** A proof with an RSA key of 4096 bits has 2200 characters. What is longer is not even decoded. */
const LONGEST_PROOF = 4096
const LONGEST_JTI = 256
const LONGEST_HTU = 2048

/** The request that the proof must be for. */
export type DpopRequest = {
  readonly method: string
  /** Under our public URL, whatever the request calls us. */
  readonly url: string
  /** The access token that comes with it, at a resource. */
  readonly accessToken?: string
}

/** A proof that fits the request. Its signature is not verified. */
export type ReadDpopProof = {
  /** The thumbprint of the key that it names. */
  readonly jkt: string
  readonly jti: string
  readonly nonce: string | undefined
  /** From then on it is too old, by whichever clock. */
  readonly until: EpochSeconds
  readonly signed: {
    readonly algorithm: DpopAlgorithm
    readonly jwk: PublicJwk
    readonly input: string
    readonly signature: string
  }
}

/**
 * Reads the `DPoP` header and compares it with the request, all that costs next to nothing.
 * @throws {OAuthError} `invalid_dpop_proof`, with what to change
 * @see RFC 9449 §4.3
 */
export const readDpopProof = (text: string, request: DpopRequest, now: EpochSeconds): ReadDpopProof => {
  // Node joins repeated headers.
  if (text.includes(',')) throw invalidDpopProof('There is more than one DPoP header: send one')
  if (text.length > LONGEST_PROOF) throw invalidDpopProof(`The proof is longer than ${LONGEST_PROOF} characters`)
  const [head = '', body = '', signature = '', ...more] = text.split('.')
  if (more.length > 0 || ![head, body, signature].every((part) => /^[A-Za-z0-9_-]+$/.test(part))) {
    throw invalidDpopProof('The DPoP header must be one signed JWT')
  }
  const { algorithm, jwk } = readHeader(readObject(head))
  const { jti, iat, nonce } = readClaims(readObject(body), request)
  if (iat < now - DPOP_PAST || iat > now + DPOP_FUTURE) {
    throw invalidDpopProof(`iat is not of now: the proof must be made for this request, by a clock that is right`)
  }
  return {
    ...{ jkt: thumbprintOf(jwk), jti, nonce },
    until: later(epochSeconds(iat), seconds(DPOP_PAST + CLOCK_SLACK)),
    signed: { algorithm, jwk, input: `${head}.${body}`, signature },
  }
}

type JsonObject = Readonly<Record<string, unknown>>

const readObject = (part: string): JsonObject => {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
  } catch {
    value = undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidDpopProof('The DPoP header must be one signed JWT')
  }
  return value as JsonObject
}

const readHeader = (header: JsonObject): { readonly algorithm: DpopAlgorithm; readonly jwk: PublicJwk } => {
  if (header['typ'] !== 'dpop+jwt') throw invalidDpopProof('typ must be dpop+jwt')
  const algorithm = DPOP_ALGORITHMS.find((each) => each === header['alg'])
  if (algorithm === undefined) throw invalidDpopProof(`alg must be of: ${DPOP_ALGORITHMS.join(', ')}`)
  if ('crit' in header || 'b64' in header) throw invalidDpopProof('The proof has critical extensions')
  const jwk = findPublicJwk(header['jwk'])
  if (jwk === undefined || jwk.kty !== KEY_TYPES[algorithm]) {
    throw invalidDpopProof('jwk must be the public key that alg is for, without private members')
  }
  return { algorithm, jwk }
}

const KEY_TYPES: Readonly<Record<DpopAlgorithm, PublicJwk['kty']>> = {
  ES256: 'EC',
  PS256: 'RSA',
  RS256: 'RSA',
  EdDSA: 'OKP',
  Ed25519: 'OKP',
}

const readClaims = ({ jti, htm, htu, iat, ath, nonce }: JsonObject, { method, url, accessToken }: DpopRequest) => {
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_JTI) {
    throw invalidDpopProof(`jti must be text of 1 to ${LONGEST_JTI} characters`)
  }
  if (htm !== method) throw invalidDpopProof(`htm must be ${method}`)
  if (typeof htu !== 'string' || findTarget(htu) !== findTarget(url)) throw invalidDpopProof(`htu must be ${url}`)
  if (typeof iat !== 'number' || !Number.isFinite(iat)) throw invalidDpopProof('iat must be a number of seconds')
  if (nonce !== undefined && typeof nonce !== 'string') throw invalidDpopProof('nonce must be text')
  if (accessToken !== undefined && ath !== hash('sha256', accessToken, 'base64url')) {
    throw invalidDpopProof('ath must be the SHA-256 of the access token in base64url')
  }
  return { jti, iat, nonce }
}

const ESCAPE = /%[\dA-Fa-f]{2}/g
const UNRESERVED = /[\w~.-]/

/**
 * A URL without its query and fragment, in one spelling; `undefined` for what is none. Slashes below `/api/` are repaired as those of requests
 * are (`http/path.ts`), since that is what the client has called.
 * @see RFC 3986 §6.2.2, §6.2.3
 */
const findTarget = (text: string): string | undefined => {
  if (text.length > LONGEST_HTU || !/^https?:\/\/[!-~]+$/i.test(text) || text.includes('\\')) return undefined
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '') return undefined
  const path = url.pathname.replace(ESCAPE, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return UNRESERVED.test(character) ? character : escape.toUpperCase()
  })
  const single = path.replace(/\/{2,}/g, '/')
  return url.origin + (single.startsWith('/api/') ? single.replace(/\/$/, '') : path)
}

/**
 * Verifies that the key which the proof names has signed it.
 * @throws {OAuthError} `invalid_dpop_proof`
 */
export const verifyDpopSignature = ({ signed: { algorithm, jwk, input, signature } }: ReadDpopProof): void => {
  const key = findPublicKey(jwk)
  if (key === undefined || !isSigned(algorithm, key, Buffer.from(input), Buffer.from(signature, 'base64url'))) {
    throw invalidDpopProof('The signature is not that of the key in jwk')
  }
}

const isSigned = (algorithm: DpopAlgorithm, key: KeyObject, input: Buffer, signature: Buffer): boolean => {
  switch (algorithm) {
    case 'ES256':
      return verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature)
    case 'RS256':
      return verify('sha256', input, key, signature)
    case 'PS256':
      return verify('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature)
    case 'EdDSA':
    case 'Ed25519':
      return verify(null, input, key, signature)
  }
}

/** A thumbprint as a request names it (`dpop_jkt`). @see RFC 9449 §10 */
export const isThumbprint = (text: string): boolean => /^[A-Za-z0-9_-]{43}$/.test(text)
