import { epochSeconds } from '#base/time.ts'
import { postgresAccounts } from '#stores/postgres/accounts.ts'
import { postgresApiResources } from '#stores/postgres/api_resources.ts'
import { postgresAttempts } from '#stores/postgres/attempts.ts'
import { postgresAuthorizationCodes } from '#stores/postgres/authorization_codes.ts'
import { postgresAuthorizations } from '#stores/postgres/authorizations.ts'
import { postgresBrowserSessions } from '#stores/postgres/browser_sessions.ts'
import { postgresClients } from '#stores/postgres/clients.ts'
import { postgresDatabase, type PostgresDatabase } from '#stores/postgres/database.ts'
import { postgresDeviceCodes } from '#stores/postgres/device_codes.ts'
import { postgresEntities } from '#stores/postgres/entities.ts'
import { refusal } from '#stores/postgres/errors.ts'
import { postgresGrants } from '#stores/postgres/grants.ts'
import { postgresLogoutDeliveries } from '#stores/postgres/logout_deliveries.ts'
import { migratePostgres } from '#stores/postgres/migrate.ts'
import { postgresOneTimeValues } from '#stores/postgres/one_time_values.ts'
import { postgresPlatformSessions } from '#stores/postgres/platform_sessions.ts'
import { postgresPushedRequests } from '#stores/postgres/pushed_requests.ts'
import { POSTGRES_MIGRATIONS } from '#stores/postgres/schema.ts'
import { postgresSettings } from '#stores/postgres/settings.ts'
import { postgresSigningKeys } from '#stores/postgres/signing_keys.ts'
import { StoreRefusedError, StoreUnavailableError, type Store } from '#stores/store.ts'
import { SWEEP_BATCH, TABLES } from '#stores/tables.ts'

export type PostgresStoreOptions = {
  /** Milliseconds that the store's clock is ahead of the database's. For tests. */
  readonly clockOffset?: () => number
  /** Connections at most. Few suffice, since what is asked for at once shares a statement. */
  readonly poolSize?: number
}

const POOL_SIZE = 10

/**
 * The store for many nodes, which all see what one has written. It keeps nothing in memory.
 * @param url - `postgres://user:password@host:port/database`
 * @throws {StoreRefusedError} if the URL, the user or the database is wrong, or the database is ahead of this code
 * @throws {StoreUnavailableError} if PostgreSQL cannot be reached or written now
 */
export const openPostgresStore = async (
  url: string,
  { clockOffset = () => 0, poolSize = POOL_SIZE }: PostgresStoreOptions = {},
): Promise<Store> => {
  const where = placeOf(url)
  const database = postgresDatabase(url, { clockOffset, poolSize })
  try {
    await refuseUnfit(database)
    await migratePostgres(database, POSTGRES_MIGRATIONS)
  } catch (error) {
    await database.close()
    throw refusal(where, error)
  }

  return {
    accounts: postgresAccounts(database),
    clients: postgresClients(database),
    apiResources: postgresApiResources(database),
    grants: postgresGrants(database),
    authorizationCodes: postgresAuthorizationCodes(database),
    authorizations: postgresAuthorizations(database),
    deviceCodes: postgresDeviceCodes(database),
    browserSessions: postgresBrowserSessions(database),
    logoutDeliveries: postgresLogoutDeliveries(database),
    platformSessions: postgresPlatformSessions(database),
    attempts: postgresAttempts(database),
    oneTimeValues: postgresOneTimeValues(database),
    pushedRequests: postgresPushedRequests(database),
    signingKeys: postgresSigningKeys(database),
    entities: postgresEntities(database),
    settings: postgresSettings(database),
    now: async () => {
      const [row] = await database.ask('select store_clock_ms($1) / 1000 as now', [database.clockOffset()])
      return epochSeconds(row!['now'] as number)
    },
    check: () => refuseReadOnly(database),
    sweep: async () => {
      let count = 0
      for (const statement of SWEEPS) {
        count += (await database.ask(statement, [database.clockOffset(), SWEEP_BATCH])).length
      }
      return count
    },
    close: () => database.close(),
  }
}

/** What may be named in a message: never the password. */
const placeOf = (url: string): string => {
  const { protocol, host, pathname } = URL.parse(url) ?? { protocol: '', host: '', pathname: '' }
  if (protocol !== 'postgres:' && protocol !== 'postgresql:') {
    throw new StoreRefusedError('the URL of the database must look like postgres://user:password@host:5432/database')
  }
  return `${host}${pathname}`
}

const refuseUnfit = async (database: PostgresDatabase): Promise<void> => {
  await refuseReadOnly(database)
  const [encoding] = await database.ask('show server_encoding')
  if (encoding!['server_encoding'] !== 'UTF8') {
    throw new StoreRefusedError(
      `the database is encoded in ${String(encoding!['server_encoding'])}. Create one with: create database … encoding 'UTF8' template template0`,
    )
  }
}

const refuseReadOnly = async (database: PostgresDatabase): Promise<void> => {
  const [row] = await database.ask(
    `select pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' as read_only`,
  )
  if (row!['read_only'] === true) throw new StoreUnavailableError('PostgreSQL is a replica, or read-only')
}

/** Another node may sweep at the same time: each passes over the rows that the other has in hand. */
const SWEEPS = Object.entries(TABLES).flatMap(([table, { expiry }]) => {
  if ('never' in expiry) return []
  const { column, key } = expiry
  return [
    `delete from ${table} where ${key} = any(array(
       select ${key} from ${table} where ${column} <= (select store_clock_ms($1) / 1000)
       order by ${column} limit $2 for update skip locked
     )) returning 1`,
  ]
})
