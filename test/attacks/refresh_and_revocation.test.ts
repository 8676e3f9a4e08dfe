import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createApp } from '#app.ts'
import { createLog } from '#base/log.ts'
import { seconds } from '#base/time.ts'
import type { RegisteredClient } from '#clients/register.ts'
import { StoreUnavailableError, type Store } from '#stores/store.ts'
import {
  authorize,
  authorizePath,
  makePublicSite,
  makeSite,
  obtainCode,
  openBrowser,
  readCode,
  redeem,
  refreshWith,
  signInHere,
  type BrowserLike,
} from '../support/browser_like.ts'
import { createTestDatabase, noPostgres } from '../support/postgres.ts'
import {
  addOrganizations,
  claimsOf,
  PASSWORD,
  startPostern,
  type RunningPostern,
  type TokenAnswer,
} from '../support/running_postern.ts'
import {
  assertGranted,
  assertRefused,
  auditsOf,
  basic,
  bridge,
  callPlatform,
  credentials,
  file,
  startSecondNode,
  tally,
  withCharacterChanged,
} from './attacking.ts'

// K · refresh, revocation, signing out. Introspection is in a file of its own.
//
// Not here, because what they attack does not exist yet:
// - K22 · nothing about a token is cached: each call asks the store.
// - K28 · there is no back-channel logout, and there are no logout tokens.
// - K29 · a browser's sign-out ends no authorization, with offline_access or without (the store's contract, and below).
// - K16 with a deleted client · clients are disabled, never deleted.

const FAMILIES = process.env['POSTERN_SOAK'] === '1' ? 200 : 20
const AT_ONCE = 50
const WINDOW = 60

const postern = await startPostern(file)
await addOrganizations(postern.store, 2)
const account = await postern.makeAccount()
const site = await makeSite(postern)
const publicSite = await makePublicSite(postern)
const OFFLINE = { scope: 'offline_access openid read:entities' }

const browser = openBrowser(postern)
await signInHere(browser, account)
const newFamily = (client: RegisteredClient = publicSite) =>
  authorize(postern, client, account, { browser, parameters: OFFLINE })

const V3 = '/api/v3.0/organizations'
const statusOf = async (bearer: string, at: RunningPostern = postern): Promise<number> =>
  (await callPlatform(at, V3, { bearer })).status

const next = async (refreshToken: string, client = publicSite, at: Pick<RunningPostern, 'token'> = postern) => {
  const {
    access_token: accessToken,
    refresh_token: successor,
    ...body
  } = assertGranted(await refreshWith(at, client, refreshToken))
  return { ...body, access_token: accessToken, refresh_token: successor ?? '' }
}

const revoke = (
  parameters: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
  at = postern,
) => fetch(`${at.origin}/oauth/revoke`, { method: 'POST', headers, body: new URLSearchParams(parameters) })

test('K01 · a refresh token that was replaced ends its authorization when it comes again (RFC 9700 §4.14.2)', async () => {
  const first = await newFamily()
  const second = await next(first.refresh_token)
  assert.notEqual(second.refresh_token, first.refresh_token)
  const session = await bridge(postern, second.access_token)
  postern.travel(WINDOW + 1)
  assertRefused(await refreshWith(postern, publicSite, first.refresh_token), 400, 'invalid_grant')
  assertRefused(await refreshWith(postern, publicSite, second.refresh_token), 400, 'invalid_grant')
  for (const bearer of [first.access_token, second.access_token]) assert.equal(await statusOf(bearer), 401)
  assert.equal((await callPlatform(postern, '/api/v2.0/session', { session })).status, 401)
  // A family that is used in order lives on.
  let { refresh_token: token } = await newFamily()
  for (let n = 0; n < 5; n++) {
    token = (await next(token)).refresh_token
    postern.travel(WINDOW + 1)
  }
})

