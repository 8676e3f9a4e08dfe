import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '#stores/store.ts'
import { createTestDatabase, noPostgres, startPostgres } from '../support/postgres.ts'
import { addOrganizations, claimsOf, startPostern, type RunningPosternOptions } from '../support/running_postern.ts'
import { httpClient, NoAnswerError, type Answer, type HttpClient } from './http_client.ts'
import { addClient, addPerson, type TestClient } from './people.ts'
import { startServerProcess, type Populated, type ServerOptions, type ServerProcess } from './server_process.ts'

// What a server meets in a long life: a full disk, a locked or restarted database, a second server beside it, time that passes, a store
// that takes long, and its own end. No test asks how long something took.

const PASSWORD = 'correct horse battery staple'
const SCOPE = 'offline_access openid read:entities'
const DAY = 86_400

const newFolder = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-bad-day-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `person${n}@example.com`)

/** Questions of one client. */
const askingAs = (http: HttpClient, client: TestClient) => {
  const credentials = { client_id: client.id, client_secret: client.secret }
  return {
    ...http,
    signIn: (username: string, scope = SCOPE): Promise<Answer> =>
      http.token({ grant_type: 'password', ...credentials, username, password: PASSWORD, scope }),
    refresh: (token: string): Promise<Answer> =>
      http.token({ grant_type: 'refresh_token', ...credentials, refresh_token: token }),
    login: (user: string): Promise<Answer> =>
      http.ask({ path: '/api/v2.0/login', form: { user, password: PASSWORD, api_key: client.id } }),
    session: (by: { readonly bearer?: string | undefined; readonly session?: string | undefined }): Promise<Answer> =>
      http.ask({ path: '/api/v2.0/session', ...by }),
  }
}

const expect = (answer: Answer, status: number, what: string): Answer => {
  assert.equal(answer.status, status, `${what}: ${answer.status} ${answer.text}`)
  return answer
}

/** 503 of the token endpoint, as RFC 6749 §5.2 words errors. */
const expectUnavailable = (answer: Answer): void => {
  expect(answer, 503, 'a write')
  assert.equal(answer.body.error, 'temporarily_unavailable')
  assert.match(answer.headers['retry-after'] ?? '', /^[1-9]\d*$/)
}

const sessionOf = ({ body }: Answer): string => body.data!.session!.sessionid

const eventually = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + 30_000
  while (!(await isSo())) {
    assert.ok(Date.now() < deadline, `waited for: ${what}`)
    await sleep(20)
  }
}

const startProcess = async (
  t: TestContext,
  options: ServerOptions,
  under: readonly string[] = [],
): Promise<{ readonly server: ServerProcess; readonly http: HttpClient }> => {
  const server = startServerProcess(under)
  t.after(server.kill)
  const http = httpClient(await server.start(options))
  t.after(http.close)
  return { server, http }
}

const newMasterKey = (): string => randomBytes(32).toString('hex')

// ── Out of space ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A way to make space end and come back for one process. */
type Space = {
  readonly folder: string
  readonly under: readonly string[]
  readonly end: (server: ServerProcess) => Promise<unknown>
  readonly restore: (server: ServerProcess) => Promise<unknown>
  /** Whether the files are there when the process is gone. */
  readonly outlivesProcess: boolean
}

const run = (command: string, ...parameters: string[]): boolean => spawnSync(command, parameters).status === 0

