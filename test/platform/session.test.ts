import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { days, hours, minutes } from '#base/time.ts'
import { API_KEY, CHALLENGE, COOKIE, openPlatform, sessionOf, type Call } from './fixture.ts'

const platform = await openPlatform()
const { call, person, client, authorize, tokenOf, login } = platform
const app = await client({ apiKeys: [{ name: 'k', key: API_KEY }] })
const other = await client()
const manager = await person()

const session = (more: Call = {}) => call('/api/v2.0/session', more)
const logout = (more: Call = {}) => call('/api/v2.0/logout', more)
const withoutMoment = (text: string): string =>
  text.replace(/"called_on":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000"/, '"called_on":"NOW"')

test('a bearer token is bridged: the session of its authorization, in the body and in the cookie, the same each time', async () => {
  const { issue, token } = await authorize(manager, app)
  const first = await session({ bearer: token })
  assert.equal(first.status, 200)
  assert.equal(first.header('cache-control'), 'no-store, private')
  assert.equal(first.header('vary'), 'Accept, Authorization, Cookie')
  const body = sessionOf(first.json())
  assert.equal(first.cookie(), body.session.sessionid)
  assert.deepEqual([body.id, body.name, body.entity_type], [manager.id, manager.username, 'user'])
  assert.equal((await session({ bearer: (await issue()).access_token })).cookie(), first.cookie())
  assert.equal((await session({ bearer: token, method: 'POST' })).cookie(), first.cookie())
  assert.equal(
    (await session({ headers: { authorization: token } })).cookie(),
    first.cookie(),
    'without the word Bearer',
  )
  assert.match((await session({ bearer: token, accept: undefined })).text, /<session current_time/)
})

test('another authorization has another session, and the cookie is never more than its authorization', async () => {
  const narrow = await tokenOf(manager, app, { scopes: ['read:users'] })
  const wide = await tokenOf(manager, app)
  const narrowSession = (await session({ bearer: narrow })).cookie()!
  assert.notEqual(narrowSession, (await session({ bearer: wide })).cookie())
  assert.equal((await call('/api/v2.0/organizations', { session: narrowSession })).status, 403)
})

test('a session alone is told about itself, and gets no cookie again', async () => {
  for (const cookie of [
    (await login(manager)).cookie()!,
    (await session({ bearer: await tokenOf(manager, app) })).cookie()!,
  ]) {
    const reply = await session({ session: cookie })
    assert.equal(reply.status, 200)
    assert.equal(sessionOf(reply.json()).session.sessionid, cookie)
    assert.equal(reply.header('set-cookie'), undefined)
  }
})

test('both: the session is that of the cookie', async () => {
  const bearer = await tokenOf(manager, app)
  const bridged = (await session({ bearer })).cookie()!
  const signedIn = (await login(manager)).cookie()!
  for (const cookie of [bridged, signedIn]) {
    const reply = await session({ bearer, session: cookie })
    assert.equal(sessionOf(reply.json()).session.sessionid, cookie)
    assert.equal(reply.header('set-cookie'), undefined)
  }
})

test('golden: without credentials', async () => {
  const reply = await session()
  assert.equal(reply.status, 401)
  assert.equal(
    withoutMoment(reply.text),
    '{"errors":[{"message":"Authentication required"}],"meta":{"called_on":"NOW","status":"auth_required"}}',
  )
  assert.equal(reply.header('www-authenticate'), CHALLENGE)
  assert.equal(reply.header('set-cookie'), undefined)
})

test('a client alone has no session, not even one that acts as somebody', async () => {
  const acting = await client({ actsAs: manager.id })
  for (const machine of [app, acting]) {
    const reply = await session({ bearer: await platform.clientToken(machine) })
    assert.equal(reply.status, 403)
    assert.match(reply.header('www-authenticate')!, /error="insufficient_scope"/)
    assert.equal(reply.header('set-cookie'), undefined)
  }
  const organizations = await call('/api/v2.0/organizations', { bearer: await platform.clientToken(app) })
  assert.equal(organizations.status, 403)
  assert.equal((await call('/api/v3.0/organizations', { bearer: await platform.clientToken(acting) })).status, 200)
})

test('a token without a scope of this API is not bridged', async () => {
  assert.equal((await session({ bearer: await tokenOf(manager, app, { scopes: ['openid'] }) })).status, 403)
})

test('a cookie that is no session is refused by name', async () => {
  const real = (await login(manager)).cookie()!
  const token = await tokenOf(manager, app)
  for (const value of [
    randomBytes(20).toString('hex'),
    real.slice(1),
    `${real}0`,
    `${real.startsWith('0') ? '1' : '0'}${real.slice(1)}`,
    real.toUpperCase() === real ? `x${real}` : real.toUpperCase(),
    'a'.repeat(8000),
    token,
    '../../etc',
  ]) {
    const reply = await session({ session: value })
    assert.deepEqual([reply.status, reply.json().meta.status], [401, 'auth_required'], value)
    assert.match(reply.json().errors![0]!.message, /cookie/)
  }
  for (const headers of [
    { cookie: `${COOKIE.toUpperCase()}=${real}` },
    { cookie: `${COOKIE}=` },
    { [COOKIE]: real },
    { cookie: `x=1; ${COOKIE}2=${real}` },
  ]) {
    assert.equal((await session({ headers })).status, 401, JSON.stringify(headers))
  }
  assert.equal((await call(`/api/v2.0/session?${COOKIE}=${real}`)).status, 401)
})

test('two different session cookies are refused, whichever comes first', async () => {
  const [a, b] = [(await login(manager)).cookie()!, (await login(await person())).cookie()!]
  for (const cookie of [`${COOKIE}=${a}; ${COOKIE}=${b}`, `${COOKIE}=${b}; ${COOKIE}=${a}`]) {
    assert.equal((await session({ headers: { cookie } })).status, 400)
    assert.equal((await logout({ headers: { cookie } })).status, 400)
  }
  assert.equal((await session({ session: a })).status, 200)
})

test('a token in the URL is refused, wherever the rest is', async () => {
  const bearer = await tokenOf(manager, app)
  assert.equal((await call(`/api/v2.0/session?access_token=${bearer}`)).status, 400)
  assert.equal((await call(`/api/v3.0/organizations?access_token=${bearer}`, { bearer })).status, 400)
})

test('logging out ends the session that the cookie names, and only that', async () => {
  const bearer = await tokenOf(manager, app)
  const bridged = (await session({ bearer })).cookie()!
  const signedIn = (await login(manager)).cookie()!
  for (const method of ['GET', 'POST']) {
    const cookie = (await login(await person())).cookie()!
    platform.audit.length = 0
    const reply = await logout({ session: cookie, method })
    assert.deepEqual([reply.status, reply.text], [200, '{"meta":{"status":"ok"}}'])
    assert.equal(reply.header('set-cookie'), `${COOKIE}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure`)
    assert.equal((await session({ session: cookie })).status, 401)
    assert.deepEqual(
      platform.audit.map(({ audit }) => audit),
      ['signed_out', 'unknown_session'],
    )
    // Once more, and it is still done.
    assert.equal((await logout({ session: cookie, method })).status, 200)
  }
  const both = await logout({ session: bridged, bearer, accept: undefined })
  assert.equal(both.text, `<?xml version='1.0' ?>\n<result><status code="ok" /></result>`)
  assert.equal((await session({ session: bridged })).status, 401)
  assert.equal((await session({ session: signedIn })).status, 200)
  const again = await session({ bearer })
  assert.notEqual(again.cookie(), bridged)
  assert.equal(again.status, 200, 'the token lives on')
})

test('logging out without a session is done already', async () => {
  const bearer = await tokenOf(manager, app)
  const cookie = (await session({ bearer })).cookie()!
  for (const more of [{}, { session: 'junk' }, { session: '0'.repeat(40) }, { bearer }]) {
    const reply = await logout(more)
    assert.equal(reply.status, 200)
    assert.match(reply.header('set-cookie')!, /Max-Age=0/)
  }
  assert.equal((await session({ session: cookie })).status, 200, 'a token alone names no session')
  assert.equal((await logout({ bearer: 'junk', session: cookie })).status, 401)
  const stranger = await tokenOf(await person(), app)
  assert.equal((await logout({ bearer: stranger, session: cookie })).status, 401)
  assert.equal((await session({ session: cookie })).status, 200)
})

test('a page of another site can neither log a browser out nor post with its cookie', async () => {
  const cookie = (await login(manager)).cookie()!
  for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }]) {
    for (const [path, method] of [
      ['session', 'POST'],
      ['logout', 'POST'],
      ['logout', 'GET'],
    ] as const) {
      const reply = await call(`/api/v2.0/${path}`, { method, session: cookie, headers })
      assert.equal(reply.status, 403, `${method} ${path}`)
    }
  }
  assert.equal((await call('/api/v2.0/session', { method: 'POST', session: cookie })).status, 200)
  const ours = { origin: 'https://auth.example.com' }
  assert.equal((await call('/api/v2.0/session', { method: 'POST', session: cookie, headers: ours })).status, 200)
})

