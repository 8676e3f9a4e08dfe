import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpError, jsonReply, textReply, type Route } from '#http/message.ts'
import { ECHO, exchange, get, open, recordingLog, serve, surface } from './serving.ts'

const replying = (path: string, endpoint: Route['endpoint']): Route => ({ methods: ['GET', 'POST'], path, endpoint })

test('an endpoint sees the request as it is, and its reply goes out as it is', async (t) => {
  const { origin } = await serve(t, { surfaces: [surface('/', [replying('/echo/:name', ECHO[0]!.endpoint)])] })
  const response = await fetch(`${origin}/echo/%61%20b?x=1&x=2`, {
    method: 'POST',
    body: 'a=ä',
    headers: { 'x-request-id': 'mine' },
  })
  const { id, ...rest } = (await response.json()) as Record<string, unknown>
  assert.deepEqual(rest, {
    method: 'POST',
    path: '/echo/a%20b',
    query: 'x=1&x=2',
    body: 'a=ä',
    address: '127.0.0.1',
    segments: { name: 'a b' },
  })
  assert.match(String(id), /^[\w-]{16}$/)
  assert.equal(response.headers.get('x-request-id'), id)
})

test('the content type is the one of the reply, to the byte, and the length is always told', async (t) => {
  const types = [
    'application/json',
    'application/vnd.mediamath.v1+json',
    'text/xml',
    'text/html; charset=utf-8',
    'text/plain',
  ]
  const { port } = await serve(t, {
    surfaces: [
      surface(
        '/',
        types.flatMap((type, n) => [
          replying(`/text/${n}`, () => ({ status: 200, headers: { 'content-type': type }, body: 'é' })),
          replying(`/bytes/${n}`, () => ({ status: 200, headers: { 'content-type': type }, body: Buffer.from('é') })),
        ]),
      ),
    ],
  })
  for (const [n, type] of types.entries())
    for (const kind of ['text', 'bytes']) {
      const { headers, body } = await exchange(port, get(`/${kind}/${n}`))
      assert.equal(headers.get('content-type'), type)
      assert.equal(headers.get('content-length'), '2')
      assert.equal(body, Buffer.from('é').toString('latin1'))
    }
})

test('every answer carries the security headers, and a page may say itself what it loads', async (t) => {
  const { port } = await serve(t, {
    surfaces: [
      surface('/', [
        ...ECHO,
        replying('/page', () => textReply(200, '', { 'content-security-policy': "default-src 'self'" })),
        replying('/broken', () => {
          throw new Error('boom')
        }),
      ]),
    ],
  })
  for (const path of ['/echo', '/nothing', '/broken', '/%zz']) {
    const { headers } = await exchange(port, get(path))
    assert.equal(headers.get('content-security-policy'), "default-src 'none'; frame-ancestors 'none'")
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.equal(headers.get('referrer-policy'), 'no-referrer')
    assert.equal(headers.has('strict-transport-security'), false)
    assert.match(headers.get('x-request-id') ?? '', /^[\w-]{16}$/)
    assert.ok(headers.has('date'))
    assert.equal(headers.has('server'), false)
    assert.equal(headers.has('x-powered-by'), false)
  }
  assert.equal((await exchange(port, get('/page'))).headers.get('content-security-policy'), "default-src 'self'")
})

test('several cookies are several headers', async (t) => {
  const cookies = ['a=1; Path=/', 'b=2']
  const { origin } = await serve(t, {
    surfaces: [surface('/', [replying('/', () => textReply(200, '', { 'set-cookie': cookies }))])],
  })
  assert.deepEqual((await fetch(origin)).headers.getSetCookie(), cookies)
})

