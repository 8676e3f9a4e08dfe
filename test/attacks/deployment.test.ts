import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigFile } from '#config.ts'
import { exchange, type RawReply } from '../http/serving.ts'
import { startPostern } from '../support/running_postern.ts'
import { file } from './attacking.ts'

// Under which names, by which way and from whom: what a server behind a proxy is asked.

const CONFIG: ConfigFile = {
  urls: {
    auth: 'https://auth.example.com/',
    api: 'https://api.example.com/',
    auth_aliases: ['login.old.example'],
    api_aliases: ['t1.old.example'],
  },
  listen: { trusted_proxies: ['127.0.0.1'] },
}
const postern = await startPostern(file, { config: CONFIG })
const demo = await startPostern(file)

type Lines = readonly (string | undefined)[]
const ask = (port: number, target: string, lines: Lines, method = 'GET', version = '1.1'): Promise<RawReply> =>
  exchange(
    port,
    [
      `${method} ${target} HTTP/${version}`,
      ...lines.filter((line) => line !== undefined),
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n'),
  )
const BY_HTTPS = 'X-Forwarded-Proto: https'
const at = (host: string, path: string, method?: string) => ask(postern.port, path, [`Host: ${host}`, BY_HTTPS], method)
const DISCOVERY = '/.well-known/openid-configuration'

test('M23 · a host name that is not ours, two of them, none, or one with a user gets nothing (RFC 9112 §3.2, RFC 9110 §15.5.20)', async () => {
  for (const host of [
    'evil.example',
    'auth.example.com.evil.example',
    'evil.example:443',
    'xauth.example.com',
    'auth.example.com.',
    '203.0.113.9',
    '127.0.0.2',
    'localhost.evil.example',
    '[::2]',
  ]) {
    for (const [port, path] of [
      [postern.port, DISCOVERY],
      [postern.port, '/authorize?client_id=x'],
      [postern.port, '/api/v3.0/organizations'],
      [demo.port, DISCOVERY],
      [demo.port, '/'],
    ] as const) {
      const reply = await ask(port, path, [`Host: ${host}`, BY_HTTPS])
      assert.equal(reply.status, 421, `${host} ${path}`)
      assert.equal(reply.headers.has('set-cookie') || reply.headers.has('location'), false)
      assert.doesNotMatch(reply.body, /evil/)
    }
  }
  for (const lines of [
    ['Host: auth.example.com', 'Host: evil.example'],
    ['Host: evil.example', 'Host: auth.example.com'],
    ['Host: user@auth.example.com'],
    ['Host: auth.example.com, evil.example'],
    ['Host: '],
    [],
  ]) {
    assert.equal((await ask(postern.port, DISCOVERY, [...lines, BY_HTTPS])).status, 400, lines.join())
  }
  for (const target of ['https://evil.example/', `https://auth.example.com${DISCOVERY}`, '//evil.example/', '*']) {
    const { status } = await ask(postern.port, target, ['Host: auth.example.com', BY_HTTPS])
    assert.ok(status === 400 || status === 404, `${target}: ${status}`)
  }
  for (const host of [
    'auth.example.com',
    'AUTH.example.com',
    'auth.example.com:443',
    'login.old.example',
    'localhost:9400',
  ]) {
    assert.equal((await at(host, DISCOVERY)).status, 200, host)
  }
  for (const host of ['localhost', '127.0.0.1', '[::1]:9400']) {
    assert.equal((await ask(demo.port, DISCOVERY, [`Host: ${host}`])).status, 200, host)
  }
})

test('M23 · what a proxy or client says about the host elsewhere changes nothing that is said (CVE-2025-64101)', async () => {
  const lies = [
    'X-Forwarded-Host: evil.example',
    'Forwarded: host=evil.example;proto=https',
    'X-Original-Host: evil.example',
    'X-Forwarded-Server: evil.example',
    'X-Forwarded-Port: 8443',
    'X-Forwarded-Prefix: /evil',
  ]
  for (const host of ['auth.example.com', 'login.old.example', 'auth.example.com:8443']) {
    const reply = await ask(postern.port, DISCOVERY, [`Host: ${host}`, BY_HTTPS, ...lies])
    const metadata = JSON.parse(reply.body) as Record<string, unknown>
    assert.equal(metadata['issuer'], 'https://auth.example.com/')
    for (const [name, value] of Object.entries(metadata)) {
      if (/_endpoint$|_uri$/.test(name)) assert.match(String(value), /^https:\/\/auth\.example\.com\//, name)
    }
  }
  const legacy = await ask(postern.port, '/oauth2/v1.0/authorize?client_id=x', [
    'Host: t1.old.example',
    BY_HTTPS,
    ...lies,
  ])
  assert.match(legacy.headers.get('location') ?? '', /^https:\/\/auth\.example\.com\/authorize\?/)
  const twin = await ask(postern.port, DISCOVERY, [
    'Host: evil.example',
    BY_HTTPS,
    'X-Forwarded-Host: auth.example.com',
  ])
  assert.equal(twin.status, 421)
})

test('M23 · each of two host names serves its own, and nothing of the other', async () => {
  const ofAuth = [
    ['GET', DISCOVERY, 200],
    ['GET', '/.well-known/jwks.json', 200],
    ['GET', '/authorize', 400],
    ['GET', '/account', 200],
    ['POST', '/oauth/token', 400],
    ['GET', '/userinfo', 401],
  ] as const
  const ofApi = [
    ['GET', '/api/v3.0/organizations', 401],
    ['GET', '/api/v2.0/session', 401],
    ['POST', '/api/v2.0/login', 403],
    ['POST', '/oauth2/v1.0/token', 400],
    ['GET', '/oauth2/v1.0/authorize', 303],
  ] as const
  for (const [method, path, status] of ofAuth) {
    for (const host of ['auth.example.com', 'login.old.example', 'localhost']) {
      assert.equal((await at(host, path, method)).status, status, `${host} ${path}`)
    }
    for (const host of ['api.example.com', 't1.old.example']) {
      assert.equal((await at(host, path, method)).status, 404, `${host} ${path}`)
    }
  }
  for (const [method, path, status] of ofApi) {
    for (const host of ['api.example.com', 't1.old.example', '127.0.0.1']) {
      assert.equal((await at(host, path, method)).status, status, `${host} ${path}`)
    }
    for (const host of ['auth.example.com', 'login.old.example']) {
      assert.equal((await at(host, path, method)).status, 404, `${host} ${path}`)
    }
  }
  for (const host of ['auth.example.com', 'api.example.com']) assert.equal((await at(host, '/')).status, 200)
})

test('L26 · what comes as plain http to a server of https is refused, and no cookie is set or taken (RFC 6265bis §5.7)', async () => {
  for (const lines of [
    [],
    ['X-Forwarded-Proto: http'],
    ['X-Forwarded-Proto: https, http'],
    ['Forwarded: proto=https'],
    ['X-Forwarded-Ssl: on'],
    ['X-Forwarded-Scheme: https'],
    ['Front-End-Https: on'],
  ]) {
    for (const [host, path, method] of [
      ['auth.example.com', '/account', 'GET'],
      ['auth.example.com', '/oauth/token', 'POST'],
      ['api.example.com', '/api/v2.0/login', 'POST'],
      ['api.example.com', '/api/v2.0/session', 'GET'],
    ] as const) {
      const cookie = 'Cookie: __Host-postern_session=x; adama_session=0123456789012345678901234567890123456789'
      const reply = await ask(postern.port, path, [`Host: ${host}`, cookie, ...lines], method)
      assert.equal(reply.status, 400, `${lines.join()} ${path}`)
      assert.equal(reply.headers.has('set-cookie'), false)
      // A redirect would make a GET of a POST, and teach the client to send its secret in the open first.
      assert.equal(reply.headers.has('location'), false)
    }
  }
  const unproxied = await startPostern(file, { config: { urls: { auth: 'https://auth.example.com/' } } })
  const lie = await ask(unproxied.port, '/account', ['Host: auth.example.com', BY_HTTPS])
  assert.equal(lie.status, 400, 'nobody is a trusted proxy here')
  const twin = await at('auth.example.com', '/account')
  assert.deepEqual([twin.status, twin.headers.get('strict-transport-security')], [200, 'max-age=31536000'])
  assert.equal((await ask(demo.port, '/account', ['Host: localhost'])).headers.has('strict-transport-security'), false)
})

test('L26 · probes are answered by any name and without https, and say nothing else', async () => {
  for (const path of ['/healthz', '/readyz']) {
    for (const host of ['10.1.2.3:9400', 'auth.example.com', 'api.example.com', 'localhost', 'anything.internal']) {
      const reply = await ask(postern.port, path, [`Host: ${host}`])
      assert.equal(reply.status, 200, `${host} ${path}`)
      assert.equal(reply.headers.has('set-cookie'), false)
    }
    assert.equal((await ask(postern.port, path, [], 'GET', '1.0')).status, 200)
  }
  assert.equal((await ask(postern.port, '/', ['Host: 10.1.2.3:9400'])).status, 421)
})
