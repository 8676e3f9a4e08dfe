import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createProgram } from '#cli/program.ts'
import { parseConfig, type ConfigFile } from '#config.ts'
import { exchange } from '../http/serving.ts'
import { startPostern } from '../support/running_postern.ts'

// The page for operators: its configuration is one, its commands exist, and its proxy sends what the server needs.

const ROOT = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(ROOT, 'docs/guide/deployment.md'), 'utf8')
const blocks = (language: string): readonly string[] =>
  [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, each]) => each === language).map(([, , text = '']) => text)

const [json = ''] = blocks('json')
const [nginx = ''] = blocks('nginx')
const given = JSON.parse(json) as ConfigFile

test('the configuration of the page is right, as the command says', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-deployment-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'postern.json')
  const check = (text: string) => {
    writeFileSync(file, text)
    return execFileSync(process.execPath, ['src/cli/main.ts', 'config', 'check', '--config', file], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: 'pipe',
    })
  }
  check(json)
  assert.throws(() => check(json.replace('"trusted_proxies"', '"trusted_proxy"')), /there is no such key/)
})

test('every command of the page exists, with the options that it shows', () => {
  const lines = blocks('sh').flatMap((text) => text.trim().split('\n'))
  assert.ok(lines.length >= 5)
  for (const line of lines) {
    const [name, ...words] = line.split(' ')
    assert.equal(name, 'postern')
    let command = createProgram()
    const options = new Set<string>()
    for (;;) {
      for (const { long } of command.options) if (long !== undefined && long !== null) options.add(long)
      const next = command.commands.find((each) => each.name() === words[0])
      if (next === undefined) break
      command = next
      words.shift()
    }
    assert.equal(command.commands.length, 0, line)
    for (const word of words.filter((each) => each.startsWith('--'))) assert.ok(options.has(word), `${line}: ${word}`)
  }
})

test('what the proxy of the page sends is understood: both hosts, https, and who asked', async (t) => {
  const { urls, listen } = parseConfig(given)
  const set = Object.fromEntries(
    [...nginx.matchAll(/proxy_set_header (\S+) (\S+);/g)].map(([, name = '', value = '']) => [name, value]),
  )
  assert.match(nginx, new RegExp(`proxy_pass http://${listen.host}:${listen.port};`))
  const names = /server_name ([^;]+);/.exec(nginx)?.[1]?.split(' ').toSorted()
  assert.deepEqual(names, [new URL(urls.auth).host, new URL(urls.api).host, ...urls.auth_aliases].toSorted())

  const postern = await startPostern(t, {
    config: { urls: given.urls!, listen: { trusted_proxies: listen.trusted_proxies } },
  })
  /** As nginx fills in its variables (ngx_http_core_module, ngx_http_proxy_module) for a client that lies about its address. */
  const ask = (host: string, path: string) => {
    const variables: Readonly<Record<string, string>> = {
      $host: host,
      $scheme: 'https',
      $proxy_add_x_forwarded_for: '198.51.100.1, 203.0.113.9',
      '""': 'keep-alive',
    }
    const headers = Object.entries(set).map(([name, value]) => `${name}: ${variables[value] ?? assert.fail(value)}`)
    return exchange(postern.port, [`GET ${path} HTTP/1.1`, ...headers, '', ''].join('\r\n'))
  }
  for (const host of ['auth.example.com', 'login.example.com']) {
    const reply = await ask(host, '/.well-known/openid-configuration')
    assert.equal(reply.status, 200)
    assert.equal((JSON.parse(reply.body) as { issuer: string }).issuer, urls.auth)
  }
  assert.equal((await ask('api.example.com', '/api/v3.0/organizations')).status, 401)
  assert.equal((await ask('api.example.com', '/account')).status, 404)
  assert.equal((await ask('other.example.com', '/')).status, 421)
  await ask('auth.example.com', '/authorize')
  assert.ok(postern.logged.some((line) => (JSON.parse(line) as { address?: string }).address === '203.0.113.9'))
})
