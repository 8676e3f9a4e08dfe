// What both stores say in the same words about logout tokens that are to be delivered.

/** Whether an authorization told the client who the person is: without `openid` it has no ID token, and no session that it could end. */
export const TOLD_WHO = `' ' || authorizations.scope || ' ' like '% openid %'`

/** One client at a time, without reading what waits for it: there may be thousands of rows of one. */
const CLIENTS = `with recursive waiting (client_id) as (
    select min(client_id) from logout_deliveries
    union all
    select (select min(client_id) from logout_deliveries where client_id > waiting.client_id) from waiting
      where waiting.client_id is not null
  )`

/**
 * Of each client the delivery that is due for the longest time, unless one is on lease.
 * @param moment - an expression for now
 * @param most - an expression for how many at most
 */
export const dueDeliveries = (moment: string, most: string): string => `${CLIENTS}
  select due.id from waiting
    join logout_deliveries as due on due.id = (
      select id from logout_deliveries as of_client
        where of_client.client_id = waiting.client_id and of_client.due_at <= ${moment}
        order by of_client.due_at, of_client.id limit 1
    )
    where not exists (
      select 1 from logout_deliveries as leased where leased.client_id = waiting.client_id and leased.leased_until > ${moment}
    )
    order by due.due_at, due.id limit ${most}`
