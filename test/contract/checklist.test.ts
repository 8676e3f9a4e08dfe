import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allowAt, openBrowser, readCode, signInAt } from '../support/browser_like.ts'
import { claimsOf, headerOf, PASSWORD, PLATFORM_SCOPES } from '../support/running_postern.ts'
import {
  accept,
  AUDIENCE,
  bearer,
  CLIENT,
  cookie,
  DEMO,
  JSON_TYPE,
  LOGIN,
  LOGIN_PATH,
  SESSION_COOKIE,
  startDemoPlatform,
  TOKEN_PATH,
  USER,
  type EntityBody,
  type ErrorBody,
  type PageBody,
  type SessionBody,
  type TokenBody,
} from './demo_platform.ts'
import { cookieSetBy, type RawAnswer } from './raw_http.ts'
import { childOf, parseXml, type XmlElement } from './xml.ts'

// What the platform's existing clients expect and nobody would guess: 25 expectations, numbered by likelihood of being missed times damage.
// Each that concerns what exists is tested here against the bytes on the wire. Those that wait, wholly or in part:
//
//    3  an ID token as bearer works only for clients flagged for it, and there is no such flag yet: it is refused
//   12  the status 403 of a wrong password at /oauth/token belongs to the other error dialect, which is not there yet
//   16  a refresh whose parameters are in the URL works only for clients flagged for it, and there is no such flag yet
//   19  rate limits of the API are not there yet; here only the budget of failed sign-ins
//   20  the permissions of users are not served yet
//   21  writes and the locking by version are in test/platform/entity_saves.test.ts; here only the versions that are read
//   23  dynamic registration is not there yet; here only that a client has no more grants than it was given

const platform = await startDemoPlatform()
const { ask } = platform

/** The same behind a proxy that ends TLS. */
const secure = await startDemoPlatform({
  urls: { auth: 'https://auth.example.com/', api: 'https://api.example.com/' },
  listen: { trusted_proxies: ['127.0.0.1'] },
})

const XML_TYPE = 'text/xml; charset=UTF-8'
const ORGANIZATIONS = '/api/v2.0/organizations'
const SESSION = '/api/v2.0/session'
const FIELD_DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000$/
const BARE_DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/

const json = accept(JSON_TYPE)
const { access_token: token } = await platform.tokens()

const login = (form: Readonly<Record<string, string>> = LOGIN, headers: Readonly<Record<string, string>> = json) =>
  ask(LOGIN_PATH, { headers, body: form })

const assertXml = (answer: RawAnswer): XmlElement => {
  assert.equal(answer.headers['content-type'], XML_TYPE)
  assert.ok(answer.text.startsWith("<?xml version='1.0' ?>"), answer.text.slice(0, 60))
  return parseXml(answer.text)
}

/** Everything that a reader of v2.0 may get, each as one request. */
const readsOfV2 = async (): Promise<readonly (readonly [string, RawAnswer])[]> => {
  const session = await platform.bridged(token)
  const both = { ...json, ...bearer(token), ...cookie(session) }
  const paths = [
    SESSION,
    `${ORGANIZATIONS}?page_limit=1000&full=*`,
    `${ORGANIZATIONS}?page_limit=7&page_offset=98`,
    `${ORGANIZATIONS}?page_offset=5000`,
    `${ORGANIZATIONS}/100000`,
    `${ORGANIZATIONS}/100004`,
    '/api/v2.0/campaigns?full=*',
    '/api/v2.0/campaigns/200001',
  ]
  return Promise.all(
    paths.map(async (path) => {
      const answer = await ask(path, { headers: both })
      assert.equal(answer.status, 200, `${path}: ${answer.text}`)
      return [path, answer] as const
    }),
  )
}

/** Every kind of refusal of v2.0 that can be brought about, each as one request. */
const refusalsOfV2 = async (
  headers: Readonly<Record<string, string>>,
): Promise<readonly (readonly [string, number, string, RawAnswer])[]> => {
  const authorized = { ...headers, ...bearer(token) }
  const wrong = 'no such password'
  return Promise.all([
    ...[
      ['GET', '/api/v2.0/organizations', headers, 401, 'auth_required'],
      ['GET', '/api/v2.0/session', headers, 401, 'auth_required'],
      ['GET', '/api/v2.0/session', { ...headers, ...cookie('0'.repeat(40)) }, 401, 'auth_required'],
      ['GET', '/api/v2.0/organizations', { ...headers, ...bearer('nonsense') }, 401, 'auth_required'],
      ['GET', '/api/v2.0/campaigns', authorized, 401, 'auth_required'],
      ['GET', '/api/v2.0/organizations/1', authorized, 404, 'not_found'],
      ['GET', '/api/v2.0/no_such_thing', authorized, 404, 'not_found'],
      ['GET', '/api/v2.0/organizations?page_limit=x', authorized, 400, 'invalid'],
      ['GET', '/api/v2.0/organizations?q=name', authorized, 400, 'invalid'],
      ['DELETE', '/api/v2.0/organizations', authorized, 405, 'bad_request'],
    ].map(async ([method, path, sent, status, word]) => {
      const answer = await ask(path as string, { method: method as string, headers: sent as Record<string, string> })
      return [`${String(method)} ${String(path)}`, status as number, word as string, answer] as const
    }),
    login({ ...LOGIN, password: wrong }, headers).then(
      (answer) => ['a wrong password', 401, 'auth_error', answer] as const,
    ),
    login({ password: wrong, api_key: DEMO.apiKey }, headers).then(
      (answer) => ['a login without user', 400, 'invalid', answer] as const,
    ),
  ])
}

