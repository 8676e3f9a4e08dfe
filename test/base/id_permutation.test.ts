import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeUint64, findUint64 } from '#base/base62.ts'
import { createIdPermutation, speckDecrypt, speckEncrypt, speckRoundKeys } from '#base/id_permutation.ts'
import { deriveKey, random, type Key } from '#base/secrets.ts'

const key = deriveKey(random(32) as Key, 'tests')
const ids = createIdPermutation(key, 1)
const rowId = fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }))

test('Speck64/128 gives the test vector of its paper (ePrint 2013/404, appendix C)', () => {
  const keys = speckRoundKeys([0x1b1a1918, 0x13121110, 0x0b0a0908, 0x03020100])
  assert.deepEqual(speckEncrypt(keys, 0x3b726574, 0x7475432d), [0x8c6fa548, 0x454e028b])
  assert.deepEqual(speckDecrypt(keys, 0x8c6fa548, 0x454e028b), [0x3b726574, 0x7475432d])
})

test('decryption undoes encryption, for any key and block', () => {
  const word = fc.integer({ min: 0, max: 0xffff_ffff })
  fc.assert(
    fc.property(fc.tuple(word, word, word, word), word, word, (words, high, low) => {
      const keys = speckRoundKeys(words)
      assert.deepEqual(speckDecrypt(keys, ...speckEncrypt(keys, high, low)), [high, low])
    }),
  )
})

test('each id is shown as 11 digits and found again', () => {
  fc.assert(
    fc.property(rowId, (id) => {
      const shown = ids.show(id)
      assert.match(shown, /^[0-9A-Za-z]{11}$/)
      assert.equal(ids.find(shown), id)
    }),
  )
  for (const id of [1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])
    assert.equal(ids.find(ids.show(id)), id)
})

test('no two of 20,000 ids in a row are shown alike, nor in their order', () => {
  const shown = Array.from({ length: 20_000 }, (_, n) => ids.show(n + 1))
  assert.equal(new Set(shown).size, shown.length)
  const rising = shown.filter((text, n) => n > 0 && text > shown[n - 1]!).length
  assert.ok(Math.abs(rising - 10_000) < 1000, `${rising} of 20,000 are above the one before`)
})

test('what is shown looks unrelated in another domain and under another key', () => {
  const others = [createIdPermutation(key, 2), createIdPermutation(deriveKey(key, 'another'), 1)]
  for (const other of others)
    fc.assert(
      fc.property(rowId, (id) => {
        assert.notEqual(other.show(id), ids.show(id))
        assert.notEqual(other.find(ids.show(id)), id)
      }),
    )
})

test('the same key and domain show the same, in any process', () => {
  fc.assert(fc.property(rowId, (id) => assert.equal(createIdPermutation(key, 1).show(id), ids.show(id))))
})

test('junk gives no id, or one that a row could have and that is shown just so', () => {
  const junk = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(encodeUint64),
    fc.string({ maxLength: 20 }),
    fc.string({ minLength: 11, maxLength: 11 }),
  )
  fc.assert(
    fc.property(junk, (shown) => {
      const id = ids.find(shown)
      if (id === undefined) return
      assert.ok(Number.isSafeInteger(id) && id > 0)
      assert.equal(ids.show(id), shown)
    }),
    { numRuns: 2000 },
  )
})

test('blocks of what can be no row are refused: zero, and what is beyond safe integers', () => {
  assert.equal(ids.find(ids.show(0)), undefined)
  assert.equal(ids.find(ids.show(-1)), undefined)
  assert.equal(ids.find(ids.show(2 ** 53)), undefined)
  assert.equal(ids.find(ids.show(2 ** 63)), undefined)
  // Each of these is of the right form: it is the id behind it that is refused.
  for (const id of [0, -1, 2 ** 53, 2 ** 63]) assert.notEqual(findUint64(ids.show(id)), undefined)
})
