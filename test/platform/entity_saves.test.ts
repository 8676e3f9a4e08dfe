import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Account } from '#stores/records.ts'
import { entitiesOf, entityOf, FIRST_ORGANIZATION, openPlatform, type Call, type PersonOptions } from './fixture.ts'

const platform = await openPlatform()
const { call } = platform
const client = await platform.client({ scopes: ['manage:services'] })
const SCOPES = ['read:entities', 'write:entities']
const editing = async (options: PersonOptions & { readonly scopes?: readonly string[] } = {}) => {
  const account = await platform.person(options)
  return { account, bearer: await platform.tokenOf(account, client, { scopes: options.scopes ?? SCOPES }) }
}
const manager = await editing()
const FORM = 'application/x-www-form-urlencoded'

const form = (path: string, fields: string | Record<string, string>, more: Call = {}) =>
  call(path, {
    method: 'POST',
    bearer: manager.bearer,
    body: new URLSearchParams(fields).toString(),
    ...more,
    headers: { 'content-type': FORM, ...more.headers },
  })
const json = (path: string, members: unknown, more: Call = {}) =>
  call(path, {
    method: 'POST',
    bearer: manager.bearer,
    body: JSON.stringify(members),
    ...more,
    headers: { 'content-type': 'application/json', ...more.headers },
  })

const makeAgency = async (organization = FIRST_ORGANIZATION, name = 'Harbour') =>
  entityOf((await json('/api/v3.0/agencies', { name, organization_id: organization, status: true })).json())
const makeAdvertiser = async (agencyId: number, more: Record<string, unknown> = {}) => {
  const given = {
    name: 'Tea',
    agency_id: agencyId,
    domain: 'http://tea.example.com',
    vertical_id: 2,
    ad_server_id: 9,
    ...more,
  }
  return entityOf((await json('/api/v3.0/advertisers', given)).json())
}
const permit = (account: Account, entityId: number, access: 'r' | 'w') =>
  platform.store.accounts.create(
    {
      ...account,
      username: `${account.username} ${access}`,
      usernameKey: `${account.username} ${access}`,
      usernameSkeleton: `${account.username} ${access}`,
      abilities: { ...account.abilities, scope: 'SELECT' },
      id: account.id + 10_000,
    },
    [{ entityType: 'agency', entityId, access }],
  )

test('an agency is made at v2.0 by form and read at v3.0; an advertiser the other way round', async () => {
  const made = await form('/api/v2.0/agencies', {
    name: 'North',
    organization_id: '100001',
    status: 'on',
    entity_type: 'agency',
    api_key: 'k',
  })
  assert.equal(made.status, 200)
  const agency = entityOf(made.json())
  assert.deepEqual([agency['version'], agency['status'], agency['organization_id']], [0, true, 100_001])
  const read = entityOf((await call(`/api/v3.0/agencies/${agency.id}`, { bearer: manager.bearer })).json())
  assert.deepEqual(read, agency)

  const created = await json('/api/v3.0/advertisers', {
    name: 'Tea',
    agency_id: agency.id,
    domain: 'd',
    vertical_id: 2,
    ad_server_id: 9,
  })
  assert.equal(created.status, 201)
  const advertiser = entityOf(created.json())
  const again = entityOf((await call(`/api/v2.0/advertisers/${advertiser.id}`, { bearer: manager.bearer })).json())
  assert.deepEqual(again, advertiser)
  assert.equal(advertiser['organization_id'], 100_001)
})

test('a save must name the version that was read: the version rises by one, and whoever comes second is told the new one', async () => {
  const { id } = await makeAgency()
  const saved = await form(`/api/v2.0/agencies/${id}`, { version: '0', name: 'South', status: '0' })
  assert.equal(saved.status, 200)
  const { version, name, status, organization_id } = entityOf(saved.json())
  assert.deepEqual([version, name, status, organization_id], [1, 'South', false, FIRST_ORGANIZATION])

  for (const late of [
    await form(`/api/v2.0/agencies/${id}`, { version: '0', name: 'West' }),
    await json(`/api/v3.0/agencies/${id}`, { version: 0, name: 'West' }),
  ]) {
    assert.equal(late.status, 409)
    assert.match(late.json().errors![0]!.message, /^Version Conflict: the version is 1 now/)
  }
  assert.match(
    (await form(`/api/v2.0/agencies/${id}`, { version: '0' }, { accept: 'text/xml' })).text,
    /<status code="invalid">Version Conflict/,
  )
  const without = await form(`/api/v2.0/agencies/${id}`, { name: 'West' })
  assert.deepEqual([without.status, without.json().errors![0]!.field], [400, 'version'])
  assert.equal((await json(`/api/v3.0/agencies/${id}`, { version: 1, name: 'West' })).status, 200)

  const parallel = await Promise.all(
    Array.from({ length: 20 }, (_, n) => json(`/api/v3.0/agencies/${id}`, { version: 2, name: `n${n}` })),
  )
  assert.deepEqual(parallel.map((one) => one.status).toSorted(), [200, ...Array.from({ length: 19 }, () => 409)])
})

