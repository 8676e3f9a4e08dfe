import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parseOrigin, parseRedirectUri, parseRequiredScope, policyOf, type PolicyOptions } from '#cli/client_options.ts'
import { demoAccounts, demoEntities } from '#cli/demo_data.ts'
import { UsageError } from '#cli/failures.ts'
import { seconds } from '#base/time.ts'
import { parseConfig } from '#config.ts'
import { openSqliteStore } from '#stores/sqlite/store.ts'
import type { Store } from '#stores/store.ts'

const config = parseConfig({})
let folder: string
let store: Store
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-policy-'))
  store = await openSqliteStore(join(folder, 'postern.sqlite'))
  await store.entities.add(demoEntities.slice(0, 2))
  const { id, realm, username, abilities, profile } = demoAccounts(config)[0]!
  const keys = { usernameKey: username, usernameSkeleton: username }
  await store.accounts.create({ id, realm, username, abilities, profile, passwordHash: 'x', ...keys })
})
after(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

const policy = (options: Partial<PolicyOptions>) => policyOf({ grantType: ['password'], ...options }, store, config)

test('what is not said is as narrow as it can be', async () => {
  assert.deepEqual(await policy({}), {
    tokenEndpointAuthMethod: 'client_secret',
    grantTypes: ['password'],
    scopes: [],
    audiences: ['https://api.mediamath.com/'],
    defaultScopes: [],
    party: 'third',
    redirectUris: [],
    idTokenSigningAlgorithm: 'RS256',
  })
})

test('what is said is taken, once each', async () => {
  assert.deepEqual(
    await policy({
      grantType: ['client_credentials', 'password', 'password'],
      scope: ['openid', 'read:users', 'openid'],
      defaultScope: ['read:users'],
      actsAs: 22_612,
      passwordAccount: [22_612],
      passwordOrganization: [100_001],
      firstParty: true,
    }),
    {
      tokenEndpointAuthMethod: 'client_secret',
      grantTypes: ['client_credentials', 'password'],
      scopes: ['openid', 'read:users'],
      audiences: ['https://api.mediamath.com/'],
      defaultScopes: ['read:users'],
      party: 'first',
      redirectUris: [],
      idTokenSigningAlgorithm: 'RS256',
      passwordAccounts: { ids: [22_612], organizations: [100_001] },
      actsAs: 22_612,
    },
  )
})

const code = { grantType: ['authorization_code'], redirectUri: ['https://app.example.com/callback'] } as const
const reason = (name: string) => ({ name, reason: 'It shows your reports.' })

test('a client of people’s browsers has redirect URIs, PKCE and scopes that cannot be switched off', async () => {
  const { redirectUri } = code
  assert.deepEqual(
    await policy({
      ...code,
      redirectUri: [...redirectUri, ...redirectUri],
      scope: ['openid', 'read:entities'],
      pkce: 'required',
      requiredScope: [reason('read:entities')],
    }),
    {
      tokenEndpointAuthMethod: 'client_secret',
      grantTypes: ['authorization_code'],
      scopes: ['openid', 'read:entities'],
      audiences: ['https://api.mediamath.com/'],
      defaultScopes: [],
      party: 'third',
      redirectUris: redirectUri,
      pkce: 'required',
      requiredScopes: { 'read:entities': 'It shows your reports.' },
      idTokenSigningAlgorithm: 'RS256',
    },
  )
})

test('whether tokens are bound to a key, and proofs have a nonce, is as it was said, and left open otherwise', async () => {
  const { dpop, dpopNonce } = await policy({ ...code, dpop: 'required', dpopNonce: 'when_offered' })
  assert.deepEqual([dpop, dpopNonce], ['required', 'when_offered'])
  assert.ok(!('dpop' in (await policy(code))) && !('dpopNonce' in (await policy(code))))
})

test('a public client may have refresh tokens, which rotate', async () => {
  const { tokenEndpointAuthMethod, grantTypes, refreshWindow } = await policy({
    ...code,
    grantType: ['authorization_code', 'refresh_token'],
    public: true,
    refreshWindow: seconds(0),
  })
  assert.deepEqual(
    [tokenEndpointAuthMethod, grantTypes, refreshWindow],
    ['none', ['authorization_code', 'refresh_token'], 0],
  )
})

test('redirect URIs are kept as written, or refused with the reason', () => {
  for (const uri of ['https://app.example.com/callback?a=b', 'http://localhost:9401/', 'com.example.app:/callback']) {
    assert.equal(parseRedirectUri(uri), uri)
  }
  for (const [uri, words] of [
    ['http://app.example.com/callback', /A redirect URI is https; http is for localhost/],
    ['https://app.example.com/callback#part', /has no fragment/],
    ['https://App.example.com/', /as browsers do: https:\/\/app\.example\.com\//],
    ['javascript:alert(1)', /name in reverse/],
    ['callback', /absolute/],
  ] as const) {
    assert.throws(() => parseRedirectUri(uri), words)
  }
})

test('an allowed origin is one as browsers send it, and is kept once', async () => {
  const allowedOrigin = ['https://app.example.com', 'https://app.example.com', 'http://localhost:3000'].map(parseOrigin)
  const { allowedOrigins } = await policy({ ...code, allowedOrigin })
  assert.deepEqual(allowedOrigins, ['https://app.example.com', 'http://localhost:3000'])
  assert.equal('allowedOrigins' in (await policy(code)), false)
  for (const text of ['https://app.example.com/', '*', 'http://app.example.com', 'app.example.com']) {
    assert.throws(() => parseOrigin(text), /An origin is/)
  }
})

const KEYS = { keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }] }

