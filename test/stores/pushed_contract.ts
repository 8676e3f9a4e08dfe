import assert from 'node:assert/strict'
import { days, hours, seconds } from '#base/time.ts'
import type { Store } from '#stores/store.ts'
import type { Bench } from './contract.ts'
import { makeWorld, times } from './fixtures.ts'

/** Authorization requests that clients pushed: `pushedRequests`. */
export const pushedContract = ({ promise, clock, either, withOwnDatabase }: Bench): void => {
  const first = either(0)
  const second = either(1)
  const push = async (store: Store) => {
    const { clientId } = await makeWorld(store)
    const query = `client_id=${clientId}&state=ü%00`
    return store.pushedRequests.push({ clientId, query, salt: Buffer.from('0123456789abcdef'), lifetime: seconds(90) })
  }

  promise('a pushed request is found at every node as it was pushed, again and again', async () => {
    const pushed = await push(first)
    assert.equal(pushed.isExpired, false)
    for (const n of [0, 1, 0]) assert.deepEqual(await either(n).pushedRequests.find(pushed.id), pushed)
    assert.equal(await first.pushedRequests.find(pushed.id + 1_000_000), undefined)
    for (const id of [0, -1, Number.MAX_SAFE_INTEGER]) {
      assert.equal(await first.pushedRequests.find(id), undefined)
      assert.equal(await first.pushedRequests.spend(id), false)
    }
  })

  promise('it expires to the second, and may still be spent by who has begun, for a day', async () => {
    const pushed = await push(first)
    clock.pass(seconds(89))
    assert.equal((await first.pushedRequests.find(pushed.id))?.isExpired, false)
    clock.pass(seconds(2))
    assert.equal((await second.pushedRequests.find(pushed.id))?.isExpired, true)
    clock.pass(hours(23))
    assert.equal(await second.pushedRequests.spend(pushed.id), true)
    const other = await push(first)
    clock.pass(days(1))
    assert.equal(await first.pushedRequests.find(other.id), undefined)
    assert.equal(await first.pushedRequests.spend(other.id), false)
  })

  promise('of 50 calls at once at two nodes one spends it, and then it is not found', async () => {
    for (let round = 0; round < 5; round++) {
      const { id } = await push(first)
      const answers = await Promise.all(times(50, (n) => either(n).pushedRequests.spend(id)))
      assert.equal(answers.filter((answer) => answer).length, 1)
      for (const n of [0, 1]) assert.equal(await either(n).pushedRequests.find(id), undefined)
    }
  })

  promise('the sweep deletes it after its day, spent or not', () =>
    withOwnDatabase(async (store, own) => {
      const [one] = [await push(store), await push(store)]
      await store.pushedRequests.spend(one.id)
      const count = async () => Number((await own.query('select count(*) as n from pushed_requests'))[0]!['n'])
      while ((await store.sweep()) > 0);
      assert.equal(await count(), 2)
      clock.pass(days(1))
      while ((await store.sweep()) > 0);
      assert.equal(await count(), 0)
    }),
  )
}
