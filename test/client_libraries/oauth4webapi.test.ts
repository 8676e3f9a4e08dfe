import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oauth from 'oauth4webapi'
import { CHOSEN, SINGLE_PAGE, startThirdPartyServer, SUBJECT, THIRD_PARTY, USER_CHOICE } from './third_party_server.ts'

// npm's oauth4webapi 3.8.8, over https: each step by itself, with its own checks of every answer.

const { issuer, origin, makeOwnClient, makeVisitor, organizationsOf } = await startThirdPartyServer()

for (const [how, client, authentication, redirectUri] of [
  ['by Basic', { client_id: THIRD_PARTY.id }, oauth.ClientSecretBasic(THIRD_PARTY.secret), THIRD_PARTY.redirectUri],
  ['in the body', { client_id: THIRD_PARTY.id }, oauth.ClientSecretPost(THIRD_PARTY.secret), THIRD_PARTY.redirectUri],
  ['a public client', { client_id: SINGLE_PAGE.id }, oauth.None(), SINGLE_PAGE.redirectUri],
] as const) {
  for (const algorithm of ['oidc', 'oauth2'] as const) {
    test(`${how}, metadata of ${algorithm}: code, API, userinfo, refresh and revocation`, async () => {
      const as = await oauth.processDiscoveryResponse(
        new URL(issuer),
        await oauth.discoveryRequest(new URL(issuer), { algorithm }),
      )
      const [verifier, state, nonce] = [
        oauth.generateRandomCodeVerifier(),
        oauth.generateRandomState(),
        oauth.generateRandomNonce(),
      ]
      const url = new URL(as.authorization_endpoint!)
      url.search = new URLSearchParams({
        response_type: 'code',
        client_id: client.client_id,
        redirect_uri: redirectUri,
        scope: 'openid email offline_access read:entities',
        ...{ state, nonce },
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      }).toString()

      const arrived = await makeVisitor().authorize(url, USER_CHOICE)
      const parameters = oauth.validateAuthResponse(as, client, arrived, state)
      const codeResponse = await oauth.authorizationCodeGrantRequest(
        as,
        client,
        authentication,
        parameters,
        redirectUri,
        verifier,
      )
      const tokens = await oauth.processAuthorizationCodeResponse(as, client, codeResponse, {
        expectedNonce: nonce,
        requireIdToken: true,
      })
      await oauth.validateApplicationLevelSignature(as, codeResponse)
      assert.equal(oauth.getValidatedIdTokenClaims(tokens)?.sub, SUBJECT)
      assert.deepEqual(await organizationsOf(tokens.access_token), [CHOSEN])

      const listed = await oauth.protectedResourceRequest(
        tokens.access_token,
        'GET',
        new URL(`${origin}/api/v3.0/organizations`),
      )
      assert.equal(listed.status, 200)
      const about = await oauth.processUserInfoResponse(
        as,
        client,
        SUBJECT,
        await oauth.userInfoRequest(as, client, tokens.access_token),
      )
      assert.equal(about.email, 'example@example.com')
      // As a resource server: the access token is one of RFC 9068.
      const asked = new Request(origin, { headers: { authorization: `Bearer ${tokens.access_token}` } })
      const claims = await oauth.validateJwtAccessToken(as, asked, 'https://api.mediamath.com/')
      assert.deepEqual([claims.sub, claims.client_id], [SUBJECT, client.client_id])

      const refreshed = await oauth.processRefreshTokenResponse(
        as,
        client,
        await oauth.refreshTokenGrantRequest(as, client, authentication, tokens.refresh_token ?? ''),
      )
      assert.deepEqual(await organizationsOf(refreshed.access_token), [CHOSEN])
      assert.equal(refreshed.refresh_token !== undefined, client.client_id === SINGLE_PAGE.id)

      const newest = refreshed.refresh_token ?? tokens.refresh_token ?? ''
      const revocation = await oauth.revocationRequest(as, client, authentication, newest)
      assert.equal(await oauth.processRevocationResponse(revocation), undefined)
      for (const { access_token } of [tokens, refreshed]) assert.equal(await organizationsOf(access_token), 401)
      const refused = await oauth.refreshTokenGrantRequest(as, client, authentication, newest)
      await assert.rejects(oauth.processRefreshTokenResponse(as, client, refused), { error: 'invalid_grant' })
    })
  }
}

test('an answer for another state, and one that says another issuer, are refused by the library; a denial is told', async () => {
  const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer)))
  const client = { client_id: THIRD_PARTY.id }
  const url = new URL(as.authorization_endpoint!)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: THIRD_PARTY.redirectUri,
    scope: 'openid',
    state: 'mine',
  }).toString()
  const visitor = makeVisitor()
  const arrived = await visitor.authorize(url, USER_CHOICE)
  assert.throws(() => oauth.validateAuthResponse(as, client, arrived, 'another'), /state/)
  const other = new URL(arrived)
  other.searchParams.set('iss', 'https://evil.example/')
  assert.throws(() => oauth.validateAuthResponse(as, client, other, 'mine'), /iss/)
  assert.ok(oauth.validateAuthResponse(as, client, arrived, 'mine'))

  url.searchParams.set('prompt', 'consent')
  const denied = await visitor.authorize(url, { ...USER_CHOICE, decision: 'deny' })
  assert.throws(() => oauth.validateAuthResponse(as, client, denied, 'mine'), { error: 'access_denied' })
})

test('the answer by form passes the checks of the library, and its code brings tokens', async () => {
  const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer)))
  const client = { client_id: THIRD_PARTY.id }
  const [verifier, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomNonce()]
  const url = new URL(as.authorization_endpoint!)
  url.search = new URLSearchParams({
    ...{ response_type: 'code', client_id: client.client_id, redirect_uri: THIRD_PARTY.redirectUri },
    ...{ response_mode: 'form_post', scope: 'openid read:entities', state: 'mine', nonce },
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).toString()
  const { forms } = await makeVisitor().passThrough(url, USER_CHOICE)
  const body = new URLSearchParams((forms[0]?.fields ?? []).map(([name, value]) => [name, value]))
  const parameters = oauth.validateAuthResponse(as, client, body, 'mine')
  const response = await oauth.authorizationCodeGrantRequest(
    ...([as, client, oauth.ClientSecretPost(THIRD_PARTY.secret), parameters] as const),
    ...([THIRD_PARTY.redirectUri, verifier] as const),
  )
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: nonce })
  assert.deepEqual(await organizationsOf(tokens.access_token), [CHOSEN])
})

test('client_credentials: a client alone gets a token of its own, as RFC 9068 has it', async () => {
  const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer)))
  const own = await makeOwnClient()
  const client = { client_id: own.id }
  for (const authentication of [oauth.ClientSecretBasic(own.secret), oauth.ClientSecretPost(own.secret)]) {
    const asked = new URLSearchParams({ scope: 'read:entities' })
    const tokens = await oauth.processClientCredentialsResponse(
      as,
      client,
      await oauth.clientCredentialsGrantRequest(as, client, authentication, asked),
    )
    const request = new Request(origin, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    const claims = await oauth.validateJwtAccessToken(as, request, 'https://api.mediamath.com/')
    assert.deepEqual([claims.sub, claims.scope], [own.id, 'read:entities'])
    assert.equal(await organizationsOf(tokens.access_token), 403)
  }
})