test('a client with keys authenticates by them; one of the FAPI 2.0 profile is made as it says', async () => {
  const byKeys = await policy({ ...code, jwks: KEYS, authAlg: 'EdDSA' })
  assert.deepEqual(
    [byKeys.tokenEndpointAuthMethod, byKeys.jwks, byKeys.tokenEndpointAuthSigningAlgorithm],
    ['private_key_jwt', KEYS, 'EdDSA'],
  )
  assert.equal(
    (await policy({ ...code, authMethod: 'client_secret_jwt' })).tokenEndpointAuthMethod,
    'client_secret_jwt',
  )
  const pushing = await policy({ ...code, par: 'required' })
  assert.equal(pushing.requirePushedAuthorizationRequests, true)
  const strict = await policy({ ...code, profile: 'fapi2', jwksUri: 'https://a.example/jwks' })
  assert.deepEqual(
    [strict.profile, strict.tokenEndpointAuthMethod, strict.pkce, strict.requirePushedAuthorizationRequests],
    ['fapi2', 'private_key_jwt', 'required', true],
  )
  assert.deepEqual([strict.idTokenSigningAlgorithm, strict.jwksUri], ['ES256', 'https://a.example/jwks'])
})

test('keys and profiles that contradict the rest are refused with the reason', async () => {
  const fapi2 = { ...code, profile: 'fapi2', jwks: KEYS } as const
  for (const [options, words] of [
    [{ ...code, authMethod: 'private_key_jwt' }, /--jwks, --jwks-uri: .* needs one/],
    [{ ...code, jwks: KEYS, jwksUri: 'https://a.example/' }, /needs one of the two/],
    [{ ...code, jwks: KEYS, authMethod: 'client_secret' }, /only with --auth-method private_key_jwt/],
    [{ ...code, public: true, jwks: KEYS }, /--jwks: a client with --public proves nothing/],
    [{ ...code, public: true, par: 'required' }, /--par: only a client that authenticates/],
    [{ ...code, authAlg: 'ES256' }, /--auth-alg: only for a client that authenticates by assertion/],
    [{ ...code, jwks: KEYS, authAlg: 'HS256' }, /--auth-alg: HS256 is not for private_key_jwt/],
    [{ ...fapi2, authAlg: 'RS256' }, /--auth-alg: .* PS256, ES256 or EdDSA/],
    [{ ...code, profile: 'fapi2', public: true }, /--profile: such a client is confidential/],
    [{ ...code, profile: 'fapi2', authMethod: 'client_secret_jwt' }, /--auth-method: .* private_key_jwt/],
    [{ ...fapi2, redirectUri: ['http://localhost:1/'] }, /--redirect-uri: .* https alone/],
    [{ ...fapi2, grantType: ['authorization_code', 'password'] }, /--grant-type: .* no password grant/],
    [{ ...fapi2, pkce: 'when_offered' }, /--pkce: .* PKCE always/],
    [{ ...fapi2, idTokenAlg: 'RS256' }, /--id-token-alg: .* ES256/],
  ] as const) {
    await assert.rejects(policy({ ...options }), words)
  }
})

test('a required scope comes with the reason that people read', () => {
  assert.deepEqual(parseRequiredScope('read:entities=a = b'), { name: 'read:entities', reason: 'a = b' })
  for (const text of ['read:entities', 'read:entities=', 'read:entities= ', '=It needs it', 'a=b\u202ec']) {
    assert.throws(() => parseRequiredScope(text), /Expected a scope and the reason/)
  }
})

