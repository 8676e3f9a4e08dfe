import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { escapeXml, xmlDocument, xmlElement, xmlText } from '#platform/xml.ts'

test('markup in text stays text, in attributes and between tags', () => {
  const element = xmlElement('e', { a: `<&>"'\n`, none: undefined }, xmlText(']]><x/>'))
  assert.equal(element, '<e a="&lt;&amp;&gt;&quot;&apos;&#10;">]]&gt;&lt;x/&gt;</e>')
  assert.equal(xmlDocument(xmlElement('e', {})), "<?xml version='1.0' ?>\n<e />")
})

test('characters that XML 1.0 cannot hold become U+FFFD, all others stay', () => {
  assert.equal(escapeXml('a\0\u0008\u000b\u001b\ufffe\uffffb'), `a${'\ufffd'.repeat(6)}b`)
  assert.equal(escapeXml('\ud800x\udc00'), '\ufffdx\ufffd')
  assert.equal(escapeXml('Zoë 💶 \u0085'), 'Zoë 💶 \u0085')
})

test('escaped text is always well-formed, and reads back as what was written', () => {
  const texts = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) })
  const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
  fc.assert(
    fc.property(texts, (text) => {
      const escaped = escapeXml(text)
      assert.match(escaped, /^(?:[^<>&"'\t\n\r]|&(?:amp|lt|gt|quot|apos|#\d+);)*$/u)
      assert.match(escaped, /^[\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u)
      const read = escaped.replace(/&(?:#(\d+)|(\w+));/g, (_, code?: string, name?: string) =>
        code === undefined ? entities[name!]! : String.fromCodePoint(Number(code)),
      )
      assert.equal(read, text.toWellFormed().replace(/[^\t\n\r\u{20}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\ufffd'))
    }),
  )
})
