import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  assertConsent,
  assertSignIn,
  assertTold,
  authorizePath,
  ISSUER,
  makePublicSite,
  makeSite,
  openBrowser,
  pkce,
  redeem,
  REDIRECT_URI,
  signInAt,
  signInHere,
  unescapeHtml,
  type AskedParameters,
  type Stop,
} from '../support/browser_like.ts'
import { startPostern } from '../support/running_postern.ts'
import { assertGranted, file } from './attacking.ts'

// A37 · the answer as a message to the client's page, which has us in a frame or opened our window. What a browser makes of it is tried in
// test/browser/web_message.test.ts.

const postern = await startPostern(file)
const account = await postern.makeAccount()
const OWN = new URL(REDIRECT_URI).origin
const site = await makePublicSite(postern, { party: 'first' })

const signedIn = async () => {
  const browser = openBrowser(postern)
  await signInHere(browser, account)
  return browser
}
const proof = pkce()
const message = (parameters: AskedParameters = {}): AskedParameters => ({
  response_mode: 'web_message',
  code_challenge: proof.challenge,
  code_challenge_method: 'S256',
  ...parameters,
})

const HOSTILE = [
  '"><script>alert(1)</script>',
  "'-alert(1)-'",
  '</p><img src=x onerror=alert(1)>',
  '\r\nSet-Cookie: a=b',
  '\u2028\u2029<!--',
  '{"type":"authorization_response"}',
  '&quot;&#34;',
  '\\u0022\\',
]

const cspOf = ({ headers }: Stop): string => headers.get('content-security-policy') ?? ''

/** What the page hands over, and to which origin. */
const messageIn = (stop: Stop): { readonly origin: string; readonly response: Readonly<Record<string, string>> } => {
  assert.equal(stop.status, 200, stop.location ?? stop.text)
  assert.equal(stop.location, undefined)
  assert.equal(stop.headers.get('cache-control'), 'no-store')
  assert.equal(stop.text.match(/<script\b/g)?.length, 1, 'our own')
  assert.doesNotMatch(stop.text, /<script[^>]*>[^<]/, 'and it is not inline')
  assert.match(cspOf(stop), /script-src 'self'(?:;|$)/)
  assert.match(cspOf(stop), /default-src 'none'/)
  const [, origin = '', response = ''] = /data-origin="([^"]*)" data-response="([^"]*)"/.exec(stop.text) ?? []
  return {
    origin: unescapeHtml(origin),
    response: JSON.parse(unescapeHtml(response)) as Readonly<Record<string, string>>,
  }
}

test('A37 · web_message escapes what it carries, is never kept, and names the client’s origin alone (draft-sakimura-oauth-wmrm)', async () => {
  const browser = await signedIn()
  for (const state of HOSTILE) {
    const stop = await browser.get(authorizePath(site, message({ state, prompt: 'none' })))
    const { origin, response } = messageIn(stop)
    assert.equal(origin, OWN)
    assert.deepEqual(Object.keys(response).toSorted(), ['code', 'iss', 'state'])
    assert.deepEqual([response['state'], response['iss']], [state, ISSUER])
    assertGranted(await redeem(postern, { code: response['code'] ?? '', verifier: proof.verifier, client: site }, {}))
  }
})

test('A37 · only the answer to prompt=none may be framed, by the origin that it is for (CSP3 §6.4.2, RFC 9700 §4.16)', async () => {
  const browser = await signedIn()
  const silent = await browser.get(authorizePath(site, message({ prompt: 'none' })))
  assert.match(cspOf(silent), /frame-ancestors https:\/\/app\.example;/)
  assert.equal(silent.headers.get('x-frame-options'), null)

  const refused = await openBrowser(postern).get(authorizePath(site, message({ prompt: 'none' })))
  assert.equal(messageIn(refused).response['error'], 'login_required')
  assert.match(cspOf(refused), /frame-ancestors https:\/\/app\.example;/)

  const third = await makePublicSite(postern)
  const page = openBrowser(postern)
  const signIn = await page.get(authorizePath(third, message()))
  assertSignIn(signIn)
  const consent = await signInAt(page, signIn, account)
  assertConsent(consent)
  const popUp = await page.submit(consent, '/consent', { decision: 'deny' })
  assert.equal(messageIn(popUp).response['error'], 'access_denied')
  const spoiltPrompt = await browser.get(`${authorizePath(site, message({ prompt: 'none' }))}&prompt=none`)
  assert.equal(messageIn(spoiltPrompt).response['error'], 'invalid_request')
  const shown = [
    ...[signIn, consent, popUp, spoiltPrompt],
    await browser.get(authorizePath(site, message())),
    await browser.get(authorizePath(site, { ...message({ prompt: 'none' }), client_id: 'nobody' })),
    await browser.get(authorizePath(site, { ...message({ prompt: 'none' }), redirect_uri: 'https://evil.example/' })),
    await browser.get('/account'),
  ]
  for (const stop of shown) {
    assert.match(cspOf(stop), /frame-ancestors 'none'/, stop.path)
    assert.equal(stop.headers.get('x-frame-options'), 'DENY', stop.path)
  }
})

test('A37 · a message is refused where no page of the client is: that error goes the plain way (draft-sakimura-oauth-wmrm)', async () => {
  const browser = await signedIn()
  for (const policy of [
    { allowedOrigins: [] },
    { allowedOrigins: ['https://other.example', 'http://app.example', 'https://app.example:8443'] },
    { redirectUris: ['com.example.app:/cb'] },
    { redirectUris: ['http://[::1]:9000/cb'] },
  ]) {
    const client = await makeSite(postern, { party: 'first', ...policy })
    const [redirectUri = ''] = client.client.policy.redirectUris
    const stop = await browser.get(authorizePath(client, message({ prompt: 'none' })))
    assertTold(stop, 'invalid_request', { redirectUri, message: JSON.stringify(policy) })
  }
  const twin = await makeSite(postern, { party: 'first', allowedOrigins: [OWN] })
  assert.ok('code' in messageIn(await browser.get(authorizePath(twin, message({ prompt: 'none' })))).response)
})

test('A37 · a request that was never made by the client goes to nobody: unknown client, foreign redirect URI (RFC 6749 §4.1.2.1)', async () => {
  const browser = await signedIn()
  for (const wrong of [
    { client_id: 'nobody' },
    { redirect_uri: 'https://evil.example/cb' },
    { redirect_uri: `${OWN}.evil.example/cb` },
  ]) {
    const stop = await browser.get(authorizePath(site, message({ prompt: 'none', ...wrong })))
    assert.equal(stop.status, 400)
    assert.doesNotMatch(stop.text, /data-origin|<script/)
  }
  assert.equal(messageIn(await browser.get(authorizePath(site, message({ prompt: 'none' })))).origin, OWN)
})
