import { fastify } from 'fastify'
import { createServer, METHODS, type RequestListener, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Log } from '#base/log.ts'
import type { Seconds } from '#base/time.ts'
import { commonHeaders, rawAnswer, sendReply } from '#http/answer.ts'
import { createExchanges } from '#http/exchange.ts'
import { newRequestId } from '#http/request_id.ts'
import { createHosts, type Site } from '#http/hosts.ts'
import { HttpError, httpErrorReply, malformedRequest } from '#http/message.ts'

export type HttpServerOptions = {
  readonly sites: readonly Site[]
  readonly limits: {
    readonly bodyBytes: number
    /** Until a request has arrived whole. */
    readonly requestTimeout: Seconds
    /** Until the client has taken an answer whole. */
    readonly answerTimeout: Seconds
  }
  /** Addresses and CIDR ranges whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. */
  readonly trustedProxies: readonly string[]
  readonly isPublicUrlHttps: boolean
  readonly log: Log
}

export type HttpServer = {
  /** @returns the port, which is a free one if 0 was asked for */
  readonly listen: (at: { readonly host: string; readonly port: number }) => Promise<{ readonly port: number }>
  /** Takes no more connections, lets requests under way finish (10 s at most), and resolves when the last has. */
  readonly close: () => Promise<void>
}

// In milliseconds.
const DRAINING = 10_000
/** Longer than load balancers keep theirs (60 s mostly), so that it is never we who close one that is being used. */
const KEEP_ALIVE = 72_000
/** A client that neither sends nor reads for so long is gone. */
const STALLED = 60_000
const FAREWELL = 1000

/** What Node's parser and timers report of a connection. */
const refusalFor = (code: string | undefined): HttpError => {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpError('request_timeout', 'The request did not arrive whole in time.')
    case 'HPE_HEADER_OVERFLOW':
      return new HttpError('header_too_large', 'The headers are too large.')
    default:
      return malformedRequest('This is not HTTP/1.1 as it should be.')
  }
}

/**
 * The server on its sockets. Of Fastify it takes the binding, the closing and the trust in proxies; the routes are ours, because they
 * are decided on the request target as it came (`http/path.ts`), which Fastify would decode first.
 */
export const createHttpServer = (options: HttpServerOptions): HttpServer => {
  const { sites, limits, trustedProxies, isPublicUrlHttps, log } = options
  const common = commonHeaders(isPublicUrlHttps)
  const exchanges = createExchanges({
    hosts: createHosts(sites),
    bodyBytes: limits.bodyBytes,
    answerTimeout: limits.answerTimeout,
    trustsProxies: trustedProxies.length > 0,
    isPublicUrlHttps,
    common,
    log,
  })

  const endConnection = (socket: Duplex, lastWords = ''): void => {
    socket.end(lastWords)
    setTimeout(() => socket.destroy(), FAREWELL).unref()
  }
  const refuseRaw = (socket: Duplex, error: HttpError): void =>
    endConnection(socket, rawAnswer(error, newRequestId(), common))

  const onClientError = (error: NodeJS.ErrnoException, socket: Duplex): void => {
    if (socket.writableEnded) return
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
    const exchange = exchanges.findLatest(socket)
    if (exchange === undefined || exchange.response.writableFinished) return refuseRaw(socket, refusalFor(error.code))
    // Whatever is written now would be taken for the answer to the request before, which may be whole and well.
    if (exchange.isAnswered) endConnection(socket)
    else if (exchange.response.req.complete || exchange.refuseBody === undefined) exchange.closesConnection = true
    else exchange.refuseBody(refusalFor(error.code))
  }

  const listenOn = (listener: RequestListener): Server => {
    const requestTimeout = limits.requestTimeout * 1000
    const server = createServer(
      {
        requestTimeout,
        headersTimeout: requestTimeout,
        connectionsCheckingInterval: Math.min(500, requestTimeout / 4),
        keepAliveTimeout: KEEP_ALIVE,
        maxHeaderSize: 16_384,
        // `checkFraming` does, in our words.
        requireHostHeader: false,
      },
      listener,
    )
    server.timeout = STALLED
    server.on('connect', (_message, socket) =>
      refuseRaw(socket, new HttpError('method_not_allowed', 'This is no proxy.')),
    )
    server.on('checkExpectation', (_message, response) => {
      const refusal = new HttpError('expectation_failed', 'The only expectation that is met is 100-continue.')
      sendReply(response, httpErrorReply(refusal), { id: newRequestId(), common, closesConnection: true })
    })
    return server
  }

  const app = fastify({
    logger: false,
    genReqId: newRequestId,
    trustProxy: trustedProxies.length > 0 && [...trustedProxies],
    return503OnClosing: false,
    serverFactory: listenOn,
    clientErrorHandler: onClientError,
    // Its router sees one path. Ours sees `originalUrl`.
    rewriteUrl: () => '/',
  })
  // Bodies are ours to read, of every method and content type in the same way.
  for (const method of METHODS) app.addHttpMethod(method, { hasBody: false, overrideExisting: true })
  app.all('/', (incoming, outgoing) => {
    outgoing.hijack()
    void exchanges.serve(incoming, outgoing.raw)
  })

  return {
    listen: async ({ host, port }) => {
      await app.listen({ host, port })
      const address = app.server.address()
      return { port: typeof address === 'object' && address !== null ? address.port : port }
    },
    close: async () => {
      exchanges.drain()
      // Connections whose last answer was on its way when the draining began become idle one by one.
      const sweep = setInterval(() => app.server.closeIdleConnections(), 50)
      const end = setTimeout(() => app.server.closeAllConnections(), DRAINING)
      try {
        await app.close()
      } finally {
        clearInterval(sweep)
        clearTimeout(end)
      }
    },
  }
}
