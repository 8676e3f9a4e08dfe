import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findPasswordDefect, normalisePassword } from '#accounts/password.ts'

const anyText = fc.string({ unit: 'binary', maxLength: 20 })

test('a password is the same however its characters are composed', () => {
  assert.equal(normalisePassword('Zoe\u0308'), normalisePassword('Zo\u00eb'))
  fc.assert(
    fc.property(anyText, (password) => {
      const expected = normalisePassword(password)
      assert.equal(normalisePassword(password.normalize('NFD')), expected)
      assert.equal(normalisePassword(password.normalize('NFC')), expected)
      assert.equal(normalisePassword(expected), expected)
    }),
    { numRuns: 1000 },
  )
})

test('every kind of space is a plain one, and none is taken away', () => {
  for (const space of [' ', '\u00a0', '\u1680', '\u2000', '\u2003', '\u202f', '\u205f', '\u3000'])
    assert.equal(normalisePassword(`${space}a${space}${space}b${space}`), ' a  b ')
  for (const kept of ['\t', '\n', '\u200b', '\ufeff', '\u2028']) assert.equal(normalisePassword(kept), kept)
})

test('passwords that differ in case, width, order or a space are different', () => {
  for (const [one, other] of [
    ['secret', 'Secret'],
    ['secret', 'ｓｅｃｒｅｔ'],
    ['secret', 'secret '],
    ['secret', ' secret'],
    ['straße', 'strasse'],
    ['ﬁsh', 'fish'],
    ['a  b', 'a b'],
    ['a\0', 'a'],
  ] as const)
    assert.notEqual(normalisePassword(one), normalisePassword(other))
  fc.assert(
    fc.property(fc.string(), fc.string(), (one, other) => {
      assert.equal(normalisePassword(one) === normalisePassword(other), one === other)
    }),
  )
})

test('a new password has 8 to 1024 characters, as a person counts them', () => {
  assert.equal(findPasswordDefect('12345678'), undefined)
  assert.match(findPasswordDefect('1234567')!, /at least 8/)
  assert.match(findPasswordDefect('')!, /at least 8/)
  assert.equal(findPasswordDefect('x'.repeat(1024)), undefined)
  assert.match(findPasswordDefect('x'.repeat(1025))!, /at most 1024/)
  assert.equal(findPasswordDefect('😀'.repeat(8)), undefined)
  assert.match(findPasswordDefect('😀'.repeat(7))!, /at least 8/)
  assert.equal(findPasswordDefect('😀'.repeat(1024)), undefined)
  // Composed first: it is four characters, not eight.
  assert.match(findPasswordDefect('e\u0301'.repeat(4))!, /at least 8/)
})

test('a new password has no control characters, and anything else', () => {
  for (const control of ['\0', '\n', '\t', '\r', '\u007f', '\u0085'])
    assert.match(findPasswordDefect(`12345678${control}`)!, /control characters/)
  for (const password of ['        ', 'aaaaaaaa', 'password', 'пароль-пароль', '        x', '"\\\'<>&;--'])
    assert.equal(findPasswordDefect(password), undefined, password)
})
