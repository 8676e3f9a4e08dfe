import { createBoundedCache } from '#base/bounded_cache.ts'
import { between, hours, minutes, seconds, type Clock, type EpochSeconds } from '#base/time.ts'
import { readClientKeys, type ClientKey } from '#clients/client_keys.ts'
import type { Outbound } from '#outbound/outbound.ts'

/** The keys that clients publish (`jwks_uri`, RFC 7591 §2), kept for a while. */
export type JwksUris = {
  /** Those at the URL. They are asked for anew if `suffices` says that those at hand are not enough, but not again and again. */
  readonly find: (url: string, suffices: (keys: readonly ClientKey[]) => boolean) => Promise<readonly ClientKey[]>
}

type Entry = {
  keys: readonly ClientKey[]
  fetchedAt: EpochSeconds | undefined
  triedAt: EpochSeconds | undefined
  /** All who ask meanwhile wait for this one. */
  fetching: Promise<void> | undefined
}

const FRESH_FOR = minutes(10)
/** Whoever signs with kids that are not there, and a server that fails, cause one request in so long. */
const PAUSE = seconds(30)
/** For so long a client is not locked out because its server is down. */
const STALE_FOR = hours(24)
const MOST_URLS = 1000

export const createJwksUris = (outbound: Pick<Outbound, 'getJson'>, clock: Clock): JwksUris => {
  const entries = createBoundedCache<string, Entry>(MOST_URLS)

  const fetchInto = async (entry: Entry, url: string): Promise<void> => {
    try {
      entry.keys = readClientKeys(await outbound.getJson(url))
      entry.fetchedAt = clock()
    } catch {
      // Why is in the log (`outbound/`), or it was no JWK Set. What was there before is still good for a while.
    } finally {
      entry.fetching = undefined
    }
  }

  const isWithin = (since: EpochSeconds | undefined, length: number): boolean =>
    since !== undefined && between(since, clock()) < length

  return {
    find: async (url, suffices) => {
      const entry = entries.find(url) ?? { keys: [], fetchedAt: undefined, triedAt: undefined, fetching: undefined }
      entries.set(url, entry)
      const isEnough = isWithin(entry.fetchedAt, FRESH_FOR) && suffices(entry.keys)
      if (!isEnough && entry.fetching === undefined && !isWithin(entry.triedAt, PAUSE)) {
        entry.triedAt = clock()
        entry.fetching = fetchInto(entry, url)
      }
      if (!isEnough) await entry.fetching
      return isWithin(entry.fetchedAt, STALE_FOR) ? entry.keys : []
    },
  }
}
