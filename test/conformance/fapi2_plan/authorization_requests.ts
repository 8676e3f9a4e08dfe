import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Parameters } from '../relying_party.ts'
import { accessTokenOf, assertRefused, type Fapi2Plan } from './plan.ts'

/** What is pushed is the request, and all of it (FAPI 2.0 Security Profile §5.3.2.2). */
export const walkAuthorizationRequests = ({ provider, isOpenId, party, named }: Fapi2Plan): void => {
  const { metadata, makeVisitor, choice } = provider

  /** Parameters beside `request_uri` count for nothing (RFC 9101 §6.3). */
  const walkOutside = (module: string, inside: Parameters, outside: Parameters): void => {
    test(named(module), async () => {
      const request = party.ask(inside)
      const url = party.urlOf(await party.push(request), outside)
      const answer = party.read(request, await makeVisitor().passThrough(url, choice))
      assert.ok('code' in answer)
      accessTokenOf(await party.redeem({ ...request, code: answer.code }))
    })
  }
  walkOutside('ensure-different-state-inside-and-outside-request-object', {}, { state: 'of-the-url' })
  walkOutside('state-only-outside-request-object-not-used', { state: undefined }, { state: 'of-the-url' })
  if (isOpenId) {
    test(named('ensure-different-nonce-inside-and-outside-request-object'), async () => {
      const request = party.ask()
      const url = party.urlOf(await party.push(request), { nonce: 'of-the-url' })
      const answer = party.read(request, await makeVisitor().passThrough(url, choice))
      assert.ok('code' in answer)
      const { body } = await party.redeem({ ...request, code: answer.code })
      const claims = JSON.parse(Buffer.from(body.id_token?.split('.')[1] ?? '', 'base64url').toString()) as Parameters
      assert.equal(claims['nonce'], request.sent['nonce'])
    })
  }

  test(named('ensure-unsigned-authorization-request-without-using-par-fails'), async () => {
    const request = party.ask()
    const url = new URL(metadata.authorization_endpoint)
    for (const [name, value] of Object.entries({ client_id: party.clientId, ...request.sent })) {
      url.searchParams.set(name, value ?? '')
    }
    const answer = party.read(request, await makeVisitor().passThrough(url, choice))
    assert.ok('error' in answer)
    assert.equal(answer.error, 'invalid_request')
  })

  const walkRefused = (module: string, parameters: Parameters, errors: readonly string[]): void => {
    test(named(module), async () => {
      assertRefused(await party.push(party.ask(parameters)), errors)
    })
  }
  const missing = { redirect_uri: undefined }
  walkRefused('ensure-request-object-without-redirect-uri-fails', missing, ['invalid_request'])
  walkRefused('ensure-redirect-uri-in-authorization-request', missing, ['invalid_request'])
  // The profile lets a provider take one that is not registered (§5.3.2.2): this one does not.
  const unregistered = { redirect_uri: 'https://elsewhere.example/callback' }
  walkRefused('plain-fapi-tolerate-unregistered-redirect-uri', unregistered, ['invalid_request'])
  const unsupported = ['unsupported_response_type', 'invalid_request']
  walkRefused('ensure-response-type-code-idtoken-fails', { response_type: 'code id_token' }, unsupported)
  walkRefused('ensure-response-type-token-fails', { response_type: 'token' }, unsupported)
  walkRefused('par-ensure-pkce-required', { code_challenge: undefined, code_challenge_method: undefined }, [
    'invalid_request',
  ])
  walkRefused('par-plain-pkce-rejected', { code_challenge_method: 'plain' }, ['invalid_request'])
}
