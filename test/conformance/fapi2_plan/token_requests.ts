import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pkce } from '../../support/browser_like.ts'
import { accessTokenOf, assertRefused, type Fapi2Plan } from './plan.ts'

/** Whose a code and a refresh token are, and how often they work (FAPI 2.0 Security Profile §5.3.2.1, §5.3.2.2). */
export const walkTokenRequests = ({ provider, scope, party, second, named }: Fapi2Plan): void => {
  const { makeVisitor, travel } = provider

  test(named('ensure-client-id-in-token-endpoint'), async () => {
    const obtained = await party.obtain(makeVisitor())
    // The assertion is of one client, client_id names another.
    const answer = await party.redeem(obtained, { parameters: { client_id: second.clientId } })
    assert.ok([400, 401].includes(answer.status))
    assertRefused(answer, ['invalid_client', 'invalid_request', 'invalid_grant'], answer.status)
  })

  test(named('ensure-authorization-code-is-bound-to-client'), async () => {
    const obtained = await party.obtain(makeVisitor())
    assertRefused(await second.redeem(obtained), ['invalid_grant'])
    accessTokenOf(await party.redeem(obtained))
  })

  test(named('attempt-reuse-authorization-code-after-one-second'), async () => {
    const obtained = await party.obtain(makeVisitor())
    const accessToken = accessTokenOf(await party.redeem(obtained))
    travel(1)
    assertRefused(await party.redeem(obtained), ['invalid_grant'])
    assert.equal((await party.call(accessToken)).status, 401)
  })

  test(named('ensure-token-endpoint-fails-with-expired-auth-code'), async () => {
    const obtained = await party.obtain(makeVisitor())
    travel(61)
    assertRefused(await party.redeem(obtained), ['invalid_grant'])
  })

  const walkVerifier = (module: string, verifier: () => string | undefined): void => {
    test(named(module), async () => {
      const obtained = await party.obtain(makeVisitor())
      assertRefused(await party.redeem(obtained, { parameters: { code_verifier: verifier() } }), [
        'invalid_grant',
        'invalid_request',
      ])
    })
  }
  walkVerifier('ensure-pkce-code-verifier-required', () => undefined)
  walkVerifier('incorrect-pkce-code-verifier-rejected', () => pkce().verifier)

  test(named('refresh-token'), async () => {
    const obtained = await party.obtain(makeVisitor(), { scope: `${scope} offline_access`, prompt: 'consent' })
    const { body } = await party.redeem(obtained)
    const { refresh_token: refreshToken = '' } = body
    travel(2)
    const accessToken = accessTokenOf(await party.refresh(refreshToken))
    assert.notEqual(accessToken, body.access_token)
    assert.equal((await party.call(accessToken)).status, 200)
    // It stays the client's: no rotation in the profile (§5.3.2.1), no use for another, none without a proof.
    assertRefused(await second.refresh(refreshToken), ['invalid_grant'])
    assertRefused(await party.refresh(refreshToken, { proof: undefined }), ['invalid_dpop_proof'])
    accessTokenOf(await party.refresh(refreshToken))
  })
}
