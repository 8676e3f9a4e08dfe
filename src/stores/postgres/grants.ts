import type { PostgresDatabase } from '#stores/postgres/database.ts'
import { GRANT_COLUMNS, grantFromRow, isRowId, isStorable } from '#stores/rows.ts'
import type { GrantStore } from '#stores/store.ts'

export const postgresGrants = (database: PostgresDatabase): GrantStore => {
  const find = database.group({
    name: 'find_grant',
    columns: { account_id: 'bigint', client_id: 'text', audience: 'text' },
    text: `select asked.ordinal, ${GRANT_COLUMNS} from asked join grants on grants.account_id = asked.account_id
        and grants.client_id = asked.client_id and grants.audience = asked.audience`,
    abreast: 2,
  })

  return {
    find: async (accountId, clientId, audience) => {
      const isPossible = isRowId(accountId) && isStorable(clientId) && isStorable(audience)
      const [row] = isPossible ? await find({ account_id: accountId, client_id: clientId, audience }) : []
      return row === undefined ? undefined : grantFromRow(row)
    },
    list: async (accountId) => {
      if (!isRowId(accountId)) return []
      const ofAccount = `select ${GRANT_COLUMNS} from grants where account_id = $1 order by id desc`
      return (await database.ask(ofAccount, [accountId])).map(grantFromRow)
    },
    end: async (accountId, clientId) => {
      if (!isRowId(accountId) || !isStorable(clientId)) return
      await database.ask('select end_grants($1, $2, $3)', [database.clockOffset(), accountId, clientId])
    },
  }
}