// 1

test('hidden expectation 1: without Accept, or with */*, v2.0 answers in XML, its login and its refusals too', async () => {
  for (const headers of [{}, accept('*/*'), accept('text/xml'), accept('application/xml')] as const) {
    for (const [path, sent] of [
      [SESSION, bearer(token)],
      [ORGANIZATIONS, bearer(token)],
      [`${ORGANIZATIONS}/100000`, bearer(token)],
      [ORGANIZATIONS, {}],
      ['/api/v2.0/no_such_thing', {}],
    ] as const) {
      assertXml(await ask(path, { headers: { ...headers, ...sent } }))
    }
    const root = assertXml(await login(LOGIN, headers))
    // Scripts take the second child for the session.
    assert.deepEqual(
      root.children.map(({ name }) => name),
      ['entity', 'session', 'status'],
    )
  }
})

test('hidden expectation 1: JSON is what a request names, in whatever company; v3.0 is JSON whatever it names', async () => {
  for (const [sent, got] of [
    [JSON_TYPE, JSON_TYPE],
    ['application/json', 'application/json'],
    ['application/json; charset=utf-8', 'application/json'],
    ['application/json, text/plain, */*', 'application/json'],
    [`${JSON_TYPE}, */*;q=0.1`, JSON_TYPE],
  ] as const) {
    const answer = await ask(ORGANIZATIONS, { headers: { ...accept(sent), ...bearer(token) } })
    assert.equal(answer.headers['content-type'], got, `Accept: ${sent}`)
    assert.equal(answer.json<PageBody>().meta.status, 'ok')
  }
  for (const headers of [{}, accept('*/*'), accept('text/xml'), json]) {
    const answer = await ask('/api/v3.0/organizations', { headers: { ...headers, ...bearer(token) } })
    assert.equal(answer.headers['content-type'], 'application/json')
    const refused = await ask('/api/v3.0/organizations', { headers })
    assert.equal(refused.headers['content-type'], 'application/json')
    assert.equal(refused.json<ErrorBody>().meta.status, 'error')
  }
})

// 2

test('hidden expectation 2: a bare bearer token at /session gets the cookie and, in the body, the same sessionid', async () => {
  const { access_token } = await platform.tokens({ scope: 'read:entities' })
  const inJson = await ask(SESSION, { headers: { ...json, ...bearer(access_token) } })
  assert.equal(inJson.status, 200)
  const { sessionid } = inJson.json<SessionBody>().data.session
  assert.match(sessionid, /^[0-9a-f]{40}$/)
  assert.equal(cookieSetBy(inJson, SESSION_COOKIE).value, sessionid)

  const inXml = await ask(SESSION, { headers: bearer(access_token) })
  assert.equal(inXml.status, 200)
  const session = childOf(assertXml(inXml), 'session')
  assert.equal(cookieSetBy(inXml, SESSION_COOKIE).value, session.attributes.sessionid)
  assert.equal(session.attributes.sessionid, sessionid, 'the session of one authorization is one')
})

test('hidden expectation 2: login sets the cookie to the same sessionid, and names the user as session does', async () => {
  const answer = await login()
  assert.equal(answer.status, 200)
  const { data, meta } = answer.json<SessionBody>()
  assert.equal(cookieSetBy(answer, SESSION_COOKIE).value, data.session.sessionid)
  assert.deepEqual([data.entity_type, data.name, data.id], ['user', DEMO.username, 22612])
  assert.equal(meta.status, 'ok')
  const echoed = await ask(SESSION, { headers: { ...json, ...cookie(data.session.sessionid) } })
  assert.equal(echoed.json<SessionBody>().data.session.sessionid, data.session.sessionid)
})

// 3

test('hidden expectation 3: a token that was asked for without an audience works at the API', async () => {
  const form = { grant_type: 'password', ...USER, ...CLIENT, scope: 'openid profile' }
  const answer = await ask(TOKEN_PATH, { headers: accept('application/json'), body: form })
  const { access_token } = answer.json<TokenBody>()
  assert.equal(claimsOf(access_token).aud, AUDIENCE)
  for (const path of [SESSION, ORGANIZATIONS, '/api/v3.0/organizations']) {
    assert.equal((await ask(path, { headers: bearer(access_token) })).status, 200, path)
  }
})

test('hidden expectation 3: whoever asks for openid gets an ID token, by every grant that has a user', async () => {
  const signedIn = await platform.tokens({ scope: 'openid offline_access' })
  const realm = { grant_type: 'http://auth0.com/oauth/grant-type/password-realm', realm: 'T1DB-Production' }
  const byRealm = await platform.tokens({ ...realm, scope: 'openid' })
  const refreshed = await platform.tokens({
    grant_type: 'refresh_token',
    refresh_token: signedIn.refresh_token ?? '',
  })
  for (const { id_token = '' } of [signedIn, byRealm, refreshed]) assert.equal(claimsOf(id_token).aud, CLIENT.client_id)
})

