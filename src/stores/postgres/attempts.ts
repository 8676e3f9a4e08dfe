import { seconds } from '#base/time.ts'
import type { PostgresDatabase } from '#stores/postgres/database.ts'
import type { AttemptStore, Reservation } from '#stores/store.ts'

type Emptied = Extract<Reservation, { admitted: false }>['emptied']

export const postgresAttempts = (database: PostgresDatabase): AttemptStore => {
  const reserve = database.group({
    name: 'reserve_attempt',
    columns: {
      pair: 'bytea',
      pair_burst: 'bigint',
      pair_refill: 'bigint',
      subject: 'bytea',
      subject_burst: 'bigint',
      subject_refill: 'bigint',
      address: 'bytea',
      address_burst: 'bigint',
      address_refill: 'bigint',
    },
    text: `select asked.ordinal, reserved.emptied, reserved.retry_after from asked
      cross join lateral reserve_attempt($1, pair, pair_burst, pair_refill, subject, subject_burst, subject_refill,
        address, address_burst, address_refill) as reserved`,
    abreast: 1,
  })
  const refund = database.group({
    name: 'refund_attempt',
    columns: {
      pair: 'bytea',
      pair_refill: 'bigint',
      subject: 'bytea',
      subject_refill: 'bigint',
      address: 'bytea',
      address_refill: 'bigint',
      known_for: 'bigint',
    },
    text: `select asked.ordinal,
        refund_attempt($1, pair, pair_refill, subject, subject_refill, address, address_refill, known_for) from asked`,
    abreast: 1,
  })

  return {
    reserve: async ({ pair, subject, address }) => {
      const [row] = await reserve({
        pair: pair.key,
        pair_burst: pair.burst,
        pair_refill: pair.refill,
        subject: subject.key,
        subject_burst: subject.burst,
        subject_refill: subject.refill,
        address: address.key,
        address_burst: address.burst,
        address_refill: address.refill,
      })
      const { emptied, retry_after: retryAfter } = row!
      if (emptied === null) return { admitted: true }
      return { admitted: false, emptied: emptied as Emptied, retryAfter: seconds(retryAfter as number) }
    },
    refund: async ({ pair, subject, address }, knownFor) => {
      await refund({
        pair: pair.key,
        pair_refill: pair.refill,
        subject: subject.key,
        subject_refill: subject.refill,
        address: address.key,
        address_refill: address.refill,
        known_for: knownFor,
      })
    },
  }
}
