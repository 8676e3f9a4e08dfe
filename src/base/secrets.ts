import { createHmac, hash, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'

/** What is stored in place of a secret: its SHA-256. Fit for secrets of 128 random bits and more, never for passwords. */
export type Digest = Buffer & { readonly of: 'secret' }

export const digestOf = (secret: string): Digest => hash('sha256', secret, 'buffer') as Digest

/** A key of 32 bytes that serves one purpose alone. */
export type Key = Buffer & { readonly length: 32 }

/**
 * Derives the key for one purpose from the master key, so that no two uses share a key and only one key must be kept safe.
 * @see RFC 5869 (HKDF with SHA-256)
 */
export const deriveKey = (master: Key, purpose: string): Key =>
  Buffer.from(hkdfSync('sha256', master, '', `postern ${purpose}`, 32)) as Key

export const hmac = (key: Uint8Array, ...parts: readonly (string | Uint8Array)[]): Buffer => {
  const mac = createHmac('sha256', key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

/** Compares in a time that depends on the lengths alone. */
export const equalInConstantTime = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b)

let pool = randomBytes(4096)
let used = 0

/** Random bytes from the operating system, drawn 4 KiB at a time because a small draw costs nearly what a large one does. */
export const random = (length: number): Buffer => {
  if (used + length > pool.length) {
    pool = randomBytes(Math.max(4096, length))
    used = 0
  }
  return pool.subarray(used, (used += length))
}
