import type { Migration } from '#stores/migrations.ts'
import {
  HOLD_ATTEMPTS,
  HOLD_AUTHORIZATIONS,
  MAY_SIGN_IN,
  OWNERS_ARE_LIVE,
  SHARE_AUTHORIZATIONS,
} from '#stores/postgres/locks.ts'
import { DEVICE_CODES } from '#stores/postgres/schema_of_device_codes.ts'
import { BOUND_KEYS } from '#stores/postgres/schema_of_bound_keys.ts'
import { ENTITY_BRANCHES } from '#stores/postgres/schema_of_entities.ts'
import { CLAIMS_BY_NAME } from '#stores/postgres/schema_of_claims.ts'
import { GRANTS_AND_CODES } from '#stores/postgres/schema_of_grants.ts'
import { SIGN_OUT } from '#stores/postgres/schema_of_sign_out.ts'

// The tables of SQLite under the same names, so that both stores share `rows.ts`. Times are epoch seconds. Names that are sorted by
// are compared by their bytes (`collate "C"`), as SQLite does.
//
// A verb that many ask for at once is a function for one item; `database.ts` calls it for a whole group in one statement. Each statement
// inside a function has a snapshot of its own (READ COMMITTED, volatile), so what it sees after it has waited for a lock is what the
// holder of the lock has committed. Who locks what, and in what order, is said in `locks.ts`.

