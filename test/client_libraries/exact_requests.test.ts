import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { DEMO } from '#cli/demo_data.ts'
import { startServer } from './started_server.ts'

// The requests of Go's x/oauth2, of HTTPie and of curl, byte for byte as these programs write them to their socket, for machines that have
// none of them.

const server = await startServer()
const host = `localhost:${server.port}`

type Answer = {
  readonly status: number
  readonly contentType: string
  readonly body: Readonly<Record<string, unknown>>
}

/** Writes a request with its `Content-Length`, and reads the one answer. */
const exchange = (headerLines: readonly string[], body = ''): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1')
    socket.setTimeout(10_000, () => socket.destroy(new Error('there was no answer')))
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const [head = '', content] = text.split('\r\n\r\n', 2)
      const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1])
      if (content === undefined || Buffer.byteLength(content) < length) return
      socket.destroy()
      resolve({
        status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]),
        contentType: /^content-type: (.+)$/im.exec(head)?.[1] ?? '',
        body: JSON.parse(content) as Record<string, unknown>,
      })
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the connection was closed without an answer')))
    // No half-close: these programs keep the connection.
    socket.write(`${headerLines.join('\r\n')}\r\n\r\n${body}`)
  })

/** `url.Values.Encode`: sorted by key, each escaped by `url.QueryEscape`. */
const goForm = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${goEscape(name)}=${goEscape(value)}`)
    .join('&')
const goEscape = (text: string): string =>
  encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

const goTokenRequest = (form: string, basic?: string): Promise<Answer> =>
  exchange(
    [
      'POST /oauth/token HTTP/1.1',
      `Host: ${host}`,
      'User-Agent: Go-http-client/1.1',
      `Content-Length: ${Buffer.byteLength(form)}`,
      ...(basic === undefined ? [] : [`Authorization: Basic ${Buffer.from(basic).toString('base64')}`]),
      'Content-Type: application/x-www-form-urlencoded',
      'Accept-Encoding: gzip',
    ],
    form,
  )

/** What the library does while it does not know where a server wants the client: HTTP Basic, and after any refusal the body. */
const goRetrieveToken = async (values: Readonly<Record<string, string>>, id: string, secret: string) => {
  const first = await goTokenRequest(goForm(values), `${goEscape(id)}:${goEscape(secret)}`)
  const second =
    first.status === 200 ? undefined : await goTokenRequest(goForm({ ...values, client_id: id, client_secret: secret }))
  return { first, second }
}

const GO_ID = 'go/client+1%'
const GO_SECRET = 's/e c+r%é and more than enough characters'
const create = ['clients', 'create', '--name', 'Go', '--id', GO_ID, '--import-secret']
const grants = ['--grant-type', 'password', 'refresh_token', 'client_credentials', '--json']
const scopes = ['--scope', 'openid', 'offline_access', 'manage:services', '--default-scope', 'manage:services']
await server.postern([...create, ...grants, ...scopes], `${GO_SECRET}\n`)

const USER = { username: DEMO.username, password: DEMO.password }

test("Go's password grant by HTTP Basic, its id and secret escaped, is answered at the first attempt", async () => {
  const { first, second } = await goRetrieveToken(
    { grant_type: 'password', scope: 'openid', ...USER },
    GO_ID,
    GO_SECRET,
  )
  assert.equal(first.status, 200, JSON.stringify(first.body))
  assert.equal(second, undefined)
  // Its library reads text/plain as a form, and wants an integer and this token type.
  assert.match(first.contentType, /^application\/json/)
  assert.equal(first.body.expires_in, 86_400)
  assert.equal(first.body.token_type, 'Bearer')
  assert.equal(typeof first.body.id_token, 'string')

  const [status] = await goGet(`/api/v2.0/organizations?api_key=${goEscape(GO_ID)}`, String(first.body.access_token))
  assert.equal(status, 200)
})

const goGet = async (target: string, token: string): Promise<readonly [number, Answer]> => {
  const answer = await exchange([
    `GET ${target} HTTP/1.1`,
    `Host: ${host}`,
    'User-Agent: t1-go/0.1.0 golang',
    'Accept: application/vnd.mediamath.v1+json',
    `Authorization: Bearer ${token}`,
    'Accept-Encoding: gzip',
  ])
  return [answer.status, answer]
}

test("Go's second attempt in the body follows a refused first one, and both say invalid_client for a wrong secret", async () => {
  const { first, second } = await goRetrieveToken({ grant_type: 'password', ...USER }, GO_ID, 'wrong')
  for (const answer of [first, second]) {
    assert.equal(answer?.status, 401)
    assert.equal(answer.body.error, 'invalid_client')
  }
  // A first attempt that failed is no obstacle to a second one that is right.
  const right = await goTokenRequest(
    goForm({ grant_type: 'password', ...USER, client_id: GO_ID, client_secret: GO_SECRET }),
  )
  assert.equal(right.status, 200)
})

test('both attempts of Go with a wrong password are answered alike', async () => {
  const { first, second } = await goRetrieveToken(
    { grant_type: 'password', ...USER, password: 'wrong' },
    GO_ID,
    GO_SECRET,
  )
  for (const answer of [first, second]) {
    assert.equal(answer?.status, 400)
    assert.equal(answer.body.error, 'invalid_grant')
  }
})

test("Go's refresh and client_credentials work in the header and in the body", async () => {
  const signIn = { grant_type: 'password', scope: 'offline_access', ...USER }
  const { first } = await goRetrieveToken(signIn, GO_ID, GO_SECRET)
  const refresh = { grant_type: 'refresh_token', refresh_token: String(first.body.refresh_token) }
  for (const values of [refresh, { grant_type: 'client_credentials' }]) {
    const inHeader = await goTokenRequest(goForm(values), `${goEscape(GO_ID)}:${goEscape(GO_SECRET)}`)
    const inBody = await goTokenRequest(goForm({ ...values, client_id: GO_ID, client_secret: GO_SECRET }))
    for (const answer of [inHeader, inBody]) assert.equal(answer.status, 200, JSON.stringify(answer.body))
  }
})

test("Go's client gets errors of v2.0 in the very content type that it compares with", async () => {
  const [status, { contentType, body }] = await goGet('/api/v2.0/organizations/1?api_key=x', 'nonsense')
  assert.equal(status, 401)
  assert.equal(contentType, 'application/vnd.mediamath.v1+json')
  assert.ok('errors' in body)
})

// As Python's json.dumps writes it for HTTPie.
const httpieBody = (values: Readonly<Record<string, string>>): string =>
  `{${Object.entries(values)
    .map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`)
    .join(', ')}}`

const httpieTokenRequest = (values: Readonly<Record<string, string>>): Promise<Answer> => {
  const body = httpieBody(values)
  return exchange(
    [
      'POST /oauth/token HTTP/1.1',
      `Host: ${host}`,
      'User-Agent: HTTPie/3.2.4',
      'Accept-Encoding: gzip, deflate, zstd',
      'Accept: application/json, */*;q=0.5',
      'Connection: keep-alive',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
    ],
    body,
  )
}

const GUIDE = {
  grant_type: 'password',
  ...USER,
  audience: 'https://api.mediamath.com/',
  client_id: DEMO.clientId,
  client_secret: DEMO.clientSecret,
}

test("HTTPie's password grant of the guide, without a scope, with an empty one and with one too many, is answered alike", async () => {
  for (const extra of [{}, { scope: '' }, { realm: '' }, { device: 'a parameter that nobody knows' }]) {
    const { status, contentType, body } = await httpieTokenRequest({ ...GUIDE, ...extra })
    assert.equal(status, 200, JSON.stringify(body))
    assert.match(contentType, /^application\/json/)
    assert.deepEqual(Object.keys(body).toSorted(), ['access_token', 'expires_in', 'scope', 'token_type'])
  }
})

test("curl's refresh of the guide, as a form, is answered with a token, its lifetime, its scopes and an ID token", async () => {
  const granted = await httpieTokenRequest({ ...GUIDE, scope: 'openid offline_access' })
  const data = [
    'grant_type=refresh_token',
    `client_id=${DEMO.clientId}`,
    `client_secret=${DEMO.clientSecret}`,
    `refresh_token=${String(granted.body.refresh_token)}`,
  ].join('&')
  const { status, body } = await exchange(
    [
      'POST /oauth/token HTTP/1.1',
      `Host: ${host}`,
      'User-Agent: curl/8.14.1',
      'Accept: */*',
      'content-type: application/x-www-form-urlencoded',
      `Content-Length: ${Buffer.byteLength(data)}`,
    ],
    data,
  )
  assert.equal(status, 200, JSON.stringify(body))
  assert.deepEqual(Object.keys(body).toSorted(), ['access_token', 'expires_in', 'id_token', 'scope', 'token_type'])
  assert.match(String(body.scope), /\bopenid\b/)
  assert.match(String(body.scope), /\boffline_access\b/)
})
