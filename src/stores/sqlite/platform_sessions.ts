import { EXPIRED_SESSIONS_KEPT } from '#stores/tables.ts'
import {
  ACCOUNT_COLUMNS,
  AUTHORIZATION_COLUMNS,
  SESSION_COLUMNS,
  accountFromRow,
  authorizationFromRow,
  sessionFromRow,
} from '#stores/rows.ts'
import { sqliteSignInCheck } from '#stores/sqlite/checked_account.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import type { PlatformSessionStore } from '#stores/store.ts'

export const sqlitePlatformSessions = (database: SqliteDatabase): PlatformSessionStore => {
  const maySignIn = sqliteSignInCheck(database)
  const findSignIn = database.prepare(
    `select ${SESSION_COLUMNS} from platform_sessions where account_id = ?1 and client_id = ?2 and authorization_id is null
       and created_at > ?3 - ?4 and expires_at > ?3 order by id desc limit 1`,
  )
  const findBridged = database.prepare(
    `select ${SESSION_COLUMNS} from platform_sessions where authorization_id = ? and expires_at > ? order by id desc limit 1`,
  )
  const findAuthorization = database.prepare(
    `select account_id, client_id, expires_at from authorizations
       join accounts on accounts.id = authorizations.account_id and accounts.disabled_at is null
       join clients on clients.id = authorizations.client_id and clients.disabled_at is null
     where authorizations.id = ? and ended_at is null and expires_at > ?`,
  )
  const insert = database.prepare(
    `insert into platform_sessions (digest, seed, account_id, client_id, authorization_id, created_at, expires_at, forget_at)
     values (?, ?, ?, ?, ?, ?, ?, ?) returning ${SESSION_COLUMNS}`,
  )
  const findLive = database.prepare(
    `select ${SESSION_COLUMNS}, ${ACCOUNT_COLUMNS}, ${AUTHORIZATION_COLUMNS} from platform_sessions
       join accounts on accounts.id = platform_sessions.account_id and accounts.disabled_at is null
       join clients on clients.id = platform_sessions.client_id and clients.disabled_at is null
       left join authorizations on authorizations.id = platform_sessions.authorization_id
     where digest = ?1 and platform_sessions.expires_at > ?2
       and (authorization_id is null or (authorizations.ended_at is null and authorizations.expires_at > ?2))`,
  )
  const findExpired = database.prepare(
    `select ${SESSION_COLUMNS} from platform_sessions where digest = ? and expires_at <= ?`,
  )
  const end = database.prepare('delete from platform_sessions where id = ?')

  const recallLive = database.recall(
    (digest: string, now) => {
      const row = findLive.get(Buffer.from(digest, 'latin1'), now.seconds)
      if (row === undefined) return undefined
      const session = sessionFromRow(row)
      const authorization = session.authorizationId === undefined ? undefined : authorizationFromRow(row)
      return { session, account: accountFromRow(row), authorization }
    },
    ({ session, authorization }, now) =>
      session.expiresAt > now.seconds && (authorization === undefined || authorization.expiresAt > now.seconds),
  )

  return {
    signIn: ({ accountId, accountVersion, clientId, lifetime, reuseWithin, candidate: { seed, digest } }) =>
      database.write((now) => {
        if (!maySignIn({ accountId, accountVersion, clientId })) return undefined
        const found = findSignIn.get(accountId, clientId, now.seconds, reuseWithin)
        if (found !== undefined) return sessionFromRow(found)
        const expiresAt = now.seconds + lifetime
        const row = insert.get(
          digest,
          seed,
          accountId,
          clientId,
          null,
          now.seconds,
          expiresAt,
          expiresAt + EXPIRED_SESSIONS_KEPT,
        )
        return sessionFromRow(row!)
      }),
    bridge: ({ authorizationId, lifetime, candidate: { seed, digest } }) =>
      database.write((now) => {
        const authorization = findAuthorization.get(authorizationId, now.seconds)
        if (authorization === undefined) return undefined
        const found = findBridged.get(authorizationId, now.seconds)
        if (found !== undefined) return sessionFromRow(found)
        const { account_id: accountId, client_id: clientId, expires_at: end } = authorization
        const expiresAt = Math.min(end as number, now.seconds + lifetime)
        const owner = [accountId as number, clientId as string, authorizationId] as const
        return sessionFromRow(
          insert.get(digest, seed, ...owner, now.seconds, expiresAt, expiresAt + EXPIRED_SESSIONS_KEPT)!,
        )
      }),
    findLive: (digest) => recallLive(digest.toString('latin1')),
    findExpired: (digest) =>
      database.read((now) => {
        const row = findExpired.get(digest, now.seconds)
        return row === undefined ? undefined : sessionFromRow(row)
      }),
    end: (id) => database.write(() => void end.run(id)),
  }
}
