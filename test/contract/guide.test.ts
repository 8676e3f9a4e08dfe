import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claimsOf } from '../support/running_postern.ts'
import {
  AUDIENCE,
  bearer,
  CLIENT,
  cookie,
  SESSION_COOKIE,
  startDemoPlatform,
  TOKEN_PATH,
  USER,
  type DemoPlatform,
  type TokenBody,
} from './demo_platform.ts'
import { cookieSetBy } from './raw_http.ts'

// The public guide, request by request, with this server's names in place of the vendor's. Its values are those of the demo.

const platform = await startDemoPlatform()

const PASSWORD_GRANT = { grant_type: 'password', ...USER, audience: AUDIENCE, ...CLIENT }

/** What `http POST url name=value …` sends. */
const HTTPIE = {
  'User-Agent': 'HTTPie/3.2.4',
  'Accept-Encoding': 'gzip, deflate',
  Accept: 'application/json, */*;q=0.5',
  Connection: 'keep-alive',
  'Content-Type': 'application/json',
}

/** What `curl --header 'content-type: …' --data …` sends. */
const CURL = { 'User-Agent': 'curl/8.14.1', Accept: '*/*', 'content-type': 'application/x-www-form-urlencoded' }

const isJwt = (token: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)

const assertTokenHeaders = (answer: Awaited<ReturnType<DemoPlatform['ask']>>): void => {
  assert.equal(answer.status, 200, answer.text)
  assert.match(answer.headers['content-type'] ?? '', /^application\/json(?:;|$)/)
  assert.equal(answer.headers['cache-control'], 'no-store')
}

test("the owner's step 2: the password grant as httpie sends it, in JSON, is answered with a token for a day", async () => {
  const answer = await platform.ask(TOKEN_PATH, { headers: HTTPIE, body: JSON.stringify(PASSWORD_GRANT) })
  assertTokenHeaders(answer)
  const { access_token, scope, ...rest } = answer.json<TokenBody>()
  assert.ok(isJwt(access_token))
  assert.equal(scope, 'manage:services')
  // No refresh token and no ID token: neither `offline_access` nor `openid` was asked for.
  assert.deepEqual(rest, { expires_in: 86400, token_type: 'Bearer' })
})

test("the guide's JSON block, whose scope is empty, is answered as if it had none", async () => {
  const body = {
    grant_type: 'password',
    ...USER,
    audience: AUDIENCE,
    scope: '',
    ...CLIENT,
  }
  const answer = await platform.ask(TOKEN_PATH, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    // With the line breaks and blanks of the guide.
    body: JSON.stringify(body, undefined, 1),
  })
  assertTokenHeaders(answer)
  const { access_token, scope, ...rest } = answer.json<TokenBody>()
  assert.ok(isJwt(access_token))
  assert.equal(scope, 'manage:services')
  assert.deepEqual(rest, { expires_in: 86400, token_type: 'Bearer' })
})

test("the owner's step 3: the list of organizations is the guide's, to the last member", async () => {
  const { access_token } = await platform.tokens({ audience: AUDIENCE })
  const answer = await platform.ask('/api/v3.0/organizations?page_limit=3', {
    headers: { Accept: 'application/json', ...bearer(access_token) },
  })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers['content-type'], 'application/json')
  assert.deepEqual(answer.json(), {
    data: [
      { id: 100000, name: 'Organization One', entity_type: 'organization' },
      { id: 100001, name: 'Organization Two', entity_type: 'organization' },
      { id: 100002, name: 'Organization Three', entity_type: 'organization' },
    ],
    meta: { count: 3, total_count: 100, offset: 0, status: 'success' },
  })
})

test("the third party's step 4: with `Content-Type: application/json`, no body and no Accept the list is the same", async () => {
  const { access_token } = await platform.tokens()
  const answer = await platform.ask('/api/v3.0/organizations', {
    headers: { 'Content-Type': 'application/json', ...bearer(access_token) },
  })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers['content-type'], 'application/json')
  const { data, meta } = answer.json<{ data: readonly Record<string, unknown>[]; meta: Record<string, unknown> }>()
  assert.deepEqual(data[0], { id: 100000, name: 'Organization One', entity_type: 'organization' })
  assert.equal(data.length, 100)
  assert.deepEqual(meta, { count: 100, total_count: 100, offset: 0, status: 'success' })
})

test('the session ID is copied from the cookie of /api/v2.0/session, and with the token it opens what needs both', async () => {
  const { access_token } = await platform.tokens({ audience: AUDIENCE })
  const session = await platform.ask('/api/v2.0/session', { headers: bearer(access_token) })
  assert.equal(session.status, 200)
  const { value } = cookieSetBy(session, SESSION_COOKIE)
  assert.match(value, /^[0-9a-f]{40}$/)

  const both = { ...bearer(access_token), ...cookie(value), Accept: 'application/json' }
  for (const path of ['/api/v2.0/campaigns', '/api/v2.0/organizations', '/api/v3.0/organizations']) {
    const answer = await platform.ask(path, { headers: both })
    assert.equal(answer.status, 200, `${path}: ${answer.text}`)
  }
})

