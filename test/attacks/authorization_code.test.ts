import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { StoreUnavailableError, type Store } from '#stores/store.ts'
import {
  allowAt,
  assertConsent,
  assertErrorPage,
  assertTold,
  authorize,
  authorizePath,
  makePublicSite,
  makeSite,
  obtainCode,
  openBrowser,
  readCode,
  redeem,
  refreshWith,
  signInAt,
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

// D · authorization codes: replay, injection and races. E · mix-up.
//
// Not here, because what they attack does not exist yet:
// - D08 with reset tokens · there are none; with PAR URIs it is in pushed_requests.test.ts, with device codes in device_authorization.test.ts.
// - D13 · in `dpop.test.ts`; there is no mTLS.
// - D16 · there is one issuer and no tenants.
// - E01, E02, E04, E05, E07, E08 · the gateway is no relying party and there is no upstream identity provider. Our half of E01,
//   `iss` in every answer (RFC 9207), is in each test that reads an answer (`readAnswer`), and E02's is D05.

const CODES = process.env['POSTERN_SOAK'] === '1' ? 200 : 20
const AT_ONCE = 50

const postern = await startPostern(file)
await addOrganizations(postern.store, 3)
const account = await postern.makeAccount()
const site = await makeSite(postern)
const OFFLINE = 'offline_access openid read:entities'

const browser = openBrowser(postern)
await signInHere(browser, account)
await obtainCode(browser, site, account, { scope: OFFLINE })
const newCode = (parameters = {}) => obtainCode(browser, site, account, { scope: OFFLINE, ...parameters })

const organizations = (bearer: string, at: RunningPostern = postern) =>
  callPlatform(at, '/api/v3.0/organizations', { bearer })
const byCookie = (session: string) => callPlatform(postern, '/api/v2.0/organizations', { session })

test('D01 · a second use of a code is refused, and ends all that the first one brought (RFC 6749 §4.1.2)', async () => {
  const obtained = await newCode()
  const first = assertGranted(await redeem(postern, obtained))
  const session = await bridge(postern, first.access_token)
  assert.equal((await organizations(first.access_token)).status, 200)
  assertRefused(await redeem(postern, obtained), 400, 'invalid_grant')
  assert.equal((await organizations(first.access_token)).status, 401)
  assert.equal((await byCookie(session)).status, 401)
  assertRefused(await refreshWith(postern, site, first.refresh_token ?? ''), 400, 'invalid_grant')
  // The next code is not touched by it.
  const next = assertGranted(await redeem(postern, await newCode()))
  assert.equal((await organizations(next.access_token)).status, 200)
})

test('D02 · a late second use ends it too, and an unused code dies after a minute (oidcc-codereuse-30seconds)', async () => {
  for (const later of [30, 3600]) {
    const obtained = await newCode()
    const first = assertGranted(await redeem(postern, obtained))
    postern.travel(later)
    assertRefused(await redeem(postern, obtained), 400, 'invalid_grant')
    assertRefused(await refreshWith(postern, site, first.refresh_token ?? ''), 400, 'invalid_grant')
  }
  const late = await newCode()
  postern.travel(61)
  assertRefused(await redeem(postern, late), 400, 'invalid_grant')
  const inTime = await newCode()
  postern.travel(58)
  assertGranted(await redeem(postern, inTime))
})

/** Exchanges each of many codes many times at once, at these nodes in turn: exactly one answer is 200 for each. */
const raceExchanges = async (t: TestContext, nodes: readonly RunningPostern[]): Promise<void> => {
  const [node] = nodes as readonly [RunningPostern]
  const person = await node.makeAccount()
  const client = await makeSite(node)
  const tab = openBrowser(node)
  await signInHere(tab, person)
  const outcomes: Readonly<Record<string, number>>[] = []
  for (let n = 0; n < CODES; n++) {
    const obtained = await obtainCode(tab, client, person, { scope: OFFLINE })
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, at) => redeem(nodes[at % nodes.length]!, obtained)),
    )
    const words = tally(answers.map(({ status, body }) => (status === 200 ? 'granted' : `${status} ${body.error}`)))
    assert.deepEqual(words, { granted: 1, '400 invalid_grant': AT_ONCE - 1 })
    outcomes.push(words)
    const { access_token: accessToken = '', refresh_token: refreshToken = '' } = answers.find(isGranted)!.body
    // And what it brought ended with the first replay: nobody holds anything.
    for (const each of nodes) {
      assert.equal((await organizations(accessToken, each)).status, 401)
      assertRefused(await refreshWith(each, client, refreshToken), 400, 'invalid_grant')
    }
    assert.deepEqual(await node.store.authorizations.list(person.id), [])
  }
  t.diagnostic(
    `${CODES} codes × ${AT_ONCE}: ${outcomes.reduce((sum, each) => sum + (each['granted'] ?? 0), 0)} granted`,
  )
  const alone = assertGranted(await redeem(node, await obtainCode(tab, client, person, { scope: OFFLINE })))
  assert.equal((await organizations(alone.access_token, nodes.at(-1))).status, 200)
}

