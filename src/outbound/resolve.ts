import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { AllowList } from '#outbound/allow_list.ts'

/** The addresses of a host; throws if it has none. */
export type ResolveHost = (host: string, signal: AbortSignal) => Promise<readonly string[]>

/**
 * Names that the operator allows, and `localhost`, are found as this machine finds them, its hosts file too. All others come from clients, and
 * from DNS alone: that knows no short names of a local domain, and a name server that never answers holds none of the threads that
 * signatures are made on.
 */
export const createResolveHost =
  ({ hasName }: AllowList): ResolveHost =>
  async (host, signal) => {
    if (isIP(host) !== 0) return [host]
    if (host === 'localhost' || hasName(host)) {
      return (await lookup(host, { all: true, order: 'verbatim' })).map(({ address }) => address)
    }
    const resolver = new Resolver({ timeout: 1000, tries: 2 })
    const cancel = () => resolver.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
      const addresses = found.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
      if (addresses.length > 0) return addresses
      throw found.find((each) => each.status === 'rejected')?.reason ?? new Error(`${host} has no address`)
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
