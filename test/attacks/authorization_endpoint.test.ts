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
  ISSUER,
  makePublicSite,
  makeSite,
  obtainCode,
  openBrowser,
  readAnswer,
  readCode,
  redeem,
  REDIRECT_URI,
  signInAt,
  signInHere,
  walkThrough,
  type AskedParameters,
} from '../support/browser_like.ts'
import { addOrganizations, claimsOf, startPostern } from '../support/running_postern.ts'
import { assertGranted, assertRefused, file, linesOf } from './attacking.ts'

// A · the authorization endpoint.
//
// Not here, because what they attack does not exist yet:
// - A19, A20, A22, A23 · request objects are refused by their own errors, signed or not (A19 below).
// - A25, A26, A28, A29, A31, A32 · pushed authorization requests are in pushed_requests.test.ts.
// - A41 · authorization_details is not read from requests: it is ignored (A17 below).
// - A49 · in `dpop.test.ts`.
// - A47 is done by hand (P3); ui_locales is ignored (A17 below).

const postern = await startPostern(file)
await addOrganizations(postern.store, 3)
const account = await postern.makeAccount()
const site = await makeSite(postern)

/** A browser that is signed in. */
const signedIn = async (as = account) => {
  const browser = openBrowser(postern)
  await signInHere(browser, as)
  return browser
}
const stranger = openBrowser(postern)
const ask = (parameters: AskedParameters = {}, more = '') => stranger.get(authorizePath(site, parameters) + more)

test('A01 · a request without client_id ends at a page (RFC 6749 §4.1.2.1)', async () => {
  for (const clientId of [undefined, '']) assertErrorPage(await ask({ client_id: clientId }))
  assertErrorPage(await ask({}, `&client_id=${site.client.id}`), 400, 'twice')
  assertSignIn(await ask())
})

test('A02 · an unknown, a disabled and a mangled client are one page (RFC 6749 §4.1.2.1)', async () => {
  const disabled = await makeSite(postern)
  assertSignIn(await stranger.get(authorizePath(disabled)))
  await postern.store.clients.disable(disabled.client.id)
  const texts = []
  for (const id of ['nobody', disabled.client.id, `${site.client.id}x`, site.client.id.slice(1), '🦊', '../x']) {
    const stop = await ask({ client_id: id })
    assertErrorPage(stop, 400, id)
    texts.push(stop.text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|<code>[^<]*<\/code>/g, ''))
  }
  assert.equal(new Set(texts).size, 1, texts.slice(0, 2).join('\n'))
})

test('A04 · redirect_uri twice ends at a page, even twice the same (RFC 6749 §3.1; CVE-2026-9689)', async () => {
  for (const second of [REDIRECT_URI, 'https://evil.example/cb', '']) {
    assertErrorPage(await ask({}, `&redirect_uri=${encodeURIComponent(second)}`), 400, second)
  }
  assertSignIn(await ask())
})

test('A05 · a parameter that comes twice is refused at the client; a repeated state is not echoed (RFC 6749 §3.1)', async () => {
  for (const name of ['scope', 'nonce', 'code_challenge', 'response_type', 'prompt', 'response_mode', 'max_age']) {
    for (const pair of [`&${name}=code&${name}=code`, `&${name}=&${name}=x`]) {
      const stop = await ask({ response_type: undefined, state: 'S' }, pair)
      assertTold(stop, 'invalid_request', { state: 'S', message: pair })
    }
  }
  assertTold(await ask({ state: 'S' }, '&state=T'), 'invalid_request')
  assertTold(await ask({ state: 'S' }, '&state=S'), 'invalid_request')
  assertTold(await ask({ state: 'S', prompt: 'none' }), 'login_required', { state: 'S' })
})

test('A07 · every response type with a token in it is refused, for every client (RFC 9700 §2.1.2; CVE-2026-7571)', async () => {
  for (const type of [
    'token',
    'id_token',
    'code token',
    'code id_token',
    'id_token token',
    'code id_token token',
    'none',
  ]) {
    assertTold(await ask({ response_type: type, state: 's' }), 'unsupported_response_type', {
      state: 's',
      message: type,
    })
  }
  for (const mode of ['fragment', 'WEB_MESSAGE', 'query.jwt', 'fragment.jwt']) {
    assertTold(await ask({ response_mode: mode }), 'invalid_request', { message: mode })
  }
  assertTold(await ask({ response_type: undefined }), 'invalid_request')
  assertSignIn(await ask({ response_mode: 'query' }))
})

