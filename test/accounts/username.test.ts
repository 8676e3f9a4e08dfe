import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findUsernameKey, usernameSkeleton } from '#accounts/username.ts'

const skeletonOf = (username: string): string => {
  const key = findUsernameKey(username)
  assert.ok(key !== undefined, `${JSON.stringify(username)} is no username`)
  return usernameSkeleton(key)
}

const character = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  // Where case and composition meet: Turkish, German, Greek with its iota and final sigma, letters that have no composed capital.
  fc.constantFrom(
    ...'iIİıßẞσΣςßẗǰΐᾳᾼΆά@.-_',
    '\u0307',
    '\u0308',
    '\u0301',
    '\u0323',
    '\u0327',
    '\u030c',
    '\u0345',
    'T\u0308',
  ),
)
const name = fc.array(character, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''))

test('names in another case or composition are one name', () => {
  for (const [one, other] of [
    ['Anna@Example.com', 'anna@example.COM'],
    ['Zo\u00eb', 'Zoe\u0308'],
    ['\u00c5sa', '\u212bsa'],
    ['T\u0308om', '\u1e97om'],
    ['Ἀλέξανδρος', 'ἀλέξανδρος'],
  ] as const)
    assert.equal(findUsernameKey(one), findUsernameKey(other), `${one} ${other}`)
  assert.notEqual(findUsernameKey('anna'), findUsernameKey('anne'))
})

test('a key is its own key, and is composed', () => {
  fc.assert(
    fc.property(name, (username) => {
      const key = findUsernameKey(username)
      if (key === undefined) return
      assert.equal(findUsernameKey(key), key)
      assert.equal(key.normalize('NFC'), key)
      assert.equal(findUsernameKey(username.normalize('NFD')), key)
      assert.equal(findUsernameKey(username.normalize('NFC')), key)
    }),
    { numRuns: 3000 },
  )
})

test('a skeleton is its own skeleton, and that of the name in capitals and in small letters', () => {
  fc.assert(
    fc.property(name, (username) => {
      const key = findUsernameKey(username)
      if (key === undefined) return
      const skeleton = usernameSkeleton(key)
      assert.equal(usernameSkeleton(skeleton), skeleton)
      // U+0345 becomes a letter of its own in capitals, and marks that follow it then belong to that letter: another name.
      if (/\u0345/.test(username.normalize('NFD'))) return
      for (const other of [key.toUpperCase(), key.toLowerCase()])
        if (findUsernameKey(other) !== undefined) assert.equal(skeletonOf(other), skeleton)
    }),
    { numRuns: 3000 },
  )
})

test('each single letter of Unicode that can be a username has one skeleton in all its cases', () => {
  for (let code = 0x21; code < 0x2ffff; code++) {
    if (code >= 0xd800 && code < 0xe000) continue
    const letter = String.fromCodePoint(code)
    const key = findUsernameKey(letter)
    if (key === undefined) continue
    if (findUsernameKey(key) !== key) assert.fail(`the key of U+${code.toString(16)} is not its own key`)
    const skeleton = usernameSkeleton(key)
    const [upper, lower] = [findUsernameKey(letter.toUpperCase()), findUsernameKey(letter.toLowerCase())]
    if (upper !== undefined && usernameSkeleton(upper) !== skeleton) assert.fail(`U+${code.toString(16)} in capitals`)
    if (lower !== undefined && usernameSkeleton(lower) !== skeleton)
      assert.fail(`U+${code.toString(16)} in small letters`)
  }
})

test('names that some system takes for one have one skeleton', () => {
  for (const [one, other] of [
    ['Strasse', 'Straße'],
    ['STRASSE', 'STRAẞE'],
    ['istanbul', 'İstanbul'],
    ['istanbul', 'ıstanbul'],
    ['ISTANBUL', 'i\u0307stanbul'],
    ['i\u0307\u0307x', 'ix'],
    ['Σίσυφος', 'ΣΊΣΥΦΟΣ'],
    ['ΣΊΣΥΦΟΣ', 'σίσυφοσ'],
  ] as const)
    assert.equal(skeletonOf(one), skeletonOf(other), `${one} ${other}`)
  for (const [one, other] of [
    ['anna', 'anne'],
    ['zoe', 'zoë'],
    ['a.b', 'ab'],
    ['o', '0'],
  ] as const)
    assert.notEqual(skeletonOf(one), skeletonOf(other), `${one} ${other}`)
})

test('a character that is only another way to write one is refused', () => {
  for (const username of ['ａｎｎａ', 'ﬁona', 'anna²', 'Ⅳ', '①', 'anna™', 'ſam', '㎏', 'a…', '𝐚nna', 'ª', '\ufdfa'])
    assert.equal(findUsernameKey(username), undefined, username)
})

test('spaces and what is not seen are refused, wherever they stand', () => {
  const unseen = [
    ...['', ' ', '\t', '\n', '\r', '\0', '\u001b', '\u007f', '\u0085', '\u00a0', '\u2003', '\u3000', '\u2028'],
    ...['\u00ad', '\u200b', '\u200c', '\u200d', '\u200e', '\u202e', '\u2060', '\u2066', '\ufeff', '\u180e', '\u034f'],
    ...[
      '\ufe0f',
      '\u{e0100}',
      '\u{e0041}',
      '\u3164',
      '\uffa0',
      '\u115f',
      '\ue000',
      '\ufdd0',
      '\uffff',
      '\ud800',
      '\udc00x',
    ],
  ]
  for (const part of unseen)
    for (const username of part === '' ? [''] : [part, `${part}anna`, `an${part}na`, `anna${part}`])
      assert.equal(findUsernameKey(username), undefined, JSON.stringify(username))
})

test('a name has 320 characters at most, counted after it is composed', () => {
  assert.ok(findUsernameKey('x'.repeat(320)))
  assert.equal(findUsernameKey('x'.repeat(321)), undefined)
  assert.ok(findUsernameKey('é'.normalize('NFD').repeat(320)))
})

test('usual names are names', () => {
  for (const username of [
    'a',
    'anna@example.com',
    "o'brien",
    'a+b',
    'Zoë',
    'Ольга',
    '李雷',
    'محمد',
    'ישראל',
    'José_1',
    '😀',
  ])
    assert.ok(findUsernameKey(username) !== undefined, username)
})
