import { seconds } from '#base/time.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import type { AttemptStore, Bucket } from '#stores/store.ts'

export const sqliteAttempts = (database: SqliteDatabase): AttemptStore => {
  const find = database.prepare('select full_at_ms, known_until from attempts where key = ?')
  const put = database.prepare(
    `insert into attempts (key, full_at_ms, known_until, forget_at) values (?1, ?2, 0, ?3)
     on conflict (key) do update set full_at_ms = excluded.full_at_ms, forget_at = max(known_until, excluded.forget_at)`,
  )
  const putBack = database.prepare('update attempts set full_at_ms = full_at_ms - ? where key = ?')
  const remember = database.prepare(
    `insert into attempts (key, full_at_ms, known_until, forget_at) values (?2, 0, ?1, ?1)
     on conflict (key) do update set known_until = excluded.known_until, forget_at = max(forget_at, excluded.forget_at)`,
  )
  const isKnown = (pair: Bucket, now: number): boolean =>
    ((find.get(pair.key)?.['known_until'] as number | undefined) ?? 0) > now

  return {
    reserve: ({ pair, subject, address }) =>
      database.write(({ milliseconds, seconds: now }) => {
        const asked = [
          ['pair', pair],
          ...(isKnown(pair, now) ? [] : ([['subject', subject]] as const)),
          ['address', address],
        ] as const satisfies readonly (readonly [string, Bucket])[]
        const taken: { readonly bucket: Bucket; readonly fullAt: number }[] = []
        for (const [name, bucket] of asked) {
          const fullAt =
            Math.max(milliseconds, (find.get(bucket.key)?.['full_at_ms'] as number | undefined) ?? 0) +
            bucket.refill * 1000
          const excess = fullAt - milliseconds - bucket.burst * bucket.refill * 1000
          if (excess > 0) return { admitted: false, emptied: name, retryAfter: seconds(Math.ceil(excess / 1000)) }
          taken.push({ bucket, fullAt })
        }
        for (const { bucket, fullAt } of taken) put.run(bucket.key, fullAt, Math.floor(fullAt / 1000) + 1)
        return { admitted: true }
      }),
    refund: ({ pair, subject, address }, knownFor) =>
      database.write((now) => {
        const taken = isKnown(pair, now.seconds) ? [pair, address] : [pair, subject, address]
        for (const bucket of taken) putBack.run(bucket.refill * 1000, bucket.key)
        remember.run(now.seconds + knownFor, pair.key)
      }),
  }
}
