import { entityFromRow, type Row } from '#stores/rows.ts'
import type { SqliteDatabase, Statement } from '#stores/sqlite/database.ts'
import { ENTITY_SORT_FIELDS, type EntityStore, type Visibility } from '#stores/store.ts'

/** The organizations on which an account holds a permission; everything below them is visible to it too. */
const PERMITTED = `organization_id in
  (select entity_id from permissions where account_id = ?2 and entity_type = 'organization' and access in ('r', 'w'))`

export const sqliteEntities = (database: SqliteDatabase): EntityStore => {
  const insert = database.prepare(
    `insert into entities (type, id, organization_id, name, version, created_at, updated_at, fields) values (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const where: Readonly<Record<Visibility['kind'], string>> = {
    all: 'type = ?1 and ?2 is null',
    permissions: `type = ?1 and ${PERMITTED}`,
  }
  const byVisibility = <T>(make: (condition: string) => T): Readonly<Record<Visibility['kind'], T>> => ({
    all: make(where.all),
    permissions: make(where.permissions),
  })
  const finds = byVisibility((condition) => database.prepare(`select * from entities where ${condition} and id = ?3`))
  const counts = byVisibility((condition) =>
    database.prepare(`select count(*) as count from entities where ${condition}`),
  )
  // Every order that can be asked for is a statement of its own: no name from a request is ever part of one.
  const lists = byVisibility((condition) =>
    Object.fromEntries(
      ENTITY_SORT_FIELDS.flatMap((field) =>
        (['asc', 'desc'] as const).map((direction): [string, Statement] => {
          const order = field === 'id' ? `id ${direction}` : `${field} ${direction}, id ${direction}`
          return [
            `${field} ${direction}`,
            database.prepare(`select * from entities where ${condition} order by ${order} limit ?3 offset ?4`),
          ]
        }),
      ),
    ),
  )
  const accountOf = (visibility: Visibility): number | null => (visibility.kind === 'all' ? null : visibility.accountId)

  return {
    add: (entities) =>
      database.write((now) => {
        for (const { type, id, organizationId, name, version, fields } of entities) {
          insert.run(type, id, organizationId, name, version, now.seconds, now.seconds, JSON.stringify(fields))
        }
      }),
    find: (type, id, visibility) =>
      database.read(() => {
        const row = finds[visibility.kind].get(type, accountOf(visibility), id)
        return row === undefined ? undefined : entityFromRow(row)
      }),
    list: (type, visibility, { limit, offset, sort }) =>
      database.snapshot(() => {
        const account = accountOf(visibility)
        const rows: Row[] = lists[visibility.kind][`${sort.field} ${sort.descending ? 'desc' : 'asc'}`]!.all(
          type,
          account,
          limit,
          offset,
        )
        return {
          entities: rows.map(entityFromRow),
          total: counts[visibility.kind].get(type, account)!['count'] as number,
        }
      }),
  }
}