test('everything that is wrong is said at once, field by field, and nothing is saved', async () => {
  const wrong = {
    name: '',
    agency_id: 'x',
    domain: 'd'.repeat(1001),
    vertical_id: '0',
    ad_server_id: '1.5',
    status: 'maybe',
    dmp_enabled: 'often',
  }
  const v2 = await form('/api/v2.0/advertisers', wrong)
  assert.equal(v2.status, 400)
  const errors = v2.json().errors!
  assert.deepEqual(errors.map(({ field }) => field).toSorted(), [
    'ad_server_id',
    'agency_id',
    'dmp_enabled',
    'domain',
    'name',
    'status',
    'vertical_id',
  ])
  for (const { field, message } of errors) assert.ok(message.startsWith(`${field} `), message)
  const v3 = await json('/api/v3.0/advertisers', { ...wrong, name: null })
  assert.deepEqual(
    v3
      .json()
      .errors!.map(({ field, message }) => [field, message])
      .toSorted(),
    errors.map(({ field, message }) => [field, message]).toSorted(),
  )
  assert.match(
    (await form('/api/v2.0/advertisers', wrong, { accept: 'text/xml' })).text,
    /<field-error name="agency_id" error="agency_id must be a whole number" \/>/,
  )

  const { id } = await makeAgency()
  const moved = await json(`/api/v3.0/agencies/${id}`, {
    version: 0,
    organization_id: 100_002,
    id: 7,
    name: 'Elsewhere',
  })
  assert.deepEqual(
    moved.json().errors!.map(({ message }) => message),
    ['id is not writable', 'organization_id is not writable'],
  )
  const same = await json(`/api/v3.0/agencies/${id}`, {
    version: 0,
    organization_id: FIRST_ORGANIZATION,
    id,
    created_on: 'whatever',
    name: 'Here',
  })
  assert.equal(same.status, 200)
})

test('an empty value unsets a field, an absent one leaves it, and a required one cannot be unset', async () => {
  const { id: agencyId } = await makeAgency()
  const { id } = await makeAdvertiser(agencyId, { frequency_type: 'even', frequency_interval: 'day' })
  const saved = entityOf((await form(`/api/v2.0/advertisers/${id}`, { version: '0', frequency_type: '' })).json())
  assert.deepEqual(
    [saved['frequency_type'], saved['frequency_interval'], saved['domain']],
    [undefined, 'day', 'http://tea.example.com'],
  )
  assert.equal((await json(`/api/v3.0/advertisers/${id}`, { version: 1, domain: null })).status, 400)
})

test('a list of an organization is sent by form under one name, and by JSON as a list', async () => {
  const { bearer } = await editing({ role: 'ADMIN', type: 'INTERNAL' })
  const path = `/api/v2.0/organizations/${FIRST_ORGANIZATION + 40}`
  const body = 'version=3&org_type=buyer&org_type=partner&org_type=buyer'
  const saved = await call(path, { method: 'POST', bearer, body, headers: { 'content-type': FORM } })
  assert.deepEqual(entityOf(saved.json())['org_type'], ['buyer', 'partner'])
  const json3 = await json(path.replace('v2.0', 'v3.0'), { version: 4, org_type: ['partner'] }, { bearer })
  assert.deepEqual(entityOf(json3.json())['org_type'], ['partner'])
  assert.equal((await json(path.replace('v2.0', 'v3.0'), { version: 5, org_type: ['seller'] }, { bearer })).status, 400)
})

