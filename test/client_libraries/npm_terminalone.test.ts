import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { DEMO } from '#cli/demo_data.ts'
import { send } from '../contract/raw_http.ts'
import { startServer } from './started_server.ts'

// npm's terminalone 0.5.1, the platform's JavaScript library, unmodified, in its cookie mode. Its OAuth mode needs version 1 of
// simple-oauth2 and is an authorization code grant below /oauth2/v1.0/ of a host that it has built in: that is not tested here. The
// edition in its repository was never published; the last tests send its requests.

type Entity = Readonly<Record<string, unknown>> & {
  readonly id: number
  readonly name: string
  readonly version: number
  readonly get: (id: number, connection: Connection) => PromiseLike<Entity>
  readonly save: (connection: Connection) => PromiseLike<Entity>
}
type Meta = {
  readonly status: string
  readonly count: number
  readonly total_count: number
  readonly next_page?: string
}
type List = { readonly entities: Iterable<Entity>; readonly meta: Meta }
type Connection = { readonly getSession: () => PromiseLike<string> }
type Parameters = Readonly<Record<string, string | number | readonly string[] | Readonly<Record<string, number>>>>

/** As far as these tests use it: it has no types. */
type TerminalOne = {
  readonly T1Connection: new (options: Readonly<Record<string, string | undefined>>) => Connection
  readonly Entity: new (type: string) => Entity
  readonly EntityList: {
    readonly get: (collection: string, connection: Connection, parameters?: Parameters) => PromiseLike<List>
    readonly getNextPage: (list: List, connection: Connection) => PromiseLike<List> | undefined
  }
}

const require = createRequire(import.meta.url)
const { T1Connection, Entity, EntityList } = require('terminalone') as TerminalOne

const { origin } = await startServer()
const CREDENTIALS = { user: DEMO.username, password: DEMO.password, api_key: DEMO.apiKey }
const connect = (options: Readonly<Record<string, string | undefined>> = {}): Connection =>
  new T1Connection({ ...CREDENTIALS, apiBaseUrl: origin, ...options })

/** The value, or an error that says what was answered: the library's own has the whole socket in it. */
const valueOf = async <T>(promise: PromiseLike<T>): Promise<T> => {
  try {
    return await promise
  } catch (error) {
    throw new Error((error as Error).message)
  }
}

/** What the library rejects with when an answer's status is not 2xx. */
const refusalOf = async (promise: PromiseLike<unknown>) => {
  try {
    await promise
  } catch (error) {
    const { statusCode, error: body } = error as { readonly statusCode?: number; readonly error?: string }
    if (statusCode !== undefined && typeof body === 'string') return { statusCode, body }
    throw error
  }
  throw new assert.AssertionError({ message: 'it was not refused' })
}

for (const [base, apiBaseUrl] of [
  ['as documented', origin],
  ['with a slash at its end, so that every path begins with two', `${origin}/`],
] as const) {
  test(`cookie mode, base URL ${base}: it signs in and lists organizations`, async () => {
    const { entities, meta } = await EntityList.get('organizations', connect({ apiBaseUrl }), { page_limit: 10 })
    assert.deepEqual(
      [...entities].map(({ id }) => id),
      Array.from({ length: 10 }, (_, index) => 100_000 + index),
    )
    assert.deepEqual([meta.status, meta.count, meta.total_count], ['ok', 10, 100])
  })
}

test('one organization comes with all its fields, and is valid by the schema of the library', async () => {
  const connection = connect()
  const organization = await new Entity('organization').get(100_048, connection)
  assert.equal(organization.id, 100_048)
  assert.notEqual(organization.version, 0)
  assert.equal(organization.status, true)
  assert.deepEqual(organization.org_type, ['buyer'])
  const { validateJson, getSchema } = require('terminalone/lib/schemaprocessing') as {
    readonly getSchema: (type: string) => PromiseLike<object>
    readonly validateJson: (entity: Entity, schema: object) => readonly string[]
  }
  assert.deepEqual(validateJson(organization, await getSchema('organization')), [])
})

test('lists are sorted, shown in full and without an API key of its own', async () => {
  const connection = connect()
  const { entities } = await EntityList.get('organizations', connection, {
    page_limit: 3,
    sort_by: '-id',
    full: ['organization'],
  })
  const [last] = entities
  assert.equal(last?.id, 100_099)
  assert.equal(last.country, 'US')
  assert.equal(last.currency_code, 'USD')
})

test('it follows next_page from the first organization to the last', async () => {
  // The library cuts the base URL off each link by the length of this setting, which 0.5.1 leaves to its user.
  const settings = require('terminalone/lib/common/config') as { apiUrl?: string }
  settings.apiUrl = `${origin}/api/v2.0/`
  const connection = connect()
  const ids: number[] = []
  let pages = 0
  let list: List | undefined = await valueOf(EntityList.get('organizations', connection, { page_limit: 40 }))
  while (list !== undefined) {
    pages++
    ids.push(...[...list.entities].map(({ id }) => id))
    const next = EntityList.getNextPage(list, connection)
    list = next && (await valueOf(next))
  }
  assert.equal(pages, 3)
  assert.deepEqual(
    ids,
    Array.from({ length: 100 }, (_, index) => 100_000 + index),
  )
})

