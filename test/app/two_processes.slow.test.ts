import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { makePlace, untilReady, type Place } from '../cli/command.ts'
import { createTestDatabase, noPostgres } from '../support/postgres.ts'
import { makePerson, type Person } from '../support/person.ts'

// What a person ends at one process, or an operator from the command line, is dead at the next request to any other process.

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, 'localhost')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const CHOICE = { username: 'zoe@example.com', password: 'correct horse battery' }

type ListedClient = { readonly id: string; readonly secret: string | undefined; readonly grantTypes: readonly string[] }

type Processes = {
  readonly place: Place
  readonly environment: Readonly<Record<string, string>>
  /** Without a slash at their ends. The person is at the first, whose address is the issuer's. */
  readonly origins: readonly [string, string]
  /** A third party, a public client, and one that signs in with the password. */
  readonly clients: readonly ListedClient[]
}

const REDIRECT_URI = 'https://app.example/cb'
const CODE = ['authorization_code', 'refresh_token']

const startTwo = async (t: TestContext, database?: string): Promise<Processes> => {
  const place = makePlace(t)
  const ports = [await freePort(), await freePort()] as const
  const origins = [`http://localhost:${ports[0]}`, `http://localhost:${ports[1]}`] as const
  place.write('postern.json', {
    urls: { auth: `${origins[0]}/`, api: `${origins[0]}/` },
    log: { level: 'warn' },
    ...(database === undefined ? {} : { database }),
  })
  const environment = database === undefined ? {} : { POSTERN_MASTER_KEY: randomBytes(32).toString('hex') }
  const json = (parameters: readonly string[], input = '') => place.json(parameters, { environment, input })
  assert.equal((await place.run(['migrate'], { environment })).status, 0)
  await json(
    [
      ...[
        'users',
        'create',
        '--username',
        CHOICE.username,
        '--scope',
        'GLOBAL',
        '--role',
        'MANAGER',
        '--type',
        'AGENCY',
      ],
      ...['--flag', 'view_organizations'],
    ],
    `${CHOICE.password}\n`,
  )
  const create = async (grantTypes: readonly string[], ...more: readonly string[]): Promise<ListedClient> => {
    const { client_id: id, client_secret: secret } = (await json([
      ...['clients', 'create', '--name', 'Reports', '--grant-type', ...grantTypes],
      ...['--scope', 'openid', 'offline_access', 'read:entities', ...more],
    ])) as { readonly client_id: string; readonly client_secret?: string }
    return { id, secret, grantTypes }
  }
  const clients = [
    await create(CODE, '--redirect-uri', REDIRECT_URI),
    await create(CODE, '--redirect-uri', REDIRECT_URI, '--public'),
    await create(['password', 'refresh_token']),
  ]
  await Promise.all(ports.map((port) => untilReady(place.start(['serve', '--port', String(port)], { environment }))))
  return { place, environment, origins, clients }
}

type Held = {
  readonly name: string
  readonly credentials: Readonly<Record<string, string>>
  readonly accessToken: string
  readonly refreshToken: string
  readonly cookie: string
}

