import assert from 'node:assert/strict'
import { createHmac, createPublicKey, randomBytes, type webcrypto } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createApp } from '#app.ts'
import { silentLog } from '#base/log.ts'
import { deriveKey } from '#base/secrets.ts'
import { PLATFORM_AUDIENCE } from '#config.ts'
import { openSqliteStore } from '#stores/sqlite/store.ts'
import { openSigningKeys } from '#tokens/signing_keys.ts'
import { exchange, open } from '../http/serving.ts'
import { createTestDatabase, noPostgres } from '../support/postgres.ts'
import { addOrganizations, claimsOf, headerOf, PASSWORD, startPostern } from '../support/running_postern.ts'
import {
  assertGranted,
  auditsOf,
  bridge,
  callPlatform,
  credentials,
  encodeForm,
  file,
  FORM,
  get,
  logIn,
  post,
  startSecondNode,
  VENDOR_JSON,
  type PlatformAnswer,
  type PlatformCall,
} from './attacking.ts'

// The session cookie and the bearer token of the platform API, alone, together and in the wrong hands.
//
// Not here:
// - L20 · there is no upstream yet whose Set-Cookie could get through. L19 is only about what the server itself believes.

const throttling = { account_burst: 1000, account_total_burst: 10_000, address_burst: 100_000 }
const OTHER_API = 'https://reports.example.com/'
const read = { name: 'read:entities', description: 'Read.' }
const api_resources = [
  {
    audience: PLATFORM_AUDIENCE,
    name: 'Platform',
    scopes: [
      read,
      { name: 'write:entities', description: 'Write.' },
      { name: 'read:users', description: 'Read users.' },
      { name: 'manage:services', description: 'All.', includes: ['read:entities', 'write:entities'] },
    ],
  },
  { audience: OTHER_API, name: 'Reports', scopes: [read] },
]

const postern = await startPostern(file, { config: { throttling, api_resources } })
const { port } = postern
await addOrganizations(postern.store, 3)
const client = await postern.makeClient()
const otherClient = await postern.makeClient()
const alice = await postern.makeAccount()
const bob = await postern.makeAccount()

const call = (path: string, as?: PlatformCall): Promise<PlatformAnswer> => callPlatform(postern, path, as)
const session = (as?: PlatformCall): Promise<PlatformAnswer> => call('/api/v2.0/session', as)
const organizations = (as?: PlatformCall): Promise<PlatformAnswer> => call('/api/v2.0/organizations', as)

const tokenOf = async (account = alice, app = client, scope = 'manage:services'): Promise<string> =>
  assertGranted(await postern.signIn(app, account.username, { scope })).access_token

const sessionOf = async (account = alice, app = client, scope?: string): Promise<string> =>
  bridge(postern, await tokenOf(account, app, scope))

const assertUnauthorized = (answer: PlatformAnswer, why = answer.text): void => {
  assert.equal(answer.status, 401, why)
  assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer realm="/, why)
  assert.equal(answer.headers.get('set-cookie'), null, why)
  assert.match(answer.headers.get('cache-control') ?? '', /no-store/, why)
  assert.doesNotMatch(answer.text, /"data"/, why)
}

test('L01 · a bearer token buys a session that cannot be guessed, read by a script or sent by another site', async () => {
  const seen = new Set<string>()
  // Each set of scopes is an authorization of its own, and each authorization has its own session.
  const sets = [...Array(20).keys()].map((n) =>
    ['manage:services', 'openid', 'profile', 'email', 'address', 'phone'].filter(
      (_, at) => at === 0 || (n >> (at - 1)) & 1,
    ),
  )
  for (const scopes of sets) {
    const answer = await session({ bearer: await tokenOf(alice, client, scopes.join(' ')) })
    assert.equal(answer.status, 200)
    const [cookie = '', ...more] = answer.headers.getSetCookie()
    assert.deepEqual(more, [])
    const [pair = '', ...attributes] = cookie.split('; ')
    assert.match(pair, /^adama_session=[0-9a-f]{40}$/)
    const maxAge = /^Max-Age=(\d+)$/.exec(attributes.find((each) => each.startsWith('Max-Age')) ?? '')?.[1]
    assert.ok(Number(maxAge) > 0 && Number(maxAge) <= 86_400)
    assert.deepEqual(attributes.filter((each) => !each.startsWith('Max-Age')).toSorted(), [
      'HttpOnly',
      'Path=/',
      'SameSite=Lax',
    ])
    assert.match(answer.headers.get('cache-control') ?? '', /no-store/)
    seen.add(pair)
  }
  assert.equal(seen.size, 20)
})

