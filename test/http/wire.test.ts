import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { test } from 'node:test'
import { seconds } from '#base/time.ts'
import { ECHO, exchange, get, open, serve, surface } from './serving.ts'

const post = (body: string, headers = `Content-Length: ${body.length}\r\n`): string =>
  `POST /echo HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n${body}`

const echoed = (body: string): unknown => (JSON.parse(body) as { body: unknown }).body

for (const [why, status, request] of [
  ['no Host', 400, 'GET /echo HTTP/1.1\r\n\r\n'],
  ['two Hosts', 400, get('/echo', 'Host: localhost\r\n')],
  ['a user in Host', 400, 'GET /echo HTTP/1.1\r\nHost: a@localhost\r\n\r\n'],
  ['two names in Host', 400, 'GET /echo HTTP/1.1\r\nHost: a, b\r\n\r\n'],
  ['two Authorizations', 400, get('/echo', 'Authorization: Bearer a\r\nauthorization: Bearer b\r\n')],
  ['two Content-Types', 400, get('/echo', 'Content-Type: text/xml\r\nContent-Type: application/json\r\n')],
  ['an absolute target', 400, get('http://localhost/echo')],
  ['an asterisk', 400, 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['CONNECT', 405, 'CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['an encoded slash', 400, get('/echo%2f')],
  ['a broken escape', 400, get('/%zz')],
  ['a raw byte beyond ASCII', 400, get('/ech\u00f6')],
  ['a space in the target', 400, 'GET /echo /x HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['two lengths', 400, post('ab', 'Content-Length: 2\r\nContent-Length: 1\r\n')],
  ['a length and chunks', 400, post('0\r\n\r\n', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')],
  ['an unknown transfer encoding', 400, post('0\r\n\r\n', 'Transfer-Encoding: xchunked\r\n')],
  ['two transfer encodings', 400, post('0\r\n\r\n', 'Transfer-Encoding: chunked, identity\r\n')],
  ['chunks twice over', 400, post('0\r\n\r\n', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n')],
  ['a chunk size that is none', 400, post('0_5\r\nhello\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\n')],
  ['a bare carriage return', 400, 'GET /echo HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n'],
  ['a folded line', 400, get('/echo', 'X: a\r\n b\r\n')],
  ['a space before the colon', 400, get('/echo', 'X : a\r\n')],
  ['no HTTP at all', 400, '\u0016\u0003\u0001\u0002\u0000\r\n\r\n'],
  ['headers of 17 kB', 431, get('/echo', `X: ${'a'.repeat(17_000)}\r\n`)],
  ['101 headers', 431, get('/echo', 'X: a\r\n'.repeat(100))],
  ['a compressed body', 415, post('ab', 'Content-Length: 2\r\nContent-Encoding: gzip\r\n')],
  ['a body that is too large', 413, post('a'.repeat(1001))],
  ['chunks that are too large', 413, post(`3e9\r\n${'a'.repeat(1001)}\r\n`, 'Transfer-Encoding: chunked\r\n')],
  ['an expectation', 417, post('', 'Expect: wonders\r\n')],
] as const)
  test(`${why} is refused with ${status}, and the answer is whole`, async (t) => {
    const { port } = await serve(t)
    const answer = await exchange(port, request)
    assert.equal(answer.status, status)
    assert.equal(answer.headers.get('content-type'), 'application/json')
    assert.match(answer.headers.get('x-request-id') ?? '', /^[\w-]{16}$/)
    assert.equal(typeof (JSON.parse(answer.body) as { error: unknown }).error, 'string')
    // The same without the defect.
    assert.equal((await exchange(port, post('ab'))).status, 200)
  })

test('a body may have any type or none, and GET may have one', async (t) => {
  const { port } = await serve(t)
  for (const type of [
    '',
    'Content-Type: text/xml\r\n',
    'Content-Type: ???\r\n',
    'Content-Type: application/json\r\n',
  ]) {
    assert.equal(echoed((await exchange(port, post('{', `Content-Length: 1\r\n${type}`))).body), '{')
    assert.equal(echoed((await exchange(port, get('/echo', type))).body), '')
  }
  assert.equal(echoed((await exchange(port, `${get('/echo', 'Content-Length: 2\r\n')}ab`)).body), 'ab')
  assert.equal(
    echoed((await exchange(port, post('2\r\nab\r\n1\r\nc\r\n0\r\n\r\n', 'Transfer-Encoding: Chunked\r\n'))).body),
    'abc',
  )
  assert.equal(echoed((await exchange(port, post('a'.repeat(1000)))).body), 'a'.repeat(1000))
})

test('what asks for another protocol or version is answered as if it had not', async (t) => {
  const { port } = await serve(t)
  for (const headers of [
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: https://evil.example\r\n',
    'Accept-Version: 7\r\n',
  ])
    assert.equal((await exchange(port, get('/echo', headers))).status, 200)
  assert.equal((await exchange(port, 'GET /echo HTTP/1.0\r\n\r\n')).status, 200)
})

test('a connection goes on after a refusal, and requests may come all at once', async (t) => {
  const { port } = await serve(t)
  const connection = await open(port)
  t.after(connection.end)
  connection.send(
    `${get('/nothing')}${post('one')}PUT /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nxx${get('/a%2fb')}${post('two')}`,
  )
  const replies = []
  for (let n = 0; n < 5; n++) replies.push(await connection.reply())
  assert.deepEqual(
    replies.map(({ status }) => status),
    [404, 200, 405, 400, 200],
  )
  assert.equal(echoed(replies[1]!.body), 'one')
  assert.equal(echoed(replies[4]!.body), 'two')
  assert.equal(new Set(replies.map(({ headers }) => headers.get('x-request-id'))).size, 5)
})

test('a body that is refused is not read, but its sender gets to see the answer', async (t) => {
  const { port } = await serve(t)
  const connection = await open(port)
  connection.send(`POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n`)
  const reply = await connection.reply()
  assert.equal(reply.status, 413)
  assert.equal(reply.headers.get('connection'), 'close')
  for (let n = 0; n < 10; n++) connection.send('a'.repeat(10_000))
  await connection.closed()
})

test('chunks without end are cut at the limit', async (t) => {
  const { port } = await serve(t)
  const connection = await open(port)
  connection.send(post('', 'Transfer-Encoding: chunked\r\n'))
  const sending = setInterval(() => connection.send(`64\r\n${'a'.repeat(100)}\r\n`), 5)
  try {
    assert.equal((await connection.reply()).status, 413)
    await connection.closed()
  } finally {
    clearInterval(sending)
  }
})

test('garbage in a body ends that request alone, and is not taken for the next one', async (t) => {
  let requests = 0
  const { port } = await serve(t, {
    surfaces: [
      surface('/', [
        { ...ECHO[0]!, endpoint: (request, segments) => (requests++, ECHO[0]!.endpoint(request, segments)) },
      ]),
    ],
  })
  const connection = await open(port)
  connection.send(post(`zz\r\n${get('/echo')}`, 'Transfer-Encoding: chunked\r\n'))
  const reply = await connection.reply()
  assert.equal(reply.status, 400)
  await connection.closed()
  assert.equal(requests, 0)
})

test('garbage behind a request leaves its answer alone, and ends the connection', async (t) => {
  const slowly = {
    ...ECHO[0]!,
    endpoint: async (...given: Parameters<(typeof ECHO)[0]['endpoint']>) => (
      await wait(50),
      ECHO[0]!.endpoint(...given)
    ),
  }
  const { port } = await serve(t, { surfaces: [surface('/', [slowly])] })
  const connection = await open(port)
  connection.send(`${post('ab')}\u0000\u0001garbage\r\n\r\n`)
  const reply = await connection.reply()
  assert.equal(reply.status, 200)
  assert.equal(reply.headers.get('connection'), 'close')
  await connection.closed()
})

test('garbage on a connection that was used before is answered, and ends it', async (t) => {
  const { port } = await serve(t)
  const connection = await open(port)
  connection.send(post('ab'))
  assert.equal((await connection.reply()).status, 200)
  connection.send('garbage\r\n\r\n')
  assert.equal((await connection.reply()).status, 400)
  await connection.closed()
})

test('a request that does not arrive in time is cut, in its headers as in its body', async (t) => {
  const { port } = await serve(t, {
    limits: { bodyBytes: 1000, requestTimeout: seconds(1), answerTimeout: seconds(10) },
  })
  for (const beginning of [
    'POST /echo HTTP/1.1\r\nHost: ',
    'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n',
  ]) {
    const begun = performance.now()
    const connection = await open(port)
    connection.send(beginning)
    const dripping = setInterval(() => connection.send('a'), 100)
    try {
      const { status, headers } = await connection.reply()
      assert.equal(status, 408)
      assert.equal(headers.get('connection'), 'close')
      await connection.closed()
      t.diagnostic(`cut after ${Math.round(performance.now() - begun)} ms, of 1000`)
    } finally {
      clearInterval(dripping)
    }
  }
})

test('a client that leaves in the middle of its body disturbs nobody', async (t) => {
  let requests = 0
  const { port } = await serve(t, {
    surfaces: [
      surface('/', [
        { ...ECHO[0]!, endpoint: (request, segments) => (requests++, ECHO[0]!.endpoint(request, segments)) },
      ]),
    ],
  })
  for (let n = 0; n < 20; n++) {
    const connection = await open(port)
    connection.send('POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\nabc')
    await wait(2)
    connection.end()
  }
  assert.equal((await exchange(port, post('ab'))).status, 200)
  assert.equal(requests, 1)
})
