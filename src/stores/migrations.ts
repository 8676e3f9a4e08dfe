import { StoreRefusedError } from '#stores/store.ts'
import { TABLES } from '#stores/tables.ts'

/** One step of the schema. It runs once, in a transaction, in the order of the list; a step that has been released never changes. */
export type Migration = {
  readonly id: number
  /** What changes, in a few words. */
  readonly name: string
  readonly statements: readonly string[]
}

/**
 * The steps that are still to be done.
 * @param applied - ids of those that are done
 * @throws {StoreRefusedError} if the database is ahead of this code: an older Postern must not write what it does not understand
 */
export const pendingMigrations = (all: readonly Migration[], applied: readonly number[]): readonly Migration[] => {
  const known = new Set(all.map(({ id }) => id))
  const unknown = applied.filter((id) => !known.has(id))
  if (unknown.length > 0) {
    throw new StoreRefusedError(
      `the database is ahead of this Postern: it has migration ${unknown.join(', ')}, and this code knows ${all.at(-1)?.id ?? 0} at most. ` +
        `Start the version that made it, or a later one; or restore a backup from before the upgrade.`,
    )
  }
  const done = new Set(applied)
  return all.filter(({ id }) => !done.has(id))
}

/**
 * @param tables - those that are there before the first step
 * @throws {StoreRefusedError} if another program has tables there whose names we need
 */
export const refuseForeignTables = (tables: readonly string[]): void => {
  const foreign = tables.filter((name) => Object.hasOwn(TABLES, name))
  if (foreign.length === 0 || tables.includes('migrations')) return
  throw new StoreRefusedError(
    `the database belongs to another program: it has a table ${foreign.join(', ')}, and none that says Postern made it. ` +
      `Give Postern a database of its own.`,
  )
}
