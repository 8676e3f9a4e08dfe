import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DatabaseSync } from 'node:sqlite'
import { isClientSecret } from '#clients/client_secret.ts'
import { assertRefused, makePlace, type Place } from './command.ts'

const migrated = async (t: Parameters<typeof makePlace>[0]): Promise<Place> => {
  const place = makePlace(t)
  assert.equal((await place.run(['migrate'])).status, 0)
  return place
}

type Made = { client_id: string; client_secret?: string; api_keys?: { name: string; key: string }[] }

const CREATE = ['clients', 'create', '--name', 'Reports']

test('id, secret and API keys are printed once, and only digests are kept', async (t) => {
  const place = await migrated(t)
  const made = (await place.json([
    ...[...CREATE, '--first-party'],
    ...['--grant-type', 'password', 'password-realm', 'authorization_code', 'refresh_token'],
    ...['--scope', 'openid', 'offline_access', 'manage:services', '--default-scope', 'manage:services'],
    ...['--password-realm', 'T1DB-Production', '--password-grant-ends-at', '2030-01-31T12:00:00+01:00'],
    ...['--redirect-uri', 'https://reports.example.com/callback', '--redirect-uri', 'com.example.reports:/callback'],
    ...['--pkce', 'required', '--required-scope', 'manage:services=It writes reports.'],
    ...['--api-key', 'first', '--api-key', 'second'],
  ])) as Made
  assert.equal(isClientSecret(made.client_secret ?? ''), true)
  assert.deepEqual(
    made.api_keys?.map(({ name }) => name),
    ['first', 'second'],
  )
  const {
    created_on: _created,
    updated_on: _updated,
    ...shown
  } = (await place.json(['clients', 'show', made.client_id])) as Record<string, unknown>
  assert.deepEqual(shown, {
    client_id: made.client_id,
    client_name: 'Reports',
    active: true,
    id_is_api_key: true,
    token_endpoint_auth_method: 'client_secret',
    grant_types: [
      'password',
      'http://auth0.com/oauth/grant-type/password-realm',
      'authorization_code',
      'refresh_token',
    ],
    redirect_uris: ['https://reports.example.com/callback', 'com.example.reports:/callback'],
    scopes: ['openid', 'offline_access', 'manage:services'],
    default_scopes: ['manage:services'],
    audiences: ['https://api.mediamath.com/'],
    party: 'first',
    pkce: 'required',
    required_scopes: { 'manage:services': 'It writes reports.' },
    id_token_signed_response_alg: 'RS256',
    password_accounts: { realms: ['T1DB-Production'] },
    password_grant_ends_at: '2030-01-31T11:00:00Z',
    secrets: [{ kind: 'sha256', expires_on: null }],
  })
  const database = new DatabaseSync(place.path('data', 'postern.sqlite'), { readOnly: true })
  const rows = JSON.stringify(
    ['clients', 'client_secrets', 'api_keys'].map((table) => database.prepare(`select * from ${table}`).all()),
  )
  database.close()
  for (const secret of [made.client_secret!, ...(made.api_keys ?? []).map(({ key }) => key)]) {
    assert.equal(rows.includes(secret), false)
  }
})

test('for people the same stands in lines, with a warning where every account may be signed in', async (t) => {
  const place = await migrated(t)
  const { status, stdout, stderr } = await place.run([...CREATE, '--grant-type', 'password'])
  assert.equal(status, 0)
  assert.match(stdout, /^client_id: +\w{32}\nclient_secret: +pst_\w+\n$/)
  assert.match(stderr, /not shown again[^]*may sign in every account/)
  assert.match(
    (await place.run(['clients', 'list'])).stdout,
    /\n\w{32} +Reports +confidential +third +password +active\n$/,
  )
})

test('a policy that is refused leaves nothing', async (t) => {
  const place = await migrated(t)
  const refused = await place.run([...CREATE, '--grant-type', 'password', '--scope', 'read:all'])
  assertRefused(refused, 2, /--scope: there is no read:all\. Expected openid, .*manage:services/)
  assert.deepEqual(await place.json(['clients', 'list']), [])
})

test('a public client has no secret, and its refresh tokens rotate', async (t) => {
  const place = await migrated(t)
  const made = (await place.json([
    ...[...CREATE, '--grant-type', 'authorization_code', 'refresh_token', '--public', '--refresh-window', '2 min'],
    ...['--redirect-uri', 'http://127.0.0.1/callback'],
  ])) as Made
  assert.deepEqual(Object.keys(made), ['client_id'])
  const shown = (await place.json(['clients', 'show', made.client_id])) as Record<string, unknown>
  assert.equal(shown['refresh_window'], 120)
  const refused = await place.run([...CREATE, '--grant-type', 'password', '--public', '--refresh-window', '3 min'])
  assertRefused(refused, 2, /--refresh-window .*at most "120 s"/)
})

test('a secret that programs know already is piped in, kept hashed and not printed', async (t) => {
  const place = await migrated(t)
  const parameters = [
    ...CREATE,
    '--grant-type',
    'password',
    '--id',
    'known-client',
    '--import-secret',
    '--no-id-as-api-key',
  ]
  const made = await place.run([...parameters, '--json'], { input: 'CLIENT_SECRET\n' })
  assert.deepEqual([made.status, JSON.parse(made.stdout)], [0, { client_id: 'known-client' }])
  assert.doesNotMatch(made.stdout + made.stderr, /CLIENT_SECRET/)
  const shown = (await place.json(['clients', 'show', 'known-client'])) as Record<string, unknown>
  assert.deepEqual(shown['secrets'], [{ kind: 'argon2id', expires_on: null }])
  assert.equal(shown['id_is_api_key'], false)
  assertRefused(await place.run(parameters, { input: 'CLIENT_SECRET\n' }), 1, /the client id is taken/)
})

test('a client is disabled once and for all, and an unknown one is told', async (t) => {
  const place = await migrated(t)
  const { client_id } = (await place.json([...CREATE, '--grant-type', 'password'])) as Made
  assert.deepEqual(await place.json(['clients', 'disable', client_id]), { client_id, active: false })
  assert.equal(((await place.json(['clients', 'show', client_id])) as { active: boolean }).active, false)
  assertRefused(await place.run(['clients', 'disable', 'nobody']), 1, /there is no client nobody/)
  assertRefused(await place.run(['clients', 'show', 'nobody']), 1, /there is no client nobody/)
})
