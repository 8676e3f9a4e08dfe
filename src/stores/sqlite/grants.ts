import { GRANT_COLUMNS, grantFromRow, isStorable } from '#stores/rows.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import { sqliteEndings } from '#stores/sqlite/endings.ts'
import type { GrantStore } from '#stores/store.ts'

export const sqliteGrants = (database: SqliteDatabase): GrantStore => {
  const endings = sqliteEndings(database)
  const find = database.prepare(
    `select ${GRANT_COLUMNS} from grants where account_id = ? and client_id = ? and audience = ?`,
  )
  const list = database.prepare(`select ${GRANT_COLUMNS} from grants where account_id = ? order by id desc`)

  return {
    find: (accountId, clientId, audience) =>
      database.read(() => {
        const row = find.get(accountId, clientId, audience)
        return row === undefined ? undefined : grantFromRow(row)
      }),
    list: (accountId) => database.read(() => list.all(accountId).map(grantFromRow)),
    end: (accountId, clientId) =>
      database.write((now) => {
        if (isStorable(clientId)) endings.pair(now, accountId, clientId)
      }),
  }
}