test('K01 · own: two generations back is reuse even within the window; forged generations change nothing', async () => {
  const first = await newFamily()
  const second = await next(first.refresh_token)
  for (const at of [2, 12, 13, 20, 24, 30, first.refresh_token.length - 1]) {
    const forged = withCharacterChanged(second.refresh_token, at)
    assertRefused(await refreshWith(postern, publicSite, forged), 400, 'invalid_grant')
  }
  // The id and generation of one with the secret of the other.
  const mixed = first.refresh_token.slice(0, 24) + second.refresh_token.slice(24)
  assertRefused(await refreshWith(postern, publicSite, mixed), 400, 'invalid_grant')
  const third = await next(second.refresh_token)
  assert.equal(await statusOf(third.access_token), 200)
  assertRefused(await refreshWith(postern, publicSite, first.refresh_token), 400, 'invalid_grant')
  assertRefused(await refreshWith(postern, publicSite, third.refresh_token), 400, 'invalid_grant')
})

test('K01 · own: by policy a public client keeps its refresh token, which each answer repeats, and a confidential one may have its replaced', async () => {
  const keeps = await makePublicSite(postern, { refreshTokens: 'static' })
  const { refresh_token: kept } = await newFamily(keeps)
  for (let n = 0; n < 3; n++) {
    assert.equal((await next(kept, keeps)).refresh_token, kept)
    postern.travel(WINDOW + 1)
  }
  const replaces = await makeSite(postern, { refreshTokens: 'rotating' })
  const first = await newFamily(replaces)
  const second = await next(first.refresh_token, replaces)
  assert.notEqual(second.refresh_token, first.refresh_token)
  assert.equal((await next(first.refresh_token, replaces)).refresh_token, second.refresh_token)
  const third = await next(second.refresh_token, replaces)
  assertRefused(await refreshWith(postern, replaces, first.refresh_token), 400, 'invalid_grant')
  assertRefused(await refreshWith(postern, replaces, third.refresh_token), 400, 'invalid_grant')
})

/** Uses each of many refresh tokens many times at once, at these nodes in turn: one leaf at most comes of it. */
const raceRefreshes = async (t: TestContext, nodes: readonly RunningPostern[]): Promise<void> => {
  const [node] = nodes as readonly [RunningPostern]
  const person = await node.makeAccount()
  const client = await makePublicSite(node)
  const noWindow = await makePublicSite(node, { refreshWindow: seconds(0) })
  const tab = openBrowser(node)
  await signInHere(tab, person)
  const totals: string[] = []
  for (let n = 0; n < FAMILIES; n++) {
    const isOpen = n % 2 === 0
    const by = isOpen ? client : noWindow
    const { refresh_token: token } = await authorize(node, by, person, { browser: tab, parameters: OFFLINE })
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, at) => refreshWith(nodes[at % nodes.length]!, by, token)),
    )
    const granted = answers.filter(({ status }) => status === 200)
    const leaves = new Set(granted.map(({ body }) => body.refresh_token))
    assert.equal(leaves.size, 1, JSON.stringify(tally(answers.map(({ status }) => status))))
    // The window admits the winner and five replays; a client without one admits the winner.
    assert.equal(granted.length, isOpen ? 6 : 1)
    for (const { body } of answers.filter(({ status }) => status !== 200)) assert.equal(body.error, 'invalid_grant')
    totals.push(...answers.map(({ status }) => `${isOpen ? 'window' : 'none'} ${status}`))
    // Fifty uses are more than retries: the authorization has ended, and so has the one leaf.
    const [leaf = ''] = leaves
    assertRefused(await refreshWith(nodes.at(-1)!, by, leaf), 400, 'invalid_grant')
  }
  t.diagnostic(`${FAMILIES} families × ${AT_ONCE}: ${JSON.stringify(tally(totals))}`)
  // As many as a client library sends at once go on with one leaf.
  const calm = await authorize(node, client, person, { browser: tab, parameters: OFFLINE })
  const retries = await Promise.all(
    Array.from({ length: 6 }, (_, at) => refreshWith(nodes[at % nodes.length]!, client, calm.refresh_token)),
  )
  const successors = new Set(retries.map((answer) => assertGranted(answer).refresh_token ?? ''))
  assert.equal(successors.size, 1)
  await next([...successors][0] ?? '', client, nodes.at(-1))
}

test('K02 · of many uses of one refresh token at once comes one leaf: SQLite (GHSA-392p-2q2v-4372; CVE-2026-1035)', (t) =>
  raceRefreshes(t, [postern]))

test(
  'K02 · of many uses of one refresh token at one and two nodes comes one leaf: PostgreSQL',
  { skip: noPostgres },
  async (t) => {
    const { first, second } = await twoNodes(t)
    await raceRefreshes(t, [first])
    await raceRefreshes(t, [first, second])
  },
)

