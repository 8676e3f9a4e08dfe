import type { IncomingMessage } from 'node:http'
import { HttpError, malformedRequest } from '#http/message.ts'

/** Far above what a client or a chain of proxies sends. Node itself silently drops headers from the 2001st on. */
const MOST_HEADERS = 100

// A registered name, an IPv4 address or an IPv6 address, and perhaps a port (RFC 9110 §7.2); no user, no list.
const HOST = /^(?:[\w.~%-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i

/**
 * Refuses what two readers could take in two ways. Node's parser has refused contradictory lengths already; of a repeated header it
 * would hand on the first alone, where a proxy before us may have decided on the last.
 *
 * @throws {HttpError} `malformed_request`, `header_too_large`
 * @see RFC 9110 §5.3, RFC 9112 §3.2 and §6.1
 */
export const checkFraming = (message: IncomingMessage): void => {
  const { rawHeaders, headers, httpVersion } = message
  // Node's parser takes 0.9 and 2.0 as well, written where they cannot be.
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    throw malformedRequest('The protocol must be HTTP/1.1 or HTTP/1.0.')
  if (rawHeaders.length > 2 * MOST_HEADERS)
    throw new HttpError('header_too_large', `More than ${MOST_HEADERS} headers.`)
  let hosts = 0
  let authorizations = 0
  let contentTypes = 0
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = rawHeaders[n]!
    switch (name.length) {
      case 4:
        if (name.toLowerCase() === 'host') hosts++
        break
      case 12:
        if (name.toLowerCase() === 'content-type') contentTypes++
        break
      case 13:
        if (name.toLowerCase() === 'authorization') authorizations++
        break
    }
  }
  if (authorizations > 1) throw malformedRequest('Authorization is repeated.')
  if (contentTypes > 1) throw malformedRequest('Content-Type is repeated.')
  if (hosts > 1) throw malformedRequest('Host is repeated.')
  if (hosts === 0 ? httpVersion === '1.1' : !HOST.test(headers.host!))
    throw malformedRequest(hosts === 0 ? 'Host is missing.' : 'Host is malformed.')
}
