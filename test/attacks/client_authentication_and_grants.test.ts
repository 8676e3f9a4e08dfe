import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { hashNewPassword } from '#accounts/register.ts'
import { createPasswordHashing } from '#base/password_hashing.ts'
import { hours } from '#base/time.ts'
import { PLATFORM_AUDIENCE } from '#config.ts'
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
  logIn,
  PASSWORD_REALM,
  post,
  withCharacterChanged,
} from './attacking.ts'

// The token endpoint: client authentication, grants, and refresh tokens in the wrong hands.
//
// Not here, because what they attack does not exist yet:
// - G10 · client secrets are not rotated yet: a client has one.
// - G17 · there is no token exchange; the grant type is refused as unknown (G11).
// - G23 · there is no management API; its likely paths are 404 (P17, in leakage_and_audit).
// - G25 · there is no jwt-bearer grant; the grant type is refused as unknown (G11).
// Rotation, revocation and the ends of refresh tokens (K) are attacked in refresh_and_revocation, reads across origins (G19) in cors.

const OTHER_API = 'https://reports.example.com/'

const postern = await startPostern(file, {
  config: {
    throttling: { account_burst: 1000, account_total_burst: 10_000, address_burst: 100_000 },
    api_resources: [
      {
        audience: PLATFORM_AUDIENCE,
        name: 'Platform',
        scopes: [
          { name: 'read:entities', description: 'Read.' },
          { name: 'write:entities', description: 'Write.' },
          { name: 'read:users', description: 'Read users.' },
          { name: 'manage:services', description: 'All.', includes: ['read:entities', 'write:entities'] },
        ],
      },
      { audience: OTHER_API, name: 'Reports', scopes: [{ name: 'read:entities', description: 'Read reports.' }] },
    ],
  },
})
await addOrganizations(postern.store, 3)
const hashing = createPasswordHashing()
after(() => hashing.close())

const confidential = await postern.makeClient()
const publicClient = await postern.makeClient({
  tokenEndpointAuthMethod: 'none',
  grantTypes: ['password', 'client_credentials', 'refresh_token'],
})
const { id: clientId } = confidential.client
const secret = confidential.secret!
const account = await postern.makeAccount()
const user = { username: account.username, password: PASSWORD }

const refresh = (refreshToken: string, parameters: Readonly<Record<string, string>> = {}) =>
  postern.token({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    ...credentials(confidential),
    ...parameters,
  })

const signInOffline = async (scope = 'offline_access openid manage:services') => {
  const granted = assertGranted(await postern.signIn(confidential, account.username, { scope }))
  assert.ok(granted.refresh_token !== undefined)
  return { ...granted, refresh_token: granted.refresh_token }
}

const organizations = (bearer: string) => callPlatform(postern, '/api/v3.0/organizations', { bearer })

test('G01 · a wrong secret by Basic is refused with a challenge for Basic (RFC 6749 §5.2)', async () => {
  const grant = { grant_type: 'client_credentials' }
  for (const wrong of [
    withCharacterChanged(secret, 10),
    secret.slice(0, -1),
    `${secret}x`,
    'x',
    secret.toLowerCase(),
  ]) {
    const answer = await postern.token(grant, { authorization: basic(clientId, wrong) })
    assertRefused(answer, 401, 'invalid_client')
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Basic realm="/)
  }
  const unknown = await postern.token(grant, { authorization: basic('no-such-client', secret) })
  assertRefused(unknown, 401, 'invalid_client')
  const inBody = await postern.token({ ...grant, client_id: clientId, client_secret: 'x' })
  assertRefused(inBody, 401, 'invalid_client')
  assert.deepEqual(inBody.body, unknown.body, 'an unknown client and a wrong secret read alike')
  assertGranted(await postern.token(grant, { authorization: basic(clientId, secret) }))
})

test('G02 · two ways to authenticate at once are refused, even if both are right (RFC 6749 §2.3)', async () => {
  const authorization = basic(clientId, secret)
  const grant = { grant_type: 'client_credentials' }
  assertRefused(await postern.token({ ...grant, client_secret: secret }, { authorization }), 400, 'invalid_request')
  assertRefused(await postern.token({ ...grant, client_secret: 'x' }, { authorization }), 400, 'invalid_request')
  const assertion = {
    client_assertion: 'e30.e30.AA',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  }
  assertRefused(await postern.token({ ...grant, ...assertion }, { authorization }), 400, 'invalid_request')
  assertRefused(await postern.token({ ...grant, ...assertion, client_id: clientId }), 401, 'invalid_client')
  assertRefused(
    await postern.token({ ...grant, ...credentials(confidential), client_assertion: 'x' }),
    400,
    'invalid_request',
  )
  assertGranted(await postern.token(grant, { authorization }))
  assertGranted(await postern.token({ ...grant, ...credentials(confidential) }))
})

