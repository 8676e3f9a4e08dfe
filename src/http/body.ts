import type { IncomingMessage } from 'node:http'
import { HttpError, malformedRequest } from '#http/message.ts'

export const EMPTY = Buffer.alloc(0)

/** Whether a body follows the headers (RFC 9112 §6). */
export const announcesBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined ||
  (headers['content-length'] !== undefined && headers['content-length'] !== '0')

/** @throws {HttpError} `malformed_request`, `unsupported_encoding` */
export const checkBodyEncoding = ({ headers }: IncomingMessage): void => {
  const transfer = headers['transfer-encoding']
  if (transfer !== undefined && transfer.toLowerCase() !== 'chunked')
    throw malformedRequest('Transfer-Encoding must be "chunked".')
  // What is small on the wire and large in memory is not taken in at all.
  const content = headers['content-encoding']
  if (content !== undefined && content.toLowerCase() !== 'identity')
    throw new HttpError('unsupported_encoding', 'The body must not be compressed.', { 'accept-encoding': 'identity' })
}

/** The body as it arrives, and a way to break off from outside: when the request takes too long, or turns out to be malformed. */
export type ArrivingBody = {
  /** Never settles if the client leaves: whoever waits for it is then forgotten with it. */
  readonly whole: Promise<Buffer>
  readonly refuse: (error: HttpError) => void
}

/** Takes at most `limit` bytes, whatever length was announced or not: above it `whole` rejects with `payload_too_large`. */
export const receiveBody = (message: IncomingMessage, limit: number): ArrivingBody => {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  let first: Buffer | undefined
  let rest: Buffer[] | undefined
  let length = 0
  const refuse = (error: HttpError) => {
    message.off('data', take)
    reject(error)
  }
  const tooLarge = () => refuse(new HttpError('payload_too_large', `The body is larger than ${limit} bytes.`))
  const take = (chunk: Buffer) => {
    length += chunk.length
    if (length > limit) tooLarge()
    else if (first === undefined) first = chunk
    else (rest ??= [first]).push(chunk)
  }
  if (Number(message.headers['content-length']) > limit) tooLarge()
  else {
    message.on('data', take)
    message.on('end', () => resolve(rest === undefined ? (first ?? EMPTY) : Buffer.concat(rest)))
  }
  return { whole: promise, refuse }
}
