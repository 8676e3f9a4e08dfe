import { later, seconds, type EpochSeconds } from '#base/time.ts'
import { hasRepeatedMember } from '#protocol/json_members.ts'

// JWTs that a client signs to prove that it is the one: `private_key_jwt` and `client_secret_jwt`.
// RFC 7521 §4.2 and §5.2, RFC 7523 §3, OpenID Connect Core 1.0 §9.

export const CLIENT_ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Of `private_key_jwt`. `Ed25519` is the name that RFC 9864 gives to what EdDSA (RFC 8037) is with such a key. */
export const PRIVATE_KEY_ALGORITHMS = ['PS256', 'ES256', 'EdDSA', 'Ed25519', 'RS256'] as const
/** Of `client_secret_jwt`. */
export const CLIENT_SECRET_ALGORITHM = 'HS256'
export const ASSERTION_ALGORITHMS = [...PRIVATE_KEY_ALGORITHMS, CLIENT_SECRET_ALGORITHM] as const
export type AssertionAlgorithm = (typeof ASSERTION_ALGORITHMS)[number]

/** Taken apart; nothing of it is verified. */
export type ParsedAssertion = {
  readonly algorithm: AssertionAlgorithm
  readonly kid: string | undefined
  readonly claims: Readonly<Record<string, unknown>>
}

const LONGEST_ASSERTION = 8192
/** `typ` of a JWT for this purpose. One for another, such as `oauth-authz-req+jwt`, says so there (RFC 8725 §3.11). */
const TYPES: readonly unknown[] = [undefined, 'JWT', 'jwt', 'client-authentication+jwt']

/**
 * Takes an assertion apart; `undefined` for whatever is not exactly one compact JWS of an algorithm on the list, with each member once and
 * nothing critical.
 * @see RFC 8725 §3.1, RFC 7515 §4 and §4.1.11 (`crit`), RFC 7797 (`b64`)
 */
export const findParsedAssertion = (assertion: string): ParsedAssertion | undefined => {
  if (assertion.length > LONGEST_ASSERTION) return undefined
  const [, head, body, tail] = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/.exec(assertion) ?? []
  if (head === undefined || body === undefined || tail === undefined) return undefined
  const header = findObject(head)
  const claims = findObject(body)
  if (header === undefined || claims === undefined) return undefined
  const { alg, kid, typ } = header
  const algorithm = ASSERTION_ALGORITHMS.find((name) => name === alg)
  if (algorithm === undefined || !TYPES.includes(typ)) return undefined
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > LONGEST_NAME)) return undefined
  if (['crit', 'b64', 'zip', 'enc'].some((name) => name in header)) return undefined
  return { algorithm, kid, claims }
}

const findObject = (part: string): Record<string, unknown> | undefined => {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(part, 'base64url'))
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value) || hasRepeatedMember(text, value)) {
      return undefined
    }
    return value as Record<string, unknown>
  } catch {
    return undefined
  }
}

export type AssertionRules = {
  readonly clientId: string
  /** Any of these names us. */
  readonly audiences: readonly string[]
  /** A list with one of them is no list of one: it is refused (FAPI 2.0 Security Profile §5.3.2.1). */
  readonly needsAudienceAsText: boolean
  readonly now: EpochSeconds
}

/** Clocks of clients are wrong by so much (FAPI 2.0 Security Profile §5.3.2.1: from 10 s to 60 s). */
const LEEWAY = seconds(30)
/** Whoever wants an assertion to work for longer wants a password. It bounds what must be remembered of those that were used. */
const LONGEST_LIFE = seconds(3600)
const LONGEST_NAME = 256

/** @returns how often and until when it works: once, by its `jti`; or what is wrong with it, in words for the log */
export const judgeClaims = (
  { iss, sub, aud, exp, nbf, iat, jti }: Readonly<Record<string, unknown>>,
  { clientId, audiences, needsAudienceAsText, now }: AssertionRules,
): { readonly jti: string; readonly until: EpochSeconds } | { readonly defect: string } => {
  if (iss !== clientId || sub !== clientId) return { defect: 'iss and sub must be the client id' }
  // A list that names others too would work there as well, and theirs here.
  const audience: unknown = Array.isArray(aud) && aud.length === 1 && !needsAudienceAsText ? aud[0] : aud
  if (typeof audience !== 'string' || !audiences.includes(audience)) return { defect: 'aud does not name this server' }
  if (!isTime(exp)) return { defect: 'exp is missing' }
  if (exp + LEEWAY <= now) return { defect: 'it has expired' }
  if (exp > later(now, LONGEST_LIFE) + LEEWAY) return { defect: `exp is more than ${LONGEST_LIFE} s ahead` }
  for (const [name, time] of Object.entries({ nbf, iat })) {
    if (time === undefined) continue
    if (!isTime(time) || time > now + LEEWAY) return { defect: `${name} is in the future, or no time` }
  }
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_NAME) return { defect: 'jti is missing' }
  return { jti, until: later(Math.ceil(exp) as EpochSeconds, LEEWAY) }
}

const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < Number.MAX_SAFE_INTEGER
