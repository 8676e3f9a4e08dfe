import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { exchange, open } from '../http/serving.ts'
import { createTestDatabase, noPostgres } from '../support/postgres.ts'
import { addOrganizations, PASSWORD, startPostern, type RunningPostern } from '../support/running_postern.ts'
import {
  askForToken,
  assertGranted,
  callPlatform,
  countHashes,
  credentials,
  encodeForm,
  file,
  FORM,
  get,
  PASSWORD_REALM,
  post,
  tally,
  VENDOR_JSON,
} from './attacking.ts'

// Repeated, malformed, oversized and slow requests, sent as bytes, at the token endpoint and at /api/v2.0/login.
//
// Not here:
// - I25 · the server speaks HTTP/1.1 alone, so there are no HTTP/2 frames to flood it with.
// - The places that do not exist yet: /par, /register, /authorize and its `claims`, redirect URIs.
// Answers that are taken too slowly (I11) and framing (two lengths, odd transfer encodings, folded lines) are
// attacked in test/http/: no answer of the application is as large as what the kernel takes from it.

const THROTTLING = { account_burst: 1000, account_total_burst: 10_000, address_burst: 100_000 }

const postern = await startPostern(file, { config: { throttling: THROTTLING } })
const { port } = postern
await addOrganizations(postern.store, 3)
const client = await postern.makeClient()
const account = await postern.makeAccount()
const login = { user: account.username, password: PASSWORD, api_key: client.client.id }
const grant = { grant_type: 'password', username: account.username, password: PASSWORD, ...credentials(client) }
const JSON_TYPE = ['Content-Type: application/json']

const assertServes = async (): Promise<void> => {
  assert.equal((await askForToken(postern, encodeForm(grant))).status, 200)
}

const assertInvalid = async (body: string, headers?: readonly string[]): Promise<void> => {
  const { status, error, reply } = await askForToken(postern, body, headers)
  assert.deepEqual([status, error], [400, 'invalid_request'], `${body.slice(0, 300)} → ${reply.body}`)
}

const askToLogIn = (body: string, headers: readonly string[] = [`Content-Type: ${FORM}`], at = '/api/v2.0/login') =>
  exchange(port, post(at, body, [`Accept: ${VENDOR_JSON}`, ...headers]))

test('I01 · a parameter that is repeated is refused, with the same value or another, empty or not (RFC 6749 §3.2)', async () => {
  const { refresh_token } = assertGranted(
    await postern.signIn(client, account.username, { scope: 'offline_access manage:services' }),
  )
  const refresh = { grant_type: 'refresh_token', refresh_token: refresh_token!, ...credentials(client) }
  for (const asked of [grant, refresh]) {
    const body = encodeForm(asked)
    for (const [name, value] of Object.entries(asked)) {
      await assertInvalid(`${body}&${encodeForm({ [name]: value })}`)
      await assertInvalid(`${body}&${name}=`)
      await assertInvalid(`${name}=&${body}`)
      await assertInvalid(`${body}&%${name.charCodeAt(0).toString(16)}${name.slice(1)}=x`)
    }
    await assertInvalid(`${body}&scope=&scope=`)
    await assertInvalid(`${body}&unknown=1&unknown=1`)
    assert.equal((await askForToken(postern, body)).status, 200)
  }
  const body = encodeForm(login)
  for (const name of Object.keys(login)) assert.equal((await askToLogIn(`${body}&${name}=x`)).status, 400, name)
  assert.equal((await askToLogIn(body)).status, 200)
})

