import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attributes, href, html, type Child } from '#base/html.ts'

const unescape = (text: string): string =>
  text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')

test('whatever a value is, it stays text, or the value of its quoted attribute', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const made = html`<a title="${value}">${value}</a>`.toString()
      const [, inAttribute, inText] = /^<a title="([^"<>]*)">([^<>]*)<\/a>$/.exec(made) ?? []
      assert.equal(unescape(inAttribute ?? ''), value)
      assert.equal(unescape(inText ?? ''), value)
    }),
  )
})

test('a template in a template is taken as it is, and an array is its parts', () => {
  const items = ['<1>', '<2>'].map((item) => html`<li>${item}</li>`)
  assert.equal(
    html`<ul>
      ${items}
    </ul>`
      .toString()
      .replace(/\s/g, ''),
    '<ul><li>&lt;1&gt;</li><li>&lt;2&gt;</li></ul>',
  )
  assert.equal(html`<p>${['a', ['b', 3]]}</p>`.toString(), '<p>ab3</p>')
})

test('undefined and false leave nothing behind, and 0 is a number', () => {
  assert.equal(html`<p>${undefined}${false}${0}</p>`.toString(), '<p>0</p>')
})

test('what only claims to be escaped is refused', () => {
  const strangers: readonly unknown[] = [
    { isEscaped: true, toString: () => '<script>' },
    JSON.parse('{"isEscaped":true}'),
    [[{ isEscaped: true }]],
    Promise.resolve('<script>'),
    null,
  ]
  for (const stranger of strangers) assert.throws(() => html`<p>${stranger as Child}</p>`, TypeError)
})

test('attributes are quoted, left out when undefined or false, and never handlers', () => {
  const made = attributes({ id: 'a"b', hidden: true, checked: false, title: undefined, tabindex: -1 }).toString()
  assert.equal(made, ' id="a&quot;b" hidden tabindex="-1"')
  for (const name of ['onclick', 'a b', 'x=', '', 'A', 'a>']) {
    assert.throws(() => attributes({ [name]: 'x' }), TypeError, name)
  }
})

test('a link leads to https, http, or a path of our own', () => {
  for (const url of ['https://example.com/a?b=c#d', 'HTTP://localhost:9401/callback', '/', '/account?x=1', '/a//b']) {
    assert.equal(href(url), url)
  }
  const refused = [
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'java\tscript:alert(1)',
    '\u0001javascript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'com.example.app:/callback',
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    'https:evil.example',
    'https:///evil.example',
    'https://',
    'https://[',
    'relative',
    '',
    '?a=b',
    '#a',
  ]
  for (const url of refused) assert.throws(() => href(url), TypeError, JSON.stringify(url))
})
