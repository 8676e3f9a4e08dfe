import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  allowAt,
  assertConsent,
  assertErrorPage,
  assertSignIn,
  assertTold,
  authorize,
  authorizePath,
  boxesOf,
  fieldsOf,
  isSignIn,
  ISSUER,
  makePublicSite,
  makeSite,
  obtainCode,
  openBrowser,
  pkce,
  plainText,
  readCode,
  redeem,
  REDIRECT_URI,
  refreshWith,
  signInAt,
  signInHere,
  walkThrough,
  type BrowserLike,
  type Stop,
} from '../support/browser_like.ts'
import { addOrganizations, claimsOf, PASSWORD, startPostern } from '../support/running_postern.ts'
import { assertGranted, assertRefused, auditsOf, bridge, callPlatform, file, logIn } from './attacking.ts'

// F · signing in, consent, sessions of browsers, clickjacking; and the choice that binds.
//
// Not here, because what they attack does not exist yet:
// - F16, F17, F19, F31 · there are no mails and no password reset. What a reset would end, a password change ends (F19 below).
// - F26 · there are no invitations. F28, F29 are in device_authorization.test.ts.
// - F23 with a second factor · there is none. F07 as a step-up · a sign-in again is the only step (F05, F07 below).

const postern = await startPostern(file, {
  config: { throttling: { account_burst: 1000, account_total_burst: 10_000, address_burst: 100_000 } },
})
await addOrganizations(postern.store, 5)
const account = await postern.makeAccount()
const site = await makeSite(postern)

const signedIn = async (as = account): Promise<BrowserLike> => {
  const browser = openBrowser(postern)
  await signInHere(browser, as)
  return browser
}
const SESSION = 'postern_session'
const isLive = async (session: string): Promise<boolean> => {
  const stop = await openBrowser(postern).get('/account', { cookie: `${SESSION}=${session}` })
  return !isSignIn(stop)
}

