import type { Migration } from '#stores/migrations.ts'
import { DEVICE_CODE_IS_LIVE, SHARE_AUTHORIZATIONS } from '#stores/postgres/locks.ts'
import { EXPIRED_DEVICE_CODES_KEPT, POLL_SLACK_MS } from '#stores/tables.ts'

/** Finds who decides, and holds the code: of several decisions the second sees what the first has made of it. */
const FIND_DECIDER = `
  select * into decided_by from browser_sessions
    where id = by_session and expires_at > moment
      and exists (select 1 from accounts where accounts.id = browser_sessions.account_id and accounts.disabled_at is null);
  select * into code from device_codes
    where id = decided and state = 'pending' and expires_at > moment
      and exists (select 1 from clients where clients.id = device_codes.client_id and clients.disabled_at is null)
    for no key update`

export const DEVICE_CODES: Migration = {
  id: 9,
  name: 'device codes',
  statements: [
    // `account_id` and what follows it are of the decision. Without `references` to rows that go earlier.
    `create table device_codes (
       id bigint generated always as identity primary key, client_id text collate "C" not null references clients (id),
       audience text collate "C" not null, scope text collate "C" not null, salt bytea not null, user_code_digest bytea not null,
       state text not null, poll_interval bigint not null, may_poll_at_ms bigint not null, created_at bigint not null,
       expires_at bigint not null, forget_at bigint not null, account_id bigint references accounts (id), grant_id bigint,
       browser_session_id bigint, organizations text, authenticated_at bigint, methods text not null, authorization_id bigint
     )`,
    `create unique index device_codes_by_user_code on device_codes (user_code_digest)`,
    `create index device_codes_by_account on device_codes (account_id, client_id)`,
    `create index device_codes_by_client on device_codes (client_id)`,
    `create index device_codes_by_expiry on device_codes (forget_at)`,

    `create function begin_device_code(
       offset_ms bigint, for_client text, for_audience text, for_scope text, new_salt bytea, new_user_code bytea, new_interval bigint,
       lifetime bigint, out outcome text, out code device_codes
     ) language plpgsql as $$
     declare
       moment bigint;
     begin
       ${SHARE_AUTHORIZATIONS};
       if not exists (select 1 from clients where id = for_client and disabled_at is null) then outcome := 'gone'; return; end if;
       moment := store_clock_ms(offset_ms) / 1000;
       insert into device_codes (client_id, audience, scope, salt, user_code_digest, state, poll_interval, may_poll_at_ms, methods,
           created_at, expires_at, forget_at)
         values (for_client, for_audience, for_scope, new_salt, new_user_code, 'pending', new_interval, 0, '[]',
           moment, moment + lifetime, moment + lifetime + ${EXPIRED_DEVICE_CODES_KEPT})
         on conflict (user_code_digest) do nothing returning * into code;
       outcome := case when found then 'begun' else 'taken' end;
     end $$`,
    `create function allow_device_code(
       offset_ms bigint, decided bigint, by_session bigint, for_scope text, for_organizations text, consent text
     ) returns setof device_codes rows 1 language plpgsql as $$
     declare
       decided_by browser_sessions;
       code device_codes;
       written bigint;
       moment bigint;
     begin
       ${SHARE_AUTHORIZATIONS};
       moment := store_clock_ms(offset_ms) / 1000;
       ${FIND_DECIDER};
       if decided_by.id is null or code.id is null then return; end if;
       insert into grants as old (account_id, client_id, audience, scope, organizations, created_at, updated_at)
         values (decided_by.account_id, code.client_id, code.audience, joined_scope('', for_scope), for_organizations, moment, moment)
         on conflict (account_id, client_id, audience) do update
           set scope = joined_scope(case when consent = 'add' then old.scope else '' end, for_scope),
             organizations = excluded.organizations, updated_at = moment
         returning id into written;
       return query update device_codes
         set state = 'allowed', account_id = decided_by.account_id, browser_session_id = by_session,
           authenticated_at = decided_by.authenticated_at, methods = decided_by.methods, grant_id = written, scope = for_scope,
           organizations = for_organizations
         where id = decided
         returning *;
     end $$`,
    `create function deny_device_code(offset_ms bigint, decided bigint, by_session bigint) returns boolean language plpgsql as $$
     declare
       decided_by browser_sessions;
       code device_codes;
       moment bigint;
     begin
       ${SHARE_AUTHORIZATIONS};
       moment := store_clock_ms(offset_ms) / 1000;
       ${FIND_DECIDER};
       if decided_by.id is null or code.id is null then return false; end if;
       update device_codes
         set state = 'denied', account_id = decided_by.account_id, browser_session_id = by_session,
           authenticated_at = decided_by.authenticated_at
         where id = decided;
       return true;
     end $$`,
    `create function poll_device_code(
       offset_ms bigint, polled bigint, for_client text, step bigint, out outcome text, out code device_codes
     ) language plpgsql as $$
     declare
       moment_ms bigint;
       is_early boolean;
     begin
       ${SHARE_AUTHORIZATIONS};
       select * into code from device_codes where id = polled and client_id = for_client for no key update;
       -- After the wait for the row: a poll that came while another was answered is later than that one.
       moment_ms := store_clock_ms(offset_ms);
       is_early := moment_ms < code.may_poll_at_ms - ${POLL_SLACK_MS};
       outcome := case
         when code.id is null or code.forget_at <= moment_ms / 1000 then 'gone'
         when code.state = 'spent' then 'replayed'
         when code.state = 'denied' then 'denied'
         when code.expires_at <= moment_ms / 1000 then 'expired'
         when not exists (select 1 from device_codes where id = polled and ${DEVICE_CODE_IS_LIVE}) then 'gone'
         when code.state = 'allowed' then 'allowed'
         when is_early then 'slow_down'
         else 'pending'
       end;
       if outcome not in ('slow_down', 'pending') then return; end if;
       if is_early then code.poll_interval := code.poll_interval + step; end if;
       update device_codes set poll_interval = code.poll_interval, may_poll_at_ms = moment_ms + code.poll_interval * 1000
         where id = polled;
     end $$`,
    `create function spend_device_code(
       offset_ms bigint, spent bigint, for_client text, for_offline boolean, new_salt bytea, new_jkt text, idle bigint,
       absolute bigint, out outcome text, out brought authorizations, out holder accounts
     ) language plpgsql as $$
     declare
       code device_codes;
       moment bigint;
     begin
       ${SHARE_AUTHORIZATIONS};
       moment := store_clock_ms(offset_ms) / 1000;
       update device_codes set state = 'spent'
         where id = spent and client_id = for_client and state = 'allowed' and expires_at > moment and ${DEVICE_CODE_IS_LIVE}
         returning * into code;
       if not found then
         perform 1 from device_codes where id = spent and client_id = for_client and state = 'spent' and forget_at > moment;
         outcome := case when found then 'replayed' else 'gone' end;
         return;
       end if;
       outcome := 'spent';
       insert into authorizations (account_id, client_id, grant_type, grant_id, audience, scope, organizations, offline, salt, generation,
           authenticated_at, created_at, last_used_at, expires_at, absolute_expires_at, dpop_jkt)
         values (code.account_id, code.client_id, 'device_code', code.grant_id, code.audience, code.scope, code.organizations,
           for_offline, new_salt, 0, code.authenticated_at, moment, moment, moment + least(idle, absolute), moment + absolute,
           new_jkt)
         returning * into brought;
       update device_codes set authorization_id = brought.id where id = spent;
       select * into holder from accounts where id = code.account_id;
     end $$`,
  ],
}
