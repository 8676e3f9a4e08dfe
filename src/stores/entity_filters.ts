import type { EntityFilter } from '#stores/store.ts'

// The conditions of `EntityFilter` in SQL, for both stores: they differ in how a parameter, a member of JSON and a list are written.

/** How one database writes what a condition needs. `name` has been checked and may stand in the text. */
export type SqlDialect = {
  /** The member `name` of `fields`, null where it is not set or has another type. */
  readonly member: (name: string, type: 'text' | 'number' | 'flag') => string
  /** Whether the list `name` of `fields` has one of the texts of this parameter. */
  readonly listHas: (name: string, parameter: number) => string
  readonly isOneOf: (expression: string, parameter: number, type: SqlType) => string
  readonly parameter: (number: number, type: SqlType) => string
}
export type SqlType = 'text' | 'number' | 'integer'

/** What is bound to a parameter. `dialect.isOneOf` and `listHas` read a list, all others a value. */
export type SqlBinding = { readonly type: SqlType; readonly value: FilterScalar | readonly FilterScalar[] }
type FilterScalar = string | number

export type Conditions = { readonly text: string; readonly bindings: readonly SqlBinding[] }

/** Columns of an entity under the names that the wire has for them. */
export const ENTITY_COLUMNS: Readonly<Record<string, string>> = {
  id: 'id',
  name: 'name',
  version: 'version',
  organization_id: 'organization_id',
  agency_id: 'agency_id',
  advertiser_id: 'advertiser_id',
  created_on: 'created_at',
  updated_on: 'updated_at',
}

const NAME = /^[a-z][a-z0-9_]*$/

/**
 * @param filters - all must hold
 * @param firstParameter - the number of the first parameter that is free
 * @returns a condition that starts with ` and `, or nothing
 */
export const conditionsOf = (
  filters: readonly EntityFilter[],
  firstParameter: number,
  dialect: SqlDialect,
): Conditions => {
  const bindings: SqlBinding[] = []
  const bind = (binding: SqlBinding): number => firstParameter + bindings.push(binding) - 1
  const text = filters.map((filter) => ` and (${conditionOf(filter, bind, dialect)})`).join('')
  return { text, bindings }
}

const conditionOf = (
  filter: EntityFilter,
  bind: (binding: SqlBinding) => number,
  { member, listHas, isOneOf, parameter }: SqlDialect,
): string => {
  const { field, type, comparison, values } = filter
  if (!NAME.test(field)) throw new Error(`${field} is not the name of a field`)
  const given = values.flatMap((value) => (value === null ? [] : [typeof value === 'boolean' ? Number(value) : value]))
  if (type === 'list') {
    const has = `coalesce(${listHas(field, bind({ type: 'text', value: given }))}, false)`
    return comparison === 'is not' ? `not ${has}` : has
  }
  const column = ENTITY_COLUMNS[field]
  const expression = column ?? member(field, type === 'integer' ? 'number' : type)
  const sqlType = column !== undefined && type !== 'text' ? 'integer' : type === 'text' ? 'text' : 'number'
  switch (comparison) {
    case 'is':
    case 'is not': {
      const oneOf = given.length === 0 ? 'false' : isOneOf(expression, bind({ type: sqlType, value: given }), sqlType)
      const is = values.includes(null) ? `${oneOf} or ${expression} is null` : oneOf
      // What is not set is not the value: `is not` is the opposite of `is`, for every entity.
      return comparison === 'is' ? is : `not coalesce((${is}), false)`
    }
    case 'is like':
      return `lower(${expression}) like lower(${parameter(bind({ type: 'text', value: given[0]! }), 'text')}) escape '\\'`
    default:
      return `${expression} ${comparison} ${parameter(bind({ type: sqlType, value: given[0]! }), sqlType)}`
  }
}
