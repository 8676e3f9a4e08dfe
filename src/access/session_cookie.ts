import { digestOf, hmac, random, type Digest, type Key } from '#base/secrets.ts'
import { between, type EpochSeconds } from '#base/time.ts'
import type { PlatformSession } from '#stores/records.ts'
import type { SessionCandidate } from '#stores/store.ts'

/** What the `Cookie` header says about the platform session. Two different values are no value: somebody planted one. */
export type SentSession =
  | { readonly kind: 'none' }
  | { readonly kind: 'one'; readonly digest: Digest | undefined }
  | { readonly kind: 'several' }

/**
 * The cookie that names a platform session (`adama_session`): 40 hex digits, as the platform's libraries expect, derived from the seed in
 * the session's row under a key that the database does not hold.
 */
export type SessionCookies = {
  readonly candidate: () => SessionCandidate
  readonly valueOf: (session: PlatformSession) => string
  readonly read: (cookieHeader: string | undefined) => SentSession
  /** `Set-Cookie` for this session: host-only, for the time that is left (RFC 6265 §4.1). */
  readonly set: (session: PlatformSession, now: EpochSeconds) => string
  /** `Set-Cookie` that makes a browser forget it. */
  readonly clear: () => string
}

const SEED_BYTES = 16
const VALUE_DIGITS = 40

export const createSessionCookies = (name: string, key: Key, isSecure: boolean): SessionCookies => {
  const valueOfSeed = (seed: Uint8Array): string => hmac(key, seed).toString('hex').slice(0, VALUE_DIGITS)
  const attributes = `; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
  return {
    candidate: () => {
      const seed = Buffer.from(random(SEED_BYTES))
      return { seed, digest: digestOf(valueOfSeed(seed)) }
    },
    valueOf: ({ seed }) => valueOfSeed(seed),
    read: (cookieHeader) => {
      const values = new Set(cookieHeader === undefined ? [] : valuesOf(cookieHeader, name))
      if (values.size > 1) return { kind: 'several' }
      const [value] = values
      if (value === undefined) return { kind: 'none' }
      return { kind: 'one', digest: /^[0-9a-f]{40}$/.test(value) ? digestOf(value) : undefined }
    },
    set: (session, now) =>
      `${name}=${valueOfSeed(session.seed)}; Max-Age=${Math.max(0, between(now, session.expiresAt))}${attributes}`,
    clear: () => `${name}=; Max-Age=0${attributes}`,
  }
}

/**
 * The values of one cookie, not empty. A pair is split at its first `=`; only the spaces that separate pairs go (RFC 6265 §4.2.1). Quotes and
 * tabs stay: another reader may take what they enclose for another name or value. A pair that such a reader would take for this cookie
 * counts as a value that is none.
 */
const valuesOf = (cookieHeader: string, name: string): readonly string[] =>
  cookieHeader.split(';').flatMap((pair) => {
    const equals = pair.indexOf('=')
    const written = pair.slice(0, Math.max(equals, 0))
    if (written.trim() !== name) return []
    if (written.replace(/^ +/, '') !== name) return [pair]
    const value = pair.slice(equals + 1)
    return value === '' ? [] : [value]
  })
