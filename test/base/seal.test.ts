import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findSealed, seal } from '#base/seal.ts'
import { deriveKey, random, type Key } from '#base/secrets.ts'

const key = deriveKey(random(32) as Key, 'tests')
const plainText = fc.uint8Array({ maxLength: 200 })
const context = fc.string({ maxLength: 40 })

test('what was sealed opens with its key and context, and is as it was', () => {
  fc.assert(
    fc.property(plainText, context, (plain, about) => {
      assert.deepEqual(findSealed(key, about, seal(key, about, plain)), Buffer.from(plain))
    }),
  )
})

test('it does not open with another key or in another context', () => {
  const other = deriveKey(key, 'another')
  fc.assert(
    fc.property(plainText, context, context, (plain, about, elsewhere) => {
      const sealed = seal(key, about, plain)
      assert.equal(findSealed(other, about, sealed), undefined)
      if (about !== elsewhere) assert.equal(findSealed(key, elsewhere, sealed), undefined)
    }),
  )
})

test('it does not open with any bit of it changed, nor with bytes cut off or added', () => {
  const plain = Buffer.from('a signing key')
  const sealed = seal(key, 'it', plain)
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(findSealed(key, 'it', changed), undefined, `bit ${bit}`)
  }
  for (let length = 0; length < sealed.length; length++)
    assert.equal(findSealed(key, 'it', sealed.subarray(0, length)), undefined, `${length} bytes`)
  assert.equal(findSealed(key, 'it', Buffer.concat([sealed, Buffer.from([0])])), undefined)
  assert.deepEqual(findSealed(key, 'it', sealed), plain)
})

test('the same text sealed twice has nothing in common, and does not show the text', () => {
  const plain = Buffer.from('0123456789abcdef')
  const [one, two] = [seal(key, 'it', plain), seal(key, 'it', plain)]
  assert.notDeepEqual(one.subarray(0, 12), two.subarray(0, 12))
  assert.notDeepEqual(one.subarray(28), two.subarray(28))
  assert.ok(!one.includes(plain.subarray(0, 4)))
})
