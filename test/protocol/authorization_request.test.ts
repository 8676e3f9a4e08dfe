import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AuthorizationError } from '#protocol/authorization_error.ts'
import {
  findResponseTarget,
  parseAuthorizationRequest,
  readAuthorizationParameters,
  type AuthorizationRequest,
} from '#protocol/authorization_request.ts'
import { redirectTo } from '#protocol/authorization_response.ts'
import { OAuthError } from '#protocol/errors.ts'

const URI = 'https://app.example/cb'
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
const SMALLEST = 'response_type=code&client_id=c'
const WHOLE = `${SMALLEST}&redirect_uri=${encodeURIComponent(URI)}`

const read = (query: string, registered: readonly string[] = [URI]): AuthorizationRequest => {
  const parameters = readAuthorizationParameters(query)
  return parseAuthorizationRequest(parameters, 'c', findResponseTarget(parameters, { redirectUris: registered }))
}

const isTold = (code: string) => (error: unknown) => error instanceof AuthorizationError && error.code === code
/** Nobody is redirected: there is no target that can be trusted. */
const isShown = (error: unknown) => error instanceof OAuthError && error.code === 'invalid_request'

test('the guide’s bare request is enough: the one registered redirect URI is meant (RFC 6749 §3.1.2.3)', () => {
  const request = read(SMALLEST)
  assert.deepEqual(request.target, { redirectUri: URI, mode: 'query', state: undefined, isSilent: false })
  assert.equal(request.redirectUri, undefined)
  assert.deepEqual([request.scopes, request.audience, request.codeChallenge], [[], undefined, undefined])
})

test('without a redirect URI that can be trusted, the person is shown the error', () => {
  for (const [query, registered] of [
    [SMALLEST, []],
    [SMALLEST, [URI, 'https://app.example/other']],
    [`${SMALLEST}&scope=openid`, [URI]],
    [`${SMALLEST}&redirect_uri=https%3A%2F%2Fevil.example%2Fcb`, [URI]],
    [`${WHOLE}&redirect_uri=${encodeURIComponent(URI)}`, [URI]],
    [`${WHOLE}&redirect_uri=`, [URI]],
    [`${SMALLEST}&state=%ff`, [URI]],
    [`${SMALLEST}&state=%00`, [URI]],
  ] as const) {
    assert.throws(() => read(query, registered), isShown, query)
  }
})

test('every parameter comes once; a repeated state is not echoed (RFC 6749 §3.1)', () => {
  for (const name of ['scope', 'state', 'nonce', 'code_challenge', 'response_type', 'prompt', 'foo']) {
    assert.throws(() => read(`${WHOLE}&${name}=a&${name}=b`), isTold('invalid_request'), name)
  }
  const parameters = readAuthorizationParameters(`${WHOLE}&state=a&state=b`)
  assert.equal(findResponseTarget(parameters, { redirectUris: [URI] }).state, undefined)
})

test('only a code by query, form or message is given (RFC 9700 §2.1.2)', () => {
  for (const type of ['token', 'id_token', 'code token', 'CODE', 'code code', '%20code', 'code%20', 'none']) {
    const query = `response_type=${encodeURIComponent(decodeURIComponent(type))}&client_id=c`
    assert.throws(() => read(query), isTold('unsupported_response_type'), type)
  }
  assert.throws(() => read('client_id=c'), isTold('invalid_request'))
  assert.equal(read(`${WHOLE}&response_mode=form_post`).target.mode, 'form_post')
  assert.equal(read(`${WHOLE}&response_mode=query`).target.mode, 'query')
  for (const mode of ['fragment', 'WEB_MESSAGE', 'query.jwt', 'FORM_POST']) {
    assert.throws(() => read(`${WHOLE}&response_mode=${mode}`), isTold('invalid_request'), mode)
  }
})

