import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openStore } from '#stores/open.ts'
import { startServerProcess, type ServerProcess } from '../app/server_process.ts'
import {
  beginBrowserSession,
  codeOf,
  issueCode,
  newAccount,
  newClient,
  spendCode,
  uniqueName,
} from '../stores/fixtures.ts'
import { createTestDatabase, noPostgres } from '../support/postgres.ts'
import { claimsOf } from '../support/running_postern.ts'
import { eventually, startReceiver } from './receiver.ts'

// A server that is killed between a sign-out and its delivery.

const scene = async (t: TestContext, database: string) => {
  const options = {
    database,
    masterKey: randomBytes(32).toString('hex'),
    config: { outbound: { allow: ['127.0.0.1'] } },
    noted: ['"audit":"logout_token_'],
  }
  const servers: ServerProcess[] = []
  const start = async (): Promise<ServerProcess> => {
    const server = startServerProcess()
    servers.push(server)
    await server.start(options)
    return server
  }
  t.after(() => Promise.all(servers.map((each) => each.kill())))
  const receiver = await startReceiver(t)
  const first = await start()
  // Beside the server, as a command is.
  const store = await openStore(database)
  t.after(() => store.close())
  const account = await store.accounts.create(newAccount(uniqueName('person')))
  const clientId = uniqueName('client')
  const client = newClient(clientId)
  await store.clients.create({ ...client, policy: { ...client.policy, backchannelLogoutUri: receiver.uri } })
  const begin = async () => {
    const session = await beginBrowserSession(store, account)
    await spendCode(store, await issueCode(store, codeOf(session, clientId)))
    return session
  }
  const sids = () => new Set(receiver.received.map(({ token }) => claimsOf(token)['sid']))
  return { start, first, store, account, begin, receiver, sids }
}

const survives = async (t: TestContext, database: string): Promise<void> => {
  const { start, first, store, account, begin, receiver, sids } = await scene(t, database)

  // The client is away: what was tried and postponed is tried again by the next server.
  receiver.answers = 503
  await store.browserSessions.signOut((await begin()).id)
  await eventually(() => first.noted.some((line) => line.includes('logout_token_postponed')))
  await first.kill()
  const tried = receiver.received.length
  assert.equal(tried, 1)

  // Nobody serves: what ended meanwhile, session by session or all at once, waits.
  await store.browserSessions.signOut((await begin()).id)
  await begin()
  await store.browserSessions.endAll(account.id)
  receiver.answers = 200
  const second = await start()
  await eventually(() => receiver.received.length === tried + 3, 60_000)
  // Two sessions by their ids, and all of the person.
  assert.equal(sids().size, 3)
  await eventually(() => second.noted.filter((line) => line.includes('logout_token_delivered')).length === 3)

  // Killed in the middle of asking: the lease runs out, and the client is asked again.
  receiver.answers = 'never'
  await store.browserSessions.signOut((await begin()).id)
  await eventually(() => receiver.received.length === tried + 4)
  await second.kill()
  receiver.answers = 200
  const third = await start()
  await eventually(() => third.noted.some((line) => line.includes('logout_token_delivered')), 90_000)
  assert.equal(receiver.received.length, tried + 5)
  assert.equal(sids().size, 4)
  assert.deepEqual(await store.logoutDeliveries.take(1, 1 as never), [])
}

test('embedded: a client is told of a sign-out whenever the server is killed, and by the next one if none ran', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-logout-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await survives(t, join(folder, 'data'))
})

test(
  'PostgreSQL: a client is told of a sign-out whenever the server is killed, and by the next one if none ran',
  { skip: noPostgres },
  async (t) => {
    const { url, drop } = await createTestDatabase()
    t.after(drop)
    await survives(t, url)
  },
)