test('L01, L26 · where the public URL is https the cookie is Secure, and a request that came as http is refused (RFC 6265bis)', async (t) => {
  const secure = await startPostern(t, {
    config: { urls: { auth: 'https://auth.example.com/' }, listen: { trusted_proxies: ['127.0.0.1'] } },
  })
  const unproxied = await startPostern(t, { config: { urls: { auth: 'https://auth.example.com/' } } })
  const overTls = { 'x-forwarded-proto': 'https' }
  const app = await secure.makeClient()
  const { username } = await secure.makeAccount()
  const grant = { grant_type: 'password', username, password: PASSWORD, ...credentials(app) }
  assert.equal((await secure.token(grant)).status, 400)
  const { access_token } = assertGranted(await secure.token(grant, overTls))
  for (const headers of [{}, { 'x-forwarded-proto': 'http' }, { 'x-forwarded-proto': 'http, https' }] as Record<
    string,
    string
  >[]) {
    for (const answer of [
      await callPlatform(secure, '/api/v2.0/session', { bearer: access_token, headers }),
      await logIn(secure, app.client.id, username, PASSWORD, headers),
    ]) {
      if (headers['x-forwarded-proto'] === 'http, https') continue
      assert.equal(answer.status, 400)
      assert.equal(answer.headers.get('set-cookie'), null)
    }
  }
  const spoofed = await callPlatform(unproxied, '/api/v2.0/session', { bearer: access_token, headers: overTls })
  assert.deepEqual([spoofed.status, spoofed.setSession], [400, undefined], 'nobody but a trusted proxy says https')
  for (const answer of [
    await callPlatform(secure, '/api/v2.0/session', { bearer: access_token, headers: overTls }),
    await logIn(secure, app.client.id, username, PASSWORD, overTls),
    await callPlatform(secure, '/api/v2.0/logout', { headers: overTls }),
  ]) {
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('set-cookie') ?? '', /; Secure/)
    assert.match(answer.headers.get('strict-transport-security') ?? '', /max-age=\d{7,}/)
  }
})

test('L02 · without credentials there is no session, and the answer says what to bring (RFC 6750 §3)', async () => {
  for (const path of [
    '/api/v2.0/session',
    '/api/v2.0/organizations',
    '/api/v3.0/organizations',
    '/api/v2.0/campaigns',
  ]) {
    const answer = await call(path)
    assertUnauthorized(answer, path)
    assert.doesNotMatch(answer.headers.get('www-authenticate') ?? '', /error=/)
  }
  assert.equal((await session({ bearer: await tokenOf() })).status, 200)
})

test('L04 · the cookie of one user with the token of another is refused and audited, and ends nothing (confused deputy)', async () => {
  const ofAlice = await sessionOf(alice)
  const loggedInAlice = (await logIn(postern, client.client.id, alice.username, PASSWORD)).setSession!
  const bearer = await tokenOf(bob)
  for (const cookie of [ofAlice, loggedInAlice]) {
    for (const path of [
      '/api/v2.0/session',
      '/api/v2.0/organizations',
      '/api/v2.0/organizations/100000',
      '/api/v3.0/organizations',
      '/api/v2.0/campaigns',
      '/api/v2.0/logout',
    ]) {
      let id: string | null = null
      const events = await auditsOf(postern, async () => {
        const answer = await call(path, { bearer, session: cookie })
        assert.equal(answer.status, 401, path)
        assert.equal(answer.headers.get('set-cookie'), null)
        id = answer.headers.get('x-request-id')
      })
      const mismatches = events.filter(({ audit }) => audit === 'identity_mismatch')
      assert.equal(mismatches.length, 1, path)
      const [event] = mismatches
      assert.equal(event!['request'], id)
      assert.equal(event!['sessionAccount'], alice.id)
    }
    assert.equal((await session({ session: cookie })).status, 200, 'it was not logged out either')
  }
  assert.equal((await session({ bearer: await tokenOf(alice), session: ofAlice })).status, 200)
  assert.equal((await session({ bearer })).status, 200)
})

test('L04, P14 · who held the token of a mismatch is in the audit event too', async () => {
  const cookie = await sessionOf(alice)
  const bearer = await tokenOf(bob)
  const [event] = await auditsOf(postern, () => session({ bearer, session: cookie }))
  assert.equal(event?.audit, 'identity_mismatch')
  assert.deepEqual([event['account'], event['client']], [bob.id, client.client.id])
})

test('L05 · a session of one client with a token of another is refused, and scopes are never joined', async () => {
  const bridged = await sessionOf(alice, client)
  assert.equal((await organizations({ bearer: await tokenOf(alice, otherClient), session: bridged })).status, 401)
  const usersOnly = await tokenOf(alice, client, 'read:users')
  assert.equal((await organizations({ bearer: usersOnly })).status, 403)
  assert.equal((await organizations({ bearer: usersOnly, session: bridged })).status, 403)
  const loggedIn = (await logIn(postern, client.client.id, alice.username, PASSWORD)).setSession!
  assert.equal((await organizations({ session: loggedIn })).status, 200)
  assert.equal((await organizations({ bearer: usersOnly, session: loggedIn })).status, 403)
  assert.equal((await organizations({ bearer: await tokenOf(alice, client), session: bridged })).status, 200)
})

test('L05 · a session bridged from a token is never more than its authorization', async () => {
  const narrow = await sessionOf(alice, client, 'read:users')
  assert.equal((await session({ session: narrow })).status, 200)
  assert.equal((await organizations({ session: narrow })).status, 403)
  const wide = await sessionOf(alice, client, 'read:entities')
  assert.equal((await organizations({ session: wide })).status, 200)
})

