import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { findOutboundUrlDefect } from '#outbound/allow_list.ts'
import { OutboundError, type Outbound, type OutboundOptions } from '#outbound/outbound.ts'
import {
  answerJson,
  findClosedPort,
  outboundWith,
  startBlackHole,
  startPlainServer,
  startTlsServer,
  wrongName,
} from '../outbound/servers.ts'
import { startPostern } from '../support/running_postern.ts'

// Outbound requests (group N): what a client can make the server ask by the URLs that it registers. No URL of a request is ever asked:
// request objects by reference are not supported (contract of the authorization endpoint), so N19 is a refusal there. N11, N13, N14, N16 and N17
// are about registration by clients themselves and client ids that are URLs.

const LOOPBACK = ['127.0.0.0/8', '::1', 'localhost'] as const
const SHORT = { connectTimeoutMs: 50 } as const

const refusal = async (outbound: Outbound, url: string, options?: OutboundOptions): Promise<string> => {
  try {
    await outbound.getJson(url, options)
  } catch (error) {
    assert.ok(error instanceof OutboundError, String(error))
    return error.message
  }
  return assert.fail(`${url} was asked and answered`)
}

/** Counts attempts to connect, of whatever this process connects to. */
const countConnects = (t: TestContext): (() => number) => {
  const { mock } = t.mock.method(Socket.prototype, 'connect')
  return () => mock.callCount()
}

test('N01 · the metadata service of a cloud is never connected to (CVE-2026-5469, CVE-2026-1180)', async (t) => {
  const server = await startTlsServer(t, answerJson({ ok: true }))
  const connects = countConnects(t)
  const outbound = outboundWith(t, SHORT)
  for (const url of [
    'http://169.254.169.254/latest/meta-data/',
    'https://169.254.169.254/',
    'https://[fd00:ec2::254]/',
  ]) {
    await refusal(outbound, url)
  }
  assert.equal(connects(), 0)
  const allowed = outboundWith(t, { allow: LOOPBACK })
  assert.deepEqual(await allowed.getJson(`https://localhost:${server.port}/`), { ok: true })
  assert.ok(connects() > 0)
})

test('N02 · this machine is refused in every spelling (CVE-2026-44492)', async (t) => {
  const server = await startTlsServer(t, answerJson({ ok: true }))
  const connects = countConnects(t)
  const outbound = outboundWith(t, SHORT)
  const hosts = [
    ...['127.0.0.1', '[::1]', '0.0.0.0', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]'],
    ...['2130706433', '0x7f.1', '0x7f000001', '0177.1', '127.1', 'localhost', 'LOCALHOST', 'localhost.', '127.0.0.1.'],
  ]
  for (const host of hosts) await refusal(outbound, `https://${host}:${server.port}/`)
  assert.equal(connects(), 0)
  assert.equal(server.connections(), 0)

  const allowed = outboundWith(t, { allow: LOOPBACK })
  for (const host of ['localhost', '127.0.0.1', '2130706433', '0177.1']) {
    assert.deepEqual(await allowed.getJson(`https://${host}:${server.port}/`), { ok: true }, host)
  }
})

test('N02 · a name is as good as its worst address, and the connection goes to the one that was checked', async (t) => {
  const server = await startTlsServer(t, (request, response) => {
    response.end(JSON.stringify({ host: request.headers.host }))
  })
  let answers: readonly string[] = []
  let asked = 0
  const outbound = outboundWith(t, {
    ...SHORT,
    allow: ['127.0.0.1'],
    resolveHost: () => {
      asked++
      return Promise.resolve(answers)
    },
  })
  const url = `https://one.example:${server.port}/`
  for (const mixed of [['127.0.0.1', '10.0.0.1'], ['127.0.0.2'], ['::ffff:127.0.0.2'], ['127.0.0.1', '::1'], []]) {
    answers = mixed
    await refusal(outbound, url)
  }
  assert.equal(server.connections(), 0)
  asked = 0
  answers = ['127.0.0.1']
  assert.deepEqual(await outbound.getJson(url), { host: `one.example:${server.port}` })
  assert.equal(asked, 1, 'a name that is asked for twice may have two answers')
})

test('N04 · a redirect is an answer that is no use, and nobody goes there (CVE-2026-4366)', async (t) => {
  const inside = await startTlsServer(t, answerJson({ inside: true }))
  for (const status of [301, 302, 303, 307, 308]) {
    for (const location of [`https://127.0.0.1:${inside.port}/`, 'file:///etc/passwd', '/']) {
      const server = await startTlsServer(t, (_, response) => void response.writeHead(status, { location }).end('{}'))
      const outbound = outboundWith(t, { allow: LOOPBACK })
      await refusal(outbound, `https://localhost:${server.port}/`)
      assert.equal(server.connections(), 1)
      assert.deepEqual(await outbound.postForm(`https://localhost:${server.port}/`, {}), { status })
    }
  }
  assert.equal(inside.connections(), 0)
  const outbound = outboundWith(t, { allow: LOOPBACK })
  assert.deepEqual(await outbound.getJson(`https://127.0.0.1:${inside.port}/`), { inside: true })
})

