import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allowedOriginsOf, findOriginDefect } from '#protocol/origin.ts'

test('a client’s pages are where its redirect URIs are, unless somebody said otherwise', () => {
  const redirectUris = ['https://app.example/cb', 'http://localhost:9402/cb', 'com.example.app:/cb', 'http://[::1]:1/']
  assert.deepEqual(allowedOriginsOf({ redirectUris }), [
    'https://app.example',
    'http://localhost:9402',
    'http://[::1]:1',
  ])
  assert.deepEqual(allowedOriginsOf({ redirectUris, allowedOrigins: ['https://x.example'] }), ['https://x.example'])
  assert.deepEqual(allowedOriginsOf({ redirectUris, allowedOrigins: [] }), [])
})

test('an origin is what a browser sends as one, by https or of this machine', () => {
  for (const good of ['https://app.example', 'https://app.example:8443', 'http://localhost:9402', 'http://[::1]:1'])
    assert.equal(findOriginDefect(good), undefined, good)
  for (const bad of [
    ...['https://app.example/', 'https://app.example:443', 'https://APP.example', 'http://app.example', 'app.example'],
    ...[
      'https://*.example',
      'https://app.example https://x',
      '*',
      'null',
      '',
      'com.example.app:',
      'https://a@b.example',
    ],
    'http://localhost.evil.example',
  ]) {
    assert.notEqual(findOriginDefect(bad), undefined, bad)
  }
})
