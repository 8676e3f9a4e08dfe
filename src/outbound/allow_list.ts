import { BlockList, isIP } from 'node:net'
import { findPlainAddress, isLoopbackAddress, isPublicAddress } from '#outbound/addresses.ts'

/** Whom the server may ask: all public addresses, and what the operator allows besides. */
export type AllowList = {
  /** Whether the operator allows the host by its name, whatever its addresses are. */
  readonly hasName: (host: string) => boolean
  /** Whether a request for `url` may be sent to `address`. */
  readonly admits: (url: URL, address: string) => boolean
}

/** @param entries - hosts, addresses and CIDR ranges, checked by the configuration */
export const createAllowList = (entries: readonly string[]): AllowList => {
  const names = new Set<string>()
  const addresses = new BlockList()
  for (const entry of entries) {
    const [network = '', prefix] = entry.split('/')
    const family = isIP(network)
    if (family === 0) names.add(entry.toLowerCase())
    else if (prefix === undefined) addresses.addAddress(network, family === 4 ? 'ipv4' : 'ipv6')
    else addresses.addSubnet(network, Number(prefix), family === 4 ? 'ipv4' : 'ipv6')
  }
  const isAllowed = (url: URL, address: string): boolean => {
    const plain = findPlainAddress(address)
    if (plain === undefined) return false
    return names.has(url.hostname) || addresses.check(plain, isIP(plain) === 4 ? 'ipv4' : 'ipv6')
  }
  return {
    hasName: (host) => names.has(host),
    admits: (url, address) => {
      // Nobody listens in on a wire that does not leave the machine.
      if (url.protocol === 'http:') return isLoopbackAddress(address) && isAllowed(url, address)
      return isPublicAddress(address) || isAllowed(url, address)
    },
  }
}

/**
 * What is wrong with a URL that the server is to ask one day, in words; `undefined` if nothing. Where its host leads to is seen at each request
 * anew, since a name may lead elsewhere tomorrow.
 */
export const findOutboundUrlDefect = (text: string): string | undefined => {
  const url = URL.parse(text)
  if (url === null || !['https:', 'http:'].includes(url.protocol)) return 'expected an absolute https URL'
  if (url.username !== '' || url.password !== '') return 'expected a URL without user and password'
  if (text.includes('#')) return 'expected a URL without a fragment'
  const isLocal = url.hostname === 'localhost' || isLoopbackAddress(url.hostname.replace(/^\[|\]$/g, ''))
  return url.protocol === 'http:' && !isLocal ? 'expected https: http is only for this machine' : undefined
}
