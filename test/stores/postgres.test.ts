import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import pg from 'pg'
import { days } from '#base/time.ts'
import { postgresDatabase, type PostgresDatabase } from '#stores/postgres/database.ts'
import { migratePostgres } from '#stores/postgres/migrate.ts'
import { POSTGRES_MIGRATIONS } from '#stores/postgres/schema.ts'
import { openPostgresStore } from '#stores/postgres/store.ts'
import type { Authorization } from '#stores/records.ts'
import { StoreConflictError, StoreRefusedError, StoreUnavailableError, type Store } from '#stores/store.ts'
import { noPostgres, startPostgres } from '../support/postgres.ts'
import { storeContract } from './contract.ts'
import { fillFirstStep, livesAfterFirstStep } from './first_step.ts'
import {
  EVERYTHING,
  attempt,
  authorizePassword,
  beginBrowserSession,
  codeOf,
  issueCode,
  makeWorld,
  newAccount,
  passwordAuthorization,
  rotationOf,
  signInOf,
  spendCode,
  spendingOf,
  times,
  uniqueName,
  type World,
} from './fixtures.ts'
import { postgresDatabaseAt, postgresTestDatabase, type PostgresTestDatabase } from './postgres_database.ts'

storeContract(postgresTestDatabase, noPostgres)

// ── What only a server can do ───────────────────────────────────────────────────────────────────────────────────────────

const skip = noPostgres

const withDatabase = async (body: (own: PostgresTestDatabase) => Promise<void>): Promise<void> => {
  const own = await postgresTestDatabase()
  await body(own).finally(own.remove)
}

const withStore = (body: (store: Store, own: PostgresTestDatabase) => Promise<void>): Promise<void> =>
  withDatabase(async (own) => {
    const store = await own.open()
    await body(store, own).finally(() => store.close())
  })

/** Just a database with one table, without the store around it. */
const withBareDatabase = (body: (database: PostgresDatabase, own: PostgresTestDatabase) => Promise<void>) =>
  withDatabase(async (own) => {
    const database = postgresDatabase(own.url, { clockOffset: () => 0, poolSize: 4 })
    await own.query(
      `create function store_clock_ms(offset_ms bigint) returns bigint language sql as 'select offset_ms'`,
    )
    await own.query('create table things (id bigint primary key, value bigint not null check (value <> 13))')
    await body(database, own).finally(() => database.close())
  })

const changed = (url: string, change: (url: URL) => void): string => {
  const copy = new URL(url)
  change(copy)
  return copy.href
}

const refusedWithoutPassword = (kind: typeof StoreRefusedError | typeof StoreUnavailableError, words: RegExp) => {
  return (error: unknown): boolean => {
    assert.ok(error instanceof kind, inspect(error))
    assert.match(error.message, words)
    assert.doesNotMatch(inspect(error, { depth: Infinity, showHidden: true }), /s3cret/)
    return true
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })

test('a wrong URL, password or database is refused in words for the operator, without the password', { skip }, () =>
  withDatabase(async ({ url }) => {
    const refused = (wrong: string, words: RegExp) =>
      assert.rejects(openPostgresStore(wrong), refusedWithoutPassword(StoreRefusedError, words))
    await refused('nonsense s3cret', /must look like postgres:\/\//)
    await refused('mysql://root:s3cret@localhost/x', /must look like postgres:\/\//)
    await refused(
      changed(url, (each) => (each.password = 's3cret')),
      /password authentication failed.*Correct the user or the password/,
    )
    await refused(
      changed(url, (each) => (each.pathname = '/no_such_database')),
      /"no_such_database" does not exist.*Create the database/,
    )
  }),
)

test(
  'a server that is not there is unavailable, in words for the operator, without the password',
  { skip },
  async () => {
    const port = await freePort()
    const refused = refusedWithoutPassword(
      StoreUnavailableError,
      /127\.0\.0\.1:\d+\/x cannot be used now: .*ECONNREFUSED/,
    )
    await assert.rejects(openPostgresStore(`postgres://postgres:s3cret@127.0.0.1:${port}/x`), refused)
  },
)

test('a server that takes connections and says nothing is given up after two seconds', { skip }, async () => {
  const sockets = new Set<net.Socket>()
  const silent = net.createServer((socket) => sockets.add(socket.on('error', () => undefined)))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as net.AddressInfo
  const start = performance.now()
  await assert.rejects(openPostgresStore(`postgres://postgres:s3cret@127.0.0.1:${port}/x`), StoreUnavailableError)
  assert.ok(performance.now() - start < 3000)
  for (const socket of sockets) socket.destroy()
  silent.close()
})

test('a user who may not create tables, and a read-only database, are told so', { skip }, () =>
  withDatabase(async (own) => {
    const user = uniqueName('reader')
    await own.query(`create role "${user}" login password 's3cret'`)
    const url = changed(own.url, (each) => {
      each.username = user
      each.password = 's3cret'
    })
    await assert.rejects(openPostgresStore(url), refusedWithoutPassword(StoreRefusedError, /grant create on schema/))
    await (await own.open()).close()
    await own.query(`alter database ${new URL(own.url).pathname.slice(1)} set default_transaction_read_only = on`)
    await assert.rejects(own.open(), refusedWithoutPassword(StoreUnavailableError, /read-only/))
  }),
)

test('a database in another encoding is refused', { skip }, () =>
  withDatabase(async (own) => {
    const name = uniqueName('latin').replaceAll('-', '_')
    await own.query(`create database ${name} encoding 'LATIN1' template template0 locale 'C'`)
    const url = changed(own.url, (each) => (each.pathname = `/${name}`))
    await assert.rejects(openPostgresStore(url), refusedWithoutPassword(StoreRefusedError, /encoded in LATIN1/))
    await own.query(`drop database ${name} with (force)`)
  }),
)

test(
  'while PostgreSQL is away everything is unavailable at once, and works again without a restart',
  { skip },
  async () => {
    const postgres = await startPostgres()
    try {
      const store = await openPostgresStore(postgres.url)
      const { account } = await makeWorld(store)
      const restarted = postgres.restart()
      let isBack = false
      void restarted.then(() => (isBack = true))
      const outcomes = new Set<string>()
      do {
        await Promise.all(
          times(20, () =>
            store.attempts.reserve(attempt()).then(
              () => outcomes.add('answered'),
              (error: Error) => outcomes.add(error.name),
            ),
          ),
        )
        await sleep(5)
      } while (!isBack)
      assert.ok(outcomes.has('StoreUnavailableError'))
      assert.deepEqual(
        [...outcomes].filter((each) => each !== 'StoreUnavailableError' && each !== 'answered'),
        [],
      )
      await store.check()
      assert.deepEqual(await store.accounts.find(account.id), account)
      await store.close()
    } finally {
      await postgres.stop()
    }
  },
)

test('connections that an administrator ends are replaced, and idle ones do not end the process', { skip }, () =>
  withStore(async (store, own) => {
    const { account } = await makeWorld(store)
    const end = () =>
      own.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      )
    await Promise.all(times(10, (n) => store.accounts.hasPermissionOn(n, 'campaign', [1])))
    await end()
    await sleep(50)
    assert.deepEqual(await store.accounts.find(account.id), account)
    const busy = Promise.allSettled(times(50, () => store.accounts.create(newAccount(uniqueName('busy')))))
    await sleep(5)
    await end()
    for (const result of await busy) {
      assert.ok(result.status === 'fulfilled' || result.reason instanceof StoreUnavailableError, inspect(result))
    }
    await store.check()
  }),
)

test('a server that has no connection left is unavailable', { skip }, async () => {
  const postgres = await startPostgres({ max_connections: '8', superuser_reserved_connections: '0' })
  const clients: pg.Client[] = []
  try {
    const store = await openPostgresStore(postgres.url)
    const { pid } = await databasePid(postgres.url)
    assert.ok(pid > 0)
    for (let isFull = false; !isFull;) {
      const client = new pg.Client(postgres.url)
      client.on('error', () => undefined)
      try {
        await client.connect()
        clients.push(client)
      } catch {
        isFull = true
      }
    }
    const all = await Promise.allSettled(times(30, (n) => store.accounts.hasPermissionOn(n + 1, 'campaign', [1])))
    for (const result of all) {
      assert.ok(result.status === 'fulfilled' || result.reason instanceof StoreUnavailableError, inspect(result))
    }
    await assert.rejects(
      openPostgresStore(postgres.url),
      refusedWithoutPassword(StoreUnavailableError, /too many clients/),
    )
    for (const client of clients.splice(0)) await client.end()
    await store.check()
    await store.close()
  } finally {
    for (const client of clients) await client.end()
    await postgres.stop()
  }
})

const databasePid = async (url: string): Promise<{ pid: number }> => {
  const [row] = await postgresDatabaseAt(url, () => Promise.resolve()).query('select pg_backend_pid() as pid')
  return { pid: row!['pid'] as number }
}

test('what waits too long for a lock is unavailable, and what comes later succeeds', { skip }, () =>
  withStore(async (store, own) => {
    const { account, clientId } = await makeWorld(store)
    const { id } = await authorizePassword(store, passwordAuthorization(account, clientId))
    const greedy = new pg.Client(own.url)
    await greedy.connect()
    await greedy.query(`begin; select 1 from authorizations where id = ${id} for update`)
    const start = performance.now()
    await assert.rejects(store.authorizations.use(id, days(30)), StoreUnavailableError)
    assert.ok(performance.now() - start < 7000)
    assert.notEqual(await store.authorizations.findLive(id), undefined)
    await greedy.query('rollback')
    await greedy.end()
    assert.equal((await store.authorizations.use(id, days(30)))?.id, id)
  }),
)

/** Resolves when so many wait for an advisory lock, so that a test knows who comes first. */
const untilWaiting = async (own: PostgresTestDatabase, count: number): Promise<void> => {
  const waiting = `select 1 from pg_locks where locktype = 'advisory' and not granted
    and database = (select oid from pg_database where datname = current_database())`
  while ((await own.query(waiting)).length < count) await sleep(5)
}

test('a sign-in waits for a change that has begun, and sees it; if that is undone it goes ahead', { skip }, () =>
  withStore(async (store, own) => {
    const other = new pg.Client(own.url)
    await other.connect()
    for (const change of [
      ({ account }: World) => `set_password(0, ${account.id}, 'new')`,
      ({ account }: World) => `disable_account(0, ${account.id})`,
      ({ clientId }: World) => `disable_client(0, '${clientId}')`,
    ]) {
      for (const end of ['rollback', 'commit']) {
        const world = await makeWorld(store)
        await other.query(`begin; select ${change(world)}`)
        const asked = Promise.all([
          store.authorizations.authorizePassword(passwordAuthorization(world.account, world.clientId)),
          store.platformSessions.signIn(signInOf(world)),
        ])
        await untilWaiting(own, 2)
        await other.query(end)
        for (const made of await asked) {
          assert.equal(made?.accountId, end === 'commit' ? undefined : world.account.id, `${change(world)} ${end}`)
        }
      }
    }
    await other.end()
  }),
)

test('a change waits for a sign-in that has begun, and ends what it made', { skip }, () =>
  withStore(async (store, own) => {
    const other = new pg.Client(own.url)
    await other.connect()
    for (const change of [
      ({ account }: World) => store.accounts.setPassword(account.id, 'new'),
      ({ account }: World) => store.accounts.disable(account.id),
      ({ clientId }: World) => store.clients.disable(clientId),
    ]) {
      const world = await makeWorld(store)
      const { id, version } = world.account
      await other.query('begin')
      await other.query(
        `select authorize_password(0, ${id}, ${version}, '${world.clientId}', 'a', '', false, '', 60, 60)`,
      )
      await other.query(
        `select sign_in(0, ${id}, ${version}, '${world.clientId}', 60, 60, 60, '', '${world.clientId}')`,
      )
      const changed = change(world)
      await untilWaiting(own, 1)
      await other.query('commit')
      assert.equal(await changed, true)
      const made = await own.query(`select ended_at from authorizations where account_id = ${id}`)
      assert.ok(made.length === 1 && made[0]!['ended_at'] !== null)
      assert.deepEqual(await own.query(`select id from platform_sessions where account_id = ${id}`), [])
    }
    await other.end()
  }),
)

test(
  'a spend and a decision wait for an end that has begun, and see it; if that is undone they go ahead',
  { skip },
  () =>
    withStore(async (store, own) => {
      const other = new pg.Client(own.url)
      await other.connect()
      for (const ending of [
        ({ account, clientId }: World) => `end_grants(0, ${account.id}, '${clientId}')`,
        ({ account }: World) => `end_account_sessions(0, ${account.id})`,
        ({ account }: World) => `set_password(0, ${account.id}, 'new')`,
        ({ account }: World) => `disable_account(0, ${account.id})`,
        ({ clientId }: World) => `disable_client(0, '${clientId}')`,
      ]) {
        for (const end of ['rollback', 'commit']) {
          const world = await makeWorld(store)
          const session = await beginBrowserSession(store, world.account)
          const [code, ruined] = [
            await issueCode(store, codeOf(session, world.clientId)),
            await issueCode(store, codeOf(session, world.clientId)),
          ]
          const { id } = await authorizePassword(store, passwordAuthorization(world.account, world.clientId))
          await other.query(`begin; select ${ending(world)}`)
          const asked = Promise.all([
            store.authorizationCodes.spend(spendingOf(code)),
            store.authorizations.rotate(rotationOf({ id, generation: 0 })),
            store.authorizationCodes.issue(codeOf(session, world.clientId, { consent: 'remembered' })),
            store.authorizationCodes.ruin(ruined.id, ruined.clientId),
          ])
          await untilWaiting(own, 4)
          await other.query(end)
          const [spent, rotation, issued] = await asked
          const outcomes = [spent.outcome, rotation?.outcome, issued?.accountId]
          const expected = end === 'commit' ? ['gone', undefined, undefined] : ['spent', 'rotated', world.account.id]
          assert.deepEqual(outcomes, expected, `${ending(world)} ${end}`)
          const live = await own.query(
            `select id from authorizations where account_id = ${world.account.id} and ended_at is null`,
          )
          assert.equal(live.length, end === 'commit' ? 0 : 2)
        }
      }
      await other.end()
    }),
)

test('an end waits for a spend that has begun, and ends what it brought', { skip }, () =>
  withStore(async (store, own) => {
    const other = new pg.Client(own.url)
    await other.connect()
    for (const end of [
      ({ account, clientId }: World) => store.grants.end(account.id, clientId),
      ({ account }: World) => store.browserSessions.endAll(account.id),
      ({ account }: World) => store.accounts.setPassword(account.id, 'new'),
      ({ account }: World) => store.accounts.disable(account.id),
      ({ clientId }: World) => store.clients.disable(clientId),
    ]) {
      const world = await makeWorld(store)
      const session = await beginBrowserSession(store, world.account)
      const code = await issueCode(store, codeOf(session, world.clientId))
      await other.query('begin')
      await other.query(`select spend_code(0, ${code.id}, '${world.clientId}', true, '', null, 60, 60, 60)`)
      await other.query(
        `select issue_code(0, ${session.id}, '${world.clientId}', 'a', '', '"all"', '', null, null, null, null, '', null, 60, 'add')`,
      )
      const ended = end(world)
      await untilWaiting(own, 1)
      await other.query('commit')
      await ended
      const made = await own.query(`select ended_at from authorizations where account_id = ${world.account.id}`)
      assert.ok(made.length === 1 && made[0]!['ended_at'] !== null)
      const left = `select id from authorization_codes where account_id = ${world.account.id} and spent_at is null`
      assert.deepEqual(await own.query(left), [])
    }
    await other.end()
  }),
)

test('a spend that waits for another is a replay if that one commits, and goes ahead if it does not', { skip }, () =>
  withStore(async (store, own) => {
    const other = new pg.Client(own.url)
    await other.connect()
    for (const end of ['rollback', 'commit']) {
      const world = await makeWorld(store)
      const code = await issueCode(store, codeOf(await beginBrowserSession(store, world.account), world.clientId))
      await other.query(`begin; select spend_code(0, ${code.id}, '${world.clientId}', true, '', null, 60, 60, 60)`)
      const asked = store.authorizationCodes.spend(spendingOf(code))
      const waiting = `select 1 from pg_locks where locktype = 'transactionid' and not granted`
      while ((await own.query(waiting)).length === 0) await sleep(5)
      await other.query(end)
      assert.equal((await asked).outcome, end === 'commit' ? 'replayed' : 'spent')
      const made = await own.query(`select ended_at from authorizations where account_id = ${world.account.id}`)
      assert.deepEqual(
        made.map(({ ended_at: at }) => at !== null),
        [end === 'commit'],
      )
    }
    await other.end()
  }),
)

test(
  'replays, rotations and decisions at two nodes, in whatever order, never make PostgreSQL break a deadlock',
  { skip },
  () =>
    withDatabase(async (own) => {
      const nodes = await Promise.all(times(2, () => own.open()))
      const [first, second] = nodes as [Store, Store]
      const world = await makeWorld(first)
      const session = await beginBrowserSession(first, world.account)
      const codes = await Promise.all(times(80, () => issueCode(first, codeOf(session, world.clientId))))
      // Spent in another order than they were issued, so that the ids of codes and of authorizations say different things.
      const made: Authorization[] = []
      for (const code of codes.toReversed()) made.push(await spendCode(second, code))
      const shuffled = <T>(all: readonly T[]): T[] =>
        all
          .map((each) => ({ each, at: Math.random() }))
          .sort((a, b) => a.at - b.at)
          .map(({ each }) => each)
      for (let round = 0; round < 12; round++) {
        const fresh = await Promise.all(times(20, () => issueCode(first, codeOf(session, world.clientId))))
        await Promise.all(
          nodes.flatMap((node) => [
            ...shuffled([...codes.slice(round * 6, round * 6 + 40), ...fresh, ...fresh]).map(async (code) => {
              await sleep(Math.random() * 8)
              await node.authorizationCodes.spend(spendingOf(code))
            }),
            ...shuffled(made).map(async (authorization) => {
              await sleep(Math.random() * 8)
              await node.authorizations.rotate({ ...rotationOf(authorization), replays: 1000 })
            }),
            ...times(6, async () => {
              await sleep(Math.random() * 8)
              const decide = (n: number) =>
                node.authorizationCodes.issue(
                  codeOf(session, world.clientId, { audience: `https://${n}.example.com/` }),
                )
              await Promise.all(shuffled(times(10, (n) => n)).map(decide))
            }),
          ]),
        )
      }
      await Promise.all(nodes.map((node) => node.close()))
      // Backends tell at their end at the latest.
      await sleep(200)
      const [row] = await own.query('select deadlocks from pg_stat_database where datname = current_database()')
      assert.equal(Number(row!['deadlocks']), 0)
    }),
)

test('a database of the first step is brought up to this one, with all that lives in it', { skip }, () =>
  withDatabase(async (own) => {
    const database = postgresDatabase(own.url, { clockOffset: () => 0, poolSize: 2 })
    await migratePostgres(database, POSTGRES_MIGRATIONS.slice(0, 1))
    await database.close()
    await fillFirstStep(own.query, (value) => `'\\x${value.toString('hex')}'`)
    const store = await own.open()
    await livesAfterFirstStep(store).finally(() => store.close())
  }),
)

test('what is asked for in one turn is one statement', { skip }, () =>
  withBareDatabase(async (database, own) => {
    const put = database.group({
      name: 'put',
      columns: { id: 'bigint' },
      text: 'insert into things select id, pg_current_xact_id()::text::bigint * 100 from asked returning id as ordinal, value',
      abreast: 1,
    })
    await Promise.all(times(100, (n) => put({ id: n + 1 })))
    assert.equal((await own.query('select distinct value from things')).length, 1)
  }),
)

test('of a group exactly the items that fail are refused, whatever their number', { skip }, () =>
  withBareDatabase(async (database, own) => {
    await own.query(`create function put_thing(id bigint, value bigint) returns bigint language sql as
      'insert into things values (id, value) returning id'`)
    const put = database.group({
      name: 'put',
      columns: { id: 'bigint', value: 'bigint' },
      text: 'select ordinal, put_thing(id, value) from asked',
      abreast: 1,
    })
    const isBad = (n: number) => n % 17 === 3 || n === 41
    const all = await Promise.allSettled(times(100, (n) => put({ id: n + 1, value: isBad(n) ? 13 : n + 1000 })))
    all.forEach(({ status }, n) => assert.equal(status, isBad(n) ? 'rejected' : 'fulfilled', `${n}`))
    assert.equal(
      Number((await own.query('select count(*) as count from things'))[0]!['count']),
      all.filter((each) => each.status === 'fulfilled').length,
    )
  }),
)

test('what loses to another transaction is tried again, also when two wait for each other', { skip }, () =>
  withBareDatabase(async (database, own) => {
    await own.query('insert into things values (1, 0), (2, 0)')
    const both = (from: number, to: number) =>
      database.transaction(async (query) => {
        await query('update things set value = value + 1 where id = $1', [from])
        await sleep(50)
        await query('update things set value = value + 1 where id = $1', [to])
      })
    await Promise.all([both(1, 2), both(2, 1)])
    assert.deepEqual(
      (await own.query('select value from things')).map(({ value }) => Number(value)),
      [2, 2],
    )
  }),
)

test('a transaction that throws is undone, and its connection serves the next', { skip }, () =>
  withBareDatabase(async (database, own) => {
    for (let n = 0; n < 20; n++) {
      const failing = database.transaction(async (query) => {
        await query('insert into things values (1, 1)')
        throw new StoreConflictError('username')
      })
      await assert.rejects(failing, StoreConflictError)
    }
    assert.deepEqual(await own.query('select * from things'), [])
    const connections = await own.query(
      `select pid from pg_stat_activity where application_name = 'postern' and datname = current_database()`,
    )
    assert.equal(connections.length, 1)
  }),
)

test('more than can wait are told so at once, and those that wait are answered', { skip }, () =>
  withBareDatabase(async (database) => {
    const slow = database.group({
      name: 'slow',
      columns: { id: 'bigint' },
      text: 'select ordinal, pg_sleep(case when ordinal = 1 then 0.05 else 0 end) from asked',
      abreast: 1,
    })
    const all = await Promise.allSettled(times(6000, (id) => slow({ id })))
    const refused = all.filter((each) => each.status === 'rejected')
    assert.equal(refused.length, 1000)
    for (const { reason } of refused) assert.ok(reason instanceof StoreUnavailableError)
  }),
)

test('two nodes that sweep at once never wait for each other, and together delete each row once', { skip }, () =>
  withDatabase(async (own) => {
    let ahead = 0
    const nodes = await Promise.all(times(2, () => own.open(() => ahead)))
    await Promise.all(times(700, (n) => nodes[n % 2]!.attempts.reserve(attempt())))
    ahead = days(1) * 1000
    let swept = 0
    const until = async (store: Store) => {
      for (let more = await store.sweep(); more > 0; more = await store.sweep()) swept += more
    }
    await Promise.all(nodes.map(until))
    assert.equal(swept, 2100)
    await Promise.all(nodes.map((node) => node.close()))
  }),
)

test('a sweep passes over what another has in hand', { skip }, () =>
  withDatabase(async (own) => {
    let ahead = 0
    const store = await own.open(() => ahead)
    await store.attempts.reserve(attempt())
    ahead = days(1) * 1000
    const other = new pg.Client(own.url)
    await other.connect()
    await other.query('begin; select * from attempts limit 1 for update')
    assert.equal(await store.sweep(), 2)
    await other.end()
    assert.equal(await store.sweep(), 1)
    await store.close()
  }),
)

test('names are sorted by their bytes, whatever language the database was made for', { skip }, () =>
  withDatabase(async (own) => {
    const name = uniqueName('english').replaceAll('-', '_')
    await own.query(`create database ${name} template template0 locale_provider icu icu_locale 'en' locale 'C'`)
    const store = await openPostgresStore(changed(own.url, (each) => (each.pathname = `/${name}`)))
    const names = ['a', 'B', 'b', 'A', 'ä', 'z']
    await store.entities.add(
      names.map((each, n) => ({ type: 'campaign', id: n + 1, name: each, organizationId: 1, version: 0, fields: {} })),
    )
    const sort = { field: 'name', descending: false } as const
    const { entities } = await store.entities.list('campaign', EVERYTHING, { limit: 10, offset: 0, sort })
    assert.deepEqual(
      entities.map((each) => each.name),
      ['A', 'B', 'a', 'b', 'z', 'ä'],
    )
    await store.close()
    await own.query(`drop database ${name} with (force)`)
  }),
)