test('a policy that names what is not there, or contradicts itself, is refused with what is allowed', async () => {
  const credentials = ['client_credentials'] as const
  for (const [options, words] of [
    [{ scope: ['read:all'] }, /--scope: there is no read:all\. Expected openid, .*manage:services/],
    [{ audience: ['https://other.example/'] }, /--audience: there is no .*Expected https:\/\/api\.mediamath\.com\//],
    [{ scope: ['read:users'], defaultScope: ['manage:users'] }, /--default-scope: .*Expected read:users/],
    [{ scope: ['openid'], defaultScope: ['openid'] }, /--default-scope: .*Expected none/],
    [{ passwordRealm: ['Nowhere'] }, /--password-realm: there is no Nowhere\. Expected T1DB-Production/],
    [{ passwordAccount: [77] }, /--password-account: there is no account 77/],
    [{ passwordOrganization: [77] }, /--password-organization: there is no organization 77/],
    [{ actsAs: 22_612 }, /--acts-as: only for a client with --grant-type client_credentials/],
    [{ grantType: credentials, actsAs: 77 }, /--acts-as: there is no account 77/],
    [
      { grantType: credentials, passwordRealm: ['Staff'] },
      /--password-realm: only for a client with --grant-type password/,
    ],
    [{ grantType: credentials, public: true }, /cannot have client_credentials/],
    [{ grantType: ['authorization_code'] }, /--redirect-uri: .* needs one/],
    [{ ...code, public: true, pkce: 'when_offered' }, /--pkce: a public client must use PKCE always/],
    [
      { grantType: ['password', 'refresh_token'], public: true, dpop: 'required' },
      /--dpop: .* cannot be bound to one key/,
    ],
    [{ ...code, scope: ['openid'], requiredScope: [reason('read:entities')] }, /--required-scope: .*Expected none/],
    [{ ...code, refreshWindow: seconds(30) }, /--refresh-window: only for a client .* whose tokens rotate/],
    [{ ...code, public: true, refreshWindow: seconds(30) }, /--refresh-window: .* --grant-type refresh_token/],
    [{ redirectUri: code.redirectUri }, /--redirect-uri: only for a client with --grant-type authorization_code/],
    [{ pkce: 'required' }, /--pkce: only for a client with --grant-type authorization_code/],
    [{ scope: ['read:users'], requiredScope: [reason('read:users')] }, /--required-scope: only for a client with/],
  ] as const) {
    await assert.rejects(policy(options), (error: Error) => {
      assert.ok(error instanceof UsageError)
      assert.match(error.message, words)
      return true
    })
  }
})

test('a pairwise client has one sector', async () => {
  const { redirectUri } = code
  assert.equal((await policy({ ...code, redirectUri, subjectType: 'pairwise' })).subjectType, 'pairwise')
  assert.equal((await policy({ ...code, redirectUri, subjectType: 'public' })).subjectType, 'public')
  const uris = [...redirectUri, 'https://other.example.com/callback']
  await assert.rejects(policy({ ...code, redirectUri: uris, subjectType: 'pairwise' }), UsageError)
  await assert.rejects(policy({ subjectType: 'pairwise' }), UsageError)
})

test('an API that only introspects needs no grant type, and a client with neither is none', async () => {
  const audience = 'https://api.mediamath.com/'
  const { introspects, grantTypes } = await policy({ grantType: [], introspects: [audience, audience] })
  assert.deepEqual([introspects, grantTypes], [[audience], []])
  await assert.rejects(policy({ grantType: [] }), /--grant-type/)
  await assert.rejects(policy({ introspects: ['https://elsewhere.example.com/'] }), /--introspects/)
  await assert.rejects(policy({ ...code, public: true, introspects: [audience] }), /--introspects/)
})

test('a sector identifier URI joins hosts, for a pairwise client alone; answers of userinfo are signed where that is said', async () => {
  const sectorIdentifierUri = 'https://sector.example.org/uris.json'
  const redirectUri = [...code.redirectUri, 'https://other.example.com/callback']
  const joined = await policy({ ...code, redirectUri, subjectType: 'pairwise', sectorIdentifierUri })
  assert.deepEqual([joined.subjectType, joined.sectorIdentifierUri], ['pairwise', sectorIdentifierUri])
  await assert.rejects(policy({ ...code, sectorIdentifierUri }), /--sector-identifier-uri: only for/)
  const http = { subjectType: 'pairwise', sectorIdentifierUri: 'http://sector.example.org/' } as const
  await assert.rejects(policy({ ...code, ...http }), /https/)
  assert.equal((await policy({ ...code, userinfoAlg: 'ES256' })).userinfoSignedResponseAlg, 'ES256')
})
