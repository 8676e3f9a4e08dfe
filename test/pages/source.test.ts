import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..', '..')
const sources = globSync('src/**/*.ts', { cwd: root }).map((file) => ({
  file: file.replaceAll('\\', '/'),
  text: readFileSync(join(root, file), 'utf8'),
}))
const pages = sources.filter(({ file }) => file.startsWith('src/pages/'))

/** The templates of a file, one string each, with what is inside of `${}` left in. */
const templatesOf = (text: string): readonly string[] => text.split(/\bhtml`/).slice(1)

test('every value in an attribute is in quotes', () => {
  assert.ok(pages.some(({ text }) => templatesOf(text).length > 0))
  for (const { file, text } of pages) {
    for (const template of templatesOf(text)) assert.doesNotMatch(template, /[a-z]=\s*\$\{/, file)
  }
})

test('every URL in a template goes through href', () => {
  for (const { file, text } of pages) {
    for (const [whole] of text.matchAll(/\b(?:href|src|action|formaction|srcset|poster)="\$\{[^}]*\}/g)) {
      assert.match(whole, /="\$\{href\(/, file)
    }
  }
})

test('HTML is made in one place: nothing takes text for HTML, and nothing else knows the library', () => {
  for (const { file, text } of sources) {
    if (file !== 'src/base/html.ts') assert.doesNotMatch(text, /from 'hono/, file)
    assert.doesNotMatch(text, /import \{[^}]*\braw\b[^}]*\} from 'hono/, file)
    if (file.startsWith('src/pages/')) assert.doesNotMatch(text, /isEscaped|as Html\b|as unknown as Html/, file)
  }
})

test('no page has a style or a handler, and the style sheet and the script load nothing', () => {
  for (const { file, text } of pages) {
    for (const template of templatesOf(text)) assert.doesNotMatch(template, /\sstyle="|\son[a-z]+="|<style/, file)
  }
  const css = readFileSync(join(root, 'src/pages/style.css'), 'utf8')
  assert.doesNotMatch(css, /url\(|@import|@font-face/)
})