test('hidden expectation 3: an ID token as bearer is refused for now, and the answer says what to send', async () => {
  const { id_token = '' } = await platform.tokens({ scope: 'openid profile' })
  for (const path of [SESSION, `/${ORGANIZATIONS}?api_key=noapikey`]) {
    const answer = await ask(path, { headers: { ...json, ...bearer(id_token) } })
    assert.equal(answer.status, 401)
    assert.match(answer.json<ErrorBody>().errors[0]!.message, /ID token/)
    assert.match(answer.json<ErrorBody>().errors[0]!.message, /access token/)
    assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer .*error="invalid_token"/)
  }
})

// 4

test('hidden expectation 4: JSON of v2.0 is exactly application/vnd.mediamath.v1+json, without charset, also in refusals', async () => {
  for (const [path, answer] of await readsOfV2()) assert.equal(answer.headers['content-type'], JSON_TYPE, path)
  for (const [what, status, , answer] of await refusalsOfV2(json)) {
    assert.equal(answer.headers['content-type'], JSON_TYPE, what)
    assert.equal(answer.status, status, what)
  }
})

// 5

test("hidden expectation 5: a user's access token is a JWT with user_id, a number, and nickname under the platform's names", async () => {
  const realm = { grant_type: 'http://auth0.com/oauth/grant-type/password-realm', realm: 'T1DB-Production' }
  for (const { access_token } of [
    await platform.tokens(),
    await platform.tokens({ ...realm, scope: 'openid' }),
    await platform.tokens({ scope: 'openid profile' }),
  ]) {
    assert.match(access_token, /^[\w-]+\.[\w-]+\.[\w-]+$/)
    const claims = claimsOf(access_token)
    assert.equal(claims['https://api.mediamath.com/user_id'], 22612)
    assert.equal(typeof claims['https://api.mediamath.com/nickname'], 'string')
    assert.notEqual(claims['https://api.mediamath.com/nickname'], '')
    assert.ok(['ES256', 'RS256'].includes(String(headerOf(access_token).alg)))
  }
})

// 6

test('hidden expectation 6: doubled and trailing slashes below /api/ change nothing, and nothing is redirected', async () => {
  for (const path of [
    '//api/v2.0/organizations',
    '//api/v2.0//organizations',
    '/api/v2.0//organizations/',
    '/api//v2.0/organizations//',
    '///api///v2.0///organizations///',
    '//api/v3.0/organizations/',
  ]) {
    const answer = await ask(`${path}?page_limit=1`, { headers: { ...json, ...bearer(token) } })
    assert.equal(answer.status, 200, path)
    assert.equal(answer.json<PageBody>().data[0]?.id, 100000)
  }
  const signedIn = await ask('//api/v2.0/login/', { headers: json, body: LOGIN })
  assert.equal(signedIn.status, 200)
  assert.equal((await ask('/api/v2.0/session/', { headers: bearer(token) })).status, 200)
})

// 7

test('hidden expectation 7: the good word is ok at v2.0 and success at v3.0', async () => {
  for (const [path, answer] of await readsOfV2()) assert.equal(answer.json<PageBody>().meta.status, 'ok', path)
  const inXml = await ask(ORGANIZATIONS, { headers: bearer(token) })
  assert.deepEqual(childOf(assertXml(inXml), 'status').attributes, { code: 'ok' })
  for (const path of ['/api/v3.0/organizations', '/api/v3.0/organizations/100000']) {
    const answer = await ask(path, { headers: bearer(token) })
    assert.equal(answer.json<PageBody>().meta.status, 'success', path)
  }
})

test('hidden expectation 7: the bad words are those that the libraries know, in JSON and in XML', async () => {
  for (const [what, status, word, answer] of await refusalsOfV2(json)) {
    assert.deepEqual([answer.status, answer.json<ErrorBody>().meta.status], [status, word], what)
  }
  for (const [what, status, word, answer] of await refusalsOfV2({})) {
    assert.deepEqual([answer.status, childOf(assertXml(answer), 'status').attributes.code], [status, word], what)
  }
})

// 8

const datesIn = (value: unknown, path = ''): readonly (readonly [string, string])[] => {
  if (typeof value === 'string') return /^\d{4}-\d\d-\d\d/.test(value) ? [[path, value]] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) => datesIn(member, `${path}.${name}`))
}

test('hidden expectation 8: dates in JSON end in +0000, and those of a session have no offset at all', async () => {
  let count = 0
  for (const [path, answer] of await readsOfV2()) {
    for (const [name, date] of datesIn(answer.json())) {
      assert.match(date, path === SESSION ? BARE_DATE : FIELD_DATE, `${path} ${name}`)
      count++
    }
    if (path !== SESSION) assert.match(answer.json<PageBody>().meta.called_on ?? '', FIELD_DATE)
  }
  assert.ok(count > 200, `only ${count} dates were seen`)
  for (const [what, , , answer] of await refusalsOfV2(json)) {
    assert.match(answer.json<ErrorBody>().meta.called_on ?? '', FIELD_DATE, what)
  }
})

