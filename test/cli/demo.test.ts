import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createPasswordHashing } from '#base/password_hashing.ts'
import { demoClients, demoEntities } from '#cli/demo_data.ts'
import { claimDatabase, refuseUnsafeDemo, seedDemo } from '#cli/demo.ts'
import { registerClient } from '#clients/register.ts'
import { parseConfig } from '#config.ts'
import { openSqliteStore } from '#stores/sqlite/store.ts'
import type { Store } from '#stores/store.ts'

const config = parseConfig({})
const page = { limit: 1000, offset: 0, sort: { field: 'id', descending: false } } as const

const openStore = async (t: TestContext): Promise<Store> => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-demo-'))
  const store = await openSqliteStore(join(folder, 'postern.sqlite'))
  t.after(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return store
}

const makeHashing = (t: TestContext) => {
  const hashing = createPasswordHashing()
  t.after(() => hashing.close())
  return hashing
}

const assertComplete = async (store: Store): Promise<void> => {
  assert.deepEqual(
    (await store.accounts.list(page)).map(({ id, username, realm }) => [id, username, realm]),
    [
      [22_612, 'example@example.com', 'T1DB-Production'],
      [22_613, 'reporter@example.com', 'T1DB-Production'],
      [22_614, 'support@example.com', 'Staff'],
    ],
  )
  assert.deepEqual((await store.clients.list(page)).map(({ id }) => id).toSorted(), [
    'GFg6CdBuibi1tk9yOQk0wwlDU6vqwyoP',
    'device-demo',
    'spa-demo',
    'third-party-demo',
  ])
  assert.equal((await store.entities.list('organization', { kind: 'all', within: 'all' }, page)).total, 100)
  assert.ok((await store.entities.list('campaign', { kind: 'all', within: 'all' }, page)).total >= 12)
}

test('the demo has the values of the guide', async (t) => {
  const store = await openStore(t)
  await seedDemo(store, config, makeHashing(t))
  await assertComplete(store)

  const { entities } = await store.entities.list('organization', { kind: 'all', within: 'all' }, page)
  assert.deepEqual(
    [0, 1, 20, 48, 99].map((index) => [entities[index]?.id, entities[index]?.name]),
    [
      [100_000, 'Organization One'],
      [100_001, 'Organization Two'],
      [100_020, 'Organization Twenty-One'],
      [100_048, 'Organization Forty-Nine'],
      [100_099, 'Organization One Hundred'],
    ],
  )
  const reporter = { kind: 'permissions', accountId: 22_613, within: 'all' } as const
  assert.deepEqual(
    (await store.entities.list('organization', reporter, page)).entities.map(({ id }) => id),
    [100_000, 100_001, 100_002],
  )
  assert.ok((await store.entities.list('campaign', reporter, page)).total > 0)
  const support = { kind: 'permissions', accountId: 22_614, within: 'all' } as const
  assert.equal((await store.entities.list('organization', support, page)).total, 0)

  const { policy, idIsApiKey } = (await store.clients.find('GFg6CdBuibi1tk9yOQk0wwlDU6vqwyoP'))!
  assert.deepEqual([policy.party, idIsApiKey], ['first', true])
  assert.deepEqual(policy.redirectUris, ['http://localhost:9401/callback'])
  assert.ok(policy.grantTypes.includes('authorization_code'))

  const scopes = ['openid', 'profile', 'email', 'offline_access', 'read:entities', 'write:entities']
  const forOthers = {
    party: 'third',
    grantTypes: ['authorization_code', 'refresh_token'],
    scopes,
    defaultScopes: ['read:entities', 'write:entities'],
    audiences: ['https://api.mediamath.com/'],
    idTokenSigningAlgorithm: 'RS256',
  }
  for (const [id, more] of [
    [
      'third-party-demo',
      {
        tokenEndpointAuthMethod: 'client_secret',
        redirectUris: ['http://localhost:9401/callback'],
        postLogoutRedirectUris: ['http://localhost:9401/'],
        backchannelLogoutUri: 'http://localhost:9401/backchannel-logout',
      },
    ],
    [
      'device-demo',
      {
        tokenEndpointAuthMethod: 'none',
        grantTypes: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
        redirectUris: [],
      },
    ],
    [
      'spa-demo',
      {
        tokenEndpointAuthMethod: 'none',
        pkce: 'required',
        redirectUris: ['http://localhost:9402/callback'],
        postLogoutRedirectUris: ['http://localhost:9402/'],
      },
    ],
  ] as const) {
    const client = (await store.clients.find(id))!
    assert.deepEqual([client.policy, client.idIsApiKey], [{ ...forOthers, ...more }, false])
  }
})

