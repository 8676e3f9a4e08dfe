import { encodeBytes } from '#base/base62.ts'
import type { IdPermutation } from '#base/id_permutation.ts'
import { equalInConstantTime, hmac, type Key } from '#base/secrets.ts'

/**
 * Secrets of one kind that are derived, never stored: a tag, the id of a row under a keyed permutation, and an HMAC over the id and what the
 * row keeps for it. The id finds the row, the HMAC is compared in constant time; a copy of the database makes none, and one kind
 * is never taken for another.
 */
export type DerivedTokens = {
  readonly of: (row: { readonly id: number; readonly salt: Buffer }) => string
  /** The row that `token` names; `undefined` if it has not the form of this kind. Proves nothing. */
  readonly findId: (token: string) => number | undefined
  readonly isOf: (token: string, row: { readonly id: number; readonly salt: Buffer }) => boolean
}

const ID_DIGITS = 11
const SECRET_DIGITS = 43

export const createDerivedTokens = (tag: string, key: Key, ids: IdPermutation): DerivedTokens => {
  const secretAt = tag.length + ID_DIGITS
  const secretOf = (id: number, salt: Buffer): string => {
    const number = Buffer.alloc(8)
    number.writeBigUInt64BE(BigInt(id))
    return encodeBytes(hmac(key, tag, number, salt))
  }
  const findId = (token: string): number | undefined =>
    token.length === secretAt + SECRET_DIGITS && token.startsWith(tag)
      ? ids.find(token.slice(tag.length, secretAt))
      : undefined
  return {
    of: ({ id, salt }) => tag + ids.show(id) + secretOf(id, salt),
    findId,
    isOf: (token, { id, salt }) =>
      findId(token) === id && equalInConstantTime(Buffer.from(token.slice(secretAt)), Buffer.from(secretOf(id, salt))),
  }
}
