import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import type { Log } from '#base/log.ts'
import { createAllowList, findOutboundUrlDefect } from '#outbound/allow_list.ts'
import { createBulkhead, type BulkheadLimits } from '#outbound/bulkhead.ts'
import { createResolveHost, type ResolveHost } from '#outbound/resolve.ts'
import { send, type OutboundAnswer, type OutboundRequest } from '#outbound/send.ts'

/**
 * The one way out of the server. URLs come from clients, so each request is guarded as if it came from an attacker: https alone, public
 * addresses alone (and what `outbound.allow` names), to the very address that was checked, no redirects, little, and not for long.
 */
export type Outbound = {
  /** @returns the parsed body of an answer 200 @throws {OutboundError} */
  readonly getJson: (url: string, options?: OutboundOptions) => Promise<unknown>
  /** @returns the status, whatever it is @throws {OutboundError} if nothing was answered that can be read */
  readonly postForm: (
    url: string,
    fields: Readonly<Record<string, string>>,
    options?: OutboundOptions,
  ) => Promise<{ readonly status: number }>
}

export type OutboundOptions = {
  /** Bytes of the answer's body, at most 65 536, which is the default. */
  readonly mostBytes?: number
  /** Milliseconds for all of it, at most 5000, which is the default. */
  readonly timeoutMs?: number
}

/** Why is for the log alone: who may choose the URL would learn from it what is inside our network. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError'
  constructor(options?: ErrorOptions) {
    super('the URL could not be used', options)
  }
}

export type OutboundSettings = {
  /** Hosts, addresses and CIDR ranges that may be asked although they are not public. */
  readonly allow: readonly string[]
  /** A file with certificates (PEM) of authorities that are trusted besides those that Node.js trusts. */
  readonly ca?: string | undefined
  readonly log: Log
  readonly limits?: BulkheadLimits
  /** Milliseconds until somebody must have answered the TLS handshake. */
  readonly connectTimeoutMs?: number
  readonly resolveHost?: ResolveHost
}

const MOST_BYTES = 65_536
const TIMEOUT_MS = 5000
const CONNECT_TIMEOUT_MS = 2500
const LIMITS: BulkheadLimits = { running: 16, runningPerHost: 4, waiting: 64, waitingPerHost: 16 }

/** @throws {Error} that names what is wrong with the file of certificates */
export const createOutbound = (settings: OutboundSettings): Outbound => {
  const { log, limits = LIMITS, connectTimeoutMs = CONNECT_TIMEOUT_MS } = settings
  const allowList = createAllowList(settings.allow)
  const { resolveHost = createResolveHost(allowList) } = settings
  const bulkhead = createBulkhead(limits)
  // Made once: reading a hundred authorities takes longer than the request.
  const secureContext = settings.ca === undefined ? undefined : trusting(settings.ca)

  /** Connects and asks. `isConnected` afterwards tells whether the other side has proved to be a server that speaks to us. */
  const attempt = async (
    asked: OutboundRequest,
    mostBytes: number,
    deadline: AbortSignal,
    connection: { isConnected: boolean },
  ): Promise<OutboundAnswer> => {
    const connecting = new AbortController()
    const timer = setTimeout(() => connecting.abort(new Error('no connection in time')), connectTimeoutMs)
    const signal = AbortSignal.any([deadline, connecting.signal])
    try {
      const host = asked.url.hostname.replace(/^\[|\]$/g, '')
      const addresses = await orAborted(resolveHost(host, signal), signal)
      // One that is not admitted condemns the name: whoever mixes them waits for us to try the next.
      const refused = addresses.find((address) => !allowList.admits(asked.url, address))
      if (refused !== undefined) throw new Error(`${refused} is neither public nor allowed`)
      const onConnected = () => {
        connection.isConnected = true
        clearTimeout(timer)
      }
      return await send(asked, { addresses, secureContext, mostBytes, signal, onConnected })
    } finally {
      clearTimeout(timer)
    }
  }

  const exchange = async (asked: OutboundRequest, options: OutboundOptions): Promise<OutboundAnswer> => {
    const mostBytes = Math.min(options.mostBytes ?? MOST_BYTES, MOST_BYTES)
    const deadline = AbortSignal.timeout(Math.min(options.timeoutMs ?? TIMEOUT_MS, TIMEOUT_MS))
    const release = await bulkhead.enter(asked.url.host, deadline)
    const connection = { isConnected: false }
    const begun = performance.now()
    try {
      return await attempt(asked, mostBytes, deadline, connection)
    } catch (error) {
      release()
      // A closed port, a filtered one, one where something else listens, a private address and a name that does not exist take equally long.
      const rest = begun + connectTimeoutMs - performance.now()
      if (!connection.isConnected && rest > 0) await sleep(rest, undefined, { signal: deadline }).catch(() => undefined)
      throw error
    } finally {
      release()
    }
  }

  const ask = async <T>(
    text: string,
    request: Omit<OutboundRequest, 'url'>,
    options: OutboundOptions,
    read: (answer: OutboundAnswer) => T,
  ): Promise<T> => {
    try {
      const defect = findOutboundUrlDefect(text)
      if (defect !== undefined) throw new Error(defect)
      return read(await exchange({ ...request, url: new URL(text) }, options))
    } catch (error) {
      const { origin = '', pathname = '' } = URL.parse(text) ?? {}
      log.warn('a request to another server failed', { url: origin + pathname, error })
      throw new OutboundError({ cause: error })
    }
  }

  return {
    getJson: (url, options = {}) =>
      ask(url, { method: 'GET', headers: { accept: 'application/json' } }, options, readJson),
    postForm: (url, fields, options = {}) => {
      const body = new URLSearchParams(fields).toString()
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': String(Buffer.byteLength(body)),
      }
      return ask(url, { method: 'POST', headers, body }, options, ({ status }) => ({ status }))
    },
  }
}

const trusting = (file: string): SecureContext => {
  try {
    const certificates = readFileSync(file, 'utf8')
    // A context takes a file without any for granted.
    new X509Certificate(certificates)
    return createSecureContext({ ca: [...getCACertificates('default'), certificates] })
  } catch (error) {
    throw new Error(`outbound.ca: ${file} cannot be read as certificates (PEM)`, { cause: error })
  }
}

const readJson = ({ status, body }: OutboundAnswer): unknown => {
  if (status !== 200) throw new Error(`the answer has status ${status}`)
  return JSON.parse(body.toString('utf8'))
}

/** Some work cannot be called off; then it is at least not waited for. */
const orAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
