import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OAuthError } from '#protocol/errors.ts'
import { parseTokenRequest, PASSWORD_REALM, TOKEN_PARAMETERS } from '#protocol/token_request.ts'

const parse = (parameters: Record<string, string>) => parseTokenRequest(new Map(Object.entries(parameters)))

const refuses = (parameters: Record<string, string>, code: string, why?: RegExp): void => {
  assert.throws(
    () => parse(parameters),
    (error) => {
      assert.ok(error instanceof OAuthError, String(error))
      assert.equal(error.code, code)
      if (why !== undefined) assert.match(error.description, why)
      return true
    },
  )
}

const PASSWORD = { grant_type: 'password', username: 'u', password: 'p' }

test('each grant type is read into what it needs, and into nothing else', () => {
  const extra = { scope: 'b a', audience: 'https://a/', client_id: 'c', client_secret: 's', code: 'x', foreign: 'y' }
  const common = { scopes: ['b', 'a'], audience: 'https://a/' }
  assert.deepEqual(parse({ ...PASSWORD, ...extra }), {
    ...common,
    grantType: 'password',
    realm: undefined,
    username: 'u',
    password: 'p',
  })
  assert.deepEqual(parse({ ...PASSWORD, ...extra, grant_type: PASSWORD_REALM, realm: 'R' }), {
    ...common,
    grantType: PASSWORD_REALM,
    realm: 'R',
    username: 'u',
    password: 'p',
  })
  assert.deepEqual(parse({ ...extra, grant_type: 'client_credentials' }), {
    ...common,
    grantType: 'client_credentials',
  })
  assert.deepEqual(parse({ ...extra, grant_type: 'refresh_token', refresh_token: 't' }), {
    ...common,
    grantType: 'refresh_token',
    refreshToken: 't',
  })
})

test('the plain password grant knows no realm, even if one is sent', () => {
  const asked = parse({ ...PASSWORD, realm: 'Staff' })
  assert.ok(asked.grantType === 'password')
  assert.equal(asked.realm, undefined)
})

test('what is missing is named', () => {
  refuses({}, 'invalid_request', /Missing required parameter: grant_type/)
  refuses({ grant_type: 'password', password: 'p' }, 'invalid_request', /: username/)
  refuses({ grant_type: 'password', username: 'u' }, 'invalid_request', /: password/)
  refuses({ grant_type: 'refresh_token' }, 'invalid_request', /: refresh_token/)
})

test('another grant type is unsupported_grant_type, and is repeated only in part', () => {
  for (const grantType of ['Authorization_code', 'Password', 'password ', 'implicit', '__proto__', 'constructor'])
    refuses({ ...PASSWORD, grant_type: grantType }, 'unsupported_grant_type')
  assert.throws(
    () => parse({ grant_type: 'x'.repeat(10_000) }),
    (error) => error instanceof OAuthError && error.description.length < 200,
  )
})

test('audience and resource name one API, by either name; different ones are invalid_target', () => {
  const audienceOf = (parameters: Record<string, string>) =>
    parse({ grant_type: 'client_credentials', ...parameters }).audience
  assert.equal(audienceOf({}), undefined)
  assert.equal(audienceOf({ audience: 'https://a/' }), 'https://a/')
  assert.equal(audienceOf({ resource: 'https://a/' }), 'https://a/')
  assert.equal(audienceOf({ audience: 'https://a/', resource: 'https://a/' }), 'https://a/')
  // They are compared as bytes.
  for (const resource of ['https://b/', 'https://a', 'https://A/'])
    refuses({ grant_type: 'client_credentials', audience: 'https://a/', resource }, 'invalid_target')
})

test('a scope with foreign characters is an invalid_request for every grant type', () => {
  for (const grantType of ['password', PASSWORD_REALM, 'client_credentials', 'refresh_token'])
    refuses({ ...PASSWORD, refresh_token: 't', grant_type: grantType, scope: 'a"b' }, 'invalid_request', /scope/)
})

test('a password and a username are taken in the longest spelling of the longest that can be registered', () => {
  // U+1F82 is the character of which NFD makes most: four of one.
  const decomposed = (length: number): string => '\u1f82'.repeat(length).normalize('NFD')
  assert.equal(decomposed(1).length, 4)
  parse({ ...PASSWORD, password: decomposed(1024) })
  parse({ ...PASSWORD, password: '😀'.repeat(1024) })
  parse({ ...PASSWORD, username: decomposed(320) })
  refuses({ ...PASSWORD, password: `${decomposed(1024)}x` }, 'invalid_request', /password is longer/)
  refuses({ ...PASSWORD, username: `${decomposed(320)}x` }, 'invalid_request', /username is longer/)
})

test('a refusal never repeats the password', () => {
  for (const parameters of [
    { ...PASSWORD, password: 'hunter2'.repeat(1000) },
    { ...PASSWORD, password: 'hunter2', grant_type: 'x' },
    { grant_type: 'password', password: 'hunter2' },
  ])
    assert.throws(
      () => parse(parameters),
      (error) => error instanceof OAuthError && !/hunter2/.test(String(error)),
    )
})

test('any parameters are a request or refused with a code of RFC 6749 or RFC 8707', () => {
  const name = fc.constantFrom(...TOKEN_PARAMETERS, '__proto__')
  const value = fc.oneof(
    fc.string({ minLength: 1 }),
    fc.constantFrom('password', PASSWORD_REALM, 'client_credentials', 'refresh_token'),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), (pairs) => {
      try {
        parseTokenRequest(new Map(pairs))
      } catch (error) {
        assert.ok(error instanceof OAuthError, String(error))
        assert.ok(['invalid_request', 'unsupported_grant_type', 'invalid_target'].includes(error.code))
      }
    }),
  )
})
