import { encodeBytes } from '#base/base62.ts'
import type { PasswordHashing } from '#base/password_hashing.ts'
import { deriveKey, digestOf, random, type Key } from '#base/secrets.ts'
import { isClientSecret, makeClientSecret } from '#clients/client_secret.ts'
import { sealSecret } from '#clients/sealed_secret.ts'
import type { Client, ClientPolicy, ClientSecret, NewClient } from '#stores/records.ts'
import type { ClientStore } from '#stores/store.ts'

export type ClientRegistration = Pick<NewClient, 'name' | 'policy'> & {
  /** Given when existing programs know it already; otherwise made: 32 characters. */
  readonly id?: string
  /** A secret that existing programs know already. It may be guessable, so it is kept as a password is. Otherwise one is made. */
  readonly importedSecret?: string
  /** Seals the secret of a client that signs with it (`client_secret_jwt`): see `clientSecretsKey`. Needed for such a client alone. */
  readonly sealingKey?: Key
  readonly apiKeys?: readonly { readonly name: string; readonly key: string }[]
  readonly idIsApiKey?: boolean
}

/** `secret` is shown this one time. A public client has none, and one with keys neither. */
export type RegisteredClient = { readonly client: Client; readonly secret: string | undefined }

const makeClientId = (): string => encodeBytes(random(24)).slice(-32)

/** @throws {StoreConflictError} `client id`, `api key` */
export const registerClient = async (
  clients: ClientStore,
  hashing: PasswordHashing,
  registration: ClientRegistration,
): Promise<RegisteredClient> => {
  const { id = makeClientId(), name, policy, importedSecret, apiKeys = [], idIsApiKey = true } = registration
  const secret = hasSecret(policy) ? (importedSecret ?? makeClientSecret()) : undefined
  const client = await clients.create({
    id,
    name,
    policy,
    idIsApiKey,
    secret: secret === undefined ? undefined : await storedSecret(hashing, id, secret, registration),
    apiKeys: apiKeys.map((apiKey) => ({ name: apiKey.name, digest: digestOf(apiKey.key) })),
  })
  return { client, secret }
}

/** The key that secrets are sealed with. */
export const clientSecretsKey = (masterKey: Key): Key => deriveKey(masterKey, 'client secrets')

const hasSecret = ({ tokenEndpointAuthMethod: method }: ClientPolicy): boolean =>
  method === 'client_secret' || method === 'client_secret_jwt'

/** One that was imported and has our form was made by another Postern. */
const storedSecret = async (
  hashing: PasswordHashing,
  clientId: string,
  secret: string,
  { policy, sealingKey }: ClientRegistration,
): Promise<ClientSecret> => {
  if (policy.tokenEndpointAuthMethod === 'client_secret_jwt') {
    if (sealingKey === undefined)
      throw new TypeError('a client of client_secret_jwt needs the key that seals its secret')
    return sealSecret(sealingKey, clientId, secret)
  }
  return isClientSecret(secret)
    ? { kind: 'sha256', digest: digestOf(secret), expiresAt: undefined }
    : { kind: 'argon2id', hash: await hashing.hash(secret), expiresAt: undefined }
}
