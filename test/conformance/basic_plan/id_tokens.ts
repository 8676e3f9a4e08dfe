import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compactVerify, decodeProtectedHeader, importJWK, type JWK } from 'jose'
import type { Plan } from './plan.ts'

/** That there is an ID token, that it is ours, and that it says what was asked (OpenID Connect Core 1.0 §2, §3.1). */
export const walkIdTokens = ({ provider, party, responseMode }: Plan): void => {
  const { metadata, makeVisitor, choice, register } = provider

  test('oidcc-server', async () => {
    const visitor = makeVisitor()
    const [first, second] = [await party.signIn(visitor, choice), await party.signIn(visitor, choice)]
    // It is one person, each time with tokens of their own.
    assert.equal(first.claims.sub, second.claims.sub)
    assert.notEqual(first.accessToken, second.accessToken)
    await party.userinfo(first)
  })

  test('oidcc-idtoken-signature', async () => {
    const { idToken } = await party.signIn(makeVisitor(), choice)
    const { alg, kid } = decodeProtectedHeader(idToken)
    assert.equal(alg, 'RS256')
    const { keys } = (await (await fetch(metadata.jwks_uri)).json()) as { readonly keys: readonly JWK[] }
    const named = keys.filter((key) => key.kid === kid)
    assert.equal(named.length, 1)
    const key = await importJWK(named[0]!, 'RS256')
    await compactVerify(idToken, key)
    const [head, , signature] = idToken.split('.')
    const changed = `${head}.${Buffer.from('{"sub":"somebody else"}').toString('base64url')}.${signature}`
    await assert.rejects(compactVerify(changed, key))
  })

  test('oidcc-idtoken-unsigned', async () => {
    // There is no such client: the plan passes over the module where metadata does not say `none`.
    assert.ok(!(metadata['id_token_signing_alg_values_supported'] as readonly string[]).includes('none'))
    const { idToken } = await party.signIn(makeVisitor(), choice)
    assert.match(idToken, /^[\w-]+\.[\w-]+\.[\w-]+$/)
  })

  test('oidcc-ensure-request-without-nonce-succeeds-for-code-flow', async () => {
    const { claims } = await party.signIn(makeVisitor(), choice, { nonce: undefined })
    assert.ok(!('nonce' in claims))
  })

  test('oidcc-server-client-secret-post', async () => {
    const byBody = await register({ responseMode, method: 'client_secret_post' })
    await byBody.userinfo(await byBody.signIn(makeVisitor(), choice))
  })
}
