import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { days, seconds } from '#base/time.ts'
import { openSqliteDatabase, type SqliteDatabase } from '#stores/sqlite/database.ts'
import { migrateSqlite } from '#stores/sqlite/migrate.ts'
import { SQLITE_MIGRATIONS } from '#stores/sqlite/schema.ts'
import { openSqliteStore } from '#stores/sqlite/store.ts'
import { StoreConflictError, StoreRefusedError, StoreUnavailableError } from '#stores/store.ts'
import { storeContract } from './contract.ts'
import { fillFirstStep, livesAfterFirstStep } from './first_step.ts'
import { authorizePassword, makeWorld, newAccount, passwordAuthorization, testClock, times } from './fixtures.ts'
import { sqliteTestDatabase } from './sqlite_database.ts'

storeContract(() => Promise.resolve(sqliteTestDatabase()))

// ── What only a file can do ─────────────────────────────────────────────────────────────────────────────────────────────

const withFile = async (body: (file: string) => Promise<void>): Promise<void> => {
  const { file, remove } = sqliteTestDatabase()
  await body(file).finally(remove)
}

/** Just a database, with one table, and the statement that fills it. */
const withDatabase = (body: (database: SqliteDatabase, put: (value: string) => Promise<number>) => Promise<void>) =>
  withFile(async (file) => {
    const database = openSqliteDatabase(file, Date.now)
    await database.write(() => database.prepare('create table things (value text unique not null) strict').run())
    const insert = database.prepare('insert into things values (?)')
    await body(database, (value) => database.write(() => insert.run(value))).finally(() => database.close())
  })

const countOf = (database: SqliteDatabase): unknown =>
  database.prepare('select count(*) as count from things').get()!['count']

const refusedWith = (words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StoreRefusedError, String(error))
  assert.match(error.message, words)
  return true
}

test('a file that is no database is refused, and stays as it is', () =>
  withFile(async (file) => {
    writeFileSync(file, 'Dear diary, '.repeat(1000))
    await assert.rejects(openSqliteStore(file), refusedWith(/is not a database, or is damaged/))
    assert.match(readFileSync(file, 'utf8'), /^Dear diary/)
  }))

test('a database that was cut short is refused', () =>
  withFile(async (file) => {
    const store = await openSqliteStore(file)
    await store.close()
    truncateSync(file, Math.floor(statSync(file).size / 2 / 4096) * 4096)
    await assert.rejects(openSqliteStore(file), refusedWith(/damaged/))
  }))

test('a folder in place of the file, or a file in place of its folder, is refused', () =>
  withFile(async (file) => {
    mkdirSync(file)
    await assert.rejects(openSqliteStore(file), refusedWith(/cannot be opened/))
    writeFileSync(join(file, 'plain'), '')
    await assert.rejects(openSqliteStore(join(file, 'plain', 'db')), refusedWith(/folder.*name another place/))
  }))

test('a file or a folder that may not be written is refused', () =>
  withFile(async (file) => {
    await (await openSqliteStore(file)).close()
    const asNobody = process.getuid?.() === 0
    chmodSync(dirname(file), 0o755)
    chmodSync(file, 0o444)
    try {
      if (asNobody) process.seteuid?.(65534)
      await assert.rejects(openSqliteStore(file), refusedWith(/cannot be written|cannot be opened/))
      chmodIfOwner(dirname(file), 0o555)
      await assert.rejects(openSqliteStore(join(dirname(file), 'sub', 'new.db')), refusedWith(/folder/))
    } finally {
      if (asNobody) process.seteuid?.(0)
      chmodSync(dirname(file), 0o755)
    }
  }))

const chmodIfOwner = (path: string, mode: number): void => {
  if (statSync(path).uid === process.geteuid?.()) chmodSync(path, mode)
}

test('another program’s file is refused, and neither its tables nor its version change', () =>
  withFile(async (file) => {
    const foreign = new DatabaseSync(file)
    foreign.exec('create table clients (id integer primary key); pragma user_version = 42')
    foreign.close()
    await assert.rejects(openSqliteStore(file), refusedWith(/belongs to another program/))
    const after = new DatabaseSync(file)
    assert.equal(after.prepare('pragma user_version').get()!['user_version'], 42)
    assert.equal(after.prepare('select count(*) as count from sqlite_schema').get()!['count'], 1)
    after.close()
  }))

test('of many that open a new file at the same moment all come up', () =>
  withFile(async (file) => {
    // Each round is a new file, and all begin it together: a barrier counts them in.
    const [workers, rounds] = [6, 40]
    const barrier = new Int32Array(new SharedArrayBuffer(4 * rounds))
    const source = `
      const { workerData: { module, file, barrier, workers, rounds } } = require('node:worker_threads')
      import(module).then(async ({ openSqliteDatabase }) => {
        for (let round = 0; round < rounds; round++) {
          Atomics.add(barrier, round, 1)
          const latest = performance.now() + 2000
          while (Atomics.load(barrier, round) < workers && performance.now() < latest);
          await openSqliteDatabase(file + round, Date.now).close()
        }
      })`
    const module = import.meta.resolve('#stores/sqlite/database.ts')
    const ends = times(workers, async () => {
      const workerData = { module, file, barrier, workers, rounds }
      const [status] = (await once(new Worker(source, { eval: true, workerData }), 'exit')) as [number]
      return status
    })
    assert.deepEqual(new Set(await Promise.all(ends)), new Set([0]))
  }))

