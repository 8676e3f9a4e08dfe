import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findRedirectUriDefect } from '#protocol/redirect_uri.ts'
import {
  assertConsent,
  assertErrorPage,
  assertSignIn,
  assertTold,
  authorizePath,
  fieldsOf,
  ISSUER,
  makePublicSite,
  makeSite,
  obtainCode,
  openBrowser,
  pkce,
  readAnswer,
  readCode,
  redeem,
  signInAt,
  signInHere,
  allowAt,
  walkThrough,
} from '../support/browser_like.ts'
import { PASSWORD, startPostern } from '../support/running_postern.ts'
import { assertGranted, assertRefused, file } from './attacking.ts'

// B · redirect_uri and open redirects. B28 is in `sign_out.test.ts`.
//
// Not here, because what they attack does not exist yet:
// - B13, B17 at registration by a client · there is no dynamic registration; what support registers is checked (B13, B17 below).
// - B34 · there are no dynamic, unverified clients: each redirect URI was registered by support.
// - B29 with `.jwt` · there is no JARM: that response mode is refused (A07, in authorization_endpoint).

const postern = await startPostern(file)
const account = await postern.makeAccount()
const CB = 'https://app.example/cb'
const QUERY_CB = 'https://app.example/cb?t=1'
const LOCAL = 'http://localhost:9402/cb'
const site = await makeSite(postern, { redirectUris: [CB, QUERY_CB, LOCAL] })
const program = await makePublicSite(postern, { redirectUris: ['http://127.0.0.1/cb', 'http://[::1]:7000/cb'] })

const browser = openBrowser(postern)
await signInHere(browser, account)
const stranger = openBrowser(postern)

/** None of these is a redirect URI of the client: for a stranger, for whoever is signed in, silently, and by form_post. */
const assertNotRegistered = async (uris: readonly string[], client = site) => {
  for (const uri of uris) {
    for (const more of [{}, { prompt: 'none' }, { response_mode: 'form_post' }, { scope: 'nonsense' }]) {
      const path = authorizePath(client, { redirect_uri: uri, ...more })
      for (const who of [stranger, browser]) {
        const stop = await who.get(path)
        assertErrorPage(stop, 400, uri)
        assert.doesNotMatch(stop.text, /evil/, uri)
      }
    }
  }
}

test('B01 · longer, deeper and other hosts that begin alike end at a page (RFC 9700 §4.1.3; CVE-2026-5467)', async () => {
  await assertNotRegistered([
    `${CB}.evil.com`,
    `${CB}/x`,
    `${CB}x`,
    'https://app.example/c',
    'https://app.example',
    'https://app.example.evil.com/cb',
    'https://evil.app.example/cb',
    'https://evil.com/?https://app.example/cb',
    'http://app.example/cb',
    '//app.example/cb',
    '/cb',
  ])
  assertSignIn(await stranger.get(authorizePath(site, { redirect_uri: CB })))
})

test('B02, B04 · nothing in a path is normalised (CVE-2026-3872, CVE-2022-3782)', async () => {
  await assertNotRegistered([
    'https://app.example/cb/..;/x',
    'https://app.example/x/../cb',
    'https://app.example/./cb',
    'https://app.example/cb/.',
    'https://app.example/%63b',
    'https://app.example/cb/%252e%252e/evil',
    'https://app.example/%25%32%65%25%32%65/cb',
    'https://app.example/cb%2f..%2fevil',
    'https://app.example\\cb',
    'https://app.example/cb;evil',
  ])
})

test('B05, B07, B08 · a user name or a host that only looks local is another host (CVE-2023-6291, CVE-2024-8883, CVE-2026-18211)', async () => {
  await assertNotRegistered([
    'https://app.example@evil.com/cb',
    'https://app.example:x@evil.com/cb',
    'https://user@app.example/cb',
    'http://localhost.evil.com/cb',
    'http://localhost:9402@evil.com/cb',
    'http://localhost:9403/cb',
    'http://localhost/cb',
    'http://127.0.0.1:9402/cb',
  ])
  await assertNotRegistered(
    [
      'http://127.0.0.1:80@evil.com/cb',
      'http://127.0.0.1@evil.com/cb',
      'http://127.0.0.1.evil.com/cb',
      'http://127.0.0.1:8000/cb/x',
      'http://127.0.0.1:8000/cb?x=1',
      'http://127.0.0.1:/cb',
      'http://127.0.0.1:-1/cb',
      'http://127.0.0.1:65536/cb',
      'http://127.0.0.1:99999/cb',
      'http://[::1]:99999/cb',
      'http://localhost:8000/cb',
      'http://127.1:8000/cb',
      'http://2130706433/cb',
      'http://0x7f000001/cb',
      'https://127.0.0.1:8000/cb',
      'http://[::1%25lo]:7000/cb',
      'http://[::ffff:127.0.0.1]:7000/cb',
    ],
    program,
  )
  // RFC 8252 §7.3: a program gets its port from the system, and any that exists is right.
  for (const uri of [
    'http://127.0.0.1/cb',
    'http://127.0.0.1:1/cb',
    'http://127.0.0.1:65535/cb',
    'http://[::1]:8000/cb',
  ]) {
    const { challenge, verifier } = pkce()
    const asked = { redirect_uri: uri, code_challenge: challenge, code_challenge_method: 'S256' }
    const code = readCode(await walkThrough(browser, authorizePath(program, asked), account), uri)
    assertGranted(await redeem(postern, { code, verifier, client: program }, { redirect_uri: uri }))
  }
})