test('G04 · a client_id in the body that is not that of Basic is refused: nobody decides whose token it is', async () => {
  const other = await postern.makeClient()
  const grant = { grant_type: 'client_credentials' }
  const authorization = basic(clientId, secret)
  assertRefused(
    await postern.token({ ...grant, client_id: other.client.id }, { authorization }),
    400,
    'invalid_request',
  )
  assertRefused(
    await postern.token({ ...grant, client_id: publicClient.client.id }, { authorization }),
    400,
    'invalid_request',
  )
  const { access_token } = assertGranted(await postern.token({ ...grant, client_id: clientId }, { authorization }))
  assert.equal(claimsOf(access_token)['client_id'], clientId)
})

test('G05 · a malformed Authorization header is refused and never an error of the server (GHSA-xmf8-cvqr-rfgj)', async () => {
  const body = 'grant_type=client_credentials'
  const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64')
  for (const value of [
    'Basic',
    'Basic ',
    'Basic =',
    'Basic ====',
    'Basic %%%',
    `Basic ${base64('no-colon')}`,
    `Basic ${base64(':')}`,
    `Basic ${base64(`:${secret}`)}`,
    `Basic ${base64('a\0b:c')}`,
    `Basic ${base64('\xff\xfe:\xff')}`,
    `Basic ${base64('%ZZ:%ZZ')}`,
    `Basic ${base64(`${clientId}:%`)}`,
    `Basic ${base64(`${clientId}:%E0%A4`)}`,
    `Basic ${base64('%00:x')}`,
    `Basic ${base64(`${clientId}:${secret}`).slice(1)}`,
    `Basic ${base64(`${clientId}:${secret}`)} x`,
    `Basic ${base64(`${clientId}:${secret}`)},Basic ${base64('a:b')}`,
    `Basic\t${base64(`${clientId}:${secret}`)}`,
    `Bearer ${base64(`${clientId}:${secret}`)}`,
    `Digest username="${clientId}"`,
    '',
    '\xff',
  ]) {
    const { status, error } = await askForToken(postern, body, [`Content-Type: ${FORM}`, `Authorization: ${value}`])
    assert.ok(
      (status === 401 && error === 'invalid_client') || (status === 400 && error === 'invalid_request'),
      `${JSON.stringify(value)}: ${status} ${error}`,
    )
  }
  const long = `Basic ${base64('x'.repeat(1_000_000))}`
  const tooLong = await exchange(
    postern.port,
    post('/oauth/token', body, [`Content-Type: ${FORM}`, `Authorization: ${long}`]),
  )
  assert.equal(tooLong.status, 431)
  for (const scheme of ['Basic', 'basic', 'BASIC']) {
    const header = `Authorization: ${scheme} ${base64(`${clientId}:${secret}`)}`
    assert.equal((await askForToken(postern, body, [`Content-Type: ${FORM}`, header])).status, 200)
  }
})

test('two Authorization headers are refused, whichever of them is right (RFC 9110 §5.3)', async () => {
  const right = `Authorization: ${basic(clientId, secret)}`
  const type = `Content-Type: ${FORM}`
  const body = 'grant_type=client_credentials'
  for (const headers of [
    [right, `Authorization: ${basic('a', 'b')}`],
    [`Authorization: ${basic('a', 'b')}`, right],
    [right, right],
  ]) {
    assert.equal((await askForToken(postern, body, [type, ...headers])).status, 400)
  }
  assert.equal((await askForToken(postern, body, [type, right])).status, 200)
})