const twoNodes = async (t: TestContext) => {
  const database = await createTestDatabase()
  t.after(database.drop)
  const first = await startPostern(t, { postgresUrl: database.url })
  const second = await startSecondNode(t, first, database.url)
  return { first, second: { ...second, token: tokenAt(second.origin) } }
}

/** `token` of the harness, at another node. */
const tokenAt =
  (origin: string): RunningPostern['token'] =>
  async (parameters, headers = {}) => {
    const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const response = await fetch(`${origin}/oauth/token`, { method: 'POST', headers, body: new URLSearchParams(given) })
    return { status: response.status, headers: response.headers, body: (await response.json()) as TokenAnswer['body'] }
  }

/** Asks again and again within the window: it neither moves nor admits more than five replays, whoever asks. */
const repeatInWindow = async (node: RunningPostern): Promise<void> => {
  const person = await node.makeAccount()
  const client = await makePublicSite(node)
  const tab = openBrowser(node)
  const start = () => authorize(node, client, person, { browser: tab, parameters: OFFLINE })

  const moved = await start()
  const { refresh_token: successor } = await next(moved.refresh_token, client, node)
  for (let n = 0; n < 5; n++) {
    node.travel(11)
    assert.equal((await next(moved.refresh_token, client, node)).refresh_token, successor)
  }
  node.travel(11)
  assertRefused(await refreshWith(node, client, moved.refresh_token), 400, 'invalid_grant')
  assertRefused(await refreshWith(node, client, successor), 400, 'invalid_grant')

  const chained = await start()
  await next(chained.refresh_token, client, node)
  const words: string[] = []
  for (let n = 0; n < 100; n++) {
    const { status, body } = await refreshWith(node, client, chained.refresh_token)
    words.push(status === 200 ? `200 ${body.refresh_token}` : `${status} ${body.error}`)
  }
  assert.equal(new Set(words.filter((word) => word.startsWith('200'))).size, 1)
  assert.equal(words.filter((word) => word.startsWith('200')).length, 5)
  assert.equal(words.filter((word) => word === '400 invalid_grant').length, 95)

  // The successor's first use closes the window.
  const used = await start()
  const second = await next(used.refresh_token, client, node)
  const third = await next(second.refresh_token, client, node)
  assertRefused(await refreshWith(node, client, used.refresh_token), 400, 'invalid_grant')
  assertRefused(await refreshWith(node, client, third.refresh_token), 400, 'invalid_grant')
}

test('K04 · repeats within the window neither prolong it nor make a second leaf: SQLite', () => repeatInWindow(postern))

test('K04 · the same on PostgreSQL', { skip: noPostgres }, async (t) => repeatInWindow((await twoNodes(t)).first))

test('K05 · a refresh token in the hands of another client is worth nothing, and nothing ends by it (CVE-2026-53512)', async () => {
  const thieves = [await makeSite(postern), await makePublicSite(postern)]
  for (const owner of [site, publicSite]) {
    const { refresh_token: token, access_token: bearer } = await newFamily(owner)
    const audits = await auditsOf(postern, async () => {
      for (const thief of thieves) assertRefused(await refreshWith(postern, thief, token), 400, 'invalid_grant')
      for (const thief of thieves) assert.equal((await revoke({ token, ...credentials(thief) })).status, 200)
      for (const thief of thieves) assert.equal((await revoke({ token: bearer, ...credentials(thief) })).status, 200)
    })
    assert.equal(audits.filter(({ reason }) => reason === 'the token of another client').length, 2)
    assert.equal(audits.filter(({ audit }) => audit === 'revoked').length, 0)
    assert.equal(await statusOf(bearer), 200)
    assertGranted(await refreshWith(postern, owner, token))
  }
})

test('K05 · own: an older generation that another client shows ends nothing either', async () => {
  const first = await newFamily()
  const second = await next(first.refresh_token)
  postern.travel(WINDOW + 1)
  assertRefused(await refreshWith(postern, await makePublicSite(postern), first.refresh_token), 400, 'invalid_grant')
  await next(second.refresh_token)
})

const DAY = 86_400

