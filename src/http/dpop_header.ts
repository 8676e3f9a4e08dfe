import type { IncomingHttpHeaders } from 'node:http'
import type { Headers } from '#http/message.ts'

/** Repeated headers of this name arrive as one, joined by a comma, which no proof has in it (RFC 9449 §4.3). */
export const dpopHeader = (headers: IncomingHttpHeaders): string | undefined => headers['dpop'] as string | undefined

/** The nonce that the next proof must repeat. @see RFC 9449 §8.2 */
export const dpopNonceHeader = (nonce: string | undefined): Headers =>
  nonce === undefined ? {} : { 'dpop-nonce': nonce }
