import { randomBytes } from 'node:crypto'

const LENGTH = 16

let pool = ''
let used = 0

/**
 * 96 random bits, and never the client's: whoever can choose the id can make two requests look like one. Drawn and written out for
 * 1024 requests at a time, because it is made for every one.
 */
export const newRequestId = (): string => {
  if (used === pool.length) {
    pool = randomBytes(1024 * 12).toString('base64url')
    used = 0
  }
  return pool.slice(used, (used += LENGTH))
}