test('a token that was narrowed at refresh does not get wider again by way of a session (RFC 6749 §6)', async () => {
  const scope = 'offline_access read:entities read:users'
  const { refresh_token } = assertGranted(await postern.signIn(client, alice.username, { scope }))
  const narrowed = assertGranted(
    await postern.token({
      grant_type: 'refresh_token',
      refresh_token,
      scope: 'read:users',
      ...credentials(client),
    }),
  ).access_token
  assert.equal((await organizations({ bearer: narrowed })).status, 403)
  const { setSession } = await session({ bearer: narrowed })
  if (setSession !== undefined) assert.equal((await organizations({ session: setSession })).status, 403)
  const whole = assertGranted(
    await postern.token({ grant_type: 'refresh_token', refresh_token, ...credentials(client) }),
  ).access_token
  assert.equal((await organizations({ session: await bridge(postern, whole) })).status, 200)
})

test('L07 · a cookie that is random, cut, longer, changed or of 8 kB is no session (CVE-2026-27840)', async () => {
  const real = await sessionOf()
  const bearer = await tokenOf()
  const changed = Array.from(real, (digit, at) => real.slice(0, at) + (digit === '0' ? '1' : '0') + real.slice(at + 1))
  for (const value of [
    randomBytes(20).toString('hex'),
    '0'.repeat(40),
    real.slice(1),
    real.slice(0, -1),
    `${real}0`,
    `0${real}`,
    `${real}${real}`,
    real.toUpperCase(),
    `${real}.sig`,
    `s:${real}`,
    encodeURIComponent(`${real}%`),
    'a'.repeat(8000),
    '[object Object]',
    'null',
    'undefined',
    'true',
    '1',
    ...changed,
  ]) {
    if (value === real) continue
    assertUnauthorized(await session({ session: value }), value)
    assert.equal((await session({ session: value, bearer })).status, 401, 'nor beside a token')
  }
  assertUnauthorized(await session({ session: '' }))
  assert.equal((await session({ session: real })).status, 200)
})

