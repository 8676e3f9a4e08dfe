import { fastify, type FastifyRequest } from 'fastify'
import { METHODS, createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Log } from '#base/log.ts'
import { random } from '#base/secrets.ts'
import type { Seconds } from '#base/time.ts'
import { commonHeaders, rawAnswer, sendReply } from '#http/answer.ts'
import { EMPTY, receiveBody } from '#http/body.ts'
import { findAddress, plainAddress } from '#http/client_address.ts'
import { announcesBody, checkBodyEncoding, checkFraming } from '#http/framing.ts'
import { HttpError, httpErrorReply, malformedRequest, type Reply, type Request, type Surface } from '#http/message.ts'
import { readTarget } from '#http/path.ts'
import { createRouter, type Destination } from '#http/router.ts'

export type HttpServerOptions = {
  readonly surfaces: readonly Surface[]
  readonly limits: {
    readonly bodyBytes: number
    /** Until a request has arrived whole. */
    readonly requestTimeout: Seconds
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