test('K07 · a refresh token that is not used dies after 30 days; one that is, on its last day (RFC 9700 §4.14.2)', async (t) => {
  const node = await startPostern(t)
  const person = await node.makeAccount()
  for (const { client, last } of [
    { client: await makePublicSite(node), last: 90 },
    { client: await makeSite(node), last: 365 },
  ]) {
    const idle = await authorize(node, client, person, { parameters: OFFLINE })
    let { refresh_token: token } = await authorize(node, client, person, { parameters: OFFLINE })
    const use = async () => {
      token = assertGranted(await refreshWith(node, client, token)).refresh_token ?? token
    }
    let day = 0
    for (; day + 29 < last; day += 29) {
      node.travel(29 * DAY)
      await use()
      if (day === 29) assertRefused(await refreshWith(node, client, idle.refresh_token), 400, 'invalid_grant')
    }
    // Rotation and use do not move the absolute end.
    node.travel((last - day) * DAY - 3600)
    await use()
    node.travel(3601)
    assertRefused(await refreshWith(node, client, token), 400, 'invalid_grant')
  }
})

test('K08 · after a restart a replaced refresh token is still replaced: SQLite (CVE-2026-9802)', async (t) => {
  const first = await newFamily()
  const second = await next(first.refresh_token)
  postern.travel(WINDOW + 1)
  const log = createLog({ level: 'error', destination: { write: () => {} } })
  const { config, store, masterKey } = postern
  const restarted = await createApp({ config, store, masterKey, log })
  const { port } = await restarted.listen()
  t.after(() => restarted.close())
  const again = { token: tokenAt(`http://127.0.0.1:${port}`) }
  assertRefused(await refreshWith(again, publicSite, first.refresh_token), 400, 'invalid_grant')
  assertRefused(await refreshWith(again, publicSite, second.refresh_token), 400, 'invalid_grant')
  const control = await newFamily()
  await next((await next(control.refresh_token)).refresh_token, publicSite, again)
})

test('K08 · the same on PostgreSQL, at a node that was started later', { skip: noPostgres }, async (t) => {
  const { first, second } = await twoNodes(t)
  const person = await first.makeAccount()
  const client = await makePublicSite(first, { refreshWindow: seconds(0) })
  const start = () => authorize(first, client, person, { parameters: OFFLINE })
  const old = await start()
  const { refresh_token: successor } = await next(old.refresh_token, client, first)
  assertRefused(await refreshWith(second, client, old.refresh_token), 400, 'invalid_grant')
  assertRefused(await refreshWith(second, client, successor), 400, 'invalid_grant')
  const control = await start()
  await next((await next(control.refresh_token, client, first)).refresh_token, client, second)
})

/** The database fails before or after the rotation is committed: the client asks again, and has one family all the same. */
const failBetween = async (t: TestContext, postgresUrl?: string): Promise<void> => {
  let fault: 'before' | 'after' | undefined
  const wrapStore = (store: Store): Store => ({
    ...store,
    authorizations: {
      ...store.authorizations,
      rotate: async (asked) => {
        if (fault === 'before') throw new StoreUnavailableError('cut before the commit')
        const rotation = await store.authorizations.rotate(asked)
        if (fault === 'after') throw new StoreUnavailableError('cut after the commit')
        return rotation
      },
    },
  })
  const node = await startPostern(t, { wrapStore, ...(postgresUrl === undefined ? {} : { postgresUrl }) })
  const person = await node.makeAccount()
  const client = await makePublicSite(node)
  for (const when of ['before', 'after'] as const) {
    const { refresh_token: token } = await authorize(node, client, person, { parameters: OFFLINE })
    fault = when
    for (let n = 0; n < 3; n++) {
      const lost = await refreshWith(node, client, token)
      assert.deepEqual([lost.status, lost.body.error], [503, 'temporarily_unavailable'])
      assert.ok(lost.headers.get('retry-after') !== null)
    }
    fault = undefined
    const { refresh_token: successor } = await next(token, client, node)
    assert.equal((await next(token, client, node)).refresh_token, successor, 'the same again, not a second one')
    await next(successor, client, node)
  }
  assert.equal((await node.store.authorizations.list(person.id)).length, 2)
}

test('K09 · a fault of the database around a rotation loses no family and doubles none: SQLite (KC #49213)', (t) =>
  failBetween(t))

