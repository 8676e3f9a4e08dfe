import { visibilityOf } from '#access/visibility.ts'
import type { BrowserSessions, LiveBrowserSession } from '#accounts/browser_session.ts'
import { hashNewPassword, RegistrationError } from '#accounts/register.ts'
import type { SignIn } from '#accounts/sign_in.ts'
import type { Log } from '#base/log.ts'
import type { PasswordHashing } from '#base/password_hashing.ts'
import type { EpochSeconds } from '#base/time.ts'
import { seeOther } from '#endpoints/authorize.ts'
import type { Interactions } from '#endpoints/interaction.ts'
import { endSession, nameClients } from '#endpoints/session_end.ts'
import type { PersonPages } from '#endpoints/person_pages.ts'
import type { Endpoint, Reply, Request } from '#http/message.ts'
import type { AccountNotice } from '#pages/account.ts'
import { readBodyParameters, readForm, type Parameters } from '#protocol/parameters.ts'
import { IDENTITY_SCOPES } from '#protocol/scope.ts'
import type { Account, ApiResource, Authorization, Client, Confinement, Grant } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'

export type AccountTools = {
  readonly store: Pick<Store, 'accounts' | 'authorizations' | 'browserSessions' | 'clients' | 'entities' | 'grants'>
  readonly browserSessions: BrowserSessions
  readonly interactions: Interactions
  readonly pages: PersonPages
  readonly signIn: SignIn
  readonly hashing: PasswordHashing
  readonly findResource: (audience: string) => ApiResource | undefined
  readonly log: Log
}

/** What the account page says about one client. */
export type ClientAccess = {
  readonly client: Client
  /** What it learns of the person: scopes of OpenID Connect, in their order. */
  readonly identity: readonly (typeof IDENTITY_SCOPES)[number][]
  /** At the APIs, in plain words. */
  readonly may: readonly string[]
  readonly organizations: 'all' | readonly string[]
  readonly since: EpochSeconds
  readonly lastUsed: EpochSeconds | undefined
  readonly keepsAccess: boolean
  readonly signsInWithPassword: boolean
}

/** `GET /account`: every client that may act for this person, and how to end that. */
export const accountEndpoint =
  (tools: AccountTools): Endpoint =>
  async (request) => {
    const live = await tools.browserSessions.find(request.headers.cookie)
    if (live === undefined) {
      return tools.pages.signIn({ request: tools.interactions.seal({ kind: 'account', sessionId: 0 }) })
    }
    const told = tools.interactions.find('notice', readForm(request.query).get('notice'))
    const notice = told?.sessionId === live.session.id ? told.notice : undefined
    return tools.pages.account(live, await listAccess(live.account, tools), csrfOf(live, tools), notice)
  }

/** Back to the account page, which says first what was done: to this session alone, so that no link makes it say so. */
const accountWith = (
  notice: AccountNotice,
  { session }: LiveBrowserSession,
  { interactions }: AccountTools,
  headers: Reply['headers'] = {},
): Reply => seeOther(`/account?notice=${interactions.seal({ kind: 'notice', sessionId: session.id, notice })}`, headers)

const csrfOf = ({ session }: LiveBrowserSession, { interactions }: AccountTools): string =>
  interactions.seal({ kind: 'account', sessionId: session.id })

/** A form of the account page, sent by the browser that was shown it, signed in as then. */
type AccountForm = { readonly request: Request; readonly live: LiveBrowserSession; readonly form: Parameters }

const formEndpoint =
  (act: (sent: AccountForm, tools: AccountTools) => Promise<Reply>) =>
  (tools: AccountTools): Endpoint =>
  async (request) => {
    tools.pages.refuseOtherPages(request)
    const form = readBodyParameters(request.headers['content-type'], request.body)
    const interaction = tools.interactions.find('account', form.get('csrf'))
    if (interaction === undefined) return tools.pages.error('expired', 400, request)
    const live = await tools.browserSessions.find(request.headers.cookie)
    if (live?.session.id !== interaction.sessionId) return tools.pages.error('not_the_same', 403, request)
    return act({ request, live, form }, tools)
  }

const audit = ({ log }: AccountTools, event: string, { request, live }: AccountForm, more: object = {}): void =>
  log.audit(event, { account: live.account.id, ...more, address: request.address, request: request.id })

/** `POST /account/end-access`: ends all that a client may do for this person, everywhere and at once. */
export const endAccessEndpoint = formEndpoint(async (sent, tools) => {
  const clientId = sent.form.get('client_id') ?? ''
  await tools.store.grants.end(sent.live.account.id, clientId)
  audit(tools, 'access_ended', sent, { client: clientId })
  const client = await tools.store.clients.find(clientId)
  return accountWith({ kind: 'access_ended', clientName: client?.name }, sent.live, tools)
})

/** `POST /account/sign-out`: ends this browser's session, and what does not go on without it. */
export const signOutEndpoint = formEndpoint(async ({ request, live }, tools) => {
  const signedOut = await endSession(request, live, tools)
  return tools.pages.signedOut({
    ...(await nameClients(signedOut, tools)),
    headers: { 'set-cookie': tools.browserSessions.clear() },
  })
})

