import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seconds } from '#base/time.ts'
import {
  invalidRefreshToken,
  invalidRequest,
  OAUTH_ERRORS,
  OAuthError,
  tooManyAttempts,
  type OAuthErrorCode,
} from '#protocol/errors.ts'

const CODES = Object.keys(OAUTH_ERRORS) as OAuthErrorCode[]

test('every code of RFC 6749 §5.2, RFC 7009, RFC 8628, RFC 8707 and RFC 9449 is in the catalogue, with the status that it has there', () => {
  const statusOf = Object.fromEntries(CODES.map((code) => [code, OAUTH_ERRORS[code].status]))
  assert.deepEqual(statusOf, {
    invalid_request: 400,
    invalid_client: 401,
    invalid_grant: 400,
    unauthorized_client: 400,
    unsupported_grant_type: 400,
    invalid_scope: 400,
    invalid_target: 400,
    unsupported_token_type: 400,
    invalid_dpop_proof: 400,
    use_dpop_nonce: 400,
    too_many_attempts: 429,
    server_error: 500,
    temporarily_unavailable: 503,
    authorization_pending: 400,
    slow_down: 400,
    access_denied: 400,
    expired_token: 400,
  })
})

test('every code is written as RFC 6749 §5.2 allows, cites its source, and has a sentence for the developer', () => {
  for (const code of CODES) {
    assert.match(code, /^[a-z_]+$/)
    assert.match(OAUTH_ERRORS[code].source, /^RFC \d{4} §\d/)
    assert.match(OAUTH_ERRORS[code].meaning, /^[A-Z].*\.$/)
  }
})

test('an error has the status of its code, and its reason is in the message for the log but not in the description', () => {
  for (const code of CODES) {
    const error = new OAuthError(code, 'What the client reads', { reason: 'what the operator reads' })
    assert.equal(error.status, OAUTH_ERRORS[code].status)
    assert.equal(error.description, 'What the client reads')
    assert.match(error.message, /what the operator reads/)
    assert.ok(error instanceof Error)
  }
  assert.equal(new OAuthError('invalid_grant', 'Wrong').message, 'invalid_grant: Wrong')
})

test('the words for a refresh token are the ones that client libraries look for, whatever the reason', () => {
  const one = invalidRefreshToken('expired', { client: 'c' })
  const two = invalidRefreshToken('of another client', { client: 'd', account: 7 })
  for (const error of [one, two]) {
    assert.equal(error.code, 'invalid_grant')
    assert.equal(error.description, 'Unknown or invalid refresh token.')
  }
  assert.deepEqual(two.details, { reason: 'of another client', client: 'd', account: 7 })
})

test('who is throttled learns how long to wait', () => {
  const error = tooManyAttempts(seconds(42))
  assert.equal(error.status, 429)
  assert.equal(error.details.retryAfter, 42)
  assert.match(error.description, /42 s/)
  assert.equal(invalidRequest('x').code, 'invalid_request')
})
