import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { registerAccount } from '#accounts/register.ts'
import { createApp } from '#app.ts'
import { silentLog } from '#base/log.ts'
import { createPasswordHashing } from '#base/password_hashing.ts'
import { random, type Key } from '#base/secrets.ts'
import { registerClient } from '#clients/register.ts'
import { parseConfig } from '#config.ts'
import { openSqliteStore } from '#stores/sqlite/store.ts'
import { StoreUnavailableError, type Store } from '#stores/store.ts'
import { exchange } from '../http/serving.ts'
import { addOrganizations, claimsOf, PASSWORD, startPostern } from '../support/running_postern.ts'
import {
  askForToken,
  assertGranted,
  assertRefused,
  auditsOf,
  basic,
  bridge,
  callPlatform,
  credentials,
  encodeForm,
  file,
  FORM,
  get,
  linesOf,
  logIn,
  post,
  VENDOR_JSON,
  withCharacterChanged,
} from './attacking.ts'

// What gets out by answers, logs and files, and what the audit log must tell.
//
// Not here:
// - P01, P05 · names on pages are attacked in sign_in_and_consent, and by every text there is in test/pages/hostile.property.test.ts.
// - P02 · clients have no links of their own yet: client_uri, policy_uri and tos_uri are not known.
// - P04 on pages · a login_hint (A46), a state (A35, A37) and what is typed are attacked where they are shown.
// - P16 · audit lines are written to standard error before the answer; where that blocks, the server waits. By hand.
// - P19 · the signal that opens the debugger concerns the launcher: test/scripts/launcher.test.ts.
// - P20 · dependencies and licences: by hand, with each change of package-lock.json.
// - Q01, Q02 · signing keys are not rotated yet.

const postern = await startPostern(file, {
  config: { throttling: { account_burst: 1000, account_total_burst: 10_000, address_burst: 100_000 } },
})
const { port } = postern
await addOrganizations(postern.store, 3)
const client = await postern.makeClient()
const thief = await postern.makeClient()
const account = await postern.makeAccount()

