import assert from 'node:assert/strict'
import { days, later, minutes, seconds, type EpochSeconds, type Seconds } from '#base/time.ts'
import type { OneTimeKind, Store } from '#stores/store.ts'
import { ONE_TIME_VALUES_KEPT, SWEEP_BATCH } from '#stores/tables.ts'
import type { Bench } from './contract.ts'
import { digest, times, uniqueName } from './fixtures.ts'

/** Values that work once: `oneTimeValues`. */
export const oneTimeContract = ({ promise, clock, either, query, withOwnDatabase }: Bench): void => {
  const first = either(0)
  const second = either(1)
  const valueOf = async (
    store: Store,
    {
      name = uniqueName('jti'),
      kind = 'dpop_proof',
      lifetime = minutes(1),
    }: { readonly name?: string; readonly kind?: OneTimeKind; readonly lifetime?: Seconds } = {},
  ) => ({ kind, digest: digest(name), until: later(await store.now(), lifetime) })
  const countOf = (answers: readonly boolean[]) => answers.filter((answer) => answer).length

  promise('a value is spent once, at whichever node, and another one is another', async () => {
    const value = await valueOf(first)
    assert.equal(await first.oneTimeValues.spend(value), true)
    assert.equal(await first.oneTimeValues.spend(value), false)
    assert.equal(await second.oneTimeValues.spend(value), false)
    assert.equal(await second.oneTimeValues.spend(await valueOf(second)), true)
  })

  promise('of 50 calls at once at two nodes one spends the value', async () => {
    for (let round = 0; round < 10; round++) {
      const value = await valueOf(first)
      const answers = await Promise.all(times(50, (n) => either(n).oneTimeValues.spend(value)))
      assert.equal(countOf(answers), 1)
    }
  })

  promise(
    'of many values at once, each shown many times in another order at each node, each is spent once',
    async () => {
      const values = await Promise.all(times(40, () => valueOf(first)))
      const asked = times(800, (n) => ({ n, value: values[(n % 2 === 0 ? n * 7 : 800 - n) % 40]! }))
      const answers = await Promise.all(asked.map(({ n, value }) => either(n).oneTimeValues.spend(value)))
      const spent = Map.groupBy(asked, ({ value }) => value)
      for (const [value, shown] of spent)
        assert.equal(countOf(shown.map(({ n }) => answers[n]!)), 1, String(value.until))
      assert.equal(spent.size, 40)
    },
  )

  promise('a kind is a namespace of its own', async () => {
    const name = uniqueName('jti')
    for (const kind of ['client_assertion', 'dpop_proof'] as const) {
      const value = await valueOf(first, { name, kind })
      assert.equal(await first.oneTimeValues.spend(value), true)
      assert.equal(await second.oneTimeValues.spend(value), false)
    }
  })

  promise('from `until` on nothing is spent, by the clock of the store, and it is spent a second before', async () => {
    const [early, late] = [await valueOf(first), await valueOf(first)]
    clock.pass(seconds(59))
    // The clock moves on by itself as well, but hardly by a second.
    const now = await first.now()
    assert.equal(await second.oneTimeValues.spend({ ...early, until: later(now, seconds(2)) }), true)
    for (const until of [now, later(now, seconds(-1)), later(now, seconds(-100))]) {
      assert.equal(await second.oneTimeValues.spend({ ...late, until }), false)
    }
  })

  promise('what would have to be remembered for longer than a day is not spent', async () => {
    const lifetime = seconds(ONE_TIME_VALUES_KEPT)
    assert.equal(await first.oneTimeValues.spend(await valueOf(first, { lifetime: seconds(lifetime - 10) })), true)
    assert.equal(await first.oneTimeValues.spend(await valueOf(first, { lifetime: seconds(lifetime + 10) })), false)
    for (const until of [Infinity, NaN, 1e300, 2 ** 62]) {
      assert.equal(await first.oneTimeValues.spend({ ...(await valueOf(first)), until: until as EpochSeconds }), false)
    }
  })

  promise('neither a restart nor a sweep brings a spent value back, at any time', async () => {
    await withOwnDatabase(async (store, own) => {
      const value = await valueOf(store)
      assert.equal(await store.oneTimeValues.spend(value), true)
      const again = await own.open(clock.offset)
      try {
        for (let passed = 0; passed < 200; passed += 20) {
          assert.equal(await again.oneTimeValues.spend(value), false, `after ${passed} s`)
          await again.sweep()
          assert.equal(await again.oneTimeValues.spend(value), false, `after ${passed} s and a sweep`)
          clock.pass(seconds(20))
        }
        assert.deepEqual(await own.query('select forget_at from one_time_values'), [])
      } finally {
        await again.close()
      }
    })
  })

  promise('whether the row of a value whose time is over was swept makes no difference', async () => {
    await withOwnDatabase(async (store) => {
      for (const sweeps of [true, false]) {
        const value = await valueOf(store)
        assert.equal(await store.oneTimeValues.spend(value), true)
        clock.pass(minutes(10))
        if (sweeps) await store.sweep()
        // Somebody has signed another thing under the same name, and that one works once too.
        const later = { ...value, until: (await valueOf(store)).until }
        const answers = await Promise.all(times(10, () => store.oneTimeValues.spend(later)))
        assert.equal(countOf(answers), 1)
      }
    })
  })

  promise('of many that expire a sweep takes a batch, and leaves those that do not', async () => {
    await withOwnDatabase(async (store, own) => {
      const count = SWEEP_BATCH + 20
      const short = await Promise.all(times(count, () => valueOf(store)))
      const long = await Promise.all(times(30, () => valueOf(store, { lifetime: days(1) })))
      const answers = await Promise.all([...short, ...long].map((value) => store.oneTimeValues.spend(value)))
      assert.equal(countOf(answers), count + 30)
      clock.pass(minutes(5))
      assert.equal(await store.sweep(), SWEEP_BATCH)
      assert.equal(await store.sweep(), 20)
      assert.equal(await store.sweep(), 0)
      const [row] = await own.query('select count(*) as count from one_time_values')
      assert.equal(Number(row!['count']), 30)
    })
  })

  promise('the row tells neither the value nor who signed it', async () => {
    const name = uniqueName('a jti to be known')
    await first.oneTimeValues.spend(await valueOf(first, { name }))
    const keys = (await query('select key from one_time_values')).map(({ key }) => Buffer.from(key as Uint8Array))
    assert.ok(keys.some((key) => key.includes(digest(name))))
    assert.ok(!keys.some((key) => key.includes(name)))
  })
}
