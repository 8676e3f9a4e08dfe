import { encodeUint64, findUint64 } from '#base/base62.ts'
import { hmac, type Key } from '#base/secrets.ts'

/**
 * Shows the increasing id of a row as 11 base62 digits that look random, so that a token leads to its row by the primary key and
 * yet nobody can count rows or guess the next one. It hides, it does not authenticate: the secret beside it does.
 *
 * Speck64/128 (Beaulieu et al. 2013, ePrint 2013/404), a block cipher of 64 bits in additions, rotations and xor: through `node:crypto` the
 * calls alone would cost as much as a signature. `domain` keeps the ids of two kinds apart: the same number looks unrelated there.
 */
export type IdPermutation = {
  readonly show: (id: number) => string
  /** The id behind `shown`; `undefined` if it is malformed. Junk of the right form gives some id, most often of no row. */
  readonly find: (shown: string) => number | undefined
}

const ROUNDS = 27

const rotateRight = (word: number, by: number): number => (word >>> by) | (word << (32 - by))
const rotateLeft = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

/** The round keys of four words, in the order of the paper: `l2, l1, l0, k0`. */
export const speckRoundKeys = ([l2, l1, l0, k0]: readonly [number, number, number, number]): Uint32Array => {
  const keys = new Uint32Array(ROUNDS)
  const l = [l0, l1, l2]
  keys[0] = k0
  for (let round = 0; round < ROUNDS - 1; round++) {
    const next = (keys[round]! + rotateRight(l[round]!, 8)) ^ round
    l.push(next)
    keys[round + 1] = rotateLeft(keys[round]!, 3) ^ next
  }
  return keys
}

export const speckEncrypt = (keys: Uint32Array, high: number, low: number): readonly [number, number] => {
  let x = high | 0
  let y = low | 0
  for (const key of keys) {
    x = ((rotateRight(x, 8) + y) | 0) ^ key
    y = rotateLeft(y, 3) ^ x
  }
  return [x >>> 0, y >>> 0]
}

export const speckDecrypt = (keys: Uint32Array, high: number, low: number): readonly [number, number] => {
  let x = high | 0
  let y = low | 0
  for (let round = ROUNDS - 1; round >= 0; round--) {
    y = rotateRight(y ^ x, 3)
    x = rotateLeft(((x ^ keys[round]!) - y) | 0, 8)
  }
  return [x >>> 0, y >>> 0]
}

export const createIdPermutation = (key: Key, domain: number): IdPermutation => {
  const words = hmac(key, `ids of domain ${domain}`)
  const keys = speckRoundKeys([
    words.readUInt32BE(0),
    words.readUInt32BE(4),
    words.readUInt32BE(8),
    words.readUInt32BE(12),
  ])
  return {
    show: (id) => {
      const [high, low] = speckEncrypt(keys, Math.floor(id / 2 ** 32), id)
      return encodeUint64((BigInt(high) << 32n) | BigInt(low))
    },
    find: (shown) => {
      const value = findUint64(shown)
      if (value === undefined) return undefined
      const [high, low] = speckDecrypt(keys, Number(value >> 32n), Number(value & 0xffff_ffffn))
      const id = high * 2 ** 32 + low
      return Number.isSafeInteger(id) && id > 0 ? id : undefined
    },
  }
}
