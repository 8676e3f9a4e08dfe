import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { asStoreError, keepsConnection, mayTryAgain } from '#stores/postgres/errors.ts'
import { grouped } from '#stores/postgres/group.ts'
import { turnstile } from '#stores/postgres/turnstile.ts'
import { refuseUnstorable, type Row } from '#stores/rows.ts'
import { StoreUnavailableError } from '#stores/store.ts'

export type SqlValue = string | number | boolean | Buffer | null | readonly SqlValue[]
export type Query = (text: string, values?: readonly SqlValue[]) => Promise<Row[]>

type Item = Readonly<Record<string, SqlValue>>

type GroupStatement<Column extends string> = {
  /** Under which each connection keeps it prepared. */
  readonly name: string
  /** What one item asks with, by name and PostgreSQL type. */
  readonly columns: Readonly<Record<Column, 'bigint' | 'text' | 'boolean' | 'bytea'>>
  /**
   * Reads the items from `asked` (its column `ordinal` numbers them, and must be among what is selected). `clock.now` is the store's time
   * in seconds, `$1` the offset of the store's clock. It may begin with a comma, to add to the common table expressions.
   */
  readonly text: string
  /** Statements of this kind at a time. A kind that writes has one, so that what waits for its commit shares the next. */
  readonly abreast: number
}

export type PostgresDatabase = {
  /** One statement, durable when it is answered. */
  readonly ask: Query
  /** A verb that many call at once: one statement for all calls of a turn (`group.ts`). Answers with the rows of the caller's item. */
  readonly group: <Column extends string>(
    statement: GroupStatement<Column>,
  ) => (item: Readonly<Record<Column, SqlValue>>) => Promise<readonly Row[]>
  /** Several statements that take effect together, for what is asked for rarely. `work` may run more than once. */
  readonly transaction: <T>(work: (query: Query) => Promise<T>) => Promise<T>
  /** Milliseconds that the store's clock is ahead of the database's, for `store_clock_ms`. */
  readonly clockOffset: () => number
  readonly close: () => Promise<void>
}

export type PostgresDatabaseOptions = { readonly clockOffset: () => number; readonly poolSize: number }

const CONNECT_TIMEOUT_MS = 2000
const STATEMENT_TIMEOUT_MS = 5000
/** Should the server, or the way to it, not even answer that the statement took too long. */
const ANSWER_TIMEOUT_MS = 6000
const PATIENCE_MS = 5000
const MOST_WAITING = 5000
const ITEMS_IN_A_GROUP = 400
const TRANSACTIONS_ABREAST = 2
const MOST_TRIES = 5

const INT8 = 20
/** All integers of the schema are below 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((id: number, format?: 'text' | 'binary') =>
    id === INT8 && format !== 'binary' ? Number : (pg.types.getTypeParser(id, format) as unknown)) as never,
}

/** Opens no connection yet: that is done when the first is needed, and again after one was lost. */
export const postgresDatabase = (url: string, { clockOffset, poolSize }: PostgresDatabaseOptions): PostgresDatabase => {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'postern',
    // The promises are made for READ COMMITTED and a commit that waits for the disk. JIT takes longer than any statement of ours. What
    // is joined is found by its key: without statistics (a new or restored database) the planner would rather read whole tables.
    options: String.raw`-c default_transaction_isolation=read\ committed -c synchronous_commit=on -c jit=off -c enable_hashjoin=off -c enable_mergejoin=off`,
    types,
  })
  // A connection that breaks while nothing is asked of it says so by an event, which would end the process if nobody listened.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))

  const statements = turnstile(poolSize, MOST_WAITING, PATIENCE_MS)
  const transactions = turnstile(TRANSACTIONS_ABREAST, MOST_WAITING, PATIENCE_MS)
  const underWay = new Set<Promise<unknown>>()
  let closing: Promise<void> | undefined

  const onConnection = async <T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
    const client = await pool.connect()
    try {
      const value = await work(client)
      client.release()
      return value
    } catch (error) {
      client.release(!keepsConnection(error))
      throw error
    }
  }

  /** Tries again what lost against another transaction, and says in the words of the store what went wrong. */
  const tried = async <T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await statements(() => onConnection(work))
      } catch (error) {
        if (!mayTryAgain(error) || tries === MOST_TRIES) throw asStoreError(error)
        await sleep(Math.random() * 10 * tries)
      }
    }
  }

  /** `close` waits for what has been begun. */
  const begun = <T>(work: () => Promise<T>): Promise<T> => {
    if (closing !== undefined) return Promise.reject(new StoreUnavailableError('the store is closed'))
    const promise = work()
    underWay.add(promise)
    const done = () => void underWay.delete(promise)
    promise.then(done, done)
    return promise
  }

  const queryOn =
    (client: pg.PoolClient): Query =>
    async (text, values = []) => {
      refuseUnstorable(values)
      const { rows } = await client.query<Record<string, unknown>>(text, [...values])
      return rows
    }

  return {
    clockOffset: () => Math.round(clockOffset()),
    ask: (text, values) => begun(() => tried((client) => queryOn(client)(text, values))),
    group: ({ name, columns, text, abreast }) => {
      const types: Readonly<Record<string, string>> = columns
      const names = Object.keys(types)
      const arrays = names.map((column, n) => `$${n + 2}::${types[column]}[]`).join(', ')
      const whole = `with asked as materialized (
          select * from unnest(${arrays}) with ordinality as asked (${names.join(', ')}, ordinal)
        ), clock as materialized (select store_clock_ms($1::bigint) / 1000 as now)
        ${text}`
      const run = async (items: readonly Item[]): Promise<Row[][]> => {
        const values = [Math.round(clockOffset()), ...names.map((column) => items.map((item) => item[column]!))]
        const { rows } = await tried((client) => client.query<Record<string, unknown>>({ name, text: whole, values }))
        const answers: Row[][] = items.map(() => [])
        for (const row of rows) answers[(row['ordinal'] as number) - 1]!.push(row)
        return answers
      }
      const limits = { items: ITEMS_IN_A_GROUP, abreast, waiting: MOST_WAITING, patienceMs: PATIENCE_MS }
      const ask = grouped(run, limits)
      return (item: Item) =>
        begun(async () => {
          refuseUnstorable(Object.values(item))
          return ask(item)
        })
    },
    transaction: (work) =>
      begun(() =>
        transactions(() =>
          tried(async (client) => {
            const query = queryOn(client)
            await query('begin')
            try {
              const value = await work(query)
              await query('commit')
              return value
            } catch (error) {
              await query('rollback')
              throw error
            }
          }),
        ),
      ),
    close: () => {
      closing ??= Promise.allSettled(underWay).then(() => pool.end())
      return closing
    },
  }
}
