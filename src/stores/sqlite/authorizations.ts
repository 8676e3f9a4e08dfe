import {
  ACCOUNT_COLUMNS,
  AUTHORIZATION_COLUMNS,
  accountFromRow,
  authorizationFromRow,
  scopeText,
} from '#stores/rows.ts'
import { sqliteSignInCheck } from '#stores/sqlite/checked_account.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import { sqliteEndings } from '#stores/sqlite/endings.ts'
import type { AuthorizationStore } from '#stores/store.ts'

/** `?1` is the time. */
const IS_LIVE = `ended_at is null and expires_at > ?1
  and exists (select 1 from accounts where accounts.id = authorizations.account_id and accounts.disabled_at is null)
  and exists (select 1 from clients where clients.id = authorizations.client_id and clients.disabled_at is null)`

export const sqliteAuthorizations = (database: SqliteDatabase): AuthorizationStore => {
  const endings = sqliteEndings(database)
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
  /** One that has expired gives way to the next; its platform sessions have expired too, and are still told apart from unknown ones. */
  const makeRoom = database.prepare('update authorizations set ended_at = ? where id = ?')
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
     where id = ?3 and ${IS_LIVE} returning ${AUTHORIZATION_COLUMNS}`,
  )
  const rotate = database.prepare(
    `update authorizations set generation = generation + 1, rotated_at = ?1, replays = 0, last_used_at = ?1,
       expires_at = min(absolute_expires_at, ?1 + ?2)
     where id = ?3 and generation = ?4 and ${IS_LIVE} returning ${AUTHORIZATION_COLUMNS}`,
  )
  const replay = database.prepare(
    `update authorizations set replays = replays + 1
     where id = ?2 and generation = ?3 + 1 and ?1 < rotated_at + ?4 and replays < ?5 and ${IS_LIVE} returning ${AUTHORIZATION_COLUMNS}`,
  )
  const findReused = database.prepare(`select 1 from authorizations where id = ?2 and generation > ?3 and ${IS_LIVE}`)
  const list = database.prepare(
    `select ${AUTHORIZATION_COLUMNS} from authorizations where account_id = ?2 and ${IS_LIVE} order by id desc`,
  )

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
          makeRoom.run(now.seconds, authorization.id)
        }
        const expiresAt = now.seconds + Math.min(lifetime.idle, lifetime.absolute)
        const values = [accountId, clientId, audience, scope, offline ? 1 : 0, salt, now.seconds] as const
        return authorizationFromRow(insert.get(...values, expiresAt, now.seconds + lifetime.absolute)!)
      }),
    findLive: database.recall(
      (id: number, now) => {
        const row = findLive.get(id, now.seconds)
        return row === undefined
          ? undefined
          : { authorization: authorizationFromRow(row), account: accountFromRow(row) }
      },
      ({ authorization }, now) => authorization.expiresAt > now.seconds,
    ),
    use: (id, idle) =>
      database.write((now) => {
        const row = use.get(now.seconds, idle, id)
        return row === undefined ? undefined : authorizationFromRow(row)
      }),
    rotate: ({ id, generation, idle, window, replays }) =>
      database.write((now) => {
        const rotated = rotate.get(now.seconds, idle, id, generation)
        if (rotated !== undefined) return { outcome: 'rotated', authorization: authorizationFromRow(rotated) }
        const replayed = replay.get(now.seconds, id, generation, window, replays)
        if (replayed !== undefined) return { outcome: 'replayed', authorization: authorizationFromRow(replayed) }
        if (findReused.get(now.seconds, id, generation) === undefined) return undefined
        endings.authorization(now, id)
        return { outcome: 'reused' }
      }),
    list: (accountId) => database.read((now) => list.all(now.seconds, accountId).map(authorizationFromRow)),
    end: (id) => database.write((now) => endings.authorization(now, id)),
  }
}
