/**
 * The load generator, a process of its own so that the server's CPU time is measured alone. It speaks HTTP/1.1 on raw
 * sockets: on a machine with two cores a client library would cost as much as the server under test.
 *
 * Every answer is read whole and checked; the first one that is not 200 with the promised tokens ends the run.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { Milliseconds, Seconds } from './units.ts'

export type LoadPlan = {
  port: number
  path: string
  seconds: Seconds
  connections: number
  /**
   * Requests per second of an open loop: they fall due by the clock, whether or not earlier ones have been answered, and the
   * latency counts from the moment a request was due. Absent: a closed loop, each connection asks again once it is answered.
   */
  rate?: number
  form: Record<string, string>
  /** One of these goes with each request, as `refresh_token`; a token that an answer brings takes its place. */
  refreshTokens: string[]
  algorithm: string
  expectsIdToken: boolean
}

export type LoadResult = {
  answers: number
  elapsed: Milliseconds
  p50: Milliseconds
  p99: Milliseconds
  /** How many answers brought a refresh token other than the one that was sent. */
  rotations: number
  /** What to go on with in the next run. */
  refreshTokens: string[]
}

export type LoadReply = { kind: 'done'; result: LoadResult } | { kind: 'failed'; reason: string }

type Answer = { status: number; body: string }
type Connection = { send(request: string): Promise<Answer>; close(): void }

/** Reads one answer of known length; there is no pipelining, so whatever follows it is an error. */
const readAnswer = (received: string): Answer | undefined => {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const head = received.slice(0, headEnd + 2)
  const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(head)?.[1]
  if (length === undefined) throw new Error(`an answer without content-length:\n${head}`)
  const bodyEnd = headEnd + 4 + Number(length)
  if (received.length < bodyEnd) return undefined
  if (received.length > bodyEnd) throw new Error('more bytes than one answer')
  return { status: Number(received.slice(9, 12)), body: received.slice(headEnd + 4, bodyEnd) }
}

const openConnection = (port: number): Promise<Connection> =>
  new Promise((opened, failed) => {
    const socket: Socket = connect({ host: '127.0.0.1', port, noDelay: true })
    let received = ''
    let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined
    const fail = (error: Error): void => {
      waiting?.reject(error)
      waiting = undefined
      failed(error)
    }
    // One byte is one character, so that lengths can be compared; answers of a token endpoint are ASCII anyway.
    socket.setEncoding('latin1')
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('the server closed a connection')))
    socket.on('data', (chunk: string) => {
      received += chunk
      try {
        const answer = readAnswer(received)
        if (!answer) return
        received = ''
        waiting?.resolve(answer)
        waiting = undefined
      } catch (error) {
        fail(error as Error)
      }
    })
    socket.on('connect', () =>
      opened({
        send: (request) =>
          new Promise((resolve, reject) => {
            if (socket.destroyed) {
              reject(new Error('the server closed an idle connection'))
              return
            }
            waiting = { resolve, reject }
            socket.write(request, 'latin1')
          }),
        close: () => socket.destroy(),
      }),
    )
  })

/** The `alg` of a JWT. Its header is the same bytes in every token of a key, so decoding happens once. */
const algorithms = new Map<string, unknown>()
const algorithmOf = (token: unknown): unknown => {
  if (typeof token !== 'string') return undefined
  const header = token.slice(0, token.indexOf('.'))
  if (!algorithms.has(header)) {
    const decoded = JSON.parse(Buffer.from(header, 'base64url').toString()) as { alg?: unknown }
    algorithms.set(header, decoded.alg)
  }
  return algorithms.get(header)
}

type Tokens = { access_token?: unknown; id_token?: unknown; refresh_token?: unknown }

const checkAnswer = (plan: LoadPlan, { status, body }: Answer): Tokens => {
  if (status !== 200) throw new Error(`answer ${status}: ${body.slice(0, 300)}`)
  const tokens = JSON.parse(body) as Tokens
  if (algorithmOf(tokens.access_token) !== plan.algorithm) {
    throw new Error(`no ${plan.algorithm} access token in: ${body.slice(0, 300)}`)
  }
  if (plan.expectsIdToken && algorithmOf(tokens.id_token) !== plan.algorithm) {
    throw new Error(`no ${plan.algorithm} ID token in: ${body.slice(0, 300)}`)
  }
  return tokens
}

