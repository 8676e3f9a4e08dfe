import type { SignIn } from '#accounts/sign_in.ts'
import type { Admit } from '#access/admission.ts'
import type { SessionBridge } from '#access/session_bridge.ts'
import type { SessionCookies } from '#access/session_cookie.ts'
import type { Log } from '#base/log.ts'
import type { Clock, Seconds } from '#base/time.ts'
import type { ApiResource } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'

/** What the Execution & Management API is made with. */
export type PlatformTools = {
  readonly store: Pick<Store, 'clients' | 'entities' | 'platformSessions'>
  readonly admit: Admit
  readonly bridge: SessionBridge
  readonly cookies: SessionCookies
  readonly signIn: SignIn
  /** The platform API, as registered. */
  readonly resource: ApiResource
  readonly clock: Clock
  readonly log: Log
  /** Public URL of the API, ends in `/`. Links are made from it, never from the request's `Host`. */
  readonly apiUrl: string
  /** Origins of our own pages, as browsers write them (RFC 6454 §6.2): no path, no default port. */
  readonly publicOrigins: readonly string[]
  /** The name of the session cookie, for messages: what is read and set is up to `cookies`. */
  readonly cookieName: string
  /** The JSON media type of v2.0. */
  readonly mediaType: string
  readonly defaultRealm: string
  readonly sessionLifetime: Seconds
  /** For how long the same sign-in is handed the same session. */
  readonly sessionReuse: Seconds
}
