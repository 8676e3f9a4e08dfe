import { equalInConstantTime, hmac, type Key } from '#base/secrets.ts'
import { minutes, type Clock } from '#base/time.ts'

/**
 * What a proof must repeat, so that none can be made long before it is shown (RFC 9449 §8, §11.2). It is the time, under a key that all nodes
 * derive: none is stored, and a nonce of one node is taken by all.
 */
export type DpopNonces = {
  readonly current: () => string
  /** Whether it was made in this step or the one before. */
  readonly isFresh: (nonce: string) => boolean
}

/** A nonce is taken for so long at least, and for twice that at most. */
const STEP = minutes(5)

export const createDpopNonces = (key: Key, clock: Clock): DpopNonces => {
  let step = -1
  let [current, previous] = ['', '']
  const nonceOf = (of: number): string => hmac(key, String(of)).subarray(0, 16).toString('base64url')
  const bringUpToDate = (): void => {
    const now = Math.floor(clock() / STEP)
    if (now === step) return
    step = now
    current = nonceOf(now)
    previous = nonceOf(now - 1)
  }
  return {
    current: () => {
      bringUpToDate()
      return current
    },
    isFresh: (nonce) => {
      bringUpToDate()
      const given = Buffer.from(nonce)
      return [current, previous].some((each) => equalInConstantTime(given, Buffer.from(each)))
    },
  }
}
