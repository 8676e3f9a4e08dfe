import { StoreUnavailableError } from '#stores/store.ts'

export type Turnstile = <T>(work: () => Promise<T>) => Promise<T>

/**
 * Lets at most `abreast` through at a time and keeps at most `waiting` waiting, none for longer than `patienceMs`: a database that is
 * slow or away makes callers hear so, instead of making them pile up.
 */
export const turnstile = (abreast: number, waiting: number, patienceMs: number): Turnstile => {
  let inside = 0
  const queue: (() => void)[] = []
  const enter = (): Promise<void> | undefined => {
    if (inside < abreast) {
      inside++
      return undefined
    }
    if (queue.length >= waiting) {
      return Promise.reject(new StoreUnavailableError('too many wait for PostgreSQL'))
    }
    return new Promise((resolve, reject) => {
      const admit = () => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(() => {
        queue.splice(queue.indexOf(admit), 1)
        reject(new StoreUnavailableError(`waited ${patienceMs} ms for a connection to PostgreSQL`))
      }, patienceMs)
      queue.push(admit)
    })
  }
  return async (work) => {
    await enter()
    try {
      return await work()
    } finally {
      const next = queue.shift()
      if (next === undefined) inside--
      else next()
    }
  }
}
