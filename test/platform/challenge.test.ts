import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findChallenge } from '#platform/challenge.ts'
import { PLATFORM_ERRORS, PlatformError, type PlatformErrorCode } from '#platform/errors.ts'

const ALGS = 'algs="ES256 PS256 RS256 EdDSA Ed25519"'

test('a request without a token is told the schemes alone; one with a token, what is wrong with it', () => {
  const error = new PlatformError('invalid-token', 'The access token has expired')
  assert.equal(findChallenge(error, undefined, 'R'), `Bearer realm="R", DPoP realm="R", ${ALGS}`)
  assert.equal(
    findChallenge(error, 'Bearer x', 'R'),
    'Bearer realm="R", error="invalid_token", error_description="The access token has expired"',
  )
})

test('what is wrong with a token is told in the scheme that it came in, or must come in', () => {
  const told = `DPoP realm="R", error="invalid_token", error_description="No", ${ALGS}`
  assert.equal(findChallenge(new PlatformError('invalid-token', 'No'), 'dpop x', 'R'), told)
  assert.equal(findChallenge(new PlatformError('invalid-token', 'No', { needsDpop: true }), 'Bearer x', 'R'), told)
})

test('a missing scope is named, and only to a token', () => {
  const error = new PlatformError('insufficient-scope', 'This needs the scope read', { scope: 'read' })
  assert.equal(
    findChallenge(error, 'Bearer x', 'R'),
    'Bearer realm="R", error="insufficient_scope", error_description="This needs the scope read", scope="read"',
  )
  assert.equal(findChallenge(error, undefined, 'R'), undefined)
})

test('there is a challenge with every 401, and with no text can it be torn open', () => {
  const codes = Object.keys(PLATFORM_ERRORS) as PlatformErrorCode[]
  fc.assert(
    fc.property(
      fc.constantFrom(...codes),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary' }),
      fc.constantFrom(undefined, 'Bearer x', 'DPoP x'),
      (code, message, realm, authorization) => {
        const error = new PlatformError(code, message, { scope: message })
        const challenge = findChallenge(error, authorization, realm)
        if (error.kind.status === 401) assert.ok(challenge !== undefined)
        if (challenge === undefined) return
        assert.match(
          challenge,
          /^(?:Bearer|DPoP) \w+="[\x20\x21\x23-\x5b\x5d-\x7e]*"(?:, (?:DPoP )?\w+="[\x20\x21\x23-\x5b\x5d-\x7e]*")*$/,
        )
      },
    ),
  )
})
