import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { days } from '#base/time.ts'
import { digestOf } from '#base/secrets.ts'
import type { Bucket } from '#stores/store.ts'
import type { TestDatabase } from './contract.ts'
import { attempt, spendingOf } from './fixtures.ts'

// Kills a process that works on a store, over and over, and looks each time at what is left. What a child is, and what it tells, can be
// exchanged: a whole server makes the same promises.

/** What a child has been told by the store, and so must be true however it ends. */
export type Acknowledged =
  | { readonly kind: 'ready' }
  | { readonly kind: 'client'; readonly id: string }
  | { readonly kind: 'account'; readonly id: number; readonly username: string }
  | {
      readonly kind: 'authorization'
      readonly id: number
      readonly same: number
      readonly accountId: number
      readonly staysLive: boolean
    }
  | {
      readonly kind: 'sessions'
      readonly seeds: readonly string[]
      readonly accountId: number
      readonly stayLive: boolean
    }
  | {
      readonly kind: 'password'
      readonly accountId: number
      readonly hash: string
      readonly authorizationId: number
    }
  | { readonly kind: 'code'; readonly id: number; readonly clientId: string; readonly staysLive: boolean }
  | {
      readonly kind: 'spent'
      readonly code: number
      readonly clientId: string
      readonly uses: number
      /** How many of the uses were answered so. */
      readonly times: number
      readonly authorizationId: number
      readonly staysLive: boolean
    }
  | {
      readonly kind: 'rotated'
      readonly id: number
      readonly generation: number
      readonly outcomes: readonly string[]
      readonly staysLive: boolean
    }
  | { readonly kind: 'ended'; readonly accountId: number; readonly clientId: string }
  | { readonly kind: 'admitted' }
  | { readonly kind: 'unavailable' }

export const MOST_ADMITTED = 150
/** One bucket for all lives, that does not fill while the test runs. */
export const SHARED_ATTEMPTS: Bucket = {
  ...attempt({ name: 'all lives' }).address,
  burst: MOST_ADMITTED,
  refill: days(1),
}

type Child = { readonly process: ChildProcess; readonly told: Acknowledged[]; readonly ready: Promise<unknown> }

const startChild = (parameters: readonly string[]): Child => {
  const child = fork(join(import.meta.dirname, 'crash_child.ts'), [...parameters], { execArgv: [] })
  const told: Acknowledged[] = []
  const ready = once(child, 'message')
  child.on('message', (message) => told.push(message as Acknowledged))
  child.on('exit', (status) => {
    if (status !== null) told.push({ kind: 'unavailable' })
  })
  return { process: child, told, ready }
}

/** The last word of a killed child may still be in the pipe. */
const drained = async ({ process: child }: Child): Promise<void> => {
  if (child.connected) await once(child, 'disconnect')
}

export type CrashTest = {
  readonly rounds: number
  /** What the child is started with. */
  readonly parameters: readonly string[]
  readonly database: TestDatabase
  /** A child is killed at most so long after it was first answered. */
  readonly longestMs: number
  /** Done while the child works; in some rounds this kills the database. */
  readonly disturb?: (round: number) => Promise<void>
}

/** @returns how much was acknowledged, so that a test can see that it tested something */
export const crash = async ({ rounds, parameters, database, longestMs, disturb }: CrashTest) => {
  const counts = {
    ...{ accounts: 0, authorizations: 0, sessions: 0, passwords: 0, codes: 0, spent: 0, rotations: 0, ended: 0 },
    ...{ admitted: 0, unavailable: 0 },
  }
  let next = startChild(parameters)
  try {
    for (let round = 1; round <= rounds; round++) {
      const child = next
      await child.ready
      next = startChild(parameters)
      child.process.send(round)
      // Killed at any moment of its work: from its first acknowledgement to a few hundred later.
      while (child.told.length < 2 && child.process.exitCode === null) await sleep(1)
      // However busy the machine is, some come as far as the end of what a child does.
      const latest = performance.now() + (round % 5 === 1 ? 5000 : 0)
      while (!hasDoneAll(child) && performance.now() < latest) await sleep(1)
      assert.equal(child.process.exitCode, null, 'the child ended by itself')
      await Promise.all([sleep(Math.random() * longestMs), disturb?.(round)])
      assert.equal(child.process.exitCode, null, 'the child ended by itself')
      child.process.kill('SIGKILL')
      await drained(child)
      await inspect(database, child.told, counts)
    }
  } finally {
    next.process.kill('SIGKILL')
  }
  return counts
}

const hasDoneAll = ({ process: child, told }: Child): boolean =>
  child.exitCode !== null ||
  (['password', 'ended', 'rotated'] as const).every((kind) => told.some((each) => each.kind === kind))

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

