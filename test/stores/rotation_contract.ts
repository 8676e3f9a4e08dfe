import assert from 'node:assert/strict'
import fc from 'fast-check'
import { days, hours, seconds } from '#base/time.ts'
import type { Authorization } from '#stores/records.ts'
import type { Rotation } from '#stores/store.ts'
import type { Bench } from './contract.ts'
import { authorizePassword, bridgeOf, makeWorld, passwordAuthorization, rotationOf, times } from './fixtures.ts'

const FAMILIES = process.env['POSTERN_SOAK'] === '1' ? 2000 : 200

/** Refresh token families: `authorizations.rotate`. */
export const rotationContract = ({ promise, clock, either }: Bench): void => {
  const first = either(0)
  const second = either(1)
  const family = async () => {
    const world = await makeWorld(first)
    return {
      ...world,
      authorization: await authorizePassword(first, passwordAuthorization(world.account, world.clientId)),
    }
  }
  const outcomes = (all: readonly (Rotation | undefined)[]) =>
    Object.fromEntries(
      [...Map.groupBy(all, (each) => each?.outcome ?? 'undefined')].map(([outcome, those]) => [outcome, those.length]),
    )
  const rotateAt = (n: number, { id }: Authorization, generation: number, more: object = {}) =>
    either(n).authorizations.rotate({ ...rotationOf({ id, generation }), ...more })
  const isLive = async ({ id }: Authorization) => (await second.authorizations.findLive(id)) !== undefined

  promise('a rotation moves the family on by one, writes down the use and moves the expiry on', async () => {
    const { authorization } = await family()
    clock.pass(days(2))
    const rotation = await rotateAt(0, authorization, 0)
    assert.equal(rotation?.outcome, 'rotated')
    const { authorization: moved } = rotation as Rotation & { outcome: 'rotated' }
    const { lastUsedAt } = moved
    assert.ok(lastUsedAt >= authorization.lastUsedAt + days(2))
    assert.deepEqual(moved, { ...authorization, generation: 1, lastUsedAt, expiresAt: lastUsedAt + days(30) })
    assert.deepEqual((await second.authorizations.findLive(authorization.id))?.authorization, moved)
    const last = await rotateAt(1, authorization, 1, { idle: days(1000) })
    assert.ok(last?.outcome === 'rotated' && last.authorization.expiresAt === authorization.absoluteExpiresAt)
  })

  promise(
    'of many rotations of one generation at once one wins, and as many as may be are given the same',
    async () => {
      for (let round = 0; round < 5; round++) {
        const { authorization } = await family()
        const all = await Promise.all(times(50, (n) => rotateAt(n, authorization, 0, { replays: 49 })))
        assert.deepEqual(outcomes(all), { rotated: 1, replayed: 49 })
        for (const each of all) assert.ok(each?.outcome !== 'reused' && each?.authorization.generation === 1)
        assert.ok(await isLive(authorization))
      }
    },
  )

  promise('of more rotations at once than replays the first too many ends the authorization', async () => {
    for (let round = 0; round < 5; round++) {
      const { authorization } = await family()
      const bridged = bridgeOf(authorization.id)
      await first.platformSessions.bridge(bridged)
      const all = await Promise.all(times(50, (n) => rotateAt(n, authorization, 0)))
      assert.deepEqual(outcomes(all), { rotated: 1, replayed: 5, reused: 1, undefined: 43 })
      assert.ok(!(await isLive(authorization)))
      assert.equal(await second.platformSessions.findLive(bridged.candidate.digest), undefined)
      assert.equal(await rotateAt(0, authorization, 1), undefined)
    }
  })

  promise('the window closes when the successor is used', async () => {
    const { authorization } = await family()
    assert.equal((await rotateAt(0, authorization, 0))?.outcome, 'rotated')
    assert.equal((await rotateAt(1, authorization, 0))?.outcome, 'replayed')
    assert.equal((await rotateAt(0, authorization, 1))?.outcome, 'rotated')
    assert.ok(await isLive(authorization))
    assert.equal((await rotateAt(1, authorization, 0))?.outcome, 'reused')
    assert.ok(!(await isLive(authorization)))
    for (const generation of [0, 1, 2]) assert.equal(await rotateAt(0, authorization, generation), undefined)
  })

  promise('the window closes when its time is over, and one of no seconds is never open', async () => {
    const { authorization } = await family()
    await rotateAt(0, authorization, 0)
    clock.pass(seconds(90))
    assert.equal((await rotateAt(1, authorization, 0))?.outcome, 'replayed')
    clock.pass(seconds(10))
    assert.equal((await rotateAt(1, authorization, 0))?.outcome, 'reused')
    assert.ok(!(await isLive(authorization)))
    const { authorization: strict } = await family()
    const all = await Promise.all(times(20, (n) => rotateAt(n, strict, 0, { window: seconds(0) })))
    assert.deepEqual(outcomes(all), { rotated: 1, reused: 1, undefined: 18 })
  })

  promise('each successor has a window and replays of its own, and a replay moves nothing', async () => {
    const { authorization } = await family()
    for (const generation of [0, 1, 2]) {
      const rotated = await rotateAt(0, authorization, generation)
      clock.pass(seconds(50))
      for (let n = 0; n < 5; n++) {
        const replayed = await rotateAt(n, authorization, generation)
        assert.deepEqual(replayed, { ...rotated, outcome: 'replayed' })
      }
      clock.pass(hours(1))
    }
    assert.equal((await rotateAt(0, authorization, 2))?.outcome, 'reused')
  })

  promise(
    'a generation that never was changes nothing, and neither does an authorization that is not live',
    async () => {
      const { authorization, account, clientId } = await family()
      for (const generation of [1, 2, 1_000_000, 2 ** 53, 1e300, NaN, 0.5, Infinity]) {
        assert.equal(await rotateAt(0, authorization, generation), undefined)
      }
      assert.deepEqual((await second.authorizations.findLive(authorization.id))?.authorization, authorization)
      const ends = [
        (each: Awaited<ReturnType<typeof family>>) => second.authorizations.end(each.authorization.id),
        (each: Awaited<ReturnType<typeof family>>) => second.accounts.disable(each.account.id),
        (each: Awaited<ReturnType<typeof family>>) => second.clients.disable(each.clientId),
        (each: Awaited<ReturnType<typeof family>>) => second.grants.end(each.account.id, each.clientId),
        (each: Awaited<ReturnType<typeof family>>) => second.browserSessions.endAll(each.account.id),
        () => Promise.resolve(clock.pass(days(31))),
      ]
      for (const end of ends) {
        const made = await family()
        await rotateAt(0, made.authorization, 0)
        await end(made)
        for (const generation of [0, 1, 2]) assert.equal(await rotateAt(1, made.authorization, generation), undefined)
        assert.deepEqual(await second.authorizations.list(made.account.id), [])
      }
      assert.deepEqual(await second.authorizations.list(account.id), [])
      const again = await authorizePassword(first, passwordAuthorization(account, clientId))
      assert.equal(again.generation, 0)
    },
  )

  promise('of a family in many hands at most one generation is live, whatever they do at once', async () => {
    // What they do at once must look as if it had been done in some order: this is the family that each order would leave.
    type Family = {
      readonly generation: number
      readonly age: number
      readonly replays: number
      readonly isLive: boolean
    }
    type Action = { readonly verb: 'rotate'; readonly back: number } | { readonly verb: 'use' | 'end' }
    const act = (before: Family, action: Action, generation: number): readonly [string, Family] => {
      if (!before.isLive) return ['undefined', before]
      if (action.verb === 'end') return ['ended', { ...before, isLive: false }]
      if (action.verb === 'use') return [`used ${before.generation}`, before]
      if (generation > before.generation) return ['undefined', before]
      if (generation === before.generation) {
        return [`rotated ${generation + 1}`, { ...before, generation: generation + 1, age: 0, replays: 0 }]
      }
      const isOpen = generation === before.generation - 1 && before.age < 100 && before.replays < 5
      if (isOpen) return [`replayed ${before.generation}`, { ...before, replays: before.replays + 1 }]
      return ['reused', { ...before, isLive: false }]
    }
    const orders = <T>(all: readonly T[]): T[][] =>
      all.length === 0 ? [[]] : all.flatMap((each, n) => orders(all.toSpliced(n, 1)).map((rest) => [each, ...rest]))

    const action: fc.Arbitrary<Action> = fc.oneof(
      {
        weight: 12,
        arbitrary: fc.record({
          verb: fc.constant('rotate' as const),
          back: fc.constantFrom(0, 0, 0, 0, 0, 1, 1, 2, -1),
        }),
      },
      { weight: 2, arbitrary: fc.record({ verb: fc.constant('use' as const) }) },
      { weight: 1, arbitrary: fc.record({ verb: fc.constant('end' as const) }) },
    )
    // No sum of leaps comes near the window of 100 s, so that the seconds that pass by themselves decide nothing.
    const step = fc.record({
      leap: fc.constantFrom(0, 0, 30, 3600),
      actions: fc.array(action, { minLength: 1, maxLength: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
        const { authorization } = await family()
        const { id } = authorization
        let possible: readonly Family[] = [{ generation: 0, age: 1000, replays: 0, isLive: true }]
        for (const { leap, actions } of steps) {
          clock.pass(seconds(leap))
          const aged = possible.map((each) => ({ ...each, age: each.age + leap }))
          const newest = Math.max(...possible.map(({ generation }) => generation))
          const asked = actions.map((each) => ({
            action: each,
            generation: each.verb === 'rotate' ? Math.max(0, newest - each.back) : 0,
          }))
          const answers = await Promise.all(
            asked.map(async ({ action: each, generation }, n) => {
              if (each.verb === 'rotate') {
                const rotation = await rotateAt(n, authorization, generation)
                if (rotation === undefined || rotation.outcome === 'reused') return rotation?.outcome ?? 'undefined'
                return `${rotation.outcome} ${rotation.authorization.generation}`
              }
              if (each.verb === 'end') return either(n).authorizations.end(id)
              const used = await either(n).authorizations.use(id, days(30))
              return used === undefined ? 'undefined' : `used ${used.generation}`
            }),
          )
          const left = new Map<string, Family>()
          for (const order of orders([...asked.keys()])) {
            for (const before of aged) {
              let now = before
              const fits = order.every((n) => {
                const [answer, after] = act(now, asked[n]!.action, asked[n]!.generation)
                now = after
                return answers[n] === undefined || answers[n] === answer
              })
              if (fits) left.set(JSON.stringify(now), now)
            }
          }
          const live = (await first.authorizations.findLive(id))?.authorization
          possible = [...left.values()].filter((each) =>
            live === undefined ? !each.isLive : each.isLive && each.generation === live.generation,
          )
          const what = JSON.stringify({ aged, asked, answers, live: live?.generation ?? null })
          assert.ok(possible.length > 0, `no order gives these answers: ${what}`)
        }
      }),
      { numRuns: FAMILIES },
    )
  })
}
