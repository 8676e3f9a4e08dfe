import assert from 'node:assert/strict'
import { test } from 'node:test'
import { effectiveConfig } from '#cli/effective_config.ts'
import { parseConfig } from '#config.ts'

const everything = {
  listen: { port: 9500, trusted_proxies: ['10.0.0.0/8'] },
  urls: { auth: 'https://auth.example.com', api: 'https://api.example.com/' },
  tokens: { access_token_lifetime: '90 s', refresh_token_idle: '36 h' },
  platform: { audience: 'https://one.example/', realms: ['A', 'B'], default_realm: 'B' },
  api_resources: [
    {
      audience: 'https://one.example/',
      name: 'One',
      scopes: [
        { name: 'read', description: 'Read.' },
        { name: 'all', description: 'All.', includes: ['read'] },
      ],
      verified_by_others: true,
    },
  ],
}

test('what is printed reads back as it was', () => {
  const config = parseConfig(everything)
  assert.deepEqual(parseConfig(effectiveConfig(config)), config)
})

test('printed, read and printed again it is the same, defaults too', () => {
  for (const file of [{}, everything]) {
    const printed = effectiveConfig(parseConfig(file))
    assert.deepEqual(effectiveConfig(parseConfig(JSON.parse(JSON.stringify(printed)))), printed)
  }
})

test('the password of a database is masked wherever its URL has it', () => {
  for (const database of [
    'postgres://u:geheim@db/x',
    'postgresql://u:geheim@db/x?password=geheim&sslkey=geheim',
    'postgres://u:geheim@[not a host/x',
  ]) {
    assert.doesNotMatch(JSON.stringify(effectiveConfig(parseConfig({ database }))), /geheim/)
  }
})
