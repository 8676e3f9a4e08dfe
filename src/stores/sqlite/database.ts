import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { epochSeconds, type EpochSeconds } from '#base/time.ts'
import type { Row } from '#stores/rows.ts'
import { StoreRefusedError, StoreUnavailableError } from '#stores/store.ts'

export type Statement = {
  readonly get: (...values: SQLInputValue[]) => Row | undefined
  readonly all: (...values: SQLInputValue[]) => Row[]
  /** How many rows changed. */
  readonly run: (...values: SQLInputValue[]) => number
}

/** The store's clock, read once for each piece of work. */
export type Now = { readonly seconds: EpochSeconds; readonly milliseconds: number }

export type SqliteDatabase = {
  readonly file: string
  readonly prepare: (sql: string) => Statement
  readonly now: () => Now
  /** Runs `work` at once. Outside a transaction, so one statement sees one moment. */
  readonly read: <T>(work: (now: Now) => T) => Promise<T>
  /**
   * Runs `work` in the next group commit: all that is asked for in one turn of the event loop shares one transaction and one fsync,
   * and each is answered after the commit. Work that throws is undone alone; the others of its group still succeed.
   */
  readonly write: <T>(work: (now: Now) => T) => Promise<T>
  readonly close: () => Promise<void>
}

const BUSY_TIMEOUT_MS = 5000
const NOT_A_DATABASE = 26
const CORRUPT = 11
const READ_ONLY = 8
const CANNOT_OPEN = 14
const CONSTRAINT = 19

const primaryCode = (error: unknown): number | undefined =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined

const unavailable = (error: unknown): unknown => {
  const code = primaryCode(error)
  return code === undefined || code === CONSTRAINT
    ? error
    : new StoreUnavailableError(`SQLite: ${(error as Error).message}`, { cause: error })
}

/** Why the file cannot be used, in words for the operator. */
const refusal = (file: string, error: unknown): unknown => {
  const code = primaryCode(error)
  const reasons: Readonly<Record<number, string>> = {
    [NOT_A_DATABASE]: `${file} is not a database, or is damaged. Restore it from a backup, or move it away to begin anew.`,
    [CORRUPT]: `${file} is damaged. Restore it from a backup, or move it away to begin anew.`,
    [READ_ONLY]: `${file} cannot be written. Make the file and its folder writable for the user who runs Postern.`,
    [CANNOT_OPEN]: `${file} cannot be opened. Its folder must exist and be writable for the user who runs Postern.`,
  }
  const reason = code === undefined ? undefined : reasons[code]
  return reason === undefined ? error : new StoreRefusedError(reason, { cause: error })
}

/** Opens the file in WAL mode with `synchronous=FULL`: what is acknowledged survives a power cut. */
export const openSqliteDatabase = (file: string, clock: () => number): SqliteDatabase => {
  let database: DatabaseSync
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true })
    database.exec('pragma journal_mode = wal; pragma synchronous = full')
    // A write that changes nothing finds a read-only file now, not at the first sign-in.
    database.exec('begin immediate; pragma user_version = 0; commit')
    const damage = database.prepare('pragma quick_check(1)').get() as { quick_check: string }
    if (damage.quick_check !== 'ok') {
      throw new StoreRefusedError(`${file} is damaged (${damage.quick_check}). Restore it from a backup.`)
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['EACCES', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(String(error.code))) {
      throw new StoreRefusedError(`the folder of ${file} cannot be made or written: ${error.message}`, { cause: error })
    }
    throw refusal(file, error)
  }

  type Job = { readonly work: (now: Now) => unknown; readonly resolve: (value: never) => void; readonly reject: (error: unknown) => void }
  let waiting: Job[] = []
  let closed = false

  const now = (): Now => {
    const milliseconds = clock()
    return { milliseconds, seconds: epochSeconds(milliseconds / 1000) }
  }

  const begin = database.prepare('begin immediate')
  const commit = database.prepare('commit')
  const savepoint = database.prepare('savepoint one')
  const release = database.prepare('release one')
  const undo = database.prepare('rollback to one')

  const runGroup = (): void => {
    const jobs = waiting
    waiting = []
    const answers: (() => void)[] = []
    try {
      begin.run()
      const moment = now()
      for (const { work, resolve, reject } of jobs) {
        savepoint.run()
        try {
          const value = work(moment)
          answers.push(() => resolve(value as never))
        } catch (error) {
          // A full disk makes SQLite undo the whole transaction by itself; then there is nothing left to save of the group.
          if (!database.isTransaction) throw error
          undo.run()
          answers.push(() => reject(unavailable(error)))
        }
        release.run()
      }
      commit.run()
    } catch (error) {
      if (database.isTransaction) database.exec('rollback')
      for (const { reject } of jobs) reject(unavailable(error))
      return
    }
    for (const answer of answers) answer()
  }

  return {
    file,
    now,
    prepare: (sql) => {
      const statement: StatementSync = database.prepare(sql)
      return {
        get: (...values) => statement.get(...values) as Row | undefined,
        all: (...values) => statement.all(...values) as Row[],
        run: (...values) => Number(statement.run(...values).changes),
      }
    },
    read: (work) => {
      try {
        return Promise.resolve(work(now()))
      } catch (error) {
        return Promise.reject(unavailable(error) as Error)
      }
    },
    write: (work) =>
      new Promise((resolve, reject) => {
        if (closed) {
          reject(new StoreUnavailableError('the store is closed'))
          return
        }
        waiting.push({ work, resolve, reject })
        if (waiting.length === 1) setImmediate(runGroup)
      }),
    close: async () => {
      if (closed) return
      closed = true
      if (waiting.length > 0) runGroup()
      database.close()
      await Promise.resolve()
    },
  }
}
