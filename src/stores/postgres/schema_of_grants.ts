import type { Migration } from '#stores/migrations.ts'
import {
  HOLD_AUTHORIZATIONS,
  MAY_BEGIN_BROWSER_SESSION,
  OWNERS_ARE_LIVE,
  OWNERS_OF_CODE_ARE_LIVE,
  SHARE_AUTHORIZATIONS,
} from '#stores/postgres/locks.ts'

/**
 * As `spent_at is null`, in words that do not name the partial indexes: without statistics the planner would rather read all unspent codes of a
 * client than look up one by its id.
 */
export const IS_UNSPENT = 'coalesce(spent_at, 0) = 0'

/** The second step of the schema. What it makes anew begins with `create or replace`. */
export const GRANTS_AND_CODES: Migration = {
  id: 2,
  name: 'grants, authorization codes, browser sessions, rotation',
  statements: [
    // Without `references` to rows that go earlier: a grant and a browser session are deleted when they end.
    `create table grants (
       id bigint generated always as identity primary key, account_id bigint not null references accounts (id),
       client_id text collate "C" not null references clients (id), audience text collate "C" not null,
       scope text collate "C" not null, organizations text not null, created_at bigint not null, updated_at bigint not null
     )`,
    `create unique index grants_by_account on grants (account_id, client_id, audience)`,
    `create table browser_sessions (
       id bigint generated always as identity primary key, account_id bigint not null references accounts (id), seed bytea not null,
       authenticated_at bigint not null, methods text not null, created_at bigint not null, expires_at bigint not null
     )`,
    `create index browser_sessions_by_account on browser_sessions (account_id)`,
    `create index browser_sessions_by_expiry on browser_sessions (expires_at)`,
    `create table authorization_codes (
       id bigint generated always as identity primary key, account_id bigint not null references accounts (id),
       client_id text collate "C" not null references clients (id), grant_id bigint not null, browser_session_id bigint not null,
       audience text collate "C" not null, scope text collate "C" not null, organizations text not null, salt bytea not null,
       redirect_uri text, code_challenge text, nonce text, authenticated_at bigint not null, methods text not null,
       created_at bigint not null, expires_at bigint not null, spent_at bigint, authorization_id bigint, forget_at bigint not null
     )`,
    `create index authorization_codes_by_account on authorization_codes (account_id, client_id) where spent_at is null`,
    `create index authorization_codes_by_client on authorization_codes (client_id) where spent_at is null`,
    `create index authorization_codes_by_expiry on authorization_codes (forget_at)`,
    `alter table authorizations
       add column grant_id bigint,
       add column organizations text not null default '"all"',
       add column browser_session_id bigint,
       -- When the family moved on last, and how often the same successor was given out again since.
       add column rotated_at bigint,
       add column replays bigint not null default 0`,
    `create index authorizations_by_account on authorizations (account_id, client_id) where ended_at is null`,

    `create function rotate(
       offset_ms bigint, rotated bigint, presented bigint, idle bigint, time_window bigint, most_replays bigint,
       out outcome text, out family authorizations
     ) language plpgsql as $$
     declare
       moment bigint;
     begin
       ${SHARE_AUTHORIZATIONS};
       moment := store_clock_ms(offset_ms) / 1000;
       update authorizations
         set generation = generation + 1, rotated_at = moment, replays = 0, last_used_at = moment,
           expires_at = least(absolute_expires_at, moment + idle)
         where id = rotated and generation = presented and ended_at is null and expires_at > moment and ${OWNERS_ARE_LIVE}
         returning * into family;
       if found then outcome := 'rotated'; return; end if;
       select * into family from authorizations
         where id = rotated and ended_at is null and expires_at > moment and ${OWNERS_ARE_LIVE} for no key update;
       if family.id is null or family.generation <= presented then return; end if;
       if family.generation = presented + 1 and moment < family.rotated_at + time_window and family.replays < most_replays then
         update authorizations set replays = replays + 1 where id = rotated returning * into family;
         outcome := 'replayed';
       else
         perform end_authorization(offset_ms, rotated);
         outcome := 'reused';
       end if;
     end $$`,

    `create function begin_browser_session(
       offset_ms bigint, for_account bigint, for_version bigint, new_methods text, new_seed bytea, lifetime bigint
     ) returns setof browser_sessions rows 1 language plpgsql as $$
     declare
       moment bigint;
     begin
       ${SHARE_AUTHORIZATIONS};
       if not (${MAY_BEGIN_BROWSER_SESSION}) then return; end if;
       moment := store_clock_ms(offset_ms) / 1000;
       return query insert into browser_sessions (account_id, seed, methods, authenticated_at, created_at, expires_at)
         values (for_account, new_seed, new_methods, moment, moment, moment + lifetime)
         returning *;
     end $$`,

    // Both scopes in one, sorted, each once.
    `create function joined_scope(one text, other text) returns text language sql immutable as
       $$ select array_to_string(array(
         select distinct each collate "C" from unnest(string_to_array(one, ' ') || string_to_array(other, ' ')) as each order by 1
       ), ' ') $$`,
    `create function issue_code(
       offset_ms bigint, by_session bigint, for_client text, for_audience text, for_scope text, for_organizations text,
       new_salt bytea, new_redirect_uri text, new_challenge text, new_nonce text, lifetime bigint, consent text
     ) returns setof authorization_codes rows 1 language plpgsql as $$
     declare
       decided_by browser_sessions;
       decided bigint;
       moment bigint;
     begin
       ${SHARE_AUTHORIZATIONS};
       moment := store_clock_ms(offset_ms) / 1000;
       select * into decided_by from browser_sessions
         where id = by_session and expires_at > moment
           and exists (select 1 from accounts where accounts.id = browser_sessions.account_id and accounts.disabled_at is null)
           and exists (select 1 from clients where clients.id = for_client and clients.disabled_at is null);
       if decided_by.id is null then return; end if;
       if consent = 'remembered' then
         select id into decided from grants
           where account_id = decided_by.account_id and client_id = for_client and audience = for_audience
             and string_to_array(for_scope, ' ') <@ string_to_array(scope, ' ')
             and (organizations = '"all"' or for_organizations::jsonb <@ organizations::jsonb);
         if decided is null then return; end if;
       else
         insert into grants as old (account_id, client_id, audience, scope, organizations, created_at, updated_at)
           values (decided_by.account_id, for_client, for_audience, joined_scope('', for_scope), for_organizations, moment, moment)
           on conflict (account_id, client_id, audience) do update
             set scope = joined_scope(case when consent = 'add' then old.scope else '' end, for_scope),
               organizations = excluded.organizations, updated_at = moment
           returning id into decided;
       end if;
       return query insert into authorization_codes (account_id, client_id, grant_id, browser_session_id, audience, scope, organizations,
           salt, redirect_uri, code_challenge, nonce, authenticated_at, methods, created_at, expires_at, forget_at)
         values (decided_by.account_id, for_client, decided, by_session, for_audience, for_scope, for_organizations,
           new_salt, new_redirect_uri, new_challenge, new_nonce, decided_by.authenticated_at, decided_by.methods, moment,
           moment + lifetime, moment + lifetime)
         returning *;
     end $$`,

    // A code that was spent before is only named here (\`replay_of\`), with the authorization that it brought: see the order of locks.
    `create function spend_code(
       offset_ms bigint, spent bigint, for_client text, for_offline boolean, new_salt bytea, idle bigint, absolute bigint, kept_for bigint,
       out outcome text, out code authorization_codes, out brought authorizations, out holder accounts, out replay_of bigint
     ) language plpgsql as $$
     declare
       moment bigint;
     begin
       ${SHARE_AUTHORIZATIONS};
       moment := store_clock_ms(offset_ms) / 1000;
       update authorization_codes set spent_at = moment, forget_at = expires_at + kept_for
         where id = spent and client_id = for_client and ${IS_UNSPENT} and expires_at > moment and ${OWNERS_OF_CODE_ARE_LIVE}
         returning * into code;
       if not found then
         select authorization_id into replay_of from authorization_codes
           where id = spent and client_id = for_client and spent_at is not null and forget_at > moment;
         outcome := case when found then 'replayed' else 'gone' end;
         return;
       end if;
       outcome := 'spent';
       insert into authorizations (account_id, client_id, grant_type, grant_id, audience, scope, organizations, offline, salt, generation,
           authenticated_at, created_at, last_used_at, expires_at, absolute_expires_at, browser_session_id)
         values (code.account_id, code.client_id, 'authorization_code', code.grant_id, code.audience, code.scope, code.organizations,
           for_offline, new_salt, 0, code.authenticated_at, moment, moment, moment + least(idle, absolute), moment + absolute,
           code.browser_session_id)
         returning * into brought;
       update authorization_codes set authorization_id = brought.id where id = spent;
       select * into holder from accounts where id = code.account_id;
     end $$`,
    `create function ruin_code(offset_ms bigint, ruined bigint, for_client text, kept_for bigint) returns void language plpgsql as $$
     declare
       moment bigint;
       brought bigint;
     begin
       ${SHARE_AUTHORIZATIONS};
       moment := store_clock_ms(offset_ms) / 1000;
       update authorization_codes set spent_at = moment, forget_at = expires_at + kept_for
         where id = ruined and client_id = for_client and ${IS_UNSPENT} and expires_at > moment;
       if found then return; end if;
       select authorization_id into brought from authorization_codes
         where id = ruined and client_id = for_client and spent_at is not null and forget_at > moment;
       perform end_authorization(offset_ms, brought);
     end $$`,

    // What is in the name of an account; its grants stay. To be called while AUTHORIZATIONS is held.
    `create function end_all_of_account(moment bigint, for_account bigint) returns void language plpgsql as $$
     begin
       update authorizations set ended_at = moment where account_id = for_account and ended_at is null;
       delete from platform_sessions where account_id = for_account;
       delete from browser_sessions where account_id = for_account;
       delete from authorization_codes where account_id = for_account and spent_at is null;
     end $$`,
    `create function end_account_sessions(offset_ms bigint, for_account bigint) returns void language plpgsql as $$
     begin
       ${HOLD_AUTHORIZATIONS};
       perform end_all_of_account(store_clock_ms(offset_ms) / 1000, for_account);
     end $$`,
    `create function end_grants(offset_ms bigint, for_account bigint, for_client text) returns void language plpgsql as $$
     begin
       ${HOLD_AUTHORIZATIONS};
       delete from grants where account_id = for_account and client_id = for_client;
       delete from authorization_codes where account_id = for_account and client_id = for_client and spent_at is null;
       update authorizations set ended_at = store_clock_ms(offset_ms) / 1000
         where account_id = for_account and client_id = for_client and ended_at is null;
       delete from platform_sessions where account_id = for_account and client_id = for_client;
     end $$`,
    `create or replace function set_password(offset_ms bigint, for_account bigint, new_hash text) returns boolean language plpgsql as $$
     declare
       moment bigint;
     begin
       ${HOLD_AUTHORIZATIONS};
       moment := store_clock_ms(offset_ms) / 1000;
       update accounts set password_hash = new_hash, version = version + 1, updated_at = moment where id = for_account;
       if not found then return false; end if;
       perform end_all_of_account(moment, for_account);
       return true;
     end $$`,
    `create or replace function disable_account(offset_ms bigint, for_account bigint) returns boolean language plpgsql as $$
     declare
       moment bigint;
     begin
       ${HOLD_AUTHORIZATIONS};
       moment := store_clock_ms(offset_ms) / 1000;
       update accounts set disabled_at = coalesce(disabled_at, moment), version = version + 1, updated_at = moment
         where id = for_account;
       if not found then return false; end if;
       perform end_all_of_account(moment, for_account);
       return true;
     end $$`,
    `create or replace function disable_client(offset_ms bigint, for_client text) returns boolean language plpgsql as $$
     declare
       moment bigint;
     begin
       ${HOLD_AUTHORIZATIONS};
       moment := store_clock_ms(offset_ms) / 1000;
       update clients set disabled_at = coalesce(disabled_at, moment), updated_at = moment where id = for_client;
       if not found then return false; end if;
       update authorizations set ended_at = moment where client_id = for_client and ended_at is null;
       delete from platform_sessions where client_id = for_client;
       delete from authorization_codes where client_id = for_client and spent_at is null;
       return true;
     end $$`,
  ],
}
