import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { HashingResult, HashingTask } from '#base/password_hashing_worker.ts'
import { equalInConstantTime, random } from '#base/secrets.ts'
import { seconds, type Seconds } from '#base/time.ts'

/** Too much work is waiting already. The caller answers 503 with `Retry-After`. */
export class OverloadedError extends Error {
  readonly retryAfter: Seconds
  constructor(message: string, retryAfter: Seconds) {
    super(message)
    this.retryAfter = retryAfter
  }
}

/**
 * Hashes passwords off the event loop, on threads of its own: libuv's pool stays free for signatures, and at most two hashes hold
 * their memory at a time.
 * @see RFC 9106 §4 (argon2id); the parameters are those that OWASP recommends, 19 MiB and two passes
 */
export type PasswordHashing = {
  /** The PHC string of `password`. Refuses with `OverloadedError` when the queue is full. */
  readonly hash: (password: string) => Promise<string>
  /** Whether `password` made `stored`. With no `stored` it costs the same and answers `false`: nobody learns which accounts exist. */
  readonly verify: (password: string, stored: string | undefined) => Promise<boolean>
  /** Ends the threads. What is hashed or waits then is rejected, as is all that comes later. */
  readonly close: () => Promise<void>
}

const MEMORY_KIB = 19_456
const PASSES = 2
const PARALLELISM = 1
const SALT_BYTES = 16
const HASH_BYTES = 32

const CLOSED = 'password hashing is closed'

type Parameters = Omit<HashingTask, 'id' | 'password'>

const currentParameters = (salt: Uint8Array): Parameters => ({
  salt,
  memory: MEMORY_KIB,
  passes: PASSES,
  parallelism: PARALLELISM,
  length: HASH_BYTES,
})

const unpadded = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/=+$/, '')

const print = ({ memory, passes, parallelism, salt }: Parameters, hash: Uint8Array): string =>
  `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(hash)}`

const parse = (stored: string): { parameters: Parameters; hash: Buffer } => {
  const [, memory, passes, parallelism, salt, hash] =
    /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(stored) ?? []
  if (salt === undefined || hash === undefined) throw new Error('a stored password hash is not argon2id')
  const bytes = Buffer.from(hash, 'base64')
  return {
    parameters: {
      salt: Buffer.from(salt, 'base64'),
      memory: Number(memory),
      passes: Number(passes),
      parallelism: Number(parallelism),
      length: bytes.length,
    },
    hash: bytes,
  }
}

export type PasswordHashingOptions = {
  /** Threads; by default the number of cores, at most 2. */
  readonly threads?: number
  /** How many hashes may wait for a thread. */
  readonly queue?: number
}

export const createPasswordHashing = ({
  threads = Math.min(availableParallelism(), 2),
  queue = 256,
}: PasswordHashingOptions = {}): PasswordHashing => {
  type Waiting = HashingTask & { readonly done: (hash: Uint8Array) => void; readonly failed: (error: Error) => void }
  const idle: Worker[] = []
  const running = new Map<Worker, Waiting>()
  const waiting: Waiting[] = []
  let lastId = 0
  let started = 0
  let closed = false

  const start = (): Worker => {
    const worker = new Worker(new URL('./password_hashing_worker.ts', import.meta.url))
    started++
    worker.on('message', ({ hash }: HashingResult) => {
      const task = running.get(worker)
      running.delete(worker)
      worker.unref()
      idle.push(worker)
      task?.done(hash)
      next()
    })
    let cause: Error | undefined
    worker.on('error', (error: Error) => (cause = error))
    // Comes after every end, an `error` only after some. One that died idle must not be handed another task.
    worker.on('exit', () => {
      const task = running.get(worker)
      running.delete(worker)
      const place = idle.indexOf(worker)
      if (place >= 0) idle.splice(place, 1)
      started--
      task?.failed(cause ?? new Error(closed ? CLOSED : 'a password hashing thread has ended'))
      if (!closed) next()
    })
    return worker
  }

  const next = (): void => {
    const task = waiting.shift()
    if (task === undefined) return
    const worker = idle.pop() ?? (started < threads ? start() : undefined)
    if (worker === undefined) {
      waiting.unshift(task)
      return
    }
    running.set(worker, task)
    const { done: _done, failed: _failed, ...message } = task
    worker.ref()
    worker.postMessage(message)
  }

  const compute = (password: string, parameters: Parameters): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      if (closed) {
        reject(new Error(CLOSED))
        return
      }
      if (waiting.length >= queue) {
        reject(new OverloadedError(`${waiting.length} password hashes are waiting`, seconds(2)))
        return
      }
      waiting.push({ id: ++lastId, password, ...parameters, done: resolve, failed: reject })
      next()
    })

  const decoySalt = random(SALT_BYTES)

  return {
    hash: async (password) => {
      const parameters = currentParameters(Buffer.from(random(SALT_BYTES)))
      return print(parameters, await compute(password, parameters))
    },
    verify: async (password, stored) => {
      if (stored === undefined) {
        await compute(password, currentParameters(decoySalt))
        return false
      }
      const { parameters, hash } = parse(stored)
      return equalInConstantTime(await compute(password, parameters), hash)
    },
    close: async () => {
      closed = true
      for (const { failed } of waiting.splice(0)) failed(new Error(CLOSED))
      await Promise.all([...idle, ...running.keys()].map((worker) => worker.terminate()))
    },
  }
}
