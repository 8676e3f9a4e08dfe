/** How many requests may be under way, and how many may wait for their turn; more are refused at once. */
export type BulkheadLimits = {
  readonly running: number
  readonly runningPerHost: number
  readonly waiting: number
  readonly waitingPerHost: number
}

/** Keeps one host that never answers from taking the turns of all others. */
export type Bulkhead = {
  /** Waits for a turn. @returns what gives it back @throws {Error} if too many wait, or `signal` aborts first */
  readonly enter: (host: string, signal: AbortSignal) => Promise<() => void>
}

type Waiter = { readonly host: string; readonly start: () => void }

export const createBulkhead = (limits: BulkheadLimits): Bulkhead => {
  let running: readonly string[] = []
  const queue: Waiter[] = []
  const count = (hosts: readonly string[], host: string): number => hosts.filter((each) => each === host).length
  const hasRoom = (host: string): boolean =>
    running.length < limits.running && count(running, host) < limits.runningPerHost

  const take = (host: string): (() => void) => {
    running = [...running, host]
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      running = running.toSpliced(running.indexOf(host), 1)
      const next = queue.findIndex((waiter) => hasRoom(waiter.host))
      if (next >= 0) queue.splice(next, 1)[0]!.start()
    }
  }

  return {
    enter: (host, signal) => {
      if (hasRoom(host)) return Promise.resolve(take(host))
      const hosts = queue.map((waiter) => waiter.host)
      if (hosts.length >= limits.waiting || count(hosts, host) >= limits.waitingPerHost) {
        return Promise.reject(new Error('too many requests are waiting'))
      }
      return new Promise((resolve, reject) => {
        const leave = () => {
          queue.splice(queue.indexOf(waiter), 1)
          reject(new Error('no turn came in time'))
        }
        const waiter: Waiter = {
          host,
          start: () => {
            signal.removeEventListener('abort', leave)
            resolve(take(host))
          },
        }
        queue.push(waiter)
        signal.addEventListener('abort', leave, { once: true })
      })
    },
  }
}