test('A08 · only the exact word is the response type (OP 9.11.4)', async () => {
  for (const type of ['CODE', ' code', 'code ', 'code code', 'code\n', 'cоde', 'constructor', '__proto__']) {
    assertTold(await ask({ response_type: type }), 'unsupported_response_type', { message: JSON.stringify(type) })
  }
  assertErrorPage(await stranger.get(`${authorizePath(site, { response_type: undefined })}&response_type=code%00`))
  assertSignIn(await ask())
})

test('A10 · a scope that the client may not have is left out, on the page and in the token (CVE-2024-52287)', async () => {
  const reader = await makeSite(postern, { scopes: ['openid', 'read:entities'], defaultScopes: [] })
  const browser = await signedIn()
  const scope = 'openid read:entities write:entities manage:users offline_access root'
  const page = await browser.get(authorizePath(reader, { scope }))
  assertConsent(page)
  assert.deepEqual(boxesOf(page, 'scope'), ['read:entities'])
  const code = readCode(await allowAt(browser, page))
  const body = assertGranted(await redeem(postern, { code, verifier: undefined, client: reader }))
  assert.equal(body.scope, 'openid read:entities')
  assert.equal(claimsOf(body.access_token)['scope'], 'openid read:entities')
  assert.equal(body.refresh_token, undefined)
  for (const nothing of ['manage:users', 'root', 'constructor', undefined]) {
    assertTold(await browser.get(authorizePath(reader, { scope: nothing })), 'invalid_scope', {
      message: String(nothing),
    })
  }
})

test('A11 · prompt=none without a session is told at once, without a page (OIDC §3.1.2.6)', async () => {
  const stop = await ask({ prompt: 'none', state: 'S' })
  assertTold(stop, 'login_required', { state: 'S' })
  assert.equal(stop.text, '')
  const browser = await signedIn()
  const silent = authorizePath(site, { prompt: 'none' })
  assertTold(await browser.get(silent), 'consent_required')
  await obtainCode(browser, site, account)
  readCode(await browser.get(silent))
  const another = await signedIn(await postern.makeAccount())
  assertTold(await another.get(silent), 'consent_required')
})

test('A13, A14 · prompt=none with another, and a prompt that is none, are refused (OIDC §3.1.2.1)', async () => {
  const browser = await signedIn()
  await obtainCode(browser, site, account)
  for (const prompt of ['none login', 'login none', 'none consent', 'foo', 'NONE', 'none foo', 'create']) {
    assertTold(await browser.get(authorizePath(site, { prompt })), 'invalid_request', { message: prompt })
  }
  for (const prompt of ['none', ' none ', 'none none', '']) readCode(await browser.get(authorizePath(site, { prompt })))
})

test('A16 · max_age that has passed asks for the password again, with a new auth_time (OIDC §3.1.2.1)', async () => {
  const browser = openBrowser(postern)
  const authTime = async (path: string) => {
    const stop = await walkThrough(browser, path, account)
    const answer = await redeem(postern, { code: readCode(stop), verifier: undefined, client: site })
    return Number(claimsOf(assertGranted(answer).id_token ?? '')['auth_time'])
  }
  const path = (maxAge?: string) => authorizePath(site, { scope: 'openid', max_age: maxAge })
  const first = await authTime(path())
  postern.travel(2)
  assert.equal(await authTime(path('1000')), first)
  for (const maxAge of ['1', '0']) {
    assertSignIn(await browser.get(path(maxAge)))
    const silent = await browser.get(authorizePath(site, { scope: 'openid', max_age: maxAge, prompt: 'none' }))
    assertTold(silent, 'login_required')
    assert.ok((await authTime(path(maxAge))) >= first + 2)
    postern.travel(2)
  }
  for (const maxAge of ['-1', '1e3', 'x', '9'.repeat(30), '1.5', '١']) {
    assertTold(await browser.get(path(maxAge)), 'invalid_request', { message: maxAge })
  }
})

