import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { checkFloors } from '../../scripts/floors.ts'

/** What the check says of a house with these files; `base/time.ts` and a few others stand in it already. */
const problemsOf = (files: Record<string, string>): string[] => {
  const root = mkdtempSync(join(tmpdir(), 'postern-floors-'))
  try {
    const house = {
      'base/time.ts': 'export const now = 1\nexport type Seconds = number\n',
      'protocol/scope.ts': 'export const scope = 1\n',
      'clients/authenticate.ts': 'export const who = 1\n',
      'tokens/issue.ts': 'export const issue = 1\n',
      'app.ts': 'export const app = 1\n',
      ...files,
    }
    for (const [path, text] of Object.entries(house)) {
      mkdirSync(dirname(join(root, 'src', path)), { recursive: true })
      writeFileSync(join(root, 'src', path), text)
    }
    return checkFloors(root).map(({ file, line, message }) => `${file}:${line} ${message}`)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

test('imports from the own room, from lower floors and from packages are in order', () => {
  const text = [
    "import { readFileSync } from 'node:fs'",
    "import pg from 'pg'",
    "import { now, type Seconds } from '#base/time.ts'",
    "export { scope } from '#protocol/scope.ts'",
    "import { issue } from '#tokens/issue.ts'",
    "const worker = new URL('./worker.ts', import.meta.url)",
    "const home = new URL('https://example.com', import.meta.url)",
    "const about = new URL('../../package.json', import.meta.url)",
    'const relative = new URL(target, base)',
    "// import { app } from '#app.ts'",
    'const text = "import { app } from \'#app.ts\'"',
  ].join('\n')
  assert.deepEqual(problemsOf({ 'tokens/revocation.ts': text, 'tokens/worker.ts': '' }), [])
})

const upward = "src/base/up.ts:2 imports '#protocol/scope.ts': base is on floor 1, protocol above it on floor 2"

for (const [form, line] of [
  ['import', "import { scope } from '#protocol/scope.ts'"],
  ['import for its effect', "import '#protocol/scope.ts'"],
  ['import type', "import type { scope } from '#protocol/scope.ts'"],
  ['import of one type', "import { type scope } from '#protocol/scope.ts'"],
  ['import over several lines', "import {\n  scope,\n} from '#protocol/scope.ts'"],
  ['export … from', "export { scope } from '#protocol/scope.ts'"],
  ['export type … from', "export type { scope } from '#protocol/scope.ts'"],
  ['export * as … from', "export * as names from '#protocol/scope.ts'"],
  ['dynamic import', "const it = await import('#protocol/scope.ts')"],
  ['dynamic import with a template', 'const it = await import(`#protocol/scope.ts`)'],
  ['import as a type', "type It = import('#protocol/scope.ts').scope"],
  ['typeof import', "type It = typeof import('#protocol/scope.ts')"],
  ['import … = require', "import it = require('#protocol/scope.ts')"],
  ['import.meta.resolve', "const it = import.meta.resolve('#protocol/scope.ts')"],
] as const)
  test(`a file that looks up is found: ${form}`, () => {
    assert.deepEqual(problemsOf({ 'base/up.ts': `// why\n${line}\n` }), [upward])
  })

test('a worker on a higher floor is found', () => {
  const text = "new Worker(new URL('../protocol/scope.ts', import.meta.url))"
  assert.deepEqual(problemsOf({ 'base/up.ts': text }), [
    "src/base/up.ts:1 imports '../protocol/scope.ts': base is on floor 1, protocol above it on floor 2",
  ])
})

test('a neighbour on the same floor is found', () => {
  assert.deepEqual(problemsOf({ 'tokens/who.ts': "import { who } from '#clients/authenticate.ts'" }), [
    "src/tokens/who.ts:1 imports '#clients/authenticate.ts': tokens and clients are neighbours on floor 5",
  ])
})

test('a file that is a room by itself has its floor, too', () => {
  assert.deepEqual(problemsOf({ 'config.ts': "import { scope } from '#protocol/scope.ts'" }), [
    "src/config.ts:1 imports '#protocol/scope.ts': config.ts and protocol are neighbours on floor 2",
  ])
  assert.deepEqual(problemsOf({ 'tokens/up.ts': "import { app } from '#app.ts'" }), [
    "src/tokens/up.ts:1 imports '#app.ts': tokens is on floor 5, app.ts above it on floor 9",
  ])
})

test('a relative import is found, even within the room', () => {
  assert.deepEqual(
    problemsOf({
      'base/near.ts': "import { now } from './time.ts'\nimport { scope } from '../protocol/scope.ts'",
    }),
    [
      "src/base/near.ts:1 imports './time.ts'; write it as '#room/file.ts'",
      "src/base/near.ts:2 imports '../protocol/scope.ts'; write it as '#room/file.ts'",
    ],
  )
})

test('an import of what does not exist is found', () => {
  assert.deepEqual(problemsOf({ 'tokens/lost.ts': "import { lost } from '#base/lost.ts'" }), [
    "src/tokens/lost.ts:1 imports '#base/lost.ts', which does not exist",
  ])
})

test('what leads out of src is found', () => {
  assert.deepEqual(problemsOf({ 'base/out.ts': "new URL('../../test/support/postgres.ts', import.meta.url)" }), [
    "src/base/out.ts:1 reaches '../../test/support/postgres.ts', which is outside src",
  ])
})

test('an import whose target only running would tell is found', () => {
  assert.deepEqual(problemsOf({ 'base/any.ts': 'await import(process.argv[2])' }), [
    'src/base/any.ts:1 imports what only running it would tell; name the file',
  ])
})

test('a barrel is found by its name and by what it does', () => {
  assert.deepEqual(problemsOf({ 'base/index.ts': '' }), [
    'src/base/index.ts:1 is a barrel; import from the file itself',
  ])
  assert.deepEqual(problemsOf({ 'base/all.ts': "export * from '#base/time.ts'" }), [
    'src/base/all.ts:1 hands on everything of another file (export *); name what it exports',
  ])
})

test('a room that is not in the plan is found, and whoever imports from it', () => {
  assert.deepEqual(problemsOf({ 'attic/box.ts': '', 'app.ts': "import '#attic/box.ts'" }), [
    "src/app.ts:1 imports '#attic/box.ts', whose room is not in the floor plan",
    'src/attic/box.ts:1 attic is not in the floor plan (scripts/floor_plan.ts)',
  ])
  assert.deepEqual(problemsOf({ 'main.ts': '' }), [
    'src/main.ts:1 main.ts is not in the floor plan (scripts/floor_plan.ts)',
  ])
})

test('names that say nothing are found, for folders and for files', () => {
  assert.deepEqual(problemsOf({ 'base/utils/time.ts': '', 'base/helpers.ts': '' }), [
    "src/base/helpers.ts:1 'helpers' says nothing of what is inside",
    "src/base/utils/time.ts:1 'utils' says nothing of what is inside",
  ])
})

test('a house without src is a problem, not a success', () => {
  assert.deepEqual(checkFloors(join(import.meta.dirname, 'nowhere')), [{ file: 'src', line: 1, message: 'is missing' }])
})
