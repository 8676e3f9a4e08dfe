import type { SessionCookies } from '#access/session_cookie.ts'
import type { EpochSeconds } from '#base/time.ts'
import type { Account, PlatformSession } from '#stores/records.ts'

/** A platform session as its owner sees it. */
export type SessionView = {
  readonly user: { readonly id: number; readonly name: string }
  /** The same as the cookie's value: clients send either. */
  readonly sessionId: string
  readonly currentTime: EpochSeconds
  readonly expiresAt: EpochSeconds
}

export const viewSession = (
  cookies: SessionCookies,
  account: Account,
  session: PlatformSession,
  now: EpochSeconds,
): SessionView => ({
  user: { id: account.id, name: account.username },
  sessionId: cookies.valueOf(session),
  currentTime: now,
  expiresAt: session.expiresAt,
})
