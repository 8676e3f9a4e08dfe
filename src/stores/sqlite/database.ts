import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { epochSeconds, type EpochSeconds } from '#base/time.ts'
import { refuseUnstorable, type Row } from '#stores/rows.ts'
import { asStoreError, isBusy, refusal } from '#stores/sqlite/errors.ts'
import { groupCommit, TRY_AGAIN_MS, type GroupCommit } from '#stores/sqlite/group.ts'
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
  /**
   * Runs `work` at once. Outside a transaction, so one statement sees one moment. It runs again if SQLite was busy with the repair of a
   * log that another process left.
   */
  readonly read: <T>(work: (now: Now) => T) => Promise<T>
  /**
   * As `read`, for one row that is looked for again and again: it is looked for in the file only if anything was committed since, by us or by
   * another process. Whether something was is asked of SQLite each time, so nobody is ever answered what is no longer true.
   * @param isStill - whether what was found is not over by now, which no commit tells
   */
  readonly recall: <Key, Found extends object>(
    find: (key: Key, now: Now) => Found | undefined,
    isStill: (found: Found, now: Now) => boolean,
  ) => (key: Key) => Promise<Found | undefined>
  /** Runs `work` at once, and all its statements see one moment, whatever another process writes meanwhile. */
  readonly snapshot: <T>(work: (now: Now) => T) => Promise<T>
  readonly write: GroupCommit['write']
  readonly close: () => Promise<void>
}

/** How long a piece of work waits for other processes before it is refused. */
const PATIENCE_MS = 5000

/** Opens the file in WAL mode with `synchronous=FULL`: what is acknowledged survives a power cut. */
export const openSqliteDatabase = (file: string, clock: () => number, patienceMs = PATIENCE_MS): SqliteDatabase => {
  let database: DatabaseSync | undefined
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // SQLite makes a file that all may read, and gives the log beside it the mode of this one.
    if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600))
    database = new DatabaseSync(file, { timeout: patienceMs, enableForeignKeyConstraints: true })
    useWriteAheadLog(database)
    database.exec('pragma synchronous = full')
    // Finds a read-only file now, not at the first sign-in.
    database.exec('begin immediate; commit')
    const damage = database.prepare('pragma quick_check(1)').get() as { quick_check: string }
    if (damage.quick_check !== 'ok') {
      throw new StoreRefusedError(`${file} is damaged (${damage.quick_check}). Restore it from a backup.`)
    }
    // SQLite waits by stopping the thread, which is well only while nobody is served. From now on we wait ourselves.
    database.exec('pragma busy_timeout = 0')
  } catch (error) {
    database?.close()
    if (
      error instanceof Error &&
      'code' in error &&
      ['EACCES', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(String(error.code))
    ) {
      throw new StoreRefusedError(
        `the folder of ${file} cannot be made or written: ${error.message}. ` +
          `Make it writable for the user who runs Postern, or name another place for the database.`,
        { cause: error },
      )
    }
    throw refusal(file, error)
  }
  return waitingDatabase(file, database, clock, patienceMs)
}

/**
 * The switch needs the file alone, and SQLite does not wait for that where waiting could be for ever: of several processes that start at
 * once with a new file all but one are told at once that it is busy.
 */
const useWriteAheadLog = (database: DatabaseSync): void => {
  const latest = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      database.exec('pragma journal_mode = wal')
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() > latest) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    }
  }
}

/** Rows of one kind that are kept in memory at most. */
const MOST_RECALLED = 10_000

/** Counts what changed in the file: each group of ours, and what SQLite tells of other processes. */
const countChanges = (database: DatabaseSync): { readonly count: () => number; readonly note: () => void } => {
  const dataVersion = database.prepare('pragma data_version')
  dataVersion.setReturnArrays(true)
  let version: unknown
  let count = 0
  let isAsked = false
  return {
    note: () => {
      count++
    },
    count: () => {
      // What is asked for in one go, before anything else can happen here, is of one moment.
      if (isAsked) return count
      isAsked = true
      queueMicrotask(() => {
        isAsked = false
      })
      const [now] = dataVersion.get() as unknown as readonly unknown[]
      if (now !== version) count++
      version = now
      return count
    },
  }
}

const waitingDatabase = (
  file: string,
  database: DatabaseSync,
  clock: () => number,
  patienceMs: number,
): SqliteDatabase => {
  const now = (): Now => {
    const milliseconds = Math.floor(clock())
    return { milliseconds, seconds: epochSeconds(milliseconds / 1000) }
  }
  const changes = countChanges(database)
  const group = groupCommit(database, now, patienceMs, changes.note)
  const beginSnapshot = database.prepare('begin')
  const endSnapshot = database.prepare('commit')
  let closing: Promise<void> | undefined

  const refuseClosed = (): Promise<never> => Promise.reject(new StoreUnavailableError('the store is closed'))

  const read = <T>(work: (now: Now) => T): Promise<T> => {
    if (closing !== undefined) return refuseClosed()
    try {
      return Promise.resolve(work(now()))
    } catch (error) {
      return isBusy(error) ? readAgain(work) : Promise.reject(asStoreError(error))
    }
  }

  const readAgain = async <T>(work: (now: Now) => T): Promise<T> => {
    const latest = performance.now() + patienceMs
    for (;;) {
      await sleep(TRY_AGAIN_MS)
      if (closing !== undefined) return refuseClosed()
      try {
        return work(now())
      } catch (error) {
        if (!isBusy(error) || performance.now() > latest) throw asStoreError(error)
      }
    }
  }

  return {
    file,
    now,
    prepare: (sql) => {
      const statement: StatementSync = database.prepare(sql)
      const checked = (values: SQLInputValue[]): SQLInputValue[] => {
        if (group.isWriting()) refuseUnstorable(values)
        return values
      }
      return {
        get: (...values) => statement.get(...checked(values)),
        all: (...values) => statement.all(...checked(values)),
        run: (...values) => Number(statement.run(...checked(values)).changes),
      }
    },
    read,
    recall: (find, isStill) => {
      const known = new Map<Parameters<typeof find>[0], NonNullable<ReturnType<typeof find>>>()
      let knownAt = -1
      return (key) =>
        read((now) => {
          const count = changes.count()
          if (count !== knownAt || known.size >= MOST_RECALLED) known.clear()
          knownAt = count
          const before = known.get(key)
          if (before !== undefined && isStill(before, now)) return before
          const found = find(key, now)
          if (found !== undefined) known.set(key, found)
          return found
        })
    },
    snapshot: (work) =>
      read((now) => {
        beginSnapshot.run()
        try {
          return work(now)
        } finally {
          endSnapshot.run()
        }
      }),
    write: (work) => (closing === undefined ? group.write(work) : refuseClosed()),
    close: () => (closing ??= group.settle().then(() => database.close())),
  }
}
