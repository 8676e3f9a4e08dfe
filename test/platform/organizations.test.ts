import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { bareTime, spacedTime, timeWithOffset } from '#platform/dates.ts'
import {
  API_URL,
  entitiesOf,
  entityOf,
  FIRST_ORGANIZATION,
  MEDIA_TYPE,
  openPlatform,
  ORGANIZATIONS,
  type Call,
} from './fixture.ts'

const platform = await openPlatform()
const { call, person, client, tokenOf } = platform
const app = await client()
const manager = await person()
const reporter = await person({ role: 'REPORTER', scope: 'SELECT', organizations: [100_000, 100_001, 100_002] })
const colleague = await person({ type: 'INTERNAL' })
const bearer = await tokenOf(manager, app)
const reporters = await tokenOf(reporter, app)
const colleagues = await tokenOf(colleague, app)

// The clock that `called_on` shows stands still, so that a whole body can be compared.
const now = platform.clock()
const { entities } = await platform.store.entities.list(
  'organization',
  { kind: 'all', within: 'all' },
  { limit: 1, offset: 0, sort: { field: 'id', descending: false } },
)
const { createdAt } = entities[0]!
const XML = { accept: undefined }
/** Takes the one thing out of a body that depends on the moment. */
const withoutMoment = (text: string): string =>
  text
    .replace(/"called_on":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000"/, '"called_on":"NOW"')
    .replace(/called_on="\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.00000\+00"/, 'called_on="NOW"')
const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex')

const get = (target: string, more: Call = {}) => call(target, { bearer, ...more })

test('golden: the list at v2.0 as JSON', async () => {
  const reply = await get('/api/v2.0/organizations?api_key=K&page_limit=2')
  const data =
    '[{"entity_type":"organization","name":"Organization One","id":100000},' +
    '{"entity_type":"organization","name":"Organization Two","id":100001}]'
  assert.equal(reply.status, 200)
  assert.equal(reply.contentType, MEDIA_TYPE)
  assert.equal(
    withoutMoment(reply.text),
    `{"data":${data},"meta":{"next_page":"${API_URL}api/v2.0/organizations?page_limit=2&page_offset=2&api_key=K",` +
      `"etag":"${sha1(data)}","count":2,"called_on":"NOW","status":"ok","offset":0,"total_count":100}}`,
  )
})

test('golden: the list at v2.0 as XML, which is what a program gets that says nothing', async () => {
  const reply = await get('/api/v2.0/organizations?page_limit=2&page_offset=98', XML)
  assert.equal(reply.status, 200)
  assert.equal(reply.contentType, 'text/xml; charset=UTF-8')
  assert.equal(
    withoutMoment(reply.text),
    `<?xml version='1.0' ?>\n<result called_on="NOW"><entities count="100" start="98">` +
      `<entity name="Organization 99" id="100098" type="organization" />` +
      `<entity name="Organization 100" id="100099" type="organization" />` +
      `</entities><status code="ok" /></result>`,
  )
})

test('golden: one organization at v2.0 as JSON', async () => {
  const reply = await get('/api/v2.0/organizations/100000')
  const time = timeWithOffset(createdAt)
  const data =
    '{"entity_type":"organization","name":"Organization One","id":100000,"version":3,"status":true,' +
    '"org_type":["buyer","partner"],"address_1":"4 World Trade Center","mm_contact_name":"A colleague","terminated":false,"adx_seat_account_id":139299155,' +
    `"created_on":"${time}","updated_on":"${time}"}`
  assert.equal(
    withoutMoment(reply.text),
    `{"data":${data},"meta":{"etag":"${sha1(data)}","called_on":"NOW","status":"ok"}}`,
  )
})

test('golden: one organization at v2.0 as XML', async () => {
  const reply = await get('/api/v2.0/organizations/100000', XML)
  const time = bareTime(createdAt)
  assert.equal(
    withoutMoment(reply.text),
    `<?xml version='1.0' ?>\n<result called_on="NOW">` +
      `<entity name="Organization One" id="100000" type="organization" version="3">` +
      `<prop name="status" value="1" /><prop name="org_type" value="buyer" /><prop name="org_type" value="partner" />` +
      `<prop name="address_1" value="4 World Trade Center" /><prop name="mm_contact_name" value="A colleague" /><prop name="terminated" value="0" />` +
      `<prop name="adx_seat_account_id" value="139299155" />` +
      `<prop name="created_on" value="${time}" /><prop name="updated_on" value="${time}" />` +
      `</entity><status code="ok" /></result>`,
  )
})

test('golden: the list at v3.0 has the shape of the guide, whatever Accept says', async () => {
  for (const accept of [undefined, 'application/xml', 'application/json', MEDIA_TYPE]) {
    const reply = await call('/api/v3.0/organizations', { bearer: reporters, accept })
    assert.equal(reply.contentType, 'application/json')
    assert.equal(
      reply.text,
      '{"data":[{"id":100000,"name":"Organization One","entity_type":"organization"},' +
        '{"id":100001,"name":"Organization Two","entity_type":"organization"},' +
        '{"id":100002,"name":"Organization Three","entity_type":"organization"}],' +
        '"meta":{"count":3,"total_count":3,"offset":0,"status":"success"}}',
    )
  }
})

test('golden: one organization at v3.0', async () => {
  const time = timeWithOffset(createdAt)
  assert.equal(
    (await get('/api/v3.0/organizations/100001')).text,
    '{"data":{"id":100001,"name":"Organization Two","entity_type":"organization","version":3,"status":true,' +
      '"address_1":"4 World Trade Center","mm_contact_name":"A colleague","terminated":false,"adx_seat_account_id":139299156,' +
      `"created_on":"${time}","updated_on":"${time}"},"meta":{"status":"success"}}`,
  )
})

test('called_on is now, in the form of each format', async () => {
  const json = (await get('/api/v2.0/organizations')).json().meta.called_on
  const [, xml] = /called_on="([^"]*)"/.exec((await get('/api/v2.0/organizations', XML)).text) ?? []
  const moments = [0, 1, 2, 3, 4, 5].map((more) => (now + more) as typeof now)
  assert.ok(moments.map(timeWithOffset).includes(json!), String(json))
  assert.ok(moments.map(spacedTime).includes(xml!), String(xml))
})

