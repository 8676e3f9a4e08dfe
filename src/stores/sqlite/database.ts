import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { epochSeconds, type EpochSeconds } from '#base/time.ts'
import { refuseUnstorable, type Row } from '#stores/rows.ts'
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
  /** Runs `work` at once, and all its statements see one moment, whatever another process writes meanwhile. */
  readonly snapshot: <T>(work: (now: Now) => T) => Promise<T>
  /**
   * Runs `work` in the next group commit: all that is asked for in one turn of the event loop shares one transaction and one fsync,
   * and each is answered after the commit. Work that throws is undone alone; the others of its group still succeed.
   */
  readonly write: <T>(work: (now: Now) => T) => Promise<T>
  readonly close: () => Promise<void>
}

const BUSY_TIMEOUT_MS = 5000
const BUSY = 5
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
  return reason === undefined ? unavailable(error) : new StoreRefusedError(reason, { cause: error })
}

/** Opens the file in WAL mode with `synchronous=FULL`: what is acknowledged survives a power cut. */
export const openSqliteDatabase = (
  file: string,
  clock: () => number,
  busyTimeoutMs = BUSY_TIMEOUT_MS,
): SqliteDatabase => {
  let database: DatabaseSync | undefined
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // SQLite makes a file that all may read, and gives the log beside it the mode of this one.
    if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600))
    database = new DatabaseSync(file, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true })
    useWriteAheadLog(database)
    database.exec('pragma synchronous = full')
    // Finds a read-only file now, not at the first sign-in.
    database.exec('begin immediate; commit')
    const damage = database.prepare('pragma quick_check(1)').get() as { quick_check: string }
    if (damage.quick_check !== 'ok') {
      throw new StoreRefusedError(`${file} is damaged (${damage.quick_check}). Restore it from a backup.`)
    }
  } catch (error) {
    database?.close()
    if (
      error instanceof Error &&
      'code' in error &&
      ['EACCES', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(String(error.code))
    ) {
      throw new StoreRefusedError(`the folder of ${file} cannot be made or written: ${error.message}`, { cause: error })
    }
    throw refusal(file, error)
  }
  return groupingDatabase(file, database, clock)
}

/**
 * The switch needs the file alone, and SQLite does not wait for that where waiting could be for ever: of several processes that start at
 * once with a new file all but one are told at once that it is busy.
 */
const useWriteAheadLog = (database: DatabaseSync): void => {
  const latest = performance.now() + BUSY_TIMEOUT_MS
  for (;;) {
    try {
      database.exec('pragma journal_mode = wal')
      return
    } catch (error) {
      if (primaryCode(error) !== BUSY || performance.now() > latest) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    }
  }
}

const groupingDatabase = (file: string, database: DatabaseSync, clock: () => number): SqliteDatabase => {
  type Job = {
    readonly work: (now: Now) => unknown
    readonly resolve: (value: never) => void
    readonly reject: (error: unknown) => void
  }
  let waiting: Job[] = []
  let closed = false
  let isWriting = false

  const now = (): Now => {
    const milliseconds = Math.floor(clock())
    return { milliseconds, seconds: epochSeconds(milliseconds / 1000) }
  }

  const begin = database.prepare('begin immediate')
  const beginSnapshot = database.prepare('begin')
  const commit = database.prepare('commit')
  const savepoint = database.prepare('savepoint one')
  const release = database.prepare('release one')
  const undo = database.prepare('rollback to one')

  const runGroup = (): void => {
    const jobs = waiting
    waiting = []
    // Empty when `close` has run the group before its turn.
    if (jobs.length === 0) return
    const answers: (() => void)[] = []
    try {
      begin.run()
      isWriting = true
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
      try {
        if (database.isTransaction) database.exec('rollback')
      } catch {
        // What made the commit fail can make this fail; the next `begin` tells.
      }
      for (const { reject } of jobs) reject(unavailable(error))
      return
    } finally {
      isWriting = false
    }
    for (const answer of answers) answer()
  }

  const read = <T>(work: (now: Now) => T): Promise<T> => {
    if (closed) return Promise.reject(new StoreUnavailableError('the store is closed'))
    try {
      return Promise.resolve(work(now()))
    } catch (error) {
      return Promise.reject(unavailable(error))
    }
  }

  return {
    file,
    now,
    prepare: (sql) => {
      const statement: StatementSync = database.prepare(sql)
      const checked = (values: SQLInputValue[]): SQLInputValue[] => {
        if (isWriting) refuseUnstorable(values)
        return values
      }
      return {
        get: (...values) => statement.get(...checked(values)),
        all: (...values) => statement.all(...checked(values)),
        run: (...values) => Number(statement.run(...checked(values)).changes),
      }
    },
    read,
    snapshot: (work) =>
      read((now) => {
        beginSnapshot.run()
        try {
          return work(now)
        } finally {
          commit.run()
        }
      }),
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
