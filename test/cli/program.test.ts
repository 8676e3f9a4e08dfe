import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommanderError } from 'commander'
import { explain } from '#cli/failures.ts'
import { createProgram } from '#cli/program.ts'

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

test('a wrong command line is refused with what was expected', async () => {
  const password = ['clients', 'create', '--name', 'X', '--grant-type', 'password']
  for (const [parameters, words] of [
    [['foo'], /unknown command 'foo'/],
    [['serve', '--demoo'], /unknown option '--demoo'/],
    [['serve', '--port', 'http'], /Expected a port from 0 to 65535/],
    [['serve', '--port', '65536'], /Expected a port from 0 to 65535/],
    [['serve', 'now'], /too many arguments/],
    [['users', 'create'], /required option '--username <name>'/],
    [['users', 'create', '--username', 'x', '--role', 'KING'], /Allowed choices are ADMIN, MANAGER/],
    [['users', 'create', '--username', 'x', '--flag', 'fly'], /Allowed choices are/],
    [
      ['users', 'create', '--username', 'x', '--organization', '100000'],
      /Expected the id of an organization with :r or :w/,
    ],
    [['users', 'list', '--limit', '0'], /Expected a number from 1 to 1000/],
    [['users', 'disable', '--id', '1', '--username', 'x'], /cannot be used with/],
    [['clients', 'create', '--name', 'X', '--grant-type', 'implicit'], /Expected authorization_code, password, http/],
    [[...password, '--password-grant-ends-at', 'soon'], /Expected a day or a time with its offset/],
    [[...password, '--password-grant-ends-at', '2030-01-31T12:00:00'], /Expected a day or a time with its offset/],
    [[...password, '--redirect-uri', '/callback'], /A redirect URI is an absolute URI/],
    [[...password, '--redirect-uri', 'https://a.example/#x'], /has no fragment/],
    [[...password, '--redirect-uri', 'javascript:alert(1)'], /a name in reverse/],
    [[...password, '--id', 'a:b'], /without a colon/],
    [[...password, '--api-key', ' '], /Expected a name/],
  ] as const) {
    let said = ''
    const program = createProgram()
    const listen = (command: typeof program): void => {
      command.configureOutput({ writeErr: (text) => (said += text) })
      for (const child of command.commands) listen(child)
    }
    listen(program)
    await assert.rejects(program.parseAsync(parameters, { from: 'user' }), CommanderError)
    assert.match(said, words)
    assert.match(said, /^postern: .*`--help` tells more\.\n$/s)
  }
})
