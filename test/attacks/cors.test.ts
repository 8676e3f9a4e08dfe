import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authorize, authorizePath, makePublicSite, makeSite, REDIRECT_URI } from '../support/browser_like.ts'
import { startPostern } from '../support/running_postern.ts'
import { basic, credentials, file, FORM } from './attacking.ts'

// G19 · which pages may read which answers (RFC 9700 §2.6; Fetch §3.3).

const postern = await startPostern(file)
const account = await postern.makeAccount()
const OWN = new URL(REDIRECT_URI).origin
const OTHER = 'https://elsewhere.example'
const EVIL = 'https://evil.example'

/** A client as it is by default, and one whose pages are at an origin of their own. */
const page = await makePublicSite(postern)
const named = await makeSite(postern, { allowedOrigins: [OTHER] })

const EXPOSED = 'DPoP-Nonce, WWW-Authenticate, Retry-After'
const corsOf = ({ headers }: Response): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')))
const variesByOrigin = ({ headers }: Response): boolean => headers.get('vary') === 'Origin'
const readableBy = (origin: string) => ({
  'access-control-allow-origin': origin,
  'access-control-expose-headers': EXPOSED,
})

type Asking = { readonly origin?: string | undefined; readonly headers?: Readonly<Record<string, string>> }
const post = (path: string, body: Readonly<Record<string, string>>, { origin, headers = {} }: Asking = {}) =>
  fetch(postern.origin + path, {
    method: 'POST',
    headers: { ...(origin === undefined ? {} : { origin }), ...headers },
    body: new URLSearchParams(body),
  })
const preflight = (path: string, origin = EVIL, method = 'POST') =>
  fetch(postern.origin + path, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': 'auth0-client,authorization,content-type,dpop',
    },
  })

const clientCredentials = (client = named) => ({
  grant_type: 'refresh_token',
  refresh_token: 'x',
  ...credentials(client),
})

test('G19 · /authorize and the pages answer no page of another origin (RFC 9700 §2.6)', async () => {
  for (const path of [
    authorizePath(page),
    '/authorize/continue',
    '/account',
    '/',
    '/oauth2/v1.0/authorize',
    '/healthz',
  ]) {
    const answer = await fetch(postern.origin + path, { headers: { origin: OWN }, redirect: 'manual' })
    assert.deepEqual(corsOf(answer), {}, path)
    const asked = await preflight(path, OWN, 'GET')
    assert.deepEqual([asked.status, corsOf(asked)], [405, {}], path)
  }
  assert.equal((await preflight('/authorize/nothing', OWN, 'GET')).status, 404)
  for (const path of ['/sign-in', '/consent', '/oauth2/v1.0/token', '/api/v2.0/login', '/api/v2.0/session']) {
    assert.deepEqual(corsOf(await post(path, clientCredentials(page), { origin: OWN })), {}, path)
    assert.deepEqual(corsOf(await preflight(path, OWN)), {}, path)
  }
  const twin = await post('/oauth/token', clientCredentials(page), { origin: OWN })
  assert.deepEqual(corsOf(twin), readableBy(OWN))
})

test('G19 · the token endpoint answers the pages of the client that asks, and no others (Fetch §3.3.3)', async () => {
  for (const [client, allowed] of [
    [page, OWN],
    [named, OTHER],
  ] as const) {
    for (const origin of [
      EVIL,
      allowed === OWN ? OTHER : OWN,
      'null',
      `${allowed}.evil.example`,
      `${allowed}:8443`,
      `${allowed}/`,
      allowed.replace('https', 'http'),
      allowed.toUpperCase(),
      `${allowed}, ${EVIL}`,
      '*',
    ]) {
      const answer = await post('/oauth/token', clientCredentials(client), { origin })
      assert.deepEqual([answer.status, corsOf(answer), variesByOrigin(answer)], [400, {}, true], origin)
    }
    const twin = await post('/oauth/token', clientCredentials(client), { origin: allowed })
    assert.deepEqual(
      [twin.status, corsOf(twin), variesByOrigin(twin)],
      [400, readableBy(allowed), true],
      'an error is readable too',
    )
    const programs = await post('/oauth/token', clientCredentials(client))
    assert.deepEqual([corsOf(programs), variesByOrigin(programs)], [{}, true])
  }
})

