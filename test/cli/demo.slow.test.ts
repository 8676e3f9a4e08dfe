import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertRefused, makePlace, untilReady, type Server } from './command.ts'

const ask = async (url: string): Promise<{ total_count: number }> => {
  const token = (await (
    await fetch(`${url}oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'password',
        username: 'example@example.com',
        password: 'somepassword',
        client_id: 'GFg6CdBuibi1tk9yOQk0wwlDU6vqwyoP',
        client_secret: 'CLIENT_SECRET',
      }),
    })
  ).json()) as { access_token: string }
  const organizations = await fetch(`${url}api/v3.0/organizations?page_limit=3`, {
    headers: { authorization: `Bearer ${token.access_token}` },
  })
  return ((await organizations.json()) as { meta: { total_count: number } }).meta
}

test(
  'the printed lines, pasted into a shell, give the answers of the guide',
  { skip: process.platform === 'win32' },
  async (t) => {
    const place = makePlace(t)
    const server = await place.serve(['--demo', '--port', '0'])
    const lines = server.stdout().split('\n').slice(1).join('\n')
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['-eu'], {
      input: lines,
      cwd: place.folder,
      encoding: 'utf8',
    })
    assert.deepEqual([status, stderr], [0, ''])
    for (const expected of [
      /"access_token":"eyJ/,
      /"name":"Organization One".*"total_count":100/s,
      /"sessionid":"[0-9a-f]{40}"/,
      /"entity_type":"campaign"/,
      /"id_token":"eyJ/,
    ]) {
      assert.match(stdout, expected)
    }
  },
)

test('a demo that is killed while it is made is complete after the next start', async (t) => {
  const place = makePlace(t)
  for (const delay of [100, 250, 400, 550]) {
    const started = place.start(['serve', '--demo', '--port', '0', '--data', `data${delay}`])
    await Promise.race([sleep(delay), started.ended])
    started.child.kill('SIGKILL')
    await started.ended
    const server = await place.serve(['--demo', '--port', '0', '--data', `data${delay}`])
    assert.equal((await ask(server.url)).total_count, 100)
    const users = (await place.json(['users', 'list', '--data', `data${delay}`])) as unknown[]
    assert.equal(users.length, 3)
    await server.stop('SIGKILL')
  }
})

test('two demos that start at once in one folder both come up, each on its port', async (t) => {
  const place = makePlace(t)
  const started = [0, 1, 2].map(() => place.start(['serve', '--demo', '--port', '0']))
  const urls = await Promise.all(started.map(untilReady))
  for (const url of urls) assert.equal((await ask(url)).total_count, 100)
})

test('of two demos on one port the second is told', async (t) => {
  const place = makePlace(t)
  const server: Server = await place.serve(['--demo', '--port', '0'])
  const { port } = new URL(server.url)
  assertRefused(await place.run(['serve', '--demo', '--port', port]), 1, new RegExp(`port ${port} .*is in use`))
  assert.equal((await ask(server.url)).total_count, 100)
})

test('demo data is not served to others, and own data is not the demo', async (t) => {
  const place = makePlace(t)
  await (await place.serve(['--demo', '--port', '0'])).stop()
  assertRefused(await place.run(['serve', '--port', '0']), 1, /holds demo data, whose passwords everybody knows/)
  place.write('postern.json', { listen: { host: '0.0.0.0' } })
  assertRefused(await place.run(['serve', '--demo']), 1, /listens on this machine alone.*0\.0\.0\.0/)
  place.write('postern.json', {})

  const own = ['--data', 'own']
  await (await place.serve(['--port', '0', ...own])).stop()
  assertRefused(await place.run(['serve', '--demo', '--port', '0', ...own]), 1, /is in use and holds no demo data/)
  assert.equal((await (await place.serve(['--port', '0', ...own])).stop()).status, 0)
})
