import type { Shown } from '#platform/entities.ts'
import { invalidField } from '#platform/errors.ts'
import { readForm, type Parameters } from '#protocol/parameters.ts'
import type { EntityType } from '#stores/records.ts'
import { ENTITY_SORT_FIELDS, type EntitySort } from '#stores/store.ts'

export type ListParameters = {
  readonly limit: number
  readonly offset: number
  readonly sort: EntitySort
  readonly shown: Shown
  /** All as they were sent, for the link to the next page. */
  readonly sent: Parameters
}

const DEFAULT_LIMIT = 100
const LARGEST_LIMIT = 1000
/** More rows than any table here has, and within the integers of every database. */
const LARGEST_OFFSET = 2 ** 31 - 1

/** They say which entities are meant. Who sends one and is answered as if not would take other entities for those. */
const NOT_SERVED = ['q', 'with', 'limit', 'parent'] as const

const wholeNumber = (sent: Parameters, field: string, fallback: number, least: number, most: number): number => {
  const text = sent.get(field)
  if (text === undefined) return fallback
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN
  if (value >= least && value <= most) return value
  throw invalidField(field, `${field} must be a whole number from ${least} to ${most}`)
}

const sortOf = (text: string): EntitySort => {
  const descending = text.startsWith('-')
  const field = ENTITY_SORT_FIELDS.find((name) => name === text.slice(descending ? 1 : 0))
  if (field !== undefined) return { field, descending }
  throw invalidField(
    'sort_by',
    `sort_by must be one of ${ENTITY_SORT_FIELDS.flatMap((name) => [name, `-${name}`]).join(', ')}`,
  )
}

/** `*` and the type's own name (as t1-python sends it) ask for everything; other names, for these fields where they are set. */
const shownBy = (full: string | undefined, type: EntityType): Shown => {
  if (full === undefined) return { kind: 'none' }
  const names = new Set(full.split(',').map((name) => name.trim()))
  return names.has('*') || names.has(type) ? { kind: 'all' } : { kind: 'some', names }
}

/**
 * Parameters of a list. Those that are unknown change nothing and are ignored, as clients send many.
 * @throws {PlatformError} `invalid-field`; {OAuthError} for a query that cannot be read
 */
export const readListParameters = (query: string, type: EntityType): ListParameters => {
  const sent = readEntityParameters(query)
  return {
    limit: wholeNumber(sent, 'page_limit', DEFAULT_LIMIT, 1, LARGEST_LIMIT),
    offset: wholeNumber(sent, 'page_offset', 0, 0, LARGEST_OFFSET),
    sort: sortOf(sent.get('sort_by') ?? 'id'),
    shown: shownBy(sent.get('full'), type),
    sent,
  }
}

/** Parameters of one entity: none are needed, and it is always shown whole. */
export const readEntityParameters = (query: string): Parameters => {
  const sent = readForm(query)
  const asked = NOT_SERVED.find((name) => sent.has(name))
  if (asked !== undefined) throw invalidField(asked, `${asked} is not served here: leave it out`)
  return sent
}

/** The same request for the page after this one; `undefined` on the last, where clients stop because it is absent. */
export const findNextPage = (
  url: string,
  { sent, limit, offset }: ListParameters,
  total: number,
): string | undefined => {
  if (offset + limit >= total) return undefined
  // The page comes first: the platform's Node.js library hangs `?api_key=…` on the link, which then ends up in the last value.
  const rest = [...sent].filter(([name]) => name !== 'page_limit' && name !== 'page_offset' && name !== 'api_key')
  const key = sent.get('api_key')
  const query = new URLSearchParams([
    ['page_limit', String(limit)],
    ['page_offset', String(offset + limit)],
    ...rest,
    ...(key === undefined ? [] : [['api_key', key]]),
  ])
  return `${url}?${query.toString()}`
}
