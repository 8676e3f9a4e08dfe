import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { days, epochSeconds, hours, seconds, type EpochSeconds, type Seconds } from '#base/time.ts'
import type { ApiResource, Authorization, PlatformSession } from '#stores/records.ts'
import { SQLITE_MIGRATIONS } from '#stores/sqlite/schema.ts'
import {
  StoreConflictError,
  StoreRefusedError,
  StoreUnavailableError,
  StoreValueError,
  type Reservation,
  type Store,
} from '#stores/store.ts'
import { SWEEP_BATCH, TABLES } from '#stores/tables.ts'
import { codeContract } from './code_contract.ts'
import { deviceCodeContract } from './device_code_contract.ts'
import { entityContract } from './entity_contract.ts'
import { rotationContract } from './rotation_contract.ts'
import { oneTimeContract } from './one_time_contract.ts'
import { pushedContract } from './pushed_contract.ts'
import { signOutContract } from './sign_out_contract.ts'
import { visibilityContract } from './visibility_contract.ts'
import {
  EVERYTHING,
  attempt,
  authorizePassword,
  beginBrowserSession,
  bridgeOf,
  browserSessionOf,
  candidate,
  codeOf,
  digest,
  entity,
  issueCode,
  makeWorld,
  newAccount,
  newClient,
  page,
  passwordAuthorization,
  rotationOf,
  signIn,
  signInOf,
  spendCode,
  spendingOf,
  testClock,
  times,
  uniqueName,
  type TestClock,
  type World,
} from './fixtures.ts'