test('what clients of the platform cannot read is not in the demo: version 0, empty lists, null', () => {
  for (const { version, fields } of demoEntities) {
    assert.ok(version > 0)
    for (const [name, value] of Object.entries(fields)) {
      assert.notEqual(value, null, name)
      assert.ok(!Array.isArray(value) || value.length > 0, name)
    }
  }
  const { fields } = demoEntities[0]!
  assert.equal(typeof fields['adx_seat_account_id'], 'number')
  assert.equal(typeof fields['status'], 'boolean')
  assert.deepEqual(fields['org_type'], ['buyer'])
})

test('a seed that breaks off at any step is completed by the next', async (t) => {
  const hashing = makeHashing(t)
  const steps = 1 + 3 + 3
  for (let allowed = 0; allowed <= steps; allowed++) {
    const store = await openStore(t)
    let left = allowed
    // As if the process ended there: the step is not done, and none after it.
    const limited = <Arguments extends unknown[], T>(step: (...given: Arguments) => Promise<T>) => {
      return (...given: Arguments): Promise<T> => (--left < 0 ? Promise.reject(new Error('killed')) : step(...given))
    }
    const dying: Store = {
      ...store,
      accounts: { ...store.accounts, create: limited(store.accounts.create) },
      clients: { ...store.clients, create: limited(store.clients.create) },
      entities: { ...store.entities, add: limited(store.entities.add) },
    }
    await claimDatabase(store, 'demo', 'it')
    if (allowed < steps) await assert.rejects(seedDemo(dying, config, hashing), /killed/)
    await claimDatabase(store, 'demo', 'it')
    await seedDemo(store, config, hashing)
    await assertComplete(store)
  }
})

test('a database that an earlier version has seeded gains what is new, and keeps what was changed', async (t) => {
  const store = await openStore(t)
  const hashing = makeHashing(t)
  const [first] = demoClients(config)
  await store.entities.add(demoEntities)
  await registerClient(store.clients, hashing, { ...first!, name: 'As it was' })
  await store.clients.disable(first!.id)
  for (const _ of [1, 2]) {
    await seedDemo(store, config, hashing)
    await assertComplete(store)
  }
  const { name, disabledAt } = (await store.clients.find(first!.id))!
  assert.equal(name, 'As it was')
  assert.notEqual(disabledAt, undefined)
})

test('seeds at once on one database end with one of each', async (t) => {
  const store = await openStore(t)
  const hashing = makeHashing(t)
  await Promise.all(Array.from({ length: 4 }, () => seedDemo(store, config, hashing)))
  await assertComplete(store)
})

test('a database is for the demo or for its owner, never both', async (t) => {
  const demo = await openStore(t)
  await claimDatabase(demo, 'demo', 'it')
  await assert.rejects(
    claimDatabase(demo, 'own', 'the database in x'),
    /the database in x holds demo data.*Start with --demo/,
  )
  await claimDatabase(demo, 'demo', 'it')

  const own = await openStore(t)
  await claimDatabase(own, 'own', 'it')
  await assert.rejects(claimDatabase(own, 'demo', 'it'), /it is in use and holds no demo data/)

  for (const fill of [
    (store: Store) => store.settings.writeOnce('master_key_check', 'x'),
    (store: Store) => store.entities.add([demoEntities[0]!]),
    (store: Store) =>
      store.clients.create({ ...demoClients(config)[0]!, secret: undefined, apiKeys: [], idIsApiKey: true }),
  ]) {
    const filled = await openStore(t)
    await fill(filled)
    await assert.rejects(claimDatabase(filled, 'demo', 'it'), /is in use/)
    await claimDatabase(filled, 'own', 'it')
  }
})

test('of both at once on a new database one wins', async (t) => {
  const store = await openStore(t)
  const outcomes = await Promise.allSettled([claimDatabase(store, 'demo', 'it'), claimDatabase(store, 'own', 'it')])
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

test('the demo is for this machine alone', () => {
  for (const listen of ['127.0.0.1', '127.8.9.1', '::1', 'localhost']) {
    refuseUnsafeDemo(parseConfig({ listen: { host: listen } }))
  }
  for (const host of ['0.0.0.0', '::', '192.168.0.1', 'example.com', '127.0.0.1.example.com', '::ffff:10.0.0.1']) {
    assert.throws(() => refuseUnsafeDemo(parseConfig({ listen: { host } })), /listens on this machine alone/)
  }
  assert.throws(
    () => refuseUnsafeDemo(parseConfig({ urls: { auth: 'https://auth.example.com/' } })),
    /urls\.auth is https:\/\/auth\.example\.com\//,
  )
  assert.throws(() => refuseUnsafeDemo(parseConfig({ database: 'postgres://localhost/x' })), /embedded database/)
})
