import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RegisteredClient } from '#clients/register.ts'
import {
  allowAt,
  assertConsent,
  assertErrorPage,
  assertSignIn,
  assertTold,
  ISSUER,
  isConsent,
  makePublicSite,
  makeSite,
  obtainCode,
  openBrowser,
  pkce,
  readAnswer,
  readCode,
  redeem,
  REDIRECT_URI,
  signInAt,
  signInHere,
  walkThrough,
  type Stop,
} from '../support/browser_like.ts'
import { asserted, makeKey, signAssertion, withKeys } from '../support/client_keys.ts'
import { createTestDatabase, noPostgres } from '../support/postgres.ts'
import {
  claimsOf,
  headerOf,
  startPostern,
  type RunningPostern,
  type TokenParameters,
} from '../support/running_postern.ts'
import { assertGranted, assertRefused, basic, file, startSecondNode, tally } from './attacking.ts'

// Pushed authorization requests (RFC 9126; the second half of group A), and the FAPI 2.0 profile that needs them.
//
// Not here: A19, A20, A22 and A23 attack request objects. There are none: `request` is refused by name before it is read, whether it is
// signed, unsigned, encrypted or a client assertion, at /authorize (A19 in authorization_endpoint.test.ts) and at /oauth/par (below).

const postern = await startPostern(file)
const account = await postern.makeAccount()
const site = await makeSite(postern)
const other = await makeSite(postern)

type Pushed = { readonly status: number; readonly headers: Headers; readonly body: Record<string, unknown> }

const send = async (
  parameters: TokenParameters,
  headers: Readonly<Record<string, string>> = {},
  at: Pick<RunningPostern, 'origin'> = postern,
): Promise<Pushed> => {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const body = new URLSearchParams(given)
  const response = await fetch(`${at.origin}/oauth/par`, { method: 'POST', headers, body })
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  }
}

const requestOf = ({ client, secret }: RegisteredClient, more: TokenParameters = {}): TokenParameters => ({
  response_type: 'code',
  client_id: client.id,
  client_secret: secret,
  redirect_uri: REDIRECT_URI,
  scope: 'openid read:entities',
  state: 'pushed',
  ...more,
})

const push = async (app = site, more: TokenParameters = {}, at: Pick<RunningPostern, 'origin'> = postern) => {
  const { status, headers, body } = await send(requestOf(app, more), {}, at)
  assert.equal(status, 201, JSON.stringify(body))
  assert.equal(headers.get('cache-control'), 'no-store')
  assert.equal(body['expires_in'], 90)
  const uri = String(body['request_uri'])
  assert.match(uri, /^urn:ietf:params:oauth:request_uri:[A-Za-z0-9]{50,}$/)
  return uri
}

const pathOf = (uri: string, { client }: Pick<RegisteredClient, 'client'> = site, more: Record<string, string> = {}) =>
  `/authorize?${new URLSearchParams({ client_id: client.id, request_uri: uri, ...more }).toString()}`

test('A25 · a pushed request is good for reloads until it is answered, and then for nothing (RFC 9126 §4)', async () => {
  const browser = openBrowser(postern)
  const path = pathOf(await push())
  for (let reload = 0; reload < 3; reload++) assertSignIn(await browser.get(path))
  const consent = await signInAt(browser, await browser.get(path), account)
  assertConsent(consent)
  assertConsent(await browser.get(path))
  const { values } = readAnswer(await allowAt(browser, consent))
  assert.equal(values.get('state'), 'pushed')
  assertErrorPage(await browser.get(path))
  assertErrorPage(await allowAt(browser, consent))
  assertGranted(await redeem(postern, { code: values.get('code')!, verifier: undefined, client: site }))

  // A denial is an answer too, and so is an error.
  const again = pathOf(await push(site, { prompt: 'consent' }))
  const denied = await browser.submit(await browser.get(again), '/consent', { decision: 'deny' })
  assertTold(denied, 'access_denied', { state: 'pushed' })
  assertErrorPage(await browser.get(again))
  const silent = pathOf(await push(other, { prompt: 'none' }), other)
  assertTold(await browser.get(silent), 'consent_required', { state: 'pushed' })
  assertErrorPage(await browser.get(silent))
})

/** Of twenty decisions at once on one pushed request. @returns how many codes came of it */
const decideAtOnce = async (nodes: readonly Pick<RunningPostern, 'origin'>[], app: RegisteredClient, path: string) => {
  const browsers = nodes.map((node) => openBrowser(node))
  const consents: Stop[] = []
  for (const browser of browsers) {
    const page = await signInAt(browser, await browser.get(path), account)
    assert.ok(isConsent(page))
    consents.push(page)
  }
  const stops = await Promise.all(
    Array.from({ length: 20 }, (_, n) => allowAt(browsers[n % browsers.length]!, consents[n % consents.length]!)),
  )
  assert.equal(app.client.policy.party, 'third')
  return tally(stops.map(({ status }) => status))
}

