import assert from 'node:assert/strict'
import { test } from 'node:test'
import { base64url } from 'jose'
import { pkce } from '../../support/browser_like.ts'
import type { Parameters } from '../relying_party.ts'
import type { Plan } from './plan.ts'

/** Requests of every shape, and where what is wrong with them is told (RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6). */
export const walkAuthorizationRequests = ({ provider, party }: Plan): void => {
  const { makeVisitor, choice, metadata } = provider

  const refusalOf = async (parameters: Parameters): Promise<string> => {
    const attempt = party.ask(parameters)
    const answer = party.read(attempt, await makeVisitor().passThrough(attempt.url, choice))
    assert.ok('error' in answer, JSON.stringify(parameters))
    return answer.error
  }

  test('oidcc-response-type-missing', async () => {
    assert.equal(await refusalOf({ response_type: undefined }), 'invalid_request')
  })

  test('oidcc-ensure-request-with-unknown-parameter-succeeds', async () => {
    await party.signIn(makeVisitor(), choice, { extra: 'foobar', 'urn:example:more': '1' })
  })

  test('oidcc-ensure-registered-redirect-uri', async () => {
    const { redirectUri } = party.registration
    const others = [
      'https://elsewhere.example/callback',
      `${redirectUri}/more`,
      `${redirectUri}?more=1`,
      redirectUri.toUpperCase(),
    ]
    for (const other of others) {
      const shown = await makeVisitor().passThrough(party.ask({ redirect_uri: other }).url, choice)
      // The person is told, and the browser goes nowhere.
      assert.equal(shown.status, 400, other)
      assert.equal(shown.url.origin, new URL(metadata.issuer).origin)
      assert.deepEqual(
        shown.forms.filter(({ action }) => action.includes('.example')),
        [],
      )
    }
  })

  test('oidcc-ensure-post-request-succeeds', async () => {
    const attempt = party.ask()
    const visitor = makeVisitor()
    const fields = [...attempt.url.searchParams]
    const page = { url: new URL(party.registration.redirectUri), status: 200, text: '', forms: [] }
    const action = `${attempt.url.origin}${attempt.url.pathname}`
    // A form of the client's page leads to the sign-in as a link does; what is signed in there goes on with the request.
    const shown = await visitor.send(page, { action, fields, offered: new Set() }, fields)
    assert.equal(shown.status, 200)
    const done = await visitor.passThrough(shown.url, choice)
    await party.accept(attempt, await party.redeem(party.readCode(attempt, done)))
  })

  const unsigned = (claims: Parameters): string =>
    `${base64url.encode('{"alg":"none"}')}.${base64url.encode(JSON.stringify(claims))}.`

  test('oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported', async () => {
    const { redirectUri, clientId } = party.registration
    const request = unsigned({ response_type: 'code', client_id: clientId, redirect_uri: redirectUri, scope: 'openid' })
    assert.equal(metadata['request_parameter_supported'], false)
    assert.equal(await refusalOf({ request }), 'request_not_supported')
  })

  test('oidcc-ensure-request-object-with-redirect-uri', async () => {
    // The parameters and the object name two places: nothing is sent to the one that only the object names.
    const request = unsigned({ redirect_uri: 'https://elsewhere.example/callback' })
    assert.equal(await refusalOf({ request }), 'request_not_supported')
  })

  test('oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported', async () => {
    assert.equal(metadata['request_uri_parameter_supported'], false)
    assert.equal(await refusalOf({ request_uri: 'https://elsewhere.example/request' }), 'request_uri_not_supported')
  })

  test('oidcc-ensure-request-with-valid-pkce-succeeds', async () => {
    const { verifier, challenge } = pkce()
    const attempt = party.ask({ code_challenge: challenge, code_challenge_method: 'S256' })
    const visitor = makeVisitor()
    const obtain = async () => party.readCode(attempt, await visitor.passThrough(attempt.url, choice))
    await party.accept(attempt, await party.redeem(await obtain(), { code_verifier: verifier }))
    for (const wrong of [undefined, pkce().verifier]) {
      const { status, body } = await party.redeem(await obtain(), { code_verifier: wrong })
      assert.deepEqual([status, body.error], [400, 'invalid_grant'])
    }
  })
}
