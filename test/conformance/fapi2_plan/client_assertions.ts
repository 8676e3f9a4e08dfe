import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AssertionParts } from '../../support/client_keys.ts'
import { makeFapi2Party } from './party.ts'
import { accessTokenOf, assertRefused, type Fapi2Plan } from './plan.ts'

const REFUSED = ['invalid_client']

/** What proves the client (FAPI 2.0 Security Profile §5.3.2.1, §5.4; RFC 7523 §3). */
export const walkClientAssertions = async (plan: Fapi2Plan, resource: string): Promise<void> => {
  const { provider, scope, party, named } = plan
  const { metadata, makeVisitor, now } = provider
  const rsa = await makeFapi2Party(provider, scope, resource, '', {}, 'RS256')

  test(named('ensure-signed-client-assertion-with-RS256-fails'), async () => {
    assertRefused(await rsa.push(rsa.ask()), REFUSED, 401)
  })

  test(named('ensure-client-assertion-in-token-endpoint'), async () => {
    const obtained = await party.obtain(makeVisitor())
    assertRefused(await party.redeem(obtained, { assertion: undefined }), REFUSED, 401)
    accessTokenOf(await party.redeem(obtained))
  })

  /** Refused at the token endpoint, and nothing is lost by it: the same code is then redeemed. */
  const walkAtToken = (module: string, assertion: () => AssertionParts): void => {
    test(named(module), async () => {
      const obtained = await party.obtain(makeVisitor())
      assertRefused(await party.redeem(obtained, { assertion: assertion() }), REFUSED, 401)
      accessTokenOf(await party.redeem(obtained))
    })
  }
  walkAtToken('ensure-client-assertion-with-exp-is-5-minutes-in-past-fails', () => ({
    claims: { exp: now() - 300, iat: now() - 360, nbf: now() - 360 },
  }))
  walkAtToken('ensure-client-assertion-with-wrong-aud-fails', () => ({
    claims: { aud: 'https://elsewhere.example/' },
  }))
  walkAtToken('ensure-client-assertion-with-no-sub-fails', () => ({ claims: { sub: undefined } }))

  const walkAtPar = (module: string, claims: () => Readonly<Record<string, unknown>>): void => {
    test(named(module), async () => {
      assertRefused(await party.push(party.ask(), { assertion: { claims: claims() } }), REFUSED, 401)
    })
  }
  const ahead = (seconds: number) => ({ iat: now() + seconds, nbf: now() + seconds, exp: now() + seconds + 60 })
  walkAtPar('par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails', () => ahead(65))
  walkAtPar('par-test-array-as-audience-fails', () => ({ aud: [metadata.issuer] }))
  walkAtPar('par-test-par-endpoint-url-as-audience-fails', () => ({
    aud: metadata['pushed_authorization_request_endpoint'],
  }))
  walkAtPar('par-test-token-endpoint-url-as-audience-fails', () => ({ aud: metadata.token_endpoint }))

  test(named('par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted'), async () => {
    assert.equal((await party.push(party.ask(), { assertion: { claims: ahead(8) } })).status, 201)
  })
}