test('a page is followed by the next until none is named, at v2.0', async () => {
  const seen: number[] = []
  let target: string | undefined = '/api/v2.0/organizations?page_limit=30&sort_by=-id'
  while (target !== undefined) {
    const body = (await get(target)).json()
    seen.push(...entitiesOf(body).map(({ id }) => id))
    assert.equal(body.meta.total_count, ORGANIZATIONS)
    target = body.meta.next_page?.replace(API_URL, '/')
  }
  const ids = Array.from({ length: ORGANIZATIONS }, (_, n) => FIRST_ORGANIZATION + n)
  assert.deepEqual(seen, ids.toReversed())
})

test('the last page names no next one, also where nothing is left', async () => {
  for (const target of ['?page_offset=90&page_limit=10', '?page_offset=100', '?page_limit=100']) {
    assert.equal('next_page' in (await get(`/api/v2.0/organizations${target}`)).json().meta, false)
  }
  const empty = (await get('/api/v2.0/organizations?page_offset=5000')).json()
  assert.deepEqual([empty.data, empty.meta.count, empty.meta.total_count], [[], 0, 100])
})

test('sort_by orders by name too, and full=* shows everything that one organization shows', async () => {
  const [first] = entitiesOf((await get('/api/v2.0/organizations?sort_by=-name&page_limit=1')).json())
  assert.equal(first!.name, 'Organization Two')
  const [whole] = entitiesOf((await get('/api/v2.0/organizations?full=*&page_limit=1')).json())
  assert.deepEqual(whole, entityOf((await get('/api/v2.0/organizations/100000')).json()))
  const [part] = entitiesOf((await get('/api/v3.0/organizations?full=version,created_on,nothing&page_limit=1')).json())
  assert.deepEqual(Object.keys(part!), ['id', 'name', 'entity_type', 'version', 'created_on'])
  const xml = (await get('/api/v2.0/organizations?full=status&page_limit=1', XML)).text
  assert.match(xml, /<entity name="Organization One" id="100000" type="organization"><prop name="status" value="1" \/>/)
})

test('no entity has an empty list or null, and no success has a list of errors', async () => {
  for (const target of ['/api/v2.0/organizations?full=*&page_limit=3', '/api/v3.0/organizations?full=*&page_limit=3']) {
    const { text } = await get(target)
    assert.doesNotMatch(text, /\[\]|null|"errors"/)
  }
})