test('a message goes to an origin that is allowed for the client, and to no other', () => {
  const target = (redirectUri: string, allowedOrigins?: readonly string[], more = '') => {
    const query = `${SMALLEST}&response_mode=web_message${more}&redirect_uri=${encodeURIComponent(redirectUri)}`
    const parameters = readAuthorizationParameters(query)
    const client = {
      redirectUris: [redirectUri, 'http://127.0.0.1/cb'],
      ...(allowedOrigins === undefined ? {} : { allowedOrigins }),
    }
    const found = findResponseTarget(parameters, client)
    const parse = () => parseAuthorizationRequest(parameters, 'c', found)
    if (found.mode === 'web_message') parse()
    else assert.throws(parse, isTold('invalid_request'))
    return found
  }
  assert.equal(target(URI).mode, 'web_message')
  assert.equal(target(URI, ['https://app.example']).mode, 'web_message')
  for (const allowed of [[], ['https://other.example'], ['https://app.example:8443'], ['http://app.example']]) {
    assert.equal(target(URI, allowed).mode, 'query', allowed.join())
  }
  // The port of a loopback redirect URI is whatever the system gave; nobody knows what is at the next one.
  assert.equal(target('http://127.0.0.1:5000/cb', ['http://127.0.0.1']).mode, 'query')
  assert.equal(target('http://127.0.0.1:5000/cb', ['http://127.0.0.1:5000']).mode, 'web_message')
  assert.equal(target('http://[::1]:5000/cb', ['http://[::1]:5000']).mode, 'query')
  assert.equal(target('com.example.app:/cb', ['null']).mode, 'query')
  assert.deepEqual(
    [target(URI, undefined, '&prompt=none').isSilent, target(URI, undefined, '&prompt=login').isSilent],
    [true, false],
  )
})

test('PKCE is S256 or nothing (RFC 9700 §2.1.1)', () => {
  assert.equal(read(`${WHOLE}&code_challenge=${CHALLENGE}&code_challenge_method=S256`).codeChallenge, CHALLENGE)
  for (const bad of [
    `code_challenge=${CHALLENGE}`,
    `code_challenge=${CHALLENGE}&code_challenge_method=plain`,
    `code_challenge=${CHALLENGE}&code_challenge_method=s256`,
    `code_challenge=${CHALLENGE}&code_challenge_method=S512`,
    `code_challenge=${CHALLENGE}x&code_challenge_method=S256`,
    'code_challenge=&code_challenge_method=S256',
    'code_challenge_method=S256',
  ]) {
    assert.throws(() => read(`${WHOLE}&${bad}`), isTold('invalid_request'), bad)
  }
})

test('prompt, max_age, audience and request objects are read as OpenID Connect and RFC 8707 say', () => {
  assert.deepEqual([...read(`${WHOLE}&prompt=login+consent`).prompts], ['login', 'consent'])
  assert.equal(read(`${WHOLE}&max_age=0`).maxAge, 0)
  assert.equal(read(`${WHOLE}&resource=https%3A%2F%2Fapi.example%2F`).audience, 'https://api.example/')
  for (const [bad, code] of [
    ['prompt=none+login', 'invalid_request'],
    ['prompt=foo', 'invalid_request'],
    ['max_age=-1', 'invalid_request'],
    ['max_age=x', 'invalid_request'],
    ['max_age=9999999999', 'invalid_request'],
    ['audience=https://a.example/&resource=https://b.example/', 'invalid_target'],
    ['request=eyJ', 'request_not_supported'],
    ['request_uri=https%3A%2F%2Fapp.example%2Fr', 'request_uri_not_supported'],
    ['registration=%7B%7D', 'registration_not_supported'],
    [`state=${'x'.repeat(4097)}`, 'invalid_request'],
    ['scope=%22', 'invalid_request'],
  ] as const) {
    assert.throws(() => read(`${WHOLE}&${bad}`), isTold(code), bad)
  }
})

test('the answer is added to the redirect URI, and what is in its query stays', () => {
  assert.equal(redirectTo(URI, { code: 'a b', state: '&=\r\n' }), `${URI}?code=a+b&state=%26%3D%0D%0A`)
  assert.equal(redirectTo(`${URI}?t=1`, { code: 'x' }), `${URI}?t=1&code=x`)
})
