import type { Migration } from '#stores/migrations.ts'

export const SIGN_OUT: Migration = {
  id: 6,
  name: 'sign-out, logout tokens to deliver',
  statements: [
    `create index authorizations_by_browser_session on authorizations (browser_session_id) where browser_session_id is not null`,
    `create table logout_deliveries (
         id integer primary key autoincrement, client_id text not null references clients (id),
         account_id integer not null references accounts (id), browser_session_id integer, attempts integer not null default 0,
         created_at integer not null, due_at integer not null, taken_at integer, leased_until integer not null default 0,
         forget_at integer not null
       ) strict`,
    `create index logout_deliveries_by_due on logout_deliveries (client_id, due_at)`,
    `create index logout_deliveries_by_lease on logout_deliveries (client_id, leased_until)`,
    `create index logout_deliveries_by_expiry on logout_deliveries (forget_at)`,
  ],
}
