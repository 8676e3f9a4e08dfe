import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, test, type TestContext } from 'node:test'
import { configSchema } from '#config.ts'
import { TABLES } from '#stores/tables.ts'
import { printReference, referencePages } from '../../scripts/print_reference.ts'

let pages: ReadonlyMap<string, string>
before(async () => {
  pages = await referencePages()
})

const makeFolder = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-reference-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('the pages in the repository are those that the code prints, and each says so first', () => {
  for (const [file, text] of pages) {
    assert.equal(readFileSync(join(import.meta.dirname, '../../docs/reference', file), 'utf8'), text, file)
    assert.match(text.split('\n')[0]!, /Printed from the code by `npm run reference`/)
  }
})

test('a check names what is missing or stale, and writes nothing', async (t) => {
  const folder = makeFolder(t)
  assert.deepEqual(await printReference(folder, false), [...pages.keys()])
  assert.deepEqual(readdirSync(folder), [])
  await printReference(folder, true)
  assert.deepEqual(await printReference(folder, false), [])
  writeFileSync(join(folder, 'cli.md'), `${pages.get('cli.md')!}\n`)
  assert.deepEqual(await printReference(folder, false), ['cli.md'])
})

test('every key of the configuration is there with what it means', () => {
  const text = pages.get('configuration.md')!
  for (const [section, schema] of Object.entries(configSchema.shape)) {
    assert.ok(text.includes(`\`${section}`), section)
    assert.ok(schema.description, section)
  }
  for (const row of text.split('\n').filter((line) => line.startsWith('| `'))) {
    const cells = row.split(/(?<!\\)\|/).map((cell) => cell.trim())
    assert.equal(cells.length, 6, row)
    assert.notEqual(cells[2], '', row)
    assert.notEqual(cells[4], '', row)
  }
})

test('every table is there with its columns', () => {
  const text = pages.get('database.md')!
  for (const table of Object.keys(TABLES)) assert.match(text, new RegExp(`## \`${table}\`\\n[^#]*\\| \`\\w+\` `))
})

test('nothing of this machine is in them', () => {
  for (const [file, text] of pages) {
    assert.ok(!text.includes(import.meta.dirname.split('/').slice(0, 3).join('/')), file)
    assert.ok(!text.includes(tmpdir()), file)
  }
})