test('L08 · no other secret is a session: no token, no key, nothing home-made (CVE-2019-3868, CVE-2026-4325)', async () => {
  const granted = assertGranted(
    await postern.signIn(client, alice.username, { scope: 'openid offline_access manage:services' }),
  )
  const real = await bridge(postern, granted.access_token)
  for (const value of [
    granted.access_token,
    granted.id_token!,
    granted.refresh_token!,
    client.client.id,
    client.secret!,
    String(alice.id),
    Buffer.from(JSON.stringify({ user: alice.id })).toString('base64url'),
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify({ sub: alice.id })).toString('base64url')}.`,
    claimsOf(granted.access_token)['jti'] as string,
    claimsOf(granted.access_token)['authorization_id'] as string,
  ]) {
    assertUnauthorized(await session({ session: value }), value)
  }
  assert.equal((await session({ session: real })).status, 200)
})

const withCookies = (...lines: readonly string[]) =>
  exchange(port, get('/api/v2.0/session', [`Accept: ${VENDOR_JSON}`, ...lines.map((line) => `Cookie: ${line}`)]))

test('L10 · two sessions in one request are none, in whichever way they are sent (cookie tossing, RFC 6265 §5.4)', async () => {
  const [a, b] = [await sessionOf(alice), await sessionOf(bob)]
  for (const lines of [
    [`adama_session=${a}; adama_session=${b}`],
    [`adama_session=${b}; adama_session=${a}`],
    [`adama_session=${a};adama_session=${b}`],
    [`adama_session=${a}`, `adama_session=${b}`],
    [`adama_session=${a}, adama_session=${b}`],
    [`adama_session=${a}; x=1; adama_session=${b}`],
    [`adama_session=planted; adama_session=${a}`],
    [`adama_session=${a}; adama_session=planted`],
    [`adama_session=${a};\tadama_session=${b}`],
    [`adama_session=${a};  adama_session=${b}`],
    [`adama_session=${a}; adama_session="${b}"`],
  ]) {
    const { status, body } = await withCookies(...lines)
    assert.ok(status === 400 || status === 401, `${lines.join(' | ')}: ${status}`)
    assert.doesNotMatch(body, /"data"/)
  }
  for (const lines of [
    [`adama_session=${a}`],
    [`x=1; adama_session=${a}; y=2`],
    [`x=1;adama_session=${a}`],
    [`x=1`, `adama_session=${a}`],
    [`adama_session=${a}; adama_session=${a}`],
  ]) {
    assert.equal((await withCookies(...lines)).status, 200, lines.join(' | '))
  }
})

test('L11 · a name or value that only some parsers take for the session is not taken', async () => {
  const real = await sessionOf()
  for (const line of [
    `ADAMA_SESSION=${real}`,
    `Adama_Session=${real}`,
    `adama_session\t=${real}`,
    `adama_session =${real}`,
    `x=1; \tadama_session=${real}`,
    `x=1;\xa0adama_session=${real}`,
    `%61dama_session=${real}`,
    `"adama_session"=${real}`,
    `adama_session="${real}"`,
    `adama_session= ${real}`,
    `adama_session=${real} `.concat('; x=1'),
    `adama_session==${real}`,
    `$Version=1; $adama_session=${real}`,
    `adama_session:${real}`,
    `adama-session=${real}`,
    `__Host-adama_session=${real}`,
    `x="; adama_session=${real.slice(1)}"`,
    `adama_session[]=${real}`,
    `x=adama_session=${real}`,
  ]) {
    const { status, body } = await withCookies(line)
    assert.equal(status, 401, JSON.stringify(line))
    assert.doesNotMatch(body, /"data"/)
  }
  assert.equal((await withCookies(`adama_session=${real}`)).status, 200)
})

test('L13, L14 · a session ends with its authorization, its logout, its password, its user and its client', async () => {
  const apiKey = otherClient.client.id
  for (const end of [
    (_account: number, authorization: number) => postern.store.authorizations.end(authorization),
    (account: number) => postern.store.accounts.setPassword(account, '$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA'),
    (account: number) => postern.store.accounts.disable(account),
    (_account: number, _authorization: number, app: string) => postern.store.clients.disable(app),
    async (_account: number, _authorization: number, _app: string, cookie: string) => {
      assert.equal((await call('/api/v2.0/logout', { session: cookie })).status, 200)
    },
  ]) {
    const account = await postern.makeAccount()
    const app = await postern.makeClient()
    const bearer = await tokenOf(account, app)
    const cookie = await bridge(postern, bearer)
    const live = await session({ session: cookie })
    assert.equal(live.status, 200)
    const loggedInElsewhere = (await logIn(postern, apiKey, account.username, PASSWORD)).setSession!
    const bystander = await sessionOf(alice)
    let authorization = 0
    for (let id = 1; authorization === 0; id++) {
      if ((await postern.store.authorizations.findLive(id))?.account.id === account.id) authorization = id
    }
    await end(account.id, authorization, app.client.id, cookie)
    assertUnauthorized(await session({ session: cookie }))
    assertUnauthorized(await organizations({ session: cookie }))
    assert.equal((await session({ session: cookie, bearer })).status, 401)
    const reachesAll = (await postern.store.accounts.find(account.id))!.version !== account.version
    assert.equal((await session({ session: loggedInElsewhere })).status, reachesAll ? 401 : 200)
    assert.equal((await session({ session: bystander })).status, 200)
  }
})

test('a revoked token is refused though its signature was found right a moment ago', async () => {
  const account = await postern.makeAccount()
  const bearer = await tokenOf(account)
  for (let n = 0; n < 3; n++) assert.equal((await organizations({ bearer })).status, 200)
  await postern.store.accounts.disable(account.id)
  const answer = await organizations({ bearer })
  assertUnauthorized(answer)
  assert.match(answer.headers.get('www-authenticate') ?? '', /error="invalid_token"/)
  assert.equal((await organizations({ bearer: await tokenOf(bob) })).status, 200)
})

test('L16 · a session alone opens the routes that are still of sessions, and no other', async () => {
  const cookie = await sessionOf()
  const bearer = await tokenOf()
  for (const [path, expected] of [
    ['/api/v2.0/organizations', { cookie: 200, bearer: 200, both: 200 }],
    ['/api/v3.0/organizations', { cookie: 401, bearer: 200, both: 200 }],
    ['/api/v2.0/campaigns', { cookie: 401, bearer: 401, both: 200 }],
  ] as const) {
    assert.deepEqual(
      {
        cookie: (await call(path, { session: cookie })).status,
        bearer: (await call(path, { bearer })).status,
        both: (await call(path, { bearer, session: cookie })).status,
      },
      expected,
      path,
    )
  }
})

test('L17 · a page of another site can neither sign in, nor sign out, nor post with the cookie that the browser adds', async () => {
  const cookie = await sessionOf()
  const foreign: readonly Readonly<Record<string, string>>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://localhost:9400.evil.example' },
    { origin: 'http://localhost:9401' },
    { origin: 'https://localhost:9400' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'http://localhost:9400', 'sec-fetch-site': 'cross-site' },
  ]
  const fields = { user: bob.username, password: PASSWORD, api_key: client.client.id }
  for (const headers of foreign) {
    for (const answer of [
      await session({ method: 'POST', session: cookie, headers }),
      await call('/api/v2.0/logout', { method: 'POST', session: cookie, headers }),
      await call('/api/v2.0/logout', { session: cookie, headers }),
      await call('/api/v2.0/login', { method: 'POST', body: new URLSearchParams(fields), headers }),
      await call('/api/v2.0/login', { method: 'POST', body: new URLSearchParams(fields), headers, session: cookie }),
    ]) {
      assert.equal(answer.status, 403, JSON.stringify(headers))
      assert.equal(answer.headers.get('set-cookie'), null)
    }
  }
  assert.equal((await session({ session: cookie })).status, 200, 'nobody was signed out')
  for (const headers of [
    {},
    { origin: 'http://localhost:9400' },
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
  ] as readonly Readonly<Record<string, string>>[]) {
    assert.equal((await session({ method: 'POST', session: cookie, headers })).status, 200)
    assert.equal((await logIn(postern, client.client.id, bob.username, PASSWORD, headers)).status, 200)
  }
})

test('L17 · an Authorization header that proves nothing does not switch the guard of the sign-in off (login CSRF)', async () => {
  for (const authorization of ['Basic YTpi', 'Bearer x', 'x']) {
    const headers = { origin: 'https://evil.example', authorization }
    const answer = await logIn(postern, client.client.id, bob.username, PASSWORD, headers)
    assert.equal(answer.headers.get('set-cookie'), null, authorization)
    assert.notEqual(answer.status, 200)
  }
  assert.equal((await logIn(postern, client.client.id, bob.username, PASSWORD)).status, 200)
})

test('L19 · headers that claim an identity change nothing (CVE-2025-64484)', async () => {
  const headers = {
    'x-user-id': String(bob.id),
    'x-adama-user': String(bob.id),
    'x-forwarded-user': bob.username,
    'x-remote-user': bob.username,
    'remote-user': bob.username,
    'x-original-url': '/api/v2.0/logout',
    'x-rewrite-url': '/api/v2.0/logout',
    'x-http-method-override': 'POST',
    x_user_id: String(bob.id),
  }
  assertUnauthorized(await session({ headers }))
  const cookie = await sessionOf(alice)
  const answer = await session({ session: cookie, headers })
  assert.equal(answer.status, 200)
  assert.match(answer.text, new RegExp(`"id":${alice.id}\\b`))
})

test('L22 · a session that was answered is there after a crash: what is on the disk at that moment is enough', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-attack-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const live = join(folder, 'live')
  const copy = join(folder, 'copy')
  mkdirSync(live)
  const { config, masterKey } = postern
  const start = async (data: string) => {
    const store = await openSqliteStore(join(data, 'postern.sqlite'), { checkpointEveryMs: 3_600_000 })
    const app = await createApp({ config, store, masterKey, log: silentLog })
    const at = await app.listen()
    t.after(async () => {
      await app.close()
      await store.close()
    })
    return { ...postern, port: at.port, origin: `http://127.0.0.1:${at.port}`, store }
  }
  const first = await start(live)
  // The account and the client are those of the shared server: what matters is the session.
  const account = await first.store.accounts.create({
    realm: alice.realm,
    username: alice.username,
    usernameKey: alice.username,
    usernameSkeleton: alice.username,
    passwordHash: alice.passwordHash,
    abilities: alice.abilities,
    profile: {},
  })
  await first.store.clients.create({
    id: client.client.id,
    name: 'Client',
    policy: client.client.policy,
    idIsApiKey: true,
    secret: client.client.secrets[0],
    apiKeys: [],
  })
  const answer = await logIn(first, client.client.id, account.username, PASSWORD)
  assert.equal(answer.status, 200)
  // As a power cut would leave it: nothing is closed, and the log is copied before the file that it goes into.
  mkdirSync(copy)
  for (const name of ['postern.sqlite-wal', 'postern.sqlite']) cpSync(join(live, name), join(copy, name))
  const second = await start(copy)
  assert.equal((await callPlatform(second, '/api/v2.0/session', { session: answer.setSession })).status, 200)
  assert.equal((await callPlatform(second, '/api/v2.0/session', { session: '0'.repeat(40) })).status, 401)
})