test('internal fields are shown to the platform’s own people alone, in every way to ask', async () => {
  const targets = [
    '/api/v2.0/organizations/100000',
    '/api/v3.0/organizations/100000',
    '/api/v2.0/organizations?full=*',
    '/api/v2.0/organizations?full=mm_contact_name,suspicious_traffic_filter_level',
  ]
  for (const target of targets) {
    for (const { accept } of [XML, { accept: MEDIA_TYPE }]) {
      assert.doesNotMatch((await call(target, { bearer, accept })).text, /suspicious_traffic/)
      assert.match((await call(target, { bearer: colleagues, accept })).text, /mm_contact_name.*suspicious_traffic/)
    }
  }
})

test('what a caller may not see is answered as what does not exist', async () => {
  for (const version of ['v2.0', 'v3.0']) {
    const answers = await Promise.all(
      ['100003', '999999', '0', '-1', '1e5', 'x', '0100000', '100000.0', '9'.repeat(16), '9'.repeat(400)].map((id) =>
        call(`/api/${version}/organizations/${id}`, { bearer: reporters }),
      ),
    )
    const words = answers.map(({ status, text, reply }) => ({ status, text: withoutMoment(text), ...reply.headers }))
    for (const answer of words) assert.deepEqual(answer, words[0])
    assert.equal(words[0]!.status, 404)
  }
  assert.equal((await call('/api/v2.0/organizations/100002', { bearer: reporters })).status, 200)
})

test('golden: nothing found, in each format', async () => {
  const target = '/api/v2.0/organizations/1'
  assert.equal(
    withoutMoment((await get(target)).text),
    '{"errors":[{"message":"Not found"}],"meta":{"called_on":"NOW","status":"not_found"}}',
  )
  assert.equal(
    withoutMoment((await get(target, XML)).text),
    `<?xml version='1.0' ?>\n<result called_on="NOW"><error>Not found</error><errors>Not found</errors>` +
      `<status code="not_found">Not found</status></result>`,
  )
  assert.equal(
    (await get('/api/v3.0/organizations/1')).text,
    '{"errors":[{"code":"not-found","message":"Not found"}],"meta":{"status":"error"}}',
  )
})

test('golden: a wrong parameter, in each format', async () => {
  const message = 'page_limit must be a whole number from 1 to 1000'
  const json = await get('/api/v2.0/organizations?page_limit=many')
  assert.equal(json.status, 400)
  assert.equal(
    withoutMoment(json.text),
    `{"errors":[{"type":"field-error","message":"${message}","field":"page_limit"}],"meta":{"called_on":"NOW","status":"invalid"}}`,
  )
  assert.equal(
    withoutMoment((await get('/api/v2.0/organizations?page_limit=many', XML)).text),
    `<?xml version='1.0' ?>\n<result called_on="NOW"><errors><field-error name="page_limit" error="${message}" /></errors>` +
      `<status code="invalid">Validation errors</status></result>`,
  )
  assert.equal(
    (await get('/api/v3.0/organizations?page_limit=many')).text,
    `{"errors":[{"code":"invalid-field","field":"page_limit","message":"${message}"}],"meta":{"status":"error"}}`,
  )
})

test('a search that cannot be read is refused rather than answered with everything', async () => {
  for (const target of ['/api/v2.0/organizations?q=id=5', '/api/v3.0/organizations/100000?with=agency']) {
    assert.equal((await get(target)).status, 400)
  }
})

test('nothing keeps an answer, and a cache that does keeps callers and formats apart', async () => {
  for (const [target, vary] of [
    ['/api/v2.0/organizations', 'Accept, Authorization, Cookie'],
    ['/api/v3.0/organizations', 'Authorization, Cookie'],
    ['/api/v3.0/organizations/1', 'Authorization, Cookie'],
  ] as const) {
    const reply = await get(target)
    assert.equal(reply.header('cache-control'), 'no-store, private')
    assert.equal(reply.header('vary'), vary)
  }
})

test('v3.0 takes a bearer token, v2.0 either', async () => {
  const session = (await call('/api/v2.0/session', { bearer })).cookie()!
  assert.equal((await call('/api/v2.0/organizations', { session })).status, 200)
  assert.equal((await call('/api/v3.0/organizations', { session, bearer })).status, 200)
  const alone = await call('/api/v3.0/organizations', { session })
  assert.equal(alone.status, 401)
  assert.equal(alone.json().errors![0]!.code, 'token-required')
})
