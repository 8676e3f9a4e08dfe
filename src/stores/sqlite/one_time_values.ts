import { oneTimeKey } from '#stores/one_time_values.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import type { OneTimeValueStore } from '#stores/store.ts'
import { ONE_TIME_VALUES_KEPT, ONE_TIME_VALUES_SLACK } from '#stores/tables.ts'

export const sqliteOneTimeValues = (database: SqliteDatabase): OneTimeValueStore => {
  // One whose time is over stands for nothing any more, whether it has been swept yet or not.
  const spend = database.prepare(
    `insert into one_time_values (key, forget_at)
     select ?1, ?2 + ${ONE_TIME_VALUES_SLACK} where ?2 > ?3 and ?2 <= ?3 + ${ONE_TIME_VALUES_KEPT}
     on conflict (key) do update set forget_at = excluded.forget_at
       where one_time_values.forget_at <= ?3 + ${ONE_TIME_VALUES_SLACK}`,
  )
  return {
    spend: ({ kind, digest, until }) =>
      database.write(
        (now) => Number.isSafeInteger(until) && spend.run(oneTimeKey(kind, digest), until, now.seconds) === 1,
      ),
  }
}