test(
  'L23 · a session of one server is known to the other at once, and ends at both',
  { skip: noPostgres },
  async (t) => {
    const database = await createTestDatabase()
    t.after(() => database.drop())
    const first = await startPostern(t, { postgresUrl: database.url })
    const second = await startSecondNode(t, first, database.url)
    const app = await first.makeClient()
    const { id, username } = await first.makeAccount()
    for (let n = 0; n < 10; n++) {
      const [here, there] = n % 2 === 0 ? [first, second] : [second, first]
      const { access_token } = assertGranted(
        await first.signIn(app, username, { scope: n < 5 ? 'read:users' : 'manage:services' }),
      )
      const cookie = await bridge(here, access_token)
      assert.equal((await callPlatform(there, '/api/v2.0/session', { session: cookie })).status, 200)
      assert.equal(
        (await callPlatform(there, '/api/v2.0/session', { session: cookie, bearer: access_token })).status,
        200,
      )
      assert.equal(await bridge(there, access_token), cookie)
      assert.equal((await callPlatform(there, '/api/v2.0/logout', { session: cookie })).status, 200)
      assert.equal((await callPlatform(here, '/api/v2.0/session', { session: cookie })).status, 401)
    }
    const { access_token } = assertGranted(await first.signIn(app, username))
    const cookie = await bridge(first, access_token)
    await second.store.accounts.disable(id)
    assert.equal((await callPlatform(first, '/api/v2.0/session', { session: cookie })).status, 401)
    assert.equal((await callPlatform(first, '/api/v2.0/session', { bearer: access_token })).status, 401)
  },
)

test('L25 · a session in the URL, the body or a header is no session', async () => {
  const real = await sessionOf()
  for (const answer of [
    await call(`/api/v2.0/session?adama_session=${real}`),
    await call(`/api/v2.0/session?session_id=${real}&sessionid=${real}`),
    await session({ headers: { adama_session: real, 'x-adama-session': real } }),
    await session({ headers: { 'set-cookie': `adama_session=${real}`, cookie2: `adama_session=${real}` } }),
    await session({ method: 'POST', body: new URLSearchParams({ adama_session: real }) }),
  ]) {
    assertUnauthorized(answer)
  }
  assert.equal((await session({ session: real })).status, 200)
})