test('A25 · of 20 decisions at once on one request one brings a code: SQLite', async () => {
  const app = await makeSite(postern)
  assert.deepEqual(await decideAtOnce([postern], app, pathOf(await push(app), app)), { 303: 1, 400: 19 })
})

test(
  'A25 · of 20 decisions at two nodes on one request one brings a code: PostgreSQL',
  { skip: noPostgres },
  async (t) => {
    const { url, drop } = await createTestDatabase()
    t.after(drop)
    const first = await startPostern(t, { postgresUrl: url })
    const second = await startSecondNode(t, first, url)
    await first.makeAccount({ username: account.username })
    const app = await makeSite(first)
    const path = pathOf(await push(app, {}, first), app)
    assert.deepEqual(await decideAtOnce([first, second], app, path), { 303: 1, 400: 19 })
  },
)

test('A25 · it expires, but who has begun goes on', async (t) => {
  const at = await startPostern(t)
  const [person, app] = [await at.makeAccount(), await makeSite(at)]
  const [begun, late] = [pathOf(await push(app, {}, at), app), pathOf(await push(app, {}, at), app)]
  const browser = openBrowser(at)
  const page = await browser.get(begun)
  at.travel(91)
  assertErrorPage(await browser.get(late))
  assertErrorPage(await browser.get(begun))
  const stop = await signInAt(browser, page, person)
  readCode(isConsent(stop) ? await allowAt(browser, stop) : stop)
})

test('A26 · it is of the client that pushed it (RFC 9126 §2.2, §7.3)', async () => {
  const uri = await push()
  const browser = openBrowser(postern)
  assertErrorPage(await browser.get(pathOf(uri, other)))
  assertErrorPage(await browser.get(`/authorize?request_uri=${encodeURIComponent(uri)}`))
  assertErrorPage(await browser.get(`${pathOf(uri)}&client_id=${other.client.id}`))
  for (const wrong of [uri.slice(0, -1), `${uri}A`, uri.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))]) {
    assertErrorPage(await browser.get(pathOf(wrong)))
  }
  assertSignIn(await browser.get(pathOf(uri)))
})

test('C13 · only what was pushed counts (RFC 9126 §4)', async () => {
  const [right, wrong] = [pkce(), pkce()]
  const uri = await push(site, { code_challenge: right.challenge, code_challenge_method: 'S256' })
  const path = pathOf(uri, site, {
    code_challenge: wrong.challenge,
    code_challenge_method: 'plain',
    redirect_uri: 'https://evil.example/',
    scope: 'openid profile manage:users',
    state: 'mine',
    prompt: 'none',
    response_mode: 'form_post',
  })
  const stop = await walkThrough(openBrowser(postern), path, account)
  assert.equal(readAnswer(stop).values.get('state'), 'pushed')
  const granted = assertGranted(await redeem(postern, { code: readCode(stop), verifier: right.verifier, client: site }))
  assert.equal(granted.scope, 'openid read:entities')
})

test('A28, A19 · neither a request_uri nor a request object can be pushed, nor what /authorize would refuse (RFC 9126 §2.1)', async () => {
  const uri = await push()
  const assertion = await signAssertion(site.client.id, makeKey('ES256'))
  const cases: readonly (readonly [TokenParameters, string])[] = [
    [{ request_uri: uri }, 'invalid_request'],
    [{ request_uri: 'https://example.com/request.jwt' }, 'invalid_request'],
    [{ request: 'eyJhbGciOiJub25lIn0.e30.' }, 'request_not_supported'],
    [{ request: assertion }, 'request_not_supported'],
    [{ request: 'a.b.c.d.e' }, 'request_not_supported'],
    [{ redirect_uri: 'https://evil.example/cb' }, 'invalid_request'],
    [{ redirect_uri: undefined }, 'invalid_request'],
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ audience: 'https://nobody.example/' }, 'invalid_target'],
    [{ code_challenge: 'short', code_challenge_method: 'S256' }, 'invalid_request'],
    [{ prompt: 'none login' }, 'invalid_request'],
    [{ nonce: 'x'.repeat(1025) }, 'invalid_request'],
  ]
  for (const [more, error] of cases) {
    const { status, body } = await send(requestOf(site, more))
    assert.deepEqual([status, body['error']], [400, error], JSON.stringify([more, body]))
    assert.equal(body['request_uri'], undefined)
  }
  const strict = await makeSite(postern, { defaultScopes: [] })
  assert.equal((await send(requestOf(strict, { scope: 'nothing' }))).body['error'], 'invalid_scope')
  const foreign = await makeSite(postern, { grantTypes: ['client_credentials'] })
  assert.equal((await send(requestOf(foreign))).body['error'], 'unauthorized_client')
})