test('A17, A41 · unknown parameters are ignored, whatever is in them (RFC 6749 §3.1)', async () => {
  const browser = await signedIn()
  await obtainCode(browser, site, account)
  const values = ['x', '['.repeat(2500), '{"__proto__":{"isAdmin":true}}', '[1]', '7', '../../etc/passwd', '"><script>']
  for (const name of ['foo', 'authorization_details', 'ui_locales', '__proto__', 'display']) {
    for (const value of values) readCode(await browser.get(authorizePath(site, { [name]: value })))
  }
  const details = JSON.stringify([{ type: 'organizations', organizations: [100_000] }])
  const answer = await redeem(postern, await obtainCode(browser, site, account, { authorization_details: details }))
  assert.equal(assertGranted(answer).scope, 'read:entities write:entities')
})

test('A38 · claims of another shape, of any depth, are refused at once (OP 9.11.4 claims shapes)', async (t) => {
  const browser = await signedIn()
  await obtainCode(browser, site, account, { scope: 'openid' })
  const deep = (levels: number) => `{"userinfo":${'{"a":'.repeat(levels)}null${'}'.repeat(levels)}}`
  const slowest: number[] = []
  for (const claims of [
    ...[
      '[]',
      '7',
      '"x"',
      'null',
      'true',
      '{',
      '{"userinfo":[]}',
      '{"id_token":7}',
      '{"userinfo":{"name":[]}}',
      '['.repeat(2500),
    ],
    ...['{"__proto__":{}}', '{"userinfo":{"__proto__":{"essential":true}}}', '{"id_token":{"sub":{"value":{}}}}'],
  ]) {
    const begun = performance.now()
    assertTold(await browser.get(authorizePath(site, { scope: 'openid', claims, state: 'S' })), 'invalid_request', {
      state: 'S',
      message: claims.slice(0, 80),
    })
    slowest.push(performance.now() - begun)
  }
  // 10,000 levels are longer than any request.
  for (const method of ['get', 'post'] as const) {
    const path = authorizePath(site, { scope: 'openid', claims: deep(10_000) })
    const stop =
      method === 'get'
        ? await browser.get(path)
        : await browser.post('/authorize', Object.fromEntries(new URLSearchParams(path.slice('/authorize?'.length))))
    assert.ok(stop.status >= 400 && stop.status < 500, String(stop.status))
  }
  t.diagnostic(`refused within ${Math.max(...slowest).toFixed(0)} ms`)
  // What nobody understands is left alone, as §5.5 wants.
  for (const claims of ['{"userinfo":{"sub":null}}', deep(200)]) {
    readCode(await browser.get(authorizePath(site, { scope: 'openid', claims })))
  }
})

test('A19, A20, A22 · request objects and registrations are refused by their own errors (RFC 9101 §10.5; OIDC §3.1.2.6)', async () => {
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{}').toString('base64url')}.`
  for (const request of [unsigned, 'a.b.c', 'a.b.c.d.e', 'x']) {
    assertTold(await ask({ request, state: 'S' }), 'request_not_supported', { state: 'S' })
  }
  for (const uri of ['urn:example:x', 'https://evil.example/r', 'http://169.254.169.254/']) {
    assertTold(await ask({ request_uri: uri }), 'request_uri_not_supported')
  }
  assertTold(await ask({ registration: '{}' }), 'registration_not_supported')
  // Without its own redirect URI outside, what is inside decides nothing.
  assertErrorPage(await ask({ request: unsigned, redirect_uri: 'https://evil.example/cb' }))
  assertSignIn(await ask())
})

test('A34 · a state is echoed byte for byte up to 4096 characters; what is longer is refused', async () => {
  const long = 'ä"<&+%=\t😀 '.repeat(200)
  assertTold(await ask({ state: long, prompt: 'none' }), 'login_required', { state: long })
  for (const length of [4097, 8000, 64_000, 1_000_000]) {
    const stop = await ask({ state: 'x'.repeat(length), prompt: 'none' })
    assert.ok([303, 400, 414, 431].includes(stop.status), String(stop.status))
    if (stop.status === 303) assert.equal(readAnswer(stop).values.get('error'), 'invalid_request')
  }
  const posted = await stranger.post('/authorize', { client_id: site.client.id, state: 'x'.repeat(20_000) })
  assertErrorPage(posted, 400)
  assertTold(await ask({ state: 'short', prompt: 'none' }), 'login_required', { state: 'short' })
})

