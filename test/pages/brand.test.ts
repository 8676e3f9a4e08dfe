import fc from 'fast-check'
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { GROUNDS, styleSheet } from '#pages/assets.ts'
import { prepareBrand } from '#pages/brand.ts'
import { contrast, parseColor, type Color } from '#pages/colors.ts'

const color = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255))

/** The variables of both schemes, as a style sheet begins. */
const variablesOf = (accent: Color): readonly ReadonlyMap<string, Color>[] => {
  const [light = '', dark = ''] = styleSheet(accent).split('@media', 2)
  return [light, dark].map(
    (text) =>
      new Map(
        [...text.matchAll(/--(accent[a-z-]*):(#[0-9a-f]{6})/g)].map(([, name, value]) => [name!, parseColor(value!)]),
      ),
  )
}

test('whatever the accent is, what is written on it and in it can be read, and its edges be seen, in both schemes', () => {
  fc.assert(
    fc.property(color, (accent) => {
      const grounds = [GROUNDS.light, GROUNDS.dark].map((each) => each.map(parseColor))
      variablesOf(accent).forEach((variables, scheme) => {
        const of = (name: string): Color => variables.get(name)!
        assert.deepEqual(of('accent'), accent)
        assert.ok(contrast(of('accent-ink'), of('accent')) >= 4.5)
        assert.ok(contrast(of('accent-ink'), of('accent-hover')) >= 4.5)
        for (const ground of grounds[scheme]!) {
          assert.ok(contrast(of('accent-text'), ground) >= 4.5)
          assert.ok(contrast(of('accent-edge'), ground) >= 3)
        }
      })
    }),
  )
})

test('the grounds that contrasts are computed for are those of the style sheet', () => {
  const css = readFileSync(new URL('../../src/pages/style.css', import.meta.url), 'utf8')
  const [light = '', dark = ''] = css.split('@media (prefers-color-scheme: dark)')
  for (const [scheme, text] of [
    ['light', light],
    ['dark', dark],
  ] as const) {
    const of = (name: string) => new RegExp(`--${name}: (#[0-9a-f]{6});`).exec(text)?.[1]
    assert.deepEqual([of('card'), of('ground')], GROUNDS[scheme])
  }
})

test('an asset is kept for good under a path that has its digest, and does nothing by itself', () => {
  const { brand, assets } = prepareBrand({ name: 'Postern' })
  for (const { path, reply } of assets) {
    assert.match(path, /^\/assets\/[0-9a-f]{16}\.(?:css|svg|js)$/)
    assert.equal(reply.headers['cache-control'], 'public, max-age=31536000, immutable')
    assert.match(reply.headers['content-security-policy']!, /^default-src 'none';.*sandbox$/)
  }
  assert.deepEqual(prepareBrand({ name: 'Postern' }).brand, brand)
  assert.notEqual(prepareBrand({ name: 'Postern', accent: '#aa0000' }).brand.styleSheet, brand.styleSheet)
})

test('a logo is a small picture in a file, and anything else is refused with its name', () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-logo-'))
  try {
    const write = (name: string, content: string | Buffer): string => {
      writeFileSync(join(folder, name), content)
      return join(folder, name)
    }
    const logoFile = write('logo.SVG', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    const { brand, assets } = prepareBrand({ name: 'Postern', logoFile })
    const logo = assets.find(({ path }) => path === brand.logo?.src)!
    assert.equal(logo.reply.headers['content-type'], 'image/svg+xml')
    assert.match(logo.reply.headers['content-security-policy']!, /sandbox/)
    for (const file of [write('logo.html', 'x'), write('large.png', Buffer.alloc(65_537)), join(folder, 'none.png')]) {
      assert.throws(
        () => prepareBrand({ name: 'Postern', logoFile: file }),
        (error) => String(error).includes(file),
      )
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('an accent is #rrggbb and nothing else, as it is written into the style sheet', () => {
  for (const accent of ['red', '#fff', '#12345g', '#123456;}', '', '#1234567']) {
    assert.throws(() => prepareBrand({ name: 'Postern', accent }), /is not a colour/)
  }
})
