import { encodeBytes } from '#base/base62.ts'
import type { IdPermutation } from '#base/id_permutation.ts'
import { equalInConstantTime, hmac, type Key } from '#base/secrets.ts'
import type { Authorization } from '#stores/records.ts'

/**
 * Refresh tokens are derived, never stored: `rt`, the id of the authorization under a keyed permutation, and an HMAC over its id,
 * generation and salt. The id finds the row, the HMAC is compared in constant time; a copy of the database makes no token.
 */
export type RefreshTokens = {
  readonly of: (authorization: Authorization) => string
  /** The authorization that `token` names; `undefined` if it has not the form of a refresh token. Proves nothing. */
  readonly findAuthorizationId: (token: string) => number | undefined
  readonly isOf: (token: string, authorization: Authorization) => boolean
}

const TAG = 'rt'
const ID_DIGITS = 11
const SECRET_DIGITS = 43
const SECRET_AT = TAG.length + ID_DIGITS

export const createRefreshTokens = (key: Key, ids: IdPermutation): RefreshTokens => {
  const secretOf = ({ id, generation, salt }: Authorization): string => {
    const numbers = Buffer.alloc(16)
    numbers.writeBigUInt64BE(BigInt(id), 0)
    numbers.writeBigUInt64BE(BigInt(generation), 8)
    return encodeBytes(hmac(key, TAG, numbers, salt))
  }
  const isForm = (token: string): boolean => token.length === SECRET_AT + SECRET_DIGITS && token.startsWith(TAG)
  return {
    of: (authorization) => TAG + ids.show(authorization.id) + secretOf(authorization),
    findAuthorizationId: (token) => (isForm(token) ? ids.find(token.slice(TAG.length, SECRET_AT)) : undefined),
    isOf: (token, authorization) =>
      isForm(token) &&
      ids.find(token.slice(TAG.length, SECRET_AT)) === authorization.id &&
      equalInConstantTime(Buffer.from(token.slice(SECRET_AT)), Buffer.from(secretOf(authorization))),
  }
}