test('a cookie of one user with a token of another is refused and audited, at every path', async () => {
  const cookie = (await session({ bearer: await tokenOf(manager, app) })).cookie()!
  const signedIn = (await login(manager)).cookie()!
  const strangers = await tokenOf(await person(), app)
  for (const path of [
    '/api/v2.0/session',
    '/api/v2.0/organizations',
    '/api/v2.0/campaigns',
    '/api/v3.0/organizations',
  ]) {
    for (const planted of [cookie, signedIn]) {
      platform.audit.length = 0
      const reply = await call(path, { bearer: strangers, session: planted })
      assert.equal(reply.status, 401)
      assert.match(reply.header('www-authenticate')!, /error="invalid_token"/)
      assert.deepEqual(
        platform.audit.map(({ audit, path }) => [audit, path]),
        [['identity_mismatch', path]],
      )
    }
  }
})

test('a bridged cookie goes with a token of its client alone; one of a sign-in with any of its user', async () => {
  const cookie = (await session({ bearer: await tokenOf(manager, app) })).cookie()!
  const signedIn = (await login(manager)).cookie()!
  const ofOther = await tokenOf(manager, other)
  const narrower = await tokenOf(manager, app, { scopes: ['read:users'] })
  assert.equal((await session({ bearer: ofOther, session: cookie })).status, 401)
  assert.equal((await session({ bearer: ofOther, session: signedIn })).status, 200)
  // The token's authority alone counts: the wider cookie adds nothing.
  assert.equal((await session({ bearer: narrower, session: cookie })).status, 200)
  assert.equal((await call('/api/v2.0/organizations', { bearer: narrower, session: cookie })).status, 403)
})

