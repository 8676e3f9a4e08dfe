import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findChallenge } from '#platform/challenge.ts'
import { PLATFORM_ERRORS, PlatformError, type PlatformErrorCode } from '#platform/errors.ts'

test('a request without a token is told the scheme alone; one with a token, what is wrong with it', () => {
  const error = new PlatformError('invalid-token', 'The access token has expired')
  assert.equal(findChallenge(error, false, 'R'), 'Bearer realm="R"')
  assert.equal(
    findChallenge(error, true, 'R'),
    'Bearer realm="R", error="invalid_token", error_description="The access token has expired"',
  )
})

test('a missing scope is named, and only to a token', () => {
  const error = new PlatformError('insufficient-scope', 'This needs the scope read', { scope: 'read' })
  assert.equal(
    findChallenge(error, true, 'R'),
    'Bearer realm="R", error="insufficient_scope", error_description="This needs the scope read", scope="read"',
  )
  assert.equal(findChallenge(error, false, 'R'), undefined)
})

test('there is a challenge with every 401, and with no text can it be torn open', () => {
  const codes = Object.keys(PLATFORM_ERRORS) as PlatformErrorCode[]
  fc.assert(
    fc.property(
      fc.constantFrom(...codes),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary' }),
      fc.boolean(),
      (code, message, realm, cameWithBearer) => {
        const error = new PlatformError(code, message, { scope: message })
        const challenge = findChallenge(error, cameWithBearer, realm)
        if (error.kind.status === 401) assert.ok(challenge !== undefined)
        if (challenge === undefined) return
        assert.match(
          challenge,
          /^Bearer \w+="[\x20\x21\x23-\x5b\x5d-\x7e]*"(?:, \w+="[\x20\x21\x23-\x5b\x5d-\x7e]*")*$/,
        )
      },
    ),
  )
})
