import type { LiveBrowserSession } from '#accounts/browser_session.ts'
import type { Log } from '#base/log.ts'
import type { Request } from '#http/message.ts'
import type { Authorization } from '#stores/records.ts'
import type { SignedOut, Store } from '#stores/store.ts'

export type SessionEndTools = {
  readonly store: Pick<Store, 'authorizations' | 'browserSessions' | 'clients'>
  readonly log: Log
}

/** Names of clients: those that a sign-out ends, and those that go on without the session. */
export type ClientsOfSession = { readonly ended: readonly string[]; readonly goOn: readonly string[] }

/** Ends a browser session with all that does not go on without it, and says what that was. Done by another at the same time, it was nothing. */
export const endSession = async (
  { address, id }: Pick<Request, 'address' | 'id'>,
  { session, account }: LiveBrowserSession,
  { store, log }: SessionEndTools,
  more: Readonly<Record<string, unknown>> = {},
): Promise<SignedOut> => {
  const signedOut = await store.browserSessions.signOut(session.id)
  if (signedOut === undefined) return { ended: [], goOn: [], told: [] }
  log.audit('browser_signed_out', {
    account: account.id,
    ...more,
    ended: signedOut.ended,
    go_on: signedOut.goOn,
    logout_tokens: signedOut.told,
    address,
    request: id,
  })
  return signedOut
}

/** What a sign-out would end now. */
export const clientsOfSession = async (
  { session, account }: LiveBrowserSession,
  tools: SessionEndTools,
): Promise<ClientsOfSession> => {
  const made = (await tools.store.authorizations.list(account.id)).filter(
    ({ browserSessionId }) => browserSessionId === session.id,
  )
  const idsOf = (some: readonly Authorization[]): readonly string[] => some.map(({ clientId }) => clientId)
  const goOn = new Set(idsOf(made.filter(({ offline }) => offline)))
  return nameClients({ ended: idsOf(made).filter((id) => !goOn.has(id)), goOn: [...goOn] }, tools)
}

/** More than anybody reads on a page. */
const MOST_NAMES = 50

export const nameClients = async (
  { ended, goOn }: ClientsOfSession,
  { store }: Pick<SessionEndTools, 'store'>,
): Promise<ClientsOfSession> => {
  const name = async (ids: readonly string[]): Promise<readonly string[]> => {
    const clients = await Promise.all([...new Set(ids)].slice(0, MOST_NAMES).map((id) => store.clients.find(id)))
    return clients
      .filter((client) => client !== undefined)
      .map((client) => client.name)
      .toSorted((a, b) => a.localeCompare(b))
  }
  return { ended: await name(ended), goOn: await name(goOn) }
}
