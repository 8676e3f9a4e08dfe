import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeUserCode } from '#protocol/user_code.ts'
import type { Store } from '#stores/store.ts'
import {
  assertErrorPage,
  assertSignIn,
  fieldsOf,
  makeSite,
  obtainCode,
  openBrowser,
  plainText,
  redeem,
  signInAt,
  signInHere,
  type BrowserLike,
  type Stop,
} from '../support/browser_like.ts'
import {
  askForDeviceCode,
  assertDeviceConsent,
  beginDevice,
  connect,
  decideAt,
  DEVICE_CODE,
  enterCode,
  isDeviceConsent,
  makeDevice,
  poll,
} from '../support/device.ts'
import { createTestDatabase, noPostgres } from '../support/postgres.ts'
import { addOrganizations, claimsOf, startPostern, type TokenAnswer } from '../support/running_postern.ts'
import {
  assertGranted,
  assertRefused,
  auditsOf,
  callPlatform,
  file,
  startSecondNode,
  tally,
  withCharacterChanged,
} from './attacking.ts'

// F28, F29 and what else goes for the device grant (RFC 8628 §5): guessed codes, codes of others, codes that were sent to somebody, and races.

const postern = await startPostern(file, {
  config: { throttling: { account_burst: 1000, account_total_burst: 10_000, address_burst: 100_000 } },
})
await addOrganizations(postern.store, 3)
const account = await postern.makeAccount()
const device = await makeDevice(postern)

const signedIn = async (as = account, at = postern): Promise<BrowserLike> => {
  const browser = openBrowser(at)
  await signInHere(browser, as)
  return browser
}
const USER = 'https://api.mediamath.com/user_id'
const assertGone = (stop: Stop): void => {
  assert.equal(stop.status, 400)
  assert.match(plainText(stop.text), /This code no longer works/)
}

test('F28 · a thousand tries at user codes end in 429, and the owner of a code still enters it (RFC 8628 §5.1)', async (t) => {
  const guarded = await startPostern(t)
  const client = await makeDevice(guarded)
  const guesser = await guarded.makeAccount()
  const browser = await signedIn(guesser, guarded)
  const begun = await beginDevice(guarded, client)
  const statuses: number[] = []
  const audits = await auditsOf(guarded, async () => {
    for (let n = 0; n < 1000; n++) {
      const stop = await browser.post('/device', { user_code: makeUserCode() })
      assert.ok(!isDeviceConsent(stop))
      statuses.push(stop.status)
    }
  })
  t.diagnostic(JSON.stringify(tally(statuses)))
  assert.deepEqual(tally(statuses), { 400: 10, 429: 990 })
  assert.match(plainText((await browser.post('/device', { user_code: makeUserCode() })).text), /Please wait a little/)
  assert.equal(audits.length, 1000)
  assert.deepEqual(new Set(audits.map(({ audit }) => audit)), new Set(['user_code_refused']))
  // The right one does not open either while the budget is empty; it does for another person at the same address.
  assert.equal((await browser.post('/device', { user_code: begun.user_code })).status, 429)
  assertDeviceConsent(await enterCode(await signedIn(await guarded.makeAccount(), guarded), begun.user_code))
})

test('F28 · many accounts at one address guess no faster than the address may', async (t) => {
  const guarded = await startPostern(t, { config: { throttling: { address_burst: 25 } } })
  const statuses: number[] = []
  const people = await Promise.all(Array.from({ length: 4 }, () => guarded.makeAccount()))
  for (const browser of await Promise.all(people.map((person) => signedIn(person, guarded)))) {
    for (let tries = 0; tries < 10; tries++) {
      statuses.push((await browser.post('/device', { user_code: makeUserCode() })).status)
    }
  }
  assert.deepEqual(tally(statuses), { 400: 25, 429: 15 })
})

