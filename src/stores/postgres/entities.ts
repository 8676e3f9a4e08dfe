import type { PostgresDatabase, SqlValue } from '#stores/postgres/database.ts'
import type { EntityType } from '#stores/records.ts'
import { entityFromRow, isRowId } from '#stores/rows.ts'
import type { EntityStore, Visibility } from '#stores/store.ts'

/** The organizations on which an account holds a permission; everything below them is visible to it too. `$3` are those that are asked for. */
const WITHIN = '($3::bigint[] is null or organization_id = any($3::bigint[]))'
const WHERE: Readonly<Record<Visibility['kind'], string>> = {
  all: `type = $1 and $2::bigint is null and ${WITHIN}`,
  permissions: `type = $1 and organization_id in
    (select entity_id from permissions where account_id = $2 and entity_type = 'organization' and access in ('r', 'w')) and ${WITHIN}`,
}
const parametersOf = (type: EntityType, visibility: Visibility): readonly SqlValue[] => [
  type,
  visibility.kind === 'all' ? null : visibility.accountId,
  visibility.within === 'all' ? null : visibility.within.filter(isRowId),
]
const seesNothing = (visibility: Visibility): boolean =>
  visibility.kind === 'permissions' && !isRowId(visibility.accountId)

export const postgresEntities = (database: PostgresDatabase): EntityStore => ({
  add: async (entities) => {
    await database.ask(
      `insert into entities (type, id, organization_id, name, version, fields, created_at, updated_at)
       select asked.*, now, now from unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::text[]) as asked,
         (select store_clock_ms($1) / 1000 as now) as clock`,
      [
        database.clockOffset(),
        entities.map(({ type }) => type),
        entities.map(({ id }) => id),
        entities.map(({ organizationId }) => organizationId),
        entities.map(({ name }) => name),
        entities.map(({ version }) => version),
        entities.map(({ fields }) => JSON.stringify(fields)),
      ],
    )
  },
  find: async (type, id, visibility) => {
    if (!isRowId(id) || seesNothing(visibility)) return undefined
    const [row] = await database.ask(`select * from entities where ${WHERE[visibility.kind]} and id = $4`, [
      ...parametersOf(type, visibility),
      id,
    ])
    return row === undefined ? undefined : entityFromRow(row)
  },
  list: async (type, visibility, { limit, offset, sort: { field, descending } }) => {
    if (seesNothing(visibility)) return { entities: [], total: 0 }
    const direction = descending ? 'desc' : 'asc'
    const order = { id: `id ${direction}`, name: `name ${direction}, id ${direction}` }[field]
    const where = WHERE[visibility.kind]
    // One statement, so that the page and the total are of one moment; a page beyond the end is one row without an entity.
    const rows = await database.ask(
      `select total.total, page.* from (select count(*) as total from entities where ${where}) as total
       left join (select * from entities where ${where} order by ${order} limit $4 offset $5) as page on true
       order by ${order}`,
      [...parametersOf(type, visibility), limit, offset],
    )
    return {
      entities: rows.filter((row) => row['id'] !== null).map(entityFromRow),
      total: rows[0]!['total'] as number,
    }
  },
})