test('K09 · the same on PostgreSQL', { skip: noPostgres }, async (t) => {
  const database = await createTestDatabase()
  t.after(database.drop)
  await failBetween(t, database.url)
})

test('K10 · a revoked refresh token takes its access tokens and platform session with it (RFC 7009 §2.1)', async () => {
  for (const client of [site, publicSite]) {
    for (const kind of ['refresh_token', 'access_token'] as const) {
      const family = await newFamily(client)
      const session = await bridge(postern, family.access_token)
      const other = await newFamily(client)
      assert.equal((await revoke({ token: family[kind], ...credentials(client) })).status, 200)
      assert.equal(await statusOf(family.access_token), 401)
      assert.equal((await callPlatform(postern, '/api/v2.0/session', { session })).status, 401)
      assertRefused(await refreshWith(postern, client, family.refresh_token), 400, 'invalid_grant')
      assert.equal(await statusOf(other.access_token), 200)
      assertGranted(await refreshWith(postern, client, other.refresh_token))
    }
  }
})

test('K10 · own: a generation that was replaced revokes too, and who signs in again is asked for nothing new', async () => {
  const first = await newFamily()
  const second = await next(first.refresh_token)
  assert.equal((await revoke({ token: first.refresh_token, ...credentials(publicSite) })).status, 200)
  assertRefused(await refreshWith(postern, publicSite, second.refresh_token), 400, 'invalid_grant')
  await newFamily()
})

test('K11, K14 · what is no token, or revoked already, is answered alike; a wrong hint changes nothing (RFC 7009 §2.1, §2.2)', async () => {
  const family = await newFamily(site)
  const by = credentials(site)
  const junk = [
    'x',
    'rt' + '0'.repeat(65),
    `${family.refresh_token}x`,
    withCharacterChanged(family.refresh_token, 40),
    family.id_token ?? '',
    'a.b.c',
  ]
  for (const token of junk) {
    const answer = await revoke({ token, ...by })
    assert.deepEqual([answer.status, await answer.text()], [200, ''], token)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
  }
  assert.equal(await statusOf(family.access_token), 200)
  assert.equal((await revoke({ token: family.refresh_token, token_type_hint: 'access_token', ...by })).status, 200)
  assert.equal(await statusOf(family.access_token), 401)
  assert.equal((await revoke({ token: family.refresh_token, ...by })).status, 200)
  const hinted = await newFamily(site)
  for (const hint of ['refresh_token', 'nonsense']) {
    assert.equal((await revoke({ token: hinted.access_token, token_type_hint: hint, ...by })).status, 200)
  }
  assertRefused(await refreshWith(postern, site, hinted.refresh_token), 400, 'invalid_grant')
  assert.equal((await revoke(by)).status, 400)
})

test('K11 · own: revoking needs the client, and no one else and no GET does it (RFC 7009 §2.1)', async () => {
  const { refresh_token: token, access_token: bearer } = await newFamily(site)
  assert.equal((await revoke({ token })).status, 400, 'nobody asks')
  assert.equal((await revoke({ token, client_id: site.client.id })).status, 401)
  assert.equal((await revoke({ token, client_id: site.client.id, client_secret: 'wrong' })).status, 401)
  assert.equal((await revoke({ token }, { authorization: basic(site.client.id, 'wrong') })).status, 401)
  const query = new URLSearchParams({ token, ...credentials(site) }).toString()
  assert.equal((await fetch(`${postern.origin}/oauth/revoke?${query}`)).status, 405)
  const inUrl = await fetch(`${postern.origin}/oauth/revoke?${query}`, { method: 'POST' })
  assert.ok(inUrl.status === 400 || inUrl.status === 401, String(inUrl.status))
  assert.equal(await statusOf(bearer), 200)
  assert.equal((await revoke({ token }, { authorization: basic(site.client.id, site.secret) })).status, 200)
  assert.equal(await statusOf(bearer), 401)
  assert.ok(!postern.logged.some((line) => line.includes(token)))
})