test('a token in the URL or the body is not taken (RFC 9700 §4.3.2)', async () => {
  const bearer = await tokenOf()
  assert.equal((await call(`/api/v2.0/session?access_token=${bearer}`)).status, 400)
  assert.equal((await call(`/api/v2.0/session?access_token=${bearer}`, { bearer })).status, 400)
  assert.notEqual((await call(`/api/v2.0/session?%61ccess_token=${bearer}`)).status, 200)
  assert.notEqual((await session({ method: 'POST', body: new URLSearchParams({ access_token: bearer }) })).status, 200)
  assert.equal((await session({ bearer })).status, 200)
})

test('L28 · an upgrade to another protocol does not happen, so no site opens a socket with the cookie', async () => {
  const cookie = await sessionOf()
  for (const upgrade of ['websocket', 'h2c', 'websocket, h2c']) {
    const { status, headers } = await exchange(
      port,
      get('/api/v2.0/session', [
        `Accept: ${VENDOR_JSON}`,
        `Cookie: adama_session=${cookie}`,
        'Connection: Upgrade, HTTP2-Settings',
        `Upgrade: ${upgrade}`,
        'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        'Origin: https://evil.example',
      ]),
    )
    assert.notEqual(status, 101)
    assert.equal(headers.has('upgrade'), false)
  }
  assert.equal((await session({ session: cookie })).status, 200)
})

test('L31 · a request that a logout overtakes may finish, and the next one is refused', async (t) => {
  const gate = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  const slow = await startPostern(t, {
    wrapStore: (store) => ({
      ...store,
      entities: {
        ...store.entities,
        list: async (...asked) => {
          arrived.resolve()
          await gate.promise
          return store.entities.list(...asked)
        },
      },
    }),
  })
  await addOrganizations(slow.store, 3)
  const app = await slow.makeClient()
  const { username } = await slow.makeAccount()
  const { setSession: cookie } = await logIn(slow, app.client.id, username, PASSWORD)
  const list = () => callPlatform(slow, '/api/v2.0/organizations', { session: cookie })
  const underWay = list()
  await arrived.promise
  assert.equal((await callPlatform(slow, '/api/v2.0/logout', { session: cookie })).status, 200)
  const next = list()
  gate.resolve()
  assertUnauthorized(await next)
  const { status, text } = await underWay
  assert.ok(status === 200 || status === 401, String(status))
  if (status === 200) assert.match(text, /"total_count":3/)
  // Without the logout the session would have lived on.
  const { setSession: another } = await logIn(slow, app.client.id, username, PASSWORD)
  assert.notEqual(another, cookie)
  for (let n = 0; n < 2; n++) {
    assert.equal((await callPlatform(slow, '/api/v2.0/organizations', { session: another })).status, 200)
  }
})

test('L29 · no cache keeps an answer that belongs to one caller', async () => {
  const bearer = await tokenOf()
  const cookie = await sessionOf()
  for (const answer of [
    await session({ bearer }),
    await session({ session: cookie }),
    await session(),
    await organizations({ bearer }),
    await call('/api/v3.0/organizations', { bearer }),
    await call('/api/v3.0/nothing', { bearer }),
    await logIn(postern, client.client.id, alice.username, PASSWORD),
    await logIn(postern, 'no-such-key', alice.username, PASSWORD),
    await call('/api/v2.0/logout'),
  ]) {
    const cacheControl = answer.headers.get('cache-control') ?? ''
    assert.match(cacheControl, /\bno-store\b/)
    assert.match(cacheControl, /\bprivate\b/)
    assert.match(answer.headers.get('vary') ?? '', /\bAuthorization\b.*\bCookie\b/)
  }
})

test('a session is its client’s: the key of another client is handed another one, and each is confined to its client', async () => {
  const narrow = await postern.makeClient({ scopes: ['read:users'], defaultScopes: ['read:users'] })
  const here = (await logIn(postern, client.client.id, alice.username, PASSWORD)).setSession!
  const there = (await logIn(postern, narrow.client.id, alice.username, PASSWORD)).setSession!
  assert.notEqual(here, there)
  assert.equal((await logIn(postern, client.client.id, alice.username, PASSWORD)).setSession, here)
  assert.equal((await organizations({ session: here })).status, 200)
  assert.equal((await organizations({ session: there })).status, 403)
  const bridged = await sessionOf(alice)
  assert.notEqual(bridged, here)
})

test('a client that is not for this API opens no session at it, though a scope of the other API has the same name (RFC 8707 §2)', async () => {
  const elsewhere = await postern.makeClient({ audiences: [OTHER_API], scopes: ['read:entities'], defaultScopes: [] })
  const { setSession } = await logIn(postern, elsewhere.client.id, alice.username, PASSWORD)
  if (setSession !== undefined) assert.equal((await organizations({ session: setSession })).status, 403)
  const here = (await logIn(postern, client.client.id, alice.username, PASSWORD)).setSession!
  assert.equal((await organizations({ session: here })).status, 200)
})