test('N05 · only https, and http only for this machine if it is allowed (RFC 7591 §2)', async (t) => {
  const server = await startPlainServer(t, answerJson({ ok: true }))
  const connects = countConnects(t)
  const outbound = outboundWith(t, { ...SHORT, allow: [...LOOPBACK, '10.0.0.0/8', 'one.example'] })
  const schemes = ['http://example.com/', 'file:///etc/passwd', 'gopher://127.0.0.1/', 'ftp://example.com/', 'data:,{}']
  const others = [
    'jar:https://example.com/a.jar!/',
    'http://10.0.0.1/',
    'http://one.example/',
    '//example.com/',
    '/x',
    '',
  ]
  const parts = ['https://user:password@example.com/', 'https://example.com/#a']
  for (const url of [...schemes, ...others, ...parts]) {
    assert.ok(findOutboundUrlDefect(url) !== undefined, url)
    await refusal(outbound, url)
  }
  await refusal(outboundWith(t, SHORT), `http://127.0.0.1:${server.port}/`)
  assert.equal(connects(), 0)
  for (const host of ['127.0.0.1', 'localhost']) {
    const url = `http://${host}:${server.port}/`
    assert.equal(findOutboundUrlDefect(url), undefined)
    assert.deepEqual(await outbound.getJson(url), { ok: true })
  }
  assert.equal(findOutboundUrlDefect('https://example.com/jwks.json?of=me'), undefined)
})

test('N07 · an answer is cut when it is too long, too slow, packed, or has a long header (resource exhaustion)', async (t) => {
  const text = (length: number) => JSON.stringify('x'.repeat(length - 2))
  const sent = { bytes: 0 }
  const endless = (response: Parameters<RequestListener>[1]) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(16_384))) sent.bytes += 16_384
      if (!response.destroyed) response.once('drain', more)
    }
    more()
  }
  const answers: Readonly<Record<string, RequestListener>> = {
    '/announced': (_, response) => void response.writeHead(200, { 'content-length': 1_000_000_000 }).write('x'),
    '/endless': (_, response) => endless(response),
    '/one-byte-more': (_, response) => void response.end(text(65_537)),
    '/packed': (_, response) =>
      void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000, ' '))),
    '/long-header': (_, response) => void response.writeHead(200, { 'x-long': 'x'.repeat(10_000_000) }).end('{}'),
    '/many-headers': (_, response) => {
      for (let at = 0; at < 5000; at++) response.setHeader(`x-${at}`, 'x')
      response.end('{}')
    },
    '/upgrade': (request) =>
      void request.socket.end('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    '/not-json': (_, response) => void response.end('<html>'),
    '/not-found': (_, response) => void response.writeHead(404).end('{}'),
    '/drip': (_, response) => {
      const drip = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(drip))
    },
    '/silent': () => undefined,
    '/exactly': (_, response) => void response.end(text(65_536)),
  }
  const server = await startTlsServer(t, (request, response) => answers[request.url!]!(request, response))
  const outbound = outboundWith(t, { allow: LOOPBACK })
  const urlOf = (path: string) => `https://localhost:${server.port}${path}`
  const messages = new Set<string>()
  for (const path of Object.keys(answers).filter((path) => path !== '/exactly')) {
    const isSlow = path === '/drip' || path === '/silent'
    const begun = performance.now()
    messages.add(await refusal(outbound, urlOf(path), isSlow ? { timeoutMs: 500 } : {}))
    t.diagnostic(`${path}: ${Math.round(performance.now() - begun)} ms`)
  }
  assert.equal(messages.size, 1, 'what came of it is for the log alone')
  assert.ok(sent.bytes < 20_000_000, `${sent.bytes} bytes were sent before the connection was cut`)
  assert.equal(String(await outbound.getJson(urlOf('/exactly'))).length, 65_534)
  await refusal(outbound, urlOf('/exactly'), { mostBytes: 65_535 })
})

test('N08 · a host that never answers takes neither the turns of other hosts nor those of the token endpoint (bulkhead)', async (t) => {
  const blackHole = await startBlackHole(t)
  const server = await startTlsServer(t, answerJson({ ok: true }))
  const outbound = outboundWith(t, {
    allow: LOOPBACK,
    limits: { running: 8, runningPerHost: 4, waiting: 40, waitingPerHost: 16 },
  })
  const postern = await startPostern(t)
  const { client, secret } = await postern.makeClient()
  const begun = performance.now()
  const times: number[] = []
  const stuck = Array.from({ length: 200 }, () =>
    refusal(outbound, `https://localhost:${blackHole.port}/`).then(() => times.push(performance.now() - begun)),
  )
  for (let round = 0; round < 10; round++) {
    assert.deepEqual(await outbound.getJson(`https://localhost:${server.port}/`), { ok: true })
    const answer = await postern.token({
      grant_type: 'client_credentials',
      client_id: client.id,
      client_secret: secret,
    })
    assert.equal(answer.status, 200)
  }
  t.diagnostic(`10 requests of each kind beside it: ${Math.round(performance.now() - begun)} ms`)
  await Promise.all(stuck)
  assert.ok(blackHole.mostAtOnce() <= 4, `${blackHole.mostAtOnce()} connections at once`)
  assert.ok(blackHole.connections() <= 20, `${blackHole.connections()} connections: 4 at once and 16 that waited`)
  assert.ok(Math.max(...times) < 10_000, `the last was refused after ${Math.round(Math.max(...times))} ms`)
})

