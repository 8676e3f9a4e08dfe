import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NewEntity } from '#stores/store.ts'
import { entitiesOf, FIRST_ORGANIZATION, openPlatform } from './fixture.ts'

const platform = await openPlatform()
const { call } = platform
const client = await platform.client({ scopes: ['manage:services'] })
const person = await platform.person()
const bearer = await platform.tokenOf(person, client)

/** Two agencies below each of the first five organizations, two advertisers below each agency. */
const tree: readonly NewEntity[] = Array.from({ length: 5 }, (_, o) => FIRST_ORGANIZATION + o).flatMap(
  (organizationId) =>
    [0, 1].flatMap((a): NewEntity[] => {
      const agencyId = (organizationId - FIRST_ORGANIZATION) * 10 + a + 1
      const agency: NewEntity = {
        type: 'agency',
        id: agencyId,
        organizationId,
        agencyId,
        name: `Agency ${agencyId}`,
        version: 0,
        fields: { status: a === 0 },
      }
      return [
        agency,
        ...[0, 1].map((b): NewEntity => {
          const id = agencyId * 10 + b
          const fields = { status: b === 0, domain: `http://${id}.example.com`, vertical_id: 1 + (id % 3) }
          return { ...agency, type: 'advertiser', id, advertiserId: id, name: `Advertiser ${id}`, fields }
        }),
      ]
    }),
)
await platform.store.entities.add(tree)

const list = async (target: string, version = 'v2.0') => {
  const reply = await call(`/api/${version}/${target}`, { bearer })
  assert.equal(reply.status, 200, `${target}: ${reply.text}`)
  return reply.json()
}
const ids = async (target: string): Promise<number[]> => entitiesOf(await list(target)).map(({ id }) => id)

test('q compares: equal, unequal, less, more, contains, one of, not set, several at once', async () => {
  for (const [q, expected] of [
    ['id==11', [11]],
    ['(10,11,4711)', [10, 11]],
    ['id==(10,21)', [10, 21]],
    ['id>=431&status==1', []],
    ['&id>410&status==true', [420]],
    ['agency_id==1&status!=1', [11]],
    ['name=:*ser 11', [11]],
    ['name=:SER 11', [11, 110, 111]],
    ['ad_server_id!=null', []],
    ['id<21&ad_server_id==null', [10, 11, 20]],
    ['domain==http://10.example.com', [10]],
    ['vertical_id==2&id<=20', [10]],
    ['name==Adv%25', []],
    ['created_on<2000-01-01T00:00:00', []],
    ['id<12&created_on>2000-01-01', undefined],
  ] as const) {
    const target = `advertisers?page_limit=1000&q=${encodeURIComponent(q)}`
    if (expected === undefined) assert.equal((await call(`/api/v2.0/${target}`, { bearer })).status, 400, q)
    else assert.deepEqual(await ids(target), expected, q)
  }
})

test('a branch is named by path, by parent, or by a field: three ways to one list', async () => {
  assert.deepEqual(await ids('advertisers/limit/agency=21'), [210, 211])
  assert.deepEqual(await ids('advertisers/limit/agency.organization=100001'), [110, 111, 120, 121])
  assert.deepEqual(await ids('advertisers/limit/organization=100001'), [110, 111, 120, 121])
  assert.deepEqual(await ids('advertisers?parent=21'), [210, 211])
  assert.deepEqual(await ids('advertisers?q=agency_id%3D%3D21'), [210, 211])
  assert.deepEqual(await ids('advertisers/limit/agency=4711'), [])
  for (const path of [
    'advertisers/limit/campaign=1',
    'advertisers/limit/organization.agency=1',
    'agencies/limit/agency=1',
    'agencies/limit/organization',
    'agencies/limit/organization=0',
  ])
    assert.equal((await call(`/api/v2.0/${path}`, { bearer })).status, 400, path)
  const paged = await list('advertisers/limit/agency=21?page_limit=1&full=*')
  assert.match(
    paged.meta.next_page!,
    /\/api\/v2\.0\/advertisers\/limit\/agency=21\?page_limit=1&page_offset=1&full=\*$/,
  )
})