test('P04 · what a request says comes back as JSON or escaped XML, never as markup of its own', async () => {
  const hostile = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    ']]><x/>',
    '</h1><script>',
    '{{7*7}}',
    '\u202egnp.exe',
  ]
  const { access_token } = assertGranted(await postern.signIn(client, account.username))
  const right = { grant_type: 'password', username: account.username, password: PASSWORD, ...credentials(client) }
  for (const text of hostile) {
    for (const name of ['grant_type', 'audience', 'scope', 'client_id', 'username'] as const) {
      const { reply } = await askForToken(postern, encodeForm({ ...right, [name]: text }))
      assert.equal(reply.headers.get('content-type'), 'application/json')
      assert.equal(reply.headers.get('x-content-type-options'), 'nosniff')
      assert.equal(reply.headers.get('content-security-policy'), "default-src 'none'; frame-ancestors 'none'")
      assert.match(reply.body, /^\{/)
    }
    await askForToken(
      postern,
      encodeForm({ ...right, realm: text, grant_type: 'http://auth0.com/oauth/grant-type/password-realm' }),
    )
    for (const path of [
      `/api/v2.0/organizations?sort_by=${encodeURIComponent(text)}`,
      `/api/v2.0/organizations?${encodeURIComponent(text)}=1&${encodeURIComponent(text)}=1`,
      `/api/v2.0/${encodeURIComponent(text).replaceAll('%2F', '')}`,
      `/api/v2.0/organizations/${encodeURIComponent(text).replaceAll('%2F', '')}`,
    ]) {
      for (const accept of ['*/*', VENDOR_JSON]) {
        const answer = await callPlatform(postern, path, { bearer: access_token, headers: { accept } })
        assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`)
        const type = answer.headers.get('content-type') ?? ''
        assert.match(type, accept === VENDOR_JSON ? /json/ : /^text\/xml/)
        assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
        if (accept !== VENDOR_JSON) assert.doesNotMatch(answer.text, /<script|<img|<x\/>|<\/h1>/)
      }
    }
  }
  for (const path of [`/%3Cscript%3E`, `/?x=%3Cscript%3E`, '/nowhere/"onload="x']) {
    const { headers, body } = await exchange(port, get(path))
    assert.doesNotMatch(headers.get('content-type') ?? '', /html/)
    assert.doesNotMatch(body, /<script|"onload/)
  }
  assert.equal((await askForToken(postern, encodeForm(right))).status, 200)
})

test('P04 · an organization with a hostile name is escaped in XML', async () => {
  const name = '<script>&"\'\u0000\u0001]]>\ud800</script>'.replace('\u0000', '')
  await postern.store.entities.add([
    { type: 'organization', id: 200_001, name, organizationId: 200_001, version: 1, fields: { country: '"><x>' } },
  ])
  const { access_token } = assertGranted(await postern.signIn(client, account.username))
  const headers = { accept: '*/*' }
  const { status, text } = await callPlatform(postern, '/api/v2.0/organizations/200001', {
    bearer: access_token,
    headers,
  })
  assert.equal(status, 200)
  assert.doesNotMatch(text, /<script|<x>|\u0001/)
  assert.match(text, /&lt;script&gt;&amp;&quot;&apos;/)
})

test('P07, P08 · a log line is one line of JSON whose own fields no input can write', async () => {
  const hostile = [
    '","level":"fatal","audit":"signed_in","x":"',
    'a\r\n{"level":"info","audit":"signed_in","account":1}',
    'a\n2026-01-01 admin signed in',
    '\u001b[2J\u001b[31mred\u001b]0;title\u0007',
    '\u009b31m',
    'line\u2028separator\u2029',
    '\u202eright-to-left',
    '__proto__',
    'level',
    'x'.repeat(60_000),
  ]
  for (const text of hostile) {
    const before = postern.logged.length
    for (const parameters of [
      { client_id: text, client_secret: text },
      { grant_type: text, ...credentials(client) },
      { grant_type: 'password', username: text, password: text, ...credentials(client) },
      { grant_type: 'refresh_token', refresh_token: text, ...credentials(client) },
      { grant_type: 'client_credentials', scope: text, audience: text, ...credentials(client) },
      { [text]: 'a', client_id: 'level', grant_type: 'audit' },
    ]) {
      await postern.token(parameters)
    }
    await logIn(postern, text.slice(0, 5000), text.slice(0, 5000), text.slice(0, 5000))
    await logIn(postern, client.client.id, text.slice(0, 5000), 'x')
    const ascii = text.replace(/[^\x20-\x7e]/g, '~').slice(0, 8000)
    await exchange(
      port,
      get('/api/v2.0/session', [`User-Agent: ${ascii}`, `Cookie: adama_session=${ascii}`, `X-Request-Id: ${ascii}`]),
    )
    await exchange(
      port,
      get(
        `/${encodeURIComponent(ascii)
          .replaceAll(/%(?:2F|5C|3B|3F|23|25)/g, '_')
          .slice(0, 5000)}`,
      ),
    )
    const lines = postern.logged.slice(before)
    assert.ok(lines.length > 0)
    for (const line of lines) {
      assert.match(line, /^[^\n]*\n$/)
      // What a terminal obeys, and what hides or turns text.
      assert.doesNotMatch(line.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/)
      assert.ok(line.length < 20_000, `${line.length} characters`)
      const parsed = JSON.parse(line) as Record<string, unknown>
      assert.ok(['debug', 'info', 'warn'].includes(String(parsed['level'])), line)
      assert.notEqual(parsed['audit'], 'signed_in')
      for (const key of ['level', 'time', 'audit', 'message']) {
        assert.ok([...line.matchAll(new RegExp(`(?<=[{,])"${key}":`, 'g'))].length <= 1, line)
      }
    }
  }
  const events = await auditsOf(postern, () => postern.signIn(client, account.username))
  assert.deepEqual(
    events.map(({ audit, level }) => [audit, level]),
    [['signed_in', 'info']],
  )
})

test('P10, P13 · at debug level no secret is in the log, wherever it was sent (GHSA-gv3v-2cpp-3pmq, RFC 9700 §4.3)', async (t) => {
  const at = await startPostern(t, {
    config: {
      throttling: { account_burst: 1000, account_total_burst: 10_000, address_burst: 100_000 },
      log: { level: 'debug' },
    },
  })
  let sent = 0
  /** A text that is nowhere else. */
  const recognisable = (name: string): string => `Secret-${name}-${++sent}-zzqq`
  const secrets = new Set<string>()
  const secret = (text: string): string => {
    secrets.add(text)
    return text
  }
  const password = secret(recognisable('password'))
  const apiKey = secret(recognisable('apikey'))
  const app = await at.makeClient({}, { apiKeys: [{ name: 'main', key: apiKey }] })
  const imported = await at.makeClient({}, { importedSecret: secret(recognisable('imported')) })
  secret(app.secret!)
  const person = await at.makeAccount({ password })
  const scope = 'openid offline_access manage:services'
  const granted = assertGranted(await at.signIn(app, person.username, { password, scope }))
  for (const token of [granted.access_token, granted.id_token!, granted.refresh_token!]) secret(token)
  secret(granted.access_token.split('.')[2]!)
  const cookie = secret(await bridge(at, granted.access_token))
  assertGranted(
    await at.token({ grant_type: 'client_credentials' }, { authorization: basic(app.client.id, app.secret) }),
  )
  assertGranted(await at.token({ grant_type: 'client_credentials', ...credentials(imported) }))
  assertGranted(
    await at.token({ grant_type: 'refresh_token', refresh_token: granted.refresh_token, ...credentials(app) }),
  )
  secret(basic(app.client.id, app.secret).slice('Basic '.length))
  const loggedIn = await logIn(at, apiKey, person.username, password)
  assert.equal(loggedIn.status, 200)
  secret(loggedIn.setSession!)

  const wrong = () => secret(recognisable('wrong'))
  const json = async (value: unknown) =>
    exchange(
      at.port,
      post('/oauth/token', typeof value === 'string' ? value : JSON.stringify(value), [
        'Content-Type: application/json',
      ]),
    )
  const form = (body: string, path = '/oauth/token') => exchange(at.port, post(path, body))
  await at.token({ grant_type: 'client_credentials', client_id: app.client.id, client_secret: wrong() })
  await at.token({ grant_type: 'client_credentials' }, { authorization: basic(app.client.id, wrong()) })
  await at.token({ grant_type: 'client_credentials' }, { authorization: `Bearer ${wrong()}` })
  await at.token({ grant_type: 'client_credentials' }, { authorization: `Basic ${wrong()}` })
  await at.token({ grant_type: 'client_credentials', client_id: imported.client.id, client_secret: wrong() })
  await at.signIn(app, person.username, { password: wrong() })
  await at.signIn(app, 'nobody@example.com', { password: wrong() })
  // People type a password where the name should be.
  await at.signIn(app, wrong(), { password: wrong() })
  await at.token({ grant_type: 'refresh_token', refresh_token: wrong(), ...credentials(app) })
  await at.token({
    grant_type: 'refresh_token',
    refresh_token: withCharacterChanged(granted.refresh_token!, 40),
    ...credentials(app),
  })
  secret(withCharacterChanged(granted.refresh_token!, 40))
  await at.token({ grant_type: 'authorization_code', code: wrong(), code_verifier: wrong(), ...credentials(app) })
  await at.token({ client_assertion: wrong(), client_assertion_type: 'x', client_id: app.client.id })
  await form(`grant_type=password&password=${wrong()}&password=${wrong()}`)
  await form(`client_secret=${wrong()}&password=%ZZ${wrong()}`)
  await form('', `/oauth/token?client_secret=${wrong()}&password=${wrong()}&refresh_token=${wrong()}&code=${wrong()}`)
  await json(`{"password":"${wrong()}"`)
  await json({ password: { nested: wrong() } })
  await json(`{"password":"${wrong()}","password":"${wrong()}"}`)
  await exchange(at.port, post('/oauth/token', `client_secret=${wrong()}`, ['Content-Type: text/plain']))
  await exchange(at.port, get(`/oauth/token?client_secret=${wrong()}`))
  await exchange(at.port, get(`/nowhere?access_token=${wrong()}&code=${wrong()}`))
  await exchange(at.port, get(`/api/v2.0/session?access_token=${wrong()}&adama_session=${wrong()}`))
  await exchange(
    at.port,
    get('/api/v2.0/session', [`Authorization: Bearer ${wrong()}`, `Cookie: adama_session=${wrong()}`]),
  )
  await exchange(at.port, get('/api/v2.0/session', [`Cookie: adama_session=${'a'.repeat(40)}; other=${wrong()}`]))
  secret('a'.repeat(40))
  await exchange(at.port, get('/api/v2.0/session', [`X-Api-Key: ${wrong()}`, `Proxy-Authorization: Basic ${wrong()}`]))
  await exchange(at.port, get(`http://user:${wrong()}@localhost/api/v2.0/session`))
  await exchange(at.port, `GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization : ${wrong()}\r\n\r\n`)
  await exchange(at.port, `${wrong()}\r\n\r\n`)
  await logIn(at, wrong(), person.username, wrong())
  await logIn(at, apiKey, person.username, wrong())
  await logIn(at, apiKey, wrong(), wrong())
  await form(encodeForm({ user: person.username, password: wrong() }), `/api/v2.0/login?api_key=${wrong()}`)
  await form(encodeForm({ user: person.username, password: wrong() }), `/api/v2.0/login?api_key=${apiKey}`)
  await callPlatform(at, `/api/v2.0/organizations?api_key=${apiKey}`, { bearer: granted.access_token, session: cookie })
  await callPlatform(at, '/api/v2.0/session', { bearer: withCharacterChanged(granted.access_token, 20) })
  await callPlatform(at, '/api/v2.0/logout', { session: cookie })
  await callPlatform(at, '/api/v2.0/session', { session: cookie })
  await callPlatform(at, '/api/v2.0/session', { session: cookie, bearer: granted.access_token })
  secret(at.masterKey.toString('hex'))
  secret(at.masterKey.toString('base64'))

  const log = at.logged.join('')
  t.diagnostic(`${secrets.size} secrets, ${at.logged.length} lines`)
  assert.ok(linesOf(at).some(({ level }) => level === 'debug'))
  assert.ok(linesOf(at).some(({ path }) => path === '/api/v2.0/login'))
  for (const each of secrets) {
    for (const form of [
      each,
      encodeURIComponent(each),
      Buffer.from(each).toString('base64').replace(/=+$/, ''),
      Buffer.from(each).toString('hex'),
    ]) {
      const at = log.indexOf(form)
      assert.equal(at, -1, `${each} in …${log.slice(Math.max(0, at - 200), at + 100)}…`)
    }
  }
  assert.doesNotMatch(log, /zzqq|eyJ|pst_/)
})

test('P10 · a client secret that is sent as the client id is not logged either: it is the commonest of mistakes', async () => {
  const { secret } = client
  const events = await auditsOf(postern, async () => {
    const swapped = await postern.token(
      { grant_type: 'client_credentials' },
      { authorization: basic(secret!, client.client.id) },
    )
    assertRefused(swapped, 401, 'invalid_client')
  })
  assert.equal(events.length, 1)
  assert.doesNotMatch(JSON.stringify(events), new RegExp(secret!))
})

/** A store of which one verb fails. */
const failing =
  (error: () => Error, isOn: () => boolean) =>
  (store: Store): Store => ({
    ...store,
    clients: {
      ...store.clients,
      find: (id) => (isOn() ? Promise.reject(error()) : store.clients.find(id)),
      findByApiKey: (key, digest) => (isOn() ? Promise.reject(error()) : store.clients.findByApiKey(key, digest)),
    },
  })

test('P11 · a defect is answered with its request id alone, and logged without what a driver hangs on its errors', async (t) => {
  let isOn = false
  const leaky = () =>
    Object.assign(new Error('column "digest" does not exist'), {
      detail: 'Key (secret)=(TopSecretDetail)',
      parameters: ['TopSecretParameter'],
      request: { headers: { authorization: 'Bearer TopSecretHeader' } },
      cause: Object.assign(new Error('connect ECONNREFUSED 10.0.0.5'), {
        config: 'postgres://user:TopSecretPassword@db/',
      }),
    })
  const at = await startPostern(t, { wrapStore: failing(leaky, () => isOn) })
  const app = await at.makeClient()
  const person = await at.makeAccount()
  const { access_token } = assertGranted(await at.signIn(app, person.username))
  isOn = true
  const answers = [
    await fetch(`${at.origin}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', ...credentials(app) }),
    }),
    await fetch(`${at.origin}/api/v2.0/session`, { headers: { authorization: `Bearer ${access_token}` } }),
    await fetch(`${at.origin}/api/v3.0/organizations`, { headers: { authorization: `Bearer ${access_token}` } }),
    await fetch(`${at.origin}/api/v2.0/login`, {
      method: 'POST',
      body: new URLSearchParams({ user: person.username, password: PASSWORD, api_key: app.client.id }),
    }),
  ]
  for (const answer of answers) {
    const body = await answer.text()
    const id = answer.headers.get('x-request-id')!
    assert.equal(answer.status, 500)
    assert.match(body, new RegExp(id))
    assert.doesNotMatch(body, /digest|column|ECONNREFUSED|10\.0\.0\.5|node_modules|\.ts\b|TopSecret/)
    const line = linesOf(at).find(({ level, request }) => level === 'error' && request === id)
    assert.match(JSON.stringify(line), /column \\+"digest\\+" does not exist/)
  }
  assert.doesNotMatch(at.logged.join(''), /TopSecret/)
  isOn = false
  assertGranted(await at.token({ grant_type: 'client_credentials', ...credentials(app) }))
})

test('R05 · while the database does not answer, every surface says 503 and when to come back, and lets nobody in', async (t) => {
  let isOn = false
  const at = await startPostern(t, {
    wrapStore: (store) => {
      const away = failing(
        () => new StoreUnavailableError('connect ECONNREFUSED db.internal:5432'),
        () => isOn,
      )(store)
      return {
        ...away,
        check: () => (isOn ? Promise.reject(new StoreUnavailableError('db.internal:5432')) : store.check()),
        platformSessions: {
          ...store.platformSessions,
          findLive: (digest) =>
            isOn
              ? Promise.reject(new StoreUnavailableError('db.internal:5432'))
              : store.platformSessions.findLive(digest),
        },
      }
    },
  })
  const app = await at.makeClient()
  const person = await at.makeAccount()
  const { access_token } = assertGranted(await at.signIn(app, person.username))
  const cookie = await bridge(at, access_token)
  const ask = () =>
    Promise.all([
      fetch(`${at.origin}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({ grant_type: 'client_credentials', ...credentials(app) }),
      }),
      fetch(`${at.origin}/api/v2.0/session`, { headers: { authorization: `Bearer ${access_token}` } }),
      fetch(`${at.origin}/api/v2.0/session`, { headers: { cookie: `adama_session=${cookie}` } }),
      fetch(`${at.origin}/api/v2.0/login`, {
        method: 'POST',
        body: new URLSearchParams({ user: person.username, password: PASSWORD, api_key: app.client.id }),
      }),
      fetch(`${at.origin}/readyz`),
    ])
  const statuses = async () => (await ask()).map(({ status }) => status)
  assert.deepEqual(await statuses(), [200, 200, 200, 200, 200])
  isOn = true
  for (const answer of await ask()) {
    assert.equal(answer.status, 503)
    if (!answer.url.endsWith('/readyz')) assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
    assert.equal(answer.headers.get('set-cookie'), null)
    assert.doesNotMatch(await answer.text(), /db\.internal|ECONNREFUSED/)
  }
  for (const path of ['/healthz', '/.well-known/jwks.json', '/.well-known/openid-configuration']) {
    assert.equal((await fetch(at.origin + path)).status, 200, 'what needs no database is served')
  }
  isOn = false
  assert.deepEqual(await statuses(), [200, 200, 200, 200, 200])
})

test('P14 · every refusal and every success is an audit event that tells who, by which client, why and in which request', async () => {
  const app = await postern.makeClient()
  const person = await postern.makeAccount()
  const disabled = await postern.makeAccount()
  await postern.store.accounts.disable(disabled.id)
  const other = await postern.makeAccount()
  const confined = await postern.makeClient({ passwordAccounts: { ids: [] } })
  const clientId = app.client.id
  const ownId = client.client.id
  const granted = assertGranted(
    await postern.signIn(client, account.username, { scope: 'offline_access manage:services' }),
  )
  const grant = { grant_type: 'refresh_token', refresh_token: granted.refresh_token! }
  const cookie = await bridge(postern, granted.access_token)
  const ofOther = assertGranted(await postern.signIn(client, other.username)).access_token
  const wrongPassword = { password: 'a wrong password' }
  type Told = { readonly headers: Headers; readonly status: number }
  const cases: readonly (readonly [string, () => Promise<Told>, Readonly<Record<string, unknown>>])[] = [
    [
      'a wrong client secret',
      () => postern.token({ grant_type: 'client_credentials', client_id: clientId, client_secret: 'x' }),
      { audit: 'refused', error: 'invalid_client', client: clientId, reason: 'wrong secret' },
    ],
    [
      'no client secret',
      () => postern.token({ grant_type: 'client_credentials', client_id: clientId }),
      { audit: 'refused', error: 'invalid_client', client: clientId, reason: 'the secret is missing' },
    ],
    [
      'an unknown client',
      () => postern.token({ grant_type: 'client_credentials', client_id: 'nobody' }),
      { audit: 'refused', error: 'invalid_client', client: 'nobody', reason: 'no such client' },
    ],
    [
      'a wrong password',
      () => postern.signIn(app, person.username, wrongPassword),
      { audit: 'refused', error: 'invalid_grant', client: clientId, account: person.id, reason: 'wrong password' },
    ],
    [
      'an unknown account',
      () => postern.signIn(app, 'nobody@example.com', wrongPassword),
      { audit: 'refused', error: 'invalid_grant', client: clientId, account: undefined, reason: 'no such account' },
    ],
    [
      'a disabled account',
      () => postern.signIn(app, disabled.username),
      {
        audit: 'refused',
        error: 'invalid_grant',
        client: clientId,
        account: disabled.id,
        reason: 'the account is disabled',
      },
    ],
    [
      'an account that is not of the client',
      () => postern.signIn(confined, person.username),
      {
        audit: 'refused',
        error: 'invalid_grant',
        client: confined.client.id,
        account: person.id,
        reason: 'the client may not sign this account in',
      },
    ],
    [
      'a stolen refresh token',
      () => postern.token({ ...grant, ...credentials(thief) }),
      {
        audit: 'refused',
        error: 'invalid_grant',
        client: thief.client.id,
        account: account.id,
        reason: 'the token of another client',
      },
    ],
    [
      'a grant type that is not allowed',
      async () => {
        const narrow = await postern.makeClient({ grantTypes: ['refresh_token'] }, { id: 'narrow-client' })
        return postern.signIn(narrow, person.username)
      },
      { audit: 'refused', error: 'unauthorized_client', client: 'narrow-client' },
    ],
    [
      'an API that is not the client’s',
      () => postern.signIn(app, person.username, { audience: 'https://elsewhere.example/' }),
      { audit: 'refused', error: 'invalid_target', client: clientId },
    ],
    [
      'a sign-in at /login with an unknown key',
      () => logIn(postern, 'no-such-key', person.username, PASSWORD),
      { audit: 'sign_in_refused', client: undefined },
    ],
    [
      'a sign-in at /login with a wrong password',
      () => logIn(postern, clientId, person.username, 'a wrong password'),
      { audit: 'sign_in_refused', client: clientId, reason: 'wrong password' },
    ],
    [
      'another user’s token beside the cookie',
      () => callPlatform(postern, '/api/v2.0/organizations', { bearer: ofOther, session: cookie }),
      {
        audit: 'identity_mismatch',
        client: ownId,
        account: other.id,
        sessionAccount: account.id,
        sessionClient: ownId,
      },
    ],
    [
      'a guessed session',
      () => callPlatform(postern, '/api/v2.0/organizations', { session: 'f'.repeat(40) }),
      { audit: 'unknown_session' },
    ],
    [
      'a sign-in',
      () => postern.signIn(app, person.username),
      { audit: 'signed_in', client: clientId, account: person.id },
    ],
    [
      'a sign-in at /login',
      () => logIn(postern, clientId, person.username, PASSWORD),
      { audit: 'signed_in', client: clientId, account: person.id },
    ],
    [
      'a bridged session',
      () => callPlatform(postern, '/api/v2.0/session', { bearer: granted.access_token }),
      { audit: 'session_bridged', client: ownId, account: account.id },
    ],
    [
      'a sign-out',
      () => callPlatform(postern, '/api/v2.0/logout', { session: cookie }),
      { audit: 'signed_out', client: ownId, account: account.id },
    ],
  ]
  const failures: string[] = []
  for (const [name, act, expected] of cases) {
    let answer: Told | undefined
    const events = await auditsOf(postern, async () => {
      answer = await act()
    })
    const [event] = events
    const told = Object.fromEntries(Object.keys(expected).map((key) => [key, event?.[key]]))
    try {
      assert.equal(events.length, 1, name)
      assert.deepEqual(told, expected)
      assert.equal(event!['request'], answer!.headers.get('x-request-id'))
      assert.equal(event!['address'], '127.0.0.1')
    } catch (error) {
      failures.push(
        `${name}: ${JSON.stringify(told)} instead of ${JSON.stringify(expected)} (${String(error).split('\n', 1)[0]})`,
      )
    }
    assert.doesNotMatch(
      JSON.stringify(events),
      new RegExp(`${PASSWORD}|a wrong password|${app.secret}|${cookie}|no-such-key`),
    )
  }
  assert.deepEqual(failures, [])
})

test('P14 · a wrong password at /login is logged with the account that was tried, as it is at the token endpoint', async () => {
  const [event] = await auditsOf(postern, () => logIn(postern, client.client.id, account.username, 'a wrong password'))
  assert.deepEqual([event?.audit, event?.['account']], ['sign_in_refused', account.id])
  const [unknown] = await auditsOf(postern, () => logIn(postern, client.client.id, 'nobody@example.com', 'x'))
  assert.deepEqual([unknown?.audit, unknown?.['account']], ['sign_in_refused', undefined])
})

test('P14 · an address that guesses too often is in the audit log, with the address that a trusted proxy tells', async (t) => {
  const at = await startPostern(t, {
    config: { listen: { trusted_proxies: ['127.0.0.1'] }, throttling: { address_burst: 1 } },
  })
  const app = await at.makeClient()
  const from = (address: string) =>
    at.token(
      { grant_type: 'password', username: 'nobody@example.com', password: 'wrong password', ...credentials(app) },
      { 'x-forwarded-for': address },
    )
  await from('203.0.113.9')
  const [event, ...more] = await auditsOf(at, async () => assert.equal((await from('203.0.113.9')).status, 429))
  assert.deepEqual(more, [])
  assert.deepEqual(
    [event?.audit, event?.['error'], event?.['address']],
    ['refused', 'too_many_attempts', '203.0.113.9'],
  )
  assert.equal((await from('203.0.113.10')).status, 400)
})

test('the id of a request is never the client’s: two requests cannot be made to look like one', async () => {
  const ids = new Set<string>()
  for (let n = 0; n < 3; n++) {
    const response = await fetch(`${postern.origin}/healthz`, {
      headers: { 'x-request-id': 'chosen', 'request-id': 'chosen', traceparent: '00-1-1-00' },
    })
    ids.add(response.headers.get('x-request-id')!)
  }
  assert.equal(ids.size, 3)
  assert.equal(ids.has('chosen'), false)
})

test('P17 · nothing but what is meant for the public is on the port', async () => {
  for (const path of [
    '/metrics',
    '/debug',
    '/debug/pprof/',
    '/debug/vars',
    '/.env',
    '/.git/config',
    '/.git/HEAD',
    '/server-status',
    '/actuator',
    '/actuator/health',
    '/admin',
    '/management',
    '/api/management',
    '/console',
    '/swagger.json',
    '/openapi.json',
    '/graphql',
    '/main.js.map',
    '/src/app.ts',
    '/package.json',
    '/data/postern.sqlite',
    '/data.key',
    '/etc/passwd',
    '/oauth/token/',
    '/OAUTH/TOKEN',
    '/register',
    '/oidc/register',
    '/api',
    '/api/v1/login',
    '/api/v2.0/users',
    '/api/v3.0/campaigns',
  ]) {
    const reply = await exchange(port, get(path))
    assert.equal(reply.status, 404, path)
    assert.doesNotMatch(reply.body, /\/work\/|node_modules|stack|at Object/)
  }
  for (const path of [
    '/../etc/passwd',
    '/..%2f..%2fetc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/api/..;/metrics',
    '/healthz;x=y',
  ]) {
    assert.equal((await exchange(port, get(path))).status, 400, path)
  }
  for (const [path, body] of [
    ['/healthz', 'ok\n'],
    ['/healthz?verbose=1&full=true', 'ok\n'],
    ['/readyz', 'ready\n'],
    ['/readyz?verbose', 'ready\n'],
  ] as const) {
    const reply = await exchange(port, get(path))
    assert.deepEqual([reply.status, reply.body], [200, body])
    assert.equal(reply.headers.has('server'), false)
    assert.equal(reply.headers.has('x-powered-by'), false)
  }
})

test('Q04 · the published keys are public: their own id, use and algorithm, and no private part (RFC 7517 §9)', async () => {
  const response = await fetch(`${postern.origin}/.well-known/jwks.json`)
  const { keys } = (await response.json()) as { keys: Record<string, string>[] }
  assert.deepEqual(keys.map(({ alg }) => alg).toSorted(), ['ES256', 'RS256'])
  assert.equal(new Set(keys.map(({ kid }) => kid)).size, keys.length)
  for (const key of keys) {
    assert.equal(key['use'], 'sig')
    for (const part of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) assert.equal(part in key, false, part)
  }
  assert.match(response.headers.get('cache-control') ?? '', /max-age=\d+/)
})

test('K26 · what is in the database signs nobody in: no secret is in its files, and no part of a row is one', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-attack-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const database = join(folder, 'postern.sqlite')
  const store = await openSqliteStore(database)
  const hashing = createPasswordHashing()
  const config = parseConfig({ listen: { port: 0 }, urls: { auth: 'http://localhost:9400/' } })
  const masterKey = Buffer.from(random(32)) as Key
  const app = await createApp({ config, store, masterKey, log: silentLog })
  const at = await app.listen()
  t.after(async () => {
    await app.close()
    await store.close()
    await hashing.close()
  })
  const own = { ...postern, port: at.port, origin: `http://127.0.0.1:${at.port}`, store }
  const apiKey = 'an-api-key-that-is-unique'
  const importedSecret = 'an imported secret that is unique'
  const password = 'a password that is unique'
  const policy = client.client.policy
  const registered = await registerClient(store.clients, hashing, {
    name: 'Client',
    policy,
    apiKeys: [{ name: 'main', key: apiKey }],
  })
  const imported = await registerClient(store.clients, hashing, { name: 'Imported', policy, importedSecret })
  const person = await registerAccount(store.accounts, hashing, {
    realm: config.platform.default_realm,
    username: 'person@example.com',
    password,
    abilities: account.abilities,
    profile: {},
  })
  const ask = async (parameters: Readonly<Record<string, string>>) => {
    const reply = await exchange(at.port, post('/oauth/token', encodeForm(parameters)))
    return { status: reply.status, body: JSON.parse(reply.body) as Record<string, string> }
  }
  const signedIn = await ask({
    grant_type: 'password',
    username: person.username,
    password,
    scope: 'openid offline_access manage:services',
    ...credentials(registered),
  })
  assert.equal(signedIn.status, 200)
  const cookie = await bridge(own, signedIn.body['access_token']!)
  const loggedIn = (await logIn(own, apiKey, person.username, password)).setSession!
  assert.equal((await ask({ grant_type: 'client_credentials', ...credentials(imported) })).status, 200)

  const bytes = readdirSync(folder).map((name) => readFileSync(join(folder, name)))
  for (const secret of [
    registered.secret!,
    importedSecret,
    password,
    apiKey,
    cookie,
    loggedIn,
    signedIn.body['refresh_token']!,
    signedIn.body['access_token']!,
    signedIn.body['id_token']!,
    masterKey,
    masterKey.toString('hex'),
  ]) {
    for (const content of bytes) assert.equal(content.includes(secret), false, String(secret))
  }
  for (const secret of [cookie, loggedIn]) {
    for (const content of bytes) assert.equal(content.includes(Buffer.from(secret, 'hex')), false)
  }

  const reader = new DatabaseSync(database, { readOnly: true })
  const parts = new Set<string>()
  for (const table of ['accounts', 'clients', 'client_secrets', 'api_keys', 'authorizations', 'platform_sessions']) {
    for (const row of reader.prepare(`select * from ${table}`).all()) {
      for (const value of Object.values(row)) {
        if (value instanceof Uint8Array) {
          const buffer = Buffer.from(value)
          for (const text of [buffer.toString('hex'), buffer.toString('base64url'), buffer.toString('latin1')]) {
            parts.add(text)
            parts.add(text.slice(0, 40))
          }
        } else parts.add(String(value))
      }
    }
  }
  reader.close()
  let tried = 0
  for (const part of parts) {
    if (part === '' || part === registered.client.id || part === imported.client.id) continue
    tried++
    if (/^[\x21-\x7e]{1,200}$/.test(part)) {
      assert.equal((await callPlatform(own, '/api/v2.0/session', { session: part })).status, 401)
      assert.ok([400, 401].includes((await callPlatform(own, '/api/v2.0/session', { bearer: part })).status))
      // An id of a client is an API key; nothing else here is.
      assert.equal((await logIn(own, part, person.username, password)).status, 403, part)
    }
    assert.notEqual(
      (await ask({ grant_type: 'refresh_token', refresh_token: part, ...credentials(registered) })).status,
      200,
    )
    const proof = { client_id: registered.client.id, client_secret: part }
    assert.equal((await ask({ grant_type: 'client_credentials', ...proof })).status === 200, false)
  }
  t.diagnostic(`${tried} parts of rows were tried`)
  assert.equal((await callPlatform(own, '/api/v2.0/session', { session: cookie })).status, 200)
  assert.equal((await logIn(own, apiKey, person.username, password)).status, 200)
})

test('a token tells its reader nothing that counts: ids and refresh tokens of neighbours have nothing in common', async () => {
  const shown: string[] = []
  for (const scopes of [
    [],
    ['openid'],
    ['profile'],
    ['email'],
    ['openid', 'email'],
    ['phone'],
    ['openid', 'phone'],
    ['address'],
  ]) {
    const scope = ['offline_access', 'manage:services', ...scopes].join(' ')
    const { access_token, refresh_token } = assertGranted(await postern.signIn(client, account.username, { scope }))
    shown.push(
      claimsOf(access_token)['authorization_id'] as string,
      refresh_token!.slice(2, 13),
      refresh_token!.slice(13),
    )
  }
  assert.equal(new Set(shown).size, shown.length)
  const ids = shown.filter(({ length }) => length === 11)
  assert.equal(new Set(ids.map((id) => id.slice(0, 4))).size, ids.length, 'no two ids of a row begin alike')
})

test('an error of a request that never became one says nothing about the server', async () => {
  for (const request of [
    'GET / HTTP/9.9\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n',
  ]) {
    const reply = await exchange(port, request)
    assert.equal(reply.status, 400)
    assert.doesNotMatch(reply.body, /HPE_|llhttp|node|Parse Error|stack/i)
  }
  assert.equal(
    (
      await exchange(
        port,
        post('/oauth/token', encodeForm({ grant_type: 'client_credentials', ...credentials(client) }), [
          `Content-Type: ${FORM}`,
        ]),
      )
    ).status,
    200,
  )
})