test('an invalid token is refused, cookie or not', async () => {
  const cookie = (await login(manager)).cookie()!
  const elsewhere = await tokenOf(manager, app, { audience: 'https://other.example.com/' })
  for (const bearer of ['junk', 'undefined', 'a.b.c', elsewhere]) {
    for (const more of [{}, { session: cookie }]) {
      const reply = await session({ bearer, ...more })
      assert.equal(reply.status, 401)
      assert.match(
        reply.header('www-authenticate')!,
        /^Bearer realm="[^"]+", error="invalid_token", error_description="[^"]+"$/,
      )
    }
  }
  assert.equal((await session({ headers: { authorization: 'Basic dXNlcjpwYXNz' }, session: cookie })).status, 401)
})

test('ending the authorization, the client or the account ends what was bridged, and the token', async () => {
  const { store } = platform
  for (const end of [
    (asked: { id: number }) => store.authorizations.end(asked.id),
    (asked: { accountId: number }) => store.accounts.disable(asked.accountId),
    (asked: { accountId: number }) => store.accounts.setPassword(asked.accountId, '$argon2id$another'),
    (asked: { clientId: string }) => store.clients.disable(asked.clientId),
  ]) {
    const { authorization, token: bearer } = await authorize(await person(), await client())
    const cookie = (await session({ bearer })).cookie()!
    await end(authorization)
    assert.equal((await session({ session: cookie })).status, 401)
    assert.equal((await session({ bearer })).status, 401)
  }
})

