import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import { httpErrorReply, type HttpError, type Reply } from '#http/message.ts'

/** What every answer carries besides its own headers, as Node takes them: names and values in turn. */
export const commonHeaders = (isPublicUrlHttps: boolean): readonly string[] => [
  'X-Content-Type-Options',
  'nosniff',
  ...(isPublicUrlHttps ? ['Strict-Transport-Security', 'max-age=31536000'] : []),
]

/** Unless a reply brings its own: a page says what it loads, and all the rest loads nothing. */
const DEFAULTS = [
  { name: 'referrer-policy', value: 'no-referrer' },
  { name: 'content-security-policy', value: "default-src 'none'; frame-ancestors 'none'" },
]

const wireNames = new Map<string, string>()

/** `Set-Cookie` for `set-cookie`. Names are compared without case (RFC 9110 §5.1), but not by every script that parses `curl -i`. */
const wireName = (name: string): string => {
  const known = wireNames.get(name)
  if (known !== undefined) return known
  const made = name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())
  wireNames.set(name, made)
  return made
}

export type Envelope = {
  readonly id: string
  readonly common: readonly string[]
  readonly closesConnection: boolean
}

/** Names and values in turn: the one form that Node sends as it is. */
export const headersOf = (reply: Reply, { id, common, closesConnection }: Envelope): string[] => {
  const headers = [...common, 'X-Request-Id', id]
  for (const { name, value } of DEFAULTS) if (!(name in reply.headers)) headers.push(wireName(name), value)
  for (const name in reply.headers) {
    const value = reply.headers[name]!
    if (typeof value === 'string') headers.push(wireName(name), value)
    else for (const each of value) headers.push(wireName(name), each)
  }
  // RFC 9110 §8.6: these two say nothing about a length.
  if (reply.status !== 204 && reply.status !== 304) headers.push('Content-Length', String(lengthOf(reply.body)))
  if (closesConnection) headers.push('Connection', 'close')
  return headers
}

const lengthOf = (body: string | Buffer): number => (typeof body === 'string' ? Buffer.byteLength(body) : body.length)

/**
 * Sends an answer whole.
 * @throws {TypeError} before anything is sent, if a header has characters that would end it (response splitting)
 */
export const sendReply = (response: ServerResponse, reply: Reply, envelope: Envelope): void => {
  response.writeHead(reply.status, headersOf(reply, envelope))
  response.end(reply.body)
}

/** In milliseconds: how long a client is listened to that goes on sending what has been refused. */
const LINGERING = 1000

/**
 * As `sendReply`, while the body is still on its way: what comes is thrown away for a moment. A socket that is closed with bytes
 * unread is reset, and the client would see no answer at all.
 * @see RFC 9112 §9.6
 */
export const sendReplyEarly = (
  message: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
  envelope: Envelope,
): void => {
  response.writeHead(reply.status, headersOf(reply, envelope))
  response.flushHeaders()
  if (reply.body.length > 0) response.write(reply.body)
  const end = () => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, LINGERING)
  message.on('end', end).on('error', end).on('close', end).resume()
}

/** The bytes of an answer to what never became a request. The connection ends with it. */
export const rawAnswer = (error: HttpError, id: string, common: readonly string[]): string => {
  const reply = httpErrorReply(error)
  const headers = headersOf(reply, { id, common, closesConnection: true })
  const lines = [`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`, `Date: ${new Date().toUTCString()}`]
  for (let n = 0; n < headers.length; n += 2) lines.push(`${headers[n]}: ${headers[n + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n${reply.body.toString()}`
}
