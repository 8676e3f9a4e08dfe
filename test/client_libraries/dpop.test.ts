import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { claimsOf } from '../support/running_postern.ts'
import { CHOSEN, SINGLE_PAGE, startThirdPartyServer, SUBJECT, THIRD_PARTY, USER_CHOICE } from './third_party_server.ts'

// Tokens that are bound to a key (RFC 9449) with oauth4webapi 3.8.8, which tells its caller to try again with a nonce, and openid-client
// 6.9.0, which tries again by itself. A public client must repeat a nonce; one with a secret is never given one.

const { issuer, origin, makeVisitor, organizationsOf } = await startThirdPartyServer()
const SCOPE = 'openid email offline_access read:entities'
const API = [`${origin}/api/v3.0/organizations`, `${origin}/api/v2.0/organizations`, `${origin}/api/v2.0/session`]

for (const [how, metadata, authentication, redirectUri] of [
  [
    'with a secret',
    { client_id: THIRD_PARTY.id },
    oauth.ClientSecretBasic(THIRD_PARTY.secret),
    THIRD_PARTY.redirectUri,
  ],
  ['a public client', { client_id: SINGLE_PAGE.id }, oauth.None(), SINGLE_PAGE.redirectUri],
] as const) {
  const isPublic = metadata.client_id === SINGLE_PAGE.id

  test(`oauth4webapi, ${how}: code, userinfo, platform API and refresh with proofs`, async () => {
    const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer)))
    assert.ok(as.dpop_signing_alg_values_supported?.includes('ES256'))
    const DPoP = oauth.DPoP({}, await oauth.generateKeyPair('ES256', { extractable: true }))
    let retries = 0
    const withNonce = async <T>(work: () => Promise<T>): Promise<T> => {
      try {
        return await work()
      } catch (error) {
        if (!oauth.isDPoPNonceError(error)) throw error
        retries++
        return work()
      }
    }
    const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()]
    const url = new URL(as.authorization_endpoint!)
    url.search = new URLSearchParams({
      ...{ response_type: 'code', client_id: metadata.client_id, redirect_uri: redirectUri, scope: SCOPE, state },
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      dpop_jkt: await DPoP.calculateThumbprint(),
    }).toString()
    const arrived = oauth.validateAuthResponse(as, metadata, await makeVisitor().authorize(url, USER_CHOICE), state)
    const tokens = await withNonce(async () =>
      oauth.processAuthorizationCodeResponse(
        as,
        metadata,
        await oauth.authorizationCodeGrantRequest(as, metadata, authentication, arrived, redirectUri, verifier, {
          DPoP,
        }),
      ),
    )
    assert.equal(tokens.token_type, 'dpop')
    assert.deepEqual(claimsOf(tokens.access_token)['cnf'], { jkt: await DPoP.calculateThumbprint() })

    const about = await withNonce(async () =>
      oauth.processUserInfoResponse(
        as,
        metadata,
        SUBJECT,
        await oauth.userInfoRequest(as, metadata, tokens.access_token, { DPoP }),
      ),
    )
    assert.equal(about.email, 'example@example.com')
    for (const api of API) {
      const answer = await withNonce(() =>
        oauth.protectedResourceRequest(tokens.access_token, 'GET', new URL(api), undefined, undefined, { DPoP }),
      )
      assert.equal(answer.status, 200, api)
    }
    const refreshed = await withNonce(async () =>
      oauth.processRefreshTokenResponse(
        as,
        metadata,
        await oauth.refreshTokenGrantRequest(as, metadata, authentication, tokens.refresh_token ?? '', { DPoP }),
      ),
    )
    assert.equal(refreshed.token_type, 'dpop')
    assert.equal(retries, isPublic ? 1 : 0)

    // Whoever has the token without the key has nothing.
    assert.equal(await organizationsOf(refreshed.access_token), 401)
    const other = oauth.DPoP({}, await oauth.generateKeyPair('ES256', { extractable: true }))
    await assert.rejects(
      withNonce(() =>
        oauth.protectedResourceRequest(refreshed.access_token, 'GET', new URL(API[0]!), undefined, undefined, {
          DPoP: other,
        }),
      ),
      oauth.WWWAuthenticateChallengeError,
    )
  })

  test(`openid-client, ${how}: the same, without a word about nonces`, async () => {
    const config = await client.discovery(
      new URL(issuer),
      metadata.client_id,
      undefined,
      isPublic ? client.None() : client.ClientSecretPost(THIRD_PARTY.secret),
    )
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
    const checks = {
      pkceCodeVerifier: client.randomPKCECodeVerifier(),
      expectedState: client.randomState(),
      idTokenExpected: true,
    }
    const url = client.buildAuthorizationUrl(config, {
      ...{ redirect_uri: redirectUri, scope: SCOPE, state: checks.expectedState },
      code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
      code_challenge_method: 'S256',
    })
    const arrived = await makeVisitor().authorize(url, USER_CHOICE)
    const tokens = await client.authorizationCodeGrant(config, arrived, checks, undefined, { DPoP })
    assert.equal(tokens.token_type, 'dpop')
    const about = await client.fetchUserInfo(config, tokens.access_token, SUBJECT, { DPoP })
    assert.equal(about.email, 'example@example.com')
    for (const api of API) {
      const fetched = await client.fetchProtectedResource(
        config,
        tokens.access_token,
        new URL(api),
        'GET',
        null,
        undefined,
        {
          DPoP,
        },
      )
      assert.equal(fetched.status, 200, api)
    }
    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '', undefined, { DPoP })
    assert.equal(refreshed.token_type, 'dpop')
    assert.equal(await organizationsOf(refreshed.access_token), 401)
    const listed = await client.fetchProtectedResource(
      config,
      refreshed.access_token,
      new URL(API[0]!),
      'GET',
      null,
      undefined,
      {
        DPoP,
      },
    )
    const { data } = (await listed.json()) as { data: readonly { readonly id: number }[] }
    assert.deepEqual(
      data.map(({ id }) => id),
      [CHOSEN],
    )
    if (isPublic) {
      const stranger = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
      const stolen = refreshed.refresh_token ?? ''
      await assert.rejects(client.refreshTokenGrant(config, stolen, undefined, { DPoP: stranger }), {
        error: 'invalid_grant',
      })
    }
  })
}