test('what needs both refuses each alone, and its message is the step of the guide that is missing', async () => {
  const { access_token } = await platform.tokens()
  const value = await platform.bridged(access_token)
  for (const alone of [bearer(access_token), cookie(value)]) {
    const answer = await platform.ask('/api/v2.0/campaigns', { headers: { ...alone, Accept: 'application/json' } })
    assert.equal(answer.status, 401)
    const { errors } = answer.json<{ errors: readonly { message: string }[] }>()
    assert.match(errors[0]!.message, /\/api\/v2\.0\/session/)
    assert.match(errors[0]!.message, /Authorization/)
    assert.match(errors[0]!.message, /adama_session/)
  }
})

test('with offline_access the answer has an access token and a refresh token', async () => {
  const answer = await platform.ask(TOKEN_PATH, {
    headers: HTTPIE,
    body: JSON.stringify({ ...PASSWORD_GRANT, scope: 'offline_access' }),
  })
  assertTokenHeaders(answer)
  const { access_token, refresh_token = '', scope, ...rest } = answer.json<TokenBody>()
  assert.ok(isJwt(access_token))
  assert.match(refresh_token, /^[A-Za-z0-9]{20,}$/)
  assert.deepEqual(new Set(scope.split(' ')), new Set(['manage:services', 'offline_access']))
  assert.deepEqual(rest, { expires_in: 86400, token_type: 'Bearer' })
})

test("curl's refresh, of a sign-in that included openid, has the members of the guide's answer and no new refresh token", async () => {
  const { refresh_token = '', access_token: before } = await platform.tokens({ scope: 'openid offline_access' })
  const refresh = () =>
    platform.ask(TOKEN_PATH, {
      headers: CURL,
      body: `grant_type=refresh_token&client_id=${CLIENT.client_id}&client_secret=${CLIENT.client_secret}&refresh_token=${refresh_token}`,
    })
  const answer = await refresh()
  assertTokenHeaders(answer)
  const { access_token, id_token = '', scope, ...rest } = answer.json<TokenBody>()
  assert.ok(isJwt(access_token))
  assert.notEqual(access_token, before)
  assert.ok(isJwt(id_token))
  assert.equal(claimsOf(id_token).aud, CLIENT.client_id)
  for (const granted of ['openid', 'offline_access']) assert.ok(scope.split(' ').includes(granted), scope)
  assert.deepEqual(rest, { expires_in: 86400, token_type: 'Bearer' })

  const { status } = await platform.ask('/api/v3.0/organizations', { headers: bearer(access_token) })
  assert.equal(status, 200)
  assert.equal((await refresh()).status, 200, 'the refresh token stays as it is')
})

test('without openid the refresh has no ID token', async () => {
  const { refresh_token = '' } = await platform.tokens({ scope: 'offline_access' })
  const answer = await platform.ask(TOKEN_PATH, {
    headers: CURL,
    body: new URLSearchParams({ grant_type: 'refresh_token', ...CLIENT, refresh_token }).toString(),
  })
  assertTokenHeaders(answer)
  assert.deepEqual(Object.keys(answer.json<TokenBody>()).toSorted(), [
    'access_token',
    'expires_in',
    'scope',
    'token_type',
  ])
})

test('on day two the old cookie goes with the new token, and the answer brings a new one', async () => {
  const { refresh_token = '', access_token } = await platform.tokens({ scope: 'openid offline_access' })
  const yesterday = await platform.bridged(access_token)
  platform.travel(86_500)
  const refreshed = await platform.ask(TOKEN_PATH, {
    headers: CURL,
    body: new URLSearchParams({ grant_type: 'refresh_token', ...CLIENT, refresh_token }).toString(),
  })
  const { access_token: today } = refreshed.json<TokenBody>()
  const old = await platform.ask('/api/v2.0/campaigns', { headers: { ...bearer(access_token), ...cookie(yesterday) } })
  assert.equal(old.status, 401)
  const answer = await platform.ask('/api/v2.0/campaigns', { headers: { ...bearer(today), ...cookie(yesterday) } })
  assert.equal(answer.status, 200, answer.text)
  const { value } = cookieSetBy(answer, SESSION_COOKIE)
  assert.notEqual(value, yesterday)
  const again = await platform.ask('/api/v2.0/campaigns', { headers: { ...bearer(today), ...cookie(value) } })
  assert.equal(again.status, 200)
  assert.equal(again.headers['set-cookie'], undefined)
})
