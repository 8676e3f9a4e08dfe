import { dueDeliveries, TOLD_WHO } from '#stores/logout_deliveries.ts'
import { DELIVERY_COLUMNS, deliveryFromRow } from '#stores/rows.ts'
import type { Now, SqliteDatabase } from '#stores/sqlite/database.ts'
import type { LogoutDeliveryStore } from '#stores/store.ts'
import { LOGOUT_DELIVERIES_KEPT, MOST_LOGOUT_DELIVERIES } from '#stores/tables.ts'

export const sqliteLogoutDeliveries = (database: SqliteDatabase): LogoutDeliveryStore => {
  const findDue = database.prepare(dueDeliveries('?1', '?2'))
  const take = database.prepare(
    `update logout_deliveries set attempts = attempts + 1, taken_at = ?1, due_at = ?1 + ?3, leased_until = ?1 + ?3
     where id in (${dueDeliveries('?1', '?2')}) returning ${DELIVERY_COLUMNS}`,
  )
  const finish = database.prepare('delete from logout_deliveries where id = ?')
  const postpone = database.prepare(
    'update logout_deliveries set due_at = ?1 + ?2, leased_until = 0 where id = ?3 and attempts = ?4',
  )

  return {
    take: async (most, lease) => {
      // Most often there is nothing to take, and looking writes nothing.
      if (await database.read((now) => findDue.get(now.seconds, 1) === undefined)) return []
      return database.write((now) => take.all(now.seconds, most, lease).map(deliveryFromRow))
    },
    finish: (id) => database.write(() => void finish.run(id)),
    postpone: ({ id, attempt }, delay) => database.write((now) => void postpone.run(now.seconds, delay, id, attempt)),
  }
}

/** Makes logout tokens due, see `BrowserSessionStore`. To be called in the `write` of the verb, before anything has ended. */
export const sqliteLogoutNotes = (database: SqliteDatabase) => {
  const isRequired = `coalesce(json_extract(clients.policy, '$.backchannelLogoutSessionRequired'), 0) = 1`
  const note = (sessionId: string, authorizations: string) =>
    database.prepare(
      `insert into logout_deliveries (client_id, account_id, browser_session_id, created_at, due_at, forget_at)
       select distinct authorizations.client_id, authorizations.account_id, ${sessionId}, ?1, ?1, ?1 + ${LOGOUT_DELIVERIES_KEPT}
         from (${authorizations}) as authorizations
         join clients on clients.id = authorizations.client_id and clients.disabled_at is null
           and json_extract(clients.policy, '$.backchannelLogoutUri') is not null
         where ${TOLD_WHO} and (not (${isRequired}) or authorizations.browser_session_id is not null)
           and (select count(*) from (
             select 1 from logout_deliveries where client_id = clients.id limit ${MOST_LOGOUT_DELIVERIES}
           )) < ${MOST_LOGOUT_DELIVERIES}
       returning client_id`,
    )
  const ofSession = note(
    'authorizations.browser_session_id',
    'select * from authorizations where browser_session_id = ?2',
  )
  const ofAccount = note(
    `case when ${isRequired} then authorizations.browser_session_id end`,
    `select * from authorizations where account_id = ?2 and ended_at is null and expires_at > ?1
     union
     select authorizations.* from browser_sessions
       join authorizations on authorizations.browser_session_id = browser_sessions.id
       where browser_sessions.account_id = ?2 and browser_sessions.expires_at > ?1`,
  )
  return {
    /** @returns the clients, sorted */
    session: (now: Now, id: number): readonly string[] =>
      ofSession
        .all(now.seconds, id)
        .map((row) => row['client_id'] as string)
        .toSorted(),
    account: (now: Now, id: number): void => void ofAccount.all(now.seconds, id),
  }
}
