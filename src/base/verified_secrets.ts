import { createBoundedCache } from '#base/bounded_cache.ts'
import { hmac, random } from '#base/secrets.ts'
import { between, type Clock, type EpochSeconds, type Seconds } from '#base/time.ts'

/**
 * Remembers for a while that a secret was right, so that a client that signs in before each request does not pay for a slow hash
 * each time. Holds no secret and nothing that a slow hash would protect: only an HMAC under a key that lives as long as the process.
 * It is keyed by the stored hash too, hence cut by any change of it. Ask it only about counted attempts, or it becomes an oracle.
 */
export type VerifiedSecrets = {
  readonly isVerified: (secret: string, storedHash: string) => boolean
  readonly remember: (secret: string, storedHash: string) => void
}

export const createVerifiedSecrets = (lifetime: Seconds, clock: Clock, limit = 10_000): VerifiedSecrets => {
  const key = Buffer.from(random(32))
  const verified = createBoundedCache<string, { readonly at: EpochSeconds }>(limit)
  const nameOf = (secret: string, storedHash: string): string => hmac(key, storedHash, '\0', secret).toString('base64')
  return {
    isVerified: (secret, storedHash) => {
      const entry = verified.find(nameOf(secret, storedHash))
      return entry !== undefined && between(entry.at, clock()) < lifetime
    },
    remember: (secret, storedHash) => verified.set(nameOf(secret, storedHash), { at: clock() }),
  }
}