test('F28 · without signing in nobody learns whether there is a code, or whose', async () => {
  const begun = await beginDevice(postern, device)
  const answers = await Promise.all(
    [begun.user_code, makeUserCode()].map((code) => openBrowser(postern).post('/device', { user_code: code })),
  )
  for (const stop of answers) assertSignIn(stop)
  const [right, wrong] = answers.map(({ text }) => text.replace(/value="[^"]*"/g, ''))
  assert.equal(right, wrong)
})

test('F28 · a code that succeeds gives no more tries than it took', async (t) => {
  const guarded = await startPostern(t)
  const client = await makeDevice(guarded)
  const browser = await signedIn(await guarded.makeAccount(), guarded)
  const own = await beginDevice(guarded, client)
  let refused = 0
  for (let n = 0; n < 40; n++) {
    const stop = await browser.post('/device', { user_code: makeUserCode() })
    if (stop.status === 400) refused++
    await browser.post('/device', { user_code: own.user_code })
  }
  assert.equal(refused, 10)
})

test('F29 · the device belongs to whoever approves, not to whoever opened the page (GHSA-cq3f)', async () => {
  const other = await postern.makeAccount()
  const begun = await beginDevice(postern, device)
  const opener = await signedIn()
  assertDeviceConsent(await enterCode(opener, begun.user_code))
  await connect(await signedIn(other), begun)
  const answer = assertGranted(await poll(postern, device, begun.device_code))
  assert.equal(claimsOf(answer.access_token)[USER], other.id)
  assert.doesNotMatch((await opener.get('/account')).text, new RegExp(device.client.name))
})

test('F02 · the consent page of a device, sent by another browser or after a new sign-in, decides nothing', async () => {
  const begun = await beginDevice(postern, device)
  const browser = await signedIn()
  const page = await enterCode(browser, begun.user_code)
  assertDeviceConsent(page)
  const fields = { ...fieldsOf(page, '/device/decision'), decision: 'allow' }
  const victim = await signedIn(await postern.makeAccount())
  assertErrorPage(await victim.post('/device/decision', fields), 403)
  assertErrorPage(await openBrowser(postern).post('/device/decision', fields), 403)
  for (const headers of [
    { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    { origin: 'null', 'sec-fetch-site': undefined },
    { origin: undefined, 'sec-fetch-site': undefined },
  ]) {
    for (const path of ['/device', '/device/decision']) {
      assertErrorPage(await browser.post(path, { ...fields, user_code: begun.user_code }, headers), 403)
    }
  }
  assert.equal((await poll(postern, device, begun.device_code)).body.error, 'authorization_pending')
  await signInHere(browser, await postern.makeAccount()).catch(() => undefined)
  await browser.submit(await browser.get('/account'), '/account/sign-out')
  await signInHere(browser, account)
  assertErrorPage(await browser.post('/device/decision', fields), 403)
  // The twin: who has seen the page decides.
  assert.equal((await decideAt(browser, await enterCode(browser, begun.user_code), 'allow')).status, 200)
})

test('F02 · a sealed way on from the sign-in page, opened in another browser, leads to the page where the code is sent', async () => {
  const begun = await beginDevice(postern, device)
  const browser = openBrowser(postern)
  const signIn = await browser.submit(await browser.get('/device'), '/device', { user_code: begun.user_code })
  const consent = await signInAt(browser, signIn, account)
  assertDeviceConsent(consent)
  assert.match(consent.path, /^\/device\/continue\?request=/)
  // Somebody sends the link to a person who is signed in: they are asked for the code as by any link (RFC 8628 §5.4).
  for (const victim of [await signedIn(), openBrowser(postern)]) {
    const page = await victim.get(consent.path)
    assert.ok(!isDeviceConsent(page))
    assert.deepEqual(fieldsOf(page, '/device')['user_code'], [begun.user_code])
  }
})

test('F04 · boxes, ids and codes that are written into the form widen nothing', async () => {
  const confined = await postern.makeAccount({
    abilities: { role: 'REPORTER', scope: 'SELECT', type: 'ADVERTISER', flags: ['view_organizations'] },
    permissions: [{ entityType: 'organization', entityId: 100_000, access: 'r' }],
  })
  const browser = await signedIn(confined)
  const begun = await beginDevice(postern, device, { scope: 'openid read:entities' })
  const other = await beginDevice(postern, device, { scope: 'openid read:entities write:entities' })
  const page = await enterCode(browser, begun.user_code)
  const answer = await decideAt(browser, page, 'allow', {
    scope: ['read:entities', 'write:entities', 'offline_access', 'manage:users'],
    organizations: 'some',
    organization: ['100000', '100001'],
    client_id: 'another',
    user_code: other.user_code,
    id: '1',
  })
  assert.equal(answer.status, 200)
  const granted = assertGranted(await poll(postern, device, begun.device_code))
  assert.deepEqual([granted.scope, granted.refresh_token], ['openid read:entities', undefined])
  const list = await callPlatform(postern, '/api/v3.0/organizations', { bearer: granted.access_token })
  assert.deepEqual(
    (JSON.parse(list.text) as { data: { id: number }[] }).data.map(({ id }) => id),
    [100_000],
  )
  assert.equal((await poll(postern, device, other.device_code)).body.error, 'authorization_pending')
})

test('F04 · a form that was changed, or is of another page, decides nothing', async () => {
  const begun = await beginDevice(postern, device)
  const browser = await signedIn()
  const page = await enterCode(browser, begun.user_code)
  const [sealed = ''] = fieldsOf(page, '/device/decision')['request'] ?? []
  const signIn = await openBrowser(postern).post('/device', { user_code: begun.user_code })
  const [ofSignIn = ''] = fieldsOf(signIn, '/sign-in')['request'] ?? []
  for (const request of [withCharacterChanged(sealed, 40), ofSignIn, '', undefined]) {
    assertErrorPage(await browser.post('/device/decision', { request, decision: 'allow' }), 400)
  }
  assertErrorPage(await browser.post('/consent', { request: sealed, decision: 'allow' }), 400)
  assertErrorPage(await browser.post('/device/decision', { request: sealed, decision: 'yes' }), 400)
  assert.equal((await decideAt(browser, page, 'allow')).status, 200)
})

test('D08 · a device code is no code and no refresh token, none of these is a device code, and neither is the user code', async () => {
  const client = await makeSite(postern, { grantTypes: ['authorization_code', 'refresh_token', DEVICE_CODE] })
  const browser = await signedIn()
  const begun = await beginDevice(postern, client)
  await connect(browser, begun)
  const obtained = await obtainCode(browser, client, account, { scope: 'openid offline_access read:entities' })
  const next = await obtainCode(browser, client, account, { scope: 'openid offline_access read:entities' })
  const { refresh_token: refreshToken = '' } = assertGranted(await redeem(postern, next))
  const session = browser.cookies.get('postern_session') ?? ''
  for (const code of [obtained.code, refreshToken, begun.user_code, session, 'dc', '']) {
    const answer = await poll(postern, client, code)
    assert.ok(answer.status === 400 && answer.body.access_token === undefined, JSON.stringify(answer.body))
  }
  assertRefused(await redeem(postern, { ...obtained, code: begun.device_code }), 400, 'invalid_grant')
  const asRefresh = { grant_type: 'refresh_token', refresh_token: begun.device_code, client_id: client.client.id }
  assertRefused(await postern.token({ ...asRefresh, client_secret: client.secret }), 400, 'invalid_grant')
  const asSession = await openBrowser(postern).get('/account', { cookie: `postern_session=${begun.device_code}` })
  assertSignIn(asSession)
  // Each still works as what it is.
  assertGranted(await poll(postern, client, begun.device_code))
  assertGranted(await redeem(postern, obtained))
})

test('D07 · a device code with anything changed is none', async () => {
  const begun = await beginDevice(postern, device)
  await connect(await signedIn(), begun)
  const { device_code: code } = begun
  const changed = [code.slice(0, -1), `${code}A`, withCharacterChanged(code, 5), withCharacterChanged(code, 40)]
  for (const each of [...changed, code.toUpperCase(), encodeURIComponent(`%${code}`)]) {
    assertRefused(await poll(postern, device, each), 400, 'invalid_grant')
  }
  assertGranted(await poll(postern, device, code))
})

test('D05 · another client polls for nothing, and spends nothing (RFC 8628 §3.4)', async () => {
  const begun = await beginDevice(postern, device)
  const thief = await makeDevice(postern)
  assertRefused(await poll(postern, thief, begun.device_code), 400, 'invalid_grant')
  // It has not slowed the owner down either.
  assertRefused(await poll(postern, device, begun.device_code), 400, 'authorization_pending')
  await connect(await signedIn(), begun)
  const audits = await auditsOf(postern, async () => {
    assertRefused(await poll(postern, thief, begun.device_code), 400, 'invalid_grant')
  })
  assert.equal(audits[0]?.['reason'], 'the device code of another client')
  assertGranted(await poll(postern, device, begun.device_code))
})

const races = async (first: typeof postern, second = first): Promise<void> => {
  const client = await makeDevice(first)
  const browser = await signedIn(await first.makeAccount(), first)
  const begun = await beginDevice(first, client)
  await connect(browser, begun)
  const polls = Array.from({ length: 50 }, (_, n) => poll(n % 2 === 0 ? first : second, client, begun.device_code))
  const answers = await Promise.all(polls)
  assert.deepEqual(tally(answers.map(({ body }) => body.error ?? 'granted')), { granted: 1, invalid_grant: 49 })
  const granted = answers.find(({ status }) => status === 200) as TokenAnswer
  // To ask again is what a device does: what it got goes on.
  const list = await callPlatform(first, '/api/v3.0/organizations', { bearer: granted.body.access_token })
  assert.equal(list.status, 200)
  assertRefused(await poll(first, client, begun.device_code), 400, 'invalid_grant')
}

test('D03 · fifty polls at once after the approval bring tokens once', async () => {
  for (let round = 0; round < 5; round++) await races(postern)
})

test('D04 · fifty polls at once over two nodes bring tokens once', { skip: noPostgres }, async (t) => {
  const database = await createTestDatabase()
  t.after(database.drop)
  const { url } = database
  const first = await startPostern(t, { postgresUrl: url })
  const second = await startSecondNode(t, first, url)
  const token: typeof first.token = async (parameters) => {
    const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const response = await fetch(`${second.origin}/oauth/token`, { method: 'POST', body: new URLSearchParams(given) })
    return { status: response.status, headers: response.headers, body: (await response.json()) as TokenAnswer['body'] }
  }
  for (let round = 0; round < 5; round++) await races(first, { ...second, token })
})

test('two people who decide at once: the first decision counts, and the other is told that the code is gone', async () => {
  for (let round = 0; round < 6; round++) {
    const begun = await beginDevice(postern, device)
    const people = await Promise.all([postern.makeAccount(), postern.makeAccount()])
    const browsers = await Promise.all(people.map((each) => signedIn(each)))
    const pages = await Promise.all(browsers.map((browser) => enterCode(browser, begun.user_code)))
    const answers = await Promise.all([
      decideAt(browsers[0]!, pages[0]!, 'allow'),
      decideAt(browsers[1]!, pages[1]!, 'deny'),
    ])
    const winner = answers.findIndex(({ status }) => status === 200)
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 1, 400: 1 })
    assertGone(answers[1 - winner]!)
    const answer = await poll(postern, device, begun.device_code)
    if (winner === 0) assert.equal(claimsOf(assertGranted(answer).access_token)[USER], people[0].id)
    else assertRefused(answer, 400, 'access_denied')
    // Nobody decides again.
    assertGone(await decideAt(browsers[winner]!, pages[winner]!, 'deny'))
    const after = await browsers[1 - winner]!.post('/device', { user_code: begun.user_code })
    assert.deepEqual([after.status, isDeviceConsent(after)], [400, false])
  }
})

