import type { PostgresDatabase } from '#stores/postgres/database.ts'
import { isRowId, pushedRequestFromRow } from '#stores/rows.ts'
import type { PushedRequestStore } from '#stores/store.ts'
import { PUSHED_REQUESTS_KEPT } from '#stores/tables.ts'

const NOW = '(select store_clock_ms($1) / 1000)'

export const postgresPushedRequests = (database: PostgresDatabase): PushedRequestStore => ({
  push: async ({ clientId, query, salt, lifetime }) => {
    const [row] = await database.ask(
      `insert into pushed_requests (client_id, query, salt, expires_at, forget_at)
       values ($2, $3, $4, ${NOW} + $5, ${NOW} + ${PUSHED_REQUESTS_KEPT}) returning *, false as is_expired`,
      [database.clockOffset(), clientId, query, salt, lifetime],
    )
    return pushedRequestFromRow(row!)
  },
  find: async (id) => {
    if (!isRowId(id)) return undefined
    const [row] = await database.ask(
      `select *, expires_at <= ${NOW} as is_expired from pushed_requests
       where id = $2 and spent_at is null and forget_at > ${NOW}`,
      [database.clockOffset(), id],
    )
    return row === undefined ? undefined : pushedRequestFromRow(row)
  },
  spend: async (id) => {
    if (!isRowId(id)) return false
    const spent = await database.ask(
      `update pushed_requests set spent_at = ${NOW} where id = $2 and spent_at is null and forget_at > ${NOW} returning id`,
      [database.clockOffset(), id],
    )
    return spent.length === 1
  },
})
