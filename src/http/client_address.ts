import type { FastifyRequest } from 'fastify'
import { isIP } from 'node:net'

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i
const WITH_PORT = /^(?:\[([^\]]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d+)?$/

/** One spelling for one address: an IPv4 address that a dual-stack socket shows as IPv6 is IPv4 (RFC 4291 §2.5.5.2). */
export const plainAddress = (address: string): string =>
  address.startsWith(':') ? (MAPPED.exec(address)?.[1] ?? address) : address

/** Reads an entry of `X-Forwarded-For`, to which some proxies add the port; `undefined` if it is no address. */
export const findAddress = (entry: string): string | undefined => {
  const [, bracketed, dotted] = WITH_PORT.exec(entry) ?? []
  const address = bracketed ?? dotted ?? entry
  return isIP(address) === 0 ? undefined : plainAddress(address.toLowerCase())
}

/**
 * Who sent the request: the peer, or as trusted proxies tell it, read from the right up to the first that is not trusted. What a
 * client writes into `X-Forwarded-For` itself stands left of that.
 */
export const clientAddress = (incoming: FastifyRequest, trustsProxies: boolean): string =>
  (trustsProxies ? findAddress(incoming.ip) : undefined) ?? plainAddress(incoming.socket.remoteAddress ?? '')