test('hidden expectation 8: in XML called_on has a space and +00, and dates of entities and sessions have no offset', async () => {
  const called = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\+00$/
  const list = assertXml(await ask(`${ORGANIZATIONS}?full=*`, { headers: bearer(token) }))
  assert.match(list.attributes.called_on ?? '', called)
  const dates = childOf(list, 'entities')
    .children.flatMap(({ children }) => children)
    .filter(({ attributes }) => ['created_on', 'updated_on'].includes(attributes.name ?? ''))
  assert.equal(dates.length, 200)
  for (const { attributes } of dates) assert.match(attributes.value ?? '', BARE_DATE)
  const both = { ...bearer(token), ...cookie(await platform.bridged(token)) }
  const campaign = childOf(assertXml(await ask('/api/v2.0/campaigns/200001', { headers: both })), 'entity')
  for (const { attributes } of campaign.children) {
    const { name = '', value = '' } = attributes
    if (/^\d{4}-\d\d-\d\d/.test(value)) assert.match(value, BARE_DATE, name)
  }
  const session = childOf(assertXml(await ask(SESSION, { headers: bearer(token) })), 'session')
  assert.match(session.attributes.current_time ?? '', BARE_DATE)
  assert.match(session.attributes.expires ?? '', BARE_DATE)
  for (const [what, , , answer] of await refusalsOfV2({})) {
    assert.match(parseXml(answer.text).attributes.called_on ?? '', called, what)
  }
})

test('hidden expectation 8: a session of a login lasts 24 hours from current_time', async () => {
  const { data } = (await login({ ...LOGIN, user: 'reporter@example.com' })).json<SessionBody>()
  const { current_time, expires } = data.session
  assert.equal(Date.parse(`${expires}Z`) - Date.parse(`${current_time}Z`), 86_400_000)
})

// 9

test('hidden expectation 9: the password-realm grant comes in JSON, its scope or realm null or empty', async () => {
  await platform.makeAccount({ realm: 'MediaMathActiveDirectory', username: 'jsmith' })
  const grant = {
    grant_type: 'http://auth0.com/oauth/grant-type/password-realm',
    audience: AUDIENCE,
    ...CLIENT,
  }
  const ofDirectory = { username: 'jsmith', password: PASSWORD }
  for (const [what, parameters] of [
    ['an e-mail address', { ...USER, realm: 'T1DB-Production', scope: 'openid' }],
    ['no realm and no scope', { ...USER, realm: null, scope: null }],
    ['both empty', { ...USER, realm: '', scope: '' }],
    [
      'a bare name, as it is and as what is left of @mediamath.com',
      { ...ofDirectory, realm: 'MediaMathActiveDirectory', scope: 'openid' },
    ],
    ['a bare name, realm given, scope null', { ...ofDirectory, realm: 'MediaMathActiveDirectory', scope: null }],
  ] as const) {
    const answer = await ask(TOKEN_PATH, {
      headers: { 'Content-Type': 'application/json', Accept: '*/*' },
      body: JSON.stringify({ ...grant, ...parameters }),
    })
    assert.equal(answer.status, 200, `${what}: ${answer.text}`)
  }
  const elsewhere = await ask(TOKEN_PATH, {
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...grant, ...ofDirectory, realm: 'T1DB-Production' }),
  })
  assert.equal(elsewhere.json<{ error: string }>().error, 'invalid_grant')
})

// 10

test('hidden expectation 10: the cookie is host-only and HttpOnly, for the whole host, and not Secure over http', async () => {
  for (const answer of [await login(), await ask(SESSION, { headers: bearer(token) })]) {
    const { attributes } = cookieSetBy(answer, SESSION_COOKIE)
    assert.ok(attributes.includes('path=/'))
    assert.ok(attributes.includes('httponly'))
    assert.ok(attributes.includes('samesite=lax'))
    assert.ok(attributes.some((attribute) => /^max-age=\d+$/.test(attribute)))
    assert.ok(!attributes.some((attribute) => attribute.startsWith('domain')))
    assert.ok(!attributes.includes('secure'))
  }
})

test('hidden expectation 10: it is Secure, and host-only still, where the public URL is https', async () => {
  const forwarded = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '192.0.2.7' }
  const answer = await secure.ask(LOGIN_PATH, { headers: { ...json, ...forwarded }, body: LOGIN })
  assert.equal(answer.status, 200, answer.text)
  const { attributes } = cookieSetBy(answer, SESSION_COOKIE)
  assert.ok(attributes.includes('secure'))
  assert.ok(!attributes.some((attribute) => attribute.startsWith('domain')))
})

// 11

test('hidden expectation 11: an API key is needed at login alone, in the URL or in the body; a client id is one', async () => {
  const { api_key: _, ...withoutKey } = LOGIN
  for (const [path, form] of [
    [LOGIN_PATH, LOGIN],
    [`${LOGIN_PATH}?api_key=${DEMO.apiKey}`, withoutKey],
    [`${LOGIN_PATH}?api_key=${DEMO.apiKey}`, LOGIN],
    [LOGIN_PATH, { ...withoutKey, api_key: DEMO.clientId }],
  ] as const) {
    assert.equal((await ask(path, { headers: json, body: form })).status, 200, path)
  }
})

test('hidden expectation 11: a missing or unknown key at login is 403, text/xml and <h1>Developer Inactive</h1>, for callers of JSON too', async () => {
  const { api_key: _, ...withoutKey } = LOGIN
  for (const headers of [{}, json, accept('application/json')]) {
    for (const form of [withoutKey, { ...LOGIN, api_key: 'no-such-key' }, { ...LOGIN, api_key: '' }]) {
      const answer = await login(form, headers)
      assert.equal(answer.status, 403)
      assert.equal(answer.headers['content-type'], 'text/xml')
      assert.equal(answer.headers['x-mashery-error-code'], 'ERR_403_DEVELOPER_INACTIVE')
      assert.equal(answer.text, '<h1>Developer Inactive</h1>')
      assert.equal(answer.headers['set-cookie'], undefined)
    }
  }
})

