import { between, hours, later, minutes, seconds, type Seconds } from '#base/time.ts'
import type { LogoutDelivery } from '#stores/records.ts'

/** After each attempt that failed; after all of these, the last again and again. */
const DELAYS: readonly Seconds[] = [seconds(5), seconds(30), minutes(2), minutes(10), hours(1), hours(4)]

/** For how long a client is tried. By then its own session has most likely expired. */
export const TRIED_FOR = hours(24)

/** By how much of itself a delay varies, so that what failed together does not come back together. */
const JITTER = 0.2

/**
 * How long to wait after this attempt has failed; `undefined` if it was the last.
 * @param chance - from 0 to 1
 */
export const findDelay = (
  { attempt, createdAt, takenAt }: Pick<LogoutDelivery, 'attempt' | 'createdAt' | 'takenAt'>,
  chance: number,
): Seconds | undefined => {
  const delay = DELAYS[Math.min(attempt, DELAYS.length) - 1]!
  const varied = seconds(Math.max(1, Math.round(delay * (1 - JITTER + 2 * JITTER * chance))))
  return between(createdAt, later(takenAt, varied)) <= TRIED_FOR ? varied : undefined
}
