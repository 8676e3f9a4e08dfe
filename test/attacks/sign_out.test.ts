import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RegisteredClient } from '#clients/register.ts'
import type { Account } from '#stores/records.ts'
import {
  assertErrorPage,
  authorize,
  fieldsOf,
  isSignIn,
  ISSUER,
  makePublicSite,
  makeSite,
  obtainCode,
  openBrowser,
  plainText,
  redeem,
  refreshWith,
  signInHere,
  type BrowserLike,
  type SentHeaders,
  type Stop,
} from '../support/browser_like.ts'
import { claimsOf, startPostern } from '../support/running_postern.ts'
import {
  assertGranted,
  assertRefused,
  auditsOf,
  bridge,
  callPlatform,
  file,
  FORM,
  withCharacterChanged,
} from './attacking.ts'

// Signing out: what of groups B, F, K and P is about it. The modules of the OpenID Foundation's plan for RP-initiated logout are named where they
// are walked.

const postern = await startPostern(file, {
  config: { throttling: { account_burst: 1000, account_total_burst: 10_000, address_burst: 100_000 } },
})
const AFTERWARDS = 'https://app.example/bye'
const CONFIRM = '/oidc/logout/confirm'
const site = await makeSite(postern, { postLogoutRedirectUris: [AFTERWARDS, 'https://app.example/bye?lang=en'] })
const other = await makeSite(postern, { postLogoutRedirectUris: ['https://other.example/bye'] })

/** What Chromium says of a person's way to a page. */
const NAVIGATION = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': 'cross-site' }
const ONLINE = { scope: 'openid read:entities' }
const OFFLINE = { scope: 'openid offline_access read:entities' }

type Visit = {
  readonly browser: BrowserLike
  readonly account: Account
  readonly idToken: string
  readonly accessToken: string
}

/** A person of their own, signed in at a client. */
const visit = async (
  client: RegisteredClient = site,
  parameters: Readonly<Record<string, string>> = ONLINE,
): Promise<Visit> => {
  const account = await postern.makeAccount()
  const browser = openBrowser(postern)
  const tokens = await authorize(postern, client, account, { browser, parameters })
  return { browser, account, idToken: tokens.id_token ?? '', accessToken: tokens.access_token }
}

const logoutPath = (parameters: Readonly<Record<string, string | undefined>>, path = '/oidc/logout'): string => {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return `${path}?${new URLSearchParams(given).toString()}`
}
const isLive = async (browser: BrowserLike): Promise<boolean> => !isSignIn(await browser.get('/account'))
const works = async (accessToken: string): Promise<boolean> =>
  (await callPlatform(postern, '/api/v3.0/organizations', { bearer: accessToken })).status === 200

/** The page that asks: nothing has ended, and nobody is sent anywhere. */
const assertAsks = async (stop: Stop, browser: BrowserLike, message = ''): Promise<void> => {
  assert.equal(stop.status, 200, message)
  assert.equal(stop.location, undefined, message)
  assert.ok(stop.text.includes(`action="${CONFIRM}"`), `${message}: ${plainText(stop.text)}`)
  assert.ok(await isLive(browser), message)
}
const assertSignedOut = async (stop: Stop, browser: BrowserLike): Promise<void> => {
  assert.equal(stop.status, 200)
  assert.match(plainText(stop.text), /You are signed out/)
  assert.equal(await isLive(browser), false)
}
const assertSentTo = async (stop: Stop, location: string, browser: BrowserLike): Promise<void> => {
  assert.deepEqual([stop.status, stop.location], [303, location], plainText(stop.text))
  assert.equal(await isLive(browser), false)
}

