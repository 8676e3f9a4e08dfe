import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeBytes, encodeUint64, findUint64 } from '#base/base62.ts'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const MOST = 2n ** 64n - 1n

/** The slow and plain way, for comparison. */
const valueOf = (text: string): bigint =>
  [...text].reduce((value, digit) => value * 62n + BigInt(ALPHABET.indexOf(digit)), 0n)
const textOf = (value: bigint, width: number): string => {
  let text = ''
  for (let rest = value; text.length < width; rest /= 62n) text = ALPHABET[Number(rest % 62n)]! + text
  return text
}

test('the ends of the 64 bits are written in 11 digits, as counted by hand', () => {
  assert.equal(encodeUint64(0n), '00000000000')
  assert.equal(encodeUint64(61n), '0000000000z')
  assert.equal(encodeUint64(62n), '00000000010')
  assert.equal(encodeUint64(62n ** 8n - 1n), '000zzzzzzzz')
  assert.equal(encodeUint64(62n ** 8n), '00100000000')
  assert.equal(encodeUint64(MOST), textOf(MOST, 11))
})

test('each number of 64 bits is written in 11 digits, and read back as itself', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: MOST }), (value) => {
      const text = encodeUint64(value)
      assert.match(text, /^[0-9A-Za-z]{11}$/)
      assert.equal(valueOf(text), value)
      assert.equal(findUint64(text), value)
    }),
  )
})

test('each text of 11 digits is read as the number that is written so, or refused as too large', () => {
  const digits = fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: 11, maxLength: 11 })
  fc.assert(
    fc.property(digits, (text) => {
      const value = findUint64(text)
      if (value === undefined) assert.ok(valueOf(text) > MOST)
      else assert.equal(encodeUint64(value), text)
    }),
  )
})

test('the first number beyond 64 bits is refused, the last one within is not', () => {
  assert.equal(findUint64(textOf(MOST, 11)), MOST)
  assert.equal(findUint64(textOf(MOST + 1n, 11)), undefined)
  assert.equal(findUint64('zzzzzzzzzzz'), undefined)
})

test('another length and foreign digits are refused, wherever they stand', () => {
  for (const text of ['', '0', '0000000000', '000000000000', '0x000000000']) {
    const isOurs = /^[0-9A-Za-z]{11}$/.test(text)
    assert.equal(findUint64(text) !== undefined, isOurs, text)
  }
  const places = fc.integer({ min: 0, max: 10 })
  const foreign = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }).filter((one) => !ALPHABET.includes(one))
  fc.assert(
    fc.property(places, foreign, (place, one) => {
      assert.equal(findUint64(`${'0'.repeat(place)}${one}${'0'.repeat(10 - place)}`), undefined)
      assert.equal(
        findUint64(`${'0'.repeat(place)}${one}${'0'.repeat(Math.max(0, 11 - one.length - place))}`),
        undefined,
      )
    }),
  )
})

test('bytes have a width that depends on their number alone, and different bytes are written differently', () => {
  for (const [length, width] of [
    [1, 2],
    [4, 6],
    [16, 22],
    [24, 33],
    [32, 43],
  ] as const) {
    const bytes = fc.uint8Array({ minLength: length, maxLength: length })
    assert.equal(encodeBytes(new Uint8Array(length)), '0'.repeat(width))
    fc.assert(
      fc.property(bytes, (one) => {
        const text = encodeBytes(one)
        assert.match(text, /^[0-9A-Za-z]+$/)
        assert.equal(text.length, width)
        // The digits give the bytes back, so no two share a text.
        assert.equal(valueOf(text), BigInt(`0x${Buffer.from(one).toString('hex')}`))
      }),
      { numRuns: 50 },
    )
  }
})

test('no digit is lost where the chunks of eight digits meet', () => {
  for (let power = 0; power < 43; power++) {
    for (const near of [-1n, 0n, 1n]) {
      const value = 62n ** BigInt(power) + near
      if (value < 0n || value >= 2n ** 256n) continue
      assert.equal(encodeBytes(Buffer.from(value.toString(16).padStart(64, '0'), 'hex')), textOf(value, 43))
    }
  }
})
