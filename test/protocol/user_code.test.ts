import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Key } from '#base/secrets.ts'
import { digestOfUserCode, findUserCode, makeUserCode, showUserCode } from '#protocol/user_code.ts'

test('a user code is eight letters of twenty, each as likely as the others (RFC 8628 §6.1)', () => {
  const counts = new Map<string, number>()
  const codes = Array.from({ length: 5000 }, makeUserCode)
  assert.equal(new Set(codes).size, codes.length)
  for (const code of codes) {
    assert.match(code, /^[BCDFGHJKLMNPQRSTVWXZ]{8}$/)
    for (const letter of code) counts.set(letter, (counts.get(letter) ?? 0) + 1)
  }
  assert.equal(counts.size, 20)
  // 2000 of each are expected; ten standard deviations (44 each) away is no chance.
  for (const [letter, count] of counts) assert.ok(Math.abs(count - 2000) < 440, `${letter}: ${count}`)
})

test('a user code is read in whatever way it is typed', () => {
  assert.equal(showUserCode('WDJBMJHT'), 'WDJB-MJHT')
  for (const typed of [
    'WDJB-MJHT',
    'wdjbmjht',
    ' Wdjb Mjht ',
    'WDJB–MJHT',
    'w-d-j-b-m-j-h-t',
    'WDJB.MJHT\n',
    'WDJB_MJHT',
  ]) {
    assert.equal(findUserCode(typed), 'WDJBMJHT', typed)
  }
  fc.assert(
    fc.property(fc.boolean(), (isLower) => {
      const code = makeUserCode()
      const shown = showUserCode(code)
      assert.equal(findUserCode(isLower ? shown.toLowerCase() : shown), code)
    }),
  )
})

test('what is no user code is none, however long it is', () => {
  for (const typed of ['', 'WDJB', 'WDJB-MJH', 'WDJB-MJHTT', 'WDJB-MJHA', 'WDJB-MJH0', 'ẂDJB-MJHT', 'x'.repeat(1e6)]) {
    assert.equal(findUserCode(typed), undefined, typed.slice(0, 20))
  }
})

test('what is stored of a user code needs the key', () => {
  const [one, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)] as [Key, Key]
  assert.deepEqual(digestOfUserCode(one, 'WDJBMJHT'), digestOfUserCode(one, 'WDJBMJHT'))
  assert.notDeepEqual(digestOfUserCode(one, 'WDJBMJHT'), digestOfUserCode(other, 'WDJBMJHT'))
  assert.notDeepEqual(digestOfUserCode(one, 'WDJBMJHT'), digestOfUserCode(one, 'WDJBMJHV'))
})