test('I02 · a parameter in the URL and in the body is refused, and nothing of the URL is taken (RFC 6749 §3.2)', async () => {
  const body = encodeForm(grant)
  for (const [name, value] of Object.entries(grant)) {
    const { [name as keyof typeof grant]: _, ...rest } = grant
    const query = encodeForm({ [name]: value })
    for (const sent of [body, encodeForm(rest)]) {
      assert.equal((await exchange(port, post(`/oauth/token?${query}`, sent))).status, 400, name)
    }
  }
  assert.equal((await exchange(port, post('/oauth/token', body))).status, 200)
  const { api_key, ...withoutKey } = login
  const both = await askToLogIn(encodeForm(login), undefined, '/api/v2.0/login?api_key=another')
  assert.equal(both.status, 400)
  for (const name of ['user', 'password'] as const) {
    const { [name]: value, ...rest } = login
    const inUrl = await askToLogIn(encodeForm(rest), undefined, `/api/v2.0/login?${encodeForm({ [name]: value })}`)
    assert.equal(inUrl.status, 400, `${name} is not read from the URL`)
  }
  const keyInUrl = await askToLogIn(encodeForm(withoutKey), undefined, `/api/v2.0/login?api_key=${api_key}`)
  assert.equal(keyInUrl.status, 200)
})

test('I04 · names of the prototype in form, JSON and query change nothing', async () => {
  const names = [
    '__proto__',
    '__proto__[x]',
    '__proto__.x',
    'constructor[prototype][x]',
    'constructor',
    'hasOwnProperty',
  ]
  for (const name of names) {
    const odd = encodeForm({ [name]: 'polluted' })
    assert.equal((await askForToken(postern, `${encodeForm(grant)}&${odd}`)).status, 200, name)
    assert.equal((await exchange(port, post(`/oauth/token?${odd}`, encodeForm(grant)))).status, 200, name)
    assert.equal((await askToLogIn(`${odd}&${encodeForm(login)}`)).status, 200, name)
    const flat = `{${JSON.stringify(name)}:"polluted",${JSON.stringify(grant).slice(1)}`
    assert.equal((await askForToken(postern, flat, JSON_TYPE)).status, 200, name)
  }
  for (const pollution of ['{"__proto__":{"x":1}', '{"constructor":{"prototype":{"x":1}}', '{"__proto__":[1]']) {
    await assertInvalid(`${pollution},${JSON.stringify(grant).slice(1)}`, JSON_TYPE)
  }
  assert.equal(({} as Record<string, unknown>)['x'], undefined)
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
  await assertServes()
})

test('I05 · brackets in names are part of the name: nothing is nested, and no array is made', async () => {
  const deep = `a${'[b]'.repeat(1000)}`
  for (const name of [deep, 'a[99999999]', 'a[]', 'username[]', 'username[0]', 'client_secret[$ne]']) {
    assert.equal((await askForToken(postern, `${encodeForm(grant)}&${encodeForm({ [name]: 'x' })}`)).status, 200)
  }
  const { username, ...rest } = grant
  for (const name of ['username[]', 'username[0]', 'username[$ne]', 'username.']) {
    await assertInvalid(encodeForm({ ...rest, [name]: username }))
  }
  const many = Array.from({ length: 200 }, (_, n) => `p${n}=`).join('&')
  await assertInvalid(`${encodeForm(grant)}&${many}`)
  await assertServes()
})