test('G07 · a confidential client that sends only its id is refused, at refresh too (CVE-2026-53512)', async () => {
  const { refresh_token } = await signInOffline()
  for (const grant of [
    { grant_type: 'client_credentials' },
    { grant_type: 'password', ...user },
    { grant_type: PASSWORD_REALM, ...user },
    { grant_type: 'refresh_token', refresh_token },
  ]) {
    for (const proof of [{}, { client_secret: '' }, { client_secret: ' ' }, { client_secret: 'null' }]) {
      const answer = await postern.token({ ...grant, client_id: clientId, ...proof })
      assertRefused(answer, 401, 'invalid_client')
    }
    assertRefused(await postern.token(grant, { authorization: basic(clientId) }), 401, 'invalid_client')
    for (const proof of ['{"client_secret":null}', '{"client_secret":""}', '{"client_secret":false}', '{}']) {
      const json = JSON.stringify({ ...grant, client_id: clientId, ...(JSON.parse(proof) as object) })
      const { status, error } = await askForToken(postern, json, ['Content-Type: application/json'])
      assert.deepEqual([status, error], [401, 'invalid_client'], proof)
    }
    assertGranted(await postern.token({ ...grant, ...credentials(confidential) }))
  }
})

test('G08 · a secret for a public client is refused: it proves nothing, so it must not look as if it did', async () => {
  const grant = { grant_type: 'password', ...user }
  const { id } = publicClient.client
  assertRefused(await postern.token({ ...grant, client_id: id, client_secret: 'made-up' }), 401, 'invalid_client')
  assertRefused(await postern.token({ ...grant, client_id: id, client_secret: secret }), 401, 'invalid_client')
  assertRefused(await postern.token(grant, { authorization: basic(id, 'made-up') }), 401, 'invalid_client')
  assertRefused(await postern.token(grant, { authorization: basic(id) }), 401, 'invalid_client')
  assertGranted(await postern.token({ ...grant, client_id: id }))
})

test('a public client gets no token for itself, whatever its policy says: anybody can name it (RFC 6749 §4.4)', async () => {
  const { client } = await postern.makeClient({
    tokenEndpointAuthMethod: 'none',
    grantTypes: ['client_credentials'],
    actsAs: account.id,
  })
  assertRefused(
    await postern.token({ grant_type: 'client_credentials', client_id: client.id }),
    400,
    'unauthorized_client',
  )
  assertGranted(await postern.token({ grant_type: 'client_credentials', ...credentials(confidential) }))
})

test('a refresh token is of use to its own client alone: not to a public one, which anybody can name (RFC 6749 §6)', async () => {
  const { refresh_token } = await signInOffline()
  const stolen = { grant_type: 'refresh_token', refresh_token, client_id: publicClient.client.id }
  assertRefused(await postern.token(stolen), 400, 'invalid_grant')
  assertGranted(await refresh(refresh_token))
  const grant = { grant_type: 'password', ...user, scope: 'offline_access manage:services' }
  const own = assertGranted(await postern.token({ ...grant, client_id: publicClient.client.id }))
  assertGranted(await postern.token({ ...stolen, refresh_token: own.refresh_token! }))
})

test('G11 · a grant type that is missing, unknown or not allowed for the client has each its error (RFC 6749 §5.2)', async () => {
  const proof = credentials(confidential)
  assertRefused(await postern.token(proof), 400, 'invalid_request')
  assertRefused(await postern.token({ ...proof, grant_type: '' }), 400, 'invalid_request')
  for (const grant_type of [
    'foo',
    'PASSWORD',
    ' password',
    'password ',
    'password refresh_token',
    'implicit',
    'Authorization_Code',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    'urn:ietf:params:oauth:grant-type:token-exchange',
    'http://auth0.com/oauth/grant-type/mfa-otp',
    '__proto__',
    'constructor',
  ]) {
    assertRefused(await postern.token({ ...proof, ...user, grant_type }), 400, 'unsupported_grant_type')
  }
  const narrow = await postern.makeClient({ grantTypes: ['client_credentials'] })
  const { refresh_token } = await signInOffline()
  for (const grant of [
    { grant_type: 'password', ...user },
    { grant_type: PASSWORD_REALM, ...user },
    { grant_type: 'refresh_token', refresh_token },
  ]) {
    assertRefused(await postern.token({ ...grant, ...credentials(narrow) }), 400, 'unauthorized_client')
  }
  assertGranted(await postern.token({ grant_type: 'client_credentials', ...credentials(narrow) }))
})