test('K11 · own: nobody is told that a token is dead which is not: that of a client alone (RFC 7009 §2.2.1)', async () => {
  const machine = await postern.makeClient()
  const { body } = await postern.token({ grant_type: 'client_credentials', ...credentials(machine) })
  const token = body.access_token ?? ''
  const refused = await revoke({ token, ...credentials(machine) })
  assert.equal(refused.status, 400)
  assert.equal(((await refused.json()) as { error: string }).error, 'unsupported_token_type')
  // Another client's is one that this client knows nothing of, and one that has expired is dead.
  assert.equal((await revoke({ token, ...credentials(site) })).status, 200)
  const { access_token: revocable } = await newFamily(site)
  assert.equal((await revoke({ token: revocable, ...credentials(site) })).status, 200)
  assert.equal(await statusOf(revocable), 401)
})

test('K13 · while the database is down nothing is said to be revoked: 503 (CVE-2020-15223; RFC 7009 §2.2.1)', async (t) => {
  let isDown = false
  const node = await startPostern(t, {
    wrapStore: (store) => ({
      ...store,
      authorizations: {
        ...store.authorizations,
        end: (id) => (isDown ? Promise.reject(new StoreUnavailableError('down')) : store.authorizations.end(id)),
      },
    }),
  })
  const person = await node.makeAccount()
  const client = await makeSite(node)
  const { refresh_token: token } = await authorize(node, client, person, { parameters: OFFLINE })
  isDown = true
  const answer = await revoke({ token, ...credentials(client) }, {}, node)
  assert.equal(answer.status, 503)
  assert.ok(answer.headers.get('retry-after') !== null)
  assertGranted(await refreshWith(node, client, token))
  isDown = false
  assert.equal((await revoke({ token, ...credentials(client) }, {}, node)).status, 200)
  assertRefused(await refreshWith(node, client, token), 400, 'invalid_grant')
})

const tokensOf = async (
  node: RunningPostern,
  client: RegisteredClient,
  person: { readonly username: string },
  tab: BrowserLike,
) => {
  const tokens = await authorize(node, client, person, { browser: tab, parameters: OFFLINE })
  return { ...tokens, session: await bridge(node, tokens.access_token) }
}

/** Every way to end it, at one node; looked at from another. */
const endEverywhere = async (node: RunningPostern, looked: RunningPostern): Promise<void> => {
  const ends: Readonly<Record<string, (tab: BrowserLike, accountId: number, clientId: string) => Promise<unknown>>> = {
    'access ended': async (tab, _, clientId) =>
      tab.submit(await tab.get('/account'), '/account/end-access', { client_id: clientId }),
    'signed out everywhere': async (tab) => tab.submit(await tab.get('/account'), '/account/sign-out-everywhere'),
    'account disabled': (_, accountId) => node.store.accounts.disable(accountId),
    'client disabled': (_, __, clientId) => node.store.clients.disable(clientId),
  }
  for (const [name, end] of Object.entries(ends)) {
    for (const client of [await makeSite(node), await makePublicSite(node)]) {
      const person = await node.makeAccount()
      const tab = openBrowser(node)
      const held = await tokensOf(node, client, person, tab)
      const byOther = await tokensOf(node, await makeSite(node), person, tab)
      assert.equal(await statusOf(held.access_token, looked), 200)
      await end(tab, person.id, client.client.id)
      assert.equal(await statusOf(held.access_token, looked), 401, name)
      const { session } = held
      assert.equal((await callPlatform(looked, '/api/v2.0/session', { session })).status, 401, name)
      const refused = await refreshWith(looked, client, held.refresh_token)
      assert.ok(refused.status === 400 || refused.status === 401, name)
      const userinfo = await fetch(`${looked.origin}/userinfo`, {
        headers: { authorization: `Bearer ${held.access_token}` },
      })
      assert.equal(userinfo.status, 401, name)
      const isOfClientAlone = name === 'access ended' || name === 'client disabled'
      assert.equal(await statusOf(byOther.access_token, looked), isOfClientAlone ? 200 : 401, name)
    }
  }
}

test('K16, K17 · ended access, a disabled account or client, and signing out everywhere hold for all there is: SQLite (CVE-2023-22492)', () =>
  endEverywhere(postern, postern))

test('K16, K17 · the same on PostgreSQL, at a second node', { skip: noPostgres }, async (t) => {
  const { first, second } = await twoNodes(t)
  await addOrganizations(first.store, 1)
  await endEverywhere(first, second)
})

