import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { makeMasterKey } from '#cli/master_key.ts'
import { createTestDatabase, noPostgres } from '../support/postgres.ts'
import { assertRefused, makePlace } from './command.ts'

test('first starts at once end with the same key, and leave nothing else behind', async (t) => {
  const place = makePlace(t)
  const outcomes = await Promise.all(Array.from({ length: 6 }, () => place.run(['migrate'])))
  for (const { status, stderr } of outcomes) assert.equal(status, 0, stderr)
  assert.deepEqual(readdirSync(place.folder).sort(), ['data', 'data.key'])
  const key = readFileSync(place.path('data.key'), 'utf8')
  await (await place.serve(['--port', '0'])).stop()
  assert.equal(readFileSync(place.path('data.key'), 'utf8'), key)
})

test('a wrong key is told before anything is written with it', async (t) => {
  const place = makePlace(t)
  await (await place.serve(['--port', '0'])).stop()
  const right = readFileSync(place.path('data.key'), 'utf8')
  writeFileSync(place.path('data.key'), makeMasterKey())
  assertRefused(
    await place.run(['serve', '--port', '0']),
    1,
    /not the master key that the database was begun with/,
    /data\.key/,
  )
  const inEnvironment = await place.run(['serve', '--port', '0'], {
    environment: { POSTERN_MASTER_KEY: makeMasterKey() },
  })
  assertRefused(inEnvironment, 1, /it came from POSTERN_MASTER_KEY/)
  rmSync(place.path('data.key'))
  assertRefused(await place.run(['serve', '--port', '0']), 1, /the master key is missing/)
  writeFileSync(place.path('data.key'), right, { mode: 0o600 })
  assert.equal((await (await place.serve(['--port', '0'])).stop()).status, 0)
})

test('postern master-key prints a key that is taken, and nothing else', async (t) => {
  const place = makePlace(t)
  const { status, stdout, stderr } = await place.run(['master-key'])
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, /^[A-Za-z0-9_-]{43}\n$/)
  assert.match(((await place.json(['master-key'])) as { master_key: string }).master_key, /^[\w-]{43}$/)
  const server = await place.serve(['--port', '0'], { environment: { POSTERN_MASTER_KEY: stdout.trim() } })
  await server.stop()
  assert.deepEqual(readdirSync(place.folder), ['data'])
})

test('PostgreSQL is refused without a key, and serves with one', { skip: noPostgres }, async (t) => {
  const { url, drop } = await createTestDatabase()
  t.after(drop)
  const place = makePlace(t)
  place.write('postern.json', { database: url })
  const refused = await place.run(['serve', '--port', '0'])
  assertRefused(refused, 1, /there is no master key.*`postern master-key`/)
  const environment = { POSTERN_MASTER_KEY: makeMasterKey() }
  const server = await place.serve(['--port', '0'], { environment })
  assert.equal((await fetch(`${server.url}readyz`)).status, 200)
  assert.equal((await server.stop()).status, 0)
  assertRefused(
    await place.run(['serve', '--port', '0'], { environment: { POSTERN_MASTER_KEY: makeMasterKey() } }),
    1,
    /not the master key/,
  )
  assertRefused(await place.run(['serve', '--demo', '--port', '0'], { environment }), 1, /embedded database/)
  const made = (await place.json(['users', 'create', '--username', 'jo@example.com'], { input: 'correct horse' })) as {
    id: number
  }
  assert.equal(typeof made.id, 'number')
})