test('G13 · the token of a client that is named like a user is not taken for that user (RFC 9700 §4.15)', async () => {
  const victim = claimsOf(assertGranted(await postern.signIn(confidential, account.username)).access_token)
  const subject = victim['sub'] as string
  for (const id of [subject, String(account.id), account.username]) {
    const impostor = await postern.makeClient({}, { id })
    const token = assertGranted(await postern.token({ grant_type: 'client_credentials', ...credentials(impostor) }))
    const claims = claimsOf(token.access_token)
    assert.equal(claims['sub'], id)
    assert.equal(claims['https://api.mediamath.com/user_id'], undefined)
    assert.equal(claims['authorization_id'], undefined)
    const call = await organizations(token.access_token)
    assert.equal(call.status, 403)
    assert.match(call.headers.get('www-authenticate') ?? '', /error="insufficient_scope"/)
    const session = await callPlatform(postern, '/api/v2.0/session', { bearer: token.access_token })
    assert.deepEqual([session.status, session.setSession], [403, undefined])
  }
  const { access_token } = assertGranted(await postern.signIn(confidential, account.username))
  assert.equal((await organizations(access_token)).status, 200)
})

test('G14 · a password grant of a client without it, or after its end, is refused before the password is looked at (RFC 9700 §2.4)', async () => {
  const without = await postern.makeClient({ grantTypes: ['client_credentials', 'refresh_token'] })
  const now = await postern.store.now()
  const ended = await postern.makeClient({ passwordGrantEndsAt: now })
  const still = await postern.makeClient({ passwordGrantEndsAt: (now + hours(1)) as typeof now })
  for (const grant_type of ['password', PASSWORD_REALM]) {
    for (const client of [without, ended]) {
      for (const password of [PASSWORD, 'wrong']) {
        const answer = await postern.signIn(client, account.username, { grant_type, password })
        assertRefused(answer, 400, 'unauthorized_client')
      }
    }
    assertGranted(await postern.signIn(still, account.username, { grant_type }))
  }
})

test('G16 · guessing at the token endpoint and at /login empties one budget (CVE-2026-9798, CVE-2026-16103)', async (t) => {
  const small = await startPostern(t, { config: { throttling: { account_burst: 4, account_refill: '60 s' } } })
  const client = await small.makeClient()
  const victim = await small.makeAccount()
  for (const guess of [
    () => small.signIn(client, victim.username, { password: 'wrong guess 1' }),
    () => small.signIn(client, victim.username, { grant_type: PASSWORD_REALM, password: 'wrong guess 2' }),
    () => logIn(small, client.client.id, victim.username, 'wrong guess 3'),
    () => logIn(small, client.client.id, victim.username.toUpperCase(), 'wrong guess 4'),
  ]) {
    assert.notEqual((await guess()).status, 200)
  }
  assertRefused(await small.signIn(client, victim.username), 400, 'invalid_grant')
  assertRefused(
    await small.signIn(client, victim.username, { grant_type: PASSWORD_REALM, realm: 'T1DB-Production' }),
    400,
    'invalid_grant',
  )
  assert.equal((await logIn(small, client.client.id, victim.username, PASSWORD)).status, 401)
  small.travel(61)
  assertGranted(await small.signIn(client, victim.username))
})

