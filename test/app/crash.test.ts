import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { postgresTestDatabase } from '../stores/postgres_database.ts'
import { createTestDatabase, noPostgres } from '../support/postgres.ts'
import { crash, GUESSES, type CrashDatabase } from './crash.ts'
import { httpClient } from './http_client.ts'
import { startServerProcess } from './server_process.ts'

const ROUNDS = process.env['POSTERN_SOAK'] === '1' ? 400 : 40

const newFolder = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-crash-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'data')
}

const embedded = (t: TestContext): CrashDatabase => {
  const folder = newFolder(t)
  return {
    database: folder,
    query: (sql) => {
      const database = new DatabaseSync(join(folder, 'postern.sqlite'), { timeout: 5000 })
      try {
        return Promise.resolve(database.prepare(sql).all())
      } finally {
        database.close()
      }
    },
    // Its calls to the system end with a process.
    settled: () => Promise.resolve(),
  }
}

/** PostgreSQL finishes what it was asked for before it notices that nobody waits for the answer. */
const postgres = async (t: TestContext): Promise<CrashDatabase> => {
  const { url, query, remove } = await postgresTestDatabase()
  t.after(remove)
  const busy = `select 1 from pg_stat_activity where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()
    and application_name = 'postern'`
  return {
    database: url,
    query,
    settled: async () => {
      while ((await query(busy)).length > 0) await sleep(2)
    },
  }
}

const holds = async (t: TestContext, database: CrashDatabase, mayBeUnavailable: boolean): Promise<void> => {
  const counts = await crash(ROUNDS, database)
  t.diagnostic(JSON.stringify(counts))
  const { signIns, refreshes, bridges, logins, logouts, changes, guesses, ended, lost, evaluated } = counts
  for (const count of [signIns, refreshes, bridges, logins, ended, lost]) assert.ok(count > ROUNDS * 5)
  assert.ok(logouts > ROUNDS && changes > ROUNDS / 2 && guesses >= GUESSES)
  if (!mayBeUnavailable) assert.equal(counts.unavailable, 0)
  assert.ok(evaluated > GUESSES / 3 && counts.livesWithGuesses > 3)
}

test('embedded: whenever the server is killed, what it answered holds in the next life, and nothing single works twice', (t) =>
  holds(t, embedded(t), false))

test(
  'PostgreSQL: whenever the server is killed, what it answered holds in the next life, and nothing single works twice',
  { skip: noPostgres },
  async (t) => holds(t, await postgres(t), true),
)

const completesFirstStart = async (database: string): Promise<void> => {
  const options = { database, masterKey: randomBytes(32).toString('hex') }
  const servers = [1, 2, 3, 4].map(() => startServerProcess())
  try {
    const [last, ...killed] = servers
    for (const server of killed) {
      const starting = server.start(options).catch(() => undefined)
      await sleep(Math.random() * 150)
      await server.kill()
      await starting
    }
    const http = httpClient(await last!.start(options))
    assert.equal((await http.ask({ path: '/readyz' })).status, 200)
    const { keys } = (await http.ask({ path: '/.well-known/jwks.json' })).body
    assert.equal(keys?.length, 2)
    http.close()
  } finally {
    await Promise.all(servers.map((each) => each.kill()))
  }
}

test('embedded: a first start that was killed is completed by the next one', async (t) => {
  for (let n = 0; n < 4; n++) await completesFirstStart(newFolder(t))
})

test('PostgreSQL: a first start that was killed is completed by the next one', { skip: noPostgres }, async (t) => {
  for (let n = 0; n < 4; n++) {
    const { url, drop } = await createTestDatabase()
    t.after(drop)
    await completesFirstStart(url)
  }
})
