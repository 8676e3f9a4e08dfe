import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Now } from '#stores/sqlite/database.ts'
import { asStoreError, isBusy } from '#stores/sqlite/errors.ts'
import { StoreUnavailableError } from '#stores/store.ts'

/** Shorter than the commit of another process, so that who waits for one does not wait for two. */
export const TRY_AGAIN_MS = 2
/** Writes that may wait for another process. */
const MOST_WAITING = 5000

export type GroupCommit = {
  /**
   * Runs `work` in the next group commit: all that is asked for in one turn of the event loop shares one transaction and one fsync,
   * and each is answered after the commit. Work that throws is undone alone; the others of its group still succeed. While another process
   * writes, the group waits and grows, in its order, and the event loop goes on.
   */
  readonly write: <T>(work: (now: Now) => T) => Promise<T>
  /** Whether what runs just now is work of a group. */
  readonly isWriting: () => boolean
  /** Runs what waits, with the same patience. */
  readonly settle: () => Promise<void>
}

type Job = {
  readonly work: (now: Now) => unknown
  readonly since: number
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

/**
 * @param now - the store's clock, asked once for each group
 * @param patienceMs - how long a write waits for other processes before it is refused
 * @param committed - called when a group is in the file, before any of it is answered
 */
export const groupCommit = (
  database: DatabaseSync,
  now: () => Now,
  patienceMs: number,
  committed: () => void,
): GroupCommit => {
  let waiting: Job[] = []
  let nextTry: NodeJS.Timeout | undefined
  let isWriting = false

  const begin = database.prepare('begin immediate')
  const commit = database.prepare('commit')
  const savepoint = database.prepare('savepoint one')
  const release = database.prepare('release one')
  const undo = database.prepare('rollback to one')

  const hasBegun = (): boolean => {
    try {
      begin.run()
      return true
    } catch (error) {
      if (isBusy(error)) return false
      throw error
    }
  }

  /** Keeps those whose patience is not over, before those that come meanwhile. */
  const waitOn = (jobs: readonly Job[]): void => {
    const latest = performance.now() - patienceMs
    waiting = jobs.filter(({ since }) => since > latest)
    if (waiting.length > 0) {
      nextTry ??= setTimeout(() => {
        nextTry = undefined
        run()
      }, TRY_AGAIN_MS)
    }
    const late = new StoreUnavailableError(`waited ${patienceMs} ms for another process that writes`)
    for (const { since, reject } of jobs) if (since <= latest) reject(late)
  }

  const run = (): void => {
    const jobs = waiting
    waiting = []
    // Empty when `settle` has run the group before its turn.
    if (jobs.length === 0) return
    const answers: (() => void)[] = []
    try {
      if (!hasBegun()) {
        waitOn(jobs)
        return
      }
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
          answers.push(() => reject(asStoreError(error)))
        }
        release.run()
      }
      commit.run()
      committed()
    } catch (error) {
      try {
        if (database.isTransaction) database.exec('rollback')
      } catch {
        // What made the commit fail can make this fail; the next `begin` tells.
      }
      for (const { reject } of jobs) reject(asStoreError(error))
      return
    } finally {
      isWriting = false
    }
    for (const answer of answers) answer()
  }

  return {
    write: (work) =>
      new Promise((resolve, reject) => {
        if (nextTry !== undefined && waiting.length >= MOST_WAITING) {
          reject(new StoreUnavailableError('too many wait for another process that writes'))
          return
        }
        waiting.push({ work, since: performance.now(), resolve, reject })
        if (waiting.length === 1) setImmediate(run)
      }),
    isWriting: () => isWriting,
    settle: async () => {
      run()
      while (waiting.length > 0) await sleep(TRY_AGAIN_MS)
    },
  }
}
