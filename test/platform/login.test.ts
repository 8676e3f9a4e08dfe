import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minutes } from '#base/time.ts'
import { API_KEY, CHALLENGE, COOKIE, MEDIA_TYPE, openPlatform, PASSWORD, readReply, sessionOf } from './fixture.ts'

const platform = await openPlatform({ addressBurst: 200 })
const { call, person, client, login } = platform
const app = await client({
  apiKeys: [
    { name: 'first', key: API_KEY },
    { name: 'second', key: 'second-key' },
  ],
})
const manager = await person()

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString()
const XML = { accept: undefined }
const withoutMoment = (text: string): string =>
  text
    .replace(/"called_on":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000"/, '"called_on":"NOW"')
    .replace(/called_on="\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.00000\+00"/, 'called_on="NOW"')

test('golden: a sign-in answers the session in the body and in the cookie', async () => {
  const reply = await login(manager)
  const { session } = sessionOf(reply.json())
  assert.equal(reply.status, 200)
  assert.equal(reply.contentType, MEDIA_TYPE)
  assert.match(session.sessionid, /^[0-9a-f]{40}$/)
  assert.match(session.current_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/)
  assert.equal(Date.parse(`${session.expires}Z`) - Date.parse(`${session.current_time}Z`), 86_400_000)
  assert.equal(
    reply.text,
    `{"data":{"session":{"current_time":"${session.current_time}","sessionid":"${session.sessionid}",` +
      `"expires":"${session.expires}"},"entity_type":"user","name":"${manager.username}","id":${manager.id}},"meta":{"status":"ok"}}`,
  )
  assert.equal(
    reply.header('set-cookie'),
    `${COOKIE}=${session.sessionid}; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax; Secure`,
  )
  assert.equal(reply.header('cache-control'), 'no-store, private')
  assert.match(reply.header('vary')!, /Authorization, Cookie/)
})

test('golden: the same as XML, whose second child is the session', async () => {
  const reply = await login(manager, XML)
  const [, current, expires, id] =
    /<session current_time="([^"]*)" expires="([^"]*)" sessionid="([^"]*)" \/>/.exec(reply.text) ?? []
  assert.equal(reply.contentType, 'text/xml; charset=UTF-8')
  assert.equal(
    reply.text,
    `<?xml version='1.0' ?>\n<result><entity name="${manager.username}" id="${manager.id}" type="user" />` +
      `<session current_time="${current}" expires="${expires}" sessionid="${id}" /><status code="ok" /></result>`,
  )
  assert.equal(reply.cookie(), id)
})

