import { resolve } from 'node:path'
import { RefusedError } from '#cli/failures.ts'
import { loadConfig, type ConfigOptions } from '#cli/load_config.ts'
import { hasDatabase, openMasterKey } from '#cli/master_key.ts'
import type { Config } from '#config.ts'
import { isPostgresUrl, openStore } from '#stores/open.ts'
import type { Store } from '#stores/store.ts'

/** The database in words, without the password of its URL. */
export const databasePlace = ({ database }: Config): string => {
  if (!isPostgresUrl(database)) return `the database in ${resolve(database)}`
  const { host = '', pathname = '' } = URL.parse(database) ?? {}
  return `the database ${host}${pathname}`
}

/**
 * Opens the database, and makes an embedded one that does not exist yet. Its master key is made first: a database whose key is missing is
 * never given another.
 */
export const openOrMakeDatabase = async (config: Config): Promise<Store> => {
  if (!isPostgresUrl(config.database)) openMasterKey(config)
  return openStore(config.database)
}

/**
 * Opens the database for one command and closes it afterwards. An embedded one must be there already, so that a command in the wrong folder
 * does not begin another.
 * @throws {RefusedError} if it is not
 */
export const withDatabase = async <T>(
  options: ConfigOptions,
  work: (store: Store, config: Config) => Promise<T>,
): Promise<T> => {
  const { config } = loadConfig(options)
  if (!isPostgresUrl(config.database) && !hasDatabase(config.database)) {
    throw new RefusedError(
      `there is no database in ${resolve(config.database)}. \`postern migrate\` makes one; --data or \`database\` in the configuration name another folder.`,
    )
  }
  const store = await openStore(config.database)
  try {
    return await work(store, config)
  } finally {
    await store.close()
  }
}
