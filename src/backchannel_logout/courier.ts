import type { Deliver } from '#backchannel_logout/delivery.ts'
import type { Log } from '#base/log.ts'
import { seconds } from '#base/time.ts'
import type { LogoutDeliveryStore } from '#stores/store.ts'

/** Delivers logout tokens as long as the server runs, whoever made them due: this process, another node, or a command beside the database. */
export type Courier = {
  readonly start: () => void
  /** Takes no more, and resolves when what is under way has an answer. */
  readonly close: () => Promise<void>
}

export type CourierTools = {
  readonly store: LogoutDeliveryStore
  readonly deliver: Deliver
  readonly log: Log
  /** How often to look whether something is due, in milliseconds. */
  readonly lookEveryMs?: number
}

/** Clients that one node tells at a time. */
const ABREAST = 8
/** Longer than a delivery can take: a request has five seconds, the store about as many. */
const LEASE = seconds(30)
const LOOK_EVERY_MS = 1000

export const createCourier = ({ store, deliver, log, lookEveryMs = LOOK_EVERY_MS }: CourierTools): Courier => {
  const underWay = new Set<Promise<void>>()
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined
  let isClosed = false
  let isStoreAway = false

  const begin = (delivery: Promise<void>): void => {
    const done = delivery
      // Its lease runs out, and it is taken again.
      .catch((error: unknown) => log.warn('a logout token could not be dealt with; it will be tried again', { error }))
      .finally(() => {
        underWay.delete(done)
        // The next for the same client may have waited for this one.
        look()
      })
    underWay.add(done)
  }

  const takeWhatIsDue = async (): Promise<void> => {
    try {
      for (const delivery of await store.take(ABREAST - underWay.size, LEASE)) begin(deliver(delivery))
      isStoreAway = false
    } catch (error) {
      if (!isStoreAway) log.warn('logout tokens wait, because the store is not available', { error })
      isStoreAway = true
    }
  }

  const look = (): void => {
    if (isClosed || looking !== undefined || underWay.size >= ABREAST) return
    looking = takeWhatIsDue().finally(() => {
      looking = undefined
    })
  }

  return {
    start: () => {
      timer = setInterval(look, lookEveryMs).unref()
      look()
    },
    close: async () => {
      isClosed = true
      clearInterval(timer)
      await looking
      await Promise.all(underWay)
    },
  }
}