const HOSTILE = [
  '\r\nSet-Cookie: a=b',
  '\n\n<html>',
  '"><script>alert(1)</script>',
  "'; alert(1)//",
  '😀\u2028',
  '&code=ATT&iss=https://evil.example/',
  '#fragment',
  '\u0001\u007f\u0085',
  '%0d%0aX: y',
  '</form><form action="https://evil.example">',
]

test('A35 · a hostile state stays one value in one header (RFC 6749 §10.14)', async () => {
  const browser = await signedIn()
  await obtainCode(browser, site, account)
  for (const state of HOSTILE) {
    const refused = await ask({ state, prompt: 'none' })
    assertTold(refused, 'login_required', { state })
    assert.match(refused.location ?? '', /^[\x21-\x7e]+$/)
    assert.equal(refused.headers.get('set-cookie'), null)
    const answer = readAnswer(await browser.get(authorizePath(site, { state })))
    assert.equal(answer.values.get('state'), state)
    // All through the pages too, in a form of ours.
    const fresh = openBrowser(postern)
    const stop = await walkThrough(fresh, authorizePath(site, { state, prompt: 'consent' }), account)
    assert.equal(readAnswer(stop).values.get('state'), state)
  }
  for (const raw of ['%00', 'a%00b', '%ff', '%zz', '%ed%a0%80']) {
    assertErrorPage(await stranger.get(`${authorizePath(site)}&state=${raw}`), 400, raw)
  }
  for (const line of linesOf(postern)) assert.equal(typeof line, 'object')
})

test('A37 · form_post escapes what it carries, is never kept, and may only be sent to the client (form_post §2, §4)', async () => {
  const browser = await signedIn()
  await obtainCode(browser, site, account)
  for (const state of HOSTILE) {
    const page = await browser.get(authorizePath(site, { state, response_mode: 'form_post' }))
    assert.equal(page.status, 200)
    assert.equal(page.headers.get('cache-control'), 'no-store')
    const fields = fieldsOf(page, REDIRECT_URI)
    assert.deepEqual(Object.keys(fields).toSorted(), ['code', 'iss', 'state'])
    // A parser of HTML makes one line break of CR LF (HTML §13.2.3.5), in attributes as well.
    assert.deepEqual(fields['state'], [state])
    assert.deepEqual(fields['iss'], [ISSUER])
    assert.equal(page.text.match(/<form\b/g)?.length, 1)
    assert.equal(page.text.match(/<script\b/g)?.length, 1, 'our own')
    assert.doesNotMatch(page.text, /<script[^>]*>[^<]/, 'and it is not inline')
    const csp = page.headers.get('content-security-policy') ?? ''
    assert.match(csp, /form-action 'self' https:\/\/app\.example(?:;|$)/)
    assert.match(csp, /script-src 'self'(?:;|$)/)
    assert.match(csp, /default-src 'none'/)
    const code = fields['code']?.[0] ?? ''
    assertGranted(await redeem(postern, { code, verifier: undefined, client: site }))
  }
  const refused = await ask({ response_mode: 'form_post', prompt: 'none', state: HOSTILE[2] })
  assert.deepEqual(fieldsOf(refused, REDIRECT_URI)['error'], ['login_required'])
  assert.deepEqual(fieldsOf(refused, REDIRECT_URI)['state'], [HOSTILE[2]])
})