const isGranted = ({ status }: TokenAnswer): boolean => status === 200

test('D03 · of many exchanges of one code at once exactly one succeeds: SQLite (GHSA-7w99-5wm4-3g79)', (t) =>
  raceExchanges(t, [postern]))

test(
  'D03, D04 · of many exchanges of one code at two nodes exactly one succeeds: PostgreSQL (zeroid #16)',
  { skip: noPostgres },
  async (t) => {
    const database = await createTestDatabase()
    t.after(database.drop)
    const first = await startPostern(t, { postgresUrl: database.url })
    const second = await startSecondNode(t, first, database.url)
    const at = { ...first, token: tokenAt(second.origin) }
    await raceExchanges(t, [first])
    await raceExchanges(t, [first, { ...second, token: at.token }])
  },
)

/** `token` of the harness, at another node. */
const tokenAt =
  (origin: string): RunningPostern['token'] =>
  async (parameters, headers = {}) => {
    const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const response = await fetch(`${origin}/oauth/token`, { method: 'POST', headers, body: new URLSearchParams(given) })
    return { status: response.status, headers: response.headers, body: (await response.json()) as TokenAnswer['body'] }
  }

test('D05 · a code in the hands of another client is worth nothing, is audited, and still works for its own (CVE-2026-16089)', async () => {
  const thief = await makeSite(postern)
  const publicThief = await makePublicSite(postern)
  const obtained = await newCode()
  const audits = await auditsOf(postern, async () => {
    for (const client of [thief, publicThief]) {
      assertRefused(await redeem(postern, { ...obtained, client }), 400, 'invalid_grant')
      const named = { ...credentials(client), redirect_uri: site.client.policy.redirectUris[0] }
      assertRefused(await redeem(postern, { ...obtained, client }, named), 400, 'invalid_grant')
    }
  })
  assert.equal(audits.filter(({ reason }) => reason === 'the code of another client').length, 4)
  const first = assertGranted(await redeem(postern, obtained))
  // Nor does the thief end what it brought by using it again.
  assertRefused(await redeem(postern, { ...obtained, client: thief }), 400, 'invalid_grant')
  assert.equal((await organizations(first.access_token)).status, 200)
})

test('D07 · a code that is cut, longer, changed, recased or encoded twice is none, and the right one goes on (CVE-2026-27840)', async () => {
  const obtained = await newCode()
  const { code } = obtained
  const bad = [
    code.slice(0, -1),
    `${code}0`,
    code.slice(1),
    code.toLowerCase(),
    code.toUpperCase(),
    ` ${code}`,
    `${code}\n`,
    encodeURIComponent(`${code}%`),
    ...[2, 8, 12, 13, 30, code.length - 1].map((at) => withCharacterChanged(code, at)),
  ]
  for (const each of bad) assertRefused(await redeem(postern, { ...obtained, code: each }), 400, 'invalid_grant')
  for (const none of ['', undefined])
    assertRefused(await redeem(postern, obtained, { code: none }), 400, 'invalid_request')
  assertGranted(await redeem(postern, obtained))
})

test('D08 · no kind of secret is taken for another (CVE-2026-4282, CVE-2026-4325)', async () => {
  const obtained = await newCode()
  const {
    access_token: accessToken,
    refresh_token: refreshToken = '',
    id_token: idToken = '',
  } = assertGranted(await redeem(postern, await newCode()))
  const session = await bridge(postern, accessToken)
  const browserSession = browser.cookies.get('postern_session') ?? ''
  const sealed = new URLSearchParams(
    (await openBrowser(postern).get('/account')).text.match(/value="([^"]{40,})"/)?.[1],
  )
  const others = [
    refreshToken,
    accessToken,
    idToken,
    session,
    browserSession,
    [...sealed.keys()][0] ?? 'x',
    site.secret!,
  ]
  for (const other of others) {
    assertRefused(await redeem(postern, { ...obtained, code: other }), 400, 'invalid_grant')
    if (other !== refreshToken) assertRefused(await refreshWith(postern, site, other), 400, 'invalid_grant')
    if (other !== accessToken) assert.equal((await organizations(other)).status, 401)
    if (other !== session) assert.equal((await byCookie(other)).status, 401)
    if (other !== browserSession) {
      const headers = { cookie: `postern_session=${other}` }
      assertTold(await openBrowser(postern).get(authorizePath(site, { prompt: 'none' }), headers), 'login_required')
    }
  }
  assertRefused(await refreshWith(postern, site, obtained.code), 400, 'invalid_grant')
  assert.equal((await organizations(obtained.code)).status, 401)
  assertGranted(await redeem(postern, obtained))
  assertGranted(await refreshWith(postern, site, refreshToken))
})

