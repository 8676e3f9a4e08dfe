import { pendingMigrations, refuseForeignTables, type Migration } from '#stores/migrations.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'

/**
 * Brings the schema up to this code, in one transaction: a process that is killed in between leaves the database as it was, and
 * one of two that start at once waits for the other and finds nothing to do.
 * @returns the steps that this call did
 */
export const migrateSqlite = (database: SqliteDatabase, all: readonly Migration[]): Promise<readonly Migration[]> =>
  database.write((now) => {
    const tables = database.prepare("select name from sqlite_schema where type = 'table'").all()
    refuseForeignTables(tables.map(({ name }) => name as string))
    database
      .prepare(
        'create table if not exists migrations (id integer primary key, name text not null, applied_at integer not null) strict',
      )
      .run()
    const applied = database.prepare('select id from migrations order by id').all()
    const pending = pendingMigrations(
      all,
      applied.map(({ id }) => id as number),
    )
    for (const { id, name, statements } of pending) {
      for (const statement of statements) database.prepare(statement).run()
      database.prepare('insert into migrations (id, name, applied_at) values (?, ?, ?)').run(id, name, now.seconds)
    }
    return pending
  })
