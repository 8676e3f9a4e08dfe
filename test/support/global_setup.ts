// One PostgreSQL for the whole run, found by the test files in TEST_POSTGRES. One that is named there beforehand is used as it is.
import { startPostgres, sweepStalePostgres, whyNoBinaries, type Postgres } from './postgres.ts'

let postgres: Postgres | undefined

export const globalSetup = async (): Promise<void> => {
  if (process.env.TEST_POSTGRES !== undefined) return
  sweepStalePostgres()
  // Where we test, a missing PostgreSQL is a failure and not a reason to test less.
  const mayBeMissing = !(process.platform === 'linux' && process.arch === 'x64')
  const why = whyNoBinaries()
  if (why !== undefined && mayBeMissing) return skipAloud(why)
  const start = performance.now()
  try {
    postgres = await startPostgres()
  } catch (error) {
    if (!mayBeMissing) throw error
    return skipAloud(`needs PostgreSQL, which did not start: ${String(error)}`)
  }
  process.env.TEST_POSTGRES = postgres.url
  console.error(`  PostgreSQL started (${((performance.now() - start) / 1000).toFixed(1)} s)`)
}

export const globalTeardown = async (): Promise<void> => {
  await postgres?.stop()
}

const skipAloud = (why: string): void => {
  process.env.TEST_POSTGRES_MISSING = why
  console.error(`  NOT TESTED on PostgreSQL: ${why}`)
}
