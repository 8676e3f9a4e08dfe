import fc from 'fast-check'
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import { deriveKey, digestOf, equalInConstantTime, hmac, random, type Key } from '#base/secrets.ts'

test('a digest is the SHA-256 of the UTF-8 of the secret (FIPS 180-4: "abc")', () => {
  assert.equal(digestOf('abc').toString('hex'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (secret) => {
      assert.deepEqual(Buffer.from(digestOf(secret)), createHash('sha256').update(secret, 'utf8').digest())
    }),
  )
})

test('a key for a purpose is HKDF-SHA256 without salt (RFC 5869 §2.2, §2.3), written out', () => {
  const master = Buffer.alloc(32, 7) as unknown as Key
  const extracted = createHmac('sha256', Buffer.alloc(32)).update(master).digest()
  const expanded = createHmac('sha256', extracted)
    .update('postern tests')
    .update(Buffer.from([1]))
    .digest()
  assert.deepEqual(Buffer.from(deriveKey(master, 'tests')), expanded)
})

test('each purpose and each master key give another key, the same one each time', () => {
  const purposes = fc.uniqueArray(fc.string(), { minLength: 2, maxLength: 2 })
  const master = random(32) as Key
  fc.assert(
    fc.property(purposes, ([one = '', two = '']) => {
      assert.notDeepEqual(deriveKey(master, one), deriveKey(master, two))
      assert.deepEqual(deriveKey(master, one), deriveKey(master, one))
      assert.notDeepEqual(deriveKey(random(32) as Key, one), deriveKey(master, one))
      assert.equal(deriveKey(master, one).length, 32)
    }),
  )
})

test('an HMAC of parts is that of the whole (RFC 4231 test case 2)', () => {
  const expected = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'
  const jefe = Buffer.from('Jefe')
  assert.equal(hmac(jefe, 'what do ya want for nothing?').toString('hex'), expected)
  assert.equal(hmac(jefe, 'what do ', Buffer.from('ya want '), 'for nothing?').toString('hex'), expected)
})

test('two texts of bytes are equal if they are, and another length is no error', () => {
  const bytes = fc.uint8Array({ maxLength: 8 })
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      assert.equal(equalInConstantTime(a, b), Buffer.compare(a, b) === 0)
      assert.equal(equalInConstantTime(a, Uint8Array.from(a)), true)
    }),
  )
})

test('random bytes never repeat, over many refills of the pool and in any sizes', () => {
  const seen = new Set<string>()
  const sizes = [16, 12, 16, 32, 24, 16, 100]
  for (let n = 0; n < 3000; n++) {
    const bytes = random(sizes[n % sizes.length]!)
    seen.add(bytes.subarray(0, 12).toString('hex'))
  }
  assert.equal(seen.size, 3000)
})

test('what was drawn belongs to its caller: no later draw shares a byte with it or changes it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 2, maxLength: 20 }), (sizes) => {
      const drawn = sizes.map((size) => {
        const bytes = random(size)
        return { size, bytes, copy: Buffer.from(bytes) }
      })
      for (const { size, bytes, copy } of drawn) {
        assert.equal(bytes.length, size)
        assert.deepEqual(bytes, copy)
      }
      // A caller that overwrites its own bytes overwrites nobody else's.
      drawn.forEach(({ bytes }, n) => {
        bytes.fill(0)
        for (const other of drawn.slice(n + 1)) assert.deepEqual(other.bytes, other.copy)
      })
    }),
  )
})

test('bits are as often one as zero', () => {
  let ones = 0
  for (const byte of random(100_000)) for (let bit = 0; bit < 8; bit++) ones += (byte >> bit) & 1
  // Ten standard deviations: √(800,000) / 2 each.
  assert.ok(Math.abs(ones - 400_000) < 4472, `${ones} of 800,000`)
})
