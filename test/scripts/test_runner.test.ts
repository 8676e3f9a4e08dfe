// What must never pass for a success: scripts/test.ts in a house of its own, with test files that go wrong.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'

const repository = join(import.meta.dirname, '../..')
const home = mkdtempSync(join(tmpdir(), 'postern-runner-'))
after(() => rmSync(home, { recursive: true, force: true }))
cpSync(join(repository, 'scripts'), join(home, 'scripts'), { recursive: true })
symlinkSync(join(repository, 'node_modules'), join(home, 'node_modules'), 'junction')
writeFileSync(join(home, 'package.json'), '{ "type": "module" }')

/** Runs one test file; --quick keeps PostgreSQL out of it. */
const outcome = (path: string, text: string, ...parameters: string[]) => {
  mkdirSync(dirname(join(home, path)), { recursive: true })
  writeFileSync(join(home, path), `import { test } from 'node:test'\n${text}`)
  const { stdout, status } = spawnSync(process.execPath, ['scripts/test.ts', '--quick', ...parameters, path], {
    cwd: home,
    encoding: 'utf8',
    env: { ...process.env, POSTERN_TEST_PATIENCE: '3000' },
  })
  return { status, last: stdout.trimEnd().split('\n').at(-1), stdout }
}

const cases = [
  ['exits in the middle', "test('a', () => {}); test('b', () => process.exit(0)); test('c', () => {})"],
  [
    'exits late',
    "test('a', () => {}); test('b', async () => { await new Promise((r) => setTimeout(r, 200)); process.exit(0) })",
  ],
  ['has no test', 'void test'],
  ['cannot be loaded', "import './nowhere.ts'"],
  ['throws after its tests', "test('a', () => {}); setTimeout(() => { throw new Error('late') }, 50)"],
  [
    'fails in a hook',
    "import { before } from 'node:test'; before(() => { throw new Error('hook') }); test('a', () => {})",
  ],
  ['leaves something open', "test('a', () => { setInterval(() => {}, 1000) })"],
] as const

for (const folder of ['test/base', 'test/stores'])
  for (const [what, text] of cases)
    test(`a file in ${folder} that ${what} is a failure`, () => {
      const { status, last } = outcome(`${folder}/it.test.ts`, text)
      assert.equal(status, 1)
      assert.match(last ?? '', /^\d+ passed, [1-9]\d* failed, \d+ skipped$/)
    })

for (const folder of ['test/base', 'test/stores'])
  test(`the counts of a run in ${folder} are those of its tests, and the last line`, () => {
    const text =
      "test('a', () => {}); test('b', { skip: 'for a reason' }, () => {}); test('c', (t) => t.test('d', () => {}))"
    const good = outcome(`${folder}/it.test.ts`, text)
    assert.deepEqual([good.status, good.last], [0, '3 passed, 0 failed, 1 skipped'])
    assert.match(good.stdout, /for a reason: .*it\.test\.ts > b/)

    const bad = outcome(`${folder}/it.test.ts`, `${text}; test('e', () => { throw new Error('no') })`)
    assert.deepEqual([bad.status, bad.last], [1, '3 passed, 1 failed, 1 skipped'])
    assert.match(bad.stdout, /Failed:\n- .*it\.test\.ts > e\n/)
  })

test('a name that matches no test file, or no test, is a failure', () => {
  assert.equal(outcome('test/base/it.test.ts', "test('a', () => {})", 'no_such_file').status, 1)
  assert.equal(outcome('test/base/it.test.ts', "test('a', () => {})", '--name=no such test').status, 1)
})
