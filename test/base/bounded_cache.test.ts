import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBoundedCache } from '#base/bounded_cache.ts'

type Step = { readonly verb: 'find' | 'set' | 'delete'; readonly key: number }

/** A list, the one used last at its end. */
const modelOf = (limit: number) => {
  let entries: { readonly key: number; readonly value: object }[] = []
  const without = (key: number) => entries.filter((entry) => entry.key !== key)
  return {
    find: (key: number): object | undefined => {
      const entry = entries.find((each) => each.key === key)
      if (entry !== undefined) entries = [...without(key), entry]
      return entry?.value
    },
    set: (key: number, value: object): void => {
      entries = [...without(key), { key, value }].slice(-limit)
    },
    delete: (key: number): void => {
      entries = without(key)
    },
  }
}

test('it behaves as a list of at most so many entries from which the one used longest ago falls', () => {
  const step = fc.record<Step>({
    verb: fc.constantFrom('find', 'set', 'set', 'delete'),
    key: fc.integer({ min: 0, max: 7 }),
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 60 }), (limit, steps) => {
      const cache = createBoundedCache<number, object>(limit)
      const model = modelOf(limit)
      for (const { verb, key } of steps) {
        const value = { key }
        if (verb === 'find') assert.equal(cache.find(key), model.find(key))
        if (verb === 'set') (cache.set(key, value), model.set(key, value))
        if (verb === 'delete') (cache.delete(key), model.delete(key))
      }
      // In an order that changes nothing that is still asked about.
      for (let key = 0; key <= 7; key++) assert.equal(cache.find(key), model.find(key))
    }),
    { numRuns: 500 },
  )
})

test('to set a key again replaces its value and pushes nobody out', () => {
  const cache = createBoundedCache<string, { n: number }>(2)
  cache.set('a', { n: 1 })
  cache.set('b', { n: 2 })
  cache.set('a', { n: 3 })
  assert.deepEqual(cache.find('a'), { n: 3 })
  assert.deepEqual(cache.find('b'), { n: 2 })
})
