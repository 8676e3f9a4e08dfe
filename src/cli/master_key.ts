import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { deriveKey, equalInConstantTime, random, type Key } from '#base/secrets.ts'
import { RefusedError } from '#cli/failures.ts'
import type { Config } from '#config.ts'
import { DATABASE_FILE, isPostgresUrl } from '#stores/open.ts'
import type { SettingStore } from '#stores/store.ts'

// One key of 32 bytes, from which all others are derived. Without it, or with another, what the database keeps sealed is lost: so it is
// made only where there is nothing yet, and never replaced.

export const VARIABLE = 'POSTERN_MASTER_KEY'
const KEY_BYTES = 32
const LARGEST_FILE = 1024
const FORMS = '43 or 44 characters of base64 or base64url, or 64 hexadecimal digits'

/** Reads 32 bytes in any of the forms that key generators print. */
export const findMasterKey = (text: string): Key | undefined => {
  const trimmed = text.trim()
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return Buffer.from(trimmed, 'hex') as Key
  if (!/^(?:[A-Za-z0-9_-]{43}|[A-Za-z0-9+/]{43})=?$/.test(trimmed)) return undefined
  const key = Buffer.from(trimmed, 'base64')
  // The last digit carries two bits too many: a key has one spelling, so that a wrong character is noticed.
  const spelling = trimmed.replace('=', '').replaceAll('+', '-').replaceAll('/', '_')
  return key.length === KEY_BYTES && key.toString('base64url') === spelling ? (key as Key) : undefined
}

export const makeMasterKey = (): string => random(KEY_BYTES).toString('base64url')

const databaseFile = (folder: string): string => join(folder, DATABASE_FILE)

/** Whether there is an embedded database in the folder. */
export const hasDatabase = (folder: string): boolean => existsSync(databaseFile(folder))

/** Where the key is kept when it is not in the environment; `undefined` where a database has no place beside it. */
export const masterKeyFile = ({ master_key_file, database }: Config): string | undefined => {
  if (master_key_file !== undefined) return resolve(master_key_file)
  return isPostgresUrl(database) ? undefined : `${resolve(database)}.key`
}

/**
 * The master key. For an embedded database that does not exist yet it is made; of several first starts at once all get the same.
 * @throws {RefusedError} if there is none, or it cannot be used
 */
export const openMasterKey = (config: Config, environment: NodeJS.ProcessEnv = process.env): Key => {
  const given = environment[VARIABLE]
  if (given !== undefined) return checked(given, VARIABLE)
  const file = masterKeyFile(config)
  if (file === undefined) {
    throw new RefusedError(
      `there is no master key. A PostgreSQL database needs one in ${VARIABLE}, or in the file that master_key_file names: ` +
        '`postern master-key` prints a new one. Give the same to every server of this database, and keep a copy.',
    )
  }
  const isEmbedded = !isPostgresUrl(config.database)
  if (isEmbedded) refuseInside(file, config.database)
  // In this order: another first start makes the key before the database, so who sees the database sees the key too.
  const mayMake = isEmbedded && !hasDatabase(config.database)
  const found = findKeyFile(file)
  if (found !== undefined) return found
  if (!mayMake) {
    throw new RefusedError(
      `the master key is missing: expected it in ${file}, or in ${VARIABLE}. ` +
        (isEmbedded
          ? `The database in ${resolve(config.database)} cannot be read without the key that it was begun with; put it back from where you keep it.`
          : '`postern master-key` prints a new one; a database that is in use needs the one that it was begun with.'),
    )
  }
  makeKeyFile(file)
  return findKeyFile(file)!
}

const checked = (text: string, source: string): Key => {
  const key = findMasterKey(text)
  if (key !== undefined) return key
  // Not a character of it is printed: it may be a key with a typing error.
  throw new RefusedError(
    `${source} ${text.trim() === '' ? 'is empty' : 'is not a master key'}: expected ${FORMS}. \`postern master-key\` prints a new one, for a new database.`,
  )
}

const refuseInside = (file: string, folder: string): void => {
  const path = relative(resolve(folder), file)
  if (path !== '' && !path.startsWith('..') && resolve(path) !== path) {
    throw new RefusedError(
      `the master key must not be in the folder of the database, where every backup would hold it: move ${file} elsewhere and change master_key_file.`,
    )
  }
}

const findKeyFile = (file: string): Key | undefined => {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new RefusedError(
      `the master key file cannot be read: ${message}. It must belong to the user who runs Postern.`,
    )
  }
  try {
    const { mode, size } = fstatSync(descriptor)
    // Windows has no such bits: there every file seems readable for all.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new RefusedError(`others than its owner may use ${file}, the master key. Run: chmod 600 ${shellWord(file)}`)
    }
    return checked(size > LARGEST_FILE ? '-' : readFileSync(descriptor, 'utf8'), file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error
    throw new RefusedError(`${file} is a folder: expected the file with the master key.`)
  } finally {
    closeSync(descriptor)
  }
}

const shellWord = (text: string): string => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

/** Written aside and then given its name, so that nobody, after whatever crash, reads half a key. The first of several wins. */
const makeKeyFile = (file: string): void => {
  const aside = `${file}.${process.pid}.${random(4).toString('hex')}`
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeNewFile(aside, `${makeMasterKey()}\n`)
    try {
      linkSync(aside, file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(aside, { force: true })
    }
    syncFolder(dirname(file))
  } catch (error) {
    throw new RefusedError(
      `the master key cannot be written: ${(error as Error).message}. Make ${dirname(file)} writable for the user who runs Postern, ` +
        `name another place with master_key_file, or set ${VARIABLE}.`,
    )
  }
}

const writeNewFile = (file: string, content: string): void => {
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    writeSync(descriptor, content)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** A name is on the disk only when its folder is. */
const syncFolder = (folder: string): void => {
  // Windows does not open folders.
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Compares the key with the check value that the first start has left in the database, before anything is written under it.
 * @throws {RefusedError} if the database was begun with another key
 */
export const checkMasterKey = async (settings: SettingStore, masterKey: Key, place: string): Promise<void> => {
  const mine = deriveKey(masterKey, 'master key check').toString('base64url')
  const kept = await settings.writeOnce('master_key_check', mine)
  if (equalInConstantTime(Buffer.from(kept), Buffer.from(mine))) return
  throw new RefusedError(
    `this is not the master key that the database was begun with (it came from ${place}). Nothing was changed. Give the right one, or begin a new database.`,
  )
}

/** Where the key came from, in words. */
export const masterKeyPlace = (config: Config, environment: NodeJS.ProcessEnv = process.env): string =>
  environment[VARIABLE] === undefined ? (masterKeyFile(config) ?? VARIABLE) : VARIABLE
