import pg from 'pg'
import { openPostgresStore } from '#stores/postgres/store.ts'
import { createTestDatabase } from '../support/postgres.ts'
import type { TestDatabase } from './contract.ts'

export type PostgresTestDatabase = TestDatabase & { readonly url: string }

export const postgresTestDatabase = async (): Promise<PostgresTestDatabase> => {
  const { url, drop } = await createTestDatabase()
  return postgresDatabaseAt(url, drop)
}

export const postgresDatabaseAt = (url: string, remove: () => Promise<void>): PostgresTestDatabase => {
  const query = async (sql: string) => {
    const client = new pg.Client(url)
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows
    } finally {
      await client.end()
    }
  }
  const names = async (sql: string) => (await query(sql)).map(({ name }) => name as string)
  return {
    url,
    open: (clockOffset = () => 0) => openPostgresStore(url, { clockOffset, poolSize: 5 }),
    query,
    tables: () => names(`select tablename as name from pg_tables where schemaname = 'public'`),
    indexedColumns: (table) =>
      names(
        `select attname as name from pg_index
         join pg_attribute on attrelid = indrelid and attnum = indkey[0] where indrelid = '${table}'::regclass`,
      ),
    remove,
  }
}