test('D10 · a code in a URL is not exchanged, not spent and not logged (RFC 6749 §3.2)', async () => {
  const obtained = await newCode()
  const query = new URLSearchParams({ grant_type: 'authorization_code', code: obtained.code, ...credentials(site) })
  for (const path of ['/oauth/token', '/oauth2/v1.0/token']) {
    assert.equal((await fetch(`${postern.origin}${path}?${query.toString()}`)).status, 405)
    const posted = await fetch(`${postern.origin}${path}?code=${obtained.code}`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'authorization_code', ...credentials(site) }),
    })
    assert.equal(posted.status, 400)
  }
  assert.ok(!postern.logged.some((line) => line.includes(obtained.code)))
  assertGranted(await redeem(postern, obtained))
  for (const secret of [obtained.code, site.secret!, PASSWORD]) {
    assert.ok(!postern.logged.some((line) => line.includes(secret)))
  }
})

test('D11 · codes share nothing but their tag, and none comes twice (RFC 6749 §10.10)', async () => {
  const codes: string[] = []
  for (let n = 0; n < 150; n++) codes.push((await newCode()).code)
  assert.equal(new Set(codes).size, codes.length)
  // 11 characters are the id under a permutation; the other 43 are an HMAC of 256 bits.
  for (const code of codes) assert.match(code, /^ac[0-9A-Za-z]{54}$/)
  for (let at = 2; at < 56; at++) {
    // The first digit of a base-62 number of fixed width cannot have all values; no other place is narrow.
    const values = new Set(codes.map((code) => code[at])).size
    assert.ok(values > (at === 2 || at === 13 ? 4 : 30), `${values} values at ${at}`)
  }
  const prefixes = new Set(codes.map((code) => code.slice(2, 8)))
  assert.ok(prefixes.size > codes.length - 3, `${prefixes.size}`)
})

test('D14 · who cannot prove to be the client spends no code, by whatever way it tries (availability)', async () => {
  const obtained = await newCode()
  assertRefused(await redeem(postern, obtained, { client_secret: 'wrong' }), 401, 'invalid_client')
  assertRefused(await redeem(postern, obtained, { client_secret: undefined }), 401, 'invalid_client')
  const { client_secret: _, ...parameters } = credentials(site)
  const wrongBasic = await postern.token(
    { grant_type: 'authorization_code', code: obtained.code, redirect_uri: site.client.policy.redirectUris[0] },
    { authorization: basic(parameters.client_id, 'wrong') },
  )
  assertRefused(wrongBasic, 401, 'invalid_client')
  assertGranted(await redeem(postern, obtained))
})

/** Fails after the work is done: what a broken connection to the database looks like. */
const afterwards =
  (isBroken: () => boolean) =>
  (store: Store): Store => ({
    ...store,
    authorizationCodes: {
      ...store.authorizationCodes,
      spend: async (asked) => {
        const spent = await store.authorizationCodes.spend(asked)
        if (isBroken()) throw new StoreUnavailableError('cut after the commit')
        return spent
      },
    },
  })

const loseAnswer = async (t: TestContext, postgresUrl?: string): Promise<void> => {
  let isBroken = false
  const node = await startPostern(t, {
    wrapStore: afterwards(() => isBroken),
    ...(postgresUrl === undefined ? {} : { postgresUrl }),
  })
  const person = await node.makeAccount()
  const client = await makeSite(node)
  const tab = openBrowser(node)
  const obtained = await obtainCode(tab, client, person, { scope: OFFLINE })
  isBroken = true
  const lost = await redeem(node, obtained)
  assert.deepEqual([lost.status, lost.body.error], [503, 'temporarily_unavailable'])
  isBroken = false
  assertRefused(await redeem(node, obtained), 400, 'invalid_grant')
  assert.deepEqual(await node.store.authorizations.list(person.id), [], 'and nothing lives that nobody holds')
  assertGranted(await redeem(node, await obtainCode(tab, client, person, { scope: OFFLINE })))
  assert.equal((await node.store.authorizations.list(person.id)).length, 1)
}

test('D17 · an answer that is lost after the commit leaves no second family: the retry is refused: SQLite', (t) =>
  loseAnswer(t))

test('D17 · the same on PostgreSQL', { skip: noPostgres }, async (t) => {
  const database = await createTestDatabase()
  t.after(database.drop)
  await loseAnswer(t, database.url)
})

