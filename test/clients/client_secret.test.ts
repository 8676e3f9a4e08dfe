import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { digestOf } from '#base/secrets.ts'
import { isClientSecret, makeClientSecret, secretMatches } from '#clients/client_secret.ts'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

test('a client secret is pst_, 43 digits and a CRC-32 in 6 digits of base62, as a secret scanner computes it', () => {
  const secret = makeClientSecret()
  const [, body = '', checksum = ''] = /^(pst_[0-9A-Za-z]{43})([0-9A-Za-z]{6})$/.exec(secret) ?? []
  const value = [...checksum].reduce((sum, digit) => sum * 62 + ALPHABET.indexOf(digit), 0)
  assert.equal(value, crc32(body))
})

test('no secret is made twice', () => {
  assert.equal(new Set(Array.from({ length: 1000 }, makeClientSecret)).size, 1000)
})

test('every secret that we make is known by its form', () => {
  for (let n = 0; n < 500; n++) assert.equal(isClientSecret(makeClientSecret()), true)
})

test('with any single character changed it is not: a typing error never reaches the database', () => {
  const secret = makeClientSecret()
  const place = fc.nat(secret.length - 1)
  fc.assert(
    fc.property(place, fc.constantFrom(...ALPHABET, '_', '-', ' ', 'é'), (at, by) => {
      fc.pre(secret[at] !== by)
      assert.equal(isClientSecret(secret.slice(0, at) + by + secret.slice(at + 1)), false)
    }),
    { numRuns: 1000 },
  )
  for (let at = 0; at < secret.length - 1; at++) {
    const swapped = secret.slice(0, at) + secret[at + 1] + secret[at] + secret.slice(at + 2)
    assert.equal(isClientSecret(swapped), swapped === secret)
  }
})

test('neither is anything shorter or longer, nor any other text', () => {
  const secret = makeClientSecret()
  for (const text of ['', 'pst_', secret.slice(1), secret.slice(0, -1), `${secret}0`, ` ${secret}`, `${secret}\n`])
    assert.equal(isClientSecret(text), false)
  assert.equal(isClientSecret(secret.toUpperCase()), false)
  fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => assert.equal(isClientSecret(text), false)))
})

test('a secret matches its own digest alone', () => {
  const [one, two] = [makeClientSecret(), makeClientSecret()]
  assert.equal(secretMatches(one, digestOf(one)), true)
  assert.equal(secretMatches(two, digestOf(one)), false)
  assert.equal(secretMatches('', digestOf(one)), false)
})
