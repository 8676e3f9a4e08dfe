import { dueDeliveries, TOLD_WHO } from '#stores/logout_deliveries.ts'
import type { Migration } from '#stores/migrations.ts'
import {
  HOLD_AUTHORIZATIONS,
  HOLD_LOGOUT_DELIVERIES,
  MAY_BEGIN_BROWSER_SESSION,
  SHARE_AUTHORIZATIONS,
} from '#stores/postgres/locks.ts'
import { LOGOUT_DELIVERIES_KEPT, MOST_LOGOUT_DELIVERIES } from '#stores/tables.ts'

const IS_REQUIRED = `coalesce(clients.policy::jsonb -> 'backchannelLogoutSessionRequired' = 'true', false)`

/** Makes logout tokens due, see `BrowserSessionStore`, for clients of these authorizations. To be run before anything has ended. */
const note = (sessionId: string, authorizations: string): string =>
  `insert into logout_deliveries (client_id, account_id, browser_session_id, created_at, due_at, forget_at)
     select distinct authorizations.client_id, authorizations.account_id, ${sessionId}, moment, moment, moment + ${LOGOUT_DELIVERIES_KEPT}
       from (${authorizations}) as authorizations
       join clients on clients.id = authorizations.client_id and clients.disabled_at is null
         and clients.policy::jsonb ->> 'backchannelLogoutUri' is not null
       where ${TOLD_WHO} and (not ${IS_REQUIRED} or authorizations.browser_session_id is not null)
         and (select count(*) from (
           select 1 from logout_deliveries where client_id = clients.id limit ${MOST_LOGOUT_DELIVERIES}
         ) as waiting) < ${MOST_LOGOUT_DELIVERIES}`

export const SIGN_OUT: Migration = {
  id: 6,
  name: 'sign-out, logout tokens to deliver',
  statements: [
    `create index authorizations_by_browser_session on authorizations (browser_session_id) where browser_session_id is not null`,
    `create table logout_deliveries (
       id bigint generated always as identity primary key, client_id text collate "C" not null references clients (id),
       account_id bigint not null references accounts (id), browser_session_id bigint, attempts bigint not null default 0,
       created_at bigint not null, due_at bigint not null, taken_at bigint, leased_until bigint not null default 0,
       forget_at bigint not null
     )`,
    `create index logout_deliveries_by_due on logout_deliveries (client_id, due_at)`,
    `create index logout_deliveries_by_lease on logout_deliveries (client_id, leased_until)`,
    `create index logout_deliveries_by_expiry on logout_deliveries (forget_at)`,

    `create function take_logout_deliveries(offset_ms bigint, most bigint, lease bigint)
     returns setof logout_deliveries language plpgsql as $$
     declare
       moment bigint;
     begin
       ${HOLD_LOGOUT_DELIVERIES};
       moment := store_clock_ms(offset_ms) / 1000;
       return query update logout_deliveries
         set attempts = attempts + 1, taken_at = moment, due_at = moment + lease, leased_until = moment + lease
         where id = any(array(${dueDeliveries('moment', 'most')})) and due_at <= moment
         returning *;
     end $$`,

    `drop function begin_browser_session(bigint, bigint, bigint, text, bytea, bigint)`,
    `create function begin_browser_session(
       offset_ms bigint, for_account bigint, for_version bigint, new_methods text, new_seed bytea, lifetime bigint, renewed bigint
     ) returns setof browser_sessions rows 1 language plpgsql as $$
     declare
       moment bigint;
     begin
       ${SHARE_AUTHORIZATIONS};
       if not (${MAY_BEGIN_BROWSER_SESSION}) then return; end if;
       moment := store_clock_ms(offset_ms) / 1000;
       return query update browser_sessions
         set seed = new_seed, methods = new_methods, authenticated_at = moment, expires_at = moment + lifetime
         where id = renewed and account_id = for_account and expires_at > moment
         returning *;
       if found then return; end if;
       return query insert into browser_sessions (account_id, seed, methods, authenticated_at, created_at, expires_at)
         values (for_account, new_seed, new_methods, moment, moment, moment + lifetime)
         returning *;
     end $$`,

    `create function sign_out(offset_ms bigint, signed_out bigint, out ended text[], out go_on text[], out told text[])
     language plpgsql as $$
     declare
       moment bigint;
       holder bigint;
     begin
       ${HOLD_AUTHORIZATIONS};
       moment := store_clock_ms(offset_ms) / 1000;
       delete from browser_sessions where id = signed_out and expires_at > moment returning account_id into holder;
       if not found then return; end if;
       with noted as (
         ${note(
           'authorizations.browser_session_id',
           'select * from authorizations where browser_session_id = signed_out',
         )} returning client_id
       ) select coalesce(array_agg(client_id order by client_id), '{}') into told from noted;
       select coalesce(array_agg(client_id order by client_id) filter (where not goes_on), '{}'),
           coalesce(array_agg(client_id order by client_id) filter (where goes_on), '{}')
         into ended, go_on
         from (
           select client_id, bool_or(offline) as goes_on from authorizations
           where browser_session_id = signed_out and ended_at is null and expires_at > moment group by client_id
         ) as clients_of_session;
       delete from platform_sessions where authorization_id in (
         select id from authorizations where browser_session_id = signed_out and not offline
       );
       update authorizations set ended_at = moment where browser_session_id = signed_out and ended_at is null and not offline;
       delete from authorization_codes where account_id = holder and browser_session_id = signed_out and spent_at is null;
     end $$`,

    `create or replace function end_all_of_account(moment bigint, for_account bigint) returns void language plpgsql as $$
     begin
       ${note(
         `case when ${IS_REQUIRED} then authorizations.browser_session_id end`,
         `select * from authorizations where account_id = for_account and ended_at is null and expires_at > moment
          union
          select made_in.* from browser_sessions join authorizations as made_in on made_in.browser_session_id = browser_sessions.id
            where browser_sessions.account_id = for_account and browser_sessions.expires_at > moment`,
       )};
       update authorizations set ended_at = moment where account_id = for_account and ended_at is null;
       delete from platform_sessions where account_id = for_account;
       delete from browser_sessions where account_id = for_account;
       delete from authorization_codes where account_id = for_account and spent_at is null;
     end $$`,
  ],
}
