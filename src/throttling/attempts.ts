import pLimit, { type LimitFunction } from 'p-limit'
import { OverloadedError } from '#base/password_hashing.ts'
import { digestOf } from '#base/secrets.ts'
import { days, seconds, type Seconds } from '#base/time.ts'
import type { Attempt, AttemptStore } from '#stores/store.ts'

/** How guessing is slowed down: `burst` failures at once, then one more each `refill`. */
export type Budget = { readonly burst: number; readonly refill: Seconds }

export type ThrottlingSettings = {
  /** Of one account from one address. */
  readonly pair: Budget
  /** Of one account from all addresses that it has not signed in from. */
  readonly subject: Budget
  /** Of one address. */
  readonly address: Budget
  /** How many attempts may wait in this process. */
  readonly waiting: number
}

/** Who is guessed, and from where. */
export type AttemptAt = {
  /** `account <realm> <key>` or `client <id>`: what the secret belongs to, whether or not it exists. */
  readonly subject: string
  readonly address: string
}

/**
 * - `failed`: the secret is wrong, or this subject's budget is empty and the secret was not looked at. The two are answered alike.
 * - `blocked`: too many failures from this address, whatever they were aimed at.
 */
export type AttemptOutcome<T> =
  | { readonly outcome: 'succeeded'; readonly value: T }
  | { readonly outcome: 'failed'; readonly wasThrottled: boolean }
  | { readonly outcome: 'blocked'; readonly retryAfter: Seconds }

/** Lets secrets be tried at a bounded rate. Only failures count: an attempt is taken before the check, and given back if it succeeds. */
export type Attempts = {
  /**
   * Runs `check`, which answers `undefined` for a wrong secret. If it throws, the attempt stays taken: nobody guesses for free by making
   * the server fail.
   * @throws {OverloadedError} if too many wait
   */
  readonly at: <T>(where: AttemptAt, check: () => Promise<T | undefined>) => Promise<AttemptOutcome<T>>
}

/** How long a success from an address lets its owner in while strangers guess. */
const KNOWN_FOR = days(30)
/**
 * Attempts at one subject from one address that are under way at once. It must stay below any burst: a program that signs in many
 * times at once with the right password then never meets its own reservations.
 */
const AT_ONCE_PER_PAIR = 2
const AT_ONCE = 32

/** An IPv6 host owns a /64 at least, so that is the unit which is counted; an IPv4 address counts alone. */
export const networkOf = (address: string): string => {
  if (!address.includes(':')) return address
  // The last 32 bits may be written as an IPv4 address (RFC 4291 §2.2): two groups, whose digits are beyond the /64.
  const [head = '', tail] = address
    .replace(/%.*$/, '')
    .replace(/\d+\.\d+\.\d+\.\d+$/, '0:0')
    .split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : new Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0')
  return `${[...first, ...zeros, ...last]
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}

export const createAttempts = (store: AttemptStore, settings: ThrottlingSettings): Attempts => {
  const total = pLimit(AT_ONCE)
  const pairs = new Map<string, LimitFunction>()

  const inTurn = async <T>(pair: string, work: () => Promise<T>): Promise<T> => {
    if (total.pendingCount >= settings.waiting) throw new OverloadedError('too many sign-ins are waiting', seconds(2))
    const limit = pairs.get(pair) ?? pLimit(Math.min(AT_ONCE_PER_PAIR, settings.pair.burst))
    // One pair cannot fill the queue of all.
    if (limit.pendingCount * 2 >= settings.waiting) throw new OverloadedError('too many sign-ins wait here', seconds(2))
    pairs.set(pair, limit)
    try {
      return await limit(() => total(work))
    } finally {
      if (limit.activeCount === 0 && limit.pendingCount === 0) pairs.delete(pair)
    }
  }

  return {
    at: async ({ subject, address }, check) => {
      const network = networkOf(address)
      const pair = `pair ${subject} ${network}`
      const attempt: Attempt = {
        pair: { key: digestOf(pair), ...settings.pair },
        subject: { key: digestOf(`subject ${subject}`), ...settings.subject },
        address: { key: digestOf(`address ${network}`), ...settings.address },
      }
      return inTurn(pair, async () => {
        const reservation = await store.reserve(attempt)
        if (!reservation.admitted) {
          return reservation.emptied === 'address'
            ? { outcome: 'blocked', retryAfter: reservation.retryAfter }
            : { outcome: 'failed', wasThrottled: true }
        }
        const value = await check()
        if (value === undefined) return { outcome: 'failed', wasThrottled: false }
        await store.refund(attempt, KNOWN_FOR)
        return { outcome: 'succeeded', value }
      })
    },
  }
}
