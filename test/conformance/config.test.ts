import assert from 'node:assert/strict'
import { test } from 'node:test'
import { file } from '../attacks/attacking.ts'
import { discover } from './relying_party.ts'
import { startProvider } from './provider.ts'

// oidcc-config-certification-test-plan (OpenID Connect Discovery 1.0 §3 and §4, RFC 8414 §2).

const { metadata } = await startProvider(file)

const listOf = (name: string): readonly string[] => {
  const list = metadata[name]
  assert.ok(Array.isArray(list) && list.length > 0 && list.every((item) => typeof item === 'string'), name)
  assert.equal(new Set(list).size, list.length, `${name} says everything once`)
  return list
}

test('oidcc-discovery-endpoint-verification', async () => {
  const issuer = new URL(metadata.issuer)
  assert.deepEqual([issuer.search, issuer.hash, issuer.username], ['', '', ''])
  assert.deepEqual(await discover(metadata.issuer), metadata, 'it is the same each time')

  // REQUIRED by §3 for a provider of the code flow; the others are recommended, and printed.
  assert.ok(listOf('response_types_supported').includes('code'))
  for (const type of listOf('subject_types_supported')) assert.ok(['public', 'pairwise'].includes(type), type)
  assert.ok(listOf('id_token_signing_alg_values_supported').includes('RS256'))
  assert.ok(listOf('scopes_supported').includes('openid'))
  for (const scope of listOf('scopes_supported')) assert.match(scope, /^[\x21\x23-\x5b\x5d-\x7e]+$/)
  assert.ok(listOf('grant_types_supported').includes('authorization_code'))
  assert.ok(listOf('response_modes_supported').includes('form_post'))
  const methods = listOf('token_endpoint_auth_methods_supported')
  assert.ok(methods.includes('client_secret_basic') && methods.includes('client_secret_post'))
  assert.ok(listOf('claims_supported').includes('sub'))
  assert.deepEqual(listOf('code_challenge_methods_supported'), ['S256'])
  for (const name of Object.keys(metadata).filter((key) => /_alg_values_supported$/.test(key))) {
    assert.ok(!listOf(name).includes('none'), name)
  }
  // Left out, request_uri_parameter_supported would be true.
  for (const name of ['claims_parameter', 'request_parameter', 'request_uri_parameter']) {
    assert.equal(typeof metadata[`${name}_supported`], 'boolean', name)
  }

  // Every address is one of the issuer, and so https where the issuer is (http is for a loopback issuer alone).
  const addresses = Object.entries(metadata).filter(([name]) => /(?:_endpoint|_uri)$/.test(name))
  for (const name of ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri']) {
    assert.ok(
      addresses.some(([each]) => each === name),
      name,
    )
  }
  for (const [name, address] of addresses) {
    assert.equal(typeof address, 'string', name)
    const { origin, hash } = new URL(String(address))
    assert.deepEqual([origin, hash], [issuer.origin, ''], name)
  }

  const response = await fetch(metadata.jwks_uri)
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-type') ?? '', /^application\/(?:jwk-set\+)?json\b/)
  const { keys } = (await response.json()) as { readonly keys: readonly Readonly<Record<string, string>>[] }
  assert.equal(new Set(keys.map(({ kid }) => kid)).size, keys.length, 'each key has a name of its own')
  for (const algorithm of listOf('id_token_signing_alg_values_supported')) {
    assert.ok(
      keys.some(({ alg }) => alg === algorithm),
      algorithm,
    )
  }
  for (const key of keys) {
    assert.ok(key['kty'] === 'RSA' || key['kty'] === 'EC')
    assert.equal(key['use'], 'sig')
    // Of the private half, and of keys that are shared, nothing (RFC 7518 §6).
    for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) assert.ok(!(secret in key), secret)
    if (key['kty'] === 'RSA') assert.ok(Buffer.from(key['n'] ?? '', 'base64url').length >= 256)
  }
})
