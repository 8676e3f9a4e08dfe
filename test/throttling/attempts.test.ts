import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OverloadedError } from '#base/password_hashing.ts'
import { days, seconds, type Seconds } from '#base/time.ts'
import type { Attempt, AttemptStore, Reservation } from '#stores/store.ts'
import { createAttempts, networkOf, type ThrottlingSettings } from '#throttling/attempts.ts'
import { times } from '../stores/fixtures.ts'

// ── Addresses ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const group = fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 0xffff }))
const groups = fc.array(group, { minLength: 8, maxLength: 8 })

/** Some spelling of an IPv6 address that RFC 4291 §2.2 allows. */
const spelling = (words: readonly number[]): fc.Arbitrary<string> =>
  fc
    .record({
      isUpper: fc.boolean(),
      isPadded: fc.boolean(),
      zone: fc.constantFrom('', '', '%eth0', '%3'),
      endsInIpv4: fc.boolean(),
      squeezed: fc.nat(40),
    })
    .map(({ isUpper, isPadded, zone, endsInIpv4, squeezed }) => {
      const hex = words.map((word) => word.toString(16).padStart(isPadded ? 4 : 1, '0'))
      const parts = isUpper ? hex.map((text) => text.toUpperCase()) : hex
      const [high = 0, low = 0] = words.slice(6)
      const tail = endsInIpv4 ? [[high >> 8, high & 255, low >> 8, low & 255].join('.')] : parts.slice(6)
      const all = [...parts.slice(0, 6), ...tail]
      // Any one run of zero groups may be written `::`.
      const places = all.flatMap((_, from) =>
        times(all.length - from, (n) => [from, from + n + 1] as const).filter(([start, end]) =>
          all.slice(start, end).every((part) => /^0+$/.test(part)),
        ),
      )
      const place = places.length === 0 ? undefined : places[squeezed % (places.length + 1)]
      const text =
        place === undefined ? all.join(':') : `${all.slice(0, place[0]).join(':')}::${all.slice(place[1]).join(':')}`
      return text + zone
    })

test('two addresses of one /64 are one network, however each is spelled', () => {
  const pair = fc
    .tuple(groups, groups)
    .chain(([one, two]) => fc.tuple(fc.constant(one), spelling(one), spelling([...one.slice(0, 4), ...two.slice(4)])))
  fc.assert(
    fc.property(pair, ([words, one, two]) => {
      const expected = `${words
        .slice(0, 4)
        .map((word) => word.toString(16))
        .join(':')}::/64`
      assert.equal(networkOf(one), expected, one)
      assert.equal(networkOf(two), expected, two)
    }),
    { numRuns: 2000 },
  )
})

test('addresses of different /64 are different networks, however each is spelled', () => {
  const pair = fc
    .tuple(groups, fc.nat(3), fc.integer({ min: 1, max: 0xffff }))
    .chain(([one, at, by]) => fc.tuple(spelling(one), spelling(one.map((word, n) => (n === at ? word ^ by : word)))))
  fc.assert(
    fc.property(pair, ([one, two]) => assert.notEqual(networkOf(one), networkOf(two), `${one} ${two}`)),
    { numRuns: 1000 },
  )
})

test('an IPv4 address counts alone', () => {
  assert.equal(networkOf('192.0.2.1'), '192.0.2.1')
  assert.notEqual(networkOf('192.0.2.1'), networkOf('192.0.2.2'))
})

test('the spellings of RFC 5952 §1 and §2 are read', () => {
  for (const [address, network] of [
    ['::', '0:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8::', '2001:db8:0:0::/64'],
    ['2001:DB8:0:0:1::1', '2001:db8:0:0::/64'],
    ['2001:db8::1:0:0:1', '2001:db8:0:0::/64'],
    ['2001:0db8:0001:0002:0003:0004:0005:0006', '2001:db8:1:2::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
    ['::2:3:4:5:6:7:8', '0:2:3:4::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.33', '64:ff9b:0:0::/64'],
    ['::1:2:3:4:192.0.2.33', '0:0:1:2::/64'],
  ])
    assert.equal(networkOf(address!), network)
})

// ── Attempts ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const SETTINGS: ThrottlingSettings = {
  pair: { burst: 10, refill: seconds(60) },
  subject: { burst: 100, refill: seconds(60) },
  address: { burst: 100, refill: seconds(6) },
  waiting: 200,
}
const AT = { subject: 'account x', address: '192.0.2.1' }