test('hidden expectation 11: elsewhere any key is tolerated, with a bearer token and with a cookie', async () => {
  const session = await platform.bridged(token)
  for (const key of ['noapikey', DEMO.clientId, DEMO.apiKey, 'no-such-key', '']) {
    for (const credentials of [bearer(token), cookie(session)]) {
      for (const path of [SESSION, ORGANIZATIONS]) {
        const answer = await ask(`${path}?api_key=${key}`, { headers: { ...json, ...credentials } })
        assert.equal(answer.status, 200, `${path} with ${key}`)
      }
    }
  }
})

// 12

test('hidden expectation 12: a wrong password at login is 401 auth_error, and only a missing parameter is 400 invalid', async () => {
  for (const form of [
    { ...LOGIN, password: 'wrong' },
    { ...LOGIN, user: 'nobody@example.com' },
  ]) {
    const inJson = await login(form)
    assert.equal(inJson.status, 401)
    const { errors, meta } = inJson.json<ErrorBody>()
    assert.deepEqual(errors, [{ message: 'Authentication error' }])
    assert.equal(meta.status, 'auth_error')
    assert.deepEqual(Object.keys(inJson.json<object>()).toSorted(), ['errors', 'meta'])

    const inXml = await login(form, {})
    assert.equal(inXml.status, 401)
    const root = assertXml(inXml)
    assert.deepEqual(
      root.children.map(({ name, attributes, text }) => [name, attributes, text]),
      [
        ['error', {}, 'Authentication error'],
        ['errors', {}, 'Authentication error'],
        ['status', { code: 'auth_error' }, 'Authentication error'],
      ],
    )
  }
  for (const missing of ['user', 'password'] as const) {
    const { [missing]: _, ...form } = LOGIN
    const answer = await login(form)
    assert.equal(answer.status, 400)
    assert.equal(answer.json<ErrorBody>().meta.status, 'invalid')
    assert.equal(answer.json<ErrorBody>().errors[0]?.message, 'Login Incorrect')
  }
})

test('hidden expectation 12: at /oauth/token it is invalid_grant in the words that SDKs look for', async () => {
  const form = { grant_type: 'password', ...CLIENT, ...USER, password: 'wrong' }
  const answer = await ask(TOKEN_PATH, { body: form })
  assert.equal(answer.status, 400)
  assert.deepEqual(answer.json(), { error: 'invalid_grant', error_description: 'Wrong email or password.' })
})

// 13

test('hidden expectation 13: whoever signs in before every request is never held up, and no login ends an earlier one', async () => {
  const first = (await login()).json<SessionBody>().data.session.sessionid
  // More often than any budget of failures allows.
  for (let round = 0; round < 60; round++) {
    const signedIn = await login()
    assert.equal(signedIn.status, 200)
    assert.equal(signedIn.json<SessionBody>().data.session.sessionid, first, 'the same session is handed out again')
    const form = { grant_type: 'password', ...USER, ...CLIENT, scope: 'openid profile' }
    assert.equal((await ask(TOKEN_PATH, { body: form })).status, 200)
  }
  const anothers = (await login({ ...LOGIN, api_key: DEMO.clientId })).json<SessionBody>().data.session.sessionid
  for (const sessionId of [first, anothers]) {
    assert.equal((await ask(ORGANIZATIONS, { headers: cookie(sessionId) })).status, 200)
  }
})

// 14

test('hidden expectation 14: entities of v2.0 have no empty lists, no nulls, no lists of numbers, and real booleans', async () => {
  await platform.store.entities.add([
    {
      type: 'organization',
      id: 900_001,
      organizationId: 900_001,
      name: 'An organization with little set',
      version: 1,
      fields: { status: false, org_type: [] },
    },
  ])
  const lists = ['/api/v2.0/organizations?full=*&page_limit=1000', '/api/v2.0/campaigns?full=*']
  const both = { ...json, ...bearer(token), ...cookie(await platform.bridged(token)) }
  const entities: EntityBody[] = []
  for (const path of lists) entities.push(...(await ask(path, { headers: both })).json<PageBody>().data)
  assert.ok(entities.length > 110)
  for (const entity of entities) {
    const where = `${String(entity.entity_type)} ${entity.id}`
    assert.ok(Number.isInteger(entity.id) && Number.isInteger(entity.version), where)
    assert.ok(['organization', 'campaign'].includes(String(entity.entity_type)), where)
    assert.equal(typeof entity.status, 'boolean', where)
    for (const [name, value] of Object.entries(entity)) {
      assert.notEqual(value, null, `${where} ${name}`)
      if (!Array.isArray(value)) continue
      assert.notEqual(value.length, 0, `${where} ${name}`)
      for (const item of value) assert.equal(typeof item, 'string', `${where} ${name}`)
    }
    if (entity.entity_type === 'organization' && entity.id < 900_000) {
      assert.ok(Array.isArray(entity.org_type), where)
      assert.equal(typeof entity.adx_seat_account_id, 'number', where)
    }
  }
  // The same in XML: 0 and 1.
  const { children } = childOf(
    parseXml((await ask(`${ORGANIZATIONS}/100000`, { headers: bearer(token) })).text),
    'entity',
  )
  const status = children.find(({ attributes }) => attributes.name === 'status')
  assert.equal(status?.attributes.value, '1')
})

