import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findDelay, TRIED_FOR } from '#backchannel_logout/back_off.ts'
import { epochSeconds, hours, later, minutes, seconds, type Seconds } from '#base/time.ts'

const createdAt = epochSeconds(1_800_000_000)
const delayAfter = (attempt: number, age: Seconds, chance = 0.5) =>
  findDelay({ attempt, createdAt, takenAt: later(createdAt, age) }, chance)

test('a client is tried after 5 s, 30 s, 2 min, 10 min, 1 h and then every 4 h', () => {
  const delays = [seconds(5), seconds(30), minutes(2), minutes(10), hours(1), hours(4), hours(4), hours(4)]
  delays.forEach((delay, n) => assert.equal(delayAfter(n + 1, seconds(0)), delay))
})

test('each delay varies by a fifth at most, and is never none', () => {
  for (let attempt = 1; attempt <= 8; attempt++) {
    const middle = delayAfter(attempt, seconds(0))!
    for (const chance of [0, 0.1, 0.9, 1]) {
      const delay = delayAfter(attempt, seconds(0), chance)!
      assert.ok(delay >= Math.floor(middle * 0.8) && delay <= Math.ceil(middle * 1.2) && delay >= 1, `${delay}`)
    }
  }
})

test('after a day it is given up, and a history of failures ends', () => {
  assert.equal(delayAfter(6, hours(20)), hours(4))
  assert.equal(delayAfter(6, hours(21)), undefined)
  assert.equal(delayAfter(1, hours(30)), undefined)
  let age = 0
  let attempts = 1
  for (let delay = delayAfter(1, seconds(0)); delay !== undefined; delay = delayAfter(++attempts, seconds(age)))
    age += delay
  assert.ok(age <= TRIED_FOR && age > TRIED_FOR - hours(5))
  assert.ok(attempts > 8 && attempts < 14, `${attempts}`)
})