test('B10, B11, B16, B31 · case, query, port, slash and dot are compared as characters (RFC 9700 §2.1; CVE-2020-15234)', async () => {
  await assertNotRegistered([
    'https://app.example/CB',
    'HTTPS://app.example/cb',
    'https://APP.EXAMPLE/cb',
    `${CB}?x=1`,
    `${CB}?`,
    `${CB}?t=2`,
    `${QUERY_CB}&x=1`,
    'https://app.example:8443/cb',
    'https://app.example:443/cb',
    `${CB}/`,
    'https://app.example./cb',
    'https://app.example//cb',
    'https:app.example/cb',
    'https:///app.example/cb',
  ])
  readCode(await walkThrough(browser, authorizePath(site, { redirect_uri: CB }), account), CB)
})

test('B13 · a fragment ends at a page, and is not registered (RFC 6749 §3.1.2)', async () => {
  await assertNotRegistered([`${CB}#`, `${CB}#x`, `${CB}%23x`])
  assert.match(findRedirectUriDefect(`${CB}#x`) ?? '', /fragment/)
  assert.equal(findRedirectUriDefect(CB), undefined)
})

test('B14 · an answer smuggled into the redirect URI ends at a page, and cannot be registered (CVE-2026-9689, CVE-2026-18209)', async () => {
  await assertNotRegistered([`${CB}?code=ATT&state=x&iss=${ISSUER}`, `${QUERY_CB}&code=ATT`, `${CB}&code=ATT`])
  for (const name of ['code', 'state', 'iss', 'error', '%63ode', 'error_description']) {
    assert.match(findRedirectUriDefect(`${CB}?t=1&${name}=x`) ?? '', /the answer has it/, name)
  }
  assert.equal(findRedirectUriDefect(QUERY_CB), undefined)
  const stop = await walkThrough(browser, authorizePath(site, { redirect_uri: QUERY_CB, state: 's&code=ATT' }), account)
  const { values } = readAnswer(stop, QUERY_CB)
  assert.deepEqual([values.getAll('code').length, values.getAll('state')], [1, ['s&code=ATT']])
  const told = await browser.get(authorizePath(site, { redirect_uri: QUERY_CB, response_type: 'token' }))
  assertTold(told, 'unsupported_response_type', { redirectUri: QUERY_CB })
})

test('B17 · a scheme that a browser runs or shows is neither taken nor registered (CVE-2026-9086)', async () => {
  const uris = [
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)//',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'blob:https://app.example/x',
    'file:///etc/passwd',
    'about:blank',
    'view-source:https://app.example/cb',
    'java\tscript:alert(1)',
  ]
  await assertNotRegistered(uris)
  for (const uri of uris) assert.ok(findRedirectUriDefect(uri) !== undefined, uri)
  assert.equal(findRedirectUriDefect('com.example.app:/cb'), undefined)
})

test('B19 · without a redirect URI there must be no choice and no openid (OIDC §3.1.2.1)', async () => {
  const single = await makeSite(postern)
  assertErrorPage(await browser.get(authorizePath(site, { redirect_uri: undefined })), 400, 'several')
  for (const scope of ['openid', 'read:entities openid', 'openid  profile']) {
    assertErrorPage(await browser.get(authorizePath(single, { redirect_uri: undefined, scope })), 400, scope)
  }
  const none = await makeSite(postern, { redirectUris: [] })
  assertErrorPage(await browser.get(authorizePath(none, { redirect_uri: undefined })), 400, 'none')
  readCode(await walkThrough(browser, authorizePath(single, { redirect_uri: undefined }), account))
})

test('B20 · an empty redirect_uri is none, and other spellings of the name are other parameters', async () => {
  assertErrorPage(await browser.get(authorizePath(site, { redirect_uri: '' })))
  for (const name of [
    'redirect_uri[]',
    'redirect_uri[0]',
    'redirect_uri.0',
    'Redirect_Uri',
    'redirect_uri ',
    'redirectUri',
  ]) {
    const path = authorizePath(site, { redirect_uri: undefined, [name]: 'https://evil.example/cb' })
    assertErrorPage(await browser.get(path), 400, name)
    const both = authorizePath(site, { redirect_uri: CB, [name]: 'https://evil.example/cb' })
    readCode(await walkThrough(browser, both, account), CB)
  }
})

