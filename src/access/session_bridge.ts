import { AccessError, type Caller } from '#access/caller.ts'
import type { SessionCookies } from '#access/session_cookie.ts'
import type { Clock, Seconds } from '#base/time.ts'
import type { ApiResource, PlatformSession } from '#stores/records.ts'
import type { PlatformSessionStore } from '#stores/store.ts'

export type BridgedSession = { readonly session: PlatformSession; readonly setCookie: string }

/**
 * Hands out the platform session of the caller's authorization, the same one while it lives. It is never more than the authorization: its
 * scopes, its client, its end.
 * @throws {AccessError} `insufficient_scope` if the caller is a client alone, has no scope of the API or was narrowed; `invalid_token` if its authorization
 *   has just ended
 */
export type SessionBridge = (
  caller: Pick<Caller, 'authorizationId' | 'scopes' | 'isNarrowed'>,
) => Promise<BridgedSession>

export type SessionBridgeTools = {
  readonly platformSessions: PlatformSessionStore
  readonly cookies: SessionCookies
  readonly resource: ApiResource
  readonly lifetime: Seconds
  readonly clock: Clock
}

export const createSessionBridge =
  ({ platformSessions, cookies, resource, lifetime, clock }: SessionBridgeTools): SessionBridge =>
  async ({ authorizationId, scopes, isNarrowed }) => {
    if (authorizationId === undefined) {
      throw new AccessError('insufficient_scope', 'A client alone has no platform session: the token must be of a user')
    }
    if (!resource.scopes.some(({ name }) => scopes.has(name))) {
      throw new AccessError('insufficient_scope', `The token has no scope of ${resource.audience}`)
    }
    if (isNarrowed) {
      throw new AccessError(
        'insufficient_scope',
        'The token has fewer scopes than its sign-in, and a session has them all: refresh without scope, and use that token',
      )
    }
    const session = await platformSessions.bridge({ authorizationId, lifetime, candidate: cookies.candidate() })
    if (session === undefined) throw new AccessError('invalid_token', 'The authorization has ended: sign in again')
    return { session, setCookie: cookies.set(session, clock()) }
  }