test('day two: an expired session is renewed for its own token, and for no other', async (t) => {
  const at = await startPostern(t, { config: { tokens: { access_token_lifetime: '3 d' } } })
  await addOrganizations(at.store, 1)
  const app = await at.makeClient()
  const [owner, thief] = [await at.makeAccount(), await at.makeAccount()]
  const bearerOf = async (username: string) => assertGranted(await at.signIn(app, username)).access_token
  const [own, foreign] = [await bearerOf(owner.username), await bearerOf(thief.username)]
  const cookie = await bridge(at, own)
  const loggedIn = (await logIn(at, app.client.id, owner.username, PASSWORD)).setSession!
  at.travel(25 * 3600)
  assert.equal((await callPlatform(at, '/api/v2.0/session', { session: cookie })).status, 401)
  for (const expired of [cookie, loggedIn]) {
    const stolen = await callPlatform(at, '/api/v2.0/session', { session: expired, bearer: foreign })
    assert.deepEqual([stolen.status, stolen.setSession], [401, undefined])
  }
  const renewed = await callPlatform(at, '/api/v2.0/organizations', { session: cookie, bearer: own })
  assert.equal(renewed.status, 200)
  assert.match(renewed.setSession ?? '', /^[0-9a-f]{40}$/)
  assert.notEqual(renewed.setSession, cookie)
  assert.equal((await callPlatform(at, '/api/v2.0/session', { session: cookie })).status, 401)
  assert.equal((await callPlatform(at, '/api/v2.0/session', { session: renewed.setSession })).status, 200)
})

test('a token of a client alone does not ride on the session of a user', async () => {
  const cookie = await sessionOf(alice)
  const own = assertGranted(
    await postern.token({ grant_type: 'client_credentials', ...credentials(client) }),
  ).access_token
  assert.equal((await organizations({ bearer: own, session: cookie })).status, 401)
  assert.equal((await organizations({ bearer: own })).status, 403)
  const acting = await postern.makeClient({ actsAs: alice.id })
  const acts = assertGranted(
    await postern.token({ grant_type: 'client_credentials', ...credentials(acting) }),
  ).access_token
  assert.equal((await organizations({ bearer: acts })).status, 200)
  assert.deepEqual(
    [(await session({ bearer: acts })).status, (await session({ bearer: acts, session: cookie })).status],
    [403, 401],
  )
})

test('M14 · an Authorization header that is not one bearer token is refused, and the cookie beside it does not help (RFC 6750 §2.1)', async () => {
  const bearer = await tokenOf()
  const cookie = await sessionOf()
  const ask = (...lines: readonly string[]) =>
    exchange(port, get('/api/v2.0/session', [`Accept: ${VENDOR_JSON}`, `Cookie: adama_session=${cookie}`, ...lines]))
  for (const lines of [
    ['Authorization: Bearer'],
    ['Authorization: Bearer '],
    ['Authorization:'],
    [`Authorization: Bearer\t${bearer}`],
    [`Authorization: Bearer ${bearer} ${bearer}`],
    [`Authorization: Bearer ${bearer}, Bearer ${bearer}`],
    [`Authorization: Bearer "${bearer}"`],
    [`Authorization: Basic ${bearer}`],
    [`Authorization: DPoP ${bearer}`],
    [`Authorization: Token ${bearer}`],
    [`Authorization: Bearer ${bearer}`, `Authorization: Bearer ${bearer}`],
    [`Authorization: Bearer ${bearer}`, 'Authorization: Bearer x'],
    ['Authorization: Bearer null'],
    ['Authorization: Bearer undefined'],
    [`Authorization: Bearer ${bearer.slice(0, -1)}`],
    [`Authorization: Bearer ${bearer}A`],
    [`Authorization: Bearer ${bearer}=`],
    [`Authorization: Bearer ${bearer.replaceAll('.', ' ')}`],
    [`Authorization: Bearer ${'a'.repeat(10_000)}`],
  ]) {
    const { status, body } = await ask(...lines)
    assert.ok(status === 401 || status === 400, `${lines.join(' | ').slice(0, 100)}: ${status}`)
    assert.doesNotMatch(body, /"data"/)
  }
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
    assert.equal((await ask(`Authorization: ${scheme} ${bearer}`)).status, 200, scheme)
  }
})

