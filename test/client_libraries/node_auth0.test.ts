import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { AuthenticationClient, UserInfoClient } from 'auth0/legacy'
import { DEMO } from '#cli/demo_data.ts'
import { CHOSEN, startThirdPartyServer, SUBJECT, THIRD_PARTY, USER_CHOICE } from './third_party_server.ts'

// npm's auth0 7.1.0 (node-auth0), over https: the AuthenticationClient, which it keeps under `auth0/legacy`. It has its paths built in, sends
// JSON with the secret inside, and checks ID tokens by the keys at /.well-known/jwks.json. It builds no authorization URL and discovers nothing.

const { issuer, origin, postern, makeOwnClient, makeVisitor, organizationsOf } = await startThirdPartyServer()
const domain = new URL(issuer).host

const auth0 = (clientSecret: string = THIRD_PARTY.secret) =>
  new AuthenticationClient({ domain, clientId: THIRD_PARTY.id, clientSecret })

const beginAndReturn = async (more: Readonly<Record<string, string>>) => {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: THIRD_PARTY.id,
    redirect_uri: THIRD_PARTY.redirectUri,
    audience: 'https://api.mediamath.com/',
    scope: 'openid profile email offline_access read:entities',
    state: 'xyz',
    ...more,
  })
  const arrived = await makeVisitor().authorize(`${origin}/authorize?${query.toString()}`, USER_CHOICE)
  assert.equal(arrived.searchParams.get('state'), 'xyz')
  return arrived.searchParams.get('code') ?? ''
}

test('code, ID token with its nonce, userinfo, refresh and revocation', async () => {
  const nonce = randomBytes(16).toString('hex')
  const code = await beginAndReturn({ nonce })
  const parameters = { code, redirect_uri: THIRD_PARTY.redirectUri }
  const { data, status } = await auth0().oauth.authorizationCodeGrant(parameters, { idTokenValidateOptions: { nonce } })
  assert.deepEqual([status, data.token_type, data.expires_in], [200, 'Bearer', 86_400])
  assert.deepEqual(await organizationsOf(data.access_token), [CHOSEN])
  const about = await new UserInfoClient({ domain }).getUserInfo(data.access_token)
  assert.deepEqual([about.data.sub, about.data.email], [SUBJECT, DEMO.username])

  const refresh = () => auth0().oauth.refreshTokenGrant({ refresh_token: data.refresh_token ?? '' })
  const refreshed = await refresh()
  assert.deepEqual(await organizationsOf(refreshed.data.access_token), [CHOSEN])
  assert.notEqual(refreshed.data.id_token, undefined)
  assert.equal((await auth0().oauth.revokeRefreshToken({ token: data.refresh_token ?? '' })).status, 200)
  assert.equal(await organizationsOf(refreshed.data.access_token), 401)
  await assert.rejects(refresh(), {
    name: 'AuthApiError',
    error: 'invalid_grant',
    error_description: 'Unknown or invalid refresh token.',
  })
  await assert.rejects(new UserInfoClient({ domain }).getUserInfo(data.access_token), { statusCode: 401 })
})

test('code with PKCE; the nonce of another visit, a wrong verifier and a wrong secret are refused', async () => {
  const verifier = randomBytes(32).toString('base64url')
  const challenge = {
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }
  const exchange = async (given: string, secret?: string, nonce?: string) =>
    auth0(secret).oauth.authorizationCodeGrantWithPKCE(
      {
        code: await beginAndReturn({ ...challenge, nonce: 'mine' }),
        code_verifier: given,
        redirect_uri: THIRD_PARTY.redirectUri,
      },
      { idTokenValidateOptions: { nonce: nonce ?? 'mine' } },
    )
  const { data } = await exchange(verifier)
  assert.deepEqual(await organizationsOf(data.access_token), [CHOSEN])
  await assert.rejects(exchange(verifier, undefined, 'of another'), /Nonce/)
  await assert.rejects(exchange(`${verifier}x`), { error: 'invalid_grant' })
  await assert.rejects(exchange(verifier, 'wrong'), { error: 'invalid_client' })
})

test('the password grant of the platform’s own client', async () => {
  const own = new AuthenticationClient({ domain, clientId: DEMO.clientId, clientSecret: DEMO.clientSecret })
  const { data } = await own.oauth.passwordGrant({
    username: DEMO.username,
    password: DEMO.password,
    audience: 'https://api.mediamath.com/',
    scope: 'openid offline_access',
    realm: 'T1DB-Production',
  })
  assert.ok(Array.isArray(await organizationsOf(data.access_token)))
  assert.notEqual(data.refresh_token, undefined)
})

test('client_credentials: a client alone gets a token, and sees no entities with it', async () => {
  const own = await makeOwnClient()
  const machine = new AuthenticationClient({ domain, clientId: own.id, clientSecret: own.secret })
  const { data } = await machine.oauth.clientCredentialsGrant({ audience: 'https://api.mediamath.com/' })
  assert.deepEqual([data.token_type, data.expires_in, data.refresh_token], ['Bearer', 86_400, undefined])
  assert.equal(await organizationsOf(data.access_token), 403)
})

test('a request that is pushed, by a client that signs: the browser carries its name alone', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const folder = mkdtempSync(join(tmpdir(), 'postern-auth0-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'jwks.json')
  writeFileSync(file, JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] }))
  const redirectUri = 'https://signing.example.com/callback'
  const { client_id: clientId } = JSON.parse(
    await postern([
      ...['clients', 'create', '--json', '--name', 'Signing', '--jwks', file, '--redirect-uri', redirectUri],
      ...[
        '--grant-type',
        'authorization_code',
        'refresh_token',
        '--scope',
        'openid',
        'offline_access',
        'read:entities',
      ],
    ]),
  ) as { readonly client_id: string }
  const withKey = (key: KeyObject) =>
    new AuthenticationClient({
      domain,
      clientId,
      clientAssertionSigningKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    })
  const signing = withKey(privateKey)
  const asked = {
    client_id: clientId,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'openid offline_access read:entities',
    nonce: 'mine',
  }
  const { data: pushed, status } = await signing.oauth.pushedAuthorization(asked)
  assert.equal(status, 201)
  const query = new URLSearchParams({ client_id: clientId, request_uri: pushed.request_uri })
  const arrived = await makeVisitor().authorize(`${origin}/authorize?${query.toString()}`, USER_CHOICE)
  assert.equal(arrived.origin + arrived.pathname, redirectUri)
  const { data } = await signing.oauth.authorizationCodeGrant(
    { code: arrived.searchParams.get('code') ?? '', redirect_uri: redirectUri },
    { idTokenValidateOptions: { nonce: 'mine' } },
  )
  assert.deepEqual(await organizationsOf(data.access_token), [CHOSEN])
  const refreshed = await signing.oauth.refreshTokenGrant({ refresh_token: data.refresh_token ?? '' })
  assert.deepEqual(await organizationsOf(refreshed.data.access_token), [CHOSEN])
  const other = withKey(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)
  await assert.rejects(other.oauth.pushedAuthorization(asked), { error: 'invalid_client' })
})