test('I07 · a length of 10 MB is refused before the body comes, and the connection ends', async () => {
  const refuse = async (path: string): Promise<void> => {
    const connection = await open(port)
    connection.send(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${FORM}\r\nContent-Length: 10000000\r\n\r\n`,
    )
    const { status, headers } = await connection.reply()
    assert.deepEqual([status, headers.get('connection')], [413, 'close'], path)
    connection.send('a=b')
    await connection.closed()
  }
  await Promise.all(['/oauth/token', '/api/v2.0/login', '/nowhere'].map(refuse))
  const body = encodeForm(grant)
  const whole = `${body}&padding=${'x'.repeat(65_536 - body.length - '&padding='.length)}`
  assert.equal((await askForToken(postern, whole)).status, 200)
  assert.equal((await exchange(port, post('/oauth/token', `${whole}x`))).status, 413)
})

test('I08 · a chunked body without end is cut at the limit', async () => {
  const cut = async (path: string): Promise<void> => {
    const connection = await open(port)
    connection.send(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    const chunk = `1000\r\n${'a'.repeat(4096)}\r\n`
    let sent = 0
    const sending = setInterval(() => {
      connection.send(chunk)
      sent += 4096
    }, 1)
    const { status } = await connection.reply()
    clearInterval(sending)
    assert.equal(status, 413)
    assert.ok(sent > 65_536)
    await connection.closed()
  }
  await Promise.all(['/oauth/token', '/api/v2.0/login'].map(cut))
  const body = encodeForm(grant)
  const chunked = [...body].map((character) => `1\r\n${character}\r\n`).join('')
  const reply = await exchange(
    port,
    `POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}0\r\n\r\n`,
  )
  assert.equal(reply.status, 200)
})

test('I10 · bodies and headers that come a byte at a time are cut, and others are served meanwhile (R-U-Dead-Yet)', async (t) => {
  const slow = await startPostern(t, { config: { limits: { request_timeout: '1 s' } } })
  const quick = await slow.makeClient()
  const head = `POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${FORM}\r\n`
  const drips = await Promise.all(
    [...Array(40).keys()].map(async (n) => {
      const connection = await open(slow.port)
      connection.send(n % 2 === 0 ? `${head}Content-Length: 1000\r\n\r\n` : head)
      const drip = setInterval(() => connection.send('x'), 50)
      return { connection, drip }
    }),
  )
  const others = (async () => {
    let served = 0
    for (const until = performance.now() + 800; performance.now() < until; served++) {
      assertGranted(await slow.token({ grant_type: 'client_credentials', ...credentials(quick) }))
    }
    return served
  })()
  const replies = await Promise.all(
    drips.map(async ({ connection, drip }) => {
      const { status } = await connection.reply()
      clearInterval(drip)
      await connection.closed()
      return status
    }),
  )
  t.diagnostic(`${await others} requests were served while ${replies.length} slow ones were waited for`)
  assert.deepEqual(tally(replies), { 408: 40 })
  assertGranted(await slow.token({ grant_type: 'client_credentials', ...credentials(quick) }))
})

test('I13 · headers of 64 kB, a thousand headers, a cookie of 32 kB and a long URL are refused with 431', async () => {
  const many = Array.from({ length: 1000 }, (_, n) => `X-${n}: y`)
  for (const request of [
    get('/api/v2.0/session', [`X-Long: ${'x'.repeat(65_536)}`]),
    get('/api/v2.0/session', many),
    get('/api/v2.0/session', [`Cookie: adama_session=${'a'.repeat(32_768)}`]),
    get('/api/v2.0/session', [`Authorization: Bearer ${'a'.repeat(100_000)}`]),
    get(`/api/v2.0/session?${'a'.repeat(65_536)}`),
    post('/oauth/token', encodeForm(grant), [`Content-Type: ${FORM}`, ...many]),
  ]) {
    assert.equal((await exchange(port, request)).status, 431)
  }
  const some = [`X-Long: ${'x'.repeat(8000)}`, ...many.slice(0, 50)]
  assert.equal((await askForToken(postern, encodeForm(grant), [`Content-Type: ${FORM}`, ...some])).status, 200)
})

test('I14 · a compressed body is not taken in, so it cannot grow', async () => {
  const bomb = gzipSync(Buffer.alloc(10_000_000, 'a')).toString('latin1')
  for (const path of ['/oauth/token', '/api/v2.0/login']) {
    for (const encoding of ['gzip', 'deflate', 'br', 'gzip, gzip', 'x-gzip']) {
      const headers = [`Content-Type: ${FORM}`, `Content-Encoding: ${encoding}`]
      assert.equal((await exchange(port, post(path, bomb, headers))).status, 415, encoding)
    }
  }
  const plain = await askForToken(postern, encodeForm(grant), [`Content-Type: ${FORM}`, 'Content-Encoding: identity'])
  assert.equal(plain.status, 200)
})

const bytes = (text: string): string => Buffer.from(text).toString('latin1')

test('I16 · bytes that are not UTF-8 and broken escapes are refused, not repaired', async () => {
  const { password: _, ...rest } = grant
  const form = encodeForm(rest)
  for (const password of [
    '%ZZ',
    '%',
    'a%2',
    '%FF',
    '%C0%AF',
    '%ED%A0%80',
    '%F8%88%80%80%80',
    '\xff',
    '\xc0\xaf',
    '\xe9',
  ]) {
    await assertInvalid(`${form}&password=${password}`)
    await assertInvalid(`${form}&password=x&${password}=x`)
    assert.equal((await askToLogIn(`user=x&api_key=${login.api_key}&password=${password}`)).status, 400, password)
  }
  for (const password of ['\xff', '\xc0\xaf', '\\ud800', '\\udc00x', '\\x', '\\u12']) {
    await assertInvalid(`${JSON.stringify(rest).slice(0, -1)},"password":"${password}"}`, JSON_TYPE)
  }
  const boundary = ['Content-Type: multipart/form-data; boundary=b']
  const part = (name: string, value: string) =>
    `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  const fields = part('user', login.user) + part('api_key', login.api_key)
  assert.equal((await askToLogIn(`${fields}${part('password', '\xff')}--b--\r\n`, boundary)).status, 400)
  assert.equal((await askToLogIn(`${fields}${part('password', PASSWORD)}--b--\r\n`, boundary)).status, 200)
  const umlauts = await postern.makeAccount({ password: 'pässwörter ✓' })
  const right = { ...grant, username: umlauts.username, password: 'pässwörter ✓' }
  assert.equal((await askForToken(postern, encodeForm(right))).status, 200)
  assert.equal((await askForToken(postern, bytes(JSON.stringify(right)), JSON_TYPE)).status, 200)
  assert.equal(
    (
      await askForToken(
        postern,
        bytes(`${form.replace(/username=[^&]*/, `username=${umlauts.username}`)}&password=pässwörter+✓`),
      )
    ).status,
    200,
  )
})

