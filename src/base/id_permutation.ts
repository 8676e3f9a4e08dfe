import { createCipheriv } from 'node:crypto'
import { encodeUint64, findUint64 } from '#base/base62.ts'
import type { Key } from '#base/secrets.ts'

/**
 * Shows the increasing id of a row as 11 base62 digits that look random, so that a token leads to its row by the primary key and
 * yet nobody can count rows or guess the next one. It hides, it does not authenticate: the secret beside it does.
 *
 * Four Feistel rounds with AES as the round function, a pseudorandom permutation of 64 bits (Luby and Rackoff 1988). `domain`
 * keeps the ids of two tables apart: the same number in another domain looks unrelated.
 */
export type IdPermutation = {
  readonly show: (id: number) => string
  /** The id behind `shown`; `undefined` if it is malformed. Junk of the right form gives some id, most often of no row. */
  readonly find: (shown: string) => number | undefined
}

const ROUNDS = [0, 1, 2, 3] as const

export const createIdPermutation = (key: Key, domain: number): IdPermutation => {
  // ECB over single blocks is what a pseudorandom function needs here, and one cipher object serves all calls.
  const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false)
  const block = Buffer.alloc(16)
  block.writeUInt32BE(domain, 8)
  const round = (number: number, half: number): number => {
    block.writeUInt32BE(half, 0)
    block.writeUInt32BE(number, 4)
    return cipher.update(block).readUInt32BE(0)
  }
  return {
    show: (id) => {
      let left = Math.floor(id / 2 ** 32) >>> 0
      let right = id >>> 0
      for (const number of ROUNDS) [left, right] = [right, (left ^ round(number, right)) >>> 0]
      return encodeUint64((BigInt(left) << 32n) | BigInt(right))
    },
    find: (shown) => {
      const value = findUint64(shown)
      if (value === undefined) return undefined
      let left = Number(value >> 32n)
      let right = Number(value & 0xffff_ffffn)
      for (const number of ROUNDS.toReversed()) [left, right] = [(right ^ round(number, left)) >>> 0, left]
      const id = left * 2 ** 32 + right
      return Number.isSafeInteger(id) && id > 0 ? id : undefined
    },
  }
}
