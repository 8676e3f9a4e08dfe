import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findRedirectUriDefect, isOfNativeProgram, matchesRedirectUri } from '#protocol/redirect_uri.ts'

const REGISTERED = 'https://app.example/cb'

test('a redirect URI is the same characters as registered, or it is another (RFC 9700 §2.1)', () => {
  assert.ok(matchesRedirectUri(REGISTERED, REGISTERED))
  for (const other of [
    'https://app.example/cb/',
    'https://app.example/cb/x',
    'https://app.example/cbx',
    'https://app.example/cb?x=1',
    'https://app.example/cb#x',
    'https://app.example:443/cb',
    'https://app.example./cb',
    'https://APP.example/cb',
    'HTTPS://app.example/cb',
    'https://app.example//cb',
    'https://app.example/x/../cb',
    'https://app.example/%63b',
    'https://user@app.example/cb',
    'https://app.example@evil.example/cb',
    'https://app.example.evil.example/cb',
    'https://app.example\\@evil.example/cb',
    'http://app.example/cb',
    ' https://app.example/cb',
    'https://app.example/cb\n',
    'https://app．example/cb',
    '',
  ]) {
    assert.ok(!matchesRedirectUri(other, REGISTERED), other)
  }
})

test('only the port of a loopback address may differ (RFC 8252 §7.3)', () => {
  for (const registered of ['http://127.0.0.1/cb', 'http://127.0.0.1:9999/cb']) {
    assert.ok(matchesRedirectUri('http://127.0.0.1/cb', registered))
    assert.ok(matchesRedirectUri('http://127.0.0.1:1/cb', registered))
    assert.ok(matchesRedirectUri('http://127.0.0.1:65535/cb', registered))
    for (const other of [
      'http://127.0.0.1:80@evil.example/cb',
      'http://127.0.0.1:/cb',
      'http://127.0.0.1:123456/cb',
      'http://127.0.0.1.evil.example/cb',
      'http://localhost:1/cb',
      'http://[::1]:1/cb',
      'https://127.0.0.1:1/cb',
      'http://127.0.0.1:1/cb/',
      'http://127.0.0.1:1/cb?x',
      'http://127.0.0.1:1/CB',
    ]) {
      assert.ok(!matchesRedirectUri(other, registered), other)
    }
  }
  assert.ok(matchesRedirectUri('http://[::1]:8080/cb', 'http://[::1]/cb'))
  assert.ok(!matchesRedirectUri('http://localhost:8080/cb', 'http://localhost/cb'))
  assert.ok(!matchesRedirectUri('https://app.example:8443/cb', REGISTERED))
})

test('whatever is done to a registered redirect URI, only a loopback port makes no difference', () => {
  const change = fc.tuple(fc.nat({ max: REGISTERED.length }), fc.string({ minLength: 1, maxLength: 3 }))
  fc.assert(
    fc.property(change, ([at, inserted]) => {
      assert.ok(!matchesRedirectUri(REGISTERED.slice(0, at) + inserted + REGISTERED.slice(at), REGISTERED))
    }),
  )
})

test('what can be registered is https, http of this machine, or a scheme of a program’s own', () => {
  for (const good of [
    REGISTERED,
    'https://app.example/cb?t=1',
    'http://localhost:9401/callback',
    'http://127.0.0.1/cb',
    'http://[::1]:1/cb',
    'com.example.app:/cb',
  ]) {
    assert.equal(findRedirectUriDefect(good), undefined, good)
  }
  for (const bad of [
    'http://app.example/cb',
    'https://app.example/cb#x',
    'https://user@app.example/cb',
    'https://APP.example/cb',
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'blob:https://app.example/x',
    'file:///etc/passwd',
    'myapp:/cb',
    '/cb',
    'https://app.example/c b',
    'https://app.example/c\\b',
    'https://exämple.example/cb',
    'http://localhost.evil.example/cb',
    '',
  ]) {
    assert.notEqual(findRedirectUriDefect(bad), undefined, bad)
  }
})

test('a program on this machine is known by its redirect URI', () => {
  for (const native of ['http://127.0.0.1:1/cb', 'http://[::1]/cb', 'http://localhost:9402/', 'com.example.app:/cb']) {
    assert.ok(isOfNativeProgram(native), native)
  }
  for (const web of [REGISTERED, 'http://localhost.example/cb']) assert.ok(!isOfNativeProgram(web), web)
})