test('hidden expectation 14: items of a list have their type, name and id alone; full=* and one entity alone show all', async () => {
  const headers = { ...json, ...bearer(token) }
  const short = (await ask(`${ORGANIZATIONS}?page_limit=2`, { headers })).json<PageBody>().data
  for (const item of short) assert.deepEqual(Object.keys(item).toSorted(), ['entity_type', 'id', 'name'])
  const [full] = (await ask(`${ORGANIZATIONS}?page_limit=1&full=*`, { headers })).json<PageBody>().data
  const one = (await ask(`${ORGANIZATIONS}/100000`, { headers })).json<{ data: EntityBody; meta: object }>()
  assert.deepEqual(one.data, full)
  assert.ok(Object.keys(one.data).length > 25)
  assert.deepEqual(Object.keys(one.meta).toSorted(), ['called_on', 'etag', 'status'])
})

// 15

test('hidden expectation 15: the count of XML and total_count of JSON are of all that there is, not of the page', async () => {
  const { access_token } = await platform.tokens({ username: 'reporter@example.com' })
  for (const limit of [1, 2, 100]) {
    const path = `${ORGANIZATIONS}?page_limit=${limit}`
    const inJson = (await ask(path, { headers: { ...json, ...bearer(access_token) } })).json<PageBody>()
    assert.deepEqual([inJson.meta.count, inJson.meta.total_count, inJson.meta.offset], [Math.min(limit, 3), 3, 0])
    const list = childOf(assertXml(await ask(path, { headers: bearer(access_token) })), 'entities')
    assert.deepEqual(list.attributes, { count: '3', start: '0' })
    assert.equal(list.children.length, Math.min(limit, 3))
  }
  const none = (
    await ask(`${ORGANIZATIONS}?page_offset=50`, { headers: { ...json, ...bearer(access_token) } })
  ).json<PageBody>()
  assert.deepEqual([none.data, none.meta.count, none.meta.total_count, none.meta.offset], [[], 0, 3, 50])
})

test('hidden expectation 15: next_page is absolute, keeps the query, and is absent on the last page; meta is flat', async () => {
  const { access_token } = await platform.tokens({ username: 'reporter@example.com' })
  const headers = { ...json, ...bearer(access_token) }
  const seen: number[] = []
  let path = `/${ORGANIZATIONS}?api_key=noapikey&page_limit=2&sort_by=-id&full=*`
  for (let pages = 1; ; pages++) {
    const answer = await ask(path, { headers })
    const { data, meta } = answer.json<PageBody>()
    seen.push(...data.map(({ id }) => id))
    for (const [name, value] of Object.entries(meta)) assert.notEqual(typeof value, 'object', name)
    // As t1-php cuts it out.
    assert.match(answer.text, /"meta" ?: ?\{[^{}]*\}/)
    if (!('next_page' in meta)) {
      assert.equal(pages, 2)
      break
    }
    const next = new URL(meta.next_page ?? '')
    assert.equal(`${next.origin}/`, platform.config.urls.api)
    assert.equal(next.pathname, ORGANIZATIONS)
    for (const [name, value] of [
      ['api_key', 'noapikey'],
      ['page_limit', '2'],
      ['page_offset', '2'],
      ['sort_by', '-id'],
      ['full', '*'],
    ] as const) {
      assert.deepEqual(next.searchParams.getAll(name), [value])
    }
    path = `${next.pathname}${next.search}`
  }
  assert.deepEqual(seen, [100002, 100001, 100000])
})

// 16

test("hidden expectation 16: login takes multipart/form-data, as the platform's PHP library sends it, and answers in XML", async () => {
  const boundary = '4d3b7f0e9c2a41f6'
  const part = (name: string, value: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\nContent-Length: ${value.length}\r\n\r\n${value}\r\n`
  const body = `${Object.entries(LOGIN)
    .map(([name, value]) => part(name, value))
    .join('')}--${boundary}--\r\n`
  const answer = await ask(LOGIN_PATH, {
    headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}`, Accept: '*/*' },
    body,
  })
  assert.equal(answer.status, 200, answer.text)
  const sessionId = childOf(assertXml(answer), 'session').attributes.sessionid ?? ''
  assert.equal(cookieSetBy(answer, SESSION_COOKIE).value, sessionId)
  assert.equal((await ask(ORGANIZATIONS, { headers: cookie(sessionId) })).status, 200)
})

test('hidden expectation 16: login ignores what scripts send beside it, and /oauth/token takes forms and JSON alike', async () => {
  const stray = { ...LOGIN, grant_type: 'password', redirect_uri: 'https://example.com/' }
  assert.equal((await login(stray, accept('application/json; charset=utf-8'))).status, 200)
  const grant = { grant_type: 'password', ...USER, ...CLIENT, jwt: 'jws', access_type: 'offline' }
  for (const [type, body] of [
    ['application/x-www-form-urlencoded', new URLSearchParams(grant).toString()],
    ['application/x-www-form-urlencoded; charset=UTF-8', new URLSearchParams(grant).toString()],
    ['application/json', JSON.stringify(grant)],
    ['application/json; charset=utf-8', JSON.stringify(grant)],
  ] as const) {
    for (const accepted of ['*/*', 'application/json', undefined]) {
      const answer = await ask(TOKEN_PATH, {
        headers: { 'Content-Type': type, ...(accepted === undefined ? {} : accept(accepted)) },
        body,
      })
      assert.equal(answer.status, 200, `${type}, Accept ${accepted}: ${answer.text}`)
      assert.match(answer.headers['content-type'] ?? '', /^application\/json/)
    }
  }
})

