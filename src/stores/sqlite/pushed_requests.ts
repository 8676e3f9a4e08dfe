import { pushedRequestFromRow } from '#stores/rows.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import type { PushedRequestStore } from '#stores/store.ts'
import { PUSHED_REQUESTS_KEPT } from '#stores/tables.ts'

export const sqlitePushedRequests = (database: SqliteDatabase): PushedRequestStore => {
  const insert = database.prepare(
    `insert into pushed_requests (client_id, query, salt, expires_at, forget_at)
     values (?1, ?2, ?3, ?4 + ?5, ?4 + ${PUSHED_REQUESTS_KEPT}) returning *, 0 as is_expired`,
  )
  const find = database.prepare(
    `select *, expires_at <= ?2 as is_expired from pushed_requests where id = ?1 and spent_at is null and forget_at > ?2`,
  )
  const spend = database.prepare(
    'update pushed_requests set spent_at = ?2 where id = ?1 and spent_at is null and forget_at > ?2',
  )
  return {
    push: ({ clientId, query, salt, lifetime }) =>
      database.write((now) => pushedRequestFromRow(insert.get(clientId, query, salt, now.seconds, lifetime)!)),
    find: (id) =>
      database.read((now) => {
        const row = find.get(id, now.seconds)
        return row === undefined ? undefined : pushedRequestFromRow(row)
      }),
    spend: (id) => database.write((now) => spend.run(id, now.seconds) === 1),
  }
}
