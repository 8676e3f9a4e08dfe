import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import {
  assertTold,
  authorize,
  authorizePath,
  ISSUER,
  makeSite,
  openBrowser,
  readCode,
  signInHere,
} from '../support/browser_like.ts'
import { claimsOf, headerOf, startPostern } from '../support/running_postern.ts'

// Answers of userinfo as JWTs (OpenID Connect Core 1.0 §5.3.2).

const postern = await startPostern({ after: after as TestContext['after'] })
const account = await postern.makeAccount({ profile: { name: 'Zoe Example', email: 'zoe@example.com' } })
const jwks = createLocalJWKSet((await (await fetch(`${postern.origin}/.well-known/jwks.json`)).json()) as JSONWebKeySet)

const askUserinfo = (bearer: string) =>
  fetch(`${postern.origin}/userinfo`, { headers: { authorization: `Bearer ${bearer}` } })

for (const algorithm of ['RS256', 'ES256'] as const) {
  test(`a client that asked for ${algorithm} is answered with a JWT for it alone, with what JSON would say`, async () => {
    const parameters = { scope: 'openid email' }
    for (const subjectType of ['public', 'pairwise'] as const) {
      const signed = await makeSite(postern, { userinfoSignedResponseAlg: algorithm, subjectType })
      const { access_token: bearer, id_token: idToken = '' } = await authorize(postern, signed, account, { parameters })
      const answer = await askUserinfo(bearer)
      assert.equal(answer.status, 200)
      assert.equal(answer.headers.get('content-type'), 'application/jwt')
      assert.equal(answer.headers.get('cache-control'), 'no-store')
      const text = await answer.text()
      const { payload } = await jwtVerify(text, jwks, {
        issuer: ISSUER,
        audience: signed.client.id,
        algorithms: [algorithm],
      })
      const { sub } = claimsOf(idToken)
      assert.deepEqual(payload, { iss: ISSUER, aud: signed.client.id, sub, email: 'zoe@example.com' })
      assert.equal(headerOf(text)['alg'], algorithm)
      const plain = await makeSite(postern, { subjectType })
      const { access_token: other } = await authorize(postern, plain, account, { parameters })
      const json = await askUserinfo(other)
      assert.equal(json.headers.get('content-type'), 'application/json')
      assert.deepEqual(await json.json(), { sub, email: 'zoe@example.com' })
    }
  })
}

test('a signed answer of userinfo is no ID token: as a hint it is refused (RFC 8725 §3.11)', async () => {
  const signed = await makeSite(postern, { userinfoSignedResponseAlg: 'RS256', party: 'first' })
  const browser = openBrowser(postern)
  await signInHere(browser, account)
  const { access_token: bearer, id_token: idToken = '' } = await authorize(postern, signed, account, {
    browser,
    parameters: { scope: 'openid' },
  })
  const hinting = (hint: string) =>
    browser.get(authorizePath(signed, { scope: 'openid', prompt: 'none', id_token_hint: hint }))
  assertTold(await hinting(await (await askUserinfo(bearer)).text()), 'invalid_request')
  readCode(await hinting(idToken))
})

test('what userinfo refuses is told as JSON and in WWW-Authenticate, whatever the client asked for', async () => {
  const answer = await askUserinfo('junk')
  assert.equal(answer.status, 401)
  assert.equal(answer.headers.get('content-type'), 'application/json')
  assert.match(answer.headers.get('www-authenticate') ?? '', /error="invalid_token"/)
})
