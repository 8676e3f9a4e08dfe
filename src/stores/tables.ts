/** When rows of a table may go. `column` holds epoch seconds, is indexed, and is null for a row that stays; `key` names a row. */
export type Expiry = { readonly column: string; readonly key: string } | { readonly never: string }

/** Every table with the module that owns it. A test compares this list with the schema of both stores. */
export const TABLES: Readonly<Record<string, { readonly owner: string; readonly expiry: Expiry }>> = {
  migrations: { owner: 'migrations', expiry: { never: 'one row for each step of the schema' } },
  settings: { owner: 'settings', expiry: { never: 'a handful of facts about the database itself' } },
  signing_keys: { owner: 'signing_keys', expiry: { never: 'one row for each key; support retires them' } },
  api_resources: {
    owner: 'api_resources',
    expiry: { never: 'one row for each API; they come from the configuration' },
  },
  accounts: { owner: 'accounts', expiry: { never: 'people; support disables them' } },
  permissions: { owner: 'accounts', expiry: { never: 'they go with the account or by its administrator' } },
  clients: { owner: 'clients', expiry: { never: 'registered by support, who disables them' } },
  client_secrets: { owner: 'clients', expiry: { column: 'expires_at', key: 'id' } },
  api_keys: { owner: 'clients', expiry: { never: 'named records of a client; support revokes them' } },
  grants: { owner: 'grants', expiry: { never: 'what people allow; the row goes when they end it' } },
  authorization_codes: { owner: 'authorization_codes', expiry: { column: 'forget_at', key: 'id' } },
  device_codes: { owner: 'device_codes', expiry: { column: 'forget_at', key: 'id' } },
  browser_sessions: { owner: 'browser_sessions', expiry: { column: 'expires_at', key: 'id' } },
  logout_deliveries: { owner: 'logout_deliveries', expiry: { column: 'forget_at', key: 'id' } },
  authorizations: { owner: 'authorizations', expiry: { column: 'expires_at', key: 'id' } },
  platform_sessions: { owner: 'platform_sessions', expiry: { column: 'forget_at', key: 'id' } },
  one_time_values: { owner: 'one_time_values', expiry: { column: 'forget_at', key: 'key' } },
  pushed_requests: { owner: 'pushed_requests', expiry: { column: 'forget_at', key: 'id' } },
  attempts: { owner: 'attempts', expiry: { column: 'forget_at', key: 'key' } },
  entities: { owner: 'entities', expiry: { never: "the platform's own data" } },
  entity_types: { owner: 'entities', expiry: { never: 'one row for each type' } },
  entity_changes: { owner: 'entities', expiry: { column: 'forget_at', key: 'id' } },
}

/** How many rows of one table a sweep deletes at a time: few enough that nobody waits for it. */
export const SWEEP_BATCH = 500

/** For how long an expired platform session is still told apart from an unknown one, in seconds (30 days). */
export const EXPIRED_SESSIONS_KEPT = 30 * 86_400

/**
 * For how long a spent authorization code is still known after it has expired, in seconds (one day). A code that leaked (RFC 9700 §4.2) may be
 * tried long after its minute: as long as it is known, the attempt ends what the code brought. All the life of the authorization would be
 * too long: a row for each sign-in of a year, to learn from a log of last spring what no longer matters. An unspent code goes when
 * it expires: nothing came of it.
 */
export const SPENT_CODES_KEPT = 86_400

/** How long a person who has begun may take with a request that was pushed, in seconds (one day); no page is open longer. */
export const PUSHED_REQUESTS_KEPT = 86_400

/** For how long a one-time value is remembered at most, in seconds (one day): what bounds the table, whatever others sign. */
export const ONE_TIME_VALUES_KEPT = 86_400

/**
 * A one-time value is kept for so long after it can no longer be spent, in seconds: a statement reads the clock before it may have to wait, and
 * must not find the row gone that it would have met at that time.
 */
export const ONE_TIME_VALUES_SLACK = 60

/** For how long what a save changed is remembered, in seconds (two years). */
export const ENTITY_CHANGES_KEPT = 2 * 365 * 86_400
/**
 * For how long a logout token that nobody delivers is kept, in seconds (two days): longer than it is tried for, so that one that waited while
 * no server ran is tried once more, and its end is written down.
 */
export const LOGOUT_DELIVERIES_KEPT = 2 * 86_400

/** As many logout tokens may wait for one client: of one that has been away for so long, no more are kept. */
export const MOST_LOGOUT_DELIVERIES = 10_000

/** For how long a device that polls with an expired code is told so, in seconds (ten minutes); after that it is told that there is no such code. */
export const EXPIRED_DEVICE_CODES_KEPT = 600

/** By so much a poll may come early, in milliseconds: timers and networks are no better, and the device has waited. */
export const POLL_SLACK_MS = 500
