import assert from 'node:assert/strict'
import type { webcrypto } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { CHOSEN, startThirdPartyServer, SUBJECT, USER_CHOICE } from './third_party_server.ts'

// Clients that sign instead of sending a secret, and push their requests: npm's openid-client 6.9.0 and oauth4webapi 3.8.8, over https. They are
// registered by the command line, with the public keys in a file.

const { issuer, postern, makeVisitor, organizationsOf } = await startThirdPartyServer()
const folder = mkdtempSync(join(tmpdir(), 'postern-keys-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const REDIRECT_URI = 'https://site.example.com/callback'
const SCOPE = 'openid offline_access read:entities'

const ALGORITHMS = {
  PS256: { name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  Ed25519: { name: 'Ed25519' },
} as const

const register = async (options: readonly string[]): Promise<{ client_id: string; client_secret?: string }> => {
  const common = [
    '--grant-type',
    'authorization_code',
    'refresh_token',
    'client_credentials',
    '--scope',
    ...SCOPE.split(' '),
  ]
  const create = [
    'clients',
    'create',
    '--name',
    'Signs',
    '--redirect-uri',
    REDIRECT_URI,
    ...common,
    ...options,
    '--json',
  ]
  return JSON.parse(await postern(create)) as { client_id: string; client_secret?: string }
}

const registerWithKey = async (algorithm: keyof typeof ALGORITHMS, options: readonly string[] = []) => {
  const pair = (await crypto.subtle.generateKey(ALGORITHMS[algorithm], true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair
  const jwk = { ...(await crypto.subtle.exportKey('jwk', pair.publicKey)), kid: algorithm, use: 'sig' }
  const file = join(folder, `${algorithm}.json`)
  writeFileSync(file, JSON.stringify({ keys: [jwk] }))
  const { client_id } = await register(['--jwks', file, ...options])
  return { id: client_id, key: { key: pair.privateKey, kid: algorithm } }
}

/** The whole way of openid-client, with a request that is pushed. */
const walk = async (id: string, authentication: client.ClientAuth): Promise<void> => {
  const config = await client.discovery(new URL(issuer), id, undefined, authentication)
  client.enableNonRepudiationChecks(config)
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  }
  const url = await client.buildAuthorizationUrlWithPAR(config, {
    redirect_uri: REDIRECT_URI,
    scope: SCOPE,
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
  })
  assert.deepEqual([...url.searchParams.keys()].toSorted(), ['client_id', 'request_uri'])
  const arrived = await makeVisitor().authorize(url, USER_CHOICE)
  const tokens = await client.authorizationCodeGrant(config, arrived, checks)
  assert.equal(tokens.claims()?.sub, SUBJECT)
  assert.deepEqual(await organizationsOf(tokens.access_token), [CHOSEN])
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '')
  assert.deepEqual(await organizationsOf(refreshed.access_token), [CHOSEN])
  assert.ok((await client.clientCredentialsGrant(config, { scope: 'read:entities' })).access_token)
  assert.equal((await client.tokenIntrospection(config, refreshed.access_token)).active, true)
  await client.tokenRevocation(config, tokens.refresh_token ?? '')
  assert.equal(await organizationsOf(refreshed.access_token), 401)
}

for (const algorithm of ['PS256', 'RS256', 'ES256', 'Ed25519'] as const) {
  test(`openid-client, private_key_jwt with ${algorithm}: pushed request, code, refresh, introspection, revocation`, async () => {
    const { id, key } = await registerWithKey(algorithm)
    await walk(id, client.PrivateKeyJwt(key))
  })
}

test('openid-client, client_secret_jwt: the same', async () => {
  const { client_id, client_secret = '' } = await register(['--auth-method', 'client_secret_jwt'])
  await walk(client_id, client.ClientSecretJwt(client_secret))
  const impostor = await client.discovery(new URL(issuer), client_id, undefined, client.ClientSecretJwt('x'.repeat(43)))
  await assert.rejects(client.clientCredentialsGrant(impostor, { scope: 'read:entities' }), { error: 'invalid_client' })
})

test('oauth4webapi, a client that must push: private_key_jwt, and the issuer as the audience', async () => {
  const { id, key } = await registerWithKey('ES256', ['--par', 'required', '--auth-alg', 'ES256'])
  const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer)))
  const me: oauth.Client = { client_id: id, require_pushed_authorization_requests: true }
  const authentication = oauth.PrivateKeyJwt(key)
  const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()]
  const request = new URLSearchParams({
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    scope: 'openid read:entities',
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const response = await oauth.pushedAuthorizationRequest(as, me, authentication, request)
  const pushed = await oauth.processPushedAuthorizationResponse(as, me, response)
  const url = new URL(as.authorization_endpoint!)
  url.search = new URLSearchParams({ client_id: id, request_uri: pushed.request_uri }).toString()
  const visitor = makeVisitor()
  const arrived = await visitor.authorize(url, USER_CHOICE)
  const parameters = oauth.validateAuthResponse(as, me, arrived, state)
  const codeResponse = await oauth.authorizationCodeGrantRequest(
    as,
    me,
    authentication,
    parameters,
    REDIRECT_URI,
    verifier,
  )
  const tokens = await oauth.processAuthorizationCodeResponse(as, me, codeResponse, { requireIdToken: true })
  assert.deepEqual(await organizationsOf(tokens.access_token), [CHOSEN])
  // Used up: the person stays at a page of ours.
  assert.equal((await visitor.passThrough(url.href, USER_CHOICE)).status, 400)
  const bad = await oauth.pushedAuthorizationRequest(as, me, authentication, new URLSearchParams({ scope: 'openid' }))
  await assert.rejects(oauth.processPushedAuthorizationResponse(as, me, bad), { error: 'invalid_request' })
})
