import type { FastifyRequest } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Log } from '#base/log.ts'
import type { Seconds } from '#base/time.ts'
import { sendReply, sendReplyEarly, type Envelope } from '#http/answer.ts'
import { announcesBody, checkBodyEncoding, EMPTY, receiveBody } from '#http/body.ts'
import { clientAddress } from '#http/client_address.ts'
import { checkFraming } from '#http/framing.ts'
import { HttpError, httpErrorReply, type Reply, type Request, type Surface } from '#http/message.ts'
import { readTarget } from '#http/path.ts'
import type { Hosts } from '#http/hosts.ts'
import type { Destination } from '#http/router.ts'

/** A request that is being answered, as far as its connection must know. */
export type Exchange = {
  readonly response: ServerResponse
  /** Breaks off while the body arrives, and does nothing after that. */
  refuseBody: ((error: HttpError) => void) | undefined
  isAnswered: boolean
  closesConnection: boolean
}

export type ExchangeOptions = {
  readonly hosts: Hosts
  readonly bodyBytes: number
  readonly answerTimeout: Seconds
  readonly trustsProxies: boolean
  readonly isPublicUrlHttps: boolean
  readonly common: readonly string[]
  readonly log: Log
}

/** What asks for these is on this machine or in its cluster: it sends nothing that must be kept secret, and knows an address instead of a name. */
const PROBES = new Set(['/healthz', '/readyz'])

const DEFECT = httpErrorReply(
  new HttpError('server_error', 'The server has a defect; the request id finds it in the log.'),
)

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * Takes each request from its headers to its answer, and remembers the last one of each connection, so that what goes wrong with the
 * connection meanwhile is answered in its place.
 */
export const createExchanges = (options: ExchangeOptions) => {
  const { hosts, bodyBytes, answerTimeout, trustsProxies, isPublicUrlHttps, common, log } = options
  const connections = new WeakMap<Duplex, { latest: Exchange }>()
  let isDraining = false

  const checkHttps = (incoming: FastifyRequest, path: string): void => {
    if (trustsProxies && incoming.protocol.toLowerCase() === 'https') return
    if (PROBES.has(path)) return
    throw new HttpError(
      'https_required',
      'Use https. (For the operator: if a proxy ends TLS, listen.trusted_proxies must name it, and it must send X-Forwarded-Proto.)',
    )
  }

  const checkHost = (path: string, isKnown: boolean): void => {
    if (isKnown || PROBES.has(path)) return
    throw new HttpError(
      'misdirected_request',
      'Nothing is served under this host name. (For the operator: urls must name it, and a proxy must pass Host on as it came.)',
    )
  }

  const answerError = (error: unknown, request: Request, surface: Surface): Reply => {
    let reply: Reply
    let thrown = error
    try {
      reply = surface.answerError(error, request)
    } catch (another) {
      thrown = another
      reply = DEFECT
    }
    // 503 is an answer that somebody chose under load, where a stack for each would add to it.
    if (reply.status >= 500 && reply.status !== 503) {
      log.error('a request failed', { request: request.id, method: request.method, path: request.path, error: thrown })
    }
    return reply
  }

  const send = (response: ServerResponse, reply: Reply, envelope: Envelope, unread?: IncomingMessage): void => {
    try {
      if (unread === undefined) sendReply(response, reply, envelope)
      else sendReplyEarly(unread, response, reply, envelope)
    } catch (error) {
      log.error('an answer could not be sent', { request: envelope.id, error })
      if (response.headersSent) response.destroy()
      else sendReply(response, DEFECT, envelope)
    }
  }

  const remember = (exchange: Exchange, socket: Duplex): void => {
    const connection = connections.get(socket)
    if (connection === undefined) connections.set(socket, { latest: exchange })
    else connection.latest = exchange
  }

  const receive = (message: IncomingMessage, exchange: Exchange): Promise<Buffer> => {
    checkBodyEncoding(message)
    const arriving = receiveBody(message, bodyBytes)
    exchange.refuseBody = arriving.refuse
    return arriving.whole
  }

  const finish = (message: IncomingMessage, exchange: Exchange, reply: Reply, id: string, isUnread: boolean): void => {
    exchange.isAnswered = true
    // What is left of the body would be taken for the next request, or have to be read to its end, whatever its length.
    const closesConnection = isUnread || isDraining || exchange.closesConnection
    send(exchange.response, reply, { id, common, closesConnection }, isUnread ? message : undefined)
    // Nearly every answer is in the hands of the kernel by now. What is not waits for a client that reads slowly, or never.
    if (exchange.response.writableLength > 0) cutOffLate(exchange.response)
  }

  const cutOffLate = (response: ServerResponse): void => {
    const timer = setTimeout(() => response.destroy(), answerTimeout * 1000)
    response.once('close', () => clearTimeout(timer))
  }

  const serve = async (incoming: FastifyRequest, response: ServerResponse): Promise<void> => {
    const message = incoming.raw
    const method = message.method ?? ''
    const begun = log.writesDebug ? performance.now() : 0
    const exchange: Exchange = { response, refuseBody: undefined, isAnswered: false, closesConnection: false }
    remember(exchange, message.socket)
    const request: Writable<Request> = {
      method: method === 'HEAD' ? 'GET' : method,
      path: '',
      query: '',
      headers: message.headers,
      body: EMPTY,
      address: clientAddress(incoming, trustsProxies),
      id: incoming.id,
    }
    let isUnread = announcesBody(message)
    const router = hosts.find(message.headers.host)
    let destination: Destination | undefined
    let reply: Reply
    try {
      const { path, query } = readTarget(incoming.originalUrl)
      request.path = path
      request.query = query
      // Before the other checks, so that the surface of the path words what they refuse.
      destination = (router ?? hosts.first).find(method, path)
      checkFraming(message)
      checkHost(path, router !== undefined)
      if (isPublicUrlHttps) checkHttps(incoming, path)
      if (isUnread) request.body = await receive(message, exchange)
      isUnread = false
      reply = await destination.endpoint(request, destination.segments)
    } catch (error) {
      const surface =
        destination?.surface ?? (router ?? hosts.first).surfaceAt(incoming.originalUrl.replace(/\/{2,}/g, '/'))
      reply = answerError(error, request, surface)
    }
    finish(message, exchange, reply, request.id, isUnread)
    if (log.writesDebug) {
      const ms = Math.round(performance.now() - begun)
      const { path, address, id } = request
      log.debug('answered', { method, path, status: reply.status, ms, address, request: id })
    }
  }

  return {
    serve,
    findLatest: (socket: Duplex): Exchange | undefined => connections.get(socket)?.latest,
    drain: () => {
      isDraining = true
    },
  }
}
