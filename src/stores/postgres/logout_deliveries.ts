import { dueDeliveries } from '#stores/logout_deliveries.ts'
import type { PostgresDatabase } from '#stores/postgres/database.ts'
import { DELIVERY_COLUMNS, deliveryFromRow, isRowId } from '#stores/rows.ts'
import type { LogoutDeliveryStore } from '#stores/store.ts'

export const postgresLogoutDeliveries = (database: PostgresDatabase): LogoutDeliveryStore => ({
  take: async (most, lease) => {
    // Most often there is nothing to take, and looking locks nothing.
    const [due] = await database.ask(dueDeliveries('store_clock_ms($1) / 1000', '1'), [database.clockOffset()])
    if (due === undefined) return []
    const rows = await database.ask(
      `select ${DELIVERY_COLUMNS} from take_logout_deliveries($1, $2, $3) as logout_deliveries`,
      [database.clockOffset(), most, lease],
    )
    return rows.map(deliveryFromRow)
  },
  finish: async (id) => {
    if (isRowId(id)) await database.ask('delete from logout_deliveries where id = $1', [id])
  },
  postpone: async ({ id, attempt }, delay) => {
    if (!isRowId(id)) return
    await database.ask(
      `update logout_deliveries set due_at = store_clock_ms($1) / 1000 + $4, leased_until = 0 where id = $2 and attempts = $3`,
      [database.clockOffset(), id, attempt, delay],
    )
  },
})