test('a client’s own sign-out with its ID token is done at once, and comes back with state (oidcc-rp-initiated-logout, -no-state)', async () => {
  for (const [state, location] of [
    ['a&b="<ä>', `${AFTERWARDS}?${new URLSearchParams({ state: 'a&b="<ä>' }).toString()}`],
    [undefined, AFTERWARDS],
  ] as const) {
    for (const clientId of [undefined, site.client.id]) {
      const { browser, idToken, accessToken } = await visit()
      assert.ok(await works(accessToken))
      const path = logoutPath({
        id_token_hint: idToken,
        post_logout_redirect_uri: AFTERWARDS,
        state,
        client_id: clientId,
        logout_hint: 'somebody',
        ui_locales: 'de en',
      })
      await assertSentTo(await browser.get(path, NAVIGATION), location, browser)
      assert.equal(await works(accessToken), false)
    }
  }
  // What is in the query of the registered URI stays there.
  const { browser, idToken } = await visit()
  const uri = 'https://app.example/bye?lang=en'
  const stop = await browser.get(logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: uri, state: 'x' }))
  await assertSentTo(stop, `${uri}&state=x`, browser)
})

test('an ID token that has expired still says whose session it was (RP-Initiated Logout §2)', async () => {
  const { browser, account, idToken } = await visit()
  postern.travel(11 * 3600)
  assert.ok(Number(claimsOf(idToken)['exp']) < Date.now() / 1000 + 11 * 3600)
  const stop = await browser.get(logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: AFTERWARDS }))
  await assertSentTo(stop, AFTERWARDS, browser)
  // Without a session there is nothing to end, and the way back is the same.
  const again = await browser.get(logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: AFTERWARDS }))
  await assertSentTo(again, AFTERWARDS, browser)
  await signInHere(browser, account)
  assert.ok(await isLive(browser))
})

test('without post_logout_redirect_uri the page says what has ended (oidcc-rp-initiated-logout-no-post-logout-redirect-uri)', async () => {
  const { browser, idToken } = await visit()
  const stop = await browser.get(logoutPath({ id_token_hint: idToken, state: 'kept to itself' }))
  await assertSignedOut(stop, browser)
  assert.match(plainText(stop.text), new RegExp(site.client.name))
})

test('B28 · without a proof of whose it is the person is asked, and nobody is redirected unasked (RP-Initiated Logout §2; oidcc-rp-initiated-logout-no-params, -only-state, -no-id-token-hint)', async () => {
  const { browser, idToken } = await visit()
  const unproved: readonly Readonly<Record<string, string>>[] = [
    {},
    { state: 'x' },
    { post_logout_redirect_uri: AFTERWARDS },
    { post_logout_redirect_uri: AFTERWARDS, state: 'x' },
    { post_logout_redirect_uri: 'https://evil.example/' },
    { client_id: site.client.id },
    { client_id: site.client.id, post_logout_redirect_uri: AFTERWARDS, state: 'x' },
    { client_id: site.client.id, logout_hint: 'somebody' },
  ]
  for (const parameters of unproved) {
    const stop = await browser.get(logoutPath(parameters), NAVIGATION)
    await assertAsks(stop, browser, JSON.stringify(parameters))
    assert.doesNotMatch(stop.text, /evil\.example/)
  }
  // The person says yes: without a client the address is nobody's, and they stay with us.
  const named = await browser.get(logoutPath(unproved[6]!), NAVIGATION)
  const nameless = await browser.get(logoutPath(unproved[3]!), NAVIGATION)
  assert.match(named.headers.get('content-security-policy') ?? '', /form-action 'self' https:\/\/app\.example;/)
  assert.match(nameless.headers.get('content-security-policy') ?? '', /form-action 'self';/)
  await assertSignedOut(await browser.submit(nameless, CONFIRM, { decision: 'sign_out' }), browser)
  const second = await visit()
  const asked = await second.browser.get(logoutPath(unproved[6]!), NAVIGATION)
  const told = await second.browser.submit(asked, CONFIRM, { decision: 'sign_out' })
  await assertSentTo(told, `${AFTERWARDS}?state=x`, second.browser)
  assert.notEqual(idToken, second.idToken)
})

