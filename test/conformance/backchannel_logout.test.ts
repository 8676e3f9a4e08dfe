import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { file } from '../attacks/attacking.ts'
import { eventually, startReceiver } from '../backchannel_logout/receiver.ts'
import { startProvider } from './provider.ts'

// oidcc-backchannel-rp-initiated-logout-certification-test-plan (OpenID Connect Back-Channel Logout 1.0).

// The client listens on this machine.
const provider = await startProvider(file, { outbound: { allow: ['127.0.0.1'] } })
const { metadata, choice, makeVisitor, register, now } = provider
const AFTERWARDS = 'https://relying-party.example/signed-out'

test('oidcc-backchannel-logout-discovery-endpoint-verification', () => {
  assert.equal(metadata['backchannel_logout_supported'], true)
  assert.equal(metadata['backchannel_logout_session_supported'], true)
  assert.equal(new URL(String(metadata['end_session_endpoint'])).origin, new URL(metadata.issuer).origin)
})

test('oidcc-backchannel-rp-initiated-logout', async (t) => {
  const receiver = await startReceiver(t)
  const party = await register({
    policy: {
      postLogoutRedirectUris: [AFTERWARDS],
      backchannelLogoutUri: receiver.uri,
      backchannelLogoutSessionRequired: true,
    },
  })
  const visitor = makeVisitor()
  const { idToken, claims } = await party.signIn(visitor, choice)
  assert.equal(typeof claims['sid'], 'string')

  const url = new URL(String(metadata['end_session_endpoint']))
  url.search = new URLSearchParams({
    id_token_hint: idToken,
    post_logout_redirect_uri: AFTERWARDS,
    state: 'back-again',
  }).toString()
  const shown = await visitor.open(url)
  assert.equal(shown.url.href, `${AFTERWARDS}?state=back-again`)

  await eventually(() => receiver.received.length > 0)
  const [{ token, contentType }] = receiver.received as readonly [(typeof receiver.received)[number]]
  assert.equal(contentType, 'application/x-www-form-urlencoded')
  // §2.6, in its order: signed as the ID tokens of this client are, by a key of the provider.
  const { payload, protectedHeader } = await jwtVerify(token, createRemoteJWKSet(new URL(metadata.jwks_uri)), {
    issuer: metadata.issuer,
    audience: party.registration.clientId,
    algorithms: [party.registration.idTokenAlgorithm],
    currentDate: new Date(now() * 1000),
    requiredClaims: ['iss', 'aud', 'iat', 'exp', 'jti', 'events'],
  })
  assert.equal(protectedHeader.typ, 'logout+jwt')
  assert.ok(Math.abs(now() - (payload.iat ?? 0)) <= 60)
  assert.deepEqual(payload['events'], { 'http://schemas.openid.net/event/backchannel-logout': {} })
  assert.ok(!('nonce' in payload), 'it cannot be taken for an ID token')
  assert.deepEqual([payload.sub, payload['sid']], [claims.sub, claims['sid']])

  const attempt = party.ask({ prompt: 'none' })
  const answer = party.read(attempt, await visitor.open(attempt.url))
  assert.ok('error' in answer)
  assert.equal(answer.error, 'login_required')
})