/** Where a text of the request could meet the database. */
const assertRefusesNul = async (at: RunningPostern): Promise<void> => {
  const app = await at.makeClient()
  const person = await at.makeAccount()
  const right = {
    grant_type: PASSWORD_REALM,
    realm: 'T1DB-Production',
    scope: 'manage:services',
    audience: 'https://api.mediamath.com/',
    username: person.username,
    password: PASSWORD,
    ...credentials(app),
  }
  const refusals: (string | number)[] = []
  for (const name of Object.keys(right)) {
    const value = right[name as keyof typeof right]!
    for (const odd of [`${value}\0`, `\0${value}`, '\0', `${value}\0x`]) {
      const asked = { ...right, [name]: odd }
      const asForm = await askForToken(at, encodeForm(asked))
      const asJson = await askForToken(at, JSON.stringify(asked), JSON_TYPE)
      refusals.push(asForm.status, asJson.status)
    }
  }
  const refresh = { grant_type: 'refresh_token', refresh_token: `rt${'\0'.repeat(54)}`, ...credentials(app) }
  refusals.push((await askForToken(at, encodeForm(refresh))).status)
  assert.deepEqual(Object.keys(tally(refusals)), ['400'])
  for (const [id, secret] of [
    [`${app.client.id}%00`, app.secret],
    [app.client.id, `${app.secret}%00`],
  ]) {
    const authorization = `Authorization: Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
    const body = 'grant_type=client_credentials'
    const { status } = await askForToken(at, body, [`Content-Type: ${FORM}`, authorization])
    assert.ok(status === 400 || status === 401, String(status))
  }
  for (const path of [
    '/api/v2.0/login?api_key=%00',
    `/api/v2.0/login?api_key=${app.client.id}%00`,
    '/api/v2.0/login?api_key=a%00b',
  ]) {
    assert.equal((await exchange(at.port, post(path, encodeForm({ user: 'a', password: 'b' })))).status, 400, path)
  }
  for (const [user, password] of [
    [`${person.username}\0`, PASSWORD],
    [person.username, `${PASSWORD}\0`],
    ['\0', '\0'],
  ] as const) {
    const body = encodeForm({ user, password, api_key: app.client.id })
    assert.equal((await exchange(at.port, post('/api/v2.0/login', body))).status, 400)
  }
  const { access_token } = assertGranted(await at.signIn(app, person.username))
  for (const path of [
    '/api/v3.0/organizations?sort_by=%00',
    '/api/v3.0/organizations/%00',
    '/api/v2.0/organizations?full=%00',
  ]) {
    assert.equal((await callPlatform(at, path, { bearer: access_token })).status, 400, path)
  }
  for (const session of ['%00', `${'a'.repeat(39)}%00`]) {
    assert.equal((await callPlatform(at, '/api/v2.0/session', { session })).status, 401)
  }
  assert.equal((await askForToken(at, encodeForm(right))).status, 200)
  assert.equal((await callPlatform(at, '/api/v3.0/organizations?sort_by=name', { bearer: access_token })).status, 200)
}

test('I17 · U+0000 is refused wherever a text can stand, and is never an error of the server', () =>
  assertRefusesNul(postern))

test('I17 · U+0000 is refused before PostgreSQL, whose texts cannot hold it', { skip: noPostgres }, async (t) => {
  const database = await createTestDatabase()
  const at = await startPostern(t, { postgresUrl: database.url, config: { throttling: THROTTLING } })
  try {
    await assertRefusesNul(at)
  } finally {
    await at.close()
    await database.drop()
  }
})

test('I19 · JSON that is nested 30,000 deep is refused, and the stack holds', async () => {
  const depth = 30_000
  for (const nested of [
    '['.repeat(depth) + ']'.repeat(depth),
    '['.repeat(2 * depth),
    '{"a":'.repeat(depth / 3) + '1' + '}'.repeat(depth / 3),
    `{"grant_type":${'['.repeat(depth)}${']'.repeat(depth)}}`,
    `{"grant_type":"password","x":${'{"a":'.repeat(depth / 3)}1${'}'.repeat(depth / 3)}}`,
  ]) {
    await assertInvalid(nested, JSON_TYPE)
    assert.equal((await askToLogIn(nested, JSON_TYPE)).status, 400)
  }
  assert.equal((await exchange(port, post('/oauth/token', '['.repeat(100_000), JSON_TYPE))).status, 413)
  assert.equal((await askForToken(postern, JSON.stringify(grant), JSON_TYPE)).status, 200)
})

test('I20 · a member of a JSON body that is repeated is refused, however it is spelled (RFC 8259 §4)', async () => {
  const json = JSON.stringify(grant)
  for (const again of [
    '"grant_type":"client_credentials"',
    '"grant_type":"password"',
    '"grant_type":null',
    '"grant\\u005ftype":"client_credentials"',
    '"scope":"a","scope":"b"',
    '"x":"\\"","x":"\\\\"',
  ]) {
    await assertInvalid(`{${again},${json.slice(1)}`, JSON_TYPE)
    await assertInvalid(`${json.slice(0, -1)},${again}}`, JSON_TYPE)
  }
  const odd = `{"x":"a:b\\":\\\\","y:\\"":": : :",${json.slice(1)}`
  assert.equal((await askForToken(postern, odd, JSON_TYPE)).status, 200, 'colons and quotes in strings are no members')
})

test('I22 · an expectation that cannot be met is refused, and 100-continue is met (RFC 9110 §10.1.1)', async () => {
  const body = encodeForm(grant)
  const refused = await exchange(port, post('/oauth/token', body, [`Content-Type: ${FORM}`, 'Expect: foo']))
  assert.equal(refused.status, 417)
  const connection = await open(port)
  const [head = ''] = post('/oauth/token', body, [`Content-Type: ${FORM}`, 'Expect: 100-continue']).split('\r\n\r\n')
  connection.send(`${head}\r\n\r\n`)
  assert.equal((await connection.reply()).status, 100)
  connection.send(body)
  assert.equal((await connection.reply()).status, 200)
  connection.end()
})

test('I23 · methods and targets that an origin server does not serve are refused (RFC 9112 §3.2)', async () => {
  for (const [request, status] of [
    ['TRACE /oauth/token HTTP/1.1\r\nHost: localhost\r\n\r\n', 405],
    ['CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n', 405],
    ['OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
    ['GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
    ['POST http://localhost/oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n', 400],
    [`${'X'.repeat(10_000)} / HTTP/1.1\r\nHost: localhost\r\n\r\n`, 400],
    ['PUT /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n', 405],
    ['DELETE /api/v2.0/session HTTP/1.1\r\nHost: localhost\r\n\r\n', 405],
    ['HEAD /oauth/token HTTP/1.1\r\nHost: localhost\r\n\r\n', 405],
  ] as const) {
    const connection = await open(port)
    connection.send(request)
    const isHead = request.startsWith('HEAD')
    assert.equal((await connection.reply({ isHead })).status, status, request.slice(0, 60))
    connection.end()
  }
  for (const method of ['TRACE', 'TRACK', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
    const text = post('/oauth/token', encodeForm(grant)).replace('POST', method)
    const override = post('/oauth/token', encodeForm(grant), [
      `Content-Type: ${FORM}`,
      `X-HTTP-Method-Override: ${method}`,
    ])
    assert.notEqual((await exchange(port, text)).status, 200, method)
    assert.equal((await exchange(port, override)).status, 200, 'a header does not change the method')
  }
  await assertServes()
})

test('I23 · a request of another version than HTTP/1.0 and 1.1 is refused: HTTP/0.9 has no headers to be judged by', async () => {
  const statuses: Record<string, number> = {}
  for (const line of ['GET /healthz', 'GET /healthz HTTP/0.9', 'GET /healthz HTTP/2.0', 'GET /healthz HTTP/1.2']) {
    statuses[line] = (await exchange(port, `${line}\r\nHost: localhost\r\n\r\n`)).status
  }
  const bare = (await exchange(port, 'GET /healthz\r\n\r\n')).status
  for (const version of ['1.0', '1.1']) {
    assert.equal((await exchange(port, `GET /healthz HTTP/${version}\r\nHost: localhost\r\n\r\n`)).status, 200)
  }
  assert.deepEqual([...Object.values(statuses), bare], [400, 400, 400, 400, 400], JSON.stringify({ ...statuses, bare }))
})

test('I26 · long strings that slow down bad regular expressions are answered like short ones', async (t) => {
  const strings = [
    'a'.repeat(50_000),
    ' '.repeat(50_000),
    `${'a '.repeat(25_000)}"`,
    `${'a@'.repeat(25_000)}!`,
    `${'a.'.repeat(25_000)}\\`,
    `${'\\'.repeat(49_999)}"`,
  ]
  let slowest = 0
  const timed = async <T>(work: Promise<T>): Promise<T> => {
    const begun = performance.now()
    const result = await work
    slowest = Math.max(slowest, performance.now() - begun)
    return result
  }
  for (const text of strings) {
    for (const name of ['scope', 'audience', 'username', 'password', 'grant_type', 'client_id', 'realm'] as const) {
      const asked = new URLSearchParams({ ...grant, grant_type: PASSWORD_REALM, [name]: text }).toString()
      const reply = await timed(exchange(port, post('/oauth/token', asked)))
      // A scope that does not exist is left out, and what is left then are the client's defaults.
      const expected = name === 'scope' ? [200, 400, 413] : [400, 401, 413]
      assert.ok(expected.includes(reply.status), `${name}: ${reply.status}`)
    }
    for (const name of [
      'Accept',
      'User-Agent',
      'Cookie',
      'Authorization',
      'X-Forwarded-For',
      'Content-Type',
      'Origin',
    ]) {
      const value = text.slice(0, 15_000).trim() || 'a'
      const reply = await timed(exchange(port, get('/api/v2.0/session', [`${name}: ${value}`])))
      assert.ok([401, 400].includes(reply.status), `${name}: ${reply.status}`)
    }
    const query = encodeURIComponent(text.slice(0, 5000))
    const { access_token } = assertGranted(await postern.signIn(client, account.username))
    for (const name of ['full', 'sort_by', 'page_limit', 'q']) {
      const path = `/api/v2.0/organizations?${name}=${query}`
      const reply = await timed(exchange(port, get(path, [`Authorization: Bearer ${access_token}`])))
      assert.ok([200, 400].includes(reply.status), `${name}: ${reply.status}`)
    }
  }
  t.diagnostic(`the slowest answer took ${slowest.toFixed(0)} ms`)
  await assertServes()
})

