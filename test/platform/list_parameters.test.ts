import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findNextPage, readListParameters } from '#platform/list_parameters.ts'
import { PlatformError } from '#platform/errors.ts'
import { organizations } from '#platform/organizations.ts'
import { OAuthError } from '#protocol/errors.ts'

const read = (query: string) => readListParameters(query, organizations, false)

test('a list has 100 entities from the first, by id, and their names alone', () => {
  const { sent, ...rest } = read('')
  assert.deepEqual(rest, {
    ...{ limit: 100, offset: 0, sort: { field: 'id', descending: false }, shown: { kind: 'none' } },
    ...{ filters: [], related: [] },
  })
  assert.equal(sent.size, 0)
})

test('what the platform’s libraries send is read', () => {
  const { limit, offset } = read('&page_limit=10&page_offset=20&get_all=true&api_key=noapikey&session_id=x&unknown=1')
  assert.deepEqual({ limit, offset }, { limit: 10, offset: 20 })
  assert.deepEqual(read('sort_by=-name').sort, { field: 'name', descending: true })
  assert.equal(read('page_limit=&sort_by=').limit, 100)
})

test('full asks for everything, or for the fields that it names', () => {
  assert.deepEqual(read('full=*').shown, { kind: 'all' })
  assert.deepEqual(read('full=%2A').shown, { kind: 'all' })
  assert.deepEqual(read('full=organization').shown, { kind: 'all' })
  assert.deepEqual(read('full=status,%20zip').shown, { kind: 'some', names: new Set(['status', 'zip']) })
})

for (const [query, field] of [
  ['page_limit=0', 'page_limit'],
  ['page_limit=1001', 'page_limit'],
  ['page_limit=ten', 'page_limit'],
  ['page_limit=1e2', 'page_limit'],
  ['page_limit=-1', 'page_limit'],
  ['page_limit=+5', 'page_limit'],
  ['page_limit=5.0', 'page_limit'],
  ['page_offset=-1', 'page_offset'],
  ['page_offset=99999999999', 'page_offset'],
  ['page_offset=2147483648', 'page_offset'],
  ['sort_by=version', 'sort_by'],
  ['sort_by=--id', 'sort_by'],
  ['sort_by=id;drop', 'sort_by'],
  ['q=name', 'q'],
  ['q=nobody==x', 'q'],
  ['q=id==x', 'q'],
  ['q=status<1', 'q'],
  ['q=version=:1', 'q'],
  ['q=suspicious_traffic_filter_level==25', 'q'],
  [`q=${'id==1%26'.repeat(21)}`, 'q'],
  ['with=agency', 'with'],
  ['parent=1', 'parent'],
] as const) {
  test(`${query} is refused, and the field is named`, () => {
    assert.throws(
      () => read(query),
      (error) =>
        error instanceof PlatformError && error.code === 'invalid-field' && error.details.fields?.[0]?.field === field,
    )
  })
}

test('a query that can be read in two ways is refused', () => {
  for (const query of ['page_limit=1&page_limit=2', 'page_limit=%ZZ', 'page_limit=%FF', 'x=%00']) {
    assert.throws(() => read(query), OAuthError, query)
  }
})

test('the next page keeps the whole query, and there is none after the last', () => {
  const next = (query: string, total: number) => findNextPage('https://a.example/x', read(query), total)
  assert.equal(
    next('api_key=k&page_limit=10&sort_by=-id&full=*', 25),
    'https://a.example/x?page_limit=10&page_offset=10&sort_by=-id&full=*&api_key=k',
  )
  assert.equal(next('page_offset=10&page_limit=10', 21), 'https://a.example/x?page_limit=10&page_offset=20')
  assert.equal(next('page_offset=10&page_limit=10', 20), undefined)
  assert.equal(next('page_offset=500', 20), undefined)
  assert.equal(next('', 0), undefined)
  assert.equal(next('', 101), 'https://a.example/x?page_limit=100&page_offset=100')
  // One client cuts `meta` out of the text by its braces.
  assert.doesNotMatch(next('x={"}\\', 101)!, /[{}"\\]/)
})
