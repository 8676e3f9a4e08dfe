import type { DerivedTokens } from '#base/derived_token.ts'
import { random } from '#base/secrets.ts'
import { between, type Clock, type Seconds } from '#base/time.ts'
import type { Account, AuthenticationMethod, BrowserSession } from '#stores/records.ts'
import type { BrowserSessionStore } from '#stores/store.ts'

export type LiveBrowserSession = { readonly session: BrowserSession; readonly account: Account }

/** Sign-ins of people at our own pages. Each sign-in makes a new cookie: what a browser held before is worth nothing afterwards. */
export type BrowserSessions = {
  /** The live session of the cookie; two cookies with different values are none, since somebody planted one. */
  readonly find: (cookieHeader: string | undefined) => Promise<LiveBrowserSession | undefined>
  /**
   * @param before - the session that the browser has: one of the same account goes on, any other is left as it is
   * @returns the session and its `Set-Cookie`; `undefined` if the account was changed or disabled since the password was checked
   */
  readonly begin: (
    account: Account,
    methods: readonly AuthenticationMethod[],
    before?: LiveBrowserSession,
  ) => Promise<{ readonly live: LiveBrowserSession; readonly setCookie: string } | undefined>
  /** `Set-Cookie` that makes the browser forget it. */
  readonly clear: () => string
}

export type BrowserSessionTools = {
  readonly store: BrowserSessionStore
  readonly tokens: DerivedTokens
  readonly lifetime: Seconds
  readonly isSecure: boolean
  readonly clock: Clock
}

const SEED_BYTES = 16

export const createBrowserSessions = ({
  store,
  tokens,
  lifetime,
  isSecure,
  clock,
}: BrowserSessionTools): BrowserSessions => {
  // RFC 6265bis §4.1.3.2: with this prefix a browser takes it from this host alone, by https.
  const name = isSecure ? '__Host-postern_session' : 'postern_session'
  const attributes = `; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`

  const find = async (cookieHeader: string | undefined): Promise<LiveBrowserSession | undefined> => {
    const values = new Set(cookieHeader === undefined ? [] : valuesOf(cookieHeader, name))
    const [value] = values
    const id = values.size === 1 && value !== undefined ? tokens.findId(value) : undefined
    if (id === undefined || value === undefined) return undefined
    const live = await store.findLive(id)
    return live !== undefined && tokens.isOf(value, { id, salt: live.session.seed }) ? live : undefined
  }

  return {
    find,
    begin: async (account, methods, before) => {
      const seed = Buffer.from(random(SEED_BYTES))
      const session = await store.begin({
        accountId: account.id,
        accountVersion: account.version,
        methods,
        seed,
        lifetime,
        renews: before?.session.id,
      })
      if (session === undefined) return undefined
      const value = tokens.of({ id: session.id, salt: session.seed })
      const maxAge = Math.max(0, between(clock(), session.expiresAt))
      return { live: { session, account }, setCookie: `${name}=${value}; Max-Age=${maxAge}${attributes}` }
    },
    clear: () => `${name}=; Max-Age=0${attributes}`,
  }
}

/** The values of one cookie (RFC 6265 §4.2.1). */
const valuesOf = (cookieHeader: string, name: string): readonly string[] =>
  cookieHeader.split(';').flatMap((pair) => {
    const equals = pair.indexOf('=')
    return equals > 0 && pair.slice(0, equals).replace(/^ +/, '') === name ? [pair.slice(equals + 1)] : []
  })