export const POSTGRES_MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    name: 'accounts, clients, authorizations, platform sessions, keys, entities',
    statements: [
      `create table settings (name text primary key, value text not null)`,
      `create table signing_keys (
         kid text collate "C" primary key, algorithm text not null, sealed_private_key bytea not null, created_at bigint not null
       )`,
      `create table api_resources (audience text collate "C" primary key, definition text not null)`,
      `create table accounts (
         id bigint primary key, realm text not null, username text not null, username_key text not null,
         username_skeleton text not null, password_hash text not null, disabled_at bigint, abilities text not null,
         profile text not null, version bigint not null default 0, created_at bigint not null, updated_at bigint not null
       )`,
      `create unique index accounts_by_username_key on accounts (realm, username_key)`,
      `create unique index accounts_by_username_skeleton on accounts (realm, username_skeleton)`,
      `create index accounts_by_realm on accounts (realm, id)`,
      `create table permissions (
         account_id bigint not null references accounts (id), entity_type text not null, entity_id bigint not null,
         access text not null, primary key (account_id, entity_type, entity_id)
       )`,
      `create table clients (
         id text collate "C" primary key, name text not null, policy text not null, id_is_api_key boolean not null,
         disabled_at bigint, created_at bigint not null, updated_at bigint not null
       )`,
      `create table client_secrets (
         id bigint generated always as identity primary key, client_id text collate "C" not null references clients (id),
         kind text not null, value bytea not null, created_at bigint not null, expires_at bigint
       )`,
      `create index client_secrets_by_client on client_secrets (client_id)`,
      `create index client_secrets_by_expiry on client_secrets (expires_at)`,
      `create table api_keys (
         digest bytea primary key, client_id text collate "C" not null references clients (id), name text not null,
         created_at bigint not null, revoked_at bigint
       )`,
      `create table authorizations (
         id bigint generated always as identity primary key, account_id bigint not null references accounts (id),
         client_id text collate "C" not null references clients (id), grant_type text not null, audience text collate "C" not null,
         scope text collate "C" not null, offline boolean not null, salt bytea not null, generation bigint not null,
         authenticated_at bigint not null, created_at bigint not null, last_used_at bigint not null, expires_at bigint not null,
         absolute_expires_at bigint not null, ended_at bigint
       )`,
      `create unique index authorizations_by_password on authorizations (account_id, client_id, audience, scope, offline)
         where grant_type = 'password' and ended_at is null`,
      // With the account, so that it serves as well as the one above should the planner, without statistics, prefer it.
      `create index authorizations_by_client on authorizations (client_id, account_id) where ended_at is null`,
      `create index authorizations_by_expiry on authorizations (expires_at)`,
      `create table platform_sessions (
         id bigint generated always as identity primary key, digest bytea not null, seed bytea not null,
         account_id bigint not null references accounts (id), client_id text collate "C" not null references clients (id),
         authorization_id bigint, created_at bigint not null, expires_at bigint not null, forget_at bigint not null
       )`,
      `create unique index platform_sessions_by_digest on platform_sessions (digest)`,
      `create index platform_sessions_by_account on platform_sessions (account_id, client_id)`,
      `create index platform_sessions_by_client on platform_sessions (client_id)`,
      `create index platform_sessions_by_authorization on platform_sessions (authorization_id)`,
      `create index platform_sessions_by_expiry on platform_sessions (forget_at)`,
      `create table attempts (
         key bytea primary key, full_at_ms bigint not null, known_until bigint not null, forget_at bigint not null
       )`,
      `create index attempts_by_expiry on attempts (forget_at)`,
      `create table entities (
         type text not null, id bigint not null, organization_id bigint not null, name text collate "C" not null,
         version bigint not null, created_at bigint not null, updated_at bigint not null, fields text not null,
         primary key (type, id)
       )`,
      `create index entities_by_organization on entities (type, organization_id, id)`,
      `create index entities_by_name on entities (type, name, id)`,

      `create function store_clock_ms(offset_ms bigint) returns bigint language sql volatile as
         'select floor(extract(epoch from clock_timestamp()) * 1000)::bigint + offset_ms'`,

      `create function authorize_password(
         offset_ms bigint, for_account bigint, for_version bigint, for_client text, for_audience text, for_scope text,
         for_offline boolean, new_salt bytea, idle bigint, absolute bigint
       ) returns setof authorizations rows 1 language plpgsql as $$
       declare
         moment bigint;
       begin
         ${SHARE_AUTHORIZATIONS};
         if not (${MAY_SIGN_IN}) then return; end if;
         moment := store_clock_ms(offset_ms) / 1000;
         loop
           return query update authorizations
             set authenticated_at = moment, last_used_at = moment, expires_at = least(absolute_expires_at, moment + idle)
             where account_id = for_account and client_id = for_client and audience = for_audience and scope = for_scope
               and offline = for_offline and grant_type = 'password' and ended_at is null and expires_at > moment
             returning *;
           exit when found;
           update authorizations set ended_at = moment
             where account_id = for_account and client_id = for_client and audience = for_audience and scope = for_scope
               and offline = for_offline and grant_type = 'password' and ended_at is null and expires_at <= moment;
           -- Waits for another that is inserting the same; if that one commits, the next round finds its row.
           return query insert into authorizations (account_id, client_id, grant_type, audience, scope, offline, salt, generation,
               authenticated_at, created_at, last_used_at, expires_at, absolute_expires_at)
             values (for_account, for_client, 'password', for_audience, for_scope, for_offline, new_salt, 0,
               moment, moment, moment, moment + least(idle, absolute), moment + absolute)
             on conflict (account_id, client_id, audience, scope, offline) where grant_type = 'password' and ended_at is null do nothing
             returning *;
           exit when found;
         end loop;
       end $$`,
      `create function use_authorization(offset_ms bigint, used bigint, idle bigint)
       returns setof authorizations rows 1 language plpgsql as $$
       declare
         moment bigint;
       begin
         ${SHARE_AUTHORIZATIONS};
         moment := store_clock_ms(offset_ms) / 1000;
         return query update authorizations
           set last_used_at = moment, expires_at = least(absolute_expires_at, moment + idle)
           where id = used and ended_at is null and expires_at > moment and ${OWNERS_ARE_LIVE}
           returning *;
       end $$`,
      `create function end_authorization(offset_ms bigint, ended bigint) returns void language plpgsql as $$
       begin
         ${SHARE_AUTHORIZATIONS};
         update authorizations set ended_at = store_clock_ms(offset_ms) / 1000 where id = ended and ended_at is null;
         delete from platform_sessions where authorization_id = ended;
       end $$`,
      `create function sign_in(
         offset_ms bigint, for_account bigint, for_version bigint, for_client text, lifetime bigint, reuse_within bigint,
         kept_for bigint, new_seed bytea, new_digest bytea
       ) returns setof platform_sessions rows 1 language plpgsql as $$
       declare
         moment bigint;
       begin
         ${SHARE_AUTHORIZATIONS};
         if not (${MAY_SIGN_IN}) then return; end if;
         -- Sign-ins of one account take turns: there is no row yet that two of them could meet at.
         perform 1 from accounts where id = for_account for no key update;
         moment := store_clock_ms(offset_ms) / 1000;
         return query select * from platform_sessions
           where account_id = for_account and client_id = for_client and authorization_id is null
             and created_at > moment - reuse_within and expires_at > moment
           order by id desc limit 1;
         if found then return; end if;
         return query insert into platform_sessions (digest, seed, account_id, client_id, created_at, expires_at, forget_at)
           values (new_digest, new_seed, for_account, for_client, moment, moment + lifetime, moment + lifetime + kept_for)
           returning *;
       end $$`,
      `create function bridge(
         offset_ms bigint, bridged bigint, lifetime bigint, kept_for bigint, new_seed bytea, new_digest bytea
       ) returns setof platform_sessions rows 1 language plpgsql as $$
       declare
         behind authorizations;
         moment bigint;
       begin
         ${SHARE_AUTHORIZATIONS};
         select * into behind from authorizations where id = bridged and ended_at is null and ${OWNERS_ARE_LIVE} for no key update;
         moment := store_clock_ms(offset_ms) / 1000;
         if behind.id is null or behind.expires_at <= moment then return; end if;
         return query select * from platform_sessions where authorization_id = bridged and expires_at > moment
           order by id desc limit 1;
         if found then return; end if;
         return query insert into platform_sessions
             (digest, seed, account_id, client_id, authorization_id, created_at, expires_at, forget_at)
           values (new_digest, new_seed, behind.account_id, behind.client_id, bridged, moment,
             least(behind.expires_at, moment + lifetime), least(behind.expires_at, moment + lifetime) + kept_for)
           returning *;
       end $$`,
      `create function set_password(offset_ms bigint, for_account bigint, new_hash text) returns boolean language plpgsql as $$
       declare
         moment bigint;
       begin
         ${HOLD_AUTHORIZATIONS};
         moment := store_clock_ms(offset_ms) / 1000;
         update accounts set password_hash = new_hash, version = version + 1, updated_at = moment where id = for_account;
         if not found then return false; end if;
         update authorizations set ended_at = moment where account_id = for_account and ended_at is null;
         delete from platform_sessions where account_id = for_account;
         return true;
       end $$`,
      `create function disable_account(offset_ms bigint, for_account bigint) returns boolean language plpgsql as $$
       declare
         moment bigint;
       begin
         ${HOLD_AUTHORIZATIONS};
         moment := store_clock_ms(offset_ms) / 1000;
         update accounts set disabled_at = coalesce(disabled_at, moment), version = version + 1, updated_at = moment
           where id = for_account;
         if not found then return false; end if;
         update authorizations set ended_at = moment where account_id = for_account and ended_at is null;
         delete from platform_sessions where account_id = for_account;
         return true;
       end $$`,
      `create function disable_client(offset_ms bigint, for_client text) returns boolean language plpgsql as $$
       declare
         moment bigint;
       begin
         ${HOLD_AUTHORIZATIONS};
         moment := store_clock_ms(offset_ms) / 1000;
         update clients set disabled_at = coalesce(disabled_at, moment), updated_at = moment where id = for_client;
         if not found then return false; end if;
         update authorizations set ended_at = moment where client_id = for_client and ended_at is null;
         delete from platform_sessions where client_id = for_client;
         return true;
       end $$`,
      `create function reserve_attempt(
         offset_ms bigint, pair bytea, pair_burst bigint, pair_refill bigint, subject bytea, subject_burst bigint,
         subject_refill bigint, address bytea, address_burst bigint, address_refill bigint,
         out emptied text, out retry_after bigint
       ) language plpgsql as $$
       declare
         names text[] := array['pair', 'subject', 'address'];
         keys bytea[] := array[pair, subject, address];
         bursts bigint[] := array[pair_burst, subject_burst, address_burst];
         refills bigint[] := array[pair_refill, subject_refill, address_refill];
         full_at bigint[] := array[null, null, null];
         is_known boolean;
         moment_ms bigint;
         excess bigint;
       begin
         ${HOLD_ATTEMPTS};
         moment_ms := store_clock_ms(offset_ms);
         is_known := exists (select 1 from attempts where key = pair and known_until > moment_ms / 1000);
         for n in 1..3 loop
           continue when n = 2 and is_known;
           full_at[n] := greatest(moment_ms, (select full_at_ms from attempts where key = keys[n])) + refills[n] * 1000;
           excess := full_at[n] - moment_ms - bursts[n] * refills[n] * 1000;
           if excess > 0 then
             emptied := names[n];
             retry_after := (excess + 999) / 1000;
             return;
           end if;
         end loop;
         for n in 1..3 loop
           continue when full_at[n] is null;
           insert into attempts as old (key, full_at_ms, known_until, forget_at) values (keys[n], full_at[n], 0, full_at[n] / 1000 + 1)
             on conflict (key) do update
               set full_at_ms = excluded.full_at_ms, forget_at = greatest(old.known_until, excluded.forget_at);
         end loop;
       end $$`,
      `create function refund_attempt(
         offset_ms bigint, pair bytea, pair_refill bigint, subject bytea, subject_refill bigint,
         address bytea, address_refill bigint, known_for bigint
       ) returns void language plpgsql as $$
       declare
         moment bigint;
       begin
         ${HOLD_ATTEMPTS};
         moment := store_clock_ms(offset_ms) / 1000;
         if not exists (select 1 from attempts where key = pair and known_until > moment) then
           update attempts set full_at_ms = full_at_ms - subject_refill * 1000 where key = subject;
         end if;
         update attempts set full_at_ms = full_at_ms - address_refill * 1000 where key = address;
         insert into attempts as old (key, full_at_ms, known_until, forget_at)
           values (pair, 0, moment + known_for, moment + known_for)
           on conflict (key) do update set full_at_ms = old.full_at_ms - pair_refill * 1000,
             known_until = excluded.known_until, forget_at = greatest(old.forget_at, excluded.forget_at);
       end $$`,
    ],
  },
  GRANTS_AND_CODES,
  {
    id: 3,
    name: 'one-time values',
    statements: [
      `create table one_time_values (key bytea primary key, forget_at bigint not null)`,
      `create index one_time_values_by_expiry on one_time_values (forget_at)`,
    ],
  },
  ENTITY_BRANCHES,
  {
    id: 5,
    name: 'pushed authorization requests',
    statements: [
      `create table pushed_requests (
         id bigint generated always as identity primary key, client_id text collate "C" not null references clients (id), query text not null,
         salt bytea not null, expires_at bigint not null, spent_at bigint, forget_at bigint not null
       )`,
      `create index pushed_requests_by_expiry on pushed_requests (forget_at)`,
    ],
  },
  SIGN_OUT,
  CLAIMS_BY_NAME,
  BOUND_KEYS,
  DEVICE_CODES,
]
