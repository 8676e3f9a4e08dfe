import type { PostgresDatabase } from '#stores/postgres/database.ts'
import {
  ACCOUNT_COLUMNS,
  BROWSER_SESSION_COLUMNS,
  accountFromRow,
  browserSessionFromRow,
  isRowId,
} from '#stores/rows.ts'
import type { BrowserSessionStore } from '#stores/store.ts'

export const postgresBrowserSessions = (database: PostgresDatabase): BrowserSessionStore => {
  const begin = database.group({
    name: 'begin_browser_session',
    columns: {
      account_id: 'bigint',
      account_version: 'bigint',
      methods: 'text',
      seed: 'bytea',
      lifetime: 'bigint',
      renews: 'bigint',
    },
    text: `select sorted.ordinal, ${BROWSER_SESSION_COLUMNS} from (select * from asked order by renews, ordinal) as sorted
      cross join lateral begin_browser_session($1, sorted.account_id, sorted.account_version, sorted.methods, sorted.seed,
        sorted.lifetime, sorted.renews) as browser_sessions`,
    abreast: 1,
  })
  // `offset 0`: see `authorizations.ts`.
  const findLive = database.group({
    name: 'find_live_browser_session',
    columns: { id: 'bigint' },
    text: `select asked.ordinal, ${BROWSER_SESSION_COLUMNS}, ${ACCOUNT_COLUMNS} from asked
      cross join lateral (select * from browser_sessions where browser_sessions.id = asked.id offset 0) as browser_sessions
      join accounts on accounts.id = browser_sessions.account_id and accounts.disabled_at is null
      where expires_at > (select now from clock)`,
    abreast: 2,
  })

  return {
    begin: async ({ accountId, accountVersion, methods, seed, lifetime, renews }) => {
      if (!isRowId(accountId)) return undefined
      const [row] = await begin({
        account_id: accountId,
        account_version: accountVersion,
        methods: JSON.stringify(methods),
        seed,
        lifetime,
        renews: renews !== undefined && isRowId(renews) ? renews : null,
      })
      return row === undefined ? undefined : browserSessionFromRow(row)
    },
    findLive: async (id) => {
      const [row] = isRowId(id) ? await findLive({ id }) : []
      return row === undefined ? undefined : { session: browserSessionFromRow(row), account: accountFromRow(row) }
    },
    signOut: async (id) => {
      if (!isRowId(id)) return undefined
      const [row] = await database.ask('select * from sign_out($1, $2)', [database.clockOffset(), id])
      if (row === undefined || row['ended'] === null) return undefined
      const { ended, go_on: goOn, told } = row as Readonly<Record<string, string[]>>
      return { ended: ended!, goOn: goOn!, told: told! }
    },
    endAll: async (accountId) => {
      if (!isRowId(accountId)) return
      await database.ask('select end_account_sessions($1, $2)', [database.clockOffset(), accountId])
    },
  }
}
