import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertRefused, makePlace } from './command.ts'

test('without a file everything has its default, and the words go to stderr', async (t) => {
  const { status, stdout, stderr } = await makePlace(t).run(['config', 'check'])
  assert.equal(status, 0)
  assert.match(stdout, /^file: +none \(no postern\.json here\)/)
  assert.match(stdout, /listens on: +127\.0\.0\.1, port 9400\n/)
  assert.equal(stderr, 'The configuration is right.\n')
})

test('postern.json of the working folder is read, and another with --config', async (t) => {
  const place = makePlace(t)
  place.write('postern.json', { listen: { port: 9600 } })
  place.write('other.json', { listen: { port: 9700 } })
  const here = (await place.json(['config', 'check'])) as { issuer: string; file: string }
  assert.deepEqual([here.issuer, here.file], ['http://localhost:9600/', 'postern.json'])
  const other = (await place.json(['--config', 'other.json', 'config', 'check'])) as { issuer: string }
  assert.equal(other.issuer, 'http://localhost:9700/')
})

test('every problem is told at once, with its key and what was expected', async (t) => {
  const place = makePlace(t)
  place.write('postern.json', {
    listne: { port: 1 },
    listen: { port: 'https' },
    tokens: { access_token_lifetime: 3600 },
    urls: { auth: 'http://auth.example.com/' },
  })
  const outcome = await place.run(['config', 'check'])
  assertRefused(
    outcome,
    2,
    /listne: there is no such key/,
    /listen\.port: expected number/,
    /tokens\.access_token_lifetime: expected/,
    /urls\.auth: expected https/,
  )
  const { status, stdout } = await place.run(['config', 'check', '--json'])
  assert.equal(status, 2)
  const document = JSON.parse(stdout) as { ok: boolean; problems: string[] }
  assert.equal(document.ok, false)
  assert.equal(document.problems.length, 4)
})

test('the same problems stop every command', async (t) => {
  const place = makePlace(t)
  place.write('postern.json', { tokens: { access_token_lifetime: '24 hours' } })
  for (const command of [
    ['serve', '--demo'],
    ['users', 'list'],
  ]) {
    assertRefused(await place.run(command), 2, /tokens\.access_token_lifetime: expected a duration with its unit/)
  }
})

test('a file that is not JSON is told with line and column, and never quoted', async (t) => {
  const place = makePlace(t)
  for (const [text, where] of [
    ['{\n  "listen": { "port": 9400, }\n}', /line 2, column 29: this is not JSON/],
    ['{\n  "database": postgres://u:geheim@db/x\n}', /line 2, column 15: this is not JSON \(Unexpected token 'p'\)/],
    ['{\n  "listen": {', /line 2, column 14: this is not JSON/],
    ['', /line 1, column 1: this is not JSON \(Unexpected end/],
    ['// words\n{}', /line 1, column 1/],
    ['{} {}', /line 1, column 4/],
  ] as const) {
    place.write('postern.json', text)
    const outcome = await place.run(['config', 'check'])
    assertRefused(outcome, 2, where)
    assert.doesNotMatch(outcome.stderr, /geheim|atabase/)
  }
})

test('a file that starts with a byte order mark is read', async (t) => {
  const place = makePlace(t)
  place.write('postern.json', '\uFEFF{"listen": {"port": 9601}}')
  assert.equal(((await place.json(['config', 'check'])) as { issuer: string }).issuer, 'http://localhost:9601/')
})

test('a named file that is not there, a folder and a list are refused', async (t) => {
  const place = makePlace(t)
  assertRefused(
    await place.run(['config', 'check', '--config', 'nowhere.json']),
    2,
    /nowhere\.json: there is no such file/,
  )
  assertRefused(await place.run(['config', 'check', '--config', '.']), 2, /\.: cannot be read/)
  place.write('postern.json', [])
  assertRefused(await place.run(['config', 'check']), 2, /expected object/)
})

test('--data takes a folder: the URL of a database would show its password to everyone on the machine', async (t) => {
  const outcome = await makePlace(t).run(['config', 'check', '--data', 'postgres://u:geheim@localhost/x'])
  assertRefused(outcome, 2, /--data: expected a folder/)
  assert.doesNotMatch(outcome.stderr, /geheim/)
})

test('config print prints a configuration that means the same, without passwords', async (t) => {
  const place = makePlace(t)
  place.write('postern.json', {
    database: 'postgres://postern:geheim@db.example.com/postern?sslpassword=auchgeheim',
    tokens: { access_token_lifetime: '90 min' },
  })
  const { status, stdout } = await place.run(['config', 'print'])
  assert.equal(status, 0)
  assert.doesNotMatch(stdout, /geheim/)
  const printed = JSON.parse(stdout) as { database: string; tokens: Record<string, string> }
  assert.match(printed.database, /^postgres:\/\/postern:\*\*\*@db\.example\.com\/postern/)
  assert.equal(printed.tokens['access_token_lifetime'], '90 min')
})
