import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertRefused, makePlace, type Place } from './command.ts'

type User = {
  readonly id: number
  readonly username: string
  readonly active: boolean
  readonly [name: string]: unknown
}

const PASSWORD = 'correct horse'

const migrated = async (t: Parameters<typeof makePlace>[0]): Promise<Place> => {
  const place = makePlace(t)
  assert.equal((await place.run(['migrate'])).status, 0)
  return place
}

test('an account is made with what was said, and printed without its hash', async (t) => {
  const place = await migrated(t)
  const user = (await place.json(
    [
      ...['users', 'create', '--username', 'Jo@Example.com', '--id', '5000', '--role', 'MANAGER', '--scope', 'GLOBAL'],
      ...['--type', 'AGENCY', '--flag', 'view_segments', 'edit_segments', '--flag', 'view_organizations'],
      ...['--email', 'jo@example.com', '--given-name', 'Jo', '--family-name', 'Example', '--realm', 'Staff'],
    ],
    { input: PASSWORD },
  )) as User
  const { created_on: _created, updated_on: _updated, ...rest } = user
  assert.deepEqual(rest, {
    id: 5000,
    realm: 'Staff',
    username: 'Jo@Example.com',
    role: 'MANAGER',
    scope: 'GLOBAL',
    type: 'AGENCY',
    flags: ['edit_segments', 'view_segments', 'view_organizations'],
    active: true,
    profile: { name: 'Jo Example', given_name: 'Jo', family_name: 'Example', email: 'jo@example.com' },
    version: 0,
  })
  const list = await place.run(['users', 'list'])
  assert.equal(list.stdout.split('\n').length, 3)
  assert.match(
    list.stdout,
    /^ID +REALM +USERNAME +ROLE +SCOPE +TYPE +STATE\n5000 +Staff +Jo@Example\.com +MANAGER +GLOBAL +AGENCY +active\n$/,
  )
  assert.doesNotMatch(list.stdout + JSON.stringify(user), /argon2/)
})

test('what cannot be is refused before the password is asked for, and nothing is made', async (t) => {
  const place = await migrated(t)
  const create = ['users', 'create', '--username', 'jo@example.com']
  for (const [parameters, status, words] of [
    [[...create, '--realm', 'Nowhere'], 2, /--realm: there is no Nowhere\. Expected T1DB-Production, /],
    [[...create, '--organization', '100000:r'], 2, /--organization: there is no organization 100000/],
    [create, 1, /no password came on standard input/],
  ] as const) {
    assertRefused(await place.run(parameters), status, words)
  }
  assertRefused(await place.run(create, { input: 'short' }), 1, /at least 8 characters/)
  assertRefused(
    await place.run(['users', 'create', '--username', 'j o'], { input: PASSWORD }),
    1,
    /a username has no spaces/,
  )
  const none = await place.run(['users', 'list'])
  assert.deepEqual([none.status, none.stdout, none.stderr], [0, '', 'There are none.\n'])
  assert.equal((await place.run(create, { input: PASSWORD })).status, 0)
  assertRefused(await place.run(create, { input: PASSWORD }), 1, /the username is taken/)
})

test('lists are paged, and confined to a realm', async (t) => {
  const place = await migrated(t)
  for (const [username, realm] of [
    ['a', 'Staff'],
    ['b', 'T1DB-Production'],
    ['c', 'Staff'],
  ] as const) {
    await place.json(['users', 'create', '--username', username, '--realm', realm], { input: PASSWORD })
  }
  const names = async (...parameters: string[]) =>
    ((await place.json(['users', 'list', ...parameters])) as User[]).map(({ username }) => username)
  assert.deepEqual(await names(), ['a', 'b', 'c'])
  assert.deepEqual(await names('--limit', '1', '--offset', '1'), ['b'])
  assert.deepEqual(await names('--realm', 'Staff'), ['a', 'c'])
  assert.match((await place.run(['users', 'list', '--offset', '3'])).stderr, /There are no more/)
})

test('a password is set and an account disabled by name or id', async (t) => {
  const place = await migrated(t)
  const { id } = (await place.json(['users', 'create', '--username', 'jo@example.com'], { input: PASSWORD })) as User
  const set = await place.run(['users', 'set-password', '--username', 'JO@example.com'], { input: 'another horse' })
  assert.deepEqual([set.status, set.stdout], [0, ''])
  assert.match(set.stderr, new RegExp(`jo@example\\.com \\(${id}\\) has the new password`))
  assertRefused(await place.run(['users', 'set-password', '--id', String(id)], { input: 'short' }), 1, /at least 8/)
  assertRefused(
    await place.run(['users', 'disable', '--username', 'nobody']),
    1,
    /there is no account nobody in the realm/,
  )
  assertRefused(await place.run(['users', 'disable', '--id', '77']), 1, /there is no account 77/)
  assertRefused(await place.run(['users', 'disable']), 2, /expected --username or --id/)
  assert.deepEqual(await place.json(['users', 'disable', '--id', String(id)]), {
    id,
    username: 'jo@example.com',
    active: false,
  })
  assert.equal(((await place.json(['users', 'list'])) as User[])[0]?.active, false)
})
