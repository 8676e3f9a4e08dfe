import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as client from 'openid-client'
import { CHOSEN, SINGLE_PAGE, startThirdPartyServer, SUBJECT, THIRD_PARTY, USER_CHOICE } from './third_party_server.ts'

// npm's openid-client 6.9.0, over https. It checks all that OpenID Connect Core tells a relying party to check.

const { issuer, origin, makeOwnClient, makeVisitor, organizationsOf } = await startThirdPartyServer()

const SCOPE = 'openid profile email offline_access read:entities'

/** Discovery, and checks of the signatures of ID tokens too, which OpenID Connect leaves out where TLS stands for them. */
const discover = async (id: string, authentication: client.ClientAuth): Promise<client.Configuration> => {
  const config = await client.discovery(new URL(issuer), id, undefined, authentication)
  client.enableNonRepudiationChecks(config)
  return config
}

/** The authorization URL, and what the answer must hold. */
const begin = async (
  config: client.Configuration,
  redirect_uri: string,
  more: Readonly<Record<string, string>> = {},
) => {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  }
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri,
    scope: SCOPE,
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    ...more,
  })
  return { url, checks }
}

for (const [method, authentication] of [
  ['client_secret_basic', client.ClientSecretBasic(THIRD_PARTY.secret)],
  ['client_secret_post', client.ClientSecretPost(THIRD_PARTY.secret)],
] as const) {
  test(`${method}: discovery, code, API, userinfo, refresh and revocation`, async () => {
    const config = await discover(THIRD_PARTY.id, authentication)
    assert.equal(config.serverMetadata().supportsPKCE(), true)
    const { url, checks } = await begin(config, THIRD_PARTY.redirectUri, { max_age: '3600' })
    const arrived = await makeVisitor().authorize(url, USER_CHOICE)
    const tokens = await client.authorizationCodeGrant(config, arrived, { ...checks, maxAge: 3600 })
    const claims = tokens.claims()
    assert.deepEqual([claims?.sub, claims?.aud, claims?.['name']], [SUBJECT, THIRD_PARTY.id, 'Jane Alex Example'])
    assert.deepEqual(await organizationsOf(tokens.access_token), [CHOSEN])

    const about = await client.fetchUserInfo(config, tokens.access_token, SUBJECT)
    assert.deepEqual([about.email, about.email_verified], ['example@example.com', true])
    const listed = await client.fetchProtectedResource(
      config,
      tokens.access_token,
      new URL(`${origin}/api/v3.0/organizations`),
      'GET',
    )
    assert.equal(listed.status, 200)

    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '')
    assert.deepEqual([refreshed.claims()?.sub, refreshed.refresh_token], [SUBJECT, undefined])
    const narrowed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '', { scope: 'openid' })
    assert.equal(narrowed.scope, 'openid')
    assert.equal(await organizationsOf(narrowed.access_token), 403)

    await client.tokenRevocation(config, tokens.refresh_token ?? '')
    for (const { access_token } of [tokens, refreshed, narrowed]) assert.equal(await organizationsOf(access_token), 401)
    await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token ?? ''), {
      error: 'invalid_grant',
      status: 400,
    })
    await assert.rejects(client.fetchUserInfo(config, tokens.access_token, SUBJECT), /WWW-Authenticate|unexpected HTTP/)
  })
}

test('a public client: PKCE, and a refresh token that changes with each use', async () => {
  const config = await discover(SINGLE_PAGE.id, client.None())
  const { url, checks } = await begin(config, SINGLE_PAGE.redirectUri)
  const tokens = await client.authorizationCodeGrant(config, await makeVisitor().authorize(url, USER_CHOICE), checks)
  const refreshTokens = [tokens.refresh_token ?? '']
  for (let count = 0; count < 3; count++) {
    const next = await client.refreshTokenGrant(config, refreshTokens.at(-1)!)
    assert.deepEqual(await organizationsOf(next.access_token), [CHOSEN])
    refreshTokens.push(next.refresh_token ?? '')
  }
  assert.equal(new Set(refreshTokens).size, 4)
  // The first has been followed by others: whoever sends it now has stolen it, or was stolen from.
  await assert.rejects(client.refreshTokenGrant(config, refreshTokens[0]!), { error: 'invalid_grant' })
  await assert.rejects(client.refreshTokenGrant(config, refreshTokens.at(-1)!), { error: 'invalid_grant' })
})