test('a code that expires while its page is open is decided by nobody, and the device is told that it has expired', async (t) => {
  const later = await startPostern(t)
  const client = await makeDevice(later)
  const browser = await signedIn(await later.makeAccount(), later)
  const begun = await beginDevice(later, client)
  const page = await enterCode(browser, begun.user_code)
  assertDeviceConsent(page)
  later.travel(600)
  assertGone(await decideAt(browser, page, 'allow'))
  assertGone(await decideAt(browser, page, 'deny'))
  assertRefused(await poll(later, client, begun.device_code), 400, 'expired_token')
  assert.equal((await browser.post('/device', { user_code: begun.user_code })).status, 400)
  // One that was allowed in time must be fetched in time.
  const next = await beginDevice(later, client)
  await connect(browser, next)
  later.travel(600)
  assertRefused(await poll(later, client, next.device_code), 400, 'expired_token')
})

const ENDED: readonly (readonly [string, (of: { store: Store; clientId: string; accountId: number }) => unknown])[] = [
  ['the client is disabled', ({ store, clientId }) => store.clients.disable(clientId)],
  ['the account is disabled', ({ store, accountId }) => store.accounts.disable(accountId)],
]

for (const [what, end] of ENDED) {
  test(`F22 · ${what} while the page is open, or before the device has come: nothing is given`, async () => {
    const [open, allowed] = await Promise.all(
      [0, 1].map(async () => {
        const client = await makeDevice(postern)
        const person = await postern.makeAccount()
        const browser = await signedIn(person)
        const begun = await beginDevice(postern, client)
        return { client, person, browser, begun, page: await enterCode(browser, begun.user_code) }
      }),
    )
    assert.equal((await decideAt(allowed!.browser, allowed!.page, 'allow')).status, 200)
    for (const { client, person } of [open!, allowed!]) {
      await end({ store: postern.store, clientId: client.client.id, accountId: person.id })
    }
    const answer = await decideAt(open!.browser, open!.page, 'allow')
    assert.ok(answer.status === 400 || answer.status === 403, `${answer.status}`)
    assert.doesNotMatch(plainText(answer.text), /is connected/)
    assert.deepEqual(await postern.store.grants.list(open!.person.id), [])
    for (const { client, begun } of [open!, allowed!]) {
      const { status, body } = await poll(postern, client, begun.device_code)
      assert.ok(status >= 400 && body.access_token === undefined, JSON.stringify(body))
    }
  })
}

