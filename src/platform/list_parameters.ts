import type { EntityKind, Shown } from '#platform/entities.ts'
import { invalidField } from '#platform/errors.ts'
import { readFilters } from '#platform/filters.ts'
import { invalidRequest } from '#protocol/errors.ts'
import { readFormValues } from '#protocol/parameters.ts'
import { ENTITY_TYPES, type EntityType } from '#stores/records.ts'
import { ENTITY_SORT_FIELDS, type EntityFilter, type EntitySort } from '#stores/store.ts'

/** All that was sent, name by name. */
type Sent = ReadonlyMap<string, readonly string[]>

/** What is shown with an entity: each chain goes up from it, as `advertiser,agency` from a campaign. */
export type Chains = readonly (readonly EntityType[])[]

export type ListParameters = {
  readonly limit: number
  readonly offset: number
  readonly sort: EntitySort
  readonly shown: Shown
  readonly filters: readonly EntityFilter[]
  readonly related: Chains
  /** For the link to the next page. */
  readonly sent: Sent
}

const DEFAULT_LIMIT = 100
const LARGEST_LIMIT = 1000
/** More rows than any table here has, and within the integers of every database. */
const LARGEST_OFFSET = 2 ** 31 - 1
const MOST_RELATED = 10

/** @throws {OAuthError} `invalid_request` for a query that cannot be read in one way: only `with` may be repeated */
const readQuery = (query: string): Sent => {
  const sent = readFormValues(query)
  for (const [name, values] of sent) {
    if (values.length > 1 && name !== 'with')
      throw invalidRequest(`parameter ${JSON.stringify(name.slice(0, 64))} is repeated`)
  }
  return sent
}

const find = (sent: Sent, name: string): string | undefined => sent.get(name)?.find((value) => value !== '')

const wholeNumber = (sent: Sent, field: string, fallback: number, least: number, most: number): number => {
  const text = find(sent, field)
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

/** The types above this one, the nearest first. */
const ancestorsOf = (type: EntityType): readonly EntityType[] =>
  ENTITY_TYPES.slice(0, ENTITY_TYPES.indexOf(type)).toReversed()

const isAbove = (type: EntityType, other: string | undefined): other is EntityType =>
  ancestorsOf(type).some((name) => name === other)

const relatedBy = (sent: Sent, { type }: EntityKind): Chains => {
  const chains = (sent.get('with') ?? []).filter((text) => text !== '').map((text) => text.split(','))
  if (chains.flat().length > MOST_RELATED) throw invalidField('with', `with names more than ${MOST_RELATED} entities`)
  return chains.map((chain) => {
    const names: EntityType[] = []
    for (const name of chain.map((each) => each.trim())) {
      const below = names.at(-1) ?? type
      if (!isAbove(below, name)) {
        const above = ancestorsOf(below)
        throw invalidField(
          'with',
          above.length === 0 ? `with names nothing for ${below}` : `with takes ${above.join(', ')} for ${below}`,
        )
      }
      names.push(name)
    }
    return names
  })
}

/** `agency=5` or `agency.organization=100001`, the path of `/advertisers/limit/…`: only those below this one. */
const branchFilter = (limit: string, { type }: EntityKind): EntityFilter => {
  const [, chain = '', id = ''] = /^([a-z.]{1,100})=([1-9]\d{0,14})$/.exec(limit) ?? []
  const names = chain.split('.')
  const isChain = names.every((name, n) => isAbove((names[n - 1] as EntityType | undefined) ?? type, name))
  if (!isChain)
    throw invalidField(
      'limit',
      `limit takes one of ${ancestorsOf(type).join(', ')} and an id, such as ${ancestorsOf(type)[0] ?? 'organization'}=1`,
    )
  return { field: `${names.at(-1)!}_id`, type: 'integer', comparison: 'is', values: [Number(id)] }
}

const parentFilter = (sent: Sent, kind: EntityKind): readonly EntityFilter[] => {
  if (find(sent, 'parent') === undefined) return []
  const id = wholeNumber(sent, 'parent', 0, 1, 9_999_999_999)
  if (kind.parent === undefined) throw invalidField('parent', `${kind.type} has no parent`)
  return [{ field: kind.parent.field, type: 'integer', comparison: 'is', values: [id] }]
}

/**
 * Parameters of a list. Those that are unknown change nothing and are ignored, as clients send many.
 * @param limit - the last part of the path `/limit/…`, if there is one
 * @throws {PlatformError} `invalid-field`; {OAuthError} for a query that cannot be read
 */
export const readListParameters = (
  query: string,
  kind: EntityKind,
  seesInternalFields: boolean,
  limit?: string,
): ListParameters => {
  const sent = readQuery(query)
  const q = find(sent, 'q')
  return {
    limit: wholeNumber(sent, 'page_limit', DEFAULT_LIMIT, 1, LARGEST_LIMIT),
    offset: wholeNumber(sent, 'page_offset', 0, 0, LARGEST_OFFSET),
    sort: sortOf(find(sent, 'sort_by') ?? 'id'),
    shown: shownBy(find(sent, 'full'), kind.type),
    filters: [
      ...(limit === undefined ? [] : [branchFilter(limit, kind)]),
      ...parentFilter(sent, kind),
      ...(q === undefined ? [] : readFilters(q, kind, seesInternalFields)),
    ],
    related: relatedBy(sent, kind),
    sent,
  }
}

/** Parameters of one entity, which is always shown whole. */
export const readEntityParameters = (query: string, kind: EntityKind): Pick<ListParameters, 'related'> => ({
  related: relatedBy(readQuery(query), kind),
})

/** The same request for the page after this one; `undefined` on the last, where clients stop because it is absent. */
export const findNextPage = (
  url: string,
  { sent, limit, offset }: Pick<ListParameters, 'sent' | 'limit' | 'offset'>,
  total: number,
): string | undefined => {
  if (offset + limit >= total) return undefined
  // The page comes first: the platform's Node.js library hangs `?api_key=…` on the link, which then ends up in the last value.
  const pairs = [...sent].flatMap(([name, values]) =>
    values.filter((value) => value !== '').map((value) => [name, value] as const),
  )
  const isRest = ([name]: readonly [string, string]) => !['page_limit', 'page_offset', 'api_key'].includes(name)
  const query = new URLSearchParams([
    ['page_limit', String(limit)],
    ['page_offset', String(offset + limit)],
    ...pairs.filter(isRest).map(([name, value]) => [name, value]),
    ...pairs.filter(([name]) => name === 'api_key').map(([name, value]) => [name, value]),
  ])
  return `${url}?${query.toString()}`
}
