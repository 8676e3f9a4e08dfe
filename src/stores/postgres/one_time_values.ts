import { oneTimeKey } from '#stores/one_time_values.ts'
import type { PostgresDatabase } from '#stores/postgres/database.ts'
import type { OneTimeValueStore } from '#stores/store.ts'
import { ONE_TIME_VALUES_KEPT, ONE_TIME_VALUES_SLACK } from '#stores/tables.ts'

export const postgresOneTimeValues = (database: PostgresDatabase): OneTimeValueStore => {
  // Two of one group with the same value are one row: the first is it. A row that another node is inserting is waited for.
  const spend = database.group({
    name: 'spend_one_time_value',
    columns: { key: 'bytea', until: 'bigint' },
    text: `, chosen as materialized (
        select distinct on (key) key, until, ordinal from asked
        where until > (select now from clock) and until <= (select now from clock) + ${ONE_TIME_VALUES_KEPT}
        order by key, ordinal
      ), spent as (
        insert into one_time_values as old (key, forget_at)
        select key, until + ${ONE_TIME_VALUES_SLACK} from chosen order by key
        on conflict (key) do update set forget_at = excluded.forget_at
          where old.forget_at <= (select now from clock) + ${ONE_TIME_VALUES_SLACK}
        returning key
      )
      select ordinal, key in (select key from spent) as is_spent from chosen`,
    abreast: 1,
  })
  return {
    spend: async ({ kind, digest, until }) => {
      if (!Number.isSafeInteger(until)) return false
      const [row] = await spend({ key: oneTimeKey(kind, digest), until })
      return row?.['is_spent'] === true
    },
  }
}