test('D19 · right and wrong client at once: one 200 at most, and for the right one', async () => {
  const thief = await makeSite(postern)
  for (let n = 0; n < 5; n++) {
    const obtained = await newCode()
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, at) => ({
        isThief: at % 2 === 0,
        ...(await redeem(postern, at % 2 === 0 ? { ...obtained, client: thief } : obtained)),
      })),
    )
    const granted = answers.filter(isGranted)
    assert.deepEqual(
      granted.map(({ isThief }) => isThief),
      [false],
    )
  }
})

test('own · a code dies with its consent, its client, its account, its password and with signing out everywhere', async () => {
  const cases: Readonly<Record<string, (tab: BrowserLike, accountId: number, clientId: string) => Promise<unknown>>> = {
    'access ended': async (tab, _, clientId) =>
      tab.submit(await tab.get('/account'), '/account/end-access', { client_id: clientId }),
    'client disabled': (_, __, clientId) => postern.store.clients.disable(clientId),
    'account disabled': (_, accountId) => postern.store.accounts.disable(accountId),
    'signed out everywhere': async (tab) => tab.submit(await tab.get('/account'), '/account/sign-out-everywhere'),
    'password changed': async (tab) =>
      tab.submit(await tab.get('/account/password'), '/account/password', {
        current_password: PASSWORD,
        new_password: 'another horse',
        new_password_again: 'another horse',
      }),
  }
  for (const [name, end] of Object.entries(cases)) {
    const person = await postern.makeAccount()
    const client = await makeSite(postern)
    const tab = openBrowser(postern)
    const control = await obtainCode(tab, client, person)
    assertGranted(await redeem(postern, control))
    const obtained = await obtainCode(tab, client, person)
    await end(tab, person.id, client.client.id)
    const answer = await redeem(postern, obtained)
    assert.ok(answer.status === 400 || answer.status === 401, `${name}: ${answer.status}`)
    assert.ok(['invalid_grant', 'invalid_client'].includes(answer.body.error ?? ''), name)
  }
})

test('own · no code of a browser that was signed out arrives, whatever it is for; one of another browser does (store contract)', async () => {
  const person = await postern.makeAccount()
  const [tab, phone] = [openBrowser(postern), openBrowser(postern)]
  const obtained = await obtainCode(tab, site, person)
  const elsewhere = await obtainCode(phone, site, person)
  await tab.submit(await tab.get('/account'), '/account/sign-out')
  assertRefused(await redeem(postern, obtained), 400, 'invalid_grant')
  assertGranted(await redeem(postern, elsewhere))
})

test('own · a client that is disabled between page and decision gets no code, and the person sees a page', async () => {
  const client = await makeSite(postern)
  const tab = openBrowser(postern)
  const page = await signInAt(tab, await tab.get(authorizePath(client)), account)
  assertConsent(page)
  await postern.store.clients.disable(client.client.id)
  assertErrorPage(await allowAt(tab, page))
  assertErrorPage(await tab.submit(page, '/consent', { decision: 'deny' }))
})

test('own · an account that is disabled between page and decision decides nothing', async () => {
  const person = await postern.makeAccount()
  const tab = openBrowser(postern)
  const page = await signInAt(tab, await tab.get(authorizePath(site)), person)
  assertConsent(page)
  await postern.store.accounts.disable(person.id)
  assertErrorPage(await allowAt(tab, page), 403)
  assertTold(await tab.get(authorizePath(site, { prompt: 'none' })), 'login_required')
})

test('own · the ID token of a code holds its nonce, client and sign-in, and at_hash of the access token beside it', async () => {
  const body = assertGranted(await redeem(postern, await newCode({ nonce: 'n-1' })))
  const claims = claimsOf(body.id_token ?? '')
  assert.deepEqual([claims['nonce'], claims['aud'], claims['amr']], ['n-1', site.client.id, ['pwd']])
  const half = createHash('sha256').update(body.access_token).digest().subarray(0, 16)
  assert.equal(claims['at_hash'], half.toString('base64url'))
  const without = assertGranted(await redeem(postern, await newCode()))
  assert.equal(claimsOf(without.id_token ?? '')['nonce'], undefined)
})

test('own · of a thousand parameters of a request none reaches the token of another request', async () => {
  const confined = await authorize(postern, await makeSite(postern), account, { decided: { organizations: [100_001] } })
  const wide = await authorize(postern, await makeSite(postern), account)
  assert.doesNotMatch((await organizations(confined.access_token)).text, /Organization 001/)
  assert.match((await organizations(wide.access_token)).text, /Organization 001/)
  const code = readCode(await browser.get(authorizePath(site, { scope: OFFLINE })))
  const widened = await redeem(
    postern,
    { code, verifier: undefined, client: site },
    { scope: 'manage:users write:entities' },
  )
  assert.equal(assertGranted(widened).scope, OFFLINE)
})
