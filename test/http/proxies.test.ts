import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findAddress, plainAddress } from '#http/client_address.ts'
import { textReply } from '#http/message.ts'
import { ECHO, exchange, get, serve, surface } from './serving.ts'

const addressOf = (body: string): unknown => (JSON.parse(body) as { address: unknown }).address

test('without trusted proxies nobody is believed about the address', async (t) => {
  const { port } = await serve(t)
  for (const headers of [
    'X-Forwarded-For: 203.0.113.9\r\n',
    'Forwarded: for=203.0.113.9\r\n',
    'X-Real-IP: 203.0.113.9\r\n',
  ])
    assert.equal(addressOf((await exchange(port, get('/echo', headers))).body), '127.0.0.1')
})

test('with trusted proxies the address is the right-most that is not one of them', async (t) => {
  const { port } = await serve(t, { trustedProxies: ['127.0.0.1', '10.0.0.0/8', '2001:db8::/32'] })
  for (const [told, expected] of [
    ['203.0.113.9', '203.0.113.9'],
    ['198.51.100.66, 203.0.113.9', '203.0.113.9'],
    ['198.51.100.66, 203.0.113.9, 10.1.2.3', '203.0.113.9'],
    ['203.0.113.9,10.1.2.3 , 2001:db8::7', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['2001:DB9::1', '2001:db9::1'],
    ['203.0.113.9:4711', '203.0.113.9'],
    ['198.51.100.66, <script>', '127.0.0.1'],
    ['unknown', '127.0.0.1'],
    ['', '127.0.0.1'],
  ] as const)
    assert.equal(addressOf((await exchange(port, get('/echo', `X-Forwarded-For: ${told}\r\n`))).body), expected, told)
  const twice = 'X-Forwarded-For: 198.51.100.66\r\nX-Forwarded-For: 203.0.113.9\r\n'
  assert.equal(addressOf((await exchange(port, get('/echo', twice))).body), '203.0.113.9')
  assert.equal(addressOf((await exchange(port, get('/echo'))).body), '127.0.0.1')
})

test('a peer that is not among the trusted proxies is not believed', async (t) => {
  const { port } = await serve(t, { trustedProxies: ['10.0.0.0/8'], isPublicUrlHttps: true })
  const claims = 'X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n'
  assert.equal((await exchange(port, get('/echo', claims))).status, 400)
})

test('where the public URL is https, only https comes in, as a trusted proxy tells it', async (t) => {
  const health = ['/healthz', '/readyz'].map((path) => ({
    methods: ['GET'] as const,
    path,
    endpoint: () => textReply(200, 'ok'),
  }))
  const options = { isPublicUrlHttps: true, surfaces: [surface('/', [...ECHO, ...health])] }
  const { port: behindProxy } = await serve(t, { ...options, trustedProxies: ['127.0.0.1'] })
  const { port: alone } = await serve(t, options)
  for (const [port, path, proto, status] of [
    [behindProxy, '/echo', 'https', 200],
    [behindProxy, '/echo', 'HTTPS', 200],
    [behindProxy, '/echo', 'http', 400],
    [behindProxy, '/echo', 'https, http', 400],
    [behindProxy, '/echo', 'http, https', 200],
    [behindProxy, '/echo', undefined, 400],
    [behindProxy, '/healthz', undefined, 200],
    [alone, '/echo', 'https', 400],
    [alone, '/nothing', 'https', 400],
    [alone, '/healthz', undefined, 200],
    [alone, '/readyz', undefined, 200],
    [alone, '/healthz/', undefined, 400],
  ] as const) {
    const headers = proto === undefined ? '' : `X-Forwarded-Proto: ${proto}\r\n`
    const answer = await exchange(port, get(path, headers))
    assert.equal(answer.status, status, `${path} ${proto}`)
    assert.equal(answer.headers.get('strict-transport-security'), 'max-age=31536000')
    assert.equal(answer.headers.has('location'), false)
    if (status === 400) assert.match(answer.body, /"https_required".*listen\.trusted_proxies/)
  }
})

test('one address has one spelling', () => {
  assert.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(plainAddress('::1'), '::1')
  assert.equal(findAddress('[2001:DB8::1]:443'), '2001:db8::1')
  assert.equal(findAddress('192.0.2.1:80'), '192.0.2.1')
  for (const text of ['', 'localhost', '1.2.3', '1.2.3.4.5', '[::1', '1.2.3.4\u0000'])
    assert.equal(findAddress(text), undefined)
})