test('B22, B23 · look-alike and invisible characters are other characters (GHSA-7rqj-j65f-68wh)', async () => {
  await assertNotRegistered([
    'https://app．example/cb',
    'https://app。example/cb',
    'https:／／app.example/cb',
    'https://app.example／cb',
    'https://app.example＠evil.com/cb',
    'https://app\u00ad.example/cb',
    'https://xn--app-.example/cb',
    'https://аpp.example/cb',
    ` ${CB}`,
    `${CB} `,
    `${CB}\n`,
    `\t${CB}`,
    'https://app.exa\tmple/cb',
    'https://app.example/c\nb',
    `${CB}\u200b`,
    `\ufeff${CB}`,
  ])
  const nul = `${authorizePath(site, { redirect_uri: undefined })}&redirect_uri=${encodeURIComponent(CB)}%00`
  assertErrorPage(await browser.get(nul))
})

test('B25 · the exchange repeats the redirect URI of the request; another spends the code (RFC 6749 §4.1.3)', async () => {
  for (const uri of [undefined, '', QUERY_CB, `${CB}/`, 'https://evil.example/cb', 'HTTPS://app.example/cb']) {
    const obtained = await obtainCode(browser, site, account, { redirect_uri: CB })
    assertRefused(await redeem(postern, obtained, { redirect_uri: uri }), 400, 'invalid_grant')
    assertRefused(await redeem(postern, obtained, { redirect_uri: CB }), 400, 'invalid_grant')
  }
  assertGranted(await redeem(postern, await obtainCode(browser, site, account, { redirect_uri: CB })))
  // A request without one was answered at the only one: that, or again none.
  const single = await makeSite(postern)
  for (const [uri, isRight] of [
    [undefined, true],
    [CB, true],
    [QUERY_CB, false],
    [`${CB}?`, false],
  ] as const) {
    const path = authorizePath(single, { redirect_uri: undefined })
    const obtained = { code: readCode(await walkThrough(browser, path, account)), verifier: undefined, client: single }
    const answer = await redeem(postern, obtained, { redirect_uri: uri })
    if (isRight) assertGranted(answer)
    else assertRefused(answer, 400, 'invalid_grant')
  }
  // The port of a program is part of what must be repeated.
  const { challenge, verifier } = pkce()
  const asked = { redirect_uri: 'http://127.0.0.1:5000/cb', code_challenge: challenge, code_challenge_method: 'S256' }
  const code = readCode(await walkThrough(browser, authorizePath(program, asked), account), asked.redirect_uri)
  const other = { redirect_uri: 'http://127.0.0.1:5001/cb' }
  assertRefused(await redeem(postern, { code, verifier, client: program }, other), 400, 'invalid_grant')
})

test('B26 · after a form the browser goes on by GET: 303, never 307 or 308 (RFC 9700 §4.12)', async () => {
  const fresh = openBrowser(postern)
  const other = await makeSite(postern)
  const page = await signInAt(fresh, await fresh.get(authorizePath(other)), account)
  assert.deepEqual(page.statuses, [303, 200])
  assertConsent(page)
  assert.deepEqual((await allowAt(fresh, page)).statuses, [303])
  const denied = await fresh.get(authorizePath(other, { prompt: 'consent' }))
  const stop = await fresh.submit(denied, '/consent', { decision: 'deny' })
  assert.deepEqual(stop.statuses, [303])
  assertTold(stop, 'access_denied')
})

test('B29 · form_post to another URI ends at a page; to the right one it is a form there (CVE-2023-6134, CVE-2023-6927)', async () => {
  await assertNotRegistered(['https://evil.example/cb', `${CB}"><script>`])
  const stop = await walkThrough(
    browser,
    authorizePath(site, { redirect_uri: CB, response_mode: 'form_post' }),
    account,
  )
  assert.ok((fieldsOf(stop, CB)['code']?.[0] ?? '') !== '')
})

test('B32 · no parameter sends the browser elsewhere after signing in (CWE-601)', async () => {
  const targets = ['//evil.example', '/\\evil.example', 'https:evil.example', '/%09/evil.example', '/..//evil.example']
  for (const target of targets) {
    for (const name of [
      'return_to',
      'next',
      'continue',
      'redirect',
      'returnTo',
      'request',
      'post_logout_redirect_uri',
    ]) {
      const fresh = openBrowser(postern)
      const page = await fresh.get(`/account?${new URLSearchParams({ [name]: target }).toString()}`)
      assertSignIn(page)
      const more = name === 'request' ? {} : { [name]: target }
      const stop = await fresh.submit(page, '/sign-in', { username: account.username, password: PASSWORD, ...more })
      assert.deepEqual([stop.status, stop.path, stop.location], [200, '/account', undefined])
      assert.doesNotMatch(stop.text, /evil/)
    }
    assertErrorPage(await stranger.get(`/authorize/continue?request=${encodeURIComponent(target)}`))
    const posted = { request: target, username: account.username, password: 'x' }
    assertErrorPage(await stranger.post('/sign-in', posted))
  }
})