test('who may only look saves nothing: by scope, role, permission and chosen organization', async () => {
  const { id } = await makeAgency(FIRST_ORGANIZATION + 3)
  const save = (bearer: string) => json(`/api/v3.0/agencies/${id}`, { version: 0, name: 'Taken' }, { bearer })
  const reader = await editing({ scopes: ['read:entities'] })
  assert.deepEqual(
    [(await save(reader.bearer)).status, (await save(reader.bearer)).json().errors![0]!.code],
    [403, 'insufficient-scope'],
  )
  const reporter = await editing({ role: 'REPORTER' })
  assert.equal((await save(reporter.bearer)).json().errors![0]!.code, 'permission-denied')

  const seer = await permit(manager.account, id, 'r')
  const bySeer = await platform.tokenOf(seer, client, { scopes: SCOPES })
  assert.equal((await call(`/api/v3.0/agencies/${id}`, { bearer: bySeer })).status, 200)
  const refused = await save(bySeer)
  assert.deepEqual([refused.status, refused.json().errors![0]!.code], [403, 'permission-denied'])
  assert.equal(
    (
      await json(
        '/api/v3.0/advertisers',
        { name: 'x', agency_id: id, domain: 'd', vertical_id: 1, ad_server_id: 1 },
        { bearer: bySeer },
      )
    ).json().errors![0]!.field,
    'agency_id',
  )

  const stranger = await editing({ scope: 'SELECT', organizations: [FIRST_ORGANIZATION] })
  assert.equal((await save(stranger.bearer)).status, 404)
  assert.equal((await save(manager.bearer)).status, 200)
  const history = await platform.store.entities.listChanges('agency', id, { limit: 5, offset: 0 })
  assert.deepEqual(
    history.map(({ version, accountId, clientId }) => [version, accountId, clientId]),
    [
      [1, manager.account.id, client.id],
      [0, manager.account.id, client.id],
    ],
  )
})

test('fields for the platform’s own staff are neither shown to, nor found nor set by others', async () => {
  const staff = await editing({ role: 'ADMIN', type: 'INTERNAL' })
  const id = FIRST_ORGANIZATION + 41
  const level = (bearer: string, value: number, version: number) =>
    json(`/api/v3.0/organizations/${id}`, { version, suspicious_traffic_filter_level: value }, { bearer })
  assert.equal(entityOf((await level(manager.bearer, 99, 3)).json())['suspicious_traffic_filter_level'], undefined)
  assert.equal(entityOf((await level(staff.bearer, 30, 4)).json())['suspicious_traffic_filter_level'], 30)
  const query = '/api/v3.0/organizations?q=suspicious_traffic_filter_level==30'
  assert.equal((await call(query, { bearer: manager.bearer })).status, 400)
  assert.deepEqual(
    entitiesOf((await call(query, { bearer: staff.bearer })).json()).map((one) => one.id),
    [id],
  )
})

test('a page of another site cannot save by the cookie that the browser sends; the platform’s libraries can', async () => {
  const { id } = await makeAgency()
  const session = (await call('/api/v2.0/session', { bearer: manager.bearer })).cookie()!
  const byCookie = (headers: Record<string, string>, version: string) =>
    form(`/api/v2.0/agencies/${id}`, { version, name: 'Cookie' }, { bearer: undefined, session, headers })
  assert.equal((await byCookie({ origin: 'https://evil.example' }, '0')).status, 403)
  assert.equal((await byCookie({ 'sec-fetch-site': 'cross-site' }, '0')).status, 403)
  assert.equal((await byCookie({}, '0')).status, 200)
})

test('what cannot be read is refused, not half of it saved', async () => {
  const { id } = await makeAgency()
  const path = `/api/v3.0/agencies/${id}`
  const raw = (body: string, type = 'application/json') =>
    call(path, { method: 'POST', bearer: manager.bearer, body, headers: { 'content-type': type } })
  for (const body of [
    '',
    '[]',
    '{"version":0',
    '{"version":0,"name":"a","name":"b"}',
    '{"version":0,"name":{"x":1}}',
    '{"version":0,"name":"a\\u0000"}',
    '{"version":0,"name":[["a"]]}',
  ])
    assert.equal((await raw(body)).status, 400, body)
  assert.equal((await raw('version=0&name=x', FORM)).status, 400)
  assert.equal((await raw('{"version":0,"name":"fine"}')).status, 200)
  assert.equal(
    (
      await call(path.replace('v3.0', 'v2.0'), {
        method: 'POST',
        bearer: manager.bearer,
        body: 'version=1&name=a&name=b',
        headers: { 'content-type': FORM },
      })
    ).status,
    400,
  )
})