/** Hands out refresh tokens so that, when there are enough of them, no two requests in flight carry the same one. */
const tokenPool = (tokens: readonly string[], connections: number) => {
  const free = [...tokens]
  const exclusive = tokens.length >= connections
  let turn = 0
  let rotations = 0
  return {
    take: (): string | undefined => (exclusive ? free.shift() : free[turn++ % free.length]),
    giveBack(token: string, successor: unknown): void {
      const rotated = typeof successor === 'string' && successor !== token
      if (rotated) rotations += 1
      if (exclusive) free.push(rotated ? successor : token)
      else if (rotated) throw new Error('refresh tokens that rotate: at least one per connection is needed')
    },
    state: () => ({ rotations, refreshTokens: free }),
  }
}

const percentile = (sorted: Float64Array, share: number): Milliseconds =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN

/** Waits until `due`. A timer is a millisecond off, which is more than some answers take, so the last stretch is spun. */
const until = async (due: Milliseconds): Promise<void> => {
  const coarse = due - performance.now() - 2
  if (coarse > 0) await new Promise((resolve) => setTimeout(resolve, coarse))
  while (performance.now() < due) await new Promise((resolve) => setImmediate(resolve))
}

export const runLoad = async (plan: LoadPlan): Promise<LoadResult> => {
  const connections = await Promise.all(Array.from({ length: plan.connections }, () => openConnection(plan.port)))
  const pool = tokenPool(plan.refreshTokens, plan.connections)
  const form = new URLSearchParams(plan.form).toString()
  const head =
    `POST ${plan.path} HTTP/1.1\r\nhost: 127.0.0.1:${plan.port}\r\naccept: application/json\r\n` +
    'content-type: application/x-www-form-urlencoded\r\ncontent-length: '
  const latencies: Milliseconds[] = []

  const askOnce = async (connection: Connection, since: Milliseconds): Promise<void> => {
    const token = pool.take()
    const body = token === undefined ? form : `${form}&refresh_token=${encodeURIComponent(token)}`
    const answer = await connection.send(`${head}${body.length}\r\n\r\n${body}`)
    latencies.push(performance.now() - since)
    const tokens = checkAnswer(plan, answer)
    if (token !== undefined) pool.giveBack(token, tokens.refresh_token)
  }

  const started = performance.now()
  const end = started + plan.seconds * 1000
  const closedLoop = async (connection: Connection): Promise<void> => {
    while (performance.now() < end) await askOnce(connection, performance.now())
  }
  const openLoop = async (rate: number): Promise<void> => {
    // Connections take turns, so that none idles until the server closes it.
    const free = [...connections]
    const queue: Milliseconds[] = []
    const inFlight = new Set<Promise<void>>()
    let failure: Error | undefined
    const drain = (): void => {
      while (free.length > 0 && queue.length > 0) {
        const connection = free.shift()!
        const request = askOnce(connection, queue.shift()!)
          .catch((error: unknown) => {
            failure ??= error as Error
          })
          .finally(() => {
            free.push(connection)
            inFlight.delete(request)
            drain()
          })
        inFlight.add(request)
      }
    }
    for (let due = started; due < end && !failure; due += 1000 / rate) {
      await until(due)
      queue.push(due)
      drain()
    }
    while (inFlight.size > 0) await Promise.all(inFlight)
    if (failure) throw failure
  }

  const late = Promise.withResolvers<never>()
  const patience = setTimeout(
    () => late.reject(new Error('no answer within ten seconds')),
    plan.seconds * 1000 + 10_000,
  )
  try {
    const work = plan.rate === undefined ? Promise.all(connections.map(closedLoop)) : openLoop(plan.rate)
    await Promise.race([work, late.promise])
  } finally {
    clearTimeout(patience)
    for (const connection of connections) connection.close()
  }
  const elapsed = performance.now() - started
  const sorted = Float64Array.from(latencies).sort()
  return {
    answers: sorted.length,
    elapsed,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    ...pool.state(),
  }
}

if (import.meta.main) {
  process.on('disconnect', () => process.exit(0))
  process.on('message', (plan: LoadPlan) => {
    runLoad(plan)
      .then(
        (result): LoadReply => ({ kind: 'done', result }),
        (error: unknown): LoadReply => ({ kind: 'failed', reason: String(error) }),
      )
      .then((message) => process.send?.(message))
      .catch(() => process.exit(1))
  })
}
