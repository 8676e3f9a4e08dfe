import type { EntityType } from '#stores/records.ts'
import { entityFromRow, type Row } from '#stores/rows.ts'
import type { SqliteDatabase, Statement } from '#stores/sqlite/database.ts'
import { ENTITY_SORT_FIELDS, type EntityStore, type Visibility } from '#stores/store.ts'

/** The organizations on which an account holds a permission; everything below them is visible to it too. */
const PERMITTED = `organization_id in
  (select entity_id from permissions where account_id = ?2 and entity_type = 'organization' and access in ('r', 'w'))`
const WITHIN = 'organization_id in (select value from json_each(?3))'

type Sight = 'all' | 'permissions' | 'all within' | 'permissions within'
/** Each names all parameters, so that all are asked with the same. */
const WHERE: Readonly<Record<Sight, string>> = {
  all: 'type = ?1 and ?2 is null and ?3 is null',
  permissions: `type = ?1 and ${PERMITTED} and ?3 is null`,
  'all within': `type = ?1 and ?2 is null and ${WITHIN}`,
  'permissions within': `type = ?1 and ${PERMITTED} and ${WITHIN}`,
}
const sightOf = ({ kind, within }: Visibility): Sight => (within === 'all' ? kind : `${kind} within`)
const parametersOf = (type: EntityType, visibility: Visibility) => {
  const account = visibility.kind === 'all' ? null : visibility.accountId
  const within = visibility.within === 'all' ? null : JSON.stringify(visibility.within)
  return [type, account, within] as const
}

export const sqliteEntities = (database: SqliteDatabase): EntityStore => {
  const insert = database.prepare(
    `insert into entities (type, id, organization_id, name, version, created_at, updated_at, fields) values (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const bySight = <T>(make: (condition: string) => T): Readonly<Record<Sight, T>> => ({
    all: make(WHERE.all),
    permissions: make(WHERE.permissions),
    'all within': make(WHERE['all within']),
    'permissions within': make(WHERE['permissions within']),
  })
  const finds = bySight((condition) => database.prepare(`select * from entities where ${condition} and id = ?4`))
  const counts = bySight((condition) => database.prepare(`select count(*) as count from entities where ${condition}`))
  // Every order that can be asked for is a statement of its own: no name from a request is ever part of one.
  const lists = bySight((condition) =>
    Object.fromEntries(
      ENTITY_SORT_FIELDS.flatMap((field) =>
        (['asc', 'desc'] as const).map((direction): [string, Statement] => {
          const order = field === 'id' ? `id ${direction}` : `${field} ${direction}, id ${direction}`
          return [
            `${field} ${direction}`,
            database.prepare(`select * from entities where ${condition} order by ${order} limit ?4 offset ?5`),
          ]
        }),
      ),
    ),
  )

  return {
    add: (entities) =>
      database.write((now) => {
        for (const { type, id, organizationId, name, version, fields } of entities) {
          insert.run(type, id, organizationId, name, version, now.seconds, now.seconds, JSON.stringify(fields))
        }
      }),
    find: (type, id, visibility) =>
      database.read(() => {
        const row = finds[sightOf(visibility)].get(...parametersOf(type, visibility), id)
        return row === undefined ? undefined : entityFromRow(row)
      }),
    list: (type, visibility, { limit, offset, sort }) =>
      database.snapshot(() => {
        const sight = sightOf(visibility)
        const parameters = parametersOf(type, visibility)
        const list = lists[sight][`${sort.field} ${sort.descending ? 'desc' : 'asc'}`]!
        const rows: Row[] = list.all(...parameters, limit, offset)
        return { entities: rows.map(entityFromRow), total: counts[sight].get(...parameters)!['count'] as number }
      }),
  }
}