test('writes of one turn share a transaction, and each is answered after its commit', () =>
  withDatabase(async (database, put) => {
    let others = new DatabaseSync(database.file)
    const seen = () => others.prepare('select count(*) as count from things').get()!['count']
    const counts = await Promise.all(times(50, (n) => put(`${n}`).then(seen)))
    assert.deepEqual(new Set(counts), new Set([50]))
    others.close()
    others = new DatabaseSync(database.file)
    assert.equal(seen(), 50)
    others.close()
  }))

test('of a group the write that fails is undone alone, also what it had done before it failed', () =>
  withDatabase(async (database, put) => {
    const insert = database.prepare('insert into things values (?)')
    const failing = database.write(() => {
      insert.run('half')
      throw new StoreConflictError('username')
    })
    const all = await Promise.allSettled([put('a'), failing, put('a'), put('b')])
    assert.deepEqual(
      all.map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
    )
    assert.deepEqual(
      database
        .prepare('select value from things order by value')
        .all()
        .map(({ value }) => value),
      ['a', 'b'],
    )
  }))

test('a full disk refuses writes, keeps what was acknowledged, still reads, and writes again when there is room', () =>
  withDatabase(async (database, put) => {
    await put('before')
    const pages = database.prepare('pragma page_count').get()!['page_count'] as number
    const limit = (most: number) => database.prepare(`pragma max_page_count = ${most}`).get()
    limit(pages + 2)
    const all = await Promise.allSettled(times(40, (n) => put(`${n} `.repeat(500))))
    const kept = all.filter(({ status }) => status === 'fulfilled').length
    assert.ok(kept < 40)
    for (const result of all) {
      if (result.status === 'rejected') assert.ok(result.reason instanceof StoreUnavailableError, String(result.reason))
    }
    assert.equal(await database.read(() => countOf(database)), 1 + kept)
    limit(pages + 1000)
    await put('after')
    assert.equal(countOf(database), 2 + kept)
  }))

test('closing with writes still waiting does them first, and a closed store refuses without a crash', () =>
  withFile(async (file) => {
    const database = openSqliteDatabase(file, Date.now)
    const create = database.write(() => database.prepare('create table things (value integer) strict').run())
    const closed = database.close()
    await closed
    await create
    await database.close()
    await assert.rejects(
      database.write(() => 1),
      StoreUnavailableError,
    )
    await assert.rejects(
      database.read(() => 1),
      StoreUnavailableError,
    )
    // The turn in which the group would have run has to pass too.
    await new Promise((resolve) => setTimeout(resolve, 20))
    const again = openSqliteDatabase(file, Date.now)
    assert.equal(again.prepare(`select count(*) as count from sqlite_schema where name = 'things'`).get()!['count'], 1)
    await again.close()
  }))

/** Another process, which writes from the first call until the second. */
const greedyWriter = (file: string) => {
  const other = new DatabaseSync(file)
  other.exec('begin immediate')
  return () => {
    other.exec('rollback')
    other.close()
  }
}

test('while another process writes, all writes wait in their order, reads are answered, and the event loop goes on', () =>
  withDatabase(async (database, put) => {
    const stop = greedyWriter(database.file)
    const done: string[] = []
    const note = (what: string) => () => void done.push(what)
    const writes: Promise<void>[] = []
    // Each in a group of its own, were it not for the other.
    for (const value of ['a', 'b', 'c']) {
      writes.push(put(value).then(note(value)))
      await new Promise((resolve) => setTimeout(resolve, 5))
      assert.equal(await database.read(() => countOf(database)), 0)
    }
    assert.deepEqual(done, [])
    stop()
    await Promise.all(writes)
    assert.deepEqual(done, ['a', 'b', 'c'])
    const rows = database.prepare('select value from things order by rowid').all()
    assert.deepEqual(
      rows.map(({ value }) => value),
      ['a', 'b', 'c'],
    )
  }))

test('a writer that holds the file for too long makes each write unavailable when its own patience ends, not wrong', () =>
  withFile(async (file) => {
    const patience = 100
    const database = openSqliteDatabase(file, Date.now, patience)
    const stop = greedyWriter(file)
    const refused: string[] = []
    const write = async (name: string): Promise<void> => {
      const since = performance.now()
      await assert.rejects(
        database.write(() => name),
        (error) => error instanceof StoreUnavailableError && /another process/.test(error.message),
      )
      assert.ok(performance.now() - since >= patience)
      refused.push(name)
    }
    const first = write('first')
    await new Promise((resolve) => setTimeout(resolve, patience / 2))
    const second = write('second').then(() => assert.equal(refused[0], 'first'))
    await Promise.all([first, second])
    assert.equal(await database.read(() => 2), 2)
    stop()
    assert.equal(await database.write(() => 3), 3)
    await database.close()
  }))