test('with shows what an entity hangs below, as far as the caller sees it', async () => {
  const [first] = entitiesOf(await list('advertisers?q=id%3D%3D10&with=agency,organization&with=organization'))
  assert.deepEqual(first, {
    ...{ entity_type: 'advertiser', name: 'Advertiser 10', id: 10 },
    agency: {
      ...{ entity_type: 'agency', name: 'Agency 1', id: 1 },
      organization: { entity_type: 'organization', name: 'Organization One', id: FIRST_ORGANIZATION },
    },
    organization: { entity_type: 'organization', name: 'Organization One', id: FIRST_ORGANIZATION },
  })
  const xml = (await call('/api/v2.0/advertisers/10?with=agency', { bearer, accept: '*/*' })).text
  assert.match(
    xml,
    /<entity name="Advertiser 10" id="10" type="advertiser" version="0"><entity name="Agency 1" id="1" type="agency" rel="agency" \/><prop /,
  )
  const paged = await list('advertisers?page_limit=1&with=agency&with=organization')
  assert.match(paged.meta.next_page!, /with=agency&with=organization$/)

  const seer = await platform.store.accounts.create(
    {
      ...person,
      username: 'seer',
      usernameKey: 'seer',
      usernameSkeleton: 'seer',
      abilities: { ...person.abilities, scope: 'SELECT' },
      id: 70_000,
    },
    [{ entityType: 'advertiser', entityId: 10, access: 'r' }],
  )
  const bySeer = await platform.tokenOf(seer, client)
  const alone = await call('/api/v3.0/advertisers/10?with=agency', { bearer: bySeer })
  assert.equal((alone.json().data as { agency?: unknown }).agency, undefined)
  assert.equal((await call('/api/v3.0/agencies/1', { bearer: bySeer })).status, 404)
})

test('v2.0 and v3.0 answer one question alike, in JSON and XML, whatever is asked', async () => {
  const condition = fc.oneof(
    fc.record({
      field: fc.constantFrom('id', 'agency_id', 'vertical_id', 'organization_id'),
      operator: fc.constantFrom('==', '!=', '<', '<=', '>', '>='),
      value: fc.oneof(
        fc.integer({ min: 0, max: 120 }),
        fc.integer({ min: FIRST_ORGANIZATION, max: FIRST_ORGANIZATION + 4 }),
      ),
    }),
    fc.record({
      field: fc.constant('name'),
      operator: fc.constantFrom('==', '!=', '=:', '<'),
      value: fc.constantFrom('Advertiser 10', '*1', 'ser 1', 'z', '*'),
    }),
    fc.record({
      field: fc.constantFrom('status', 'ad_server_id'),
      operator: fc.constantFrom('==', '!='),
      value: fc.constantFrom('1', '0', 'null'),
    }),
  )
  const asked = fc.record({
    collection: fc.constantFrom('advertisers', 'agencies'),
    conditions: fc.array(condition, { maxLength: 3 }),
    sort: fc.constantFrom('id', '-id', 'name', '-name'),
    limit: fc.integer({ min: 1, max: 30 }),
    offset: fc.integer({ min: 0, max: 12 }),
    full: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(asked, async ({ collection, conditions, sort, limit, offset, full }) => {
      const q = conditions.map(({ field, operator, value }) => `${field}${operator}${value}`).join('&')
      const query = new URLSearchParams({
        page_limit: String(limit),
        page_offset: String(offset),
        sort_by: sort,
        q,
        ...(full ? { full: '*' } : {}),
      })
      const replies = await Promise.all(
        ['v2.0', 'v3.0'].map((version) => call(`/api/${version}/${collection}?${query}`, { bearer })),
      )
      const xml = await call(`/api/v2.0/${collection}?${query}`, { bearer, accept: 'text/xml' })
      const [v2, v3] = replies.map((reply) => reply.json())
      assert.deepEqual(
        replies.map(({ status }) => status),
        [xml.status, xml.status],
        query.toString(),
      )
      if (xml.status !== 200) return
      assert.deepEqual(v2!.data, v3!.data)
      assert.deepEqual([v2!.meta.count, v2!.meta.total_count], [v3!.meta.count, v3!.meta.total_count])
      assert.equal(Number(/<entities count="(\d+)"/.exec(xml.text)![1]), v3!.meta.total_count)
      assert.deepEqual(
        [...xml.text.matchAll(/<entity name="[^"]*" id="(\d+)"/g)].map(([, id]) => Number(id)),
        entitiesOf(v3!).map(({ id }) => id),
      )
    }),
    { numRuns: 150 },
  )
})
