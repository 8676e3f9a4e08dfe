import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRemoteJWKSet, decodeJwt } from 'jose'
import { validateIdToken } from '../id_token.ts'
import { PROFILE } from '../provider.ts'
import type { Claims, Parameters } from '../relying_party.ts'
import { accessTokenOf, type Fapi2Plan } from './plan.ts'

/** What a well-behaved client does. */
export const walkFlows = ({ provider, isOpenId, scope, party, second, named }: Fapi2Plan): void => {
  const { metadata, makeVisitor, choice, now } = provider
  const keys = createRemoteJWKSet(new URL(metadata.jwks_uri))

  /** The whole way, with everything validated. */
  const signIn = async (client = party, parameters: Parameters = {}) => {
    const obtained = await client.obtain(makeVisitor(), parameters)
    const answer = await client.redeem(obtained)
    const accessToken = accessTokenOf(answer)
    // Bound to the key that was proved (RFC 9449 §6.1).
    assert.deepEqual(decodeJwt(accessToken)['cnf'], { jkt: client.dpopKey.jkt })
    const { id_token: idToken } = answer.body
    assert.equal(idToken !== undefined, isOpenId)
    if (idToken !== undefined) {
      const { issuer } = metadata
      const nonce = obtained.sent['nonce']
      await validateIdToken(idToken, {
        ...{ issuer, clientId: client.clientId, algorithm: 'ES256', keys, now: now(), nonce, accessToken },
      })
    }
    const called = await client.call(accessToken)
    assert.equal(called.status, 200, JSON.stringify(called.body))
    return { accessToken, body: called.body }
  }

  test(named('discovery-end-point-verification'), async () => {
    const name = isOpenId ? 'openid-configuration' : 'oauth-authorization-server'
    const document = (await (await fetch(`${metadata.issuer}.well-known/${name}`)).json()) as Claims
    assert.equal(document['issuer'], metadata.issuer)
    const strong = ['PS256', 'ES256', 'EdDSA']
    const has = (member: string, wanted: readonly string[]) => {
      const list = document[member]
      assert.ok(Array.isArray(list) && wanted.some((each) => list.includes(each)), member)
    }
    has('dpop_signing_alg_values_supported', strong)
    has('token_endpoint_auth_signing_alg_values_supported', strong)
    has('token_endpoint_auth_methods_supported', ['private_key_jwt'])
    has('code_challenge_methods_supported', ['S256'])
    if (isOpenId) has('id_token_signing_alg_values_supported', strong)
    assert.equal(document['authorization_response_iss_parameter_supported'], true)
    assert.equal(typeof document['pushed_authorization_request_endpoint'], 'string')
  })

  test(named('happy-flow'), async () => {
    for (const client of [party, second]) await signIn(client)
  })

  test(named('user-rejects-authentication'), async () => {
    const request = party.ask()
    const url = party.urlOf(await party.push(request))
    // Somebody who has not allowed this client anything yet.
    const { username } = await provider.postern.makeAccount()
    const shown = await makeVisitor().passThrough(url, { ...choice, username, decision: 'deny' })
    const answer = party.read(request, shown)
    assert.ok('error' in answer)
    assert.equal(answer.error, 'access_denied')
  })

  test(named('ensure-authorization-request-without-state-success'), async () => {
    await signIn(party, { state: undefined })
  })

  test(named('ensure-authorization-request-with-long-state'), async () => {
    await signIn(party, { state: 's'.repeat(1000) })
  })

  test(named('ensure-other-scope-order-succeeds'), async () => {
    await signIn(party, { scope: `offline_access ${scope}` })
  })

  test(named('access-token-type-header-case-sensitivity'), async () => {
    const { accessToken } = await signIn()
    for (const scheme of ['dpop', 'DPOP', 'DPoP']) {
      assert.equal((await party.call(accessToken, {}, scheme)).status, 200, scheme)
    }
  })

  if (!isOpenId) return

  test(named('ensure-authorization-request-without-nonce-success'), async () => {
    await signIn(party, { nonce: undefined })
  })

  test(named('ensure-authorization-request-with-64-char-nonce-success'), async () => {
    await signIn(party, { nonce: 'n'.repeat(64) })
  })

  test(named('ensure-authorization-request-with-long-nonce'), async () => {
    await signIn(party, { nonce: 'n'.repeat(1000) })
  })

  test(named('test-claims-parameter-identity-claims'), async () => {
    const claims = JSON.stringify({ userinfo: { name: { essential: true }, email: null } })
    const { body } = await signIn(party, { claims, prompt: 'consent' })
    assert.deepEqual([body['name'], body['email']], [PROFILE.name, PROFILE.email])
  })
}