test('hidden expectation 16: a refresh whose parameters stand in the URL is refused for now, and says where they belong', async () => {
  const { refresh_token = '' } = await platform.tokens({ scope: 'offline_access' })
  const query = new URLSearchParams({ grant_type: 'refresh_token', ...CLIENT, refresh_token })
  const answer = await ask(`${TOKEN_PATH}?${query.toString()}`, { method: 'POST' })
  assert.equal(answer.status, 400)
  const { error, error_description } = answer.json<{ error: string; error_description: string }>()
  assert.equal(error, 'invalid_request')
  assert.match(error_description, /URL|query|body/i)
  assert.ok(!platform.logged.some((line) => line.includes(refresh_token)), 'a secret of the URL is in the log')
})

// 17

test('hidden expectation 17: HTTP Basic is decoded, and a client that is refused there may try again in the body', async () => {
  const secret = 's/e c+r%é'
  const { client } = await platform.makeClient({}, { id: 'go client/1', importedSecret: secret })
  const grant = { grant_type: 'password', ...USER }
  // As net/url's QueryEscape encodes.
  const escape = (text: string) => encodeURIComponent(text).replaceAll('%20', '+')
  const basic = (text: string) => `Basic ${Buffer.from(`${escape(client.id)}:${text}`).toString('base64')}`
  const inHeader = await ask(TOKEN_PATH, { headers: { Authorization: basic(escape(secret)) }, body: grant })
  assert.equal(inHeader.status, 200, inHeader.text)
  const refused = await ask(TOKEN_PATH, { headers: { Authorization: basic('wrong') }, body: grant })
  assert.equal(refused.status, 401)
  assert.match(refused.headers['www-authenticate'] ?? '', /^Basic /)
  const inBody = await ask(TOKEN_PATH, { body: { ...grant, client_id: client.id, client_secret: secret } })
  assert.equal(inBody.status, 200, inBody.text)
})

test('hidden expectation 17: on the legacy paths too a refused client does not burn the code, and its second try works', async () => {
  const { thirdPartyId: id, thirdPartySecret: secret, thirdPartyCallback: redirect_uri } = DEMO
  const browser = openBrowser(platform)
  const query = new URLSearchParams({
    access_type: 'offline',
    client_id: id,
    redirect_uri,
    response_type: 'code',
    state: 'state',
  })
  const page = await browser.get(`/oauth2/v1.0/authorize?${query}`)
  const consent = await signInAt(browser, page, USER, USER.password)
  const code = readCode(await allowAt(browser, consent), redirect_uri)
  const grant = { grant_type: 'authorization_code', code, redirect_uri }
  const path = '/oauth2/v1.0/token'
  const basic = `Basic ${Buffer.from(`${id}:wrong`).toString('base64')}`
  assert.equal((await ask(path, { headers: { Authorization: basic }, body: grant })).status, 401)
  const right = { ...grant, client_id: id, client_secret: secret }
  const answer = await ask(path, { body: right })
  assert.equal(answer.status, 200, answer.text)
  assert.ok(answer.json<TokenBody>().refresh_token !== undefined)
  // After a genuine refusal the library asks once more, with the same code.
  for (let n = 0; n < 2; n++) {
    const again = await ask(path, { body: right })
    assert.deepEqual([again.status, again.json<{ error: string }>().error], [400, 'invalid_grant'])
  }
})

// 18

test('hidden expectation 18: a bearer token, a cookie, both, and a token without the word Bearer all authenticate', async () => {
  const session = await platform.bridged(token)
  for (const credentials of [
    bearer(token),
    cookie(session),
    { ...bearer(token), ...cookie(session) },
    { Authorization: token },
    { Authorization: `bearer ${token}` },
  ]) {
    for (const path of [SESSION, ORGANIZATIONS]) {
      const answer = await ask(path, { headers: { ...json, ...credentials } })
      assert.equal(answer.status, 200, answer.text)
    }
  }
})

test('hidden expectation 18: a token and a cookie of different users are refused, and so is each that is not valid', async () => {
  const anothers = await platform.tokens({ username: 'reporter@example.com' })
  const session = await platform.bridged(token)
  for (const credentials of [
    { ...bearer(anothers.access_token), ...cookie(session) },
    { ...bearer(`${token.slice(0, -4)}AAAA`), ...cookie(session) },
    { ...bearer(token), ...cookie('0123456789'.repeat(4)) },
  ]) {
    for (const path of [SESSION, ORGANIZATIONS]) {
      const answer = await ask(path, { headers: { ...json, ...credentials } })
      assert.equal(answer.status, 401)
      assert.equal(answer.json<ErrorBody>().meta.status, 'auth_required')
      assert.equal(answer.headers['set-cookie'], undefined)
    }
  }
})

// 19

