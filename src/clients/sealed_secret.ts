import { findSealed, seal } from '#base/seal.ts'
import type { Key } from '#base/secrets.ts'
import type { ClientSecret } from '#stores/records.ts'

// The secret of a client that signs with it (`client_secret_jwt`) is needed itself, so a digest is not enough: it is kept sealed.

const contextOf = (clientId: string): string => `secret of the client ${clientId}`

/** RFC 7518 §3.2: a key for HS256 has 256 bits at least. */
export const SHORTEST_SIGNING_SECRET = 32

export const sealSecret = (key: Key, clientId: string, secret: string): ClientSecret => ({
  kind: 'sealed',
  sealed: seal(key, contextOf(clientId), Buffer.from(secret)),
  expiresAt: undefined,
})

/** `undefined` if it is of another kind, or the master key is another. */
export const findSealedSecret = (key: Key, clientId: string, secret: ClientSecret): Buffer | undefined =>
  secret.kind === 'sealed' ? findSealed(key, contextOf(clientId), secret.sealed) : undefined