test('H01, H02, H10, H11, H19, H20, H23 · a token is taken only as we sign it: algorithm, key, type, audience and claims (RFC 8725 §3)', async () => {
  const granted = assertGranted(await postern.signIn(client, alice.username, { scope: 'openid manage:services' }))
  const real = granted.access_token
  const [head = '', body = '', signature = ''] = real.split('.')
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const header = headerOf(real)
  const claims = claimsOf(real)
  const { keys } = (await (await fetch(`${postern.origin}/.well-known/jwks.json`)).json()) as {
    keys: webcrypto.JsonWebKey[]
  }
  const publicKeys = keys.flatMap((jwk) => {
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    return [
      key.export({ type: 'spki', format: 'pem' }),
      key.export({ type: 'spki', format: 'der' }),
      JSON.stringify(jwk),
    ]
  })
  const hs256 = encode({ ...header, alg: 'HS256' })
  const forged = [
    ...['none', 'None', 'nOnE', '', 'HS256', 'ES384', 'RS256', 'es256'].flatMap((alg) => [
      `${encode({ ...header, alg })}.${body}.`,
      `${encode({ ...header, alg })}.${body}.${signature}`,
    ]),
    ...publicKeys.map((key) => {
      const input = `${hs256}.${body}`
      return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`
    }),
    `${head}.${encode({ ...claims, sub: `platform|${bob.id}` })}.${signature}`,
    `${head}.${encode({ ...claims, scope: 'manage:users' })}.${signature}`,
    ...['../../dev/null', "' or 1=1", '', 'x'.repeat(5000), '__proto__', 'constructor'].map(
      (kid) => `${encode({ ...header, kid })}.${body}.${signature}`,
    ),
    `${encode({ ...header, kid: undefined })}.${body}.${signature}`,
    `${encode({ ...header, crit: ['b64'], b64: false })}.${body}.${signature}`,
    `${encode({ ...header, jwk: keys[0], jku: 'https://evil.example/jwks' })}.${body}.${signature}`,
    `${head}.${body}.${signature}=`,
    `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
    `${head}.${body}`,
    `${head}.${body}.`,
    `${real}.${real}`,
    granted.id_token!,
  ]
  for (const bearer of forged) {
    const answer = await organizations({ bearer })
    assert.equal(answer.status, 401, bearer.slice(0, 200))
    assert.match(answer.headers.get('www-authenticate') ?? '', /error="invalid_token"/)
  }

  const signingKeys = await openSigningKeys(postern.store.signingKeys, deriveKey(postern.masterKey, 'signing keys'))
  const sign = signingKeys.signer('ES256', 'at+jwt')
  assert.equal((await organizations({ bearer: await sign(claims) })).status, 200)
  for (const change of [
    { iss: 'https://evil.example/' },
    { iss: (claims['iss'] as string).slice(0, -1) },
    { iss: [claims['iss']] },
    { iss: undefined },
    { aud: OTHER_API },
    { aud: client.client.id },
    { aud: [PLATFORM_AUDIENCE] },
    { aud: [1] },
    { aud: {} },
    { aud: undefined },
    { exp: String(claims['exp']) },
    { exp: null },
    { exp: undefined },
    { exp: Number(claims['iat']) - 1 },
    { exp: {} },
    { scope: ['read:entities'] },
    { scope: undefined },
    { client_id: undefined },
    { client_id: 'no-such-client' },
    { client_id: [client.client.id] },
    { jti: undefined },
    { authorization_id: 'x' },
    { authorization_id: '0'.repeat(11) },
    { authorization_id: 'z'.repeat(11) },
    { authorization_id: 1 },
    { authorization_id: null },
    { authorization_id: {} },
    { client_id: '\u0000' },
  ]) {
    const answer = await organizations({ bearer: await sign({ ...claims, ...change }) })
    assert.equal(answer.status, 401, JSON.stringify(change))
  }
  for (const type of ['JWT', 'at+JWT', 'logout+jwt', 'dpop+jwt']) {
    const bearer = await signingKeys.signer('ES256', type)(claims)
    assert.equal((await organizations({ bearer })).status, 401, type)
  }
  const rs256 = await signingKeys.signer('RS256', 'at+jwt')(claims)
  assert.ok([200, 401].includes((await organizations({ bearer: rs256 })).status))
  assert.equal((await organizations({ bearer: real })).status, 200)
})

test('a token that names the authorization of another account or client opens nothing: after a restore ids are given again', async () => {
  const signingKeys = await openSigningKeys(postern.store.signingKeys, deriveKey(postern.masterKey, 'signing keys'))
  const sign = signingKeys.signer('ES256', 'at+jwt')
  const claims = claimsOf(await tokenOf(alice))
  const ofBob = claimsOf(await tokenOf(bob))['authorization_id']
  const elsewhere = claimsOf(await tokenOf(alice, otherClient))['authorization_id']
  for (const authorization_id of [ofBob, elsewhere]) {
    assertUnauthorized(await organizations({ bearer: await sign({ ...claims, authorization_id }) }))
    assert.equal((await session({ bearer: await sign({ ...claims, authorization_id }) })).status, 401)
  }
  assert.equal((await organizations({ bearer: await sign(claims) })).status, 200)
})

test('requests on one connection are each their own: no session, no token and no refusal is carried on', async () => {
  const [ofAlice, ofBob] = [await sessionOf(alice), await sessionOf(bob)]
  const connection = await open(port)
  const ask = (...lines: readonly string[]) => get('/api/v2.0/session', [`Accept: ${VENDOR_JSON}`, ...lines])
  connection.send(
    ask(`Cookie: adama_session=${ofAlice}`) +
      ask() +
      ask(`Cookie: adama_session=${ofBob}`) +
      ask('Authorization: Bearer x') +
      post('/oauth/token', encodeForm({ grant_type: 'x' }), [`Content-Type: ${FORM}`]) +
      ask(`Cookie: adama_session=${ofAlice}`),
  )
  const replies = []
  for (let n = 0; n < 6; n++) replies.push(await connection.reply())
  connection.end()
  assert.deepEqual(
    replies.map(({ status }) => status),
    [200, 401, 200, 401, 400, 200],
  )
  assert.match(replies[0]!.body, new RegExp(`"id":${alice.id}\\b`))
  assert.match(replies[2]!.body, new RegExp(`"id":${bob.id}\\b`))
})
