import { createHash } from 'node:crypto'
import type { PasswordHashing } from '#base/password_hashing.ts'

export type CountedHashing = PasswordHashing & {
  /** How many passwords have been compared since it was asked last. */
  readonly compared: () => number
}

/** Stands in for argon2id where a test signs in hundreds of times: it costs nothing, and counts. */
export const countedHashing = (): CountedHashing => {
  let compared = 0
  const print = (password: string) => `$quick$${createHash('sha256').update(password).digest('base64url')}`
  return {
    hash: (password) => Promise.resolve(print(password)),
    verify: (password, stored) => {
      compared++
      return Promise.resolve(stored === print(password))
    },
    close: () => Promise.resolve(),
    compared: () => {
      const count = compared
      compared = 0
      return count
    },
  }
}