const MOUNT = ['unshare', ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']), '--mount', 'sh', '-c']
const mounting = (folder: string): string[] => [...MOUNT, 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"', folder]
const noMount = run(MOUNT[0]!, ...mounting('/mnt').slice(1), 'true') ? false : 'may not mount a file system here'
const noLimit = run('prlimit', '--version') ? false : 'needs prlimit (util-linux)'

/** A file system of 4 MB that nobody else sees. */
const smallDisk = (t: TestContext): Space => {
  const folder = newFolder(t)
  const file = join(folder, 'ballast')
  return {
    folder: join(folder, 'data'),
    under: mounting(folder),
    end: (server) => server.order({ kind: 'fill the disk', file }),
    restore: (server) => server.order({ kind: 'free the disk', file }),
    outlivesProcess: false,
  }
}

/** No file may be written beyond `bytes`. At 64 KiB every one of the database is larger already, but a log that begins anew has room below it. */
const fileSizeLimit = (t: TestContext, bytes: number): Space => {
  const limit = (to: string) => (server: ServerProcess) => {
    assert.ok(run('prlimit', `--pid=${server.pid}`, `--fsize=${to}:`))
    return Promise.resolve()
  }
  return {
    folder: join(newFolder(t), 'data'),
    under: [],
    end: limit(String(bytes)),
    restore: limit('unlimited'),
    outlivesProcess: true,
  }
}

const survivesFullDisk = async (t: TestContext, space: Space): Promise<void> => {
  const options = { database: space.folder, masterKey: newMasterKey() }
  const { server, http } = await startProcess(t, options, space.under)
  const people = names(400)
  const populated = (await server.order({
    kind: 'populate',
    people,
    password: PASSWORD,
    clients: ['app'],
  })) as Populated
  const app = askingAs(http, populated.clients[0]!)
  const first = expect(await app.signIn(people[0]!), 200, 'a sign-in')
  const refreshTokens = [first.body.refresh_token!]
  for (const person of people.slice(1, 30))
    refreshTokens.push(expect(await app.signIn(person), 200, 'a sign-in').body.refresh_token!)
  const bearer = first.body.access_token!
  const session = sessionOf(expect(await app.session({ bearer }), 200, 'a bridge'))

  await space.end(server)
  const refused: string[] = []
  // What is left in the files is used up first.
  for (const person of people.slice(30)) {
    const answer = await app.signIn(person)
    if (answer.status === 200) refreshTokens.push(answer.body.refresh_token!)
    else {
      expectUnavailable(answer)
      refused.push(person)
      if (refused.length === 20) break
    }
  }
  assert.equal(refused.length, 20, 'the disk was not full')
  const login = expect(await app.login(refused[0]!), 503, 'a login')
  assert.match(login.headers['retry-after'] ?? '', /^[1-9]\d*$/)

  // Many at once: what reads is answered, though what writes beside it fails.
  const reads = async (): Promise<void> => {
    expect(await app.refresh(refreshTokens[0]!), 200, 'a refresh')
    expect(await app.session({ session }), 200, 'a session')
    expect(await app.ask({ path: '/.well-known/jwks.json' }), 200, 'the keys')
    expect(await app.ask({ path: '/api/v3.0/organizations', bearer }), 200, 'a list')
    expect(await app.ask({ path: '/healthz' }), 200, 'health')
  }
  const write = async (person: string): Promise<void> => {
    const answer = await app.signIn(person)
    if (answer.status === 200) refreshTokens.push(answer.body.refresh_token!)
    else expectUnavailable(answer)
  }
  await Promise.all([...Array.from({ length: 20 }, reads), ...refused.map(write)])
  for (const token of refreshTokens) expect(await app.refresh(token), 200, 'what was acknowledged')

  await space.restore(server)
  await eventually('a sign-in', async () => (await app.signIn(people[0]!)).status === 200)
  for (const person of refused) expect(await app.signIn(person), 200, 'a sign-in after the bad day')
  for (const token of refreshTokens) expect(await app.refresh(token), 200, 'what was acknowledged')
  assert.equal(sessionOf(expect(await app.session({ bearer }), 200, 'a bridge')), session)
  expect(await app.ask({ path: '/readyz' }), 200, 'readiness')
  t.diagnostic(`${refreshTokens.length} sign-ins were acknowledged`)

  if (!space.outlivesProcess) return
  await server.kill()
  const database = new DatabaseSync(join(space.folder, 'postern.sqlite'))
  assert.deepEqual({ ...database.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' })
  database.close()
  const next = await startProcess(t, options)
  const again = askingAs(next.http, populated.clients[0]!)
  for (const token of refreshTokens) expect(await again.refresh(token), 200, 'what was acknowledged')
}

test(
  'on a full disk writes are refused for a while, reads go on, and nothing acknowledged is lost',
  { skip: noMount },
  (t) => survivesFullDisk(t, smallDisk(t)),
)

test('where files may not grow it is the same, and the database is whole in the next life', { skip: noLimit }, (t) =>
  survivesFullDisk(t, fileSizeLimit(t, 65_536)),
)

test('a server that cannot write says that it is not ready', { skip: noLimit }, async (t) => {
  const space = fileSizeLimit(t, 0)
  const { server, http } = await startProcess(t, { database: space.folder, masterKey: newMasterKey() })
  expect(await http.ask({ path: '/readyz' }), 200, 'readiness')
  await space.end(server)
  expect(await http.ask({ path: '/readyz' }), 503, 'readiness')
  await space.restore(server)
  expect(await http.ask({ path: '/readyz' }), 200, 'readiness')
})

// ── A database that is locked, or away ────────────────────────────────────────────────────────────────────────────────────────

/** An embedded database with five people, which this process can lock. */
const lockable = async (t: TestContext) => {
  const folder = newFolder(t)
  const { server, http } = await startProcess(t, { database: folder, masterKey: newMasterKey() })
  const people = names(5)
  const { clients } = (await server.order({
    kind: 'populate',
    people,
    password: PASSWORD,
    clients: ['app'],
  })) as Populated
  const other = new DatabaseSync(join(folder, 'postern.sqlite'))
  t.after(() => other.close())
  return {
    app: askingAs(http, clients[0]!),
    people,
    lock: () => other.exec('begin immediate'),
    unlock: () => other.exec('rollback'),
  }
}

test('while another process holds the embedded database a write is refused for a while, and then all is well', async (t) => {
  const { app, people, lock, unlock } = await lockable(t)
  const before = expect(await app.signIn(people[0]!), 200, 'a sign-in').body.refresh_token!
  lock()
  const answer = await app.signIn(people[1]!)
  unlock()
  expectUnavailable(answer)
  for (const person of people) expect(await app.signIn(person), 200, 'a sign-in afterwards')
  expect(await app.refresh(before), 200, 'what was acknowledged')
  assert.equal((await app.signIn(people[0]!)).body.refresh_token, before)
})

test('while another process holds the embedded database reads go on, and all who write are refused', async (t) => {
  const { app, people, lock, unlock } = await lockable(t)
  const token = expect(await app.signIn(people[0]!), 200, 'a sign-in').body.refresh_token!
  lock()
  let refusals = 0
  const write = async (person: string): Promise<void> => {
    expectUnavailable(await app.signIn(person))
    refusals++
  }
  const writes = Promise.all(people.map(write))
  let rounds = 0
  while (refusals === 0) {
    const reads = await Promise.all([app.refresh(token), app.ask({ path: '/healthz' })])
    for (const answer of reads) expect(answer, 200, 'a read')
    rounds++
  }
  await writes
  unlock()
  t.diagnostic(`${rounds} rounds of reads while ${refusals} writes waited`)
  assert.ok(rounds > 10, 'reads waited too')
})

test('a write that another process keeps waiting for less than the patience is done, and its answer is right', async (t) => {
  const { app, people, lock, unlock } = await lockable(t)
  lock()
  const waiting = people.map((person) => app.signIn(person))
  // Until all have come as far as the store: they then wait for its first write, in which the attempt is reserved.
  expect(await app.ask({ path: '/healthz' }), 200, 'health')
  await sleep(500)
  unlock()
  const tokens = (await Promise.all(waiting)).map((answer) => expect(answer, 200, 'a sign-in').body.refresh_token!)
  assert.equal(new Set(tokens).size, people.length)
  for (const token of tokens) expect(await app.refresh(token), 200, 'what was acknowledged')
})

test(
  'PostgreSQL may be restarted under load: 503 while it is away, and then all is well without a restart of ours',
  { skip: noPostgres },
  async (t) => {
    const postgres = await startPostgres()
    t.after(postgres.stop)
    const postern = await startPostern(t, { postgresUrl: postgres.url })
    const client = await addClient(postern.store, 'app')
    const people = names(12)
    await Promise.all(people.map((person) => addPerson(postern.store, person, PASSWORD)))
    const http = httpClient(postern.port)
    t.after(http.close)
    const app = askingAs(http, client)
    const tokens = new Map<string, string>()
    const seen = new Map<string, number>()
    const note = (what: string, { status }: Answer) => {
      const name = `${what} ${status}`
      seen.set(name, (seen.get(name) ?? 0) + 1)
    }
    let isOver = false
    const load = async (person: string): Promise<void> => {
      while (!isOver) {
        const known = tokens.get(person)
        const answer = known === undefined || Math.random() < 0.5 ? await app.signIn(person) : await app.refresh(known)
        note('token', answer)
        if (answer.status !== 200) {
          expectUnavailable(answer)
          continue
        }
        const token = answer.body.refresh_token
        if (token !== undefined) assert.equal(token, tokens.get(person) ?? token)
        if (token !== undefined) tokens.set(person, token)
      }
    }
    const watch = async (): Promise<void> => {
      while (!isOver) {
        note('ready', await app.ask({ path: '/readyz' }))
        note('health', await app.ask({ path: '/healthz' }))
      }
    }
    const disturb = async (): Promise<void> => {
      try {
        await eventually('everybody to sign in', () => Promise.resolve(tokens.size === people.length))
        // It may come back before anybody has asked.
        await eventually('somebody to be refused', async () => {
          await postgres.restart()
          return seen.has('token 503') && seen.has('ready 503')
        })
        await eventually('readiness', async () => (await app.ask({ path: '/readyz' })).status === 200)
      } finally {
        isOver = true
      }
    }
    await Promise.all([disturb(), watch(), ...people.map(load)])
    t.diagnostic(JSON.stringify(Object.fromEntries(seen)))
    assert.deepEqual(
      [...seen.keys()].filter((each) => each.startsWith('health')),
      ['health 200'],
    )
    assert.ok([...seen.keys()].every((each) => / (200|503)$/.test(each)))
    for (const person of people) {
      expect(await app.refresh(tokens.get(person)!), 200, 'what was acknowledged')
      assert.equal(expect(await app.signIn(person), 200, 'a sign-in').body.refresh_token, tokens.get(person))
    }
  },
)

// ── Two servers on one database ───────────────────────────────────────────────────────────────────────────────────────────────

const serveTogether = async (t: TestContext, database: string): Promise<void> => {
  const options = { database, masterKey: newMasterKey() }
  const [one, two] = await Promise.all([startProcess(t, options), startProcess(t, options)])
  const people = names(3)
  const { ids, clients } = (await one.server.order({
    kind: 'populate',
    people,
    password: PASSWORD,
    clients: ['app', 'other'],
  })) as Populated
  const here = askingAs(one.http, clients[0]!)
  const there = askingAs(two.http, clients[0]!)
  const documents = ['/.well-known/jwks.json', '/.well-known/openid-configuration']
  for (const path of documents) assert.equal((await here.ask({ path })).text, (await there.ask({ path })).text)

  const signIns = await Promise.all(people.map((person, n) => (n % 2 === 0 ? here : there).signIn(person)))
  const tokens = signIns.map((answer) => expect(answer, 200, 'a sign-in').body)
  const works = async (app: typeof here, n: number): Promise<readonly number[]> => [
    (await app.refresh(tokens[n]!.refresh_token!)).status,
    (await app.session({ bearer: tokens[n]!.access_token })).status,
    (await app.session({ session: sessions[n] })).status,
  ]
  const sessions: string[] = []
  for (const [n, { access_token: bearer }] of tokens.entries()) {
    // Asked at both at once, there is one session, and one refresh token.
    const [first, second] = await Promise.all([here.session({ bearer }), there.session({ bearer })])
    assert.equal(sessionOf(first), sessionOf(second))
    sessions.push(sessionOf(first))
    const [a, b] = await Promise.all([here.signIn(people[n]!), there.signIn(people[n]!)])
    assert.deepEqual([a.body.refresh_token, b.body.refresh_token], Array(2).fill(tokens[n]!.refresh_token))
    assert.deepEqual(await works(here, n), [200, 200, 200])
    assert.deepEqual(await works(there, n), [200, 200, 200])
  }

  await one.server.order({ kind: 'disable account', accountId: ids[0]! })
  assert.deepEqual(await works(there, 0), [400, 401, 401], 'a disabled account')
  assert.equal((await there.signIn(people[0]!)).status, 400)
  expect(await there.ask({ path: '/api/v2.0/logout', session: sessions[1]! }), 200, 'a logout')
  assert.equal((await here.session({ session: sessions[1] })).status, 401, 'a session that was logged out')
  assert.deepEqual(await works(here, 2), [200, 200, 200], 'somebody else')
  await two.server.order({ kind: 'disable client', clientId: 'app' })
  assert.deepEqual(await works(here, 2), [401, 401, 401], 'a disabled client')
}

test('embedded: of two servers that start at once both serve, and each knows at once what the other did', (t) =>
  serveTogether(t, newFolder(t)))

test(
  'PostgreSQL: of two servers that start at once both serve, and each knows at once what the other did',
  { skip: noPostgres },
  async (t) => {
    const { url, drop } = await createTestDatabase()
    t.after(drop)
    await serveTogether(t, url)
  },
)

// ── Time that passes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A server in this process with one client and one person, and a clock that stands still but for `travel`. */
const posternInStillTime = async (t: TestContext, options: RunningPosternOptions = {}) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  return posternWithPerson(t, options)
}

const posternWithPerson = async (t: TestContext, options: RunningPosternOptions = {}) => {
  const postern = await startPostern(t, options)
  await addOrganizations(postern.store, 3)
  const client = await addClient(postern.store, 'app')
  const [person] = names(1)
  await addPerson(postern.store, person!, PASSWORD)
  const http = httpClient(postern.port)
  t.after(http.close)
  return { postern, person: person!, client, app: askingAs(http, client) }
}

test('an access token and its session work in their last second, and not in the one after', async (t) => {
  const { postern, person, app } = await posternInStillTime(t)
  const { access_token: bearer } = (await app.signIn(person)).body
  const session = sessionOf(await app.session({ bearer }))
  postern.travel(DAY - 1)
  expect(await app.ask({ path: '/api/v3.0/organizations', bearer }), 200, 'the last second')
  expect(await app.session({ session }), 200, 'the last second')
  postern.travel(1)
  const answer = expect(await app.ask({ path: '/api/v3.0/organizations', bearer }), 401, 'the second after')
  assert.match(answer.body.errors![0]!.message, /access token has expired/)
  assert.match(answer.headers['www-authenticate'] ?? '', /error="invalid_token"/)
  const late = expect(await app.session({ session }), 401, 'the second after')
  assert.match(late.body.errors![0]!.message, /session has expired/)
})

test('a refresh token that nobody uses expires after thirty days, and one that is used after a year', async (t) => {
  const { postern, person, app } = await posternInStillTime(t)
  const idle = (await app.signIn(person)).body.refresh_token!
  const used = (await app.signIn(person, 'offline_access read:users')).body.refresh_token!
  assert.notEqual(idle, used)
  postern.travel(30 * DAY - 1)
  expect(await app.refresh(used), 200, 'the last second')
  postern.travel(1)
  const refused = expect(await app.refresh(idle), 400, 'the second after')
  assert.equal(refused.body.error, 'invalid_grant')
  for (let day = 30; day < 360; day += 15) {
    expect(await app.refresh(used), 200, `day ${day}`)
    postern.travel(15 * DAY)
  }
  postern.travel(5 * DAY - 1)
  const last = expect(await app.refresh(used), 200, 'the last second of the year')
  assert.equal(claimsOf(last.body.access_token!)['exp'], Math.floor(Date.now() / 1000) + 365 * DAY)
  postern.travel(1)
  expect(await app.refresh(used), 400, 'the second after')
  const bearer = last.body.access_token!
  expect(await app.ask({ path: '/api/v3.0/organizations', bearer }), 401, 'its last access token')
})

test('on day two the old token says that it has expired, a refresh works, and the old cookie comes back new', async (t) => {
  const { postern, person, app } = await posternInStillTime(t)
  const tokens = (await app.signIn(person)).body
  const old = sessionOf(await app.session({ bearer: tokens.access_token }))
  postern.travel(DAY + 3600)

  const path = '/api/v2.0/campaigns'
  const refused = expect(await app.ask({ path, bearer: tokens.access_token!, session: old }), 401, 'the old pair')
  assert.match(refused.body.errors![0]!.message, /access token has expired/)
  const bearer = expect(await app.refresh(tokens.refresh_token!), 200, 'a refresh').body.access_token!
  const answer = expect(await app.ask({ path, bearer, session: old }), 200, 'the old cookie with the new token')
  const [, renewed] = /^adama_session=([0-9a-f]{40});/.exec(answer.headers['set-cookie']?.[0] ?? '') ?? []
  assert.ok(renewed !== undefined && renewed !== old)
  assert.equal(sessionOf(expect(await app.session({ bearer }), 200, 'a bridge')), renewed)
  const next = expect(await app.ask({ path, bearer, session: renewed }), 200, 'the new pair')
  assert.equal(next.headers['set-cookie'], undefined)
  expect(await app.session({ session: old }), 401, 'the old cookie alone')
})

test('PostgreSQL: day two is the same there, by the clock of the database', { skip: noPostgres }, async (t) => {
  const { url, drop } = await createTestDatabase()
  t.after(drop)
  const { postern, person, app } = await posternWithPerson(t, { postgresUrl: url })
  const tokens = (await app.signIn(person)).body
  const old = sessionOf(await app.session({ bearer: tokens.access_token }))
  postern.travel(DAY + 3600)
  expect(await app.session({ bearer: tokens.access_token }), 401, 'the old token')
  expect(await app.session({ session: old }), 401, 'the old cookie')
  const bearer = expect(await app.refresh(tokens.refresh_token!), 200, 'a refresh').body.access_token!
  const answer = expect(await app.session({ bearer, session: old }), 200, 'the old cookie with the new token')
  assert.notEqual(sessionOf(answer), old)
  await postern.close()
})

// ── A store that takes long, and the end of a server ──────────────────────────────────────────────────────────────────────────

/** Lets each verb of the store wait for `pause` first. */
const delayed = (store: Store, pause: () => Promise<unknown>): Store => {
  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (its, name) => {
        const value: unknown = Reflect.get(its, name)
        if (typeof value === 'object' && value !== null) return wrap(value)
        if (typeof value !== 'function') return value
        return async (...parameters: unknown[]): Promise<unknown> => {
          await pause()
          return Reflect.apply(value, its, parameters) as unknown
        }
      },
    })
  return wrap(store)
}

/** A store that is quick until it is told otherwise. */
const slowStore = (longestMs: number) => {
  let isSlow = false
  return {
    wrapStore: (store: Store) =>
      delayed(store, async () => {
        if (isSlow) await sleep(Math.random() * longestMs)
      }),
    slowDown: () => {
      isSlow = true
    },
  }
}

test('however long the store takes, everybody is given their own answer', async (t) => {
  const { wrapStore, slowDown } = slowStore(150)
  const { postern, app } = await posternWithPerson(t, { wrapStore })
  const people = names(30).slice(1)
  const ids = await Promise.all(people.map(async (person) => (await addPerson(postern.store, person, PASSWORD)).id))
  slowDown()
  let left = 0
  const live = async (person: string, n: number): Promise<void> => {
    const tokens = expect(await app.signIn(person), 200, 'a sign-in').body
    assert.equal(claimsOf(tokens.access_token!)['sub'], `platform|${ids[n]}`)
    const bearer = tokens.access_token
    // Some do not wait for their answer.
    const leaver = httpClient(postern.port)
    const leaving = leaver.ask({ path: '/api/v2.0/session', bearer: bearer! }).catch((error: unknown) => error)
    await sleep(Math.random() * 50)
    leaver.close()
    if ((await leaving) instanceof NoAnswerError) left++
    const [mine, again, refreshed] = await Promise.all([
      app.session({ bearer }),
      app.login(person),
      app.refresh(tokens.refresh_token!),
    ])
    for (const answer of [mine, again]) assert.equal(expect(answer, 200, 'a session').body.data!.id, ids[n])
    assert.equal(claimsOf(refreshed.body.access_token!)['sub'], `platform|${ids[n]}`)
    const both = await app.session({ bearer, session: sessionOf(mine) })
    assert.equal(sessionOf(both), sessionOf(mine))
  }
  await Promise.all(people.map(live))
  assert.ok(left > 5, 'nobody left')
})

test('requests that are sent behind each other on one connection are answered in their order', async (t) => {
  const { wrapStore, slowDown } = slowStore(60)
  const { postern, app } = await posternWithPerson(t, { wrapStore })
  const people = names(9).slice(1)
  await Promise.all(people.map((person) => addPerson(postern.store, person, PASSWORD)))
  const bearers = await Promise.all(people.map(async (person) => (await app.signIn(person)).body.access_token!))
  slowDown()
  const socket = connect(postern.port, '127.0.0.1')
  t.after(() => socket.destroy())
  const requests = bearers.map(
    (bearer) =>
      `GET /api/v2.0/session HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nAuthorization: Bearer ${bearer}\r\n\r\n`,
  )
  socket.write(requests.join(''))
  let text = ''
  const namesIn = () => [...text.matchAll(/"name":"([^"]+)"/g)].map(([, name]) => name)
  for await (const chunk of socket) {
    text += String(chunk)
    if (namesIn().length === people.length) break
  }
  assert.deepEqual(namesIn(), people)
})

test('a server that closes under load answers all that it has begun, and cuts no answer half-way', async (t) => {
  let begun = 0
  const { postern, app, person, client } = await posternWithPerson(t, {
    wrapStore: (store) => ({
      ...store,
      authorizations: {
        ...store.authorizations,
        // The one look at the store that each refresh takes.
        findLive: async (id) => {
          begun++
          await sleep(Math.random() * 40)
          return store.authorizations.findLive(id)
        },
      },
    }),
  })
  const token = (await app.signIn(person)).body.refresh_token!
  const outcomes = { answered: 0, refused: 0, goodbyes: 0 }
  let isClosed = false
  const worker = async (): Promise<void> => {
    const http = httpClient(postern.port, 1)
    const mine = askingAs(http, client)
    try {
      for (;;) {
        const wasClosed = isClosed
        const answer = expect(await mine.refresh(token), 200, 'a refresh')
        assert.ok(!wasClosed, 'answered by a server that was closed')
        outcomes.answered++
        if (answer.headers.connection === 'close') outcomes.goodbyes++
      }
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error
      assert.equal(error.came, 'nothing', 'an answer was cut')
      outcomes.refused++
    } finally {
      http.close()
    }
  }
  const workers = Promise.all(Array.from({ length: 40 }, worker))
  await eventually('a load', () => Promise.resolve(begun > 200))
  await postern.close()
  isClosed = true
  await workers
  t.diagnostic(JSON.stringify({ begun, ...outcomes }))
  assert.equal(outcomes.answered, begun, 'a request was begun and not answered')
  assert.equal(outcomes.refused, 40)
  assert.ok(outcomes.goodbyes > 0, 'nobody was told that the connection ends')
})
