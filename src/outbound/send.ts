import { request as requestPlain, type IncomingMessage } from 'node:http'
import { request as requestTls } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { SecureContext } from 'node:tls'

export type OutboundRequest = {
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export type OutboundAnswer = { readonly status: number; readonly body: Buffer }

export type SendOptions = {
  /** Checked; the connection goes to one of these and the name is not asked for again. */
  readonly addresses: readonly string[]
  /** Whom to trust, if not whom Node.js trusts. */
  readonly secureContext?: SecureContext | undefined
  readonly mostBytes: number
  readonly signal: AbortSignal
  /** Called once, when somebody answers who has proved to be the host (for http: who is there). */
  readonly onConnected: () => void
}

const MOST_HEADER_BYTES = 8192

/** Sends one request on a connection of its own, follows nothing, and reads what comes up to a limit. */
export const send = ({ url, method, headers, body }: OutboundRequest, options: SendOptions): Promise<OutboundAnswer> =>
  new Promise((resolve, reject) => {
    const { addresses, secureContext, signal, mostBytes, onConnected } = options
    const isTls = url.protocol === 'https:'
    const outgoing = (isTls ? requestTls : requestPlain)(url, {
      method,
      headers: { ...headers, 'accept-encoding': 'identity' },
      signal,
      // None is kept open or shared, and no proxy of the environment decides where it goes.
      agent: false,
      lookup: handOut(addresses),
      maxHeaderSize: MOST_HEADER_BYTES,
      ...(secureContext === undefined ? {} : { secureContext }),
      ...(isTls ? { rejectUnauthorized: true } : {}),
    })
    outgoing.on('error', reject)
    outgoing.on('socket', (socket) => socket.once(isTls ? 'secureConnect' : 'connect', onConnected))
    // Some endings are no error to Node.js, such as an answer 101.
    let isAnswered = false
    outgoing.on('close', () => isAnswered || reject(new Error('the connection ended without an answer')))
    outgoing.on('response', (incoming) => {
      isAnswered = true
      readAnswer(incoming, mostBytes).then(resolve, (error: unknown) => {
        outgoing.destroy()
        reject(error)
      })
    })
    outgoing.end(body)
  })

const handOut =
  (addresses: readonly string[]): LookupFunction =>
  (_name, options, answer) => {
    const all = addresses.map((address) => ({ address, family: isIP(address) }))
    if (options.all === true) answer(null, all)
    else answer(null, all[0]!.address, all[0]!.family)
  }

const readAnswer = async (incoming: IncomingMessage, mostBytes: number): Promise<OutboundAnswer> => {
  const { 'content-encoding': encoding = 'identity', 'content-length': length = '0' } = incoming.headers
  // What is packed may be any size once it is unpacked.
  if (encoding.toLowerCase() !== 'identity') throw new Error('the answer has a content encoding')
  if (Number(length) > mostBytes) throw new Error('the answer is too long')
  const parts: Buffer[] = []
  let received = 0
  for await (const part of incoming as AsyncIterable<Buffer>) {
    received += part.length
    if (received > mostBytes) throw new Error('the answer is too long')
    parts.push(part)
  }
  return { status: incoming.statusCode ?? 0, body: Buffer.concat(parts) }
}
