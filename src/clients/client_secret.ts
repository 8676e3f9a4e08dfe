import { crc32 } from 'node:zlib'
import { encodeBytes } from '#base/base62.ts'
import { digestOf, equalInConstantTime, random, type Digest } from '#base/secrets.ts'

/** So that scanners recognise a secret that leaked, and know without asking us whether it is one. */
const PREFIX = 'pst_'
const SECRET_BYTES = 32
const LENGTH = PREFIX.length + 43 + 6

const checksumOf = (text: string): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(text))
  return encodeBytes(bytes)
}

/** A new client secret: `pst_`, 256 random bits in base62, and a CRC-32 of all before it in 6 digits of base62. */
export const makeClientSecret = (): string => {
  const secret = PREFIX + encodeBytes(random(SECRET_BYTES))
  return secret + checksumOf(secret)
}

/** Whether `text` has the form of a secret that we made: no database is asked about one that has not. */
export const isClientSecret = (text: string): boolean =>
  text.length === LENGTH && text.startsWith(PREFIX) && checksumOf(text.slice(0, -6)) === text.slice(-6)

export const secretMatches = (secret: string, digest: Digest): boolean => equalInConstantTime(digestOf(secret), digest)