/** Tokens and a platform session of each client, all of one person. */
const obtainAll = async (
  origin: string,
  person: Person,
  clients: readonly ListedClient[],
): Promise<readonly Held[]> => {
  const held: Held[] = []
  for (const { id, secret, grantTypes } of clients) {
    const name = `the client with ${grantTypes.join(' and ')}${secret === undefined ? ', public' : ''}`
    const credentials = { client_id: id, ...(secret === undefined ? {} : { client_secret: secret }) }
    const parameters = grantTypes.includes('password')
      ? { grant_type: 'password', ...CHOICE, scope: SCOPE }
      : await goThrough(origin, person, id)
    const answer = await fetch(`${origin}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ ...credentials, ...parameters }),
    })
    const body = (await answer.json()) as { readonly access_token?: string; readonly refresh_token?: string }
    assert.equal(answer.status, 200, `${name}: ${JSON.stringify(body)}`)
    const { access_token: accessToken = '', refresh_token: refreshToken = '' } = body
    const bridged = await fetch(`${origin}/api/v2.0/session`, { headers: { authorization: `Bearer ${accessToken}` } })
    const cookie = bridged.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    held.push({ name, credentials, accessToken, refreshToken, cookie })
  }
  return held
}

const SCOPE = 'openid offline_access read:entities'

/** @returns the parameters of the exchange */
const goThrough = async (origin: string, person: Person, id: string): Promise<Readonly<Record<string, string>>> => {
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({
    ...{ response_type: 'code', client_id: id, redirect_uri: REDIRECT_URI, scope: SCOPE },
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  const arrived = await person.authorize(`${origin}/authorize?${query.toString()}`, CHOICE)
  const code = arrived.searchParams.get('code') ?? ''
  return { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: verifier }
}

/** What each thing that the client holds is good for at this process. A refresh comes last: it may replace the token. */
const statuses = async (origin: string, { accessToken, refreshToken, cookie, credentials }: Held) => {
  const bearer = { authorization: `Bearer ${accessToken}` }
  const answers = [
    await fetch(`${origin}/api/v3.0/organizations`, { headers: bearer }),
    await fetch(`${origin}/api/v2.0/session`, { headers: bearer }),
    await fetch(`${origin}/api/v2.0/organizations`, { headers: { cookie } }),
    await fetch(`${origin}/userinfo`, { headers: bearer }),
    await fetch(`${origin}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken, ...credentials }),
    }),
  ]
  return answers.map(({ status }) => status)
}

const ALIVE = [200, 200, 200, 200, 200]
const DEAD = [401, 401, 401, 401, 400]

const endOnThePage = async (
  origin: string,
  person: Person,
  action: string,
  fields: Readonly<Record<string, string>>,
) => {
  const page = await person.open(`${origin}/account`)
  const form = page.forms.find(
    (each) =>
      each.action === action && Object.entries(fields).every(([name, value]) => each.offered.has(`${name}=${value}`)),
  )
  assert.ok(form !== undefined, `the account page has ${action} ${JSON.stringify(fields)}`)
  await person.send(page, form, form.fields)
}

const endEach = async (t: TestContext, database?: string): Promise<void> => {
  const { place, environment, origins, clients } = await startTwo(t, database)
  const [here, there] = origins
  const command = async (...parameters: string[]): Promise<void> => {
    const { status, stderr } = await place.run(parameters, { environment, input: 'a new horse battery\n' })
    assert.equal(status, 0, stderr)
  }
  const person = makePerson(here)
  const obtain = async () => {
    const held = await obtainAll(here, person, clients)
    for (const each of held) assert.deepEqual(await statuses(there, each), ALIVE, each.name)
    return held
  }

  // One client's, with one click for each kind of client; nothing of the others ends.
  const held = await obtain()
  for (const [at, each] of held.entries()) {
    await endOnThePage(here, person, '/account/end-access', { client_id: each.credentials['client_id'] ?? '' })
    assert.deepEqual(await statuses(there, each), DEAD, `${each.name}, ended on the account page`)
    for (const other of held.slice(at + 1)) assert.equal((await statuses(there, other))[0], 200, other.name)
  }

  const all = await obtain()
  await endOnThePage(here, person, '/account/sign-out-everywhere', {})
  for (const each of all) assert.deepEqual(await statuses(there, each), DEAD, `${each.name}, signed out everywhere`)

  // An operator's, from the command line.
  const [third, ...others] = await obtain()
  await command('clients', 'disable', clients[0]!.id)
  for (const origin of origins) {
    assert.deepEqual(await statuses(origin, third!), [401, 401, 401, 401, 401], 'its client disabled')
    for (const other of others) assert.equal((await statuses(origin, other))[0], 200, other.name)
  }
  await command('users', 'set-password', '--username', CHOICE.username)
  for (const origin of origins) {
    for (const other of others) assert.deepEqual(await statuses(origin, other), DEAD, `${other.name}, a new password`)
    // And the browser is signed out there too.
    assert.ok((await person.open(`${here}/account`)).forms.some(({ action }) => action === '/sign-in'))
  }
}

test('embedded: what is ended at one process or by the command line is dead at the other at once', (t) => endEach(t))

test(
  'PostgreSQL: what is ended at one process or by the command line is dead at the other at once',
  { skip: noPostgres },
  async (t) => {
    const { url, drop } = await createTestDatabase()
    t.after(drop)
    await endEach(t, url)
  },
)
