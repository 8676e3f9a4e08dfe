import assert from 'node:assert/strict'
import { test } from 'node:test'
import { random, type Key } from '#base/secrets.ts'
import { epochSeconds, type EpochSeconds } from '#base/time.ts'
import { createDpopNonces } from '#tokens/dpop_nonce.ts'

const key = Buffer.from(random(32)) as Key
const at = (moment: () => EpochSeconds, of = key) => createDpopNonces(of, moment)

test('a nonce is taken for five minutes at least and ten at most, at whichever node has the key (RFC 9449 §8)', () => {
  const start = 1_800_000_000
  for (const issued of [0, 1, 150, 299]) {
    let now = start + issued
    const nonces = at(() => epochSeconds(now))
    const nonce = nonces.current()
    for (const [age, isFresh] of [
      [0, true],
      [299, true],
      [600 - issued, false],
      [100_000, false],
    ] as const) {
      now = start + issued + age
      assert.equal(nonces.isFresh(nonce), isFresh, `issued at ${issued}, ${age} s old`)
      assert.equal(at(() => epochSeconds(now)).isFresh(nonce), isFresh)
      assert.equal(nonces.isFresh(nonces.current()), true)
    }
  }
})

test('what was not made with the key is not taken, whatever it looks like', () => {
  const nonces = at(() => epochSeconds(1_800_000_000))
  const nonce = nonces.current()
  assert.match(nonce, /^[A-Za-z0-9_-]{22}$/)
  const stranger = at(() => epochSeconds(1_800_000_000), Buffer.from(random(32)) as Key).current()
  for (const other of ['', 'x', `${nonce} `, nonce.slice(1), nonce.toLowerCase() + 'A', stranger, 'é'.repeat(11)])
    assert.equal(nonces.isFresh(other), false, other)
})