test('a bad ID token, address or client is an error page: nothing has ended, nobody is sent there (oidcc-rp-initiated-logout-bad-id-token-hint, -modified-id-token-hint, -bad-post-logout-redirect-uri, -query-added-to-post-logout-redirect-uri)', async () => {
  const { browser, idToken, accessToken } = await visit()
  const good = { id_token_hint: idToken, post_logout_redirect_uri: AFTERWARDS }
  const [head = '', body = '', tail = ''] = idToken.split('.')
  const forged = Buffer.from(JSON.stringify({ ...claimsOf(idToken), sub: 'platform|1' })).toString('base64url')
  const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT', kid: 'x' })).toString('base64url')
  const bad: readonly Readonly<Record<string, string>>[] = [
    ...['x', 'a.b.c', `${head}.${forged}.${tail}`, `${none}.${body}.`, `${head}.${body}.`, accessToken].map((hint) => ({
      ...good,
      id_token_hint: hint,
    })),
    { ...good, id_token_hint: `${head}.${body}.${withCharacterChanged(tail, 20)}` },
    { id_token_hint: 'x' },
    ...[
      `${AFTERWARDS}?extra=1`,
      `${AFTERWARDS}/`,
      `${AFTERWARDS}#x`,
      'https://app.example/BYE',
      'https://APP.example/bye',
      'https://app.example:443/bye',
      'https://app.example/./bye',
      'https://app.example@evil.example/bye',
      'https://evil.example/',
      '//evil.example',
      '/\\evil.example',
      'javascript:alert(1)',
      'https://app.example/cb',
      'https://other.example/bye',
    ].map((uri) => ({ ...good, post_logout_redirect_uri: uri })),
    { ...good, client_id: other.client.id },
    { ...good, client_id: 'nobody' },
    { client_id: 'nobody' },
    { ...good, state: 'x'.repeat(4097) },
  ]
  for (const parameters of bad) {
    const message = JSON.stringify(parameters)
    assertErrorPage(await browser.get(logoutPath(parameters), NAVIGATION), 400, message)
    assertErrorPage(await browser.post('/oidc/logout', parameters, { origin: 'https://app.example' }), 400, message)
  }
  for (const name of Object.keys(good)) {
    assertErrorPage(await browser.get(`${logoutPath(good)}&${name}=x`, NAVIGATION), 400, name)
  }
  assert.ok(await isLive(browser))
  assert.ok(await works(accessToken))
  await assertSentTo(await browser.get(logoutPath(good), NAVIGATION), AFTERWARDS, browser)
})

test('an ID token of somebody else, of another session or of none proves nothing here: the person is asked', async () => {
  const { browser, account, idToken } = await visit()
  const somebody = await visit()
  const elsewhere = await authorize(postern, site, account, { parameters: ONLINE })
  const byPassword = await postern.makeClient({ postLogoutRedirectUris: [AFTERWARDS] })
  const answer = assertGranted(await postern.signIn(byPassword, account.username, { scope: 'openid' }))
  for (const hint of [somebody.idToken, elsewhere.id_token, answer.id_token]) {
    const stop = await browser.get(
      logoutPath({ id_token_hint: hint, post_logout_redirect_uri: AFTERWARDS }),
      NAVIGATION,
    )
    await assertAsks(stop, browser)
  }
  assert.ok(await isLive(somebody.browser))
  const own = logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: AFTERWARDS })
  await assertSentTo(await browser.get(own, NAVIGATION), AFTERWARDS, browser)
})

test('a client that was disabled since is nobody’s way out', async () => {
  const client = await makeSite(postern, { postLogoutRedirectUris: [AFTERWARDS] })
  const { browser, idToken } = await visit(client)
  const asked = await browser.get(logoutPath({ client_id: client.client.id, post_logout_redirect_uri: AFTERWARDS }))
  await assertAsks(asked, browser)
  await postern.store.clients.disable(client.client.id)
  assertErrorPage(await browser.get(logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: AFTERWARDS })))
  assertErrorPage(await browser.submit(asked, CONFIRM, { decision: 'sign_out' }))
  assert.ok(await isLive(browser))
})