test('what was allowed is ended on the account page before the device has come: it gets nothing', async () => {
  const client = await makeDevice(postern)
  const person = await postern.makeAccount()
  const begun = await beginDevice(postern, client)
  const browser = await signedIn(person)
  await connect(browser, begun)
  await browser.submit(await browser.get('/account'), '/account/end-access', { client_id: client.client.id })
  assertRefused(await poll(postern, client, begun.device_code), 400, 'invalid_grant')
})

test('a flood of device codes of one address or one client leaves as many as may wait, and others go on', async (t) => {
  const small = await startPostern(t, {
    config: { limits: { device_codes_of_address: 20, device_codes_of_client: 30 } },
  })
  const [client, other] = [await makeDevice(small), await makeDevice(small)]
  const flood = (of: typeof client, times: number) =>
    Promise.all(Array.from({ length: times }, async () => askForDeviceCode(small, of)))
  const answers = await flood(client, 200)
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 10, 429: 190 })
  const refused = answers.find(({ status }) => status === 429)!
  assert.equal(refused.body.error, 'too_many_attempts')
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  // All that may wait, as long as the first ones live.
  let begun = 10
  for (let minute = 0; minute < 9; minute++) {
    small.travel(60)
    begun += (await flood(client, 30)).filter(({ status }) => status === 200).length
  }
  assert.ok(begun > 15 && begun <= 20, String(begun))
  assert.ok(
    (await flood(other, 5)).every(({ status }) => status === 429),
    'the same address',
  )
  small.travel(600)
  assert.equal((await askForDeviceCode(small, other)).status, 200)
  // And the rows go.
  small.travel(1200)
  while ((await small.store.sweep()) > 0);
  assert.equal(await small.store.sweep(), 0)
})
