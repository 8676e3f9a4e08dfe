import type { Migration } from '#stores/migrations.ts'
import { SIGN_OUT } from '#stores/sqlite/schema_of_sign_out.ts'

// Times are epoch seconds. Ids of what grows without end are increasing (`autoincrement` never gives one out twice), so that their
// index stays warm at its right end; only platform sessions are also found by a random digest.

export const SQLITE_MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    name: 'accounts, clients, authorizations, platform sessions, keys, entities',
    statements: [
      `create table settings (name text primary key, value text not null) strict, without rowid`,
      `create table signing_keys (
         kid text primary key, algorithm text not null, sealed_private_key blob not null, created_at integer not null
       ) strict`,
      `create table api_resources (audience text primary key, definition text not null) strict`,
      `create table accounts (
         id integer primary key autoincrement, realm text not null, username text not null, username_key text not null,
         username_skeleton text not null, password_hash text not null, disabled_at integer, abilities text not null,
         profile text not null, version integer not null default 0, created_at integer not null, updated_at integer not null
       ) strict`,
      `create unique index accounts_by_username_key on accounts (realm, username_key)`,
      `create unique index accounts_by_username_skeleton on accounts (realm, username_skeleton)`,
      `create table permissions (
         account_id integer not null references accounts (id), entity_type text not null, entity_id integer not null,
         access text not null, primary key (account_id, entity_type, entity_id)
       ) strict, without rowid`,
      `create table clients (
         id text primary key, name text not null, policy text not null, id_is_api_key integer not null, disabled_at integer,
         created_at integer not null, updated_at integer not null
       ) strict`,
      `create table client_secrets (
         id integer primary key autoincrement, client_id text not null references clients (id), kind text not null,
         value blob not null, created_at integer not null, expires_at integer
       ) strict`,
      `create index client_secrets_by_client on client_secrets (client_id)`,
      `create index client_secrets_by_expiry on client_secrets (expires_at)`,
      `create table api_keys (
         digest blob primary key, client_id text not null references clients (id), name text not null, created_at integer not null,
         revoked_at integer
       ) strict, without rowid`,
      `create table authorizations (
         id integer primary key autoincrement, account_id integer not null references accounts (id),
         client_id text not null references clients (id), grant_type text not null, audience text not null, scope text not null,
         offline integer not null, salt blob not null, generation integer not null, authenticated_at integer not null,
         created_at integer not null, last_used_at integer not null, expires_at integer not null,
         absolute_expires_at integer not null, ended_at integer
       ) strict`,
      `create unique index authorizations_by_password on authorizations (account_id, client_id, audience, scope, offline)
         where grant_type = 'password' and ended_at is null`,
      `create index authorizations_by_client on authorizations (client_id) where ended_at is null`,
      `create index authorizations_by_expiry on authorizations (expires_at)`,
      `create table platform_sessions (
         id integer primary key autoincrement, digest blob not null, seed blob not null,
         account_id integer not null references accounts (id), client_id text not null references clients (id),
         authorization_id integer, created_at integer not null, expires_at integer not null, forget_at integer not null
       ) strict`,
      `create unique index platform_sessions_by_digest on platform_sessions (digest)`,
      `create index platform_sessions_by_account on platform_sessions (account_id, client_id)`,
      `create index platform_sessions_by_client on platform_sessions (client_id)`,
      `create index platform_sessions_by_authorization on platform_sessions (authorization_id)`,
      `create index platform_sessions_by_expiry on platform_sessions (forget_at)`,
      `create table attempts (
         key blob primary key, full_at_ms integer not null, known_until integer not null, forget_at integer not null
       ) strict, without rowid`,
      `create index attempts_by_expiry on attempts (forget_at)`,
      `create table entities (
         type text not null, id integer not null, organization_id integer not null, name text not null, version integer not null,
         created_at integer not null, updated_at integer not null, fields text not null, primary key (type, id)
       ) strict, without rowid`,
      `create index entities_by_organization on entities (type, organization_id, id)`,
      `create index entities_by_name on entities (type, name, id)`,
    ],
  },
  {
    id: 2,
    name: 'grants, authorization codes, browser sessions, rotation',
    statements: [
      // Without `references` to rows that go earlier: a grant and a browser session are deleted when they end.
      `create table grants (
         id integer primary key autoincrement, account_id integer not null references accounts (id),
         client_id text not null references clients (id), audience text not null, scope text not null, organizations text not null,
         created_at integer not null, updated_at integer not null
       ) strict`,
      `create unique index grants_by_account on grants (account_id, client_id, audience)`,
      `create table browser_sessions (
         id integer primary key autoincrement, account_id integer not null references accounts (id), seed blob not null,
         authenticated_at integer not null, methods text not null, created_at integer not null, expires_at integer not null
       ) strict`,
      `create index browser_sessions_by_account on browser_sessions (account_id)`,
      `create index browser_sessions_by_expiry on browser_sessions (expires_at)`,
      `create table authorization_codes (
         id integer primary key autoincrement, account_id integer not null references accounts (id),
         client_id text not null references clients (id), grant_id integer not null, browser_session_id integer not null,
         audience text not null, scope text not null, organizations text not null, salt blob not null, redirect_uri text,
         code_challenge text, nonce text, authenticated_at integer not null, methods text not null, created_at integer not null,
         expires_at integer not null, spent_at integer, authorization_id integer, forget_at integer not null
       ) strict`,
      `create index authorization_codes_by_account on authorization_codes (account_id, client_id) where spent_at is null`,
      `create index authorization_codes_by_client on authorization_codes (client_id) where spent_at is null`,
      `create index authorization_codes_by_expiry on authorization_codes (forget_at)`,
      `alter table authorizations add column grant_id integer`,
      `alter table authorizations add column organizations text not null default '"all"'`,
      `alter table authorizations add column browser_session_id integer`,
      // When the family moved on last, and how often the same successor was given out again since.
      `alter table authorizations add column rotated_at integer`,
      `alter table authorizations add column replays integer not null default 0`,
      `create index authorizations_by_account on authorizations (account_id, client_id) where ended_at is null`,
    ],
  },
  {
    id: 3,
    name: 'one-time values',
    statements: [
      `create table one_time_values (key blob primary key, forget_at integer not null) strict, without rowid`,
      `create index one_time_values_by_expiry on one_time_values (forget_at)`,
    ],
  },
  {
    id: 4,
    name: 'agencies and advertisers, saves and their history',
    statements: [
      `alter table entities add column agency_id integer`,
      `alter table entities add column advertiser_id integer`,
      `create index entities_by_agency on entities (type, agency_id, id)`,
      `create index entities_by_advertiser on entities (type, advertiser_id, id)`,
      // Counting a hundred thousand rows for each page would cost more than the page.
      `create table entity_types (type text primary key, entities integer not null, last_id integer not null) strict, without rowid`,
      `insert into entity_types select type, count(*), max(id) from entities group by type`,
      `create trigger entities_counted after insert on entities begin
         insert into entity_types (type, entities, last_id) values (new.type, 1, new.id)
           on conflict do update set entities = entities + 1, last_id = max(last_id, excluded.last_id);
       end`,
      `create table entity_changes (
         id integer primary key autoincrement, type text not null, entity_id integer not null, version integer not null,
         account_id integer not null, client_id text not null, at integer not null, changes text not null, forget_at integer not null
       ) strict`,
      `create index entity_changes_by_entity on entity_changes (type, entity_id, id)`,
      `create index entity_changes_by_expiry on entity_changes (forget_at)`,
    ],
  },
  {
    id: 5,
    name: 'pushed authorization requests',
    statements: [
      `create table pushed_requests (
         id integer primary key autoincrement, client_id text not null references clients (id), query text not null,
         salt blob not null, expires_at integer not null, spent_at integer, forget_at integer not null
       ) strict`,
      `create index pushed_requests_by_expiry on pushed_requests (forget_at)`,
    ],
  },
  SIGN_OUT,
  {
    id: 7,
    name: 'claims that were asked for by name',
    statements: [
      `alter table authorization_codes add column claims text`,
      `alter table authorizations add column claims text`,
    ],
  },
  {
    id: 8,
    name: 'keys that codes and authorizations are bound to',
    statements: [
      `alter table authorization_codes add column dpop_jkt text`,
      `alter table authorizations add column dpop_jkt text`,
    ],
  },
  {
    id: 9,
    name: 'device codes',
    statements: [
      // `account_id` and what follows it are of the decision. Without `references` to rows that go earlier, as above.
      `create table device_codes (
         id integer primary key autoincrement, client_id text not null references clients (id), audience text not null,
         scope text not null, salt blob not null, user_code_digest blob not null, state text not null, poll_interval integer not null,
         may_poll_at_ms integer not null, created_at integer not null, expires_at integer not null, forget_at integer not null,
         account_id integer references accounts (id), grant_id integer, browser_session_id integer, organizations text,
         authenticated_at integer, methods text not null, authorization_id integer
       ) strict`,
      `create unique index device_codes_by_user_code on device_codes (user_code_digest)`,
      `create index device_codes_by_account on device_codes (account_id, client_id)`,
      `create index device_codes_by_client on device_codes (client_id)`,
      `create index device_codes_by_expiry on device_codes (forget_at)`,
    ],
  },
]