test('I28 · a username that normalisation would make eighteen times as long is refused, before any hash', async (t) => {
  const username = '\u{fdfa}'.repeat(10_000)
  const hashes = countHashes(t)
  const asJson = await askForToken(postern, bytes(JSON.stringify({ ...grant, username })), JSON_TYPE)
  assert.deepEqual([asJson.status, asJson.error], [400, 'invalid_request'])
  assert.equal(hashes(), 0)
  const body = bytes(JSON.stringify({ ...login, user: username }))
  const loggedIn = await askToLogIn(body, JSON_TYPE)
  assert.ok([400, 401].includes(loggedIn.status), String(loggedIn.status))
  assert.ok(hashes() <= 1)
  await assertServes()
})

test('I29 · 500 sign-ins at once get answers that say so, and refreshes go on as if there were none', async (t) => {
  const storm = await startPostern(t, {
    config: { throttling: { address_burst: 100_000 }, limits: { passwords_waiting: 10 } },
  })
  const app = await storm.makeClient()
  const owner = await storm.makeAccount()
  const { refresh_token } = assertGranted(
    await storm.signIn(app, owner.username, { scope: 'offline_access manage:services' }),
  )
  const refresh = { grant_type: 'refresh_token', refresh_token: refresh_token!, ...credentials(app) }
  assertGranted(await storm.token(refresh))
  const hashes = countHashes(t)
  const marks = Array.from({ length: 500 }, () => randomBytes(4).toString('hex'))
  let isOver = false
  const storming = Promise.all(
    marks.map((mark, n) =>
      n % 2 === 0
        ? storm.signIn(app, `${mark}@example.com`, { password: `wrong ${mark}` })
        : callPlatform(storm, '/api/v2.0/login', {
            method: 'POST',
            body: new URLSearchParams({ user: `${mark}@example.com`, password: mark, api_key: app.client.id }),
          }),
    ),
  ).finally(() => {
    isOver = true
  })
  // On a connection of its own, so that what is measured is the server and not the queue of connections.
  const connection = await open(storm.port)
  const took: number[] = []
  while (!isOver || took.length < 20) {
    const begun = performance.now()
    connection.send(post('/oauth/token', encodeForm(refresh)))
    assert.equal((await connection.reply()).status, 200)
    took.push(performance.now() - begun)
    await sleep(10)
  }
  connection.end()
  const answers = await storming
  const statuses = tally(answers.map(({ status }) => status))
  took.sort((a, b) => a - b)
  t.diagnostic(`answers ${JSON.stringify(statuses)}, ${hashes()} hashes`)
  t.diagnostic(`${took.length} refreshes, p99 ${took[Math.floor(took.length * 0.99)]!.toFixed(0)} ms`)
  assert.deepEqual(
    Object.keys(statuses).filter((status) => !['400', '401', '503'].includes(status)),
    [],
  )
  assert.equal(hashes(), (statuses[400] ?? 0) + (statuses[401] ?? 0), 'who was told to come back cost no hash')
  assert.ok((statuses[503] ?? 0) > 0)
  for (const { status, headers } of answers) {
    if (status === 503) assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  }
  assertGranted(await storm.signIn(app, owner.username))
})
