import { encodeBytes, findUint64 } from '#base/base62.ts'
import type { IdPermutation } from '#base/id_permutation.ts'
import { equalInConstantTime, hmac, type Key } from '#base/secrets.ts'
import type { Authorization } from '#stores/records.ts'

/** What a refresh token names. Nothing is proved by it. */
export type NamedAuthorization = { readonly id: number; readonly generation: number }

/**
 * Refresh tokens are derived, never stored: `rt`, the id of the authorization and its generation under keyed permutations, and an HMAC over
 * both and the salt. The id finds the row, the HMAC is compared in constant time, and a genuine token of an earlier generation
 * is known for what it is; a copy of the database makes no token.
 */
export type RefreshTokens = {
  /** The token of the authorization's present generation. */
  readonly of: (authorization: Authorization) => string
  /** `undefined` if it has not the form of a refresh token. */
  readonly find: (token: string) => NamedAuthorization | undefined
  /** Whether it was made here for this authorization, at the generation that it names. */
  readonly isOf: (token: string, authorization: Authorization) => boolean
}

const TAG = 'rt'
const ID_DIGITS = 11
const SECRET_DIGITS = 43
const GENERATION_AT = TAG.length + ID_DIGITS
const SECRET_AT = GENERATION_AT + ID_DIGITS

/**
 * Generations are counted from here: one of 2^52 numbers that look random. Counted from zero, or from the id, those of two authorizations
 * would meet, and where they meet would tell how many authorizations lie between.
 */
const startOf = (shownId: string): number => Number(findUint64(shownId)! >> 12n) + 1

export const createRefreshTokens = (key: Key, ids: IdPermutation, generations: IdPermutation): RefreshTokens => {
  const secretOf = (id: number, generation: number, salt: Buffer): string => {
    const numbers = Buffer.alloc(16)
    numbers.writeBigUInt64BE(BigInt(id), 0)
    numbers.writeBigUInt64BE(BigInt(generation), 8)
    return encodeBytes(hmac(key, TAG, numbers, salt))
  }
  const find = (token: string): NamedAuthorization | undefined => {
    if (token.length !== SECRET_AT + SECRET_DIGITS || !token.startsWith(TAG)) return undefined
    const shownId = token.slice(TAG.length, GENERATION_AT)
    const id = ids.find(shownId)
    const sum = generations.find(token.slice(GENERATION_AT, SECRET_AT))
    if (id === undefined || sum === undefined) return undefined
    const generation = sum - startOf(shownId)
    return generation < 0 ? undefined : { id, generation }
  }
  return {
    of: ({ id, generation, salt }) => {
      const shownId = ids.show(id)
      return TAG + shownId + generations.show(startOf(shownId) + generation) + secretOf(id, generation, salt)
    },
    find,
    isOf: (token, { id, salt }) => {
      const named = find(token)
      return (
        named?.id === id &&
        equalInConstantTime(Buffer.from(token.slice(SECRET_AT)), Buffer.from(secretOf(id, named.generation, salt)))
      )
    },
  }
}
