import { BlockList, isIP } from 'node:net'

// Which addresses are somebody's public server. An address that wraps an IPv4 address is judged as what it wraps.

const blocks = (family: 'ipv4' | 'ipv6', ranges: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const range of ranges) {
    const [network = '', prefix] = range.split('/')
    list.addSubnet(network, Number(prefix), family)
  }
  return list
}

/**
 * Every block of the IANA IPv4 Special-Purpose Address Registry (RFC 6890), also those that it calls globally reachable: they are relays and
 * sinks, no server is there. And multicast (RFC 5771).
 */
const SPECIAL_IPV4 = blocks('ipv4', [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.168.0.0/16'],
  ...['192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
])

/** All that is assigned for global unicast (RFC 4291 §2.4): loopback, link-local, unique local, site-local and multicast are outside. */
const GLOBAL_IPV6 = blocks('ipv6', ['2000::/3'])

/** What the IANA IPv6 Special-Purpose Address Registry takes out of that: Teredo, benchmarks, ORCHID, documentation, 6to4, AS112. */
const SPECIAL_IPV6 = blocks('ipv6', ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'])

const LOOPBACK_IPV4 = blocks('ipv4', ['127.0.0.0/8'])

/** IPv4-mapped (RFC 4291 §2.5.5.2) and NAT64 (RFC 6052 §2.1), as a URL parser writes them. */
const WRAPPED_IPV4 = /^\[(?:::ffff:|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/

/** One spelling for one address; `undefined` if it is none, or has a zone (RFC 4007 §11), which only the machine itself understands. */
export const findPlainAddress = (address: string): string | undefined => {
  const family = isIP(address)
  if (family === 4) return address
  const written = family === 6 ? URL.parse(`http://[${address}]`)?.hostname : undefined
  if (written === undefined) return undefined
  const [, high, low] = WRAPPED_IPV4.exec(written) ?? []
  if (high === undefined || low === undefined) return written.slice(1, -1)
  const value = parseInt(high, 16) * 0x1_0000 + parseInt(low, 16)
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.')
}

/** Whether the internet routes to it, and to a server of its own. */
export const isPublicAddress = (address: string): boolean => {
  const plain = findPlainAddress(address)
  if (plain === undefined) return false
  if (isIP(plain) === 4) return !SPECIAL_IPV4.check(plain, 'ipv4')
  return GLOBAL_IPV6.check(plain, 'ipv6') && !SPECIAL_IPV6.check(plain, 'ipv6')
}

export const isLoopbackAddress = (address: string): boolean => {
  const plain = findPlainAddress(address)
  return plain === '::1' || (plain !== undefined && isIP(plain) === 4 && LOOPBACK_IPV4.check(plain, 'ipv4'))
}
