import type { PostgresDatabase } from '#stores/postgres/database.ts'
import {
  ACCOUNT_COLUMNS,
  AUTHORIZATION_COLUMNS,
  accountFromRow,
  authorizationFromRow,
  isRowId,
  scopeText,
} from '#stores/rows.ts'
import type { AuthorizationStore, Rotation } from '#stores/store.ts'

export const postgresAuthorizations = (database: PostgresDatabase): AuthorizationStore => {
  // Rows that exist are locked in the order of their ids, as everywhere; those to be inserted after them, in the order of their key.
  const authorizePassword = database.group({
    name: 'authorize_password',
    columns: {
      account_id: 'bigint',
      account_version: 'bigint',
      client_id: 'text',
      audience: 'text',
      scope: 'text',
      offline: 'boolean',
      salt: 'bytea',
      idle: 'bigint',
      absolute: 'bigint',
    },
    text: `select sorted.ordinal, ${AUTHORIZATION_COLUMNS}
      from (
        select asked.*, known.id as known_id from asked left join lateral (
          select id from authorizations
          where authorizations.account_id = asked.account_id and authorizations.client_id = asked.client_id
            and authorizations.audience = asked.audience and authorizations.scope = asked.scope
            and authorizations.offline = asked.offline and grant_type = 'password' and ended_at is null
          offset 0
        ) as known on true
        order by known.id nulls last, asked.account_id, asked.client_id collate "C", asked.audience collate "C",
          asked.scope collate "C", asked.offline, asked.ordinal
      ) as sorted
      cross join lateral authorize_password($1, sorted.account_id, sorted.account_version, sorted.client_id, sorted.audience,
        sorted.scope, sorted.offline, sorted.salt, sorted.idle, sorted.absolute) as authorizations`,
    abreast: 1,
  })
  const findLive = database.group({
    name: 'find_live_authorization',
    columns: { id: 'bigint' },
    // `offset 0` keeps the planner from reading all that is live instead of looking up the ids: without statistics it takes that for less.
    text: `select asked.ordinal, ${AUTHORIZATION_COLUMNS}, ${ACCOUNT_COLUMNS} from asked
      cross join lateral (select * from authorizations where authorizations.id = asked.id offset 0) as authorizations
      join accounts on accounts.id = authorizations.account_id and accounts.disabled_at is null
      join clients on clients.id = authorizations.client_id and clients.disabled_at is null
      where ended_at is null and expires_at > (select now from clock)`,
    abreast: 2,
  })
  const use = database.group({
    name: 'use_authorization',
    columns: { id: 'bigint', idle: 'bigint' },
    text: `select sorted.ordinal, ${AUTHORIZATION_COLUMNS} from (select * from asked order by id, ordinal) as sorted
      cross join lateral use_authorization($1, sorted.id, sorted.idle) as authorizations`,
    abreast: 1,
  })
  const rotate = database.group({
    name: 'rotate',
    columns: { id: 'bigint', generation: 'bigint', idle: 'bigint', time_window: 'bigint', replays: 'bigint' },
    text: `select sorted.ordinal, rotation.outcome, ${AUTHORIZATION_COLUMNS} from (select * from asked order by id, ordinal) as sorted
      cross join lateral rotate($1, sorted.id, sorted.generation, sorted.idle, sorted.time_window, sorted.replays) as rotation
      cross join lateral (select (rotation.family).*) as authorizations`,
    abreast: 1,
  })

  return {
    authorizePassword: async ({ accountId, accountVersion, clientId, audience, scopes, offline, salt, lifetime }) => {
      if (!isRowId(accountId)) return undefined
      const [row] = await authorizePassword({
        account_id: accountId,
        account_version: accountVersion,
        client_id: clientId,
        audience,
        scope: scopeText(scopes),
        offline,
        salt,
        idle: lifetime.idle,
        absolute: lifetime.absolute,
      })
      return row === undefined ? undefined : authorizationFromRow(row)
    },
    findLive: async (id) => {
      const [row] = isRowId(id) ? await findLive({ id }) : []
      return row === undefined ? undefined : { authorization: authorizationFromRow(row), account: accountFromRow(row) }
    },
    use: async (id, idle) => {
      const [row] = isRowId(id) ? await use({ id, idle }) : []
      return row === undefined ? undefined : authorizationFromRow(row)
    },
    rotate: async ({ id, generation, idle, window, replays }) => {
      if (!isRowId(id) || !Number.isSafeInteger(generation)) return undefined
      const [row] = await rotate({ id, generation, idle, time_window: window, replays })
      switch (row!['outcome'] as Rotation['outcome'] | null) {
        case null:
          return undefined
        case 'reused':
          return { outcome: 'reused' }
        case 'rotated':
          return { outcome: 'rotated', authorization: authorizationFromRow(row!) }
        case 'replayed':
          return { outcome: 'replayed', authorization: authorizationFromRow(row!) }
      }
    },
    list: async (accountId) => {
      if (!isRowId(accountId)) return []
      const rows = await database.ask(
        `select ${AUTHORIZATION_COLUMNS} from authorizations
           join accounts on accounts.id = authorizations.account_id and accounts.disabled_at is null
           join clients on clients.id = authorizations.client_id and clients.disabled_at is null
         where authorizations.account_id = $2 and ended_at is null and expires_at > (select store_clock_ms($1) / 1000)
         order by authorizations.id desc`,
        [database.clockOffset(), accountId],
      )
      return rows.map(authorizationFromRow)
    },
    end: async (id) => {
      if (isRowId(id)) await database.ask('select end_authorization($1, $2)', [database.clockOffset(), id])
    },
  }
}