test('K16 · own: ending access ends the sign-in by password of that client too, and asks for consent again', async () => {
  const mixed = await postern.makeClient({
    ...site.client.policy,
    grantTypes: ['authorization_code', 'refresh_token', 'password'],
  })
  const person = await postern.makeAccount()
  const tab = openBrowser(postern)
  const byCode = await tokensOf(postern, mixed, person, tab)
  const byPassword = assertGranted(
    await postern.signIn(mixed, person.username, { scope: 'offline_access read:entities' }),
  )
  await tab.submit(await tab.get('/account'), '/account/end-access', { client_id: mixed.client.id })
  for (const bearer of [byCode.access_token, byPassword.access_token]) assert.equal(await statusOf(bearer), 401)
  assertRefused(await refreshWith(postern, mixed, byPassword.refresh_token ?? ''), 400, 'invalid_grant')
  const stop = await tab.get(authorizePath(mixed, OFFLINE))
  assert.match(stop.text, /action="\/consent"/)
})

test('K16 · own: an end and many refreshes at once leave nothing alive', async () => {
  for (const client of [site, publicSite]) {
    for (let n = 0; n < 5; n++) {
      const { refresh_token: token } = await newFamily(client)
      const answers = await Promise.all([
        ...Array.from({ length: 5 }, () => refreshWith(postern, client, token)),
        revoke({ token, ...credentials(client) }).then(() => undefined),
        ...Array.from({ length: 5 }, () => refreshWith(postern, client, token)),
      ])
      for (const answer of answers) {
        if (answer?.status !== 200) continue
        assert.equal(await statusOf(answer.body.access_token ?? ''), 401)
        assertRefused(await refreshWith(postern, client, answer.body.refresh_token ?? token), 400, 'invalid_grant')
      }
    }
  }
  assertGranted(await refreshWith(postern, site, (await newFamily(site)).refresh_token))
})

test('K23 · an access token is no refresh token, and a refresh token opens nothing (CVE-2026-4282)', async () => {
  const { access_token: bearer, refresh_token: token, id_token: idToken = '' } = await newFamily(site)
  for (const wrong of [bearer, idToken]) assertRefused(await refreshWith(postern, site, wrong), 400, 'invalid_grant')
  for (const wrong of [token, idToken]) {
    assert.equal(await statusOf(wrong), 401)
    assert.equal((await callPlatform(postern, '/api/v2.0/session', { bearer: wrong })).status, 401)
    assert.equal(
      (await fetch(`${postern.origin}/userinfo`, { headers: { authorization: `Bearer ${wrong}` } })).status,
      401,
    )
  }
  assert.equal(await statusOf(bearer), 200)
  assertGranted(await refreshWith(postern, site, token))
})

test('K25 · the ID token of a refresh is of the same sign-in, and has no nonce (OIDC §12.2)', async () => {
  for (const client of [site, publicSite]) {
    const tab = openBrowser(postern)
    const parameters = { ...OFFLINE, nonce: 'n', prompt: 'consent' }
    const all = { scopes: OFFLINE.scope.split(' ') }
    const first = await authorize(postern, client, account, { browser: tab, parameters, decided: all })
    postern.travel(100)
    const second = await next(first.refresh_token, client)
    const [before, after] = [claimsOf(first.id_token ?? ''), claimsOf(second.id_token ?? '')]
    for (const name of ['iss', 'sub', 'aud', 'auth_time', 'sid']) assert.deepEqual(after[name], before[name], name)
    assert.deepEqual([before['nonce'], after['nonce']], ['n', undefined])
    assert.ok(Number(after['iat']) >= Number(before['iat']) + 100)
  }
})

test('K26 · nothing that is in the database opens anything', async () => {
  const { access_token: bearer } = await newFamily(site)
  const session = await bridge(postern, bearer)
  const [row] = await postern.store.authorizations.list(account.id)
  const live = await postern.store.browserSessions.findLive(row?.browserSessionId ?? 0)
  assert.ok(row !== undefined && live !== undefined)
  const kept = [row.salt, live.session.seed].flatMap((bytes) => [bytes.toString('hex'), bytes.toString('base64url')])
  for (const text of [...kept, String(row.id), String(live.session.id)]) {
    assertRefused(await refreshWith(postern, site, text), 400, 'invalid_grant')
    assert.equal((await callPlatform(postern, '/api/v2.0/session', { session: text.slice(0, 40) })).status, 401)
    const stop = await openBrowser(postern).get('/account', { cookie: `postern_session=${text}` })
    assert.match(stop.text, /action="\/sign-in"/)
  }
  assert.equal((await callPlatform(postern, '/api/v2.0/session', { session })).status, 200)
})