/** What no person has seen coming: pictures, frames, scripts, guesses at where they go next. */
const UNSEEN: readonly SentHeaders[] = [
  { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
  { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
  { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
  { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' },
  { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'document' },
  { ...NAVIGATION, 'sec-purpose': 'prefetch;prerender' },
  { ...NAVIGATION, purpose: 'prefetch' },
]

test('F14 · a picture, a frame, a script or a prefetch ends no session, whatever it knows (RP-Initiated Logout §2)', async () => {
  const { browser, idToken, accessToken } = await visit()
  const paths = [
    '/oidc/logout',
    logoutPath({ id_token_hint: idToken }),
    logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: AFTERWARDS }),
    '/v2/logout',
    logoutPath({ client_id: site.client.id, returnTo: AFTERWARDS }, '/v2/logout'),
  ]
  for (const headers of UNSEEN) {
    for (const path of paths)
      await assertAsks(await browser.get(path, headers), browser, JSON.stringify([path, headers]))
  }
  assert.ok(await works(accessToken))
  await assertSentTo(await browser.get(paths[2]!, NAVIGATION), AFTERWARDS, browser)
})

test('/v2/logout as a person’s way comes back at once; anything else is asked, and nobody’s address is an error page', async () => {
  const withReturn = logoutPath(
    { client_id: site.client.id, returnTo: AFTERWARDS, auth0Client: 'eyJuYW1lIjoiYXV0aDAuanMifQ', federated: '' },
    '/v2/logout',
  )
  const { browser, accessToken } = await visit()
  for (const path of ['/v2/logout', `/v2/logout?client_id=${site.client.id}`, '/v2/logout?federated']) {
    await assertAsks(await browser.get(path, NAVIGATION), browser, path)
  }
  // A browser that says nothing may have been anything.
  await assertAsks(await browser.get(withReturn, { 'sec-fetch-mode': undefined }), browser)
  for (const parameters of [
    { returnTo: AFTERWARDS },
    { client_id: other.client.id, returnTo: AFTERWARDS },
    { client_id: 'nobody', returnTo: AFTERWARDS },
    { client_id: site.client.id, returnTo: `${AFTERWARDS}?x` },
    { client_id: site.client.id, returnTo: 'https://evil.example/' },
  ]) {
    assertErrorPage(
      await browser.get(logoutPath(parameters, '/v2/logout'), NAVIGATION),
      400,
      JSON.stringify(parameters),
    )
  }
  assertErrorPage(await browser.get(`${withReturn}&returnTo=https%3A%2F%2Fevil.example`, NAVIGATION))
  assert.ok(await isLive(browser))
  await assertSentTo(await browser.get(withReturn, NAVIGATION), AFTERWARDS, browser)
  assert.equal(await works(accessToken), false)
  // Who is signed out already is sent back too: nothing is left to ask about.
  await assertSentTo(await browser.get(withReturn), AFTERWARDS, browser)
})

test('a form of the client’s own page is taken, and its ID token is in no URL (RP-Initiated Logout §2; OWASP)', async () => {
  const { browser, idToken } = await visit()
  const fields = { id_token_hint: idToken, post_logout_redirect_uri: AFTERWARDS, state: 'x' }
  for (const [body, type] of [
    [JSON.stringify(fields), 'application/json'],
    [new URLSearchParams({ ...fields, logout_hint: 'x'.repeat(9000) }).toString(), FORM],
  ] as const) {
    const response = await fetch(`${postern.origin}/oidc/logout`, {
      method: 'POST',
      body,
      headers: { 'content-type': type, origin: 'https://app.example' },
      redirect: 'manual',
    })
    assert.equal(response.status, 400)
  }
  const response = await fetch(`${postern.origin}/oidc/logout`, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' },
    redirect: 'manual',
  })
  const location = response.headers.get('location') ?? ''
  assert.equal(response.status, 303)
  assert.match(location, /^\/oidc\/logout\/continue\?request=[A-Za-z0-9_-]+$/)
  assert.equal(response.headers.getSetCookie().length, 0)
  for (const part of idToken.split('.')) assert.ok(!location.includes(part))
  assert.ok(await isLive(browser))
  await assertSentTo(await browser.get(location, NAVIGATION), `${AFTERWARDS}?state=x`, browser)

  // Old, changed or made up, it is nothing.
  const second = await visit()
  for (const request of [undefined, '', 'x', withCharacterChanged(location.split('=')[1]!, 60)]) {
    assertErrorPage(await second.browser.get(logoutPath({ request }, '/oidc/logout/continue'), NAVIGATION))
  }
  assert.ok(await isLive(second.browser))
})

test('F01 · the form of our page counts from our page alone, for the session that it was shown to (RFC 6749 §10.12)', async () => {
  const { browser, account } = await visit()
  const page = await browser.get('/oidc/logout')
  const fields = { decision: 'sign_out' }
  for (const headers of [
    { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' },
    { origin: 'null', 'sec-fetch-site': undefined },
    { origin: undefined, 'sec-fetch-site': undefined },
  ]) {
    assertErrorPage(await browser.submit(page, CONFIRM, fields, headers), 403)
  }
  const somebody = await visit()
  const sent = { ...fieldsOf(page, CONFIRM), ...fields }
  assertErrorPage(await somebody.browser.post(CONFIRM, sent), 403)
  const csrf = fieldsOf(await browser.get('/account'), '/account/sign-out')['csrf']
  for (const request of [undefined, 'x', csrf]) assertErrorPage(await browser.post(CONFIRM, { request, ...fields }))
  for (const decision of [undefined, '', 'yes']) {
    assertErrorPage(await browser.submit(page, CONFIRM, { decision }), 400)
  }
  assert.ok(await isLive(browser))
  assert.ok(await isLive(somebody.browser))
  const stayed = await browser.submit(page, CONFIRM, { decision: 'stay' })
  assert.match(plainText(stayed.text), /You are still signed in/)
  assert.ok(await isLive(browser))
  await assertSignedOut(await browser.submit(page, CONFIRM, fields), browser)
  // A second press, or a second tab: it is done.
  await assertSignedOut(await browser.post(CONFIRM, sent), browser)
  await signInHere(browser, account)
  assertErrorPage(await browser.post(CONFIRM, sent), 403)
})

test('K29 · a sign-out ends what was begun in the browser without offline_access; what has it goes on (OIDC §11, BCL §2.7)', async () => {
  const [online, offline, spa] = [await makeSite(postern), await makeSite(postern), await makePublicSite(postern)]
  const account = await postern.makeAccount()
  const [browser, phone] = [openBrowser(postern), openBrowser(postern)]
  const ended = await authorize(postern, online, account, { browser, parameters: ONLINE })
  const kept = await authorize(postern, offline, account, { browser, parameters: OFFLINE })
  const inPage = await authorize(postern, spa, account, { browser, parameters: ONLINE })
  const onPhone = await authorize(postern, online, account, { browser: phone, parameters: ONLINE })
  const session = await bridge(postern, ended.access_token)
  const keptSession = await bridge(postern, kept.access_token)
  const onItsWay = await obtainCode(browser, online, account, ONLINE)
  assert.equal(ended.refresh_token, '')
  assert.notEqual(kept.refresh_token, '')

  const page = await browser.get('/oidc/logout', NAVIGATION)
  assert.match(
    plainText(page.text),
    new RegExp(`lose their access with it .*${online.client.name}.* keep their access .*${offline.client.name}`),
  )
  const [audited] = await auditsOf(postern, async () => {
    const stop = await browser.submit(page, CONFIRM, { decision: 'sign_out' })
    await assertSignedOut(stop, browser)
    assert.match(
      plainText(stop.text),
      new RegExp(
        `lost their access .*${online.client.name}.*${spa.client.name}.* keep their access .*${offline.client.name}`,
      ),
    )
  })
  assert.deepEqual(
    [audited?.audit, audited?.['account'], audited?.['ended'], audited?.['go_on'], audited?.['logout_tokens']],
    ['browser_signed_out', account.id, [online.client.id, spa.client.id].toSorted(), [offline.client.id], []],
  )
  for (const { access_token: token } of [ended, inPage]) assert.equal(await works(token), false)
  assert.equal((await callPlatform(postern, '/api/v2.0/session', { session })).status, 401)
  assertRefused(await redeem(postern, onItsWay), 400, 'invalid_grant')
  for (const { access_token: token } of [kept, onPhone]) assert.ok(await works(token))
  assert.equal((await callPlatform(postern, '/api/v2.0/session', { session: keptSession })).status, 200)
  assertGranted(await refreshWith(postern, offline, kept.refresh_token))
  assert.ok(await isLive(phone))
})

test('K29 · who signs in again in the same browser is signed out of all that was begun in it, before and after', async () => {
  const { browser, account, idToken, accessToken } = await visit()
  const { sid } = claimsOf(idToken)
  const later = await authorize(postern, other, account, { browser, parameters: { ...ONLINE, prompt: 'login' } })
  assert.equal(claimsOf(later.id_token ?? '')['sid'], sid)
  assert.ok(await works(accessToken))
  const hint = { id_token_hint: later.id_token, post_logout_redirect_uri: 'https://other.example/bye' }
  await assertSentTo(await browser.get(logoutPath(hint), NAVIGATION), 'https://other.example/bye', browser)
  assert.deepEqual([await works(accessToken), await works(later.access_token)], [false, false])
})

test('F06 · who signs in over somebody else’s session signs them out, with what was begun in it', async () => {
  const { browser, accessToken, idToken } = await visit()
  const next = await postern.makeAccount()
  const page = await browser.get(
    `/authorize?response_type=code&client_id=${other.client.id}&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&scope=openid&prompt=login`,
  )
  const { username } = next
  await browser.submit(page, '/sign-in', { username, password: 'correct horse battery staple' })
  assert.equal(await works(accessToken), false)
  const stop = await browser.get(
    logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: AFTERWARDS }),
    NAVIGATION,
  )
  await assertAsks(stop, browser)
  assert.match(plainText(stop.text), new RegExp(username))
})

