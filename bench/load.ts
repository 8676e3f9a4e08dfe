/**
 * The load generator, a process of its own so that the server's CPU time is measured alone. It speaks HTTP/1.1 on raw
 * sockets: on a machine with two cores a client library would cost as much as the server under test.
 *
 * Every answer is read whole and checked; the first one that is not 200 with what was promised ends the run.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { Milliseconds, Seconds } from './units.ts'

/** What is another in each request that is under way. */
export type Supply = {
  /** A field of the form, or the access token in the `Authorization` header. */
  as: 'refresh_token' | 'code' | 'token' | 'bearer'
  values: string[]
  /** Each value goes with one request alone, and the run ends early when none is left. Otherwise they take turns. */
  once: boolean
}

export type Expectation =
  | { kind: 'tokens'; algorithm: string; withIdToken: boolean }
  /** These members of the JSON. */
  | { kind: 'members'; names: string[] }
  | { kind: 'page' }

export type LoadPlan = {
  port: number
  /** With its query. */
  path: string
  /** Sent by POST. Absent: a GET. */
  form?: Record<string, string>
  supply?: Supply
  expects: Expectation
  seconds: Seconds
  connections: number
  /**
   * Requests per second of an open loop: they fall due by the clock, whether or not earlier ones have been answered, and the
   * latency counts from the moment a request was due. Absent: a closed loop, each connection asks again once it is answered.
   */
  rate?: number
}

export type LoadResult = {
  answers: number
  elapsed: Milliseconds
  p50: Milliseconds
  p99: Milliseconds
  /** How many answers brought a refresh token other than the one that was sent. */
  rotations: number
  /** Of the supply, what to go on with in the next run. */
  left: string[]
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
    // One byte is one character, so that lengths can be compared; what is looked at in answers is ASCII anyway.
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

/** @returns the refresh token that the answer brings, if there is one */
const checkAnswer = ({ expects }: LoadPlan, { status, body }: Answer): unknown => {
  const lacks = (what: string): Error => new Error(`no ${what} in: ${body.slice(0, 300)}`)
  if (status !== 200) throw new Error(`answer ${status}: ${body.slice(0, 300)}`)
  switch (expects.kind) {
    case 'tokens': {
      const { algorithm, withIdToken } = expects
      const tokens = JSON.parse(body) as Tokens
      if (algorithmOf(tokens.access_token) !== algorithm) throw lacks(`${algorithm} access token`)
      if (withIdToken && algorithmOf(tokens.id_token) !== algorithm) throw lacks(`${algorithm} ID token`)
      return tokens.refresh_token
    }
    case 'members': {
      const members = JSON.parse(body) as Record<string, unknown>
      for (const name of expects.names) if (members[name] === undefined) throw lacks(name)
      return undefined
    }
    case 'page':
      if (!body.includes('type="password"')) throw lacks('password field')
      return undefined
  }
}

/**
 * Hands out what requests carry: each value once, or again and again, and then so that, when there are enough of them, no two requests in
 * flight carry the same one.
 */
const valuePool = ({ values, once }: Pick<Supply, 'values' | 'once'>, connections: number) => {
  const free = [...values]
  const exclusive = values.length >= connections
  let turn = 0
  let rotations = 0
  return {
    isEmpty: (): boolean => once && turn >= free.length,
    take(): string | undefined {
      if (once) return free[turn++]
      return exclusive ? free.shift() : free[turn++ % free.length]
    },
    giveBack(value: string, successor: unknown): void {
      if (once) return
      const rotated = typeof successor === 'string' && successor !== value
      if (rotated) rotations += 1
      if (exclusive) free.push(rotated ? successor : value)
      else if (rotated) throw new Error('refresh tokens that rotate: at least one per connection is needed')
    },
    state: () => ({ rotations, left: once ? free.slice(turn) : free }),
  }
}

/** Writes the requests of a plan. */
const requestWriter = ({ port, path, form, supply, expects }: LoadPlan): ((value: string | undefined) => string) => {
  const accept = expects.kind === 'page' ? 'text/html' : 'application/json'
  const head = `${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: ${accept}\r\n`
  if (form === undefined) {
    return supply?.as === 'bearer'
      ? (value) => `GET ${head}authorization: Bearer ${value}\r\n\r\n`
      : () => `GET ${head}\r\n`
  }
  const fields = new URLSearchParams(form).toString()
  const post = `POST ${head}content-type: application/x-www-form-urlencoded\r\ncontent-length: `
  return (value) => {
    const body =
      supply === undefined || value === undefined ? fields : `${fields}&${supply.as}=${encodeURIComponent(value)}`
    return `${post}${body.length}\r\n\r\n${body}`
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
  const pool = valuePool(plan.supply ?? { values: [], once: false }, plan.connections)
  const write = requestWriter(plan)
  const latencies: Milliseconds[] = []

  const askOnce = async (connection: Connection, since: Milliseconds): Promise<void> => {
    const value = pool.take()
    const answer = await connection.send(write(value))
    latencies.push(performance.now() - since)
    const successor = checkAnswer(plan, answer)
    if (value !== undefined) pool.giveBack(value, successor)
  }

  const started = performance.now()
  const end = started + plan.seconds * 1000
  const closedLoop = async (connection: Connection): Promise<void> => {
    while (performance.now() < end && !pool.isEmpty()) await askOnce(connection, performance.now())
  }
  const openLoop = async (rate: number): Promise<void> => {
    // Connections take turns, so that none idles until the server closes it.
    const free = [...connections]
    const queue: Milliseconds[] = []
    const inFlight = new Set<Promise<void>>()
    let failure: Error | undefined
    const drain = (): void => {
      while (free.length > 0 && queue.length > 0) {
        if (pool.isEmpty()) {
          failure ??= new Error('what requests carry has run out')
          return
        }
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