test('day two: a token with its own expired cookie is handed a new one, whatever it asks for', async () => {
  const { issue, authorization } = await authorize(manager, app, { scopes: ['read:entities', 'read:users'] })
  const old = (await session({ bearer: (await issue()).access_token })).cookie()!
  const signedIn = (await login(manager)).cookie()!
  platform.pass(days(1))
  platform.pass(minutes(1))
  const bearer = (await issue()).access_token
  const expired = await session({ session: old })
  assert.deepEqual([expired.status, expired.json().meta.status], [401, 'auth_required'])
  assert.equal((await session({ bearer, session: signedIn })).status, 401, 'a sign-in is not renewed by a token')

  platform.audit.length = 0
  const renewed = (await call('/api/v2.0/campaigns', { bearer, session: old })).cookie()!
  assert.match(renewed, /^[0-9a-f]{40}$/)
  assert.notEqual(renewed, old)
  assert.deepEqual(
    platform.audit.map(({ audit, account, client, authorization_id }) => [audit, account, client, authorization_id]),
    [['session_bridged', manager.id, app.id, authorization.id]],
  )
  for (const path of ['/api/v3.0/organizations', '/api/v2.0/session']) {
    assert.equal((await call(path, { bearer, session: old })).cookie(), renewed)
  }
  assert.equal((await call('/api/v2.0/organizations', { session: renewed })).status, 200)
  // Logging out with the old cookie ends the one that took its place.
  assert.equal((await logout({ bearer, session: old })).status, 200)
  assert.equal((await session({ session: renewed })).status, 401)
})

test('a bridged session ends with its authorization, if that is sooner', async () => {
  const somebody = await person()
  const authorization = await platform.store.authorizations.authorizePassword({
    accountId: somebody.id,
    accountVersion: somebody.version,
    clientId: app.id,
    audience: 'https://api.example.com/',
    scopes: ['read:entities'],
    offline: true,
    salt: randomBytes(16),
    lifetime: { idle: hours(2), absolute: hours(2) },
  })
  assert.ok(authorization)
  const bearer = await tokenOf(somebody, app)
  const { session: bridged } = sessionOf((await session({ bearer })).json())
  const left = (Date.parse(`${bridged.expires}Z`) - Date.parse(`${bridged.current_time}Z`)) / 1000
  assert.ok(left <= 7200, String(left))
})

test('a route that needs both refuses either alone, and says the step that is missing', async () => {
  const bearer = await tokenOf(manager, app)
  const cookie = (await session({ bearer })).cookie()!
  for (const path of ['/api/v2.0/campaigns', '/api/v2.0/campaigns/200000']) {
    for (const alone of [{ bearer }, { session: cookie }]) {
      const reply = await call(path, alone)
      assert.deepEqual([reply.status, reply.json().meta.status], [401, 'auth_required'])
      const { message } = reply.json().errors![0]!
      assert.match(message, /https:\/\/api\.example\.com\/api\/v2\.0\/session/)
      assert.match(message, /Authorization/)
      assert.match(message, new RegExp(COOKIE))
      assert.equal(reply.header('www-authenticate'), CHALLENGE)
    }
    assert.equal((await call(path, { bearer, session: cookie })).status, 200)
  }
})

test('campaigns are seen below the organizations that are seen', async () => {
  const reporter = await person({ role: 'REPORTER', scope: 'SELECT', flags: [], organizations: [100_001, 100_002] })
  const bearer = await tokenOf(reporter, app)
  const cookie = (await session({ bearer })).cookie()!
  const list = await call('/api/v2.0/campaigns', { bearer, session: cookie })
  assert.deepEqual(
    (list.json().data as { id: number }[]).map(({ id }) => id),
    [200_001, 200_002],
  )
  assert.equal((await call('/api/v2.0/campaigns/200000', { bearer, session: cookie })).status, 404)
  const one = await call('/api/v2.0/campaigns/200001', { bearer, session: cookie })
  assert.equal((one.json().data as Record<string, unknown>)['organization_id'], 100_001)
  assert.equal((await call('/api/v2.0/organizations', { bearer })).status, 403, 'without the flag')
})
