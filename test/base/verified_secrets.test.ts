import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochSeconds, minutes, seconds } from '#base/time.ts'
import { createVerifiedSecrets } from '#base/verified_secrets.ts'

const atTime = () => {
  let now = 1_700_000_000
  return { clock: () => epochSeconds(now), pass: (by: number) => void (now += by) }
}

test('a secret that was right is known for its lifetime, and not a second longer', () => {
  const { clock, pass } = atTime()
  const verified = createVerifiedSecrets(minutes(5), clock)
  assert.equal(verified.isVerified('right', 'hash'), false)
  verified.remember('right', 'hash')
  assert.equal(verified.isVerified('right', 'hash'), true)
  pass(299)
  assert.equal(verified.isVerified('right', 'hash'), true)
  pass(1)
  assert.equal(verified.isVerified('right', 'hash'), false)
})

test('to be asked about does not prolong it, to be verified again does', () => {
  const { clock, pass } = atTime()
  const verified = createVerifiedSecrets(seconds(10), clock)
  verified.remember('right', 'hash')
  for (let n = 0; n < 9; n++) {
    pass(1)
    assert.equal(verified.isVerified('right', 'hash'), true)
  }
  pass(1)
  assert.equal(verified.isVerified('right', 'hash'), false)
  verified.remember('right', 'hash')
  pass(9)
  assert.equal(verified.isVerified('right', 'hash'), true)
})

test('only this secret with this stored hash is known: a changed hash cuts it', () => {
  const verified = createVerifiedSecrets(minutes(5), atTime().clock)
  verified.remember('right', 'hash')
  const text = fc.string()
  fc.assert(
    fc.property(text, text, (secret, hash) => {
      if (secret !== 'right' || hash !== 'hash') assert.equal(verified.isVerified(secret, hash), false)
    }),
  )
  // Where the one ends and the other begins is not lost.
  for (const [secret, hash] of [
    ['tright', 'hash'],
    ['ight', 'hashr'],
    ['', 'hashright'],
    ['hash', 'right'],
  ] as const)
    assert.equal(verified.isVerified(secret, hash), false)
})

test('it holds so many at most: the one used longest ago is forgotten', () => {
  const verified = createVerifiedSecrets(minutes(5), atTime().clock, 2)
  verified.remember('a', 'hash')
  verified.remember('b', 'hash')
  assert.equal(verified.isVerified('a', 'hash'), true)
  verified.remember('c', 'hash')
  assert.equal(verified.isVerified('b', 'hash'), false)
  assert.equal(verified.isVerified('a', 'hash'), true)
  assert.equal(verified.isVerified('c', 'hash'), true)
})

test('one process does not know what another verified', () => {
  const { clock } = atTime()
  createVerifiedSecrets(minutes(5), clock).remember('right', 'hash')
  assert.equal(createVerifiedSecrets(minutes(5), clock).isVerified('right', 'hash'), false)
})