test('F10, F11, F13, P04 · the pages and the cookie of a sign-out are as strict as all others, and repeat nothing as markup (CSP 3 §6.4; RFC 6265bis)', async () => {
  const { browser } = await visit()
  const markup = '"><script>alert(1)</script>'
  const stop = await browser.get(
    logoutPath({
      client_id: site.client.id,
      post_logout_redirect_uri: AFTERWARDS,
      state: markup,
      logout_hint: markup,
      ui_locales: markup,
    }),
  )
  await assertAsks(stop, browser)
  const bad = await browser.get(logoutPath({ client_id: markup, post_logout_redirect_uri: markup, state: markup }))
  assertErrorPage(bad)
  const done = await browser.submit(stop, CONFIRM, { decision: 'sign_out' })
  assert.equal(done.location, `${AFTERWARDS}?${new URLSearchParams({ state: markup }).toString()}`)
  for (const page of [stop, bad]) {
    assert.doesNotMatch(page.text, /<script/)
    const policy = page.headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'.*form-action 'self'.*frame-ancestors 'none'; base-uri 'none'/)
    assert.doesNotMatch(policy, /unsafe|script-src/)
    assert.equal(page.headers.get('cache-control'), 'no-store')
    assert.equal(page.headers.get('x-frame-options'), 'DENY')
  }
  assert.equal(done.headers.get('cache-control'), 'no-store')
  assert.match(browser.received.at(-1) ?? '', /^postern_session=; Max-Age=0; Path=\/; HttpOnly; SameSite=Lax$/)

  const secure = await startPostern(file, { config: { urls: { auth: 'https://auth.example/' } } })
  const response = await fetch(`${secure.origin}/oidc/logout`, { headers: { 'x-forwarded-proto': 'https' } })
  assert.equal(response.status, 400, 'a proxy that is not trusted is not believed')
})

test('what is said about signing out in the metadata is there (Discovery §3, BCL §2.1)', async () => {
  const response = await fetch(`${postern.origin}/.well-known/openid-configuration`)
  const document = (await response.json()) as Record<string, unknown>
  assert.equal(document['end_session_endpoint'], `${ISSUER}oidc/logout`)
  assert.equal(document['backchannel_logout_supported'], true)
  assert.equal(document['backchannel_logout_session_supported'], true)
  assert.equal(document['frontchannel_logout_supported'], undefined)
})