test('hidden expectation 19: failed sign-ins from one address are answered 429 with Retry-After, in seconds', async () => {
  const narrow = await startDemoPlatform({ throttling: { address_burst: 3, address_refill: '600 s' } })
  let last: RawAnswer | undefined
  for (let attempt = 0; attempt < 5; attempt++) {
    const form = { ...LOGIN, user: `nobody${attempt}@example.com` }
    last = await narrow.ask(LOGIN_PATH, { headers: json, body: form })
  }
  assert.equal(last?.status, 429)
  assert.match(last.headers['retry-after'] ?? '', /^[1-9]\d*$/)
  assert.ok(!Number.isNaN(Date.parse(last.headers.date ?? '')))
  assert.equal(last.json<ErrorBody>().meta.status, 'error')
  await narrow.close()
})

// 21

test('hidden expectation 21: every entity has a version that is an integer, and that of organization 100048 is not 0', async () => {
  const headers = { ...json, ...bearer(token) }
  const { data } = (await ask(`${ORGANIZATIONS}/100048`, { headers })).json<{ data: EntityBody }>()
  assert.ok(Number.isInteger(data.version))
  assert.notEqual(data.version, 0)
  const { attributes } = childOf(
    parseXml((await ask(`${ORGANIZATIONS}/100048`, { headers: bearer(token) })).text),
    'entity',
  )
  assert.equal(attributes.version, String(data.version))
})

// 22

test('hidden expectation 22: a refusal in JSON has a list of errors with a message each, and what is well has no such key', async () => {
  for (const [what, , , answer] of await refusalsOfV2(json)) {
    const { errors } = answer.json<ErrorBody>()
    assert.ok(Array.isArray(errors) && errors.length > 0, what)
    for (const { message } of errors) assert.ok(typeof message === 'string' && message !== '', what)
    // One library strips every backslash before it parses.
    assert.ok(!answer.text.includes('\\'), answer.text)
  }
  for (const [path, answer] of await readsOfV2()) assert.ok(!('errors' in answer.json<object>()), path)
  const out = await ask('/api/v2.0/logout', { method: 'POST', headers: json })
  assert.deepEqual(out.json(), { meta: { status: 'ok' } })
  for (const [path, status] of [
    ['/api/v3.0/organizations', 401],
    ['/api/v3.0/organizations/1', 404],
    ['/api/v3.0/organizations?page_limit=0', 400],
  ] as const) {
    const answer = await ask(path, { headers: status === 401 ? {} : bearer(token) })
    assert.equal(answer.status, status)
    const { errors, meta } = answer.json<ErrorBody>()
    assert.equal(meta.status, 'error')
    assert.ok(errors.length > 0)
    for (const { code, message } of errors) assert.ok(typeof code === 'string' && typeof message === 'string')
  }
})

// 23

test('hidden expectation 23: a client has only the grants that it was given: the others are unauthorized_client', async () => {
  const { client, secret = '' } = await platform.makeClient({ grantTypes: ['refresh_token'], scopes: PLATFORM_SCOPES })
  for (const grant_type of ['password', 'http://auth0.com/oauth/grant-type/password-realm', 'client_credentials']) {
    const form = { grant_type, ...USER, client_id: client.id, client_secret: secret }
    const answer = await ask(TOKEN_PATH, { body: form })
    assert.equal(answer.status, 400, answer.text)
    assert.equal(answer.json<{ error: string }>().error, 'unauthorized_client')
  }
})

// 24

test('hidden expectation 24: the issuer ends in a slash, sub is a prefix and the user id, a token lives 24 hours, an ID token 10', async () => {
  const metadata = (await ask('/.well-known/openid-configuration')).json<{ issuer: string }>()
  assert.match(metadata.issuer, /\/$/)
  const { access_token, id_token = '', expires_in } = await platform.tokens({ scope: 'openid profile' })
  const [access, id] = [claimsOf(access_token), claimsOf(id_token)]
  assert.deepEqual([access.iss, id.iss], [metadata.issuer, metadata.issuer])
  assert.deepEqual([access.sub, id.sub], ['platform|22612', 'platform|22612'])
  assert.equal(Number(access.exp) - Number(access.iat), 86_400)
  assert.equal(Number(id.exp) - Number(id.iat), 36_000)
  assert.equal(expires_in, 86_400)
  assert.deepEqual([access.aud, id.aud], [AUDIENCE, CLIENT.client_id])
})

// 25

test('hidden expectation 25: nothing of the API and the token endpoint is redirected, not even http to https', async () => {
  const grant = { grant_type: 'password', ...USER, ...CLIENT }
  const plain = { 'X-Forwarded-Proto': 'http', 'X-Forwarded-For': '192.0.2.7' }
  const answers = [
    await secure.ask(TOKEN_PATH, { headers: plain, body: grant }),
    await secure.ask(LOGIN_PATH, { headers: plain, body: LOGIN }),
    await secure.ask(ORGANIZATIONS, { headers: plain }),
    await secure.ask('//api/v2.0/login/', { headers: plain, body: LOGIN }),
    await ask(`${TOKEN_PATH}/`, { body: grant }),
    await ask(`/${TOKEN_PATH}`, { body: grant }),
    await ask('/api', {}),
    await ask('/api/', {}),
    await ask('/api/v2.0', {}),
  ]
  for (const answer of answers) {
    assert.ok(answer.status >= 400, `${answer.status} ${answer.text}`)
    assert.equal(answer.headers.location, undefined)
  }
})
