import type { PostgresDatabase } from '#stores/postgres/database.ts'
import {
  ACCOUNT_COLUMNS,
  AUTHORIZATION_COLUMNS,
  SESSION_COLUMNS,
  accountFromRow,
  authorizationFromRow,
  isRowId,
  sessionFromRow,
} from '#stores/rows.ts'
import type { PlatformSessionStore } from '#stores/store.ts'
import { EXPIRED_SESSIONS_KEPT } from '#stores/tables.ts'

export const postgresPlatformSessions = (database: PostgresDatabase): PlatformSessionStore => {
  const signIn = database.group({
    name: 'sign_in',
    columns: {
      account_id: 'bigint',
      account_version: 'bigint',
      client_id: 'text',
      lifetime: 'bigint',
      reuse_within: 'bigint',
      seed: 'bytea',
      digest: 'bytea',
    },
    text: `select sorted.ordinal, ${SESSION_COLUMNS} from (select * from asked order by account_id, ordinal) as sorted
      cross join lateral sign_in($1, sorted.account_id, sorted.account_version, sorted.client_id, sorted.lifetime,
        sorted.reuse_within, ${EXPIRED_SESSIONS_KEPT}, sorted.seed, sorted.digest) as platform_sessions`,
    abreast: 1,
  })
  const bridge = database.group({
    name: 'bridge',
    columns: { authorization_id: 'bigint', lifetime: 'bigint', seed: 'bytea', digest: 'bytea' },
    text: `select sorted.ordinal, ${SESSION_COLUMNS} from (select * from asked order by authorization_id, ordinal) as sorted
      cross join lateral bridge($1, sorted.authorization_id, sorted.lifetime, ${EXPIRED_SESSIONS_KEPT}, sorted.seed, sorted.digest)
        as platform_sessions`,
    abreast: 1,
  })
  // `offset 0`: see `authorizations.ts`.
  const findLive = database.group({
    name: 'find_live_platform_session',
    columns: { digest: 'bytea' },
    text: `select asked.ordinal, ${SESSION_COLUMNS}, ${ACCOUNT_COLUMNS}, ${AUTHORIZATION_COLUMNS} from asked
      cross join lateral (select * from platform_sessions where platform_sessions.digest = asked.digest offset 0) as platform_sessions
      join accounts on accounts.id = platform_sessions.account_id and accounts.disabled_at is null
      join clients on clients.id = platform_sessions.client_id and clients.disabled_at is null
      left join authorizations on authorizations.id = platform_sessions.authorization_id
      where platform_sessions.expires_at > (select now from clock) and (platform_sessions.authorization_id is null
        or (authorizations.ended_at is null and authorizations.expires_at > (select now from clock)))`,
    abreast: 2,
  })
  const findExpired = database.group({
    name: 'find_expired_platform_session',
    columns: { digest: 'bytea' },
    text: `select asked.ordinal, ${SESSION_COLUMNS} from asked
      cross join lateral (select * from platform_sessions where platform_sessions.digest = asked.digest offset 0) as platform_sessions
      where platform_sessions.expires_at <= (select now from clock)`,
    abreast: 2,
  })

  return {
    signIn: async ({ accountId, accountVersion, clientId, lifetime, reuseWithin, candidate: { seed, digest } }) => {
      if (!isRowId(accountId)) return undefined
      const [row] = await signIn({
        account_id: accountId,
        account_version: accountVersion,
        client_id: clientId,
        lifetime,
        reuse_within: reuseWithin,
        seed,
        digest,
      })
      return row === undefined ? undefined : sessionFromRow(row)
    },
    bridge: async ({ authorizationId, lifetime, candidate: { seed, digest } }) => {
      const isPossible = isRowId(authorizationId)
      const [row] = isPossible ? await bridge({ authorization_id: authorizationId, lifetime, seed, digest }) : []
      return row === undefined ? undefined : sessionFromRow(row)
    },
    findLive: async (digest) => {
      const [row] = await findLive({ digest })
      if (row === undefined) return undefined
      const session = sessionFromRow(row)
      const authorization = session.authorizationId === undefined ? undefined : authorizationFromRow(row)
      return { session, account: accountFromRow(row), authorization }
    },
    findExpired: async (digest) => {
      const [row] = await findExpired({ digest })
      return row === undefined ? undefined : sessionFromRow(row)
    },
    end: async (id) => {
      if (isRowId(id)) await database.ask('delete from platform_sessions where id = $1', [id])
    },
  }
}