test('K29 · signing out of a browser ends no client: who is offline goes on (store contract)', async () => {
  const tab = openBrowser(postern)
  const person = await postern.makeAccount()
  const held = await tokensOf(postern, site, person, tab)
  await tab.submit(await tab.get('/account'), '/account/sign-out')
  assert.equal(await statusOf(held.access_token), 200)
  assertGranted(await refreshWith(postern, site, held.refresh_token))
})

test('own · the refresh token of a confidential client stays; the legacy path gives it back, and gives back nothing else (§0.12)', async () => {
  const { refresh_token: token } = await newFamily(site)
  assert.equal(assertGranted(await refreshWith(postern, site, token)).refresh_token, undefined)
  const legacy = async (parameters: Readonly<Record<string, string>>) => {
    const response = await fetch(`${postern.origin}/oauth2/v1.0/token`, {
      method: 'POST',
      body: new URLSearchParams(parameters),
    })
    return (await response.json()) as TokenAnswer['body']
  }
  const use = { grant_type: 'refresh_token', ...credentials(site) }
  for (let n = 0; n < 3; n++) assert.equal((await legacy({ ...use, refresh_token: token })).refresh_token, token)
  assert.equal((await legacy({ ...use, refresh_token: `${token}x` })).refresh_token, undefined)
  const code = readCode(await browser.get(authorizePath(site, { scope: 'read:entities' })))
  const exchanged = await legacy({
    grant_type: 'authorization_code',
    code,
    redirect_uri: site.client.policy.redirectUris[0] ?? '',
    refresh_token: 'planted',
    ...credentials(site),
  })
  assert.deepEqual([exchanged.error, exchanged.refresh_token], [undefined, undefined])
  const { refresh_token: rotating } = await newFamily()
  const byPublic = { grant_type: 'refresh_token', ...credentials(publicSite) }
  const rotated = await legacy({ ...byPublic, refresh_token: rotating })
  assert.ok(rotated.refresh_token !== undefined && rotated.refresh_token !== rotating)
  await next(rotated.refresh_token)
})

test('own · a refresh asks for less, never for more, and less is not remembered (RFC 6749 §6)', async () => {
  for (const client of [site, publicSite]) {
    let { refresh_token: token } = await newFamily(client)
    for (const scope of ['write:entities', 'read:entities manage:users', 'profile']) {
      assertRefused(await refreshWith(postern, client, token, { scope }), 400, 'invalid_scope')
    }
    const less = assertGranted(await refreshWith(postern, client, token, { scope: 'openid' }))
    assert.equal(less.scope, 'openid')
    assert.equal(await statusOf(less.access_token), 403)
    token = less.refresh_token ?? token
    assert.equal((await next(token, client)).scope, OFFLINE.scope)
    assertRefused(
      await refreshWith(postern, client, token, { audience: 'https://other.example/' }),
      400,
      'invalid_target',
    )
  }
})

test('own · a password change ends every refresh token, whichever client holds it, and the new password none of the old', async () => {
  const person = await postern.makeAccount()
  const tab = openBrowser(postern)
  const held = await tokensOf(postern, site, person, tab)
  const ofProgram = await tokensOf(postern, publicSite, person, tab)
  const fields = { current_password: PASSWORD, new_password: 'another horse', new_password_again: 'another horse' }
  const changed = await tab.submit(await tab.get('/account/password'), '/account/password', fields)
  assert.match(changed.path, /^\/account\?notice=/)
  assertRefused(await refreshWith(postern, site, held.refresh_token), 400, 'invalid_grant')
  assertRefused(await refreshWith(postern, publicSite, ofProgram.refresh_token), 400, 'invalid_grant')
  for (const { access_token: bearer } of [held, ofProgram]) assert.equal(await statusOf(bearer), 401)
  // This browser was signed in anew, and what was allowed is remembered.
  assertGranted(await redeem(postern, await obtainCode(tab, site, person, OFFLINE)))
})
