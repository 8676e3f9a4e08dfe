import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertRefused, busyPort, makePlace, untilReady } from './command.ts'

test('a server says that it is ready in its first line, alone, and ends with status 0', async (t) => {
  const place = makePlace(t)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const server = await place.serve(['--port', '0'])
    assert.match(server.url, /^http:\/\/localhost:\d+\/$/)
    const discovery = (await (await fetch(`${server.url}.well-known/openid-configuration`)).json()) as {
      issuer: string
    }
    assert.equal(discovery.issuer, server.url)
    const { status, stdout } = await server.stop(signal)
    assert.deepEqual([status, stdout], [0, `ready ${server.url}\n`])
  }
})

test('with --json the first document says where it listens', async (t) => {
  const place = makePlace(t)
  const started = place.start(['serve', '--port', '0', '--json'])
  while (!started.stdout().endsWith('}\n')) await sleep(20)
  const { ready, port, demo } = JSON.parse(started.stdout()) as { ready: string; port: number; demo: boolean }
  assert.deepEqual([ready, demo], [`http://localhost:${port}/`, false])
})

test('a second signal ends it at once', async (t) => {
  const server = await makePlace(t).serve(['--port', '0'])
  // A request that never ends keeps the first signal waiting.
  const { connect } = await import('node:net')
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  socket.on('error', () => {})
  socket.write('POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx')
  await sleep(200)
  server.child.kill('SIGTERM')
  await sleep(200)
  const start = performance.now()
  server.child.kill('SIGTERM')
  assert.equal((await server.ended).status, 143)
  assert.ok(performance.now() - start < 2000)
  socket.destroy()
})

test('a port that is in use is told, and what was begun is let go', async (t) => {
  const place = makePlace(t)
  const port = String(await busyPort(t))
  assertRefused(
    await place.run(['serve', '--port', port]),
    1,
    new RegExp(`port ${port} of 127\\.0\\.0\\.1 is in use.*--port`),
  )
  place.write('postern.json', { listen: { host: '192.0.2.1' } })
  assertRefused(await place.run(['serve', '--port', '9499']), 1, /listen\.host: this machine has no such address/)
  place.write('postern.json', {})
  await (await place.serve(['--port', '0'])).stop()
})

test('a damaged database is told, and left as it is', async (t) => {
  const place = makePlace(t)
  await (await place.serve(['--port', '0'])).stop()
  const file = place.path('data', 'postern.sqlite')
  for (const content of [
    Buffer.alloc(8192, 'x'),
    Buffer.concat([readFileSync(file).subarray(0, 4096), Buffer.alloc(40_000, 7)]),
  ]) {
    writeFileSync(file, content)
    for (const parameters of [
      ['serve', '--port', '0'],
      ['users', 'list'],
    ]) {
      assertRefused(await place.run(parameters), 1, /(is damaged|is not a database).*[Rr]estore it from a backup/)
    }
    assert.deepEqual(readFileSync(file).subarray(0, 4096), content.subarray(0, 4096))
  }
})

test('a database that a later version has changed is refused', async (t) => {
  const place = makePlace(t)
  assert.deepEqual(await place.json(['migrate']), { migrated: true })
  const database = new DatabaseSync(place.path('data', 'postern.sqlite'))
  database.exec("insert into migrations (id, name, applied_at) values (999, 'later', 0)")
  database.close()
  for (const parameters of [['migrate'], ['serve', '--port', '0'], ['users', 'list']]) {
    assertRefused(await place.run(parameters), 1, /ahead of this Postern: it has migration 999/)
  }
})

test('a folder that cannot be made or written is told', async (t) => {
  const place = makePlace(t)
  place.write('file', '')
  assertRefused(
    await place.run(['serve', '--port', '0', '--data', 'file/data']),
    1,
    /the master key cannot be written: E(NOTDIR|EXIST)/,
  )

  // Root may write everywhere, so where we are root somebody else tries.
  const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  chmodSync(place.folder, 0o755)
  const canRun = spawnSync(process.execPath, ['--version'], { ...nobody, cwd: place.folder }).status === 0
  if (process.platform === 'win32' || !canRun) return t.diagnostic('an unprivileged user cannot run Node.js here')
  mkdirSync(place.path('locked'), { mode: 0o555 })
  chmodSync(place.path('locked'), 0o555)
  const run = (parameters: readonly string[]) => place.run(parameters, { spawn: nobody })
  const locked = ['--data', 'locked/data']
  const outcome = await run(['serve', '--port', '0', ...locked])
  if (/EACCES.*main\.ts|Cannot find module/.test(outcome.stderr)) {
    return t.diagnostic('an unprivileged user cannot read the repository here')
  }
  assertRefused(outcome, 1, /the master key cannot be written: EACCES.*writable/)

  mkdirSync(place.path('readable'))
  if (nobody.uid !== undefined) chownSync(place.path('readable'), nobody.uid, nobody.gid)
  assert.equal((await run(['migrate', '--data', 'readable/data'])).status, 0)
  chmodSync(place.path('readable', 'data', 'postern.sqlite'), 0o444)
  chmodSync(place.path('readable', 'data'), 0o555)
  assertRefused(await run(['serve', '--port', '0', '--data', 'readable/data']), 1, /cannot be (written|opened)/)
})

test('a full disk is told, and the next start finds everything', { skip: process.platform === 'win32' }, async (t) => {
  const place = makePlace(t)
  assert.equal((await place.run(['migrate'])).status, 0)
  // A limit on the size of files stands for a disk that is full: the write fails in the same place.
  const command = [process.execPath, `${import.meta.dirname}/../../src/cli/main.ts`, 'clients', 'create']
  const { status, stderr } = spawnSync(
    '/bin/sh',
    [
      '-c',
      `trap '' XFSZ; ulimit -f 0; exec "$@"`,
      'sh',
      ...command,
      '--name',
      'X',
      '--grant-type',
      'client_credentials',
    ],
    { cwd: place.folder, encoding: 'utf8' },
  )
  assert.equal(status, 1, stderr)
  assert.match(stderr, /^postern: .*/)
  assert.doesNotMatch(stderr, /\n\s+at |defect/)
  assert.deepEqual(await place.json(['clients', 'list']), [])
})

test('a reader that has seen enough is no error', { skip: process.platform === 'win32' }, async (t) => {
  const place = makePlace(t)
  assert.equal((await place.run(['migrate'])).status, 0)
  const started = place.start(['config', 'print'])
  started.child.stdout!.destroy()
  const { status, stderr } = await started.ended
  assert.deepEqual([status, stderr], [0, ''])
})

test('a signal before it is ready ends it too', async (t) => {
  const place = makePlace(t)
  const started = place.start(['serve', '--demo', '--port', '0'])
  await sleep(100)
  started.child.kill('SIGTERM')
  assert.ok([0, 'SIGTERM'].includes((await started.ended).status))
  const again = place.start(['serve', '--demo', '--port', '0'])
  await untilReady(again)
})
