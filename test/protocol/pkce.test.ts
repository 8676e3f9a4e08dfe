import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCodeChallenge, verifiesChallenge } from '#protocol/pkce.ts'

// RFC 7636 appendix B
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

test('the verifier of RFC 7636 appendix B opens its challenge, and nothing near it does', () => {
  assert.ok(isCodeChallenge(CHALLENGE))
  assert.ok(verifiesChallenge(VERIFIER, CHALLENGE))
  for (const wrong of [`${VERIFIER}x`, VERIFIER.slice(1), VERIFIER.toLowerCase(), CHALLENGE, '']) {
    assert.ok(!verifiesChallenge(wrong, CHALLENGE), wrong)
  }
})

test('a verifier that is too short, too long or has another character opens nothing, even its own hash (§4.1)', () => {
  for (const verifier of [
    'x'.repeat(42),
    'x'.repeat(129),
    `${'x'.repeat(43)}!`,
    `${'x'.repeat(43)} `,
    'ä'.repeat(43),
  ]) {
    assert.ok(!verifiesChallenge(verifier, hash('sha256', verifier, 'base64url')), verifier)
  }
  for (const verifier of ['x'.repeat(43), 'x'.repeat(128)]) {
    assert.ok(verifiesChallenge(verifier, hash('sha256', verifier, 'base64url')))
  }
})

test('a challenge is the base64url of 32 bytes in its one spelling, and nothing else', () => {
  for (const bad of [
    CHALLENGE.slice(1),
    `${CHALLENGE}x`,
    `${CHALLENGE}=`,
    CHALLENGE.replace('-', '+'),
    CHALLENGE.replace('-', '/'),
    `${CHALLENGE.slice(0, -1)}N`,
    '',
  ]) {
    assert.ok(!isCodeChallenge(bad), bad)
  }
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      assert.ok(isCodeChallenge(Buffer.from(bytes).toString('base64url')))
    }),
  )
})
