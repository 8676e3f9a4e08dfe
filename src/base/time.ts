/** A length of time in whole seconds. */
export type Seconds = number & { readonly unit: 'seconds' }

/** A point in time: whole seconds since 1970-01-01T00:00:00Z (the NumericDate of RFC 7519 §2, without a fraction). */
export type EpochSeconds = number & { readonly unit: 'epoch seconds' }

export const seconds = (value: number): Seconds => Math.floor(value) as Seconds
export const minutes = (value: number): Seconds => seconds(value * 60)
export const hours = (value: number): Seconds => seconds(value * 3600)
export const days = (value: number): Seconds => seconds(value * 86_400)

export const epochSeconds = (value: number): EpochSeconds => Math.floor(value) as EpochSeconds
export const later = (from: EpochSeconds, by: Seconds): EpochSeconds => (from + by) as EpochSeconds
export const earliest = (...times: readonly EpochSeconds[]): EpochSeconds => Math.min(...times) as EpochSeconds
export const between = (from: EpochSeconds, to: EpochSeconds): Seconds => (to - from) as Seconds

/** Tells the time of this process. What is single-use is decided by the store's clock instead (`stores/store.ts`). */
export type Clock = () => EpochSeconds

export const systemClock: Clock = () => epochSeconds(Date.now() / 1000)

const UNITS: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600, d: 86_400 }

/** A hundred years: what is longer is a mistake, and sums with it leave the range of a database. */
const LONGEST_DURATION = 36_500 * 86_400

/** Reads `90 s`, `15 min`, `24 h` or `30 d`, up to 100 years; anything else, a bare number too, is `undefined`. */
export const findDuration = (text: string): Seconds | undefined => {
  const [, amount, unit] = /^(\d{1,9}) ?(s|min|h|d)$/.exec(text) ?? []
  if (amount === undefined || unit === undefined) return undefined
  const found = Number(amount) * UNITS[unit]!
  return found <= LONGEST_DURATION ? seconds(found) : undefined
}
