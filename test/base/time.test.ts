import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  between,
  days,
  earliest,
  epochSeconds,
  findDuration,
  hours,
  later,
  minutes,
  seconds,
  systemClock,
} from '#base/time.ts'

test('a duration is a whole number and one of four units, with one space or none', () => {
  assert.equal(findDuration('90 s'), 90)
  assert.equal(findDuration('90s'), 90)
  assert.equal(findDuration('15 min'), 900)
  assert.equal(findDuration('24 h'), 86_400)
  assert.equal(findDuration('30 d'), 2_592_000)
  assert.equal(findDuration('0 s'), 0)
  assert.equal(findDuration('007 s'), 7)
})

test('nothing else is one: no bare number, no other unit or case, no sign or fraction, no more spaces', () => {
  for (const text of [
    ...['', ' ', '90', 's', '90 S', '1 H', '1 D', '15 m', '15 mins', '1 w', '1 y', '10 ms', '1 sec'],
    ...['-1 s', '+1 s', '1.5 h', '1,5 h', '1e3 s', '0x10 s', '١ s'],
    ...['1  s', ' 1 s', '1 s ', '1 s\n', '1\ts', '1\u00a0s', '1 h 30 min', '1 constructor', '1 __proto__'],
    '1234567890 s',
  ])
    assert.equal(findDuration(text), undefined, JSON.stringify(text))
})

test('a duration that is read is amount times unit up to 100 years, and any other text is none', () => {
  const units = { s: 1, min: 60, h: 3600, d: 86_400 }
  fc.assert(
    fc.property(
      fc.nat(999_999_999),
      fc.constantFrom('s', 'min', 'h', 'd'),
      fc.constantFrom('', ' '),
      (amount, unit, space) => {
        const length = amount * units[unit]
        const longest = 36_500 * units.d
        assert.equal(findDuration(`${amount}${space}${unit}`), length <= longest ? length : undefined)
      },
    ),
  )
  fc.assert(
    fc.property(fc.string({ maxLength: 8 }), (text) => {
      if (!/^[0-9]{1,9} ?(?:s|min|h|d)$/.test(text)) assert.equal(findDuration(text), undefined)
    }),
  )
})

test('times and lengths of time are whole: a fraction is cut off', () => {
  assert.equal(seconds(1.9), 1)
  assert.equal(epochSeconds(1_700_000_000.999), 1_700_000_000)
  assert.equal(minutes(1.5), 90)
  assert.equal(hours(0.5), 1800)
  assert.equal(days(1), 86_400)
  assert.ok(Number.isInteger(systemClock()))
})

test('later and between undo each other, and the earliest is one of those given', () => {
  const time = fc.integer({ min: 0, max: 4_000_000_000 })
  fc.assert(
    fc.property(time, time, fc.nat(), (a, b, by) => {
      const from = epochSeconds(a)
      assert.equal(between(from, later(from, seconds(by))), by)
      assert.equal(earliest(epochSeconds(a), epochSeconds(b)), a < b ? a : b)
    }),
  )
})