test('A29 · only POST pushes (RFC 9126 §2.3)', async () => {
  for (const method of ['GET', 'PUT', 'DELETE']) {
    assert.equal((await fetch(`${postern.origin}/oauth/par`, { method })).status, 405, method)
  }
  await push()
})

test('A31 · a client that does not prove itself pushes nothing (RFC 9126 §2.1)', async () => {
  for (const client_secret of [undefined, 'wrong', other.secret]) {
    const { status, body } = await send(requestOf(site, { client_secret }))
    assert.deepEqual([status, body['error']], [401, 'invalid_client'])
  }
  const key = makeKey('ES256')
  const signing = await makeSite(postern, withKeys(key))
  const assertion = asserted(await signAssertion(signing.client.id, key))
  assert.equal((await send(requestOf(signing, assertion))).status, 201)
  assert.equal((await send(requestOf(signing, assertion))).status, 401, 'the same assertion again')
  assert.equal((await send(requestOf(signing))).status, 401)
  const { client_id: _, client_secret: __, ...rest } = requestOf(site)
  assert.equal((await send(rest, { authorization: basic(site.client.id, site.secret) })).status, 201)
  // Anybody can say that they are a public client, and each request is a row.
  const publicSite = await makePublicSite(postern)
  const refused = await send(requestOf(publicSite))
  assert.deepEqual([refused.status, refused.body['error']], [400, 'unauthorized_client'])
})

test('A32 · a client that must push is refused when it does not (RFC 9126 §6)', async () => {
  const app = await makeSite(postern, { requirePushedAuthorizationRequests: true })
  const { client_secret: _, ...plain } = requestOf(app) as Record<string, string>
  const browser = openBrowser(postern)
  const told = await browser.get(`/authorize?${new URLSearchParams(plain).toString()}`)
  assertTold(told, 'invalid_request', { state: 'pushed' })
  readCode(await walkThrough(browser, pathOf(await push(app), app), account))
})

test('D08 · the name of a pushed request is nothing else, and nothing else is its name (CVE-2026-4282, CVE-2026-4325)', async () => {
  const token = (uri: string) => uri.slice(uri.lastIndexOf(':') + 1)
  const pushed = token(await push())
  const { code } = await obtainCode(openBrowser(postern), site, account, { scope: 'openid offline_access' })
  const grant = { client_id: site.client.id, client_secret: site.secret, redirect_uri: REDIRECT_URI }
  assertRefused(await postern.token({ ...grant, grant_type: 'authorization_code', code: pushed }), 400, 'invalid_grant')
  const refresh = { ...grant, grant_type: 'refresh_token', refresh_token: pushed }
  assertRefused(await postern.token(refresh), 400, 'invalid_grant')
  const named = (value: string) => pathOf(`urn:ietf:params:oauth:request_uri:${value}`)
  const browser = openBrowser(postern)
  assertErrorPage(await browser.get(named(code)))
  const tokens = assertGranted(await redeem(postern, { code, verifier: undefined, client: site }))
  for (const each of [tokens.refresh_token!, tokens.access_token, `ac${pushed.slice(2)}`, `pr${code.slice(2)}`]) {
    assertErrorPage(await browser.get(named(each)))
  }
  assertSignIn(await browser.get(named(pushed)))
})

test('FAPI 2.0 · a client of the profile pushes, with PKCE and a signed assertion, or has nothing (§5.3)', async () => {
  const key = makeKey('PS256')
  const app = await makeSite(postern, { ...withKeys(key), profile: 'fapi2', idTokenSigningAlgorithm: 'ES256' })
  const { verifier, challenge } = pkce()
  const sign = async () => asserted(await signAssertion(app.client.id, key))
  const proof = { code_challenge: challenge, code_challenge_method: 'S256' }
  const withoutPkce = await send(requestOf(app, await sign()))
  assert.deepEqual([withoutPkce.status, withoutPkce.body['error']], [400, 'invalid_request'])
  const oauthOnly = { ...proof, scope: 'read:entities' }
  const withoutUri = await send(requestOf(app, { ...oauthOnly, redirect_uri: undefined, ...(await sign()) }))
  assert.deepEqual([withoutUri.status, withoutUri.body['error']], [400, 'invalid_request'])
  const plain = new URLSearchParams({ ...requestOf(app), ...proof, client_secret: '' })
  const browser = openBrowser(postern)
  await signInHere(browser, account)
  assertTold(await browser.get(`/authorize?${plain.toString()}`), 'invalid_request', { state: 'pushed' })

  const uri = await push(app, { ...proof, ...(await sign()) })
  const code = readCode(await walkThrough(browser, pathOf(uri, app), account))
  const answer = await redeem(postern, { code, verifier, client: app }, await sign())
  const { id_token: idToken = '', access_token: accessToken } = assertGranted(answer)
  assert.deepEqual([headerOf(idToken)['alg'], headerOf(accessToken)['alg']], ['ES256', 'ES256'])
  assert.equal(claimsOf(idToken)['iss'], ISSUER)
})