test('A37 · form_post is refused where no form can go: a scheme of a program (RFC 8252 §7.1)', async () => {
  const own = 'com.example.app:/cb'
  const program = await makePublicSite(postern, { redirectUris: [own] })
  const proof = { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' }
  const browser = await signedIn()
  const stop = await browser.get(authorizePath(program, { ...proof, response_mode: 'form_post' }))
  assertTold(stop, 'invalid_request', { redirectUri: own })
  readCode(await walkThrough(browser, authorizePath(program, proof), account), own)
})

test('A40 · another API than that of the code gets nothing, and the code stays (RFC 8707 §2.2; GHSA-p2fr-6hmx-4528)', async () => {
  const obtained = await obtainCode(await signedIn(), site, account)
  for (const wrong of [{ resource: 'https://other.example/' }, { audience: 'https://other.example/' }]) {
    assertRefused(await redeem(postern, obtained, wrong), 400, 'invalid_target')
  }
  assertTold(await ask({ resource: 'https://other.example/' }), 'invalid_target')
  assertTold(await ask({ audience: 'https://api.mediamath.com/', resource: 'https://x.example/' }), 'invalid_target')
  assertGranted(await redeem(postern, obtained, { resource: 'https://api.mediamath.com/' }))
})

test('A43 · an id_token_hint that is not ours proves nothing and signs nobody in (OIDC §3.1.2.2)', async () => {
  const browser = openBrowser(postern)
  const mine = await authorize(postern, site, account, { browser, parameters: { scope: 'openid' } })
  const [header = '', payload = '', signature = ''] = (mine.id_token ?? '').split('.')
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = claimsOf(mine.id_token ?? '')
  const otherSite = await makeSite(postern)
  const ofOther = await authorize(postern, otherSite, account, { browser, parameters: { scope: 'openid' } })
  const bad = [
    'garbage',
    'a.b.c',
    `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
    `${header}.${encode({ ...claims, sub: 'platform|999999' })}.${signature}`,
    `${header}.${encode({ ...claims, iss: 'https://evil.example/' })}.${signature}`,
    `${header}.${payload}.${signature.slice(0, -4)}AAAA`,
    ofOther.id_token,
    mine.access_token,
  ]
  for (const hint of bad) {
    for (const prompt of ['none', undefined]) {
      const stop = await browser.get(authorizePath(site, { prompt, id_token_hint: hint }))
      assertTold(stop, 'invalid_request', { message: hint ?? '' })
    }
  }
  const silent = authorizePath(site, { prompt: 'none', scope: 'openid', id_token_hint: mine.id_token })
  readCode(await browser.get(silent))
  assertTold(await stranger.get(silent), 'login_required')
  postern.travel(11 * 3600)
  readCode(await browser.get(silent))
})

test('A44 · a hint of one person gives no code for another who is signed in (OIDC §3.1.2.2)', async () => {
  const other = await postern.makeAccount()
  const hint = (await authorize(postern, site, other, { parameters: { scope: 'openid' } })).id_token
  const browser = await signedIn()
  await obtainCode(browser, site, account, { scope: 'openid' })
  const path = (prompt?: string) => authorizePath(site, { scope: 'openid', prompt, id_token_hint: hint })
  assertTold(await browser.get(path('none')), 'login_required')
  const page = await browser.get(path())
  assertSignIn(page)
  // The wrong person again is asked again; nothing is sent to the client.
  assertSignIn(await signInAt(browser, page, account))
  const code = readCode(await signInAt(browser, page, other))
  const body = assertGranted(await redeem(postern, { code, verifier: undefined, client: site }))
  assert.equal(claimsOf(body.id_token ?? '')['sub'], `platform|${other.id}`)
})

test('A46 · a login_hint is text on the sign-in page', async () => {
  for (const hint of [
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    '<!--',
    '&quot;>',
    '\u202e',
  ]) {
    const page = await ask({ login_hint: hint })
    assertSignIn(page)
    assert.deepEqual(fieldsOf(page, '/sign-in')['username'], [hint])
    assert.doesNotMatch(page.text, /<img src=x|onerror=alert\(1\)>|<!--/)
  }
  assertTold(await ask({ login_hint: 'x'.repeat(321) }), 'invalid_request')
})

test('A50 · two clients in two tabs of one browser, finished in reverse order, each get their own code and state', async () => {
  const first = await makeSite(postern, { redirectUris: ['https://one.example/cb'] })
  const second = await makeSite(postern, { redirectUris: ['https://two.example/cb'] })
  const browser = openBrowser(postern)
  const tabs = [
    await browser.get(authorizePath(first, { state: 'one', nonce: 'n1', scope: 'openid read:entities' })),
    await browser.get(authorizePath(second, { state: 'two', nonce: 'n2', scope: 'openid write:entities' })),
  ] as const
  const consentTwo = await signInAt(browser, tabs[1], account)
  assertConsent(consentTwo)
  const consentOne = await signInAt(browser, tabs[0], account)
  assertConsent(consentOne)
  // The second sign-in is of the same person in the same browser: what they were shown before is theirs to decide.
  const stops = [await allowAt(browser, consentTwo), await allowAt(browser, consentOne)] as const
  const expected = [
    {
      stop: stops[0],
      client: second,
      uri: 'https://two.example/cb',
      state: 'two',
      nonce: 'n2',
      scope: 'openid write:entities',
    },
    {
      stop: stops[1],
      client: first,
      uri: 'https://one.example/cb',
      state: 'one',
      nonce: 'n1',
      scope: 'openid read:entities',
    },
  ]
  for (const { stop, client, uri, state, nonce, scope } of expected) {
    assert.equal(readAnswer(stop, uri).values.get('state'), state)
    const answer = await redeem(postern, { code: readCode(stop, uri), verifier: undefined, client })
    const body = assertGranted(answer)
    assert.equal(body.scope, scope)
    assert.equal(claimsOf(body.id_token ?? '')['nonce'], nonce)
    assert.equal(claimsOf(body.id_token ?? '')['aud'], client.client.id)
  }
})

test('A52 · open requests cost a browser no cookie and the database no row', async () => {
  const browser = openBrowser(postern)
  const fresh = await makeSite(postern)
  let last = await browser.get(authorizePath(fresh))
  for (let n = 0; n < 200; n++) last = await browser.get(authorizePath(fresh, { state: String(n) }))
  assert.deepEqual(browser.received, [])
  const stop = await allowAt(browser, await signInAt(browser, last, account))
  assert.equal(readAnswer(stop).values.get('state'), '199')
  assert.equal(browser.received.length, 1)
})

test('own · POST /authorize becomes a GET of ours, with the same parameters and without the body (OIDC §3.1.2.1)', async () => {
  const browser = await signedIn()
  await obtainCode(browser, site, account)
  const form = Object.fromEntries(new URLSearchParams(authorizePath(site, { state: 's t&u=v' }).split('?')[1]))
  const crossSite = { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' }
  const stop = await browser.post('/authorize', form, crossSite)
  assert.deepEqual(stop.statuses, [303, 303])
  assert.equal(readAnswer(stop).values.get('state'), 's t&u=v')
  assertErrorPage(await browser.post('/authorize', form, { ...crossSite, 'content-type': 'text/plain' }))
  assertErrorPage(await browser.post('/authorize', { ...form, redirect_uri: 'https://evil.example/' }, crossSite))
})

test('own · the legacy path changes nothing but access_type: what is repeated or hostile is refused all the same', async () => {
  const browser = await signedIn()
  const scope = 'offline_access read:entities'
  await obtainCode(browser, site, account, { scope, prompt: 'consent' }, { scopes: scope.split(' ') })
  const legacy = (parameters: AskedParameters, more = '') =>
    browser.get(authorizePath(site, parameters).replace('/authorize?', '/oauth2/v1.0/authorize?') + more)
  const stop = await legacy({ scope: 'read:entities', access_type: 'offline', state: HOSTILE[0] })
  assert.equal(readAnswer(stop).values.get('state'), HOSTILE[0])
  const answer = await redeem(postern, { code: readCode(stop), verifier: undefined, client: site })
  assert.equal(assertGranted(answer).scope, 'offline_access read:entities')
  assertTold(await legacy({ scope: 'read:entities' }, '&scope=write:entities&access_type=offline'), 'invalid_request')
  assertErrorPage(await legacy({}, '&redirect_uri=https://evil.example/'))
  assertErrorPage(await legacy({ redirect_uri: '//evil.example/cb' }))
  assertTold(await legacy({}, '&access_type=offline&access_type=online'), 'invalid_request')
  for (const broken of ['&state=%ZZ', '&state=%E4', '&x=%00']) assertErrorPage(await legacy({}, broken))
  // Byte for byte, whatever else could be written for the same.
  const { headers } = await fetch(
    `${postern.origin}/oauth2/v1.0/authorize?state=a%20b+%7e&access_type=offline&%73cope=x`,
    {
      redirect: 'manual',
    },
  )
  assert.equal(headers.get('location'), `${ISSUER}authorize?state=a%20b+%7e&scope=x+offline_access`)
})

test('own · a client without the code grant is told so, and gets no page (RFC 6749 §4.1.2.1)', async () => {
  const other = await makeSite(postern, { grantTypes: ['password', 'refresh_token'] })
  assertTold(await (await signedIn()).get(authorizePath(other)), 'unauthorized_client')
})
