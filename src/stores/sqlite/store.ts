import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { sqliteAccounts } from '#stores/sqlite/accounts.ts'
import { sqliteApiResources } from '#stores/sqlite/api_resources.ts'
import { sqliteAttempts } from '#stores/sqlite/attempts.ts'
import { sqliteAuthorizationCodes } from '#stores/sqlite/authorization_codes.ts'
import { sqliteAuthorizations } from '#stores/sqlite/authorizations.ts'
import { sqliteBrowserSessions } from '#stores/sqlite/browser_sessions.ts'
import { sqliteClients } from '#stores/sqlite/clients.ts'
import { openSqliteDatabase, type SqliteDatabase } from '#stores/sqlite/database.ts'
import { sqliteDeviceCodes } from '#stores/sqlite/device_codes.ts'
import { sqliteEntities } from '#stores/sqlite/entities.ts'
import { sqliteGrants } from '#stores/sqlite/grants.ts'
import { sqliteLogoutDeliveries } from '#stores/sqlite/logout_deliveries.ts'
import { migrateSqlite } from '#stores/sqlite/migrate.ts'
import { sqliteOneTimeValues } from '#stores/sqlite/one_time_values.ts'
import { sqlitePlatformSessions } from '#stores/sqlite/platform_sessions.ts'
import { sqlitePushedRequests } from '#stores/sqlite/pushed_requests.ts'
import { SQLITE_MIGRATIONS } from '#stores/sqlite/schema.ts'
import { sqliteSettings } from '#stores/sqlite/settings.ts'
import { sqliteSigningKeys } from '#stores/sqlite/signing_keys.ts'
import type { Store } from '#stores/store.ts'
import { SWEEP_BATCH, TABLES } from '#stores/tables.ts'

export type SqliteStoreOptions = {
  /** Milliseconds that the store's clock is ahead of the machine's. For tests. */
  readonly clockOffset?: () => number
  /** How often the write-ahead log is moved into the file, in milliseconds. */
  readonly checkpointEveryMs?: number
}

const CHECKPOINT_EVERY_MS = 1000
/** How long closing waits for a checkpoint that is under way. */
const CHECKPOINT_WAIT_MS = 1000
/** Pages (of 4 KiB) in the log at which the writer itself moves them, should the worker not keep up: 64 MiB. */
const WRITER_CHECKPOINT_PAGES = 16_384

/**
 * The embedded store: one file, one serving process (commands may write beside it).
 * @throws {StoreRefusedError} if the file is not a database or another program's, is damaged, is read-only, or is ahead of this code
 */
export const openSqliteStore = async (
  file: string,
  { clockOffset = () => 0, checkpointEveryMs = CHECKPOINT_EVERY_MS }: SqliteStoreOptions = {},
): Promise<Store> => {
  const database = openSqliteDatabase(file, () => Date.now() + clockOffset())
  try {
    await migrateSqlite(database, SQLITE_MIGRATIONS)
  } catch (error) {
    await database.close()
    throw error
  }
  database.prepare(`pragma wal_autocheckpoint = ${WRITER_CHECKPOINT_PAGES}`).get()
  const checkpoints = new Worker(new URL('./checkpoint_worker.ts', import.meta.url), {
    workerData: { file, everyMs: checkpointEveryMs },
  })
  checkpoints.unref()
  checkpoints.on('error', () => undefined) // The writer's own limit does its work then.
  const checkpointsEnded = new Promise((resolve) => checkpoints.once('exit', resolve))
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    checkpoints.ref()
    checkpoints.postMessage('close')
    const patience = new AbortController()
    await Promise.race([
      checkpointsEnded,
      sleep(CHECKPOINT_WAIT_MS, undefined, { signal: patience.signal }).catch(() => undefined),
    ])
    patience.abort()
    await checkpoints.terminate()
    await database.close()
  }
  const sweeps = sweepStatements(database)
  const noteCheck = database.prepare(
    `insert into settings (name, value) values ('checked_at', ?) on conflict do update set value = excluded.value`,
  )

  return {
    accounts: sqliteAccounts(database),
    clients: sqliteClients(database),
    apiResources: sqliteApiResources(database),
    grants: sqliteGrants(database),
    authorizationCodes: sqliteAuthorizationCodes(database),
    authorizations: sqliteAuthorizations(database),
    deviceCodes: sqliteDeviceCodes(database),
    browserSessions: sqliteBrowserSessions(database),
    logoutDeliveries: sqliteLogoutDeliveries(database),
    platformSessions: sqlitePlatformSessions(database),
    attempts: sqliteAttempts(database),
    oneTimeValues: sqliteOneTimeValues(database),
    pushedRequests: sqlitePushedRequests(database),
    signingKeys: sqliteSigningKeys(database),
    entities: sqliteEntities(database),
    settings: sqliteSettings(database),
    now: () => database.read((now) => now.seconds),
    // A transaction that changes nothing writes nothing, and would succeed on a full disk.
    check: () => database.write((now) => void noteCheck.run(String(now.milliseconds))),
    sweep: () =>
      database.write((now) => sweeps.reduce((count, sweep) => count + sweep.run(now.seconds, SWEEP_BATCH), 0)),
    close: () => (closing ??= close()),
  }
}

const sweepStatements = (database: SqliteDatabase) =>
  Object.entries(TABLES).flatMap(([table, { expiry }]) => {
    if ('never' in expiry) return []
    const { column, key } = expiry
    return [
      database.prepare(
        `delete from ${table} where ${key} in (select ${key} from ${table} where ${column} <= ? limit ?)`,
      ),
    ]
  })
