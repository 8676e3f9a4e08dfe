import { ACCOUNT_COLUMNS, BROWSER_SESSION_COLUMNS, accountFromRow, browserSessionFromRow } from '#stores/rows.ts'
import { sqliteAccountCheck } from '#stores/sqlite/checked_account.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import { sqliteEndings } from '#stores/sqlite/endings.ts'
import type { BrowserSessionStore } from '#stores/store.ts'

export const sqliteBrowserSessions = (database: SqliteDatabase): BrowserSessionStore => {
  const mayBegin = sqliteAccountCheck(database)
  const endings = sqliteEndings(database)
  const insert = database.prepare(
    `insert into browser_sessions (account_id, seed, methods, authenticated_at, created_at, expires_at)
     values (?1, ?2, ?3, ?4, ?4, ?4 + ?5) returning ${BROWSER_SESSION_COLUMNS}`,
  )
  const renew = database.prepare(
    `update browser_sessions set seed = ?3, methods = ?4, authenticated_at = ?5, expires_at = ?5 + ?6
     where id = ?1 and account_id = ?2 and expires_at > ?5 returning ${BROWSER_SESSION_COLUMNS}`,
  )
  const findLive = database.prepare(
    `select ${BROWSER_SESSION_COLUMNS}, ${ACCOUNT_COLUMNS} from browser_sessions
       join accounts on accounts.id = browser_sessions.account_id and accounts.disabled_at is null
     where browser_sessions.id = ? and expires_at > ?`,
  )
  const end = database.prepare('delete from browser_sessions where id = ? and expires_at > ? returning account_id')

  return {
    begin: ({ accountId, accountVersion, methods, seed, lifetime, renews }) =>
      database.write((now) => {
        if (!mayBegin({ accountId, accountVersion })) return undefined
        const begun = [accountId, seed, JSON.stringify(methods), now.seconds, lifetime] as const
        const renewed = renews === undefined ? undefined : renew.get(renews, ...begun)
        return browserSessionFromRow(renewed ?? insert.get(...begun)!)
      }),
    findLive: (id) =>
      database.read((now) => {
        const row = findLive.get(id, now.seconds)
        return row === undefined ? undefined : { session: browserSessionFromRow(row), account: accountFromRow(row) }
      }),
    signOut: (id) =>
      database.write((now) => {
        const ended = end.get(id, now.seconds)
        return ended === undefined ? undefined : endings.session(now, id, ended['account_id'] as number)
      }),
    endAll: (accountId) => database.write((now) => endings.account(now, accountId)),
  }
}
