import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numberWords } from '#cli/number_words.ts'

test('numbers are written as a title has them', () => {
  for (const [value, words] of [
    [1, 'One'],
    [13, 'Thirteen'],
    [20, 'Twenty'],
    [21, 'Twenty-One'],
    [48, 'Forty-Eight'],
    [99, 'Ninety-Nine'],
    [100, 'One Hundred'],
    [999, 'Nine Hundred Ninety-Nine'],
  ] as const) {
    assert.equal(numberWords(value), words)
  }
})

test('no two numbers have one name', () => {
  assert.equal(new Set(Array.from({ length: 1000 }, (_, value) => numberWords(value))).size, 1000)
})
