import { pendingMigrations, refuseForeignTables, type Migration } from '#stores/migrations.ts'
import type { PostgresDatabase } from '#stores/postgres/database.ts'
import { LOCK_MIGRATIONS } from '#stores/postgres/locks.ts'

/**
 * Brings the schema up to this code, in one transaction: a process that is killed in between leaves the database as it was, and
 * one of two that start at once waits for the other and finds nothing to do.
 * @returns the steps that this call did
 */
export const migratePostgres = (database: PostgresDatabase, all: readonly Migration[]): Promise<readonly Migration[]> =>
  database.transaction(async (query) => {
    await query(LOCK_MIGRATIONS)
    const tables = (await query('select tablename as name from pg_tables where schemaname = current_schema()')).map(
      ({ name }) => name as string,
    )
    refuseForeignTables(tables)
    await query(
      'create table if not exists migrations (id bigint primary key, name text not null, applied_at bigint not null)',
    )
    const applied = (await query('select id from migrations order by id')).map(({ id }) => id as number)
    const pending = pendingMigrations(all, applied)
    for (const { id, name, statements } of pending) {
      for (const statement of statements) await query(statement)
      await query(
        'insert into migrations (id, name, applied_at) values ($1, $2, extract(epoch from clock_timestamp())::bigint)',
        [id, name],
      )
    }
    return pending
  })
