import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { titleOf } from '../support/person.ts'
import { CHOSEN, DEVICE, startThirdPartyServer, SUBJECT, USER_CHOICE } from './third_party_server.ts'

// Device authorization (RFC 8628) by npm's openid-client 6.9.0 and oauth4webapi 3.8.8, over https. npm's auth0 7.1.0 has no such grant.

const { issuer, makeVisitor, organizationsOf } = await startThirdPartyServer()

const SCOPE = 'openid offline_access read:entities'
const connect = async (url: string, decision: 'allow' | 'deny' = 'allow') => {
  const shown = await makeVisitor().connect(url, { ...USER_CHOICE, decision })
  assert.match(titleOf(shown), decision === 'allow' ? /Your device is connected/ : /Nothing was allowed/)
}

test('openid-client polls until the person has decided, and refreshes with what it got', async () => {
  const config = await client.discovery(new URL(issuer), DEVICE.id, undefined, client.None())
  const begun = await client.initiateDeviceAuthorization(config, { scope: SCOPE })
  const polling = client.pollDeviceAuthorizationGrant(config, begun)
  // So late that the first poll finds nothing decided.
  await sleep((begun.interval ?? 5) * 1000 + 500)
  await connect(begun.verification_uri_complete!)
  const tokens = await polling
  assert.equal(tokens.claims()?.sub, SUBJECT)
  assert.deepEqual(await organizationsOf(tokens.access_token), [CHOSEN])
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token!)
  assert.notEqual(refreshed.refresh_token, tokens.refresh_token)
})

test('openid-client tells that the person did not allow it', async () => {
  const config = await client.discovery(new URL(issuer), DEVICE.id, undefined, client.None())
  const begun = await client.initiateDeviceAuthorization(config, { scope: SCOPE })
  await connect(begun.verification_uri_complete!, 'deny')
  await assert.rejects(client.pollDeviceAuthorizationGrant(config, begun), { error: 'access_denied' })
})

test('oauth4webapi, step by step: pending, too early, and the tokens', async () => {
  const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer)))
  const device = { client_id: DEVICE.id }
  const asked = await oauth.deviceAuthorizationRequest(as, device, oauth.None(), { scope: SCOPE })
  const begun = await oauth.processDeviceAuthorizationResponse(as, device, asked)
  assert.equal(begun.interval, 5)
  const poll = async () =>
    oauth.processDeviceCodeResponse(
      as,
      device,
      await oauth.deviceCodeGrantRequest(as, device, oauth.None(), begun.device_code),
    )
  await assert.rejects(poll(), { error: 'authorization_pending' })
  await assert.rejects(poll(), { error: 'slow_down' })
  await connect(begun.verification_uri_complete!)
  const tokens = await poll()
  assert.equal(oauth.getValidatedIdTokenClaims(tokens)?.sub, SUBJECT)
  assert.deepEqual(await organizationsOf(tokens.access_token), [CHOSEN])
  await assert.rejects(poll(), { error: 'invalid_grant' })
})
