import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { makeDpopKey } from '../../support/dpop_key.ts'
import type { Changes } from './party.ts'
import { accessTokenOf, assertRefused, type Fapi2Plan } from './plan.ts'

/** Tokens, and codes, that are bound to a key (RFC 9449; FAPI 2.0 Security Profile §5.3.2.1). */
export const walkProofs = ({ provider, party, named }: Fapi2Plan): void => {
  const { makeVisitor, now } = provider
  const other = makeDpopKey()

  test(named('ensure-holder-of-key-required'), async () => {
    const obtained = await party.obtain(makeVisitor())
    assertRefused(await party.redeem(obtained, { proof: undefined }), ['invalid_dpop_proof'])
  })

  /** Proofs that are as they should be, at the token endpoint and at the resource. */
  const walkGood = (module: string, changes: () => Changes): void => {
    test(named(module), async () => {
      const accessToken = accessTokenOf(await party.redeem(await party.obtain(makeVisitor()), changes()))
      assert.equal((await party.call(accessToken, changes())).status, 200)
    })
  }
  walkGood('check-dpop-proof-nbf-exp', () => ({ proof: { nbf: now() - 10, exp: now() + 60 } }))
  walkGood('ensure-dpopproof-with-iat-10seconds-before-succeeds', () => ({ proof: { iat: now() - 10 } }))
  walkGood('ensure-dpopproof-with-iat-10seconds-after-succeeds', () => ({ proof: { iat: now() + 10 } }))

  test(named('ensure-mismatched-dpop-jkt-fails'), async () => {
    const request = party.ask({ dpop_jkt: other.jkt })
    assertRefused(await party.push(request, { proof: {} }), ['invalid_dpop_proof', 'invalid_request'])
  })

  const walkBinding = (module: string, jkt: string | undefined, changes: Changes, isRight: boolean): void => {
    test(named(module), async () => {
      const obtained = await party.obtain(makeVisitor(), { dpop_jkt: jkt }, changes)
      if (isRight) return void accessTokenOf(await party.redeem(obtained))
      assertRefused(await party.redeem(obtained, { proofKey: other }), ['invalid_grant', 'invalid_dpop_proof'])
    })
  }
  const mine = party.dpopKey.jkt
  walkBinding('ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt', undefined, { proof: {} }, false)
  walkBinding('ensure-token-endpoint-fails-with-mismatched-dpop-jkt', mine, {}, false)
  walkBinding('ensure-dpopproof-at-par-endpoint-binding-success', undefined, { proof: {} }, true)
  walkBinding('ensure-dpop-auth-code-binding-success', mine, {}, true)

  test(named('dpop-negative-tests'), async () => {
    const accessToken = accessTokenOf(await party.redeem(await party.obtain(makeVisitor())))
    const wrong = [
      { proof: undefined },
      { proof: { htm: 'PATCH' } },
      { proof: { htu: 'https://elsewhere.example/' } },
      { proof: { htu: undefined } },
      { proof: { htm: undefined } },
      { proof: { jti: undefined } },
      { proof: { iat: undefined } },
      { proof: { iat: now() - 600 } },
      { proof: { iat: now() + 600 } },
      { proofHeader: { typ: 'JWT' } },
      { proofHeader: { alg: 'none' } },
      { proofHeader: { alg: 'HS256' } },
      { proofHeader: { jwk: undefined } },
      { proofHeader: { jwk: other.jwk } },
      { proofHeader: { jwk: party.dpopKey.privateJwk } },
    ] satisfies readonly Changes[]
    for (const changes of wrong) {
      const called = await party.call(accessToken, changes)
      assert.equal(called.status, 401, JSON.stringify(changes))
      assert.match(called.headers.get('www-authenticate') ?? '', /DPoP /)
      assertRefused(await party.redeem(await party.obtain(makeVisitor()), changes), ['invalid_dpop_proof'])
    }
    // At the resource alone: of another token, of none, of another key, or as if it were bound to nothing.
    for (const changes of [{ proof: { ath: undefined } }, { proof: { ath: 'AAAA' } }, { proofKey: other }]) {
      assert.equal((await party.call(accessToken, changes)).status, 401, JSON.stringify(changes))
    }
    assert.equal((await party.call(accessToken, {}, 'Bearer')).status, 401)
    // A proof works once.
    const once = { proof: { jti: randomUUID() } }
    assert.equal((await party.call(accessToken, once)).status, 200)
    assert.equal((await party.call(accessToken, once)).status, 401)
  })
}