test('so many that the memory would end do not wait for another process', () =>
  withDatabase(async (database, put) => {
    const stop = greedyWriter(database.file)
    const early = put('early')
    await new Promise((resolve) => setTimeout(resolve, 5))
    const all = Promise.allSettled(times(6000, (n) => put(`${n}`)))
    await new Promise((resolve) => setTimeout(resolve, 5))
    stop()
    const refused = (await all).flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []))
    assert.equal(refused.length, 1001)
    assert.ok(refused.every((reason) => reason instanceof StoreUnavailableError && /too many/.test(reason.message)))
    await early
    assert.equal(countOf(database), 5000)
  }))

test('closing waits for the process that writes, and does first what was asked for before', () =>
  withFile(async (file) => {
    const database = openSqliteDatabase(file, Date.now)
    const stop = greedyWriter(file)
    const create = database.write(() => database.prepare('create table things (value integer) strict').run())
    const closed = database.close()
    await assert.rejects(
      database.write(() => 1),
      StoreUnavailableError,
    )
    await new Promise((resolve) => setTimeout(resolve, 10))
    stop()
    await Promise.all([create, closed, database.close()])
    const again = openSqliteDatabase(file, Date.now)
    assert.equal(again.prepare(`select count(*) as count from sqlite_schema where name = 'things'`).get()!['count'], 1)
    await again.close()
  }))

test('a read that meets the repair of the log is tried again until it is answered, or its patience ends', () =>
  withFile(async (file) => {
    const database = openSqliteDatabase(file, Date.now, 50)
    // SQLITE_BUSY_RECOVERY, as node:sqlite says it. No process can be made to stand still in a repair.
    const busy = () => Object.assign(new Error('database is locked'), { code: 'ERR_SQLITE_ERROR', errcode: 261 })
    let tries = 0
    const answer = await database.read(() => {
      if (++tries < 4) throw busy()
      return tries
    })
    assert.equal(answer, 4)
    const never = () =>
      database.read(() => {
        throw busy()
      })
    await assert.rejects(never(), StoreUnavailableError)
    const last = never()
    await Promise.all([assert.rejects(last, /the store is closed/), database.close()])
  }))

test('what is answered from memory is what the file holds: after our own commits, those of another process, and as time passes', () =>
  withFile(async (file) => {
    const clock = testClock()
    const store = await openSqliteStore(file, { clockOffset: clock.offset })
    const other = await openSqliteStore(file, { clockOffset: clock.offset })
    const world = await makeWorld(store)
    const { id } = await authorizePassword(store, passwordAuthorization(world.account, world.clientId))
    const find = () => Promise.all([store.authorizations.findLive(id), store.clients.find(world.clientId)])
    // Asked twice: the second answer is from memory, and it is the same one.
    const [live, client] = await find()
    assert.deepEqual([live?.authorization.id, client?.id], [id, world.clientId])
    assert.equal((await find())[0], live)
    for (let round = 0; round < 50; round++) {
      const writer = round % 2 === 0 ? store : other
      const used = (await writer.authorizations.rotate({
        id,
        generation: round,
        idle: days(30),
        window: seconds(0),
        replays: 5,
      }))!
      const found = await store.authorizations.findLive(id)
      assert.ok(used.outcome === 'rotated')
      assert.deepEqual(found?.authorization, used.authorization, `round ${round}`)
    }
    await other.clients.disable(world.clientId)
    const [ended, disabled] = await find()
    assert.equal(ended, undefined)
    assert.notEqual(disabled?.disabledAt, undefined)

    const next = await makeWorld(store)
    const brief = await authorizePassword(store, passwordAuthorization(next.account, next.clientId))
    assert.ok((await store.authorizations.findLive(brief.id)) !== undefined)
    clock.pass(days(400))
    assert.equal(await store.authorizations.findLive(brief.id), undefined)
    await store.close()
    await other.close()
  }))

test('closing leaves one file, without a log beside it', () =>
  withFile(async (file) => {
    const store = await openSqliteStore(file)
    await store.accounts.create(newAccount('one'))
    await store.close()
    assert.equal(existsSync(`${file}-wal`), false)
  }))

test('a database of the first step is brought up to this one, with all that lives in it', async () => {
  const own = sqliteTestDatabase()
  try {
    const database = openSqliteDatabase(own.file, Date.now)
    await migrateSqlite(database, SQLITE_MIGRATIONS.slice(0, 1))
    await database.close()
    await fillFirstStep(own.query, (value) => `x'${value.toString('hex')}'`)
    const store = await own.open()
    await livesAfterFirstStep(store).finally(() => store.close())
  } finally {
    await own.remove()
  }
})