const FOREIGN = [
  { origin: 'https://evil.example', 'sec-fetch-site': undefined },
  { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
  { origin: 'null', 'sec-fetch-site': undefined },
  { origin: undefined, 'sec-fetch-site': 'cross-site' },
  { origin: undefined, 'sec-fetch-site': 'same-site' },
  { origin: 'http://localhost:9400', 'sec-fetch-site': 'cross-site' },
  { origin: 'http://localhost:9401', 'sec-fetch-site': undefined },
  { origin: 'http://localhost:9400.evil.example', 'sec-fetch-site': undefined },
  { origin: 'https://localhost:9400', 'sec-fetch-site': undefined },
  { origin: undefined, 'sec-fetch-site': undefined },
] as const

test('F01, F08 · a sign-in form of another site signs nobody in, whoever the password is of (RFC 6749 §10.12)', async () => {
  for (const headers of FOREIGN) {
    const browser = openBrowser(postern)
    for (const start of ['/account', authorizePath(site)]) {
      const page = await browser.get(start)
      const fields = { username: account.username, password: PASSWORD }
      const stop = await browser.submit(page, '/sign-in', fields, headers)
      assertErrorPage(stop, 403, JSON.stringify(headers))
      assert.deepEqual(browser.received, [])
    }
  }
  const browser = openBrowser(postern)
  const page = await browser.get('/account')
  for (const request of ['', 'x', undefined, 'AAAA'.repeat(30)]) {
    const stop = await browser.post('/sign-in', { request, username: account.username, password: PASSWORD })
    assertErrorPage(stop, 400)
    assert.deepEqual(browser.received, [])
  }
  assert.equal(isSignIn(await signInAt(browser, page, account)), false)
  assert.equal(browser.cookies.size, 1)
})

test('F01 · every other form of ours refuses other sites as well', async () => {
  const browser = await signedIn()
  await authorize(postern, site, account, { browser })
  const [session = ''] = browser.cookies.values()
  const consent = await browser.get(authorizePath(site, { prompt: 'consent' }))
  const accountPage = await browser.get('/account')
  const passwordPage = await browser.get('/account/password')
  const forms: readonly (readonly [Stop, string, Readonly<Record<string, string>>])[] = [
    [consent, '/consent', { decision: 'allow' }],
    [consent, '/consent', { decision: 'deny' }],
    [accountPage, '/account/end-access', { client_id: site.client.id }],
    [accountPage, '/account/sign-out', {}],
    [accountPage, '/account/sign-out-everywhere', {}],
    [
      passwordPage,
      '/account/password',
      { current_password: PASSWORD, new_password: 'x'.repeat(12), new_password_again: 'x'.repeat(12) },
    ],
  ]
  for (const headers of FOREIGN) {
    for (const [page, action, fields] of forms) {
      assertErrorPage(await browser.submit(page, action, fields, headers), 403, action)
    }
  }
  assert.ok(await isLive(session))
  assert.equal((await postern.store.grants.list(account.id)).length, 1)
  readCode(await browser.submit(consent, '/consent', { decision: 'allow' }))
  assert.equal((await browser.submit(accountPage, '/account/sign-out')).status, 200)
  assert.equal(await isLive(session), false)
})

test('F02 · another browser, another person and a later sign-in cannot decide what one was shown (hydra #770; CVE-2022-39222)', async () => {
  const client = await makeSite(postern)
  const victim = await signedIn()
  const page = await victim.get(authorizePath(client))
  const fields = { ...fieldsOf(page, '/consent'), decision: 'allow' }
  const sameAgain = await signedIn()
  const attacker = await signedIn(await postern.makeAccount())
  const nobody = openBrowser(postern)
  for (const other of [sameAgain, attacker, nobody]) {
    assertErrorPage(await other.post('/consent', fields), 403)
    assertErrorPage(await other.post('/consent', { ...fields, decision: 'deny' }), 403)
    assertErrorPage(await other.post('/consent', { ...fields, decision: 'switch' }), 403)
  }
  assert.deepEqual(
    await postern.store.grants.find(account.id, client.client.id, 'https://api.mediamath.com/'),
    undefined,
  )
  readCode(await victim.post('/consent', fields))
})

test('F02 · own: forms of the account page belong to the session that was shown them', async () => {
  const victim = await signedIn()
  const page = await victim.get('/account')
  const signInPage = await openBrowser(postern).get('/account')
  const { request: ofNobody } = fieldsOf(signInPage, '/sign-in')
  const others = [await signedIn(), await signedIn(await postern.makeAccount()), openBrowser(postern)]
  for (const action of [
    '/account/sign-out',
    '/account/sign-out-everywhere',
    '/account/end-access',
    '/account/password',
  ]) {
    const { csrf } = fieldsOf(page, '/account/sign-out')
    for (const other of others) assertErrorPage(await other.post(action, { csrf }), 403, action)
    for (const bad of [ofNobody, ['x'], undefined, ['']]) {
      const stop = await victim.post(action, { csrf: bad })
      assert.ok(stop.status === 400 || stop.status === 403, `${action} ${stop.status}`)
    }
  }
  assert.equal((await victim.submit(page, '/account/sign-out')).status, 200)
})

test('F04 · a decision is never wider than what was asked: fields that are written into the form add nothing', async () => {
  const client = await makeSite(postern)
  const asked = { scope: 'openid read:entities', state: 'S' }
  const browser = await signedIn()
  const page = await browser.get(authorizePath(client, asked))
  assert.deepEqual(boxesOf(page, 'scope'), ['read:entities'])
  const widened = await allowAt(
    browser,
    page,
    { scopes: ['read:entities', 'write:entities', 'manage:users', 'offline_access', 'profile'] },
    {
      client_id: 'another',
      redirect_uri: 'https://evil.example/cb',
      audience: 'https://other.example/',
      resource: 'https://other.example/',
      state: 'T',
      code_challenge: pkce().challenge,
      account: '1',
      sessionId: '1',
    },
  )
  const code = readCode(widened)
  assert.equal(new URL(widened.location ?? '').searchParams.get('state'), 'S')
  const body = assertGranted(await redeem(postern, { code, verifier: undefined, client }))
  assert.equal(body.scope, 'openid read:entities')
  assert.equal(body.refresh_token, undefined)
  for (const decision of ['', undefined, 'ALLOW', 'yes', ['deny', 'allow']]) {
    const stop = await browser.submit(page, '/consent', { decision })
    if (Array.isArray(decision)) assertTold(stop, 'access_denied', { state: 'S' })
    else assertErrorPage(stop)
  }
})

test('F04 · own: nothing switched on is no decision, what is required stays, and openid stays', async () => {
  const client = await makeSite(postern, { requiredScopes: { 'read:entities': 'It cannot work without.' } })
  const browser = await signedIn()
  const page = await browser.get(authorizePath(client, { scope: 'openid read:entities write:entities' }))
  assert.match(page.text, /It cannot work without\./)
  const code = readCode(await allowAt(browser, page, { scopes: [] }))
  assert.equal(
    assertGranted(await redeem(postern, { code, verifier: undefined, client })).scope,
    'openid read:entities',
  )
  const free = await makeSite(postern)
  const nothing = await allowAt(browser, await browser.get(authorizePath(free)), { scopes: [] })
  assert.equal(nothing.status, 400)
  assert.equal(nothing.location, undefined)
  readCode(await allowAt(browser, nothing, { scopes: ['read:entities'] }))
})

test('own · sealed requests are of one kind, whole, of one hour, and never taken for another (CVE-2026-119128)', async () => {
  const client = await makeSite(postern)
  const browser = openBrowser(postern)
  const signInPage = await browser.get(authorizePath(client))
  const [authorization = ''] = fieldsOf(signInPage, '/sign-in')['request'] ?? []
  const consentPage = await signInAt(browser, signInPage, account)
  const [consent = ''] = fieldsOf(consentPage, '/consent')['request'] ?? []
  const [csrf = ''] = fieldsOf(await browser.get('/account'), '/account/sign-out')['csrf'] ?? []
  const changed = (text: string) => [
    text.slice(0, -2),
    `${text}AA`,
    text.slice(0, 20) + (text[20] === 'A' ? 'B' : 'A') + text.slice(21),
  ]
  for (const bad of [authorization, csrf, ...changed(consent), '']) {
    assertErrorPage(await browser.post('/consent', { request: bad, decision: 'allow', scope: 'read:entities' }))
  }
  for (const bad of [consent, csrf, ...changed(authorization), '']) {
    assertErrorPage(await browser.get(`/authorize/continue?request=${bad}`))
  }
  for (const bad of [consent, ...changed(authorization)]) {
    assertErrorPage(await browser.post('/sign-in', { request: bad, username: account.username, password: PASSWORD }))
  }
  for (const bad of [consent, authorization, ...changed(csrf)]) {
    assertErrorPage(await browser.post('/account/sign-out', { csrf: bad }))
  }
  assertConsent(await browser.get(`/authorize/continue?request=${authorization}`))
  postern.travel(3601)
  assertErrorPage(await browser.get(`/authorize/continue?request=${authorization}`))
  assertErrorPage(await allowAt(browser, consentPage))
  readCode(await walkThrough(browser, authorizePath(client), account))
})

test('F05, F07 · each sign-in makes a new session, and the one before it is dead (CVE-2026-7507)', async () => {
  const browser = openBrowser(postern)
  const planted = 'bs' + '0'.repeat(54)
  browser.cookies.set(SESSION, planted)
  await signInHere(browser, account)
  const first = browser.cookies.get(SESSION) ?? ''
  assert.notEqual(first, planted)
  assert.ok(await isLive(first))
  const stop = await signInAt(browser, await browser.get(authorizePath(site, { prompt: 'login' })), account)
  assert.ok(stop.status < 400)
  const second = browser.cookies.get(SESSION) ?? ''
  assert.notEqual(second, first)
  assert.equal(await isLive(first), false)
  assert.ok(await isLive(second))
  // A session of the attacker's that was planted in the victim's browser ends with the victim's sign-in, and never becomes theirs.
  const attacker = await signedIn(await postern.makeAccount())
  const theirs = attacker.cookies.get(SESSION) ?? ''
  const victim = openBrowser(postern)
  const page = await victim.get('/account')
  assertSignIn(page)
  victim.cookies.set(SESSION, theirs)
  await signInAt(victim, page, account)
  assert.notEqual(victim.cookies.get(SESSION), theirs)
  assert.equal(await isLive(theirs), false)
})

test('F10 · every page has a strict policy, and lets its form go to us and to the client alone (CVE-2026-42849)', async () => {
  const browser = await signedIn()
  const consent = await browser.get(authorizePath(site, { prompt: 'consent' }))
  assertConsent(consent)
  const signInPage = await browser.get(authorizePath(site, { prompt: 'login' }))
  const own = [
    await browser.get('/account'),
    await browser.get('/account/password'),
    await openBrowser(postern).get('/account'),
    await browser.get('/authorize'),
    await browser.get('/authorize/continue?request=x'),
    await browser.post('/consent', {}),
  ]
  for (const page of [consent, signInPage, ...own]) {
    const csp = page.headers.get('content-security-policy') ?? ''
    assert.match(csp, /default-src 'none'/)
    assert.match(csp, /base-uri 'none'/)
    assert.match(csp, /frame-ancestors 'none'/)
    assert.doesNotMatch(csp, /unsafe|\*|script-src/)
    assert.match(
      csp,
      own.includes(page) ? /form-action 'self'(?:;|$)/ : /form-action 'self' https:\/\/app\.example(?:;|$)/,
    )
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff')
    assert.equal(page.headers.get('x-frame-options'), 'DENY')
    assert.doesNotMatch(page.text, /<script|\son[a-z]+=|style="|javascript:/i)
  }
})

test('F11 · nothing that is about a person is kept by anybody on the way (RFC 6749 §5.1)', async () => {
  const browser = await signedIn()
  const { access_token: bearer } = await authorize(postern, site, account, {
    browser,
    parameters: { scope: 'openid read:entities', prompt: 'consent' },
    decided: { scopes: ['openid', 'read:entities'] },
  })
  const headers = { authorization: `Bearer ${bearer}` }
  const stops = [
    await browser.get('/account'),
    await browser.get(authorizePath(site, { prompt: 'consent' })),
    await browser.get(authorizePath(site, { prompt: 'none', scope: 'read:entities' })),
    await browser.get('/userinfo', headers),
    await browser.post('/userinfo', {}, headers),
    await browser.get('/userinfo'),
    await browser.get('/api/v2.0/session', headers),
    await openBrowser(postern).get(authorizePath(site, { prompt: 'none' })),
  ]
  for (const { path, headers: sent } of stops) assert.match(sent.get('cache-control') ?? '', /no-store/, path)
})

test('F13 · cookies are HttpOnly, SameSite, for the whole host and no other, and Secure exactly by https (RFC 6265bis)', async (t) => {
  const browser = await signedIn()
  await browser.submit(await browser.get('/account'), '/account/sign-out')
  assert.equal(browser.received.length, 2)
  for (const line of browser.received) {
    assert.match(line, /^postern_session=[^;]*; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/)
  }
  const secure = await startPostern(t, {
    config: {
      listen: { trusted_proxies: ['127.0.0.1'] },
      urls: { auth: 'https://login.example/', api: 'https://api.example/' },
    },
  })
  const byProxy = { 'x-forwarded-proto': 'https' }
  const person = await secure.makeAccount()
  const other = openBrowser(secure)
  const page = await other.get('/account', byProxy)
  assertSignIn(page)
  const headers = { ...byProxy, origin: 'https://login.example' }
  await other.submit(page, '/sign-in', { username: person.username, password: PASSWORD }, headers)
  assert.match(
    other.received[0] ?? '',
    /^__Host-postern_session=[^;]+; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
  )
  assertErrorPage(
    await other.submit(page, '/sign-in', { username: 'x', password: 'x' }, byProxy),
    403,
    'the origin of another',
  )
})

test('F14 · no GET signs out or ends anything', async () => {
  const browser = await signedIn()
  await authorize(postern, site, account, { browser })
  const [session = ''] = browser.cookies.values()
  const csrf = String(fieldsOf(await browser.get('/account'), '/account/sign-out')['csrf'])
  const query = new URLSearchParams({ csrf, client_id: site.client.id }).toString()
  for (const path of [
    '/account/sign-out',
    '/account/sign-out-everywhere',
    '/account/end-access',
    '/sign-in',
    '/consent',
  ]) {
    const stop = await browser.get(`${path}?${query}`)
    assert.equal(stop.status, 405, path)
  }
  for (const path of ['/account/password', '/logout', '/v2/logout', '/oidc/logout'])
    await browser.get(`${path}?${query}`)
  assert.ok(await isLive(session))
  await browser.submit(await browser.get('/account'), '/account/sign-out')
  assert.equal(await isLive(session), false)
})

test('F19 · a new password ends sessions, tokens and platform sessions of before; so does signing out everywhere (ASVS; GHSA-64w3-5q9m-68xf)', async () => {
  const ends: Readonly<Record<string, (browser: BrowserLike) => Promise<Stop>>> = {
    '/account/password': async (browser) =>
      browser.submit(await browser.get('/account/password'), '/account/password', {
        current_password: PASSWORD,
        new_password: 'a new horse battery',
        new_password_again: 'a new horse battery',
      }),
    '/account/sign-out-everywhere': async (browser) =>
      browser.submit(await browser.get('/account'), '/account/sign-out-everywhere'),
  }
  for (const [name, end] of Object.entries(ends)) {
    const person = await postern.makeAccount()
    const keyed = await postern.makeClient()
    const [here, elsewhere] = [await signedIn(person), await signedIn(person)]
    const parameters = { scope: 'offline_access read:entities' }
    const tokens = await authorize(postern, site, person, { browser: elsewhere, parameters })
    const bridged = await bridge(postern, tokens.access_token)
    const login = await logIn(postern, keyed.client.id, person.username, PASSWORD)
    const sessions = [bridged, login.setSession ?? '']
    const cookies = [...here.cookies.values(), ...elsewhere.cookies.values()]
    for (const session of sessions)
      assert.equal((await callPlatform(postern, '/api/v2.0/session', { session })).status, 200)
    for (const cookie of cookies) assert.ok(await isLive(cookie))

    assert.ok((await end(here)).status < 400, name)
    for (const cookie of cookies) assert.equal(await isLive(cookie), false, name)
    for (const session of sessions)
      assert.equal((await callPlatform(postern, '/api/v2.0/session', { session })).status, 401)
    assert.equal((await callPlatform(postern, '/api/v2.0/session', { bearer: tokens.access_token })).status, 401)
    assertRefused(await refreshWith(postern, site, tokens.refresh_token), 400, 'invalid_grant')
    // What was allowed is remembered: only the sign-in is needed again. Only the password change signs this browser in anew.
    assert.equal(here.cookies.size, name === '/account/password' ? 1 : 0)
    const password = name === '/account/password' ? 'a new horse battery' : PASSWORD
    const page = await elsewhere.get(authorizePath(site, parameters))
    assertSignIn(page)
    readCode(await signInAt(elsewhere, page, person, password))
  }
})

test('F19 · own: the password is not changed without the present one, or by two that differ', async () => {
  const person = await postern.makeAccount()
  const browser = await signedIn(person)
  const good = {
    current_password: PASSWORD,
    new_password: 'a new horse battery',
    new_password_again: 'a new horse battery',
  }
  const bad = [
    { ...good, current_password: 'wrong' },
    { ...good, current_password: '' },
    { ...good, new_password_again: 'a new horse batterx' },
    { ...good, new_password: 'short', new_password_again: 'short' },
    { ...good, new_password: '', new_password_again: '' },
  ]
  for (const fields of bad) {
    const stop = await browser.submit(await browser.get('/account/password'), '/account/password', fields)
    assert.equal(stop.status, 400)
    assert.doesNotMatch(stop.text, /a new horse|correct horse/, 'no password comes back')
  }
  assert.equal((await postern.store.accounts.find(person.id))?.version, person.version)
  assert.equal(
    (await browser.submit(await browser.get('/account/password'), '/account/password', good)).path.split('?')[0],
    '/account',
  )
})

test('F20 · a session cookie that was made elsewhere, or comes twice, is none (CVE-2026-109373; CVE-2019-3868)', async () => {
  const browser = await signedIn()
  const [session = ''] = browser.cookies.values()
  const { access_token: bearer } = await authorize(postern, site, account, { browser })
  const made = [
    Buffer.from('{"user":1}').toString('base64'),
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(`{"sub":"platform|${account.id}"}`).toString('base64url')}.`,
    bearer,
    session.slice(0, -1),
    session.toLowerCase(),
    `${session}0`,
    session.slice(0, 13) + 'A'.repeat(43),
    `"${session}"`,
    '',
  ]
  for (const value of made) assert.equal(await isLive(value), false, value)
  const other = (await signedIn(await postern.makeAccount())).cookies.get(SESSION) ?? ''
  for (const cookie of [`${SESSION}=${session}; ${SESSION}=${other}`, `${SESSION}=${session}; ${SESSION}=x`]) {
    assertSignIn(await openBrowser(postern).get('/account', { cookie }))
  }
  assert.ok(await isLive(session))
})

test('F22 · the session of a disabled account is dead at once (GHSA-2vg6-77g8-24mp)', async () => {
  const person = await postern.makeAccount()
  const browser = await signedIn(person)
  const page = await browser.get('/account')
  await postern.store.accounts.disable(person.id)
  assertSignIn(await browser.get('/account'))
  assertErrorPage(await browser.submit(page, '/account/sign-out-everywhere'), 403)
  const again = await signInAt(browser, await browser.get('/account'), person)
  assert.equal(again.status, 400)
  assert.deepEqual(browser.received.length, 1)
})

test('F23 · no step can be jumped to: what comes after signing in asks for it (CVE-2026-9091)', async () => {
  const client = await makeSite(postern)
  const nobody = openBrowser(postern)
  const page = await nobody.get(authorizePath(client))
  const [request = ''] = fieldsOf(page, '/sign-in')['request'] ?? []
  assertSignIn(await nobody.get(`/authorize/continue?request=${request}`))
  assertErrorPage(await nobody.post('/consent', { request, decision: 'allow', scope: 'read:entities' }))
  const wrong = await nobody.submit(page, '/sign-in', { username: account.username, password: 'wrong' })
  assert.equal(wrong.status, 400)
  assertSignIn(await nobody.get(`/authorize/continue?request=${request}`))
  assertConsent(await signInAt(nobody, page, account))
})

test('F25 · prompt=login is kept whatever the person does to get around it (CVE-2026-7507)', async () => {
  const client = await makeSite(postern)
  const browser = await signedIn()
  await obtainCode(browser, client, account)
  for (const forced of [{ prompt: 'login' }, { max_age: '0' }, { prompt: 'select_account' }]) {
    const path = authorizePath(client, forced)
    const page = await browser.get(path)
    assertSignIn(page)
    const [request = ''] = fieldsOf(page, '/sign-in')['request'] ?? []
    assertSignIn(await browser.get(`/authorize/continue?request=${request}`))
    assertSignIn(await browser.get(`/authorize/continue?request=${request}&prompt=none`))
    // A page that was fetched where nobody is signed in is no way around either, nor one from before the session.
    const elsewhere = fieldsOf(await openBrowser(postern).get(path), '/sign-in')['request'] ?? []
    assertSignIn(await browser.get(`/authorize/continue?request=${elsewhere[0]}`))
    // Signing in for something else does not count: it was another question.
    await signInAt(browser, await browser.get('/account').then(() => openBrowser(postern).get('/account')), account)
    assertSignIn(await browser.get(`/authorize/continue?request=${request}`))
    readCode(await signInAt(browser, page, account))
    assertSignIn(await browser.get(path))
  }
})

test('F32 · two people in two tabs: the last one is signed in, and no code mixes them', async () => {
  const other = await postern.makeAccount()
  const client = await makeSite(postern)
  const browser = openBrowser(postern)
  const tab = await browser.get(authorizePath(client, { scope: 'openid' }))
  const otherTab = await browser.get(authorizePath(client, { scope: 'openid' }))
  const consent = await signInAt(browser, tab, account)
  const otherConsent = await signInAt(browser, otherTab, other)
  assertErrorPage(await allowAt(browser, consent), 403)
  assert.match(plainText(otherConsent.text), new RegExp(other.username))
  const code = readCode(await allowAt(browser, otherConsent))
  const body = assertGranted(await redeem(postern, { code, verifier: undefined, client }))
  assert.equal(claimsOf(body.id_token ?? '')['sub'], `platform|${other.id}`)
})

test('own · "not you?" signs out, keeps the request, and asks whoever comes next', async () => {
  const other = await postern.makeAccount()
  const client = await makeSite(postern)
  const browser = await signedIn()
  const [session = ''] = browser.cookies.values()
  const page = await browser.get(authorizePath(client, { state: 'S' }))
  const next = await browser.submit(page, '/consent', { decision: 'switch' })
  assertSignIn(next)
  assert.equal(await isLive(session), false)
  const consent = await signInAt(browser, next, other)
  assert.match(plainText(consent.text), new RegExp(other.username))
  const { location } = await allowAt(browser, consent)
  assert.equal(new URL(location ?? '').searchParams.get('state'), 'S')
  assertErrorPage(await allowAt(browser, page), 403)
})

test('own · consent: a third party is asked for first, a program on this machine always, a first party not (§0.20)', async () => {
  const first = await makeSite(postern, { party: 'first' })
  const browser = await signedIn()
  readCode(await browser.get(authorizePath(first)))
  const third = await makeSite(postern)
  assertConsent(await browser.get(authorizePath(third)))
  readCode(await walkThrough(browser, authorizePath(third, { scope: 'read:entities' }), account))
  readCode(await browser.get(authorizePath(third, { scope: 'read:entities' })))
  assertConsent(await browser.get(authorizePath(third, { scope: 'read:entities write:entities' })))
  assertConsent(await browser.get(authorizePath(third, { scope: 'read:entities', prompt: 'consent' })))
  for (const uri of ['http://127.0.0.1/cb', 'com.example.app:/cb', 'http://localhost:9402/cb']) {
    const program = await makePublicSite(postern, { redirectUris: [uri] })
    const asked = { code_challenge: pkce().challenge, code_challenge_method: 'S256' }
    readCode(await walkThrough(browser, authorizePath(program, asked), account), uri)
    assertConsent(await browser.get(authorizePath(program, asked)))
    assertTold(await browser.get(authorizePath(program, { ...asked, prompt: 'none' })), 'consent_required', {
      redirectUri: uri,
    })
  }
})

// ── The choice binds ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const V2 = '/api/v2.0/organizations'
const V3 = '/api/v3.0/organizations'
const NAMES = /Organization 00\d/g
const seen = (text: string): readonly string[] => [...new Set(text.match(NAMES) ?? [])].toSorted()

test('own · a client that was given one organization sees one: in lists, totals, reads, searches, and by cookie alone', async () => {
  const client = await makeSite(postern)
  const { access_token: bearer, refresh_token: refreshToken } = await authorize(postern, client, account, {
    parameters: { scope: 'offline_access read:entities' },
    decided: { organizations: [100_002] },
  })
  const session = await bridge(postern, bearer)
  const refreshed = assertGranted(await refreshWith(postern, client, refreshToken)).access_token
  for (const by of [
    { bearer },
    { session },
    { bearer, session },
    { bearer: refreshed },
    { bearer: refreshed, session },
  ]) {
    for (const query of [
      '',
      '?page_limit=1',
      '?sort_by=-name',
      '?page_offset=0&page_limit=100',
      '?sort_by=id&full=*',
    ]) {
      // v3.0 takes no cookie alone.
      for (const list of 'bearer' in by ? [V2, V3] : [V2]) {
        const { status, text } = await callPlatform(postern, list + query, by)
        assert.equal(status, 200, text)
        assert.deepEqual(seen(text), ['Organization 003'], list + query)
      }
    }
    if ('bearer' in by) {
      const v3 = JSON.parse((await callPlatform(postern, V3, by)).text) as { meta: { total_count: number } }
      assert.equal(v3.meta.total_count, 1)
    }
    const xml = await callPlatform(postern, V2, { ...by, headers: { accept: 'application/xml' } })
    assert.deepEqual(seen(xml.text), ['Organization 003'])
    assert.match(xml.text, /count="1"/)
    const offset = await callPlatform(postern, `${V2}?page_offset=1`, by)
    assert.deepEqual(seen(offset.text), [])
    for (const list of 'bearer' in by ? [V2, V3] : [V2]) {
      assert.equal((await callPlatform(postern, `${list}/100002`, by)).status, 200)
      const hidden = await callPlatform(postern, `${list}/100001`, by)
      const unknown = await callPlatform(postern, `${list}/999999`, by)
      assert.equal(hidden.status, unknown.status)
      assert.doesNotMatch(hidden.text, NAMES)
    }
  }
  const claims = claimsOf(bearer)
  assert.match(JSON.stringify(claims['authorization_details']), /100002/)
  assert.doesNotMatch(JSON.stringify(claims['authorization_details']), /100001/)
})

test('own · a wider cookie adds nothing to a confined bearer, and a confined bearer is bridged to its own session (§0.23)', async () => {
  const client = await makeSite(postern)
  const browser = await signedIn()
  // In this order: a decision for less would end what was allowed before.
  const confined = await authorize(postern, client, account, { browser, decided: { organizations: [100_000] } })
  const again = { browser, parameters: { prompt: 'consent' }, decided: { organizations: 'all' } } as const
  const wide = await authorize(postern, client, account, again)
  const wideSession = await bridge(postern, wide.access_token)
  const keyed = await postern.makeClient()
  const login = (await logIn(postern, keyed.client.id, account.username, PASSWORD)).setSession ?? ''
  for (const session of [wideSession, login]) {
    const both = await callPlatform(postern, V3, { bearer: confined.access_token, session })
    assert.deepEqual([both.status, seen(both.text)], [200, ['Organization 001']])
    const bridged = await callPlatform(postern, '/api/v2.0/session', { bearer: confined.access_token, session })
    // It is told about the session that it sent, and given none.
    assert.equal(bridged.setSession, undefined)
    assert.match(bridged.text, new RegExp(session))
  }
  // The confined cookie in turn does not narrow or widen the wide bearer.
  const session = await bridge(postern, confined.access_token)
  assert.equal(seen((await callPlatform(postern, V3, { bearer: wide.access_token, session })).text).length, 5)
})

test('own · whoever decides for less ends what the client had before; for as much or more, nothing ends', async () => {
  const client = await makeSite(postern)
  const browser = await signedIn()
  const decide = (organizations: 'all' | number[]) =>
    authorize(postern, client, account, { browser, parameters: { prompt: 'consent' }, decided: { organizations } })
  const statusOf = async (bearer: string) => (await callPlatform(postern, V3, { bearer })).status
  const one = await decide([100_000])
  const two = await decide([100_000, 100_001])
  const all = await decide('all')
  for (const { access_token } of [one, two, all]) assert.equal(await statusOf(access_token), 200)
  const less = await decide([100_001])
  for (const { access_token } of [one, two, all]) assert.equal(await statusOf(access_token), 401)
  assert.equal(await statusOf(less.access_token), 200)
})

test('own · organizations that the person does not see cannot be given, whatever is in the form', async () => {
  const person = await postern.makeAccount({
    abilities: { role: 'USER', scope: 'SELECT', type: 'AGENCY', flags: ['view_organizations'] },
    permissions: [
      { entityType: 'organization', entityId: 100_000, access: 'r' },
      { entityType: 'organization', entityId: 100_001, access: 'r' },
    ],
  })
  const client = await makeSite(postern)
  const browser = await signedIn(person)
  const page = await browser.get(authorizePath(client))
  assert.deepEqual(boxesOf(page, 'organization').toSorted(), ['100000', '100001'])
  assert.doesNotMatch(page.text, /Organization 00[345]/)
  const junk = ['0', '-1', '1e5', '100002', '99999999999999999999', "1' or 1=1", 'all', '']
  for (const id of junk) {
    const stop = await allowAt(browser, page, { organizations: [id] })
    assert.equal(stop.status, 400, id)
    assert.equal(stop.location, undefined)
  }
  assertErrorPage(await allowAt(browser, page, { organizations: ['\0'] }))
  const none = await allowAt(browser, page, { organizations: [] })
  assert.equal(none.status, 400)
  const code = readCode(await allowAt(browser, page, { organizations: [100_001, 100_002, 100_003, ...junk] }))
  const body = assertGranted(await redeem(postern, { code, verifier: undefined, client }))
  assert.deepEqual(seen((await callPlatform(postern, V3, { bearer: body.access_token })).text), ['Organization 002'])
  assert.doesNotMatch(JSON.stringify(claimsOf(body.access_token)), /100002/)
  // What is remembered is confined as well.
  const silent = readCode(await browser.get(authorizePath(client, { prompt: 'none' })))
  const remembered = assertGranted(await redeem(postern, { code: silent, verifier: undefined, client }))
  assert.deepEqual(seen((await callPlatform(postern, V3, { bearer: remembered.access_token })).text), [
    'Organization 002',
  ])
})

test('own · a scope that was switched off is missing at the API, in the bridged session and after a refresh', async () => {
  const client = await makeSite(postern)
  const parameters = { scope: 'openid profile offline_access read:entities write:entities' }
  const {
    access_token: bearer,
    refresh_token: refreshToken,
    ...body
  } = await authorize(postern, client, account, {
    parameters,
    decided: { scopes: ['offline_access', 'write:entities'] },
  })
  assert.equal(body.scope, 'offline_access openid write:entities')
  const session = await bridge(postern, bearer)
  const refreshed = assertGranted(await refreshWith(postern, client, refreshToken)).access_token
  for (const by of [{ bearer }, { session }, { bearer: refreshed }]) {
    assert.equal((await callPlatform(postern, V2, by)).status, 403)
  }
  for (const more of ['read:entities', 'profile', parameters.scope]) {
    assertRefused(await refreshWith(postern, client, refreshToken, { scope: more }), 400, 'invalid_scope')
  }
  const userinfo = await fetch(`${postern.origin}/userinfo`, { headers: { authorization: `Bearer ${refreshed}` } })
  assert.deepEqual(Object.keys((await userinfo.json()) as object), ['sub'])
  const whole = await authorize(postern, await makeSite(postern), account, { parameters })
  assert.equal((await callPlatform(postern, V3, { bearer: whole.access_token })).status, 200)
})

test('own · a decision that takes away holds for every later code, and what was ended is asked for again', async () => {
  const client = await makeSite(postern)
  const browser = await signedIn()
  await authorize(postern, client, account, { browser, decided: { scopes: ['read:entities', 'write:entities'] } })
  const again = { browser, parameters: { prompt: 'consent' }, decided: { scopes: ['read:entities'] } }
  assert.equal((await authorize(postern, client, account, again)).scope, 'read:entities')
  assertTold(await browser.get(authorizePath(client, { prompt: 'none' })), 'consent_required')
  const page = await browser.get('/account')
  assert.match(plainText(page.text), new RegExp(client.client.name))
  await browser.submit(page, '/account/end-access', { client_id: client.client.id })
  assertTold(await browser.get(authorizePath(client, { prompt: 'none', scope: 'read:entities' })), 'consent_required')
  assertConsent(await browser.get(authorizePath(client, { scope: 'read:entities' })))
})

const HOSTILE_NAMES = [
  '<img src=x onerror=alert(1)>"\'&amp;',
  '<script>alert(1)</script>',
  '</title><script>alert(1)</script>',
  '{{7*7}}${7*7}',
  'Postern\u202egnp.exe',
  `${'very '.repeat(2000)}long`,
]

test('P01, P05 · names of clients and people are text on every page, in one direction, and cut (CVE-2026-5468; CVE-2026-42849)', async () => {
  for (const name of HOSTILE_NAMES) await namesAreText(name)
})

const namesAreText = async (name: string): Promise<void> => {
  const client = await postern.makeClient(
    {
      ...site.client.policy,
      requiredScopes: { 'read:entities': '<script>alert(1)</script>' },
    },
    { name },
  )
  const person = await postern.makeAccount({
    profile: { name: `<b onclick=x>Eve</b>${name}`, picture: 'javascript:alert(1)' },
  })
  const browser = openBrowser(postern)
  const signInPage = await browser.get(authorizePath(client))
  const consent = await signInAt(browser, signInPage, person)
  readCode(await allowAt(browser, consent))
  const pages = [
    signInPage,
    consent,
    await browser.get('/account'),
    await browser.get(authorizePath(client, { response_mode: 'form_post' })),
  ]
  for (const { text, path } of pages) {
    assert.doesNotMatch(text, /<img src=x|<b onclick|<script>|javascript:|<\/title>[^]*<\/title>|\u202e/, path)
    assert.ok(text.length < 20_000, `${path} has ${text.length} characters`)
  }
}

test('own · refusals of the pages are in the audit log, with what they are about and without what was typed', async () => {
  const browser = openBrowser(postern)
  const audits = await auditsOf(postern, async () => {
    const page = await browser.get(authorizePath(site))
    await browser.submit(page, '/sign-in', { username: account.username, password: 'hunter2 hunter2' })
    await browser.submit(
      page,
      '/sign-in',
      { username: account.username, password: PASSWORD },
      { origin: 'https://evil.example' },
    )
    await browser.get(authorizePath(site, { redirect_uri: 'https://evil.example/' }))
  })
  assert.deepEqual(
    audits.map(({ audit }) => audit),
    ['sign_in_refused', 'other_site_refused', 'refused'],
  )
  assert.ok(!postern.logged.some((line) => line.includes('hunter2') || line.includes(PASSWORD)))
})

test('own · the issuer is in every answer, and the redirect URI gets no referrer with a code (RFC 9207 §2)', async () => {
  const browser = await signedIn()
  const stop = await browser.get(authorizePath(site, { prompt: 'none', scope: 'manage:users' }))
  assert.equal(new URL(stop.location ?? REDIRECT_URI).searchParams.get('iss'), ISSUER)
  const page = await browser.get(authorizePath(site, { prompt: 'consent', state: 'S' }))
  assert.match(page.headers.get('referrer-policy') ?? '', /same-origin|no-referrer/)
})
