import { branchOf, changesBetween, parentOf } from '#stores/entity_branch.ts'
import { conditionsOf, type SqlBinding, type SqlDialect, type SqlType } from '#stores/entity_filters.ts'
import type { PostgresDatabase, Query, SqlValue } from '#stores/postgres/database.ts'
import type { Entity, EntityType } from '#stores/records.ts'
import { entityChangeFromRow, entityFromRow, isRowId } from '#stores/rows.ts'
import type { EntityStore, SavedBy, Visibility } from '#stores/store.ts'
import { ENTITY_CHANGES_KEPT } from '#stores/tables.ts'

const SQL_TYPES: Readonly<Record<SqlType, string>> = { text: 'text', number: 'numeric', integer: 'bigint' }
const JSON_TYPES = { text: 'string', number: 'number', flag: 'boolean' } as const
/** A flag is compared as the number that the embedded store has for it. */
const CASTS = { text: ` collate "C"`, number: '::numeric', flag: '::boolean::integer' } as const

const DIALECT: SqlDialect = {
  member: (name, type) =>
    `(case when jsonb_typeof(fields::jsonb -> '${name}') = '${JSON_TYPES[type]}' then (fields::jsonb ->> '${name}')${CASTS[type]} end)`,
  listHas: (name, parameter) => `(fields::jsonb -> '${name}') ?| $${parameter}::text[]`,
  isOneOf: (expression, parameter, type) => `${expression} = any($${parameter}::${SQL_TYPES[type]}[])`,
  parameter: (number, type) => `($${number}::${SQL_TYPES[type]}${type === 'text' ? ' collate "C"' : ''})`,
}

/** The parameters of `whereOf`: type, account, organizations. */
const FIRST_FREE = 4

const permitted = (access: string): string =>
  `(${(['organization', 'agency', 'advertiser'] as const)
    .map(
      (type) =>
        `${type}_id in (select entity_id from permissions where account_id = $2 and entity_type = '${type}' and access in ${access})`,
    )
    .join(' or ')})`

/** What an account holds a permission on, and everything below it. `$3` are the organizations that are asked for. */
const whereOf = ({ kind, access }: Visibility): string =>
  `type = $1 and ${kind === 'all' ? '$2::bigint is null' : permitted(access === 'w' ? "('w')" : "('r', 'w')")}` +
  ' and ($3::bigint[] is null or organization_id = any($3::bigint[]))'
const parametersOf = (type: EntityType, visibility: Visibility): readonly SqlValue[] => [
  type,
  visibility.kind === 'all' ? null : visibility.accountId,
  visibility.within === 'all' ? null : visibility.within.filter(isRowId),
]
const seesNothing = (visibility: Visibility): boolean =>
  visibility.kind === 'permissions' && !isRowId(visibility.accountId)

const valueOf = ({ value }: SqlBinding): SqlValue => value

const insertOne = `insert into entities (type, id, organization_id, agency_id, advertiser_id, name, version, fields, created_at, updated_at)
   select $2, $3, $4, $5, $6, $7, 0, $8, now, now from (select store_clock_ms($1) / 1000 as now) as clock returning *`