test('every body that a client of the platform sends is read', async () => {
  const fields = { user: manager.username, password: PASSWORD }
  const multipart = (boundary: string) =>
    Object.entries({ ...fields, api_key: API_KEY })
      .map(([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
      .join('') + `--${boundary}--\r\n`
  for (const [query, type, body] of [
    [`?api_key=${API_KEY}`, FORM['content-type'], form(fields)],
    ['', FORM['content-type'], form({ api_key: API_KEY, ...fields })],
    [`?api_key=${API_KEY}`, FORM['content-type'], form({ api_key: API_KEY, ...fields })],
    [
      '',
      `${FORM['content-type']}; charset=utf-8`,
      form({ ...fields, api_key: API_KEY, grant_type: 'x', redirect_uri: 'y' }),
    ],
    ['', 'application/json', JSON.stringify({ ...fields, api_key: API_KEY })],
    ['', 'multipart/form-data; boundary=b', multipart('b')],
    ['', 'Multipart/Form-Data; charset=utf-8; boundary="----=_Part_1.2:x"; x=y', multipart('----=_Part_1.2:x')],
    ['', `multipart/form-data; boundary=${'a'.repeat(70)}`, multipart('a'.repeat(70))],
    [`?api_key=${app.id}`, FORM['content-type'], form(fields)],
  ] as const) {
    const reply = await call(`/api/v2.0/login${query}`, { method: 'POST', headers: { 'content-type': type }, body })
    assert.equal(reply.status, 200, `${type} ${reply.text}`)
  }
})

test('a multipart field keeps its bytes', async () => {
  const password = 'pässwörd 💶 --b\r\n-- x'
  const somebody = await person({}, password.replace(/[\r\n]/g, ''))
  for (const [value, status] of [
    [password.replace(/[\r\n]/g, ''), 200],
    [password, 401],
  ] as const) {
    const part = (name: string, text: string) =>
      `--bo\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${text}\r\n`
    const reply = await call(`/api/v2.0/login?api_key=${API_KEY}`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=bo' },
      body: `${part('user', somebody.username)}${part('password', value)}--bo--`,
    })
    assert.equal(reply.status, status)
  }
})

test('signing in again within the hour, with any key of the client, hands out the same session; later, another', async () => {
  const somebody = await person()
  const first = (await login(somebody)).cookie()
  assert.equal((await login(somebody, { apiKey: 'second-key' })).cookie(), first)
  const others = await client({ apiKeys: [{ name: 'k', key: 'key-of-another-client' }] })
  assert.notEqual((await login(somebody, { apiKey: 'key-of-another-client' })).cookie(), first)
  assert.notEqual(others.id, app.id)
  platform.pass(minutes(61))
  const second = await login(somebody)
  assert.notEqual(second.cookie(), first)
  assert.equal((await call('/api/v2.0/session', { session: first })).status, 200, 'a sign-in ends no other')
  assert.equal((await call('/api/v2.0/session', { session: second.cookie() })).status, 200)
})

test('golden: a wrong password and an unknown user have one answer, in each format', async () => {
  const replies = [
    await login(manager, { password: 'wrong' }),
    await login({ username: 'nobody@example.com' }),
    await login({ username: 'no body' }),
  ]
  for (const reply of replies) {
    assert.equal(reply.status, 401)
    assert.equal(
      withoutMoment(reply.text),
      '{"errors":[{"message":"Authentication error"}],"meta":{"called_on":"NOW","status":"auth_error"}}',
    )
    assert.deepEqual(reply.reply.headers, replies[0]!.reply.headers)
    assert.equal(reply.contentType, MEDIA_TYPE)
    assert.equal(reply.header('set-cookie'), undefined)
    assert.equal(reply.header('www-authenticate'), CHALLENGE)
  }
  assert.equal(
    withoutMoment((await login(manager, { password: 'wrong', ...XML })).text),
    `<?xml version='1.0' ?>\n<result called_on="NOW"><error>Authentication error</error>` +
      `<errors>Authentication error</errors><status code="auth_error">Authentication error</status></result>`,
  )
})

test('golden: without a user or a password nothing is tried', async () => {
  for (const body of ['', form({ user: 'x' }), form({ password: 'x' }), 'user=&password=x']) {
    const reply = await call(`/api/v2.0/login?api_key=${API_KEY}`, { method: 'POST', headers: FORM, body })
    assert.equal(reply.status, 400)
    assert.equal(
      withoutMoment(reply.text),
      '{"errors":[{"message":"Login Incorrect"}],"meta":{"called_on":"NOW","status":"invalid"}}',
    )
  }
  // A password in the URL is not one.
  const inUrl = await call(
    `/api/v2.0/login?${form({ api_key: API_KEY, user: manager.username, password: PASSWORD })}`,
    {
      method: 'POST',
    },
  )
  assert.equal(inUrl.status, 400)
})

test('golden: a missing, wrong or inactive API key is refused in the words of the old gateway, before the password', async () => {
  const inactive = await client({ apiKeys: [{ name: 'k', key: 'inactive-key' }] })
  await platform.store.clients.disable(inactive.id)
  for (const query of ['', '?api_key=', '?api_key=noapikey', '?api_key=inactive-key', `?api_key=${inactive.id}`]) {
    for (const body of [form({ user: manager.username, password: PASSWORD }), form({ user: 'x' }), '']) {
      const { reply } = await call(`/api/v2.0/login${query}`, { method: 'POST', headers: FORM, body })
      assert.deepEqual(reply, {
        status: 403,
        headers: {
          'content-type': 'text/xml',
          'cache-control': 'no-store, private',
          vary: 'Authorization, Cookie',
          'x-mashery-error-code': 'ERR_403_DEVELOPER_INACTIVE',
          'x-error-detail-header': 'Account Inactive',
        },
        body: '<h1>Developer Inactive</h1>',
      })
    }
  }
})

test('what can be read in two ways is refused', async () => {
  const fields = form({ user: manager.username, password: PASSWORD, api_key: API_KEY })
  const file = '--b\r\nContent-Disposition: form-data; name="user"; filename="x"\r\n\r\nx\r\n--b--\r\n'
  const twice = '--b\r\nContent-Disposition: form-data; name="user"\r\n\r\nx\r\n'.repeat(2) + '--b--\r\n'
  const nul = '--b\r\nContent-Disposition: form-data; name="user"\r\n\r\na\0b\r\n--b--\r\n'
  const boundary = 'multipart/form-data; boundary=b'
  for (const [query, type, body] of [
    ['?api_key=another', FORM['content-type'], fields],
    ['?api_key=a&api_key=a', FORM['content-type'], fields],
    ['', FORM['content-type'], `${fields}&user=x`],
    ['', FORM['content-type'], `${fields}&password=`],
    ['', FORM['content-type'], `${fields}&x=%ZZ`],
    ['', FORM['content-type'], `${fields}&x=%00`],
    ['?x=%ff', FORM['content-type'], fields],
    ['', 'application/json', `{"user":"a","user":"b"}`],
    ['', 'application/json', `{"user":{"x":1}}`],
    ['', 'application/json', '['.repeat(30_000)],
    ['', 'text/plain', fields],
    ['', boundary, file],
    ['', boundary, twice],
    ['', boundary, nul],
    ['', boundary, 'no multipart'],
    ['', boundary, Buffer.from([0x2d, 0x2d, 0x62, 0xff])],
    ['', 'multipart/form-data', file],
  ] as const) {
    const reply = await call(`/api/v2.0/login${query}`, { method: 'POST', headers: { 'content-type': type }, body })
    assert.equal(reply.status, 400, `${type} ${String(body).slice(0, 80)}: ${reply.text}`)
    assert.equal(reply.json().meta.status, 'bad_request')
    assert.doesNotMatch(reply.text, /\\/)
  }
})

test('a field of any odd name changes nothing', async () => {
  const body = form({ user: manager.username, password: PASSWORD, __proto__x: '1', 'constructor[prototype][x]': '1' })
  const reply = await call(`/api/v2.0/login?api_key=${API_KEY}&__proto__=1`, {
    method: 'POST',
    headers: FORM,
    body: `${body}&__proto__=1`,
  })
  assert.equal(reply.status, 200)
})

test('a disabled account is answered as a wrong password, and so is one that changes while it signs in', async () => {
  const disabled = await person()
  await platform.store.accounts.disable(disabled.id)
  const reply = await login(disabled)
  assert.deepEqual([reply.status, reply.json().meta.status], [401, 'auth_error'])

  const changing = await person()
  const { tools } = platform
  const { platformSurface } = await import('#platform/surface.ts')
  const surface = platformSurface({
    ...tools,
    signIn: async (asked) => {
      const outcome = await tools.signIn(asked)
      await platform.store.accounts.setPassword(changing.id, '$argon2id$another')
      return outcome
    },
  })
  const request = {
    method: 'POST',
    path: '/api/v2.0/login',
    query: `api_key=${API_KEY}`,
    headers: { ...FORM, accept: MEDIA_TYPE },
    body: Buffer.from(form({ user: changing.username, password: PASSWORD })),
    address: '192.0.2.1',
    id: 'r',
  }
  const raced = await (async () => surface.routes[0]!.endpoint(request, {}))().catch((error: unknown) =>
    surface.answerError(error, request),
  )
  assert.deepEqual([raced.status, raced.headers['set-cookie']], [401, undefined])
  assert.equal(withoutMoment(readReply(raced).text), withoutMoment(reply.text))
})

test('sign-ins are in the audit log, with who, where and why, and without a secret', async () => {
  const somebody = await person()
  platform.audit.length = 0
  const session = (await login(somebody)).cookie()!
  await login(somebody, { password: 'wrong-secret' })
  await login(somebody, { apiKey: 'bad-key' })
  const where = { address: '192.0.2.1', request: 'request-1' }
  const [first, ...refusals] = platform.audit
  assert.deepEqual(
    { ...first, session: 0 },
    { audit: 'signed_in', account: somebody.id, client: app.id, session: 0, ...where },
  )
  assert.deepEqual(refusals, [
    { audit: 'sign_in_refused', reason: 'wrong password', account: somebody.id, client: app.id, ...where },
    { audit: 'sign_in_refused', reason: 'no such API key, or it is inactive', ...where },
  ])
  assert.doesNotMatch(
    JSON.stringify(platform.audit),
    new RegExp(`${session}|${PASSWORD}|wrong-secret|bad-key|${API_KEY}`),
  )
})

test('a page of another site cannot sign a browser in', async () => {
  for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }]) {
    const reply = await login(manager, { headers })
    assert.deepEqual([reply.status, reply.json().meta.status], [403, 'denied'])
    assert.equal(reply.header('set-cookie'), undefined)
  }
  assert.equal((await login(manager, { headers: { origin: 'https://api.example.com' } })).status, 200)
})

test('an address that fails too often is told to wait, whoever it asks for', async () => {
  const narrow = await openPlatform({ addressBurst: 2 })
  await narrow.client({ apiKeys: [{ name: 'k', key: API_KEY }] })
  const victim = await narrow.person()
  for (let n = 0; n < 2; n++) assert.equal((await narrow.login(victim, { password: 'wrong' })).status, 401)
  const reply = await narrow.login(await narrow.person())
  assert.equal(reply.status, 429)
  assert.match(reply.header('retry-after')!, /^[1-9]\d*$/)
  assert.equal(reply.header('cache-control'), 'no-store, private')
  assert.equal(reply.json().meta.status, 'error')
})

test('successes never count against anybody', async () => {
  const narrow = await openPlatform({ addressBurst: 3 })
  await narrow.client({ apiKeys: [{ name: 'k', key: API_KEY }] })
  const busy = await narrow.person()
  for (let n = 0; n < 20; n++) assert.equal((await narrow.login(busy)).status, 200)
})
