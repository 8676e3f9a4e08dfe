import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig, type ConfigFile } from '#config.ts'
import { makePlace } from '../cli/command.ts'
import { makeKey } from '../support/client_keys.ts'

// What the README of this folder tells an operator who runs the plans from outside.

const page = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
const blocksOf = (language: string): readonly string[] =>
  [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, each]) => each === language).map(([, , text = '']) => text)

test('the configuration for a host of its own is one', () => {
  const [text = ''] = blocksOf('json')
  const { urls, listen } = parseConfig(JSON.parse(text) as ConfigFile)
  assert.ok(urls.auth.startsWith('https://'))
  assert.ok(listen.trusted_proxies.length > 0)
})

test('every command that registers a client or a person for the plans does so', async (t) => {
  const place = makePlace(t)
  const folder = place.path('data')
  for (const name of ['client_1.json', 'client_2.json']) place.write(name, { keys: [makeKey('ES256').jwk] })
  const commands = blocksOf('sh')
    .flatMap((text) => text.replaceAll('\\\n', ' ').trim().split('\n'))
    .filter((line) => /^postern (?:clients|users) create /.test(line))
  assert.equal(commands.length, 6)
  assert.equal((await place.run(['migrate', '--data', folder])).status, 0)
  for (const command of commands) {
    const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
    const input = words[1] === 'users' ? 'correct horse battery staple\n' : ''
    const { status, stderr } = await place.run([...words.slice(1), '--data', folder], { input })
    assert.equal(status, 0, `${command}\n${stderr}`)
  }
})
