import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noPostgres, startPostgres } from '../support/postgres.ts'
import { MOST_ADMITTED, attemptsLeft, crash } from './crash.ts'
import { postgresDatabaseAt } from './postgres_database.ts'
import { sqliteTestDatabase } from './sqlite_database.ts'

const ROUNDS = Number(process.env['POSTERN_SOAK'] === '1' ? 400 : 40)

test('SQLite: whenever the process is killed, nothing acknowledged is lost and nothing single is double', async (t) => {
  const database = sqliteTestDatabase()
  try {
    const counts = await crash({ rounds: ROUNDS, parameters: ['sqlite', database.file], database, longestMs: 80 })
    t.diagnostic(JSON.stringify(counts))
    assert.ok(counts.accounts > ROUNDS && counts.sessions > 0 && counts.passwords > 0 && counts.admitted > 0)
    assert.ok(counts.codes > ROUNDS && counts.spent > 0 && counts.rotations > 0 && counts.ended > 0)
    assert.equal(counts.unavailable, 0)
    assert.ok(counts.admitted + (await attemptsLeft(database)) <= MOST_ADMITTED)
  } finally {
    await database.remove()
  }
})

test(
  'PostgreSQL: whenever the process or PostgreSQL is killed, nothing acknowledged is lost and nothing single is double',
  { skip: noPostgres },
  async (t) => {
    const postgres = await startPostgres()
    try {
      const database = postgresDatabaseAt(postgres.url, () => Promise.resolve())
      const counts = await crash({
        rounds: ROUNDS,
        parameters: ['postgres', postgres.url],
        database,
        longestMs: 250,
        disturb: (round) => (round % 8 === 0 ? postgres.restart() : Promise.resolve()),
      })
      t.diagnostic(JSON.stringify(counts))
      assert.ok(counts.accounts > ROUNDS && counts.sessions > 0 && counts.passwords > 0 && counts.admitted > 0)
      assert.ok(counts.codes > ROUNDS && counts.spent > 0 && counts.rotations > 0 && counts.ended > 0)
      assert.ok(counts.unavailable > 0)
      assert.ok(counts.admitted + (await attemptsLeft(database)) <= MOST_ADMITTED)
    } finally {
      await postgres.stop()
    }
  },
)
