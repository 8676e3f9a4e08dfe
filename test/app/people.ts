import { argon2Sync, randomBytes } from 'node:crypto'
import { findUsernameKey, usernameSkeleton } from '#accounts/username.ts'
import { digestOf } from '#base/secrets.ts'
import { makeClientSecret } from '#clients/client_secret.ts'
import { PLATFORM_AUDIENCE } from '#config.ts'
import type { Account, ClientPolicy, NewAccount, Permission } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'
import { PLATFORM_SCOPES } from '../support/running_postern.ts'

// Accounts and clients, put into the store without a server. A stored hash says itself how it was made, so one with the least memory
// that argon2id takes is verified on the same way as any other, in a millisecond.

export const cheapHash = (password: string): string => {
  const nonce = randomBytes(16)
  const hash = argon2Sync('argon2id', { message: password, nonce, parallelism: 1, tagLength: 32, memory: 8, passes: 1 })
  const print = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
  return `$argon2id$v=19$m=8,t=1,p=1$${print(nonce)}$${print(hash)}`
}

export const addPerson = (
  store: Store,
  username: string,
  password: string,
  abilities: NewAccount['abilities'] = {
    role: 'MANAGER',
    scope: 'GLOBAL',
    type: 'AGENCY',
    flags: ['view_organizations'],
  },
  permissions: readonly Permission[] = [],
): Promise<Account> => {
  const usernameKey = findUsernameKey(username)!
  return store.accounts.create(
    {
      realm: 'T1DB-Production',
      username,
      usernameKey,
      usernameSkeleton: usernameSkeleton(usernameKey),
      passwordHash: cheapHash(password),
      abilities,
      profile: {},
    },
    permissions,
  )
}

export type TestClient = { readonly id: string; readonly secret: string }

/** A client with all scopes and the grants of a password client, unless said otherwise. Its id counts as an API key. */
export const addClient = async (
  store: Store,
  id: string,
  policy: Partial<ClientPolicy> = {},
): Promise<TestClient & { readonly policy: ClientPolicy }> => {
  const secret = makeClientSecret()
  const client = await store.clients.create({
    id,
    name: `The client ${id}`,
    policy: {
      tokenEndpointAuthMethod: 'client_secret',
      grantTypes: ['password', 'refresh_token'],
      scopes: ['openid', 'profile', 'offline_access', ...PLATFORM_SCOPES],
      audiences: [PLATFORM_AUDIENCE],
      defaultScopes: ['read:entities'],
      party: 'first',
      redirectUris: [],
      idTokenSigningAlgorithm: 'ES256',
      ...policy,
    },
    idIsApiKey: true,
    secret: { kind: 'sha256', digest: digestOf(secret), expiresAt: undefined },
    apiKeys: [],
  })
  return { id, secret, policy: client.policy }
}