export const postgresEntities = (database: PostgresDatabase): EntityStore => {
  const find = async (
    query: Query,
    type: EntityType,
    id: number,
    visibility: Visibility,
    lock = '',
  ): Promise<Entity | undefined> => {
    if (!isRowId(id) || seesNothing(visibility)) return undefined
    const [row] = await query(`select * from entities where ${whereOf(visibility)} and id = $4 ${lock}`, [
      ...parametersOf(type, visibility),
      id,
    ])
    return row === undefined ? undefined : entityFromRow(row)
  }
  const remember = async (
    query: Query,
    after: Entity,
    before: Entity | undefined,
    { accountId, clientId }: SavedBy,
  ): Promise<void> => {
    const at = after.updatedAt
    await query(
      `insert into entity_changes (type, entity_id, version, account_id, client_id, at, changes, forget_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [
        ...[after.type, after.id, after.version, accountId, clientId, at],
        JSON.stringify(changesBetween(before, after)),
        at + ENTITY_CHANGES_KEPT,
      ],
    )
  }

  return {
    add: async (entities) => {
      await database.ask(
        `insert into entities (type, id, organization_id, agency_id, advertiser_id, name, version, fields, created_at, updated_at)
         select asked.*, now, now
         from unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::bigint[], $9::text[]) as asked,
           (select store_clock_ms($1) / 1000 as now) as clock`,
        [
          database.clockOffset(),
          entities.map(({ type }) => type),
          entities.map(({ id }) => id),
          entities.map(({ organizationId }) => organizationId),
          entities.map(({ agencyId }) => agencyId ?? null),
          entities.map(({ advertiserId }) => advertiserId ?? null),
          entities.map(({ name }) => name),
          entities.map(({ version }) => version),
          entities.map(({ fields }) => JSON.stringify(fields)),
        ],
      )
    },
    find: (type, id, visibility) => find(database.ask, type, id, visibility),
    list: async (type, visibility, { limit, offset, sort: { field, descending }, filters = [] }) => {
      if (seesNothing(visibility)) return { entities: [], total: 0 }
      const { text, bindings } = conditionsOf(filters, FIRST_FREE, DIALECT)
      const where = whereOf(visibility) + text
      const direction = descending ? 'desc' : 'asc'
      const order = { id: `id ${direction}`, name: `name ${direction}, id ${direction}` }[field]
      const isEverything = visibility.kind === 'all' && visibility.within === 'all' && filters.length === 0
      const count = isEverything
        ? 'select coalesce((select entities from entity_types where type = $1), 0) as total'
        : `select count(*) as total from entities where ${where}`
      const next = FIRST_FREE + bindings.length
      // One statement, so that the page and the total are of one moment; a page beyond the end is one row without an entity.
      const rows = await database.ask(
        `select total.total, page.* from (${count}) as total
         left join (select * from entities where ${where} order by ${order} limit $${next} offset $${next + 1}) as page on true
         order by ${order}`,
        [...parametersOf(type, visibility), ...bindings.map(valueOf), limit, offset],
      )
      return {
        entities: rows.filter((row) => row['id'] !== null).map(entityFromRow),
        total: rows[0]!['total'] as number,
      }
    },
    create: ({ type, name, fields, parentId, visibility, by }) =>
      database.transaction(async (query) => {
        const parentType = parentOf(type)
        const parent =
          parentType === undefined ? undefined : await find(query, parentType, parentId ?? 0, visibility, 'for share')
        if (parentType !== undefined && parent === undefined) return undefined
        // Counted by the insert (a trigger); taken here under the lock of the row, so that two never get one id.
        const [last] = await query(
          `insert into entity_types (type, entities, last_id) values ($1, 0, 1)
           on conflict (type) do update set last_id = entity_types.last_id + 1 returning last_id`,
          [type],
        )
        const id = last!['last_id'] as number
        const { organizationId, agencyId, advertiserId } = branchOf(type, id, parent)
        const [row] = await query(insertOne, [
          database.clockOffset(),
          ...[type, id, organizationId, agencyId ?? null, advertiserId ?? null],
          ...[name, JSON.stringify(fields)],
        ])
        const created = entityFromRow(row!)
        await remember(query, created, undefined, by)
        return created
      }),
    save: ({ type, id, version, name, fields, visibility, by }) =>
      database.transaction(async (query) => {
        const before = await find(query, type, id, visibility, 'for update')
        if (before === undefined) return undefined
        if (before.version !== version) return { outcome: 'conflict', version: before.version } as const
        const [row] = await query(
          `update entities set name = $4, fields = $5, version = version + 1, updated_at = store_clock_ms($1) / 1000
           where type = $2 and id = $3 returning *`,
          [database.clockOffset(), type, id, name, JSON.stringify(fields)],
        )
        const after = entityFromRow(row!)
        await remember(query, after, before, by)
        return { outcome: 'saved', entity: after } as const
      }),
    listChanges: async (type, id, { limit, offset }) => {
      if (!isRowId(id)) return []
      const rows = await database.ask(
        'select * from entity_changes where type = $1 and entity_id = $2 order by id desc limit $3 offset $4',
        [type, id, limit, offset],
      )
      return rows.map(entityChangeFromRow)
    },
  }
}