/** `POST /account/sign-out-everywhere`: ends every browser session, and what every client has now; what was allowed stays remembered. */
export const signOutEverywhereEndpoint = formEndpoint(async (sent, tools) => {
  await tools.store.browserSessions.endAll(sent.live.account.id)
  audit(tools, 'signed_out_everywhere', sent)
  return tools.pages.signedOut({ isEverywhere: true, headers: { 'set-cookie': tools.browserSessions.clear() } })
})

/** `GET /account/password` */
export const passwordPageEndpoint =
  (tools: AccountTools): Endpoint =>
  async (request) => {
    const live = await tools.browserSessions.find(request.headers.cookie)
    return live === undefined ? seeOther('/account') : tools.pages.passwordChange(live, csrfOf(live, tools))
  }

/** `POST /account/password`: a new password. Everything that was begun with the old one ends; this browser is signed in anew. */
export const passwordChangeEndpoint = formEndpoint(async (sent, tools) => {
  const { request, live, form } = sent
  const { realm, username } = live.account
  const again = (problem: 'wrong' | 'busy' | 'different' | 'unfit', status = 400, headers: Reply['headers'] = {}) =>
    tools.pages.passwordChange(live, csrfOf(live, tools), { problem, status, headers })
  const checked = await tools.signIn({
    realm,
    username,
    password: form.get('current_password') ?? '',
    address: request.address,
  })
  if (checked.outcome === 'blocked') {
    return again('busy', 429, { 'retry-after': String(checked.retryAfter) })
  }
  if (checked.outcome === 'refused') return again('wrong')
  if (form.get('new_password') !== form.get('new_password_again')) return again('different')
  let hash: string
  try {
    hash = await hashNewPassword(tools.hashing, form.get('new_password') ?? '')
  } catch (error) {
    if (error instanceof RegistrationError) return again('unfit')
    throw error
  }
  await tools.store.accounts.setPassword(live.account.id, hash)
  audit(tools, 'password_changed', sent)
  const account = await tools.store.accounts.find(live.account.id)
  const begun = account === undefined ? undefined : await tools.browserSessions.begin(account, ['pwd'])
  if (begun === undefined) return seeOther('/account', { 'set-cookie': tools.browserSessions.clear() })
  return accountWith({ kind: 'password_changed' }, begun.live, tools, { 'set-cookie': begun.setCookie })
})

const listAccess = async (account: Account, tools: AccountTools): Promise<readonly ClientAccess[]> => {
  const { store } = tools
  const [grants, authorizations] = await Promise.all([
    store.grants.list(account.id),
    store.authorizations.list(account.id),
  ])
  const ids = new Set([...grants, ...authorizations].map(({ clientId }) => clientId))
  const all = await Promise.all(
    [...ids].map(async (clientId) => {
      const client = await store.clients.find(clientId)
      const ofClient = (each: Grant | Authorization): boolean => each.clientId === clientId
      return client === undefined
        ? undefined
        : describe(account, client, grants.filter(ofClient), authorizations.filter(ofClient), tools)
    }),
  )
  return all.filter((each) => each !== undefined).toSorted((a, b) => b.since - a.since)
}

const describe = async (
  account: Account,
  client: Client,
  grants: readonly Grant[],
  authorizations: readonly Authorization[],
  tools: AccountTools,
): Promise<ClientAccess> => {
  const byPassword = authorizations.filter(({ grantType }) => grantType === 'password')
  const allowed = [...grants, ...byPassword]
  const lastUses = authorizations.map(({ lastUsedAt }) => lastUsedAt)
  const starts = [
    ...grants.map(({ createdAt }) => createdAt),
    ...byPassword.map(({ authenticatedAt }) => authenticatedAt),
  ]
  return {
    client,
    identity: IDENTITY_SCOPES.filter((name) => allowed.some(({ scopes }) => scopes.includes(name))),
    may: [...new Set(allowed.flatMap(({ audience, scopes }) => describeScopes(audience, scopes, tools)))],
    organizations: await nameOrganizations(
      account,
      allowed.map(({ organizations }) => organizations),
      tools,
    ),
    since: Math.min(...starts) as EpochSeconds,
    lastUsed: lastUses.length === 0 ? undefined : (Math.max(...lastUses) as EpochSeconds),
    keepsAccess: authorizations.some(({ offline }) => offline),
    signsInWithPassword: byPassword.length > 0,
  }
}

const describeScopes = (
  audience: string,
  scopes: readonly string[],
  { findResource }: AccountTools,
): readonly string[] =>
  (findResource(audience)?.scopes ?? [])
    .filter(({ name }) => scopes.includes(name))
    .map(({ description }) => description)

const nameOrganizations = async (
  account: Account,
  confinements: readonly Confinement[],
  { store }: AccountTools,
): Promise<ClientAccess['organizations']> => {
  if (confinements.includes('all')) return 'all'
  const ids = [...new Set(confinements.flat() as number[])]
  const page = { limit: Math.max(1, ids.length), offset: 0, sort: { field: 'name', descending: false } } as const
  const { entities } = await store.entities.list('organization', visibilityOf(account, ids), page)
  return entities.map(({ name }) => name)
}