const inspect = async (
  database: TestDatabase,
  told: readonly Acknowledged[],
  counts: Awaited<ReturnType<typeof crash>>,
): Promise<void> => {
  const store = await database.open()
  try {
    await Promise.all(
      told.map(async (each) => {
        switch (each.kind) {
          case 'ready':
            return
          case 'unavailable':
            counts.unavailable++
            return
          case 'client':
            assert.ok(await store.clients.find(each.id), `client ${each.id} is lost`)
            return
          case 'account':
            counts.accounts++
            assert.equal((await store.accounts.find(each.id))?.username, each.username, `account ${each.id} is lost`)
            return
          case 'authorization':
            counts.authorizations++
            assert.equal(each.same, each.id)
            if (each.staysLive) {
              const live = await store.authorizations.findLive(each.id)
              assert.equal(live?.account.id, each.accountId, `authorization ${each.id} is lost`)
            }
            return
          case 'sessions': {
            counts.sessions++
            if (!each.stayLive) return
            assert.equal(each.seeds[0], each.seeds[1])
            assert.equal(each.seeds[2], each.seeds[3])
            for (const seed of each.seeds) {
              const live = await store.platformSessions.findLive(digestOf(seed))
              assert.equal(live?.account.id, each.accountId, 'a platform session is lost')
            }
            return
          }
          case 'password': {
            counts.passwords++
            assert.equal((await store.accounts.find(each.accountId))?.passwordHash, each.hash, 'a password is lost')
            const live = await store.authorizations.findLive(each.authorizationId)
            assert.equal(live, undefined, 'an authorization outlived the password')
            return
          }
          case 'code': {
            counts.codes++
            const code = await store.authorizationCodes.find(each.id)
            assert.ok(!each.staysLive || code?.clientId === each.clientId, `code ${each.id} is lost`)
            return
          }
          case 'spent': {
            counts.spent++
            assert.equal(each.times, 1, `code ${each.code} worked ${each.times} times`)
            const live = await store.authorizations.findLive(each.authorizationId)
            assert.ok(!each.staysLive || live !== undefined, `what code ${each.code} brought is lost`)
            assert.ok(each.uses === 1 || live === undefined, `what code ${each.code} brought outlived its second use`)
            return
          }
          case 'rotated': {
            counts.rotations++
            if (!each.staysLive) return
            assert.deepEqual(each.outcomes, ['replayed', 'rotated'])
            const live = await store.authorizations.findLive(each.id)
            assert.equal(live?.authorization.generation, each.generation, `a rotation of ${each.id} is lost`)
            return
          }
          case 'ended':
            counts.ended++
            assert.deepEqual(await store.grants.list(each.accountId), [], 'a grant outlived its end')
            return
          case 'admitted':
            counts.admitted++
            return
        }
      }),
    )
    const spent = new Map(told.flatMap((each) => (each.kind === 'spent' ? [[each.code, each] as const] : [])))
    await Promise.all(
      told.map(async (each) => {
        if (each.kind !== 'code') return
        // One that was not told as spent may have been, or been ended, by what was under way when the end came.
        const { outcome } = await store.authorizationCodes.spend(spendingOf(each))
        if (spent.has(each.id)) assert.equal(outcome, 'replayed', `code ${each.id} works again`)
        else if (each.staysLive) assert.notEqual(outcome, 'gone', `code ${each.id} is lost`)
        const again = await store.authorizationCodes.spend(spendingOf(each))
        assert.equal(again.outcome, outcome === 'gone' ? 'gone' : 'replayed', `code ${each.id} works twice`)
        const brought = spent.get(each.id)?.authorizationId
        const live = brought === undefined ? undefined : await store.authorizations.findLive(brought)
        assert.equal(live, undefined, `what code ${each.id} brought outlived a replay`)
      }),
    )
    assert.ok(counts.admitted <= MOST_ADMITTED, `${counts.admitted} attempts were admitted`)
    const single = {
      authorizations: `select account_id from authorizations where ended_at is null
        group by account_id, client_id, audience, scope, offline having count(*) > 1`,
      bridged: `select authorization_id from platform_sessions where authorization_id is not null
        group by authorization_id having count(*) > 1`,
      'signed in': `select account_id from platform_sessions where authorization_id is null
        group by account_id, client_id having count(*) > 1`,
      'codes that worked twice': `select account_id from authorizations where grant_type = 'authorization_code'
        group by account_id having count(*) > 1`,
      'authorizations without a code': `select id from authorizations where grant_type = 'authorization_code' and not exists
        (select 1 from authorization_codes where authorization_id = authorizations.id and spent_at is not null)`,
      'codes without a decision': `select id from authorization_codes where spent_at is null and not exists
        (select 1 from grants where grants.id = grant_id)`,
      'authorizations that outlived their grant': `select id from authorizations where grant_id is not null and ended_at is null
        and not exists (select 1 from grants where grants.id = grant_id)`,
      'codes that outlived a password': `select authorization_codes.id from authorization_codes
        join accounts on accounts.id = account_id where spent_at is null and accounts.version > 0`,
      'browser sessions that outlived a password': `select browser_sessions.id from browser_sessions
        join accounts on accounts.id = account_id where accounts.version > 0`,
      accounts: 'select username_key from accounts group by realm, username_key having count(*) > 1',
      orphans: `select platform_sessions.id from platform_sessions join authorizations
        on authorizations.id = platform_sessions.authorization_id where ended_at is not null`,
      'authorizations that outlived a password': `select authorizations.id from authorizations
        join accounts on accounts.id = account_id where ended_at is null and accounts.version > 0`,
      'sessions that outlived a password': `select platform_sessions.id from platform_sessions
        join accounts on accounts.id = account_id where accounts.version > 0`,
    }
    for (const [what, sql] of Object.entries(single)) assert.deepEqual(await database.query(sql), [], what)
  } finally {
    await store.close()
  }
}

/** How many attempts are left in the bucket that all lives shared. */
export const attemptsLeft = async (database: TestDatabase): Promise<number> => {
  const store = await database.open()
  let left = 0
  while ((await store.attempts.reserve({ ...attempt(), address: SHARED_ATTEMPTS })).admitted) left++
  await store.close()
  return left
}