test('G20 · a secret in the URL is refused, alone and beside the right body (RFC 6749 §2.3.1)', async () => {
  const grant = { grant_type: 'client_credentials', ...credentials(confidential) }
  const body = encodeForm(grant)
  const { port } = postern
  for (const [query, sent] of [
    [body, ''],
    [`client_secret=${secret}`, encodeForm({ grant_type: 'client_credentials', client_id: clientId })],
    [`client_secret=${secret}`, body],
    [`%63lient_secret=${secret}`, encodeForm({ grant_type: 'client_credentials', client_id: clientId })],
    [`client_id=${clientId}`, body],
    ['grant_type=password', body],
    [encodeForm(user), encodeForm({ grant_type: 'password', ...credentials(confidential) })],
  ] as const) {
    const reply = await exchange(port, post(`/oauth/token?${query}`, sent))
    assert.equal(reply.status, 400, query)
    assert.match(reply.body, /"invalid_request"/)
    assert.doesNotMatch(reply.body, new RegExp(`access_token|${secret}`))
  }
  const byGet = await exchange(port, `GET /oauth/token?${body} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  assert.equal(byGet.status, 405)
  assert.equal((await exchange(port, post('/oauth/token', body))).status, 200)
  assert.equal((await exchange(port, post('/oauth/token?utm_source=x', body))).status, 200)
})

test('G22 · JSON is judged as a form is, and what is neither or both is refused', async () => {
  const json = (value: unknown, type = 'application/json') =>
    askForToken(postern, typeof value === 'string' ? value : JSON.stringify(value), [`Content-Type: ${type}`])
  const grant = { grant_type: 'password', ...user, ...credentials(confidential) }
  const form = await askForToken(postern, encodeForm(grant))
  assert.equal(form.status, 200)
  assert.equal((await json(grant)).status, 200)
  assert.equal((await json({ ...grant, scope: null, realm: null, audience: '' })).status, 200)
  assert.equal((await json({ ...grant, grant_type: PASSWORD_REALM, realm: 'T1DB-Production' })).status, 200)
  const { username: _, ...withoutUsername } = grant
  for (const [asked, expected] of [
    [{ ...grant, client_secret: 'x' }, 'invalid_client'],
    [{ ...grant, password: 'wrong password' }, 'invalid_grant'],
    [{ ...grant, grant_type: 'foo' }, 'unsupported_grant_type'],
    [{ ...grant, audience: 'https://unknown.example/' }, 'invalid_target'],
    [{ ...grant, grant_type: PASSWORD_REALM, realm: 'No-Such-Realm' }, 'invalid_request'],
    [withoutUsername, 'invalid_request'],
  ] as const) {
    const [asForm, asJson] = [await askForToken(postern, encodeForm(asked)), await json(asked)]
    assert.deepEqual([asJson.status, asJson.reply.body], [asForm.status, asForm.reply.body])
    assert.equal(asJson.error, expected)
  }
  for (const [body, type] of [
    [{ ...grant, username: [user.username] }, 'application/json'],
    [{ ...grant, scope: { read: true } }, 'application/json'],
    [[grant], 'application/json'],
    ['"text"', 'application/json'],
    ['null', 'application/json'],
    [JSON.stringify(grant), FORM],
    [encodeForm(grant), 'application/json'],
    [encodeForm(grant), 'text/plain'],
    [encodeForm(grant), 'multipart/form-data; boundary=x'],
    [`${JSON.stringify(grant)}&${encodeForm(grant)}`, 'application/json'],
  ] as const) {
    const { status, error } = await json(body, type)
    assert.deepEqual([status, error], [400, 'invalid_request'], `${type} ${JSON.stringify(body)}`)
  }
})

test('G26 · when a client is disabled, its tokens, sessions and secrets work no more', async () => {
  const doomed = await postern.makeClient()
  const scope = 'offline_access manage:services'
  const granted = assertGranted(await postern.signIn(doomed, account.username, { scope }))
  const own = assertGranted(await postern.token({ grant_type: 'client_credentials', ...credentials(doomed) }))
  const session = await bridge(postern, granted.access_token)
  const loggedIn = (await logIn(postern, doomed.client.id, account.username, PASSWORD)).setSession
  const others = assertGranted(await postern.signIn(confidential, account.username))
  const attempts = () =>
    Promise.all([
      organizations(granted.access_token).then(({ status }) => status),
      organizations(own.access_token).then(({ status }) => status),
      callPlatform(postern, '/api/v2.0/organizations', { session }).then(({ status }) => status),
      callPlatform(postern, '/api/v2.0/organizations', { session: loggedIn }).then(({ status }) => status),
      postern.signIn(doomed, account.username).then(({ status }) => status),
      postern
        .token({ grant_type: 'refresh_token', refresh_token: granted.refresh_token, ...credentials(doomed) })
        .then(({ status }) => status),
      postern.token({ grant_type: 'client_credentials', ...credentials(doomed) }).then(({ status }) => status),
      logIn(postern, doomed.client.id, account.username, PASSWORD).then(({ status }) => status),
    ])
  assert.deepEqual(await attempts(), [200, 403, 200, 200, 200, 200, 200, 200])
  await postern.store.clients.disable(doomed.client.id)
  assert.deepEqual(await attempts(), [401, 401, 401, 401, 401, 401, 401, 403])
  assert.equal((await organizations(others.access_token)).status, 200)
})

test('K05 · a refresh token of another client is refused, audited, and goes on working for its own (CVE-2026-53512)', async () => {
  const { refresh_token } = await signInOffline()
  const thief = await postern.makeClient()
  const events = await auditsOf(postern, async () =>
    assertRefused(
      await postern.token({ grant_type: 'refresh_token', refresh_token, ...credentials(thief) }),
      400,
      'invalid_grant',
    ),
  )
  assert.equal(events.length, 1)
  assert.equal(events[0]!['client'], thief.client.id)
  assert.equal(events[0]!['account'], account.id)
  assert.match(String(events[0]!['reason']), /another client/)
  assertGranted(await refresh(refresh_token))
})

test('K07 · a refresh token that is not used for 30 days expires, and after a year it expires though it is used', async (t) => {
  const own = await startPostern(t)
  const client = await own.makeClient()
  const person = await own.makeAccount()
  const signIn = async (scope: string) =>
    assertGranted(await own.signIn(client, person.username, { scope })).refresh_token!
  const use = (refresh_token: string) =>
    own.token({ grant_type: 'refresh_token', refresh_token, ...credentials(client) })
  const used = await signIn('offline_access read:entities')
  const idle = await signIn('offline_access read:users')
  const DAY = 86_400
  own.travel(29 * DAY)
  assertGranted(await use(used))
  own.travel(2 * DAY)
  assertRefused(await use(idle), 400, 'invalid_grant')
  assertGranted(await use(used))
  for (let day = 31; day + 29 < 364; day += 29) {
    own.travel(29 * DAY)
    assertGranted(await use(used))
  }
  own.travel(29 * DAY)
  assertRefused(await use(used), 400, 'invalid_grant')
  assertRefused(await use(used), 400, 'invalid_grant')
})

test('K23 · a token is good for one thing: none is taken for another kind (CVE-2026-4282)', async () => {
  const { access_token, id_token, refresh_token } = await signInOffline()
  const session = await bridge(postern, access_token)
  const apiKey = clientId
  for (const other of [access_token, id_token!, session, apiKey, secret, PASSWORD]) {
    assertRefused(await refresh(other), 400, 'invalid_grant')
  }
  for (const other of [refresh_token, id_token!, session, apiKey, secret]) {
    const answer = await organizations(other)
    assert.equal(answer.status, 401)
    assert.match(answer.headers.get('www-authenticate') ?? '', /error="invalid_token"/)
  }
  for (const other of [access_token, id_token!, refresh_token, session]) {
    const proof = { client_id: clientId, client_secret: other }
    assertRefused(await postern.token({ grant_type: 'client_credentials', ...proof }), 401, 'invalid_client')
    assertRefused(await postern.signIn(confidential, account.username, { password: other }), 400, 'invalid_grant')
  }
  assertGranted(await refresh(refresh_token))
  assert.equal((await organizations(access_token)).status, 200)
})

test('K25 · the ID token of a refresh has issuer, subject, audience and auth_time of the sign-in, and no nonce (OIDC Core §12.2)', async () => {
  const { id_token, refresh_token } = await signInOffline()
  postern.travel(10)
  const refreshed = assertGranted(await refresh(refresh_token))
  const [first, second] = [claimsOf(id_token!), claimsOf(refreshed.id_token!)]
  for (const claim of ['iss', 'sub', 'aud', 'auth_time']) assert.equal(second[claim], first[claim])
  assert.ok(Number(second['iat']) > Number(first['iat']))
  assert.equal('nonce' in second, false)
})

test('a refresh token that is cut, longer, or changed in one character is refused, and ends nothing (CVE-2026-27840)', async () => {
  const { refresh_token } = await signInOffline()
  const neighbour = (await signInOffline('offline_access read:users')).refresh_token
  const events = await auditsOf(postern, async () => {
    for (let at = 0; at < refresh_token.length; at++) {
      assertRefused(await refresh(withCharacterChanged(refresh_token, at)), 400, 'invalid_grant')
    }
  })
  assert.ok(events.every(({ audit }) => audit === 'refused'))
  for (const broken of [
    refresh_token.slice(0, -1),
    refresh_token.slice(1),
    `${refresh_token}A`,
    ` ${refresh_token}`,
    refresh_token.toLowerCase(),
    refresh_token.slice(0, 13) + neighbour.slice(13),
    neighbour.slice(0, 13) + refresh_token.slice(13),
    encodeURIComponent(encodeURIComponent(`${refresh_token}%`)),
    `rt${'z'.repeat(refresh_token.length - 2)}`,
    `rt${'0'.repeat(refresh_token.length - 2)}`,
    'rt',
    'x'.repeat(10_000),
  ]) {
    assertRefused(await refresh(broken), 400, 'invalid_grant')
  }
  assertGranted(await refresh(refresh_token))
  assertGranted(await refresh(neighbour))
})

test('the id of an authorization is shown under another name in each kind of token, so that none leads to the other', async () => {
  const { access_token, refresh_token } = await signInOffline()
  const shown = claimsOf(access_token)['authorization_id'] as string
  const inRefreshToken = refresh_token.slice(2, 13)
  assert.equal(shown.length, inRefreshToken.length)
  assert.notEqual(shown, inRefreshToken)
  assertRefused(await refresh(`rt${shown}${refresh_token.slice(13)}`), 400, 'invalid_grant')
  assertGranted(await refresh(refresh_token))
})

test('a refresh asks for no more scopes than were granted, and may ask for fewer (RFC 6749 §6)', async () => {
  const { refresh_token } = await signInOffline('offline_access read:entities read:users')
  for (const scope of [
    'read:entities read:users write:entities',
    'manage:services',
    'openid',
    'offline_access openid',
    'READ:ENTITIES',
    'unknown',
  ]) {
    assertRefused(await refresh(refresh_token, { scope }), 400, 'invalid_scope')
  }
  const narrowed = assertGranted(await refresh(refresh_token, { scope: 'read:users' }))
  assert.equal(narrowed.scope, 'read:users')
  assert.equal(claimsOf(narrowed.access_token)['scope'], 'read:users')
  assert.equal((await organizations(narrowed.access_token)).status, 403)
  const whole = assertGranted(await refresh(refresh_token))
  assert.equal(whole.scope, 'offline_access read:entities read:users')
  assert.equal((await organizations(whole.access_token)).status, 200)
})

test('a refresh cannot go to another API than the sign-in, and a token of that API is not taken here (RFC 8707 §2.2)', async () => {
  const client = await postern.makeClient({ audiences: [PLATFORM_AUDIENCE, OTHER_API] })
  const scope = 'offline_access read:entities'
  const granted = assertGranted(await postern.signIn(client, account.username, { scope, audience: OTHER_API }))
  assert.equal(claimsOf(granted.access_token)['aud'], OTHER_API)
  assert.equal((await organizations(granted.access_token)).status, 401)
  assert.equal((await callPlatform(postern, '/api/v2.0/session', { bearer: granted.access_token })).status, 401)
  const use = (parameters: Readonly<Record<string, string>>) =>
    postern.token({
      grant_type: 'refresh_token',
      refresh_token: granted.refresh_token,
      ...credentials(client),
      ...parameters,
    })
  assertRefused(await use({ audience: PLATFORM_AUDIENCE }), 400, 'invalid_target')
  assertRefused(await use({ resource: PLATFORM_AUDIENCE }), 400, 'invalid_target')
  assertRefused(await use({ audience: OTHER_API, resource: PLATFORM_AUDIENCE }), 400, 'invalid_target')
  assert.equal(claimsOf(assertGranted(await use({ audience: OTHER_API })).access_token)['aud'], OTHER_API)
  assertRefused(await postern.signIn(confidential, account.username, { audience: OTHER_API }), 400, 'invalid_target')
})

test('a client signs in only the accounts that it is confined to, and a right password of another reads as a wrong one', async () => {
  const admitted = await postern.makeAccount()
  const inRealm = await postern.makeAccount({ realm: 'Staff' })
  const ofOrganization = await postern.makeAccount({
    permissions: [{ entityType: 'organization', entityId: 100_001, access: 'r' }],
  })
  for (const [passwordAccounts, person, realm] of [
    [{ ids: [admitted.id] }, admitted, 'T1DB-Production'],
    [{ realms: ['Staff'] }, inRealm, 'Staff'],
    [{ organizations: [100_001] }, ofOrganization, 'T1DB-Production'],
  ] as const) {
    const client = await postern.makeClient({ passwordAccounts })
    const realmGrant = { grant_type: PASSWORD_REALM, realm }
    const outside = await postern.signIn(client, account.username)
    const wrong = await postern.signIn(client, person.username, { ...realmGrant, password: 'wrong password' })
    assertRefused(outside, 400, 'invalid_grant')
    assert.deepEqual(outside.body, wrong.body)
    assertGranted(await postern.signIn(client, person.username, realmGrant))
  }
  const nobody = await postern.makeClient({ passwordAccounts: { ids: [] } })
  assertRefused(await postern.signIn(nobody, account.username), 400, 'invalid_grant')
  const both = await postern.makeClient({ passwordAccounts: { ids: [admitted.id], realms: ['Staff'] } })
  assertRefused(await postern.signIn(both, admitted.username), 400, 'invalid_grant')
})

test('the same name in another realm is another account, with its own password', async () => {
  const { username } = account
  await postern.makeAccount({ realm: 'Staff', username, password: 'the password of the operator' })
  const inStaff = { grant_type: PASSWORD_REALM, realm: 'Staff' }
  assertRefused(await postern.signIn(confidential, username, inStaff), 400, 'invalid_grant')
  assertRefused(
    await postern.signIn(confidential, username, { password: 'the password of the operator', realm: 'Staff' }),
    400,
    'invalid_grant',
  )
  assertGranted(await postern.signIn(confidential, username, { ...inStaff, password: 'the password of the operator' }))
  assertGranted(await postern.signIn(confidential, username))
})

test('K16 · a new password and a disabled account end refresh tokens, access tokens and sessions, though they were used before', async () => {
  for (const end of [
    async (id: number) => postern.store.accounts.setPassword(id, await hashNewPassword(hashing, 'a new password')),
    (id: number) => postern.store.accounts.disable(id),
  ]) {
    const person = await postern.makeAccount()
    const scope = 'offline_access manage:services'
    const { access_token, refresh_token } = assertGranted(
      await postern.signIn(confidential, person.username, { scope }),
    )
    const session = await bridge(postern, access_token)
    const loggedIn = (await logIn(postern, clientId, person.username, PASSWORD)).setSession
    const attempts = async () => [
      (await refresh(refresh_token!)).status,
      (await organizations(access_token)).status,
      (await callPlatform(postern, '/api/v2.0/organizations', { session })).status,
      (await callPlatform(postern, '/api/v2.0/organizations', { session: loggedIn })).status,
      (await postern.signIn(confidential, person.username)).status,
      (await logIn(postern, clientId, person.username, PASSWORD)).status,
    ]
    assert.deepEqual(await attempts(), [200, 200, 200, 200, 200, 200])
    assert.equal(await end(person.id), true)
    assert.deepEqual(await attempts(), [400, 401, 401, 401, 400, 401])
  }
})

test('whoever signs in while the password changes holds nothing afterwards that the old password bought', async (t) => {
  const person = await postern.makeAccount()
  const signIns = Array.from({ length: 24 }, (_, n) =>
    n % 2 === 0
      ? postern
          .signIn(confidential, person.username, { scope: 'offline_access manage:services' })
          .then(({ body }) => ({ bearer: body.access_token, refreshToken: body.refresh_token, session: undefined }))
      : logIn(postern, clientId, person.username, PASSWORD).then(({ setSession }) => ({
          bearer: undefined,
          refreshToken: undefined,
          session: setSession,
        })),
  )
  const newHash = await hashNewPassword(hashing, 'another password')
  await Promise.race(signIns)
  await postern.store.accounts.setPassword(person.id, newHash)
  const bought = await Promise.all(signIns)
  const won = bought.filter(({ bearer, session }) => bearer !== undefined || session !== undefined)
  t.diagnostic(`${won.length} of ${bought.length} came before the change`)
  for (const { bearer, refreshToken, session } of won) {
    assert.equal((await callPlatform(postern, '/api/v2.0/organizations', { bearer, session })).status, 401)
    if (refreshToken !== undefined) assertRefused(await refresh(refreshToken), 400, 'invalid_grant')
  }
  const fresh = await postern.signIn(confidential, person.username, { password: 'another password' })
  assert.equal((await organizations(assertGranted(fresh).access_token)).status, 200)
})

test('a refresh obeys what the client may do today: an account that it may no longer sign in is refused', async (t) => {
  const person = await postern.makeAccount()
  const scope = 'offline_access manage:services'
  const { refresh_token } = assertGranted(await postern.signIn(confidential, person.username, { scope }))
  let isConfined = false
  const later = await startPostern(t, {
    wrapStore: (store) => ({
      ...store,
      clients: {
        ...store.clients,
        find: async (id) => {
          const found = await store.clients.find(id)
          return found === undefined || !isConfined
            ? found
            : { ...found, policy: { ...found.policy, passwordAccounts: { ids: [] } } }
        },
      },
    }),
  })
  const client = await later.makeClient()
  const someone = await later.makeAccount()
  const own = assertGranted(await later.signIn(client, someone.username, { scope })).refresh_token
  const use = () => later.token({ grant_type: 'refresh_token', refresh_token: own, ...credentials(client) })
  assertGranted(await use())
  isConfined = true
  assertRefused(await use(), 400, 'invalid_grant')
  isConfined = false
  assertGranted(await use())
  // A refresh token of another server is nothing here, though its ids may be the same.
  assertRefused(
    await later.token({ grant_type: 'refresh_token', refresh_token, ...credentials(client) }),
    400,
    'invalid_grant',
  )
})
