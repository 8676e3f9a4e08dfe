import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openSqliteStore } from '#stores/sqlite/store.ts'
import type { TestDatabase } from './contract.ts'

export type SqliteTestDatabase = TestDatabase & { readonly file: string }

/** A file in a folder of its own. */
export const sqliteTestDatabase = (): SqliteTestDatabase => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-sqlite-'))
  const file = join(folder, 'postern.db')
  const query = (sql: string) => {
    const database = new DatabaseSync(file, { timeout: 5000 })
    try {
      return database.prepare(sql).all()
    } finally {
      database.close()
    }
  }
  return {
    file,
    open: (clockOffset = () => 0) => openSqliteStore(file, { clockOffset }),
    query: (sql) => Promise.resolve(query(sql)),
    tables: () =>
      Promise.resolve(
        query(`select name from sqlite_schema where type = 'table' and name not like 'sqlite!_%' escape '!'`).map(
          ({ name }) => name as string,
        ),
      ),
    indexedColumns: (table) =>
      Promise.resolve(
        query(
          `select info.name from pragma_index_list('${table}') as list, pragma_index_info(list.name) as info where info.seqno = 0`,
        ).map(({ name }) => name as string),
      ),
    remove: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
  }
}
