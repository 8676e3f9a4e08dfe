import { InvalidArgumentError, Option, type Command } from 'commander'
import { epochSeconds, findDuration, type EpochSeconds, type Seconds } from '#base/time.ts'
import type { Page } from '#stores/store.ts'

// What commander hands over as text, as values. Each says what it expected.

const integerFrom =
  (least: number, most: number, what: string) =>
  (text: string): number => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    throw new InvalidArgumentError(`Expected ${what} from ${least} to ${most}.`)
  }

export const parsePort = integerFrom(0, 65_535, 'a port')
export const parseId = integerFrom(1, Number.MAX_SAFE_INTEGER, 'an id')

/** For an option that can be given several times. */
export const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, before: readonly T[] = []): readonly T[] => [...before, parse(text)]

/** A point in time with its offset, since without one it would mean another time on another machine. */
export const parseTime = (text: string): EpochSeconds => {
  const milliseconds = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN
  if (!Number.isNaN(milliseconds)) return epochSeconds(milliseconds / 1000)
  throw new InvalidArgumentError(
    'Expected a day or a time with its offset, such as 2027-01-31 or 2027-01-31T12:00:00Z.',
  )
}

/** As in the configuration, but zero too. */
export const parseDuration =
  (longest: Seconds) =>
  (text: string): Seconds => {
    const duration = findDuration(text)
    if (duration !== undefined && duration <= longest) return duration
    throw new InvalidArgumentError(`Expected a duration with its unit, at most "${longest} s".`)
  }

export type ListOptions = Page

export const addPageOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--limit <number>', 'how many at most').argParser(integerFrom(1, 1000, 'a number')).default(50),
    )
    .addOption(
      new Option('--offset <number>', 'how many to pass over')
        .argParser(integerFrom(0, Number.MAX_SAFE_INTEGER, 'a number'))
        .default(0),
    )
