import {
  ACCOUNT_COLUMNS,
  AUTHORIZATION_COLUMNS,
  accountFromRow,
  authorizationFromRow,
  scopeText,
} from '#stores/rows.ts'
import { sqliteSignInCheck } from '#stores/sqlite/checked_account.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import type { AuthorizationStore } from '#stores/store.ts'

export const sqliteAuthorizations = (database: SqliteDatabase): AuthorizationStore => {
  const maySignIn = sqliteSignInCheck(database)
  const findPassword = database.prepare(
    `select ${AUTHORIZATION_COLUMNS} from authorizations where account_id = ? and client_id = ? and audience = ? and scope = ?
       and offline = ? and grant_type = 'password' and ended_at is null`,
  )
  const insert = database.prepare(
    `insert into authorizations (account_id, client_id, grant_type, audience, scope, offline, salt, generation, authenticated_at,
       created_at, last_used_at, expires_at, absolute_expires_at)
     values (?1, ?2, 'password', ?3, ?4, ?5, ?6, 0, ?7, ?7, ?7, ?8, ?9) returning ${AUTHORIZATION_COLUMNS}`,
  )
  const signInAgain = database.prepare(
    `update authorizations set authenticated_at = ?1, last_used_at = ?1, expires_at = min(absolute_expires_at, ?1 + ?2) where id = ?3
     returning ${AUTHORIZATION_COLUMNS}`,
  )
  const findLive = database.prepare(
    `select ${AUTHORIZATION_COLUMNS}, ${ACCOUNT_COLUMNS} from authorizations
       join accounts on accounts.id = authorizations.account_id and accounts.disabled_at is null
       join clients on clients.id = authorizations.client_id and clients.disabled_at is null
     where authorizations.id = ? and ended_at is null and expires_at > ?`,
  )
  const use = database.prepare(
    `update authorizations set last_used_at = ?1, expires_at = min(absolute_expires_at, ?1 + ?2)
     where id = ?3 and ended_at is null and expires_at > ?1
       and exists (select 1 from accounts where accounts.id = authorizations.account_id and accounts.disabled_at is null)
       and exists (select 1 from clients where clients.id = authorizations.client_id and clients.disabled_at is null)
     returning ${AUTHORIZATION_COLUMNS}`,
  )
  const end = database.prepare('update authorizations set ended_at = ? where id = ? and ended_at is null')
  const endSessions = database.prepare('delete from platform_sessions where authorization_id = ?')

  return {
    authorizePassword: ({ accountId, accountVersion, clientId, audience, scopes, offline, salt, lifetime }) =>
      database.write((now) => {
        if (!maySignIn({ accountId, accountVersion, clientId })) return undefined
        const scope = scopeText(scopes)
        const found = findPassword.get(accountId, clientId, audience, scope, offline ? 1 : 0)
        if (found !== undefined) {
          const authorization = authorizationFromRow(found)
          if (authorization.expiresAt > now.seconds) {
            return authorizationFromRow(signInAgain.get(now.seconds, lifetime.idle, authorization.id)!)
          }
          end.run(now.seconds, authorization.id)
        }
        const expiresAt = now.seconds + Math.min(lifetime.idle, lifetime.absolute)
        const values = [accountId, clientId, audience, scope, offline ? 1 : 0, salt, now.seconds] as const
        return authorizationFromRow(insert.get(...values, expiresAt, now.seconds + lifetime.absolute)!)
      }),
    findLive: (id) =>
      database.read((now) => {
        const row = findLive.get(id, now.seconds)
        return row === undefined
          ? undefined
          : { authorization: authorizationFromRow(row), account: accountFromRow(row) }
      }),
    use: (id, idle) =>
      database.write((now) => {
        const row = use.get(now.seconds, idle, id)
        return row === undefined ? undefined : authorizationFromRow(row)
      }),
    end: (id) =>
      database.write((now) => {
        end.run(now.seconds, id)
        endSessions.run(id)
      }),
  }
}
