import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findDisplayName, resemblesBrand } from '#pages/names.ts'

test('a name is shown as it is, whatever the script', () => {
  for (const name of [
    'Lumen Reporting',
    'Ærø & Søn',
    '株式会社日立',
    'شركة الأفق',
    'हिन्दी',
    'Zoë',
    '👩‍🚀'.replace('\u200d', ''),
  ]) {
    assert.equal(findDisplayName(name), name)
  }
})

test('what is not seen is not kept: directions, controls, joiners, line breaks', () => {
  assert.equal(findDisplayName('safe\u202egnp.exe'), 'safegnp.exe')
  assert.equal(findDisplayName('a\u0000b\u001b[31mc\u200bd\u2066e\u2069'), 'ab[31mcde')
  assert.equal(findDisplayName('  a \r\n\t\u2028 b\u00a0 c '), 'a b c')
  assert.equal(findDisplayName('a\u0301\u0301\u0301\u0301\u0301b'), 'a\u0301\u0301\u0301b'.normalize('NFD'))
  assert.equal(findDisplayName('\ud800x'), 'x')
})

test('a name of nothing is none', () => {
  for (const name of ['', '   ', '\u200b\u200b', '\u202e', '\u2800', '\u3164', '\u0301\u0301']) {
    assert.equal(findDisplayName(name), undefined, JSON.stringify(name))
  }
})

test('a name is cut to 80 characters as people count them, and the cut is seen', () => {
  assert.equal(findDisplayName('a'.repeat(80)), 'a'.repeat(80))
  assert.equal(findDisplayName('a'.repeat(81)), `${'a'.repeat(79)}…`)
  assert.equal(findDisplayName('e\u0301'.repeat(10_000)), `${'e\u0301'.repeat(79)}…`)
})

test('whatever a name is, one line of at most 80 visible characters is left', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (name) => {
      const shown = findDisplayName(name)
      if (shown === undefined) return
      assert.doesNotMatch(shown, /[\p{C}\p{Zl}\p{Zp}]/u)
      assert.ok([...new Intl.Segmenter('und').segment(shown)].length <= 80)
      assert.equal(shown, shown.trim())
    }),
  )
})

test('a name that has ours in it is noticed in every spelling', () => {
  for (const name of [
    'Postern',
    'POSTERN Security',
    'P o s t e r n',
    'Pоstern'.replace('о', '0'),
    'Pöstern',
    'Ｐostern',
    'my-postern-app',
  ]) {
    assert.ok(resemblesBrand(name, 'Postern'), name)
  }
  for (const name of ['Lumen', 'Post', 'Western']) assert.ok(!resemblesBrand(name, 'Postern'), name)
  assert.ok(!resemblesBrand('anything', '!!!'))
})
