import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { assertRefused, makePlace } from './command.ts'

test('--version and --help are results: stdout, status 0', async (t) => {
  const place = makePlace(t)
  const version = await place.run(['--version'])
  assert.deepEqual([version.status, version.stderr], [0, ''])
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/)
  const help = await place.run(['serve', '--help'])
  assert.deepEqual([help.status, help.stderr], [0, ''])
  assert.match(help.stdout, /Examples:/)
})

test('a wrong command line is told on stderr with status 2', async (t) => {
  const place = makePlace(t)
  assertRefused(await place.run(['users', 'creat']), 2, /unknown command 'creat'\n\(Did you mean create\?\)/)
  const nothing = await place.run([])
  assert.deepEqual([nothing.status, nothing.stdout], [2, ''])
  assert.match(nothing.stderr, /^Usage: postern/)
})

test('a secret is never an argument, and the sentence says how it is done', async (t) => {
  const place = makePlace(t)
  for (const parameters of [
    ['users', 'create', '--username', 'a@example.com', '--password', 'geheim'],
    ['users', 'create', '--username', 'a@example.com', '--password=geheim'],
    ['users', 'set-password', '--username', 'a@example.com', '--password', 'geheim'],
    ['clients', 'create', '--name', 'X', '--grant-type', 'password', '--client-secret', 'geheim'],
    ['clients', 'create', '--name', 'X', '--grant-type', 'password', '--secret=geheim'],
    ['serve', '--master-key', 'geheim'],
  ]) {
    const outcome = await place.run(parameters)
    assertRefused(outcome, 2, /a secret is never an argument.*pipe it in as one line of standard input/)
    assert.doesNotMatch(outcome.stderr, /geheim/)
  }
})

test('a command for people or clients begins no database in the wrong folder', async (t) => {
  const place = makePlace(t)
  for (const parameters of [
    ['users', 'list'],
    ['users', 'create', '--username', 'a@example.com'],
    ['clients', 'list'],
  ]) {
    assertRefused(await place.run(parameters), 1, /there is no database in .*data\. `postern migrate` makes one/)
  }
  assert.equal(existsSync(place.path('data')), false)
  assert.equal(existsSync(place.path('data.key')), false)
})