test('N10 · a closed, a silent and an open port are told apart neither by the words nor by the time (port scan)', async (t) => {
  const [closed, silent] = [await findClosedPort(), await startBlackHole(t)]
  const plain = await startPlainServer(t, answerJson({}))
  const otherName = await startTlsServer(t, answerJson({}), wrongName)
  const outbound = outboundWith(t, { allow: LOOPBACK, connectTimeoutMs: 400 })
  const urls = [
    ...[closed, silent.port, plain.port, otherName.port].map((port) => `https://localhost:${port}/`),
    ...['https://10.0.0.1/', 'https://nobody.invalid/'],
  ]
  const outcomes = await Promise.all(
    urls.map(async (url) => {
      const begun = performance.now()
      const message = await refusal(outbound, url)
      return { message, took: performance.now() - begun }
    }),
  )
  assert.equal(new Set(outcomes.map(({ message }) => message)).size, 1)
  t.diagnostic(outcomes.map(({ took }) => `${Math.round(took)} ms`).join(', '))
  assert.ok(outcomes.every(({ took }) => took >= 395))
  // The operator, who may know, finds the reason in the log.
  assert.match(outbound.logged.join(''), /ECONNREFUSED/)
  assert.match(outbound.logged.join(''), /10\.0\.0\.1 is neither public nor allowed/)
  const open = await startTlsServer(t, answerJson({}))
  assert.deepEqual(await outbound.getJson(`https://localhost:${open.port}/`), {})
})

test('N20 · addresses of the special-purpose registries are refused (IANA, RFC 6890)', async (t) => {
  const connects = countConnects(t)
  const outbound = outboundWith(t, { connectTimeoutMs: 20 })
  const hosts = [
    ...['[64:ff9b::7f00:1]', '[64:ff9b:1::1]', '[fe80::1]', '[fe80::1%25eth0]', '[fd00::1]', '[fec0::1]', '[ff02::1]'],
    ...['[100::1]', '[2001::1]', '[2001:db8::1]', '[2002:7f00:1::1]', '[3fff::1]', '[5f00::1]', '[2620:4f:8000::1]'],
    ...[
      '10.1.2.3',
      '100.64.0.1',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '192.0.0.1',
      '192.0.2.1',
      '192.88.99.1',
    ],
    ...['198.18.0.1', '198.19.255.255', '198.51.100.1', '203.0.113.1', '224.0.0.1', '239.1.1.1', '240.0.0.1'],
    ...['255.255.255.255', '0.1.2.3', '192.31.196.1', '192.52.193.1', '192.175.48.1'],
  ]
  for (const host of hosts) await refusal(outbound, `https://${host}/`)
  assert.equal(connects(), 0)
  const server = await startTlsServer(t, answerJson({ ok: true }))
  const allowed = outboundWith(t, { allow: ['127.0.0.0/8'] })
  assert.deepEqual(await allowed.getJson(`https://127.0.0.1:${server.port}/`), { ok: true })
})

test('only a server that proves its name is listened to, by an authority that is trusted', async (t) => {
  const server = await startTlsServer(t, answerJson({ ok: true }))
  const otherName = await startTlsServer(t, answerJson({ ok: true }), wrongName)
  const trusting = outboundWith(t, { allow: LOOPBACK })
  const usual = outboundWith(t, { allow: LOOPBACK, ca: undefined })
  await refusal(trusting, `https://localhost:${otherName.port}/`)
  await refusal(usual, `https://localhost:${server.port}/`)
  assert.deepEqual(await trusting.getJson(`https://localhost:${server.port}/`), { ok: true })
  assert.throws(() => outboundWith(t, { ca: '/dev/null' }), /outbound\.ca: \/dev\/null cannot be read/)
})

test('a form arrives as it was given', async (t) => {
  const server = await startTlsServer(t, (request, response) => {
    void request.toArray().then((parts: Buffer[]) => {
      const isAsGiven = Buffer.concat(parts).toString() === 'logout_token=a%26b&x=%C3%BC'
      response.writeHead(isAsGiven && request.method === 'POST' ? 204 : 400).end()
    })
  })
  const outbound = outboundWith(t, { allow: LOOPBACK })
  const answer = await outbound.postForm(`https://localhost:${server.port}/`, { logout_token: 'a&b', x: 'ü' })
  assert.deepEqual(answer, { status: 204 })
})
