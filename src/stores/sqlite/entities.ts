import { createBoundedCache } from '#base/bounded_cache.ts'
import { conditionsOf, type SqlBinding, type SqlDialect } from '#stores/entity_filters.ts'
import { entityChangeFromRow, entityFromRow } from '#stores/rows.ts'
import type { SqliteDatabase, Statement } from '#stores/sqlite/database.ts'
import { branchOf, changesBetween, parentOf } from '#stores/entity_branch.ts'
import type { EntityStore, SavedBy, Visibility } from '#stores/store.ts'
import { ENTITY_CHANGES_KEPT } from '#stores/tables.ts'
import type { Entity, EntityChange, EntityType } from '#stores/records.ts'

const JSON_TYPES = { text: `('text')`, number: `('integer', 'real')`, flag: `('true', 'false')` } as const

const DIALECT: SqlDialect = {
  member: (name, type) =>
    `case when json_type(fields, '$.${name}') in ${JSON_TYPES[type]} then json_extract(fields, '$.${name}') end`,
  listHas: (name, parameter) =>
    `exists (select 1 from json_each(fields, '$.${name}') as item where item.value in (select value from json_each(?${parameter})))`,
  isOneOf: (expression, parameter) => `${expression} in (select value from json_each(?${parameter}))`,
  parameter: (number) => `?${number}`,
}

/** The parameters of `WHERE`, which every statement names: type, account, organizations. */
const SIGHT_PARAMETERS = 3
const FIRST_FREE = SIGHT_PARAMETERS + 1

/** What an account holds a permission on, and everything below it. */
const permitted = (access: string): string =>
  `(${(['organization', 'agency', 'advertiser'] as const)
    .map(
      (type) =>
        `${type}_id in (select entity_id from permissions where account_id = ?2 and entity_type = '${type}' and access in ${access})`,
    )
    .join(' or ')})`
const WITHIN = 'organization_id in (select value from json_each(?3))'

/** Each names all parameters, so that all are asked with the same. */
const whereOf = ({ kind, within, access }: Visibility): string =>
  `type = ?1 and ${kind === 'all' ? '?2 is null' : permitted(access === 'w' ? "('w')" : "('r', 'w')")}` +
  ` and ${within === 'all' ? '?3 is null' : WITHIN}`
const sightOf = (visibility: Visibility) =>
  [
    visibility.kind === 'all' ? null : visibility.accountId,
    visibility.within === 'all' ? null : JSON.stringify(visibility.within),
  ] as const

const valueOf = ({ value }: SqlBinding): string | number => (typeof value === 'object' ? JSON.stringify(value) : value)

export const sqliteEntities = (database: SqliteDatabase): EntityStore => {
  const prepared = createBoundedCache<string, Statement>(200)
  /** No text from a request is ever part of a statement, so there are only so many. */
  const statement = (sql: string): Statement => {
    const known = prepared.find(sql)
    if (known !== undefined) return known
    const made = database.prepare(sql)
    prepared.set(sql, made)
    return made
  }
  const insert = database.prepare(
    `insert into entities (type, id, organization_id, agency_id, advertiser_id, name, version, created_at, updated_at, fields)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning *`,
  )
  const countAll = database.prepare('select entities as count from entity_types where type = ?')
  const findLast = database.prepare('select last_id from entity_types where type = ?')
  const update = database.prepare(
    `update entities set name = ?, fields = ?, version = version + 1, updated_at = ? where type = ? and id = ? returning *`,
  )
  const insertChange = database.prepare(
    `insert into entity_changes (type, entity_id, version, account_id, client_id, at, changes, forget_at) values (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const listChanges = database.prepare(
    'select * from entity_changes where type = ? and entity_id = ? order by id desc limit ? offset ?',
  )

  const find = (type: EntityType, id: number, visibility: Visibility): Entity | undefined => {
    const row = statement(`select * from entities where ${whereOf(visibility)} and id = ?4`).get(
      ...[type, ...sightOf(visibility)],
      id,
    )
    return row === undefined ? undefined : entityFromRow(row)
  }
  const remember = (after: Entity, before: Entity | undefined, { accountId, clientId }: SavedBy, at: number): void =>
    void insertChange.run(
      ...[after.type, after.id, after.version, accountId, clientId, at],
      JSON.stringify(changesBetween(before, after)),
      at + ENTITY_CHANGES_KEPT,
    )

  return {
    add: (entities) =>
      database.write((now) => {
        for (const { type, id, organizationId, agencyId, advertiserId, name, version, fields } of entities) {
          const ids = [type, id, organizationId, agencyId ?? null, advertiserId ?? null]
          insert.get(...ids, name, version, now.seconds, now.seconds, JSON.stringify(fields))
        }
      }),
    find: (type, id, visibility) => database.read(() => find(type, id, visibility)),
    list: (type, visibility, { limit, offset, sort, filters = [] }) =>
      database.snapshot(() => {
        const parameters = [type, ...sightOf(visibility)]
        const { text, bindings } = conditionsOf(filters, FIRST_FREE, DIALECT)
        const where = whereOf(visibility) + text
        const values = bindings.map(valueOf)
        const isEverything = visibility.kind === 'all' && visibility.within === 'all' && filters.length === 0
        const counted = isEverything
          ? countAll.get(type)
          : statement(`select count(*) as count from entities where ${where}`).get(...parameters, ...values)
        const direction = sort.descending ? 'desc' : 'asc'
        const order = sort.field === 'id' ? `id ${direction}` : `${sort.field} ${direction}, id ${direction}`
        const next = FIRST_FREE + values.length
        const page = `select * from entities where ${where} order by ${order} limit ?${next} offset ?${next + 1}`
        const rows = statement(page).all(...parameters, ...values, limit, offset)
        return { entities: rows.map(entityFromRow), total: (counted?.['count'] as number | undefined) ?? 0 }
      }),
    create: ({ type, name, fields, parentId, visibility, by }) =>
      database.write((now) => {
        const parentType = parentOf(type)
        const parent = parentType === undefined ? undefined : find(parentType, parentId ?? 0, visibility)
        if (parentType !== undefined && parent === undefined) return undefined
        const id = ((findLast.get(type)?.['last_id'] as number | undefined) ?? 0) + 1
        const { organizationId, agencyId, advertiserId } = branchOf(type, id, parent)
        const ids = [type, id, organizationId, agencyId ?? null, advertiserId ?? null]
        const row = insert.get(...ids, name, 0, now.seconds, now.seconds, JSON.stringify(fields))
        const created = entityFromRow(row!)
        remember(created, undefined, by, now.seconds)
        return created
      }),
    save: ({ type, id, version, name, fields, visibility, by }) =>
      database.write((now) => {
        const before = find(type, id, visibility)
        if (before === undefined) return undefined
        if (before.version !== version) return { outcome: 'conflict', version: before.version }
        const after = entityFromRow(update.get(name, JSON.stringify(fields), now.seconds, type, id)!)
        remember(after, before, by, now.seconds)
        return { outcome: 'saved', entity: after }
      }),
    listChanges: (type, id, { limit, offset }) =>
      database.read((): readonly EntityChange[] => listChanges.all(type, id, limit, offset).map(entityChangeFromRow)),
  }
}