test('errors arrive as the library expects them: denial, nobody signed in, a wrong verifier, a wrong secret', async () => {
  const config = await discover(THIRD_PARTY.id, client.ClientSecretBasic(THIRD_PARTY.secret))
  const visitor = makeVisitor()

  const silent = await begin(config, THIRD_PARTY.redirectUri, { prompt: 'none' })
  await assert.rejects(
    client.authorizationCodeGrant(config, await visitor.authorize(silent.url, USER_CHOICE), silent.checks),
    { name: 'AuthorizationResponseError', error: 'login_required' },
  )
  const denied = await begin(config, THIRD_PARTY.redirectUri, { prompt: 'consent' })
  const denial = await visitor.authorize(denied.url, { ...USER_CHOICE, decision: 'deny' })
  await assert.rejects(client.authorizationCodeGrant(config, denial, denied.checks), { error: 'access_denied' })

  const stolen = await begin(config, THIRD_PARTY.redirectUri)
  const arrived = await visitor.authorize(stolen.url, USER_CHOICE)
  const { pkceCodeVerifier: _, ...otherChecks } = stolen.checks
  await assert.rejects(
    client.authorizationCodeGrant(config, arrived, {
      ...otherChecks,
      pkceCodeVerifier: client.randomPKCECodeVerifier(),
    }),
    { name: 'ResponseBodyError', error: 'invalid_grant' },
  )

  const impostor = await discover(THIRD_PARTY.id, client.ClientSecretBasic('wrong'))
  const other = await begin(impostor, THIRD_PARTY.redirectUri)
  // What was allowed is remembered, so this visitor is asked nothing.
  const silently = await visitor.authorize(other.url, USER_CHOICE)
  await assert.rejects(client.authorizationCodeGrant(impostor, silently, other.checks), (error: Error) =>
    /invalid_client|WWW-Authenticate/.test(`${error.message} ${(error as { error?: string }).error ?? ''}`),
  )
})

test('the answer by form: the library reads it as the client got it, and checks it as any other', async () => {
  const config = await discover(THIRD_PARTY.id, client.ClientSecretBasic(THIRD_PARTY.secret))
  const { url, checks } = await begin(config, THIRD_PARTY.redirectUri, { response_mode: 'form_post' })
  const { text, forms } = await makeVisitor().passThrough(url, USER_CHOICE)
  assert.match(text, /You are on your way back/)
  const [form] = forms
  assert.equal(form?.action, THIRD_PARTY.redirectUri)
  const body = new URLSearchParams((form?.fields ?? []).map(([name, value]) => [name, value]))
  const arrived = new Request(THIRD_PARTY.redirectUri, { method: 'POST', body })
  const tokens = await client.authorizationCodeGrant(config, arrived, checks)
  assert.deepEqual(await organizationsOf(tokens.access_token), [CHOSEN])
})

test('client_credentials: a client alone gets a token, and sees no entities with it', async () => {
  const own = await makeOwnClient()
  for (const authentication of [client.ClientSecretBasic(own.secret), client.ClientSecretPost(own.secret)]) {
    const tokens = await client.clientCredentialsGrant(await discover(own.id, authentication), {
      scope: 'read:entities offline_access',
    })
    assert.deepEqual([tokens.scope, tokens.refresh_token], ['read:entities', undefined])
    assert.equal(await organizationsOf(tokens.access_token), 403)
  }
})
