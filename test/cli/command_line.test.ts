import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { createProgram } from '#cli/program.ts'
import { explain } from '#cli/failures.ts'
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
  for (const [parameters, words] of [
    [['foo'], /unknown command 'foo'/],
    [['users', 'creat'], /Did you mean create\?/],
    [['serve', '--demoo'], /unknown option '--demoo'/],
    [['serve', '--port', 'http'], /Expected a port from 0 to 65535/],
    [['serve', 'now'], /too many arguments/],
    [['users', 'create'], /required option '--username <name>'/],
    [['users', 'list', '--limit', '0'], /Expected a number from 1 to 1000/],
    [['users', 'disable', '--id', '1', '--username', 'x'], /cannot be used with/],
    [['clients', 'create', '--name', 'X'], /required option '--grant-type/],
  ] as const) {
    assertRefused(await place.run(parameters), 2, words)
  }
  assert.match((await place.run([])).stderr, /Usage: postern/)
  assert.equal((await place.run([])).status, 2)
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

test('every command says what it does and shows how it is used', () => {
  const check = (command: ReturnType<typeof createProgram>, name: string): void => {
    let help = ''
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
    assert.notEqual(command.description(), '', name)
    if (command.commands.length === 0) assert.match(help, new RegExp(`Examples:\\n.*${name}`, 's'), name)
    for (const child of command.commands) check(child, `${name} ${child.name()}`)
  }
  check(createProgram(), 'postern')
})

test('what nobody foresaw has its stack and is called a defect', () => {
  const { status, words } = explain(new TypeError('x is not a function'))
  assert.equal(status, 1)
  assert.match(words, /^this is a defect of Postern; please report it.*\nTypeError: x is not a function\n\s+at /)
})