test('HEAD is answered as GET is, without the body', async (t) => {
  const { port } = await serve(t)
  const connection = await open(port)
  t.after(connection.end)
  connection.send('HEAD /echo HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const head = await connection.reply({ isHead: true })
  connection.send(get('/echo'))
  const { body } = await connection.reply()
  assert.equal(head.status, 200)
  assert.equal(Number(head.headers.get('content-length')), body.length)
  assert.equal((JSON.parse(body) as { method: string }).method, 'GET')
})

test('204 and 304 have no length', async (t) => {
  const { port } = await serve(t, {
    surfaces: [
      surface(
        '/',
        [204, 304].map((status) => replying(`/${status}`, () => ({ status, headers: {}, body: '' }))),
      ),
    ],
  })
  for (const path of ['/204', '/304'])
    assert.equal((await exchange(port, get(path))).headers.has('content-length'), false)
})

test('each surface words what is refused below its prefix, before and behind its endpoints', async (t) => {
  const failing = replying('/api/v2.0/failing', () => {
    throw new HttpError('not_found', 'No such thing.')
  })
  const { port } = await serve(t, {
    surfaces: [surface('/', ECHO, 'oauth'), surface('/api/', [], 'v3'), surface('/api/v2.0/', [failing], 'v2')],
  })
  for (const [request, status, wordedBy] of [
    [get('/nothing'), 404, 'oauth'],
    [get('/api/nothing'), 404, 'v3'],
    [get('//api/v2.0//nothing'), 404, 'v2'],
    [get('/api/v2.0/failing'), 404, 'v2'],
    [get('/api/v2.0/%2e%2e/x'), 400, 'v2'],
    [get('//api/%'), 400, 'v3'],
    [get('/%'), 400, 'oauth'],
    ['PUT /echo HTTP/1.1\r\nHost: localhost\r\n\r\n', 405, 'oauth'],
    ['POST /api/v2.0/failing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n', 413, 'v2'],
    ['GET /api/v2.0/failing HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400, 'v2'],
  ] as const) {
    const { status: answered, headers } = await exchange(port, request)
    assert.deepEqual([answered, headers.get('x-surface')], [status, wordedBy], request)
  }
})

test('405 says which methods there are, whatever the method', async (t) => {
  const { port } = await serve(t)
  for (const method of ['PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'PATCH']) {
    const { status, headers } = await exchange(port, `${method} /echo HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    assert.deepEqual([method, status, headers.get('allow')], [method, 405, 'GET, HEAD, POST'])
  }
})

test('a defect is a 500 that says nothing, and a line in the log that says everything but the secrets', async (t) => {
  const { log, lines } = recordingLog()
  const defect = new Error('row is missing')
  const unlucky = {
    ...surface('/worse/', [replying('/worse/x', () => Promise.reject(defect))]),
    answerError: () => {
      throw new Error('even this')
    },
  }
  const { origin } = await serve(t, {
    log,
    surfaces: [surface('/', [replying('/x', () => Promise.reject(defect))]), unlucky],
  })
  for (const [path, error] of [
    ['/x', 'row is missing'],
    ['/worse/x', 'even this'],
  ] as const) {
    lines.length = 0
    const response = await fetch(`${origin}${path}?code=SECRET`, {
      method: 'POST',
      body: 'password=SECRET',
      headers: { authorization: 'Bearer SECRET', cookie: 'a=SECRET' },
    })
    const body = await response.text()
    assert.equal(response.status, 500)
    assert.doesNotMatch(body, /row|even/)
    const [line] = lines.filter(({ level }) => level === 'error')
    assert.equal((line?.fields.error as Error).message, error)
    assert.equal(line?.fields.request, response.headers.get('x-request-id'))
    assert.doesNotMatch(JSON.stringify(lines), /SECRET/)
  }
})

test('a header that would end the headers is not sent', async (t) => {
  const { log, lines } = recordingLog()
  const { port } = await serve(t, {
    log,
    surfaces: [surface('/', [replying('/', () => jsonReply(302, {}, { location: 'https://a/\r\nSet-Cookie: a=1' }))])],
  })
  const { status, headers } = await exchange(port, get('/'))
  assert.equal(status, 500)
  assert.equal(headers.has('set-cookie'), false)
  assert.equal(headers.has('location'), false)
  assert.equal(lines.filter(({ level }) => level === 'error').length, 1)
})

test('each request is one line at debug, and refusals are no errors', async (t) => {
  const { log, lines } = recordingLog()
  const { origin } = await serve(t, { log })
  await (await fetch(`${origin}/echo?a=1`)).text()
  await (await fetch(`${origin}/nothing`)).text()
  assert.deepEqual(
    lines.map(({ level, fields: { method, path, status, address } }) => ({ level, method, path, status, address })),
    [
      { level: 'debug', method: 'GET', path: '/echo', status: 200, address: '127.0.0.1' },
      { level: 'debug', method: 'GET', path: '/nothing', status: 404, address: '127.0.0.1' },
    ],
  )
})