/** A database that several stores can open. */
export type TestDatabase = {
  readonly open: (clockOffset?: () => number) => Promise<Store>
  /** Runs one statement beside the stores. */
  readonly query: (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>
  readonly tables: () => Promise<readonly string[]>
  /** The first column of each index of a table. */
  readonly indexedColumns: (table: string) => Promise<readonly string[]>
  readonly remove: () => Promise<void>
}

/** What the promises of one room of the store are told with. */
export type Bench = {
  readonly promise: (sentence: string, body: () => Promise<void>) => void
  readonly clock: TestClock
  /** Two nodes on one database, with one clock; of any number it is one and the other in turn. */
  readonly either: (n: number) => Store
  readonly query: TestDatabase['query']
  /** For what counts all rows, or numbers them: a database that no other test has written. */
  readonly withOwnDatabase: (body: (store: Store, own: TestDatabase) => Promise<void>) => Promise<void>
}

/** The promises of `stores/store.ts`, each a test. Both stores pass all of them. */
export const storeContract = (makeDatabase: () => Promise<TestDatabase>, skip: string | false = false): void => {
  const clock = testClock()
  let database: TestDatabase
  /** Two nodes on one database, with one clock. */
  let first: Store
  let second: Store

  before(async () => {
    if (skip !== false) return
    database = await makeDatabase()
    first = await database.open(clock.offset)
    second = await database.open(clock.offset)
  })
  after(async () => {
    if (skip !== false) return
    await first.close()
    await second.close()
    await database.remove()
  })

  const promise = (sentence: string, body: () => Promise<void>): void => {
    test(sentence, { skip }, body)
  }
  /** For what counts all rows: a database that no other test has written. */
  const withOwnDatabase = async (body: (store: Store, own: TestDatabase) => Promise<void>): Promise<void> => {
    const own = await makeDatabase()
    try {
      const store = await own.open(clock.offset)
      await body(store, own).finally(() => store.close())
    } finally {
      await own.remove()
    }
  }
  const either = (n: number): Store => (n % 2 === 0 ? first : second)
  const authorize = async (store = first) => {
    const world = await makeWorld(store)
    const authorization = await authorizePassword(store, passwordAuthorization(world.account, world.clientId))
    return { ...world, authorization }
  }
  const one = <T>(all: readonly T[]): T => {
    assert.equal(new Set(all).size, 1)
    return all[0]!
  }
  const ids = (all: readonly (Authorization | PlatformSession | undefined)[]) => all.map((each) => each?.id)

  // ── The schema ────────────────────────────────────────────────────────────────────────────────────────────────────────

  promise('every table has an owner, and no owner has a table that is not there', async () => {
    assert.deepEqual((await database.tables()).toSorted(), Object.keys(TABLES).toSorted())
  })

  promise('what rows expire by is the first column of an index', async () => {
    for (const [table, { expiry }] of Object.entries(TABLES)) {
      if ('never' in expiry) continue
      assert.ok((await database.indexedColumns(table)).includes(expiry.column), `${table}.${expiry.column}`)
    }
  })

  promise('two that open a new database at once both come up, and it is made once', async () => {
    const own = await makeDatabase()
    try {
      const stores = await Promise.all(times(6, () => own.open()))
      await Promise.all(stores.map((store) => store.check()))
      assert.equal((await own.query('select id from migrations')).length, SQLITE_MIGRATIONS.length)
      await Promise.all(stores.map((store) => store.close()))
    } finally {
      await own.remove()
    }
  })

  promise('a database that is ahead of this code is refused, and stays as it is', async () => {
    await withOwnDatabase(async (_store, own) => {
      await own.query(`insert into migrations (id, name, applied_at) values (4711, 'from the future', 0)`)
      await assert.rejects(own.open(), (error: unknown) => {
        assert.ok(error instanceof StoreRefusedError)
        assert.match(error.message, /ahead of this Postern: it has migration 4711/)
        return true
      })
      assert.equal((await own.query('select id from migrations')).length, SQLITE_MIGRATIONS.length + 1)
    })
  })

  promise("another program's database is refused, and stays as it is", async () => {
    const own = await makeDatabase()
    try {
      await own.query('create table accounts (id integer primary key, balance integer not null)')
      await assert.rejects(own.open(), (error: unknown) => {
        assert.ok(error instanceof StoreRefusedError)
        assert.match(error.message, /belongs to another program/)
        return true
      })
      assert.deepEqual(await own.tables(), ['accounts'])
    } finally {
      await own.remove()
    }
  })

  promise('what was written is there when the database is opened again', async () => {
    await withOwnDatabase(async (store, own) => {
      const { account, clientId } = await makeWorld(store)
      const again = await own.open(clock.offset)
      assert.deepEqual(await again.accounts.find(account.id), account)
      assert.equal((await again.clients.find(clientId))?.id, clientId)
      await again.close()
    })
  })

  // ── Life ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

  promise('the clock of the store is the time, and the offset of a test', async () => {
    const off = (await first.now()) - Date.now() / 1000 - clock.offset() / 1000
    assert.ok(Math.abs(off) < 2, `${off} s off`)
    assert.ok(Number.isInteger(await first.now()))
    await first.check()
  })

  promise('closing finishes what was begun, and refuses what comes after', async () => {
    await withOwnDatabase(async (_store, own) => {
      const store = await own.open()
      const names = times(20, () => uniqueName('late'))
      const begun = names.map((name) => store.accounts.create(newAccount(name)))
      const found = store.accounts.find(1)
      const closed = store.close()
      assert.equal((await Promise.all(begun)).length, 20)
      await found
      await closed
      await store.close()
      for (const refused of [
        () => store.accounts.find(1),
        () => store.clients.find('x'),
        () => store.accounts.create(newAccount('too late')),
        () => store.authorizations.end(1),
        () => store.authorizationCodes.find(1),
        () => store.grants.end(1, 'x'),
        () => store.browserSessions.findLive(1),
        () => store.entities.list('campaign', EVERYTHING, page(1, 0)),
        () => store.now(),
        () => store.check(),
        () => store.sweep(),
      ]) {
        await assert.rejects(refused(), StoreUnavailableError)
      }
      const again = await own.open()
      assert.equal((await again.accounts.list({ limit: 100, offset: 0 })).length, 20)
      await again.close()
    })
  })

  // ── Accounts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  promise('an account is found by its id and by its name, as it was created, at every node', async () => {
    const asked = newAccount(uniqueName('Ana'))
    const account = await first.accounts.create(asked)
    const { realm, username, passwordHash, abilities, profile } = asked
    const expected = { realm, username, passwordHash, abilities, profile, disabledAt: undefined, version: 0 }
    const { id, createdAt, updatedAt, ...rest } = account
    assert.deepEqual(rest, expected)
    assert.equal(createdAt, updatedAt)
    assert.ok(Math.abs(createdAt - (await first.now())) <= 2)
    assert.deepEqual(await second.accounts.find(id), account)
    assert.deepEqual(await second.accounts.findByUsername(realm, asked.usernameKey), account)
    assert.equal(await second.accounts.findByUsername('Another realm', asked.usernameKey), undefined)
    assert.equal(await second.accounts.findByUsername(realm, asked.usernameKey.toUpperCase()), undefined)
    assert.equal(await second.accounts.find(9_007_199_254_740_000), undefined)
  })

  promise('an id that no row can have finds nothing and changes nothing', async () => {
    const { clientId } = await makeWorld(first)
    for (const id of [0, -1, 0.5, 2 ** 53, 2 ** 63, 2 ** 64, 1e300, NaN, Infinity]) {
      assert.equal(await first.accounts.find(id), undefined)
      assert.equal(await first.accounts.setPassword(id, 'x'), false)
      assert.equal(await first.accounts.disable(id), false)
      assert.equal(await first.accounts.hasPermissionOn(id, 'organization', [1]), false)
      assert.equal(await first.authorizations.findLive(id), undefined)
      assert.equal(await first.authorizations.use(id, days(1)), undefined)
      await first.authorizations.end(id)
      assert.equal(await first.platformSessions.bridge(bridgeOf(id)), undefined)
      const nobody = { id, version: 0 }
      assert.equal(await first.authorizations.authorizePassword(passwordAuthorization(nobody, clientId)), undefined)
      assert.equal(await first.platformSessions.signIn(signInOf({ account: nobody, clientId })), undefined)
      await first.platformSessions.end(id)
      assert.equal(await first.browserSessions.begin(browserSessionOf(nobody)), undefined)
      assert.equal(await first.browserSessions.findLive(id), undefined)
      assert.equal(await first.browserSessions.signOut(id), undefined)
      await first.logoutDeliveries.finish(id)
      await first.logoutDeliveries.postpone({ id, attempt: 1 }, seconds(1))
      await first.browserSessions.endAll(id)
      assert.equal(await first.authorizationCodes.issue(codeOf({ id }, clientId)), undefined)
      assert.equal(await first.authorizationCodes.find(id), undefined)
      assert.equal((await first.authorizationCodes.spend(spendingOf({ id, clientId }))).outcome, 'gone')
      await first.authorizationCodes.ruin(id, clientId)
      assert.equal(await first.grants.find(id, clientId, 'https://api.example.com/'), undefined)
      assert.deepEqual(await first.grants.list(id), [])
      await first.grants.end(id, clientId)
      assert.equal(await first.authorizations.rotate(rotationOf({ id, generation: 0 })), undefined)
      assert.deepEqual(await first.authorizations.list(id), [])
      assert.equal(await first.entities.find('campaign', id, EVERYTHING), undefined)
    }
  })

  promise('an account keeps the id that the platform gave it, and the store numbers on after it', async () => {
    await withOwnDatabase(async (store) => {
      const given = await store.accounts.create(newAccount('given', { id: 5000 }))
      assert.equal(given.id, 5000)
      const numbered = await store.accounts.create(newAccount('numbered'))
      assert.equal(numbered.id, 5001)
      await store.accounts.create(newAccount('small', { id: 7 }))
      assert.equal((await store.accounts.create(newAccount('next'))).id, 5002)
    })
  })

  promise('a name or a look-alike that is taken in the realm is refused, and so is an id', async () => {
    const name = uniqueName('paypal')
    const { id } = await first.accounts.create(newAccount(name))
    const taken = async (what: string, account: ReturnType<typeof newAccount>) => {
      await assert.rejects(second.accounts.create(account), (error: unknown) => {
        assert.ok(error instanceof StoreConflictError, String(error))
        assert.equal(error.what, what)
        return true
      })
    }
    await taken('username', newAccount(name))
    await taken('username', newAccount(uniqueName('other'), { usernameSkeleton: name }))
    await taken('username', newAccount(uniqueName('other'), { usernameKey: name }))
    await taken('account id', newAccount(uniqueName('other'), { id }))
    await second.accounts.create(newAccount(name, { realm: 'Elsewhere' }))
  })

  promise('of many that create one name at once, one succeeds and the others hear of the conflict', async () => {
    const name = uniqueName('wanted')
    const results = await Promise.allSettled(times(30, (n) => either(n).accounts.create(newAccount(name))))
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const result of results) {
      if (result.status === 'rejected') assert.ok(result.reason instanceof StoreConflictError, String(result.reason))
    }
  })

  promise('a text with U+0000 is refused where it is written, and not found where it is looked for', async () => {
    const { account, clientId } = await makeWorld(first)
    const session = await beginBrowserSession(first, account)
    const writes = [
      first.accounts.create(newAccount('a\0b')),
      first.accounts.setPassword(account.id, 'x\0'),
      first.clients.create(newClient('c\0')),
      first.settings.writeOnce('demo', 'x\0'),
      authorizePassword(first, passwordAuthorization(account, clientId, { audience: 'https://x\0' })),
      signIn(first, signInOf({ account, clientId: 'c\0' })),
      first.apiResources.register([apiResource('https://\0')]),
      first.entities.add([entity({ name: 'x\0' })]),
      first.authorizationCodes.issue(codeOf(session, 'c\0')),
      first.authorizationCodes.issue(codeOf(session, clientId, { nonce: '\0' })),
      first.authorizationCodes.issue(codeOf(session, clientId, { scopes: ['a\0'] })),
      first.authorizationCodes.issue(codeOf(session, clientId, { redirectUri: 'https://\0' })),
    ]
    for (const result of await Promise.allSettled(writes)) {
      assert.ok(result.status === 'rejected' && result.reason instanceof StoreValueError, JSON.stringify(result))
    }
    assert.equal(await first.accounts.findByUsername('Tests', 'a\0b'), undefined)
    assert.equal(await first.accounts.findByUsername('\0', 'a'), undefined)
    assert.equal(await first.clients.find('c\0'), undefined)
    assert.equal(await first.clients.findByApiKey('c\0', digest('c')), undefined)
    assert.deepEqual(await first.accounts.list({ limit: 1, offset: 0, realm: '\0' }), [])
    assert.equal(await first.clients.disable('c\0'), false)
    const code = await issueCode(first, codeOf(session, clientId))
    assert.equal(await first.grants.find(account.id, 'c\0', code.audience), undefined)
    assert.equal(await first.grants.find(account.id, clientId, '\0'), undefined)
    await first.grants.end(account.id, 'c\0')
    await first.authorizationCodes.ruin(code.id, 'c\0')
    assert.equal((await first.authorizationCodes.spend(spendingOf({ id: code.id, clientId: 'c\0' }))).outcome, 'gone')
    assert.deepEqual((await first.grants.list(account.id))[0]?.scopes, code.scopes)
    await spendCode(first, code)
    assert.equal((await first.accounts.find(account.id))?.passwordHash, account.passwordHash)
  })

  promise('accounts are listed in the order of their ids, page by page, and by realm', async () => {
    await withOwnDatabase(async (store) => {
      for (const id of [30, 10, 20]) await store.accounts.create(newAccount(`n${id}`, { id }))
      await store.accounts.create(newAccount('elsewhere', { id: 15, realm: 'Elsewhere' }))
      const listed = async (page: Parameters<Store['accounts']['list']>[0]) =>
        (await store.accounts.list(page)).map(({ id }) => id)
      assert.deepEqual(await listed({ limit: 10, offset: 0 }), [10, 15, 20, 30])
      assert.deepEqual(await listed({ limit: 2, offset: 1 }), [15, 20])
      assert.deepEqual(await listed({ limit: 10, offset: 0, realm: 'Tests' }), [10, 20, 30])
      assert.deepEqual(await listed({ limit: 1, offset: 2, realm: 'Tests' }), [30])
      assert.deepEqual(await listed({ limit: 10, offset: 9 }), [])
    })
  })

  promise('a permission is held on the entities it names, and on no others', async () => {
    const account = await first.accounts.create(newAccount(uniqueName('permitted')), [
      { entityType: 'organization', entityId: 1, access: 'r' },
      { entityType: 'organization', entityId: 2, access: 'w' },
      { entityType: 'campaign', entityId: 3, access: 'r' },
    ])
    const has = (type: 'organization' | 'campaign', entityIds: number[]) =>
      second.accounts.hasPermissionOn(account.id, type, entityIds)
    assert.equal(await has('organization', [1]), true)
    assert.equal(await has('organization', [9, 2]), true)
    assert.equal(await has('campaign', [3]), true)
    assert.equal(await has('organization', [3]), false)
    assert.equal(await has('campaign', [1, 2]), false)
    assert.equal(await has('organization', []), false)
    assert.equal(await second.accounts.hasPermissionOn(account.id + 1_000_000, 'organization', [1]), false)
  })

  for (const [verb, end] of [
    ['a new password', (store: Store, id: number) => store.accounts.setPassword(id, '$argon2id$second')],
    ['disabling the account', (store: Store, id: number) => store.accounts.disable(id)],
  ] as const) {
    promise(`${verb} ends every authorization and platform session of the account, and of no other`, async () => {
      const { account, clientId, authorization } = await authorize()
      const bystander = await authorize()
      const bridged = bridgeOf(authorization.id)
      await first.platformSessions.bridge(bridged)
      const signedIn = signInOf({ account, clientId })
      await signIn(first, signedIn)
      assert.notEqual(await second.platformSessions.findLive(bridged.candidate.digest), undefined)
      assert.equal(await end(first, account.id), true)
      assert.equal(await second.authorizations.findLive(authorization.id), undefined)
      assert.equal(await second.platformSessions.findLive(bridged.candidate.digest), undefined)
      assert.equal(await second.platformSessions.findLive(signedIn.candidate.digest), undefined)
      assert.equal(await second.authorizations.use(authorization.id, days(1)), undefined)
      assert.equal(await second.platformSessions.bridge(bridgeOf(authorization.id)), undefined)
      assert.notEqual(await second.authorizations.findLive(bystander.authorization.id), undefined)
      assert.equal((await second.accounts.find(account.id))?.version, 1)
      assert.equal(await end(first, 8_000_000_000), false)
    })
  }

  promise('a new password is the one that is found, and a disabled account says since when', async () => {
    const { account } = await makeWorld(first)
    await first.accounts.setPassword(account.id, '$argon2id$new')
    assert.equal((await second.accounts.find(account.id))?.passwordHash, '$argon2id$new')
    await first.accounts.disable(account.id)
    const disabled = await second.accounts.find(account.id)
    assert.ok(disabled?.disabledAt !== undefined)
    clock.pass(seconds(10))
    await first.accounts.disable(account.id)
    assert.equal((await second.accounts.find(account.id))?.disabledAt, disabled.disabledAt)
  })

  promise('of what begins while an account is disabled nothing is live afterwards', async () => {
    const { account, clientId, authorization } = await authorize()
    const bridges = times(20, () => bridgeOf(authorization.id))
    const signIns = times(20, () => signInOf({ account, clientId }))
    const work = [
      ...bridges.map((asked, n) => either(n).platformSessions.bridge(asked)),
      second.accounts.disable(account.id),
      ...signIns.map((asked, n) => either(n).platformSessions.signIn(asked)),
      ...times(20, (n) =>
        either(n).authorizations.authorizePassword(passwordAuthorization(account, clientId, { scopes: [`s${n}`] })),
      ),
    ]
    const results = await Promise.all(work)
    for (const { candidate } of [...bridges, ...signIns]) {
      assert.equal(await first.platformSessions.findLive(candidate.digest), undefined)
    }
    for (const made of results) {
      if (typeof made === 'object' && 'grantType' in made) {
        assert.equal(await first.authorizations.findLive(made.id), undefined)
        assert.equal(await first.authorizations.use(made.id, days(1)), undefined)
        assert.equal(await first.platformSessions.bridge(bridgeOf(made.id)), undefined)
      }
    }
  })

  // ── Clients ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  promise('a client is found as it was created, with its live secrets, newest first, a disabled one too', async () => {
    const asked = newClient(uniqueName('client'))
    const created = await first.clients.create(asked)
    assert.deepEqual(created.secrets, [asked.secret])
    assert.deepEqual(created.policy, asked.policy)
    assert.deepEqual(await second.clients.find(asked.id), created)
    assert.equal(await second.clients.find(asked.id.toUpperCase()), undefined)
    const now = await first.now()
    const expiring = newClient(uniqueName('client'), {
      secret: { kind: 'argon2id', hash: '$argon2id$chosen', expiresAt: (now + 60) as EpochSeconds },
    })
    await first.clients.create(expiring)
    assert.deepEqual((await second.clients.find(expiring.id))?.secrets, [expiring.secret])
    clock.pass(seconds(61))
    assert.deepEqual((await second.clients.find(expiring.id))?.secrets, [])
    const publicClient = newClient(uniqueName('client'), { secret: undefined })
    await first.clients.create(publicClient)
    assert.deepEqual((await second.clients.find(publicClient.id))?.secrets, [])
    assert.equal(await first.clients.disable(publicClient.id), true)
    assert.notEqual((await second.clients.find(publicClient.id))?.disabledAt, undefined)
    assert.equal(await first.clients.disable('nobody'), false)
  })

  promise('a client id or an API key that is taken is refused, and nothing of that client stays', async () => {
    const key = { name: 'key', digest: digest(uniqueName('key')) }
    const asked = newClient(uniqueName('client'), { apiKeys: [key] })
    await first.clients.create(asked)
    const conflict = (what: string) => (error: unknown) => error instanceof StoreConflictError && error.what === what
    await assert.rejects(second.clients.create(newClient(asked.id)), conflict('client id'))
    const other = newClient(uniqueName('client'), { apiKeys: [key] })
    await assert.rejects(second.clients.create(other), conflict('api key'))
    assert.equal(await first.clients.find(other.id), undefined)
    assert.equal((await first.clients.findByApiKey('', key.digest))?.id, asked.id)
  })

  promise(
    'a client is found by a live API key, or by its id where that counts as one, unless it is disabled',
    async () => {
      const keys = times(2, (n) => ({ name: `key ${n}`, digest: digest(uniqueName('key')) }))
      const asked = newClient(uniqueName('client'), { apiKeys: keys, idIsApiKey: true })
      const created = await first.clients.create(asked)
      const quiet = await first.clients.create(newClient(uniqueName('client')))
      for (const key of keys) assert.deepEqual(await second.clients.findByApiKey('?', key.digest), created)
      assert.deepEqual(await second.clients.findByApiKey(asked.id, digest(asked.id)), created)
      assert.equal(await second.clients.findByApiKey(quiet.id, digest(quiet.id)), undefined)
      assert.equal(await second.clients.findByApiKey('unknown', digest('unknown')), undefined)
      await first.clients.disable(asked.id)
      assert.equal(await second.clients.findByApiKey('?', keys[0]!.digest), undefined)
      assert.equal(await second.clients.findByApiKey(asked.id, digest(asked.id)), undefined)
    },
  )

  promise('clients are listed in the order in which they were made, page by page, with their secrets', async () => {
    await withOwnDatabase(async (store) => {
      for (const id of ['b', 'A', 'ä', 'a']) await store.clients.create(newClient(id))
      clock.pass(seconds(5))
      await store.clients.create(newClient('0', { secret: undefined }))
      const listed = async (limit: number, offset: number) =>
        (await store.clients.list({ limit, offset })).map(({ id, secrets }) => `${id}${secrets.length}`)
      const all = await listed(10, 0)
      assert.equal(all.at(-1), '00')
      assert.deepEqual(all.slice(0, 4).toSorted(), ['A1', 'a1', 'b1', 'ä1'])
      assert.deepEqual([...(await listed(2, 0)), ...(await listed(2, 2)), ...(await listed(2, 4))], all)
    })
  })

  promise('disabling a client ends every authorization and platform session of it, and of no other', async () => {
    const { account, clientId, authorization } = await authorize()
    const bystander = await authorize()
    const bridged = bridgeOf(authorization.id)
    await first.platformSessions.bridge(bridged)
    const signedIn = signInOf({ account, clientId })
    await signIn(first, signedIn)
    assert.equal(await second.clients.disable(clientId), true)
    assert.equal(await first.authorizations.findLive(authorization.id), undefined)
    assert.equal(await first.platformSessions.findLive(bridged.candidate.digest), undefined)
    assert.equal(await first.platformSessions.findLive(signedIn.candidate.digest), undefined)
    assert.notEqual(await first.authorizations.findLive(bystander.authorization.id), undefined)
  })

  // ── API resources, keys, settings ─────────────────────────────────────────────────────────────────────────────────────

  promise('API resources are registered by audience: the same again replaces, others stay', async () => {
    await withOwnDatabase(async (store) => {
      await store.apiResources.register([])
      await store.apiResources.register([apiResource('https://b'), apiResource('https://B'), apiResource('https://a')])
      await store.apiResources.register([{ ...apiResource('https://b'), name: 'new' }])
      const listed = (await store.apiResources.list()).map(({ audience, name }) => `${audience} ${name}`)
      assert.deepEqual(listed, ['https://B An API', 'https://a An API', 'https://b new'])
      await Promise.all(
        times(20, (n) => store.apiResources.register([apiResource('https://b'), apiResource(`https://${n}`)])),
      )
      assert.equal((await store.apiResources.list()).length, 23)
    })
  })

  promise('of many first starts at once one wins for each algorithm, and all get the same keys', async () => {
    await withOwnDatabase(async (store, own) => {
      const other = await own.open(clock.offset)
      const candidates = (n: number) =>
        (['ES256', 'RS256'] as const).map((algorithm) => ({
          kid: `${algorithm}-${n}`,
          algorithm,
          sealedPrivateKey: Buffer.from([n, 0, 255]),
        }))
      const all = await Promise.all(times(20, (n) => (n % 2 ? store : other).signingKeys.ensure(candidates(n))))
      for (const keys of all) assert.deepEqual(keys, all[0])
      assert.deepEqual(all[0]!.map(({ algorithm }) => algorithm).toSorted(), ['ES256', 'RS256'])
      const [, winner] = all[0]![0]!.kid.split('-')
      assert.deepEqual(all[0]![0]!.sealedPrivateKey, Buffer.from([Number(winner), 0, 255]))
      assert.deepEqual(await store.signingKeys.ensure([]), all[0])
      await other.close()
    })
  })

  promise('a setting is written once: of many at once all see the same value', async () => {
    await withOwnDatabase(async (store, own) => {
      const other = await own.open(clock.offset)
      assert.equal(await store.settings.find('demo'), undefined)
      const seen = await Promise.all(times(30, (n) => (n % 2 ? store : other).settings.writeOnce('demo', `${n}`)))
      assert.equal(one(seen), await other.settings.find('demo'))
      assert.equal(await store.settings.find('master_key_check'), undefined)
      await other.close()
    })
  })

  // ── Authorizations ────────────────────────────────────────────────────────────────────────────────────────────────────

  promise('a password sign-in makes an authorization with all that was asked for', async () => {
    const { account, clientId } = await makeWorld(first)
    const asked = passwordAuthorization(account, clientId, { lifetime: { idle: days(30), absolute: days(90) } })
    const authorization = await authorizePassword(first, asked)
    const now = authorization.authenticatedAt
    assert.ok(Math.abs(now - (await first.now())) <= 2)
    assert.deepEqual(authorization, {
      id: authorization.id,
      accountId: account.id,
      clientId,
      grantType: 'password',
      grantId: undefined,
      audience: asked.audience,
      scopes: asked.scopes,
      organizations: 'all',
      claims: undefined,
      offline: true,
      salt: asked.salt,
      generation: 0,
      authenticatedAt: now,
      lastUsedAt: now,
      expiresAt: now + days(30),
      absoluteExpiresAt: now + days(90),
      browserSessionId: undefined,
      dpopJkt: undefined,
    })
    assert.deepEqual(await second.authorizations.findLive(authorization.id), { authorization, account })
    const short = passwordAuthorization(account, clientId, {
      scopes: [],
      lifetime: { idle: days(30), absolute: days(1) },
    })
    const bare = await authorizePassword(first, short)
    assert.equal(bare.expiresAt, bare.absoluteExpiresAt)
    assert.deepEqual(bare.scopes, [])
  })

  promise(
    'of many sign-ins at once with the same account, client, audience, scopes and offline all name one',
    async () => {
      for (let round = 0; round < 5; round++) {
        const { account, clientId } = await makeWorld(first)
        const all = await Promise.all(
          times(50, (n) => authorizePassword(either(n), passwordAuthorization(account, clientId))),
        )
        one(ids(all))
        one(all.map(({ salt }) => salt.toString('hex')))
        const rows = await database.query(`select id from authorizations where account_id = ${account.id}`)
        assert.equal(rows.length, 1)
      }
    },
  )

  promise('what differs in account, client, audience, scopes or offline is another authorization', async () => {
    const { account, clientId } = await makeWorld(first)
    const other = await makeWorld(first)
    const made = await Promise.all(
      [
        passwordAuthorization(account, clientId),
        passwordAuthorization(other.account, clientId),
        passwordAuthorization(account, other.clientId),
        passwordAuthorization(account, clientId, { audience: 'https://api.example.com' }),
        passwordAuthorization(account, clientId, { scopes: ['openid'] }),
        passwordAuthorization(account, clientId, { scopes: [] }),
        passwordAuthorization(account, clientId, { offline: false }),
      ].map((asked) => authorizePassword(first, asked)),
    )
    assert.equal(new Set(ids(made)).size, 7)
  })

  promise('signing in again moves the live authorization on, at most to its absolute end', async () => {
    const { account, clientId } = await makeWorld(first)
    const lifetime = { idle: days(30), absolute: days(40) }
    const asked = () => passwordAuthorization(account, clientId, { lifetime })
    const begun = await authorizePassword(first, asked())
    clock.pass(days(5))
    const again = await authorizePassword(second, asked())
    assert.equal(again.id, begun.id)
    assert.deepEqual(again.salt, begun.salt)
    assert.ok(again.authenticatedAt >= begun.authenticatedAt + days(5))
    assert.equal(again.lastUsedAt, again.authenticatedAt)
    assert.equal(again.expiresAt, again.authenticatedAt + days(30))
    clock.pass(days(20))
    const late = await authorizePassword(first, asked())
    assert.equal(late.expiresAt, begun.absoluteExpiresAt)
    clock.pass(days(15))
    const anew = await authorizePassword(first, asked())
    assert.notEqual(anew.id, begun.id)
    assert.equal(await first.authorizations.findLive(begun.id), undefined)
  })

  promise('of many sign-ins at once after the old one has expired or ended all name one new one', async () => {
    const { account, clientId, authorization } = await authorize()
    const again = (n: number) => authorizePassword(either(n), passwordAuthorization(account, clientId))
    clock.pass(days(31))
    const next = one(ids(await Promise.all(times(30, again))))
    assert.notEqual(next, authorization.id)
    await second.authorizations.end(next!)
    const last = one(ids(await Promise.all(times(30, again))))
    assert.notEqual(last, next)
  })

  promise('use moves the expiry on and writes down when, at most to the absolute end', async () => {
    const { authorization } = await authorize()
    clock.pass(days(1))
    const used = await second.authorizations.use(authorization.id, days(30))
    assert.ok(used !== undefined && used.lastUsedAt >= authorization.lastUsedAt + days(1))
    assert.equal(used.expiresAt, used.lastUsedAt + days(30))
    assert.equal(used.authenticatedAt, authorization.authenticatedAt)
    assert.deepEqual((await first.authorizations.findLive(authorization.id))?.authorization, used)
    const long = await first.authorizations.use(authorization.id, days(1000))
    assert.equal(long?.expiresAt, authorization.absoluteExpiresAt)
    const all = await Promise.all(times(20, (n) => either(n).authorizations.use(authorization.id, days(30))))
    assert.ok(all.every((each) => each?.id === authorization.id))
  })

  promise('an authorization that has expired, ended, or lost its account or client is not live anywhere', async () => {
    const ends: readonly ((all: Awaited<ReturnType<typeof authorize>>) => Promise<unknown>)[] = [
      ({ authorization }) => second.authorizations.end(authorization.id),
      ({ account }) => second.accounts.disable(account.id),
      ({ clientId }) => second.clients.disable(clientId),
      async () => clock.pass(days(30)),
    ]
    for (const end of ends) {
      const made = await authorize()
      const { id } = made.authorization
      assert.notEqual(await first.authorizations.findLive(id), undefined)
      await end(made)
      assert.equal(await first.authorizations.findLive(id), undefined)
      assert.equal(await first.authorizations.use(id, days(30)), undefined)
      assert.equal(await first.platformSessions.bridge(bridgeOf(id)), undefined)
    }
    assert.equal(await first.authorizations.findLive(4_000_000_000), undefined)
  })

  promise('an authorization is live until the very second of its expiry', async () => {
    const { account, clientId } = await makeWorld(first)
    const lifetime = { idle: seconds(1000), absolute: seconds(1000) }
    const { id } = await authorizePassword(first, passwordAuthorization(account, clientId, { lifetime }))
    clock.pass(seconds(990))
    assert.notEqual(await first.authorizations.findLive(id), undefined)
    clock.pass(seconds(10))
    assert.equal(await first.authorizations.findLive(id), undefined)
  })

  promise('ending an authorization ends its platform sessions; ending twice is ending once', async () => {
    const { account, clientId, authorization } = await authorize()
    const bridged = bridgeOf(authorization.id)
    const signedIn = signInOf({ account, clientId })
    await first.platformSessions.bridge(bridged)
    await signIn(first, signedIn)
    await Promise.all(times(5, (n) => either(n).authorizations.end(authorization.id)))
    await first.authorizations.end(authorization.id)
    assert.equal(await second.authorizations.findLive(authorization.id), undefined)
    assert.equal(await second.platformSessions.findLive(bridged.candidate.digest), undefined)
    assert.equal(await second.platformSessions.findExpired(bridged.candidate.digest), undefined)
    assert.notEqual(await second.platformSessions.findLive(signedIn.candidate.digest), undefined)
  })

  // ── Platform sessions ─────────────────────────────────────────────────────────────────────────────────────────────────

  promise('of many sign-ins at once of one account and client all name one session', async () => {
    for (let round = 0; round < 5; round++) {
      const world = await makeWorld(first)
      const all = await Promise.all(times(50, (n) => signIn(either(n), signInOf(world))))
      one(ids(all))
      one(all.map(({ seed }) => seed.toString('hex')))
      const rows = await database.query(`select id from platform_sessions where account_id = ${world.account.id}`)
      assert.equal(rows.length, 1)
    }
  })

  promise(
    'a sign-in is handed out again within `reuseWithin`; afterwards a new one is made and the old one lives on',
    async () => {
      const world = await makeWorld(first)
      const asked = signInOf(world)
      const begun = await signIn(first, asked)
      assert.equal(begun.expiresAt, begun.createdAt + hours(24))
      assert.equal(begun.authorizationId, undefined)
      clock.pass(seconds(3500))
      assert.deepEqual(await signIn(second, signInOf(world)), begun)
      clock.pass(seconds(101))
      const next = signInOf(world)
      const later = await signIn(second, next)
      assert.notEqual(later.id, begun.id)
      assert.deepEqual((await first.platformSessions.findLive(asked.candidate.digest))?.session, begun)
      assert.deepEqual((await signIn(first, signInOf(world))).id, later.id)
      await first.platformSessions.end(later.id)
      assert.equal(await second.platformSessions.findLive(next.candidate.digest), undefined)
      const other = await makeWorld(first)
      const elsewhere = await signIn(first, signInOf({ ...world, clientId: other.clientId }))
      assert.ok(![begun.id, later.id].includes(elsewhere.id))
    },
  )

  promise('of many bridges at once of one authorization all name one session', async () => {
    for (let round = 0; round < 5; round++) {
      const { authorization } = await authorize()
      const all = await Promise.all(times(50, (n) => either(n).platformSessions.bridge(bridgeOf(authorization.id))))
      one(ids(all))
      const rows = await database.query(`select id from platform_sessions where authorization_id = ${authorization.id}`)
      assert.equal(rows.length, 1)
    }
  })

  promise('a bridged session is that of the authorization, and ends with it or after its lifetime', async () => {
    const { account, clientId, authorization } = await authorize()
    const asked = bridgeOf(authorization.id)
    const session = await first.platformSessions.bridge(asked)
    assert.ok(session !== undefined)
    const { createdAt } = session
    assert.deepEqual(session, {
      id: session.id,
      accountId: account.id,
      clientId,
      authorizationId: authorization.id,
      seed: asked.candidate.seed,
      createdAt,
      expiresAt: createdAt + hours(24),
    })
    assert.deepEqual(await second.platformSessions.findLive(asked.candidate.digest), {
      session,
      account,
      authorization,
    })
    clock.pass(hours(24))
    const next = await second.platformSessions.bridge(bridgeOf(authorization.id))
    assert.ok(next !== undefined && next.id !== session.id)
    const long = await makeWorld(first)
    const short = await authorizePassword(
      first,
      passwordAuthorization(long.account, long.clientId, { lifetime: { idle: hours(2), absolute: hours(2) } }),
    )
    assert.equal((await first.platformSessions.bridge(bridgeOf(short.id)))?.expiresAt, short.expiresAt)
  })

  promise('a bridge never hands out a session of a sign-in, nor a sign-in one of a bridge', async () => {
    const { account, clientId, authorization } = await authorize()
    const bridged = await first.platformSessions.bridge(bridgeOf(authorization.id))
    const signedIn = await signIn(first, signInOf({ account, clientId }))
    assert.notEqual(bridged?.id, signedIn.id)
    assert.equal((await first.platformSessions.bridge(bridgeOf(authorization.id)))?.id, bridged?.id)
    assert.equal((await signIn(first, signInOf({ account, clientId }))).id, signedIn.id)
  })

  promise('of what is bridged while its authorization ends nothing is live afterwards', async () => {
    for (let round = 0; round < 10; round++) {
      const { authorization } = await authorize()
      const bridges = times(20, () => bridgeOf(authorization.id))
      await Promise.all([
        ...bridges.slice(0, 10).map((asked, n) => either(n).platformSessions.bridge(asked)),
        second.authorizations.end(authorization.id),
        ...bridges.slice(10).map((asked, n) => either(n).platformSessions.bridge(asked)),
      ])
      for (const { candidate } of bridges) {
        assert.equal(await first.platformSessions.findLive(candidate.digest), undefined)
      }
      const rows = await database.query(`select id from platform_sessions where authorization_id = ${authorization.id}`)
      assert.equal(rows.length, 0)
    }
  })

  promise('a platform session is live only with its account, its client and the authorization behind it', async () => {
    for (const end of ['authorization', 'account', 'client', 'time', 'itself', 'idle authorization'] as const) {
      const { account, clientId } = await makeWorld(first)
      const lifetime = { idle: hours(end === 'idle authorization' ? 1 : 48), absolute: days(30) }
      const authorization = await authorizePassword(first, passwordAuthorization(account, clientId, { lifetime }))
      const asked = bridgeOf(authorization.id)
      const session = await first.platformSessions.bridge(asked)
      assert.notEqual(await second.platformSessions.findLive(asked.candidate.digest), undefined)
      if (end === 'authorization') await first.authorizations.end(authorization.id)
      if (end === 'account') await first.accounts.disable(account.id)
      if (end === 'client') await first.clients.disable(clientId)
      if (end === 'itself') await first.platformSessions.end(session!.id)
      if (end === 'time') clock.pass(hours(24))
      if (end === 'idle authorization') clock.pass(hours(1))
      assert.equal(await second.platformSessions.findLive(asked.candidate.digest), undefined, end)
      const isExpired = end === 'time' || end === 'idle authorization'
      const expired = await second.platformSessions.findExpired(asked.candidate.digest)
      assert.deepEqual(expired, isExpired ? session : undefined, end)
    }
  })

  promise('an expired platform session is told apart from an unknown one and from a live one', async () => {
    const world = await makeWorld(first)
    const asked = signInOf(world)
    const session = await signIn(first, asked)
    assert.equal(await second.platformSessions.findExpired(asked.candidate.digest), undefined)
    clock.pass(hours(24))
    assert.deepEqual(await second.platformSessions.findExpired(asked.candidate.digest), session)
    assert.equal(await second.platformSessions.findExpired(candidate().digest), undefined)
    while ((await first.sweep()) > 0);
    assert.deepEqual(await second.platformSessions.findExpired(asked.candidate.digest), session)
    clock.pass(days(30))
    while ((await first.sweep()) > 0);
    assert.equal(await second.platformSessions.findExpired(asked.candidate.digest), undefined)
  })

  // ── What changes while a password is checked ─────────────────────────────────────────────────────────────────────────────────

  /** All rows of an account that are neither ended nor deleted. */
  const begunBy = async ({ id }: { readonly id: number }) => [
    ...(await database.query(`select id from authorizations where account_id = ${id} and ended_at is null`)),
    ...(await database.query(`select id from platform_sessions where account_id = ${id}`)),
    ...(await database.query(`select id from authorization_codes where account_id = ${id} and spent_at is null`)),
  ]
  const browserSessionsOf = ({ id }: { readonly id: number }) =>
    database.query(`select id from browser_sessions where account_id = ${id}`)
  const changes: readonly (readonly [string, (store: Store, world: World) => Promise<boolean>])[] = [
    ['a new password', (store, { account }) => store.accounts.setPassword(account.id, '$argon2id$other')],
    ['disabling the account', (store, { account }) => store.accounts.disable(account.id)],
    ['disabling the client', (store, { clientId }) => store.clients.disable(clientId)],
  ]

  for (const [change, make] of changes) {
    promise(`after ${change} a password that was checked before begins nothing, at any node`, async () => {
      const world = await makeWorld(first)
      assert.equal(await make(first, world), true)
      for (const store of [first, second]) {
        const asked = passwordAuthorization(world.account, world.clientId)
        assert.equal(await store.authorizations.authorizePassword(asked), undefined)
        assert.equal(await store.platformSessions.signIn(signInOf(world)), undefined)
        const begun = await store.browserSessions.begin(browserSessionOf(world.account))
        if (change === 'disabling the client') {
          assert.equal(await store.authorizationCodes.issue(codeOf(begun!, world.clientId)), undefined)
        } else assert.equal(begun, undefined)
      }
      assert.deepEqual(await database.query(`select id from authorizations where account_id = ${world.account.id}`), [])
      assert.deepEqual(await begunBy(world.account), [])
    })

    promise(`of what begins during ${change} nothing is live afterwards, in whatever order they come`, async () => {
      for (let round = 0; round < 15; round++) {
        const world = await makeWorld(first)
        const hesitate = () => (round % 3 === 0 ? Promise.resolve() : sleep(Math.random() * 2 * (round % 3)))
        const begin = async (n: number) => {
          await hesitate()
          // Some meet at one row, and some make one of their own.
          const asked = passwordAuthorization(world.account, world.clientId, { scopes: n % 2 ? [] : [`s${n}`] })
          const authorization = await either(n).authorizations.authorizePassword(asked)
          await (authorization && either(n + 1).platformSessions.bridge(bridgeOf(authorization.id)))
          return authorization
        }
        const signInOnce = async (n: number) => {
          await hesitate()
          return either(n).platformSessions.signIn(signInOf(world, { reuseWithin: n % 2 ? hours(1) : seconds(0) }))
        }
        const changed = async () => {
          await hesitate()
          await make(either(round), world)
        }
        const session = await beginBrowserSession(first, world.account)
        const allow = async (n: number) => {
          await hesitate()
          const begun = await either(n).browserSessions.begin(browserSessionOf(world.account))
          const code = await either(n).authorizationCodes.issue(
            codeOf(n % 2 ? session : (begun ?? session), world.clientId),
          )
          await (code && n % 3 && either(n + 1).authorizationCodes.spend(spendingOf(code)))
        }
        const [made] = await Promise.all([
          Promise.all(times(20, begin)),
          Promise.all(times(20, signInOnce)),
          Promise.all(times(20, allow)),
          changed(),
          Promise.all(times(20, allow)),
          Promise.all(times(20, (n) => begin(n + 20))),
          Promise.all(times(20, signInOnce)),
        ])
        assert.deepEqual(await begunBy(world.account), [])
        if (change !== 'disabling the client') assert.deepEqual(await browserSessionsOf(world.account), [])
        for (const each of made) {
          if (each !== undefined) assert.equal(await second.authorizations.findLive(each.id), undefined)
        }
      }
    })
  }

  promise(
    'what a sign-in with the new password began is not handed to one with the old, nor moved on by it',
    async () => {
      const { account, clientId } = await makeWorld(first)
      await first.accounts.setPassword(account.id, '$argon2id$other')
      const renewed = (await second.accounts.find(account.id))!
      assert.equal(renewed.version, account.version + 1)
      const authorization = await authorizePassword(second, passwordAuthorization(renewed, clientId))
      const session = await signIn(second, signInOf({ account: renewed, clientId }))
      clock.pass(seconds(60))
      for (const version of [account.version, renewed.version + 1, -1]) {
        const other = { id: account.id, version }
        assert.equal(await first.authorizations.authorizePassword(passwordAuthorization(other, clientId)), undefined)
        assert.equal(await first.platformSessions.signIn(signInOf({ account: other, clientId })), undefined)
      }
      assert.deepEqual((await first.authorizations.findLive(authorization.id))?.authorization, authorization)
      assert.equal((await signIn(first, signInOf({ account: renewed, clientId }))).id, session.id)
    },
  )

  promise('nobody signs in to a disabled client, whoever it acts as; to another client they still do', async () => {
    const { account, clientId: other } = await makeWorld(first)
    const { policy } = newClient('any')
    for (const actsAs of [undefined, account.id, (await makeWorld(first)).account.id]) {
      const { id } = await first.clients.create(
        newClient(uniqueName('client'), { policy: actsAs === undefined ? policy : { ...policy, actsAs } }),
      )
      const begun = await authorizePassword(second, passwordAuthorization(account, id))
      await first.clients.disable(id)
      for (const scopes of [begun.scopes, ['another']]) {
        const asked = passwordAuthorization(account, id, { scopes })
        assert.equal(await second.authorizations.authorizePassword(asked), undefined)
      }
      assert.equal(await second.platformSessions.signIn(signInOf({ account, clientId: id })), undefined)
    }
    assert.equal((await authorizePassword(second, passwordAuthorization(account, other))).clientId, other)
    assert.equal((await signIn(second, signInOf({ account, clientId: other }))).clientId, other)
  })

  promise(
    'nobody signs in to a disabled account, also if it was disabled before the password was checked',
    async () => {
      const { account, clientId } = await makeWorld(first)
      await first.accounts.disable(account.id)
      const disabled = (await second.accounts.find(account.id))!
      assert.equal(await second.authorizations.authorizePassword(passwordAuthorization(disabled, clientId)), undefined)
      assert.equal(await second.platformSessions.signIn(signInOf({ account: disabled, clientId })), undefined)
      assert.deepEqual(await begunBy(disabled), [])
    },
  )

  promise('nobody signs in who is not there, and nobody to a client that is not there', async () => {
    const { account, clientId } = await makeWorld(first)
    const nobody = { id: 7_777_777_777, version: 0 }
    for (const world of [
      { account: nobody, clientId },
      { account, clientId: 'no such client' },
    ]) {
      const asked = passwordAuthorization(world.account, world.clientId)
      assert.equal(await first.authorizations.authorizePassword(asked), undefined)
      assert.equal(await first.platformSessions.signIn(signInOf(world)), undefined)
    }
  })

  promise('of sign-ins again and again while the password changes, only those with the last one are live', async () => {
    const { account, clientId } = await makeWorld(first)
    const sessionDigest = ({ seed }: PlatformSession) => digest(seed.toString('hex'))
    /** With what version of the account each was begun, and whether it is live. */
    const begun = new Map<string, { readonly version: number; readonly isLive: () => Promise<boolean> }>()
    const note = (name: string, version: number, find: () => Promise<unknown>) => {
      assert.equal(begun.get(name)?.version ?? version, version, `${name} was handed out to two versions`)
      begun.set(name, { version, isLive: async () => (await find()) !== undefined })
    }
    let refused = 0
    let isChanging = true
    const signInAgainAndAgain = async (n: number) => {
      for (let last = false; !last;) {
        last = !isChanging
        const found = (await either(n).accounts.find(account.id))!
        await sleep(Math.random() * 4) // The slow hash.
        const scopes = [`s${n % 4}`]
        const [authorization, session] = await Promise.all([
          either(n).authorizations.authorizePassword(passwordAuthorization(found, clientId, { scopes })),
          either(n).platformSessions.signIn(signInOf({ account: found, clientId })),
        ])
        for (const made of [authorization, session]) refused += made === undefined ? 1 : 0
        if (authorization !== undefined) {
          const { id } = authorization
          note(`authorization ${id}`, found.version, () => either(n + 1).authorizations.findLive(id))
        }
        if (session !== undefined) {
          const find = () => either(n + 1).platformSessions.findLive(sessionDigest(session))
          note(`session ${session.id}`, found.version, find)
        }
      }
    }
    const working = Promise.all(times(20, signInAgainAndAgain))
    try {
      for (let version = 1; version <= 12; version++) {
        await sleep(Math.random() * 25)
        await either(version).accounts.setPassword(account.id, `$argon2id$${version}`)
        for (const [name, { version: old, isLive }] of [...begun]) {
          if (old < version) assert.equal(await isLive(), false, `${name} of ${old} is live after ${version}`)
        }
      }
    } finally {
      isChanging = false
      await working
    }
    const live = await Promise.all(
      [...begun.values()].map(async (each) => [each.version, await each.isLive()] as const),
    )
    for (const [version, isLive] of live) assert.equal(isLive, version === 12)
    assert.equal(live.filter(([, isLive]) => isLive).length, 5)
    assert.equal((await begunBy(account)).length, 5)
    assert.ok(refused > 0 && begun.size > 10, `${refused} refused, ${begun.size} begun`)
  })

  // ── Attempts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  const admitted = (all: readonly Reservation[]): number => all.filter(({ admitted }) => admitted).length

  promise(
    'of 500 attempts at once at two nodes exactly as many are admitted as the smallest bucket holds',
    async () => {
      for (const bucket of ['pair', 'subject', 'address'] as const) {
        const asked = attempt({ [bucket]: 37 })
        const all = await Promise.all(times(500, (n) => either(n).attempts.reserve(asked)))
        assert.equal(admitted(all), 37)
        for (const each of all) assert.ok(each.admitted || each.emptied === bucket)
      }
    },
  )

  promise('attempts that share an address empty it together', async () => {
    const shared = attempt({ address: 20 })
    const all = await Promise.all(
      times(200, (n) => either(n).attempts.reserve({ ...attempt(), address: shared.address })),
    )
    assert.equal(admitted(all), 20)
  })

  promise('an attempt that is not admitted takes nothing out of any bucket', async () => {
    const name = uniqueName('nothing')
    const asked = attempt({ name, address: 3 })
    for (let n = 0; n < 10; n++) await first.attempts.reserve(asked)
    const elsewhere = { ...attempt({ name, pair: 4, subject: 4 }), address: attempt().address }
    assert.equal(admitted(await Promise.all(times(5, () => first.attempts.reserve(elsewhere)))), 1)
  })

  promise('a bucket gains one attempt back every `refill`, and says when to come again', async () => {
    const asked = attempt({ subject: 2, refill: seconds(600) })
    assert.deepEqual(await first.attempts.reserve(asked), { admitted: true })
    assert.deepEqual(await second.attempts.reserve(asked), { admitted: true })
    const refused = await first.attempts.reserve(asked)
    assert.ok(!refused.admitted && refused.emptied === 'subject')
    assert.ok(refused.retryAfter > 590 && refused.retryAfter <= 600, `${refused.retryAfter}`)
    clock.pass(refused.retryAfter)
    assert.equal((await first.attempts.reserve(asked)).admitted, true)
    assert.equal((await first.attempts.reserve(asked)).admitted, false)
    clock.pass(hours(10))
    assert.equal(admitted(await Promise.all(times(5, () => first.attempts.reserve(asked)))), 2)
  })

  promise('a refund gives each bucket its attempt back', async () => {
    for (const bucket of ['pair', 'subject', 'address'] as const) {
      const name = uniqueName('refund')
      const asked = attempt({ name, [bucket]: 1 })
      for (let n = 0; n < 3; n++) {
        assert.equal((await either(n).attempts.reserve(asked)).admitted, true)
        assert.equal((await either(n + 1).attempts.reserve(asked)).admitted, false)
        await either(n + 1).attempts.refund(asked, seconds(0))
      }
    }
  })

  promise(
    'a pair that is known is not stopped by what strangers did to the subject, for as long as it is known',
    async () => {
      const name = uniqueName('known')
      const owner = attempt({ name, subject: 3 })
      assert.equal((await first.attempts.reserve(owner)).admitted, true)
      await first.attempts.refund(owner, days(1))
      const stranger = { ...attempt(), subject: owner.subject }
      assert.equal(admitted(await Promise.all(times(10, (n) => either(n).attempts.reserve(stranger)))), 3)
      assert.equal((await second.attempts.reserve(owner)).admitted, true)
      await second.attempts.refund(owner, days(1))
      clock.pass(days(1))
      await Promise.all(times(40, (n) => either(n).attempts.reserve(stranger)))
      assert.deepEqual((await second.attempts.reserve(owner)).admitted, false)
    },
  )

  promise('an owner who signs in again and again gives strangers no further attempts', async () => {
    const owner = attempt({ subject: 3 })
    await first.attempts.reserve(owner)
    await first.attempts.refund(owner, days(1))
    const strangers: Reservation[] = []
    for (let n = 0; n < 10; n++) {
      strangers.push(await either(n).attempts.reserve({ ...attempt(), subject: owner.subject }))
      assert.equal((await either(n).attempts.reserve(owner)).admitted, true)
      await either(n).attempts.refund(owner, days(1))
    }
    assert.equal(admitted(strangers), 3)
  })

  promise('a pair is remembered even if its row was swept since the attempt', async () => {
    const owner = attempt({ subject: 1 })
    await first.attempts.reserve(owner)
    clock.pass(days(2))
    while ((await first.sweep()) > 0);
    await first.attempts.refund(owner, days(1))
    await first.attempts.reserve({ ...attempt(), subject: owner.subject })
    assert.equal((await second.attempts.reserve(owner)).admitted, true)
  })

  promise('a key that is full again needs no row, and one that is known keeps it', async () => {
    await withOwnDatabase(async (store, own) => {
      const rows = async () => (await own.query('select key from attempts')).length
      for (let n = 0; n < 5; n++) await store.attempts.reserve(attempt({ refill: seconds(60) }))
      const known = attempt({ refill: seconds(60) })
      await store.attempts.reserve(known)
      await store.attempts.refund(known, days(1))
      assert.equal(await rows(), 18)
      assert.equal(await store.sweep(), 0)
      clock.pass(seconds(120))
      assert.equal(await store.sweep(), 17)
      assert.equal(await rows(), 1)
      clock.pass(days(1))
      assert.equal(await store.sweep(), 1)
    })
  })

  // ── Entities ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  promise('an entity is found with all its fields in their order, and only by those who may see it', async () => {
    await withOwnDatabase(async (store) => {
      const seer = await store.accounts.create(newAccount('seer'), [
        { entityType: 'organization', entityId: 1, access: 'r' },
        { entityType: 'campaign', entityId: 21, access: 'w' },
      ])
      await store.entities.add([
        entity({ type: 'organization', id: 1, organizationId: 1 }),
        entity({ type: 'organization', id: 2, organizationId: 2 }),
        entity({ id: 11, organizationId: 1, version: 7, fields: { z: 1, a: 'ä"\\', list: ['x', ''], on: false } }),
        entity({ id: 21, organizationId: 2 }),
      ])
      const visibility = { kind: 'permissions', accountId: seer.id, within: 'all' } as const
      const found = await store.entities.find('campaign', 11, visibility)
      assert.deepEqual(Object.keys(found!.fields), ['z', 'a', 'list', 'on'])
      assert.deepEqual(found!.fields, { z: 1, a: 'ä"\\', list: ['x', ''], on: false })
      assert.equal(found!.version, 7)
      assert.equal(found!.createdAt, found!.updatedAt)
      assert.equal((await store.entities.find('organization', 1, visibility))?.id, 1)
      assert.equal(await store.entities.find('organization', 2, visibility), undefined)
      assert.equal(await store.entities.find('campaign', 21, visibility), undefined)
      assert.equal((await store.entities.find('campaign', 21, EVERYTHING))?.id, 21)
      assert.equal(await store.entities.find('campaign', 1, EVERYTHING), undefined)
      const listed = await store.entities.list('campaign', visibility, page(10, 0))
      assert.deepEqual([listed.entities.map(({ id }) => id), listed.total], [[11], 1])
      const none = await store.entities.list(
        'campaign',
        { kind: 'permissions', accountId: 999, within: 'all' },
        page(10, 0),
      )
      assert.deepEqual(none, { entities: [], total: 0 })
    })
  })

  promise(
    'entities are listed by id or by the bytes of their names, with ties by id, page by page with the total',
    async () => {
      await withOwnDatabase(async (store) => {
        const names = ['b', 'B', 'ä', 'a', 'a', 'Z', 'z', '_', '😀', 'ﬀ']
        await store.entities.add(names.map((name, n) => entity({ id: n + 1, name })))
        const byBytes = names
          .map((name, n) => ({ name, id: n + 1 }))
          .toSorted((x, y) => Buffer.compare(Buffer.from(x.name), Buffer.from(y.name)) || x.id - y.id)
          .map(({ id }) => id)
        for (const descending of [false, true]) {
          const wanted = (all: number[]) => (descending ? all.toReversed() : all)
          for (const [field, all] of [
            ['name', byBytes],
            ['id', names.map((_, n) => n + 1)],
          ] as const) {
            const seen: number[] = []
            for (let offset = 0; offset < 12; offset += 3) {
              const listed = await store.entities.list('campaign', EVERYTHING, page(3, offset, field, descending))
              assert.equal(listed.total, 10)
              seen.push(...listed.entities.map(({ id }) => id))
            }
            assert.deepEqual(seen, wanted(all), `${field} ${descending}`)
          }
        }
        assert.deepEqual(await store.entities.list('organization', EVERYTHING, page(3, 0)), {
          entities: [],
          total: 0,
        })
        const beyond = await store.entities.list('campaign', EVERYTHING, page(3, 50))
        assert.deepEqual(beyond, { entities: [], total: 10 })
      })
    },
  )

  // The stores are opened after all tests have been named.
  const later = (find: () => Store): Store => new Proxy({} as Store, { get: (_, name) => find()[name as keyof Store] })
  const nodes = [later(() => first), later(() => second)] as const
  const bench: Bench = {
    promise,
    clock,
    either: (n) => nodes[n % 2 === 0 ? 0 : 1],
    query: (sql) => database.query(sql),
    withOwnDatabase,
  }
  codeContract(bench)
  deviceCodeContract(bench)
  rotationContract(bench)
  oneTimeContract(bench)
  pushedContract(bench)
  signOutContract(bench)
  visibilityContract(bench)
  entityContract(bench)

  // ── Groups and sweeps ─────────────────────────────────────────────────────────────────────────────────────────────────

  promise('of verbs that are asked for at once one that fails leaves the others successful', async () => {
    const { account, clientId } = await makeWorld(first)
    const worlds = await Promise.all(times(7, () => makeWorld(first)))
    const bad = { idle: days(1), absolute: 0.5 as Seconds }
    const authorizations = await Promise.allSettled([
      ...worlds.map((each) => authorizePassword(first, passwordAuthorization(each.account, each.clientId))),
      authorizePassword(first, passwordAuthorization(account, clientId, { lifetime: bad })),
      authorizePassword(first, passwordAuthorization(account, clientId, { scopes: ['openid'], lifetime: bad })),
      authorizePassword(first, passwordAuthorization(account, clientId)),
    ])
    const outcome = (all: readonly PromiseSettledResult<unknown>[]) =>
      all.map(({ status }) => (status === 'fulfilled' ? '+' : '-')).join('')
    assert.equal(outcome(authorizations), '+++++++--+')
    const taken = candidate()
    await signIn(first, { ...signInOf({ account, clientId }), candidate: taken })
    const sessions = await Promise.allSettled([
      ...worlds.map((each) => signIn(first, signInOf(each))),
      signIn(first, { ...signInOf(worlds[0]!, { reuseWithin: seconds(0) }), candidate: taken }),
      signIn(first, signInOf({ account, clientId }, { lifetime: bad.absolute, reuseWithin: seconds(0) })),
      signIn(first, signInOf({ account, clientId })),
    ])
    assert.equal(outcome(sessions), '+++++++--+')
    for (const result of authorizations) {
      if (result.status === 'fulfilled')
        assert.notEqual(await second.authorizations.findLive(result.value.id), undefined)
    }
    // What the database refuses because of its content is a mistake of ours, and not a database that is away.
    for (const result of [...authorizations, ...sessions]) {
      if (result.status === 'rejected') assert.ok(!(result.reason instanceof StoreUnavailableError))
    }
  })

  promise('many of everything at once at two nodes: nobody waits for another for ever, and nothing fails', async () => {
    const worlds = await Promise.all(times(6, () => authorize()))
    const begun = await first.now()
    const work: Promise<unknown>[] = []
    for (let n = 0; n < 300; n++) {
      const { account, clientId, authorization } = worlds[(n * 7) % 6]!
      const other = worlds[(n * 5 + 1) % 6]!
      const store = either(n)
      const asked = attempt({ name: `crowd ${n % 5}` })
      const current = store.accounts.find(account.id).then((found) => found!)
      work.push(
        store.authorizations.authorizePassword(passwordAuthorization(account, other.clientId)),
        current.then((found) =>
          Promise.all([
            store.authorizations.authorizePassword(passwordAuthorization(found, other.clientId)),
            store.platformSessions.signIn(signInOf({ account: found, clientId: other.clientId })),
          ]),
        ),
        store.authorizations.use(other.authorization.id, days(30)),
        store.platformSessions.bridge(bridgeOf(authorization.id)),
        store.platformSessions.signIn(signInOf({ account, clientId: other.clientId })),
        store.attempts.reserve({ ...asked, address: attempt({ name: `crowd ${n % 3}` }).address }),
        store.attempts.refund({ ...asked, subject: attempt({ name: `crowd ${n % 7}` }).subject }, hours(1)),
        store.authorizations.findLive(authorization.id),
        ...times(3, (time) =>
          store.oneTimeValues.spend({
            kind: 'dpop_proof',
            digest: digest(`crowd ${(n * 3 + time) % 50}`),
            until: epochSeconds(begun + hours(1)),
          }),
        ),
        store.authorizations.rotate({
          ...rotationOf({ id: other.authorization.id, generation: n % 3 }),
          replays: 1000,
        }),
        store.authorizations.list(account.id),
        store.grants.list(account.id),
        current.then(async (found) => {
          const session = await store.browserSessions.begin(browserSessionOf(found))
          const consent = n % 2 ? 'add' : 'replace'
          const code =
            session &&
            (await store.authorizationCodes.issue(codeOf(session, other.clientId, { scopes: [`s${n % 9}`], consent })))
          await (code &&
            Promise.all(times(3, (time) => either(time).authorizationCodes.spend(spendingOf(code)))).then(() =>
              store.authorizationCodes.ruin(code.id, code.clientId),
            ))
        }),
        store.clients.find(clientId),
        store.accounts.find(account.id),
      )
      if (n % 20 === 0) work.push(store.accounts.setPassword(account.id, `$argon2id$${n}`), store.sweep())
      if (n % 30 === 0) work.push(store.authorizations.end(authorization.id))
      if (n % 25 === 0) work.push(store.grants.end(account.id, other.clientId))
      if (n % 45 === 0) work.push(store.browserSessions.endAll(other.account.id))
    }
    await Promise.all(work)
  })

  promise('a sweep deletes what has expired, batch by batch, and nothing else', async () => {
    await withOwnDatabase(async (store, own) => {
      const { account, clientId } = await makeWorld(store)
      const count = SWEEP_BATCH + 20
      await Promise.all(times(count, () => store.attempts.reserve(attempt({ refill: seconds(60) }))))
      const short = { idle: hours(1), absolute: hours(1) }
      const expiring = await authorizePassword(
        store,
        passwordAuthorization(account, clientId, { scopes: [], lifetime: short }),
      )
      const live = await authorizePassword(store, passwordAuthorization(account, clientId))
      const session = signInOf({ account, clientId }, { lifetime: hours(1) })
      await signIn(store, session)
      const browserSession = await beginBrowserSession(store, account, hours(1))
      const spent = await issueCode(store, codeOf(browserSession, clientId))
      await spendCode(store, spent)
      const ruined = await issueCode(store, codeOf(browserSession, clientId))
      await store.authorizationCodes.ruin(ruined.id, clientId)
      const unspent = await issueCode(store, codeOf(browserSession, clientId))
      const now = await store.now()
      for (const [id, expiresAt] of [['soon', now + 60] as const, ['never', undefined] as const]) {
        await store.clients.create(
          newClient(id, { secret: { kind: 'sha256', digest: digest(id), expiresAt: expiresAt as EpochSeconds } }),
        )
      }
      const rows = async () => {
        const counts: Record<string, number> = {}
        for (const table of Object.keys(TABLES)) {
          counts[table] = Number((await own.query(`select count(*) as count from ${table}`))[0]!['count'])
        }
        return counts
      }
      const before = await rows()
      assert.equal(await store.sweep(), 0)
      assert.deepEqual(await rows(), before)
      clock.pass(hours(1))
      assert.equal(await store.sweep(), SWEEP_BATCH + 4)
      let swept = SWEEP_BATCH + 4
      for (let more = await store.sweep(); more > 0; more = await store.sweep()) swept += more
      assert.equal(swept, 3 * count + 4)
      assert.deepEqual(await rows(), {
        ...before,
        attempts: 0,
        authorization_codes: 2,
        browser_sessions: 0,
        authorizations: before['authorizations']! - 1,
        client_secrets: before['client_secrets']! - 1,
      })
      assert.equal(await store.authorizations.findLive(expiring.id), undefined)
      assert.notEqual(await store.authorizations.findLive(live.id), undefined)
      assert.notEqual(await store.platformSessions.findExpired(session.candidate.digest), undefined)
      assert.equal(await store.authorizationCodes.find(unspent.id), undefined)
      for (const { id } of [spent, ruined]) assert.equal((await store.authorizationCodes.find(id))?.id, id)
      clock.pass(days(1))
      await store.sweep()
      assert.equal((await rows())['authorization_codes'], 0)
      clock.pass(days(29))
      await store.sweep()
      assert.equal((await rows())['platform_sessions'], 0)
      assert.equal((await rows())['grants'], 1)
    })
  })
}

const apiResource = (audience: string): ApiResource => ({
  audience,
  name: 'An API',
  scopes: [{ name: 'read:it', description: 'Read it.' }],
  signingAlgorithm: 'ES256',
  accessTokenLifetime: hours(24),
  verifiedByOthers: false,
})
