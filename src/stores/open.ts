import { join } from 'node:path'
import { openPostgresStore } from '#stores/postgres/store.ts'
import { openSqliteStore } from '#stores/sqlite/store.ts'
import type { Store } from '#stores/store.ts'

/** The file of the embedded store in its folder. */
export const DATABASE_FILE = 'postern.sqlite'

/** Whether `database` of the configuration is a PostgreSQL URL; else it is a folder for the embedded store. */
export const isPostgresUrl = (database: string): boolean => /^postgres(?:ql)?:\/\//.test(database)

/**
 * Opens the store that `database` names, and brings its schema up to date.
 * @throws {StoreRefusedError} if it was not made for this code, or is damaged
 * @throws {StoreUnavailableError} if it cannot be reached
 */
export const openStore = (database: string): Promise<Store> =>
  isPostgresUrl(database) ? openPostgresStore(database) : openSqliteStore(join(database, DATABASE_FILE))