test('G19 · what succeeds is readable by the same pages: tokens, userinfo, revocation (Fetch §3.3.3)', async () => {
  const { access_token: bearer, refresh_token: refreshToken } = await authorize(postern, page, account, {
    parameters: { scope: 'openid offline_access read:entities' },
  })
  const userinfo = (origin: string, token: string, method = 'GET') =>
    fetch(`${postern.origin}/userinfo`, { method, headers: { origin, authorization: `Bearer ${token}` } })
  for (const method of ['GET', 'POST']) {
    const denied = await userinfo(EVIL, bearer, method)
    assert.deepEqual([denied.status, corsOf(denied), variesByOrigin(denied)], [200, {}, true])
    const answer = await userinfo(OWN, bearer, method)
    assert.deepEqual([answer.status, corsOf(answer), variesByOrigin(answer)], [200, readableBy(OWN), true])
  }
  const refresh = (origin: string, token: string) =>
    post('/oauth/token', { grant_type: 'refresh_token', refresh_token: token, client_id: page.client.id }, { origin })
  const refreshed = await refresh(OWN, refreshToken)
  assert.deepEqual([refreshed.status, corsOf(refreshed)], [200, readableBy(OWN)])
  const { refresh_token: next = '' } = (await refreshed.json()) as { refresh_token?: string }
  const byOther = await refresh(EVIL, next)
  assert.deepEqual([byOther.status, corsOf(byOther)], [200, {}])

  const revoke = (origin: string) =>
    post('/oauth/revoke', { token: refreshToken, client_id: page.client.id }, { origin })
  assert.deepEqual(corsOf(await revoke(EVIL)), {})
  const revoked = await revoke(OWN)
  assert.deepEqual([revoked.status, corsOf(revoked)], [200, readableBy(OWN)])

  // A page must see why it is refused, or it cannot renew.
  const ended = await userinfo(OWN, bearer)
  assert.deepEqual([ended.status, corsOf(ended)], [401, readableBy(OWN)])
  assert.match(ended.headers.get('www-authenticate') ?? '', /invalid_token/)
  assert.deepEqual(corsOf(await userinfo(EVIL, bearer)), {})
  for (const token of ['nonsense', 'a.b.c', '']) assert.deepEqual(corsOf(await userinfo(OWN, token)), {}, token)
})

test('G19 · errors carry it wherever a client is named: by Basic, in a form, in JSON, wrong or disabled (Fetch §3.3.3)', async () => {
  const wrong = { grant_type: 'authorization_code', code: 'x', client_id: named.client.id, client_secret: 'wrong' }
  const answers = [
    await post('/oauth/token', wrong, { origin: OTHER }),
    await post(
      '/oauth/token',
      { grant_type: 'nothing' },
      {
        origin: OTHER,
        headers: { authorization: basic(named.client.id, named.secret) },
      },
    ),
    await fetch(`${postern.origin}/oauth/token`, {
      method: 'POST',
      headers: { origin: OTHER, 'content-type': 'application/json' },
      body: JSON.stringify(wrong),
    }),
    await post('/oauth/revoke', wrong, { origin: OTHER }),
    await post('/oauth/token?client_secret=x', wrong, { origin: OTHER }),
  ]
  assert.deepEqual(
    answers.map((answer) => [answer.status, corsOf(answer)]),
    [401, 400, 401, 401, 400].map((status) => [status, readableBy(OTHER)]),
  )
  // Who names nobody is told nothing, however it is sent.
  for (const body of [{}, { client_id: 'nobody' }, { ...wrong, client_id: `${named.client.id}x` }]) {
    assert.deepEqual(corsOf(await post('/oauth/token', body, { origin: OTHER })), {}, JSON.stringify(body))
  }
  const unreadable = await fetch(`${postern.origin}/oauth/token`, {
    method: 'POST',
    headers: { origin: OTHER, 'content-type': FORM },
    body: `client_id=${named.client.id}&client_id=${named.client.id}`,
  })
  assert.deepEqual([unreadable.status, corsOf(unreadable), variesByOrigin(unreadable)], [400, {}, true])
})

test('G19 · a preflight allows what browsers’ libraries send, to everybody, and never cookies (Fetch §3.3.2)', async () => {
  for (const [path, methods] of [
    ['/oauth/token', 'POST'],
    ['/oauth/revoke', 'POST'],
    ['/userinfo', 'GET, POST'],
    ['/.well-known/openid-configuration', 'GET'],
    ['/.well-known/oauth-authorization-server', 'GET'],
    ['/.well-known/jwks.json', 'GET'],
  ] as const) {
    const answer = await preflight(path)
    assert.deepEqual([answer.status, await answer.text()], [204, ''], path)
    assert.deepEqual(corsOf(answer), {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': methods,
      'access-control-allow-headers': 'Authorization, Content-Type, Auth0-Client, DPoP',
      'access-control-max-age': '3600',
    })
    assert.equal(answer.headers.get('set-cookie'), null)
  }
  const { logged } = postern
  assert.ok(!logged.some((line) => line.includes('a request failed')))
})

test('G19 · documents that are the same for all are readable by all, with cookies or without (Fetch §3.3.3)', async () => {
  for (const path of ['openid-configuration', 'oauth-authorization-server', 'jwks.json']) {
    for (const headers of [{ origin: EVIL }, { origin: 'null', cookie: 'postern_session=x' }, {}]) {
      const answer = await fetch(`${postern.origin}/.well-known/${path}`, { headers })
      assert.deepEqual([answer.status, corsOf(answer)], [200, readableBy('*')], path)
      assert.equal(answer.headers.get('vary'), null)
    }
  }
})