const fakeStore = (answer: (attempt: Attempt) => Reservation = () => ({ admitted: true })) => {
  const reserved: Attempt[] = []
  const refunded: { attempt: Attempt; knownFor: Seconds }[] = []
  const store: AttemptStore = {
    reserve: (attempt) => {
      reserved.push(attempt)
      return Promise.resolve(answer(attempt))
    },
    refund: (attempt, knownFor) => {
      refunded.push({ attempt, knownFor })
      return Promise.resolve()
    },
  }
  return { store, reserved, refunded }
}

/** A check that ends when it is told to. */
const gate = () => {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  let running = 0
  let most = 0
  const check = async (): Promise<string> => {
    most = Math.max(most, ++running)
    await opened
    running--
    return 'right'
  }
  return { check, open, most: () => most }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('an attempt is taken before the check, and given back only after a success', async () => {
  const { store, reserved, refunded } = fakeStore()
  const attempts = createAttempts(store, SETTINGS)
  const order: string[] = []
  const right = await attempts.at(AT, () => {
    order.push(`${reserved.length} taken, ${refunded.length} given back`)
    return Promise.resolve({ id: 7 })
  })
  assert.deepEqual(order, ['1 taken, 0 given back'])
  assert.deepEqual(right, { outcome: 'succeeded', value: { id: 7 } })
  assert.equal(refunded.length, 1)
  assert.equal(refunded[0]!.attempt, reserved[0])
  assert.equal(refunded[0]!.knownFor, days(30))
  assert.deepEqual(await attempts.at(AT, () => Promise.resolve(undefined)), { outcome: 'failed', wasThrottled: false })
  assert.equal(reserved.length, 2)
  assert.equal(refunded.length, 1)
})

test('a value that is false, zero or empty is a success', async () => {
  const { store, refunded } = fakeStore()
  const attempts = createAttempts(store, SETTINGS)
  for (const value of [false, 0, '', null])
    assert.deepEqual(await attempts.at(AT, () => Promise.resolve(value)), { outcome: 'succeeded', value })
  assert.equal(refunded.length, 4)
})

test('a check that throws is thrown on, and its attempt stays taken', async () => {
  const { store, reserved, refunded } = fakeStore()
  const attempts = createAttempts(store, SETTINGS)
  const failing = () => Promise.reject(new Error('the hash failed'))
  await assert.rejects(attempts.at(AT, failing), /the hash failed/)
  await assert.rejects(
    attempts.at(AT, () => {
      throw new Error('at once')
    }),
    /at once/,
  )
  assert.equal(reserved.length, 2)
  assert.equal(refunded.length, 0)
  // Nor does it hold a place in the queue.
  const outcomes = await Promise.allSettled(times(150, () => attempts.at(AT, failing)))
  assert.ok(outcomes.filter(({ status }) => status === 'rejected').length === 150)
  assert.equal((await attempts.at(AT, () => Promise.resolve(1))).outcome, 'succeeded')
})

test('an empty bucket of the account is answered as a wrong secret, that of the address as blocked; nothing is checked', async () => {
  for (const emptied of ['pair', 'subject', 'address'] as const) {
    const { store, refunded } = fakeStore(() => ({ admitted: false, emptied, retryAfter: seconds(42) }))
    const outcome = await createAttempts(store, SETTINGS).at(AT, () => assert.fail('it was looked at'))
    assert.deepEqual(
      outcome,
      emptied === 'address' ? { outcome: 'blocked', retryAfter: 42 } : { outcome: 'failed', wasThrottled: true },
    )
    assert.equal(refunded.length, 0)
  }
})

test('the store is asked about the buckets of this subject, this address, and both together', async () => {
  const { store, reserved } = fakeStore()
  const attempts = createAttempts(store, SETTINGS)
  const ask = async (subject: string, address: string): Promise<Attempt> => {
    await attempts.at({ subject, address }, () => Promise.resolve(1))
    return reserved.at(-1)!
  }
  const keyOf = (attempt: Attempt, bucket: keyof Attempt) => attempt[bucket].key.toString('hex')
  const first = await ask('account a', '2001:db8::1')
  for (const bucket of ['pair', 'subject', 'address'] as const) {
    const { burst, refill } = first[bucket]
    assert.deepEqual({ burst, refill }, SETTINGS[bucket])
  }
  const [neighbour, foreigner, other] = [
    await ask('account a', '2001:db8::2'),
    await ask('account a', '2001:db9::1'),
    await ask('account b', '2001:db8::1'),
  ]
  const same = (attempt: Attempt) =>
    (['pair', 'subject', 'address'] as const).filter((bucket) => keyOf(attempt, bucket) === keyOf(first, bucket))
  assert.deepEqual(same(neighbour), ['pair', 'subject', 'address'])
  assert.deepEqual(same(foreigner), ['subject'])
  assert.deepEqual(same(other), ['address'])
  // Three kinds of bucket never share a key.
  assert.equal(new Set((['pair', 'subject', 'address'] as const).map((bucket) => keyOf(first, bucket))).size, 3)
})

test('at most two attempts at one account from one address are under way at once, 32 in all', async () => {
  const one = gate()
  const { store } = fakeStore()
  const attempts = createAttempts(store, SETTINGS)
  const asked = times(20, () => attempts.at(AT, one.check))
  await turn()
  assert.equal(one.most(), 2)
  one.open()
  assert.ok((await Promise.all(asked)).every(({ outcome }) => outcome === 'succeeded'))
  assert.equal(one.most(), 2)

  const many = gate()
  const others = times(100, (n) => attempts.at({ ...AT, subject: `account ${n}` }, many.check))
  await turn()
  assert.equal(many.most(), 32)
  many.open()
  await Promise.all(others)
  assert.equal(many.most(), 32)
})

test('a burst of one lets one attempt at a time through: a program never meets its own reservation', async () => {
  const { check, open, most } = gate()
  const { store } = fakeStore()
  const attempts = createAttempts(store, { ...SETTINGS, pair: { burst: 1, refill: seconds(60) } })
  const asked = times(5, () => attempts.at(AT, check))
  await turn()
  open()
  await Promise.all(asked)
  assert.equal(most(), 1)
})

test('when too many wait it refuses at once and takes nothing; one account from one address fills half of the queue at most', async () => {
  const { check, open } = gate()
  const { store, reserved } = fakeStore()
  const attempts = createAttempts(store, { ...SETTINGS, waiting: 20 })
  const asked = Promise.allSettled(times(40, () => attempts.at(AT, check)))
  await turn()
  const strangers = Promise.allSettled(times(5, (n) => attempts.at({ ...AT, subject: `account ${n}` }, check)))
  await turn()
  // Two of the pair and five strangers are under way: what waits in its own queue keeps nobody out.
  assert.equal(reserved.length, 7)
  open()
  const outcomes = await asked
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
  assert.ok(refused.every((error) => error instanceof OverloadedError && error.retryAfter > 0))
  assert.ok(refused.length >= 28 && refused.length <= 30, `${refused.length} of 40 were refused`)
  assert.ok((await strangers).every(({ status }) => status === 'fulfilled'))
  assert.equal(reserved.length, 45 - refused.length)
})

test('beyond the 32 under way so many wait as is configured, whoever they are', async () => {
  const { check, open } = gate()
  const { store } = fakeStore()
  const attempts = createAttempts(store, { ...SETTINGS, waiting: 10 })
  const asked = times(32, (n) => attempts.at({ ...AT, subject: `account ${n}` }, check))
  await turn()
  const more = times(10, (n) => attempts.at({ ...AT, subject: `waiting ${n}` }, check))
  await turn()
  await assert.rejects(attempts.at({ ...AT, subject: 'one too many' }, check), OverloadedError)
  open()
  await Promise.all([...asked, ...more])
  assert.equal((await attempts.at(AT, check)).outcome, 'succeeded')
})

test('a store that cannot be asked is thrown on, before and after the check', async () => {
  const { store } = fakeStore()
  const away = () => Promise.reject(new Error('the store is away'))
  const right = () => Promise.resolve(1)
  await assert.rejects(createAttempts({ ...store, reserve: away }, SETTINGS).at(AT, right), /away/)
  await assert.rejects(createAttempts({ ...store, refund: away }, SETTINGS).at(AT, right), /away/)
})