test('it asks who it is, and may sign in as often as it likes', async () => {
  const seen = new Set<string>()
  for (let round = 0; round < 15; round++) {
    const { data } = JSON.parse(await connect().getSession()) as {
      readonly data: { readonly id: number; readonly session: { readonly sessionid: string } }
    }
    assert.equal(data.id, 22612)
    seen.add(data.session.sessionid)
  }
  assert.equal(seen.size, 1)
})

test('a wrong password, a wrong key and an organization that is not there are refused with the status of their kind', async () => {
  const wrongPassword = await refusalOf(EntityList.get('organizations', connect({ password: 'wrong' })))
  assert.equal(wrongPassword.statusCode, 401)
  assert.match(wrongPassword.body, /"status":"auth_error"/)
  const wrongKey = await refusalOf(EntityList.get('organizations', connect({ api_key: 'no-such-key' })))
  assert.deepEqual(wrongKey, { statusCode: 403, body: '<h1>Developer Inactive</h1>' })
  const noSuch = await refusalOf(new Entity('organization').get(1, connect()))
  assert.equal(noSuch.statusCode, 404)
  assert.match(noSuch.body, /"status":"not_found"/)
})

test('what needs the token as well refuses its cookie, and says what to do', async () => {
  const { statusCode, body } = await refusalOf(EntityList.get('campaigns', connect()))
  assert.equal(statusCode, 401)
  assert.match(body, /\/api\/v2\.0\/session/)
})

test('an organization is saved with the version that was read, and whoever read an older one is told', async () => {
  const connection = connect()
  const read = () => new Entity('organization').get(100_048, connection)
  const [organization, late] = [await read(), await read()]
  const { version } = organization
  // What the library demands before it sends anything.
  for (const each of [organization, late]) Object.assign(each, { mm_contact_name: 'Pat Operator' })
  await organization.save(connection)
  assert.equal((await read()).version, Number(version) + 1)
  const { statusCode, body } = await refusalOf(late.save(connection))
  assert.equal(statusCode, 409)
  const { errors, meta } = JSON.parse(body) as { errors: readonly { message: string }[]; meta: { status: string } }
  assert.match(errors[0]!.message, /^Version Conflict/)
  assert.equal(meta.status, 'invalid')
})

// The edition in the library's repository, as its source sends.

const ACCEPT = { Accept: 'application/vnd.mediamath.v1+json', 'User-Agent': 'terminalone-node/0.6.0' }

test("the repository's OAuth mode gets its ID token, which the API refuses for now and says what it takes instead", async () => {
  const granted = await send(origin, '/oauth/token', {
    headers: { Accept: 'application/json' },
    body: {
      grant_type: 'password',
      username: DEMO.username,
      password: DEMO.password,
      scope: 'openid profile',
      client_id: DEMO.clientId,
      client_secret: DEMO.clientSecret,
    },
  })
  assert.equal(granted.status, 200)
  const { id_token } = granted.json<{ id_token: string }>()
  const answer = await send(origin, '//api/v2.0/organizations?page_limit=10&api_key=noapikey', {
    headers: { ...ACCEPT, Authorization: `Bearer ${id_token}` },
  })
  assert.equal(answer.status, 401)
  const { errors, meta } = answer.json<{ errors: readonly { message: string }[]; meta: { status: string } }>()
  assert.equal(meta.status, 'auth_required')
  assert.match(errors[0]!.message, /ID token/)
  assert.match(errors[0]!.message, /access token/)
})

test("without openid the repository's edition sends `Bearer undefined`, and goes on without a sign-in that failed: both are refused", async () => {
  for (const headers of [{ Authorization: 'Bearer undefined' }, {}]) {
    const answer = await send(origin, '//api/v2.0/organizations?api_key=noapikey', {
      headers: { ...ACCEPT, ...headers },
    })
    assert.equal(answer.status, 401)
    assert.equal(answer.json<{ meta: { status: string } }>().meta.status, 'auth_required')
  }
})

test("the repository's cookie mode signs in before every request, at a path with one slash, and asks at paths with two", async () => {
  for (let round = 0; round < 3; round++) {
    const signedIn = await send(origin, '/api/v2.0/login', { headers: ACCEPT, body: CREDENTIALS })
    assert.equal(signedIn.status, 200)
    const [pair = ''] = signedIn.headers['set-cookie']?.[0]?.split(';') ?? []
    const answer = await send(origin, `//api/v2.0/organizations?page_limit=10&api_key=${DEMO.apiKey}`, {
      headers: { ...ACCEPT, Cookie: pair },
    })
    assert.equal(answer.status, 200)
  }
})
