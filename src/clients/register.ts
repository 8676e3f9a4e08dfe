import { encodeBytes } from '#base/base62.ts'
import type { PasswordHashing } from '#base/password_hashing.ts'
import { digestOf, random } from '#base/secrets.ts'
import { isClientSecret, makeClientSecret } from '#clients/client_secret.ts'
import type { Client, ClientPolicy, ClientSecret, NewClient } from '#stores/records.ts'
import type { ClientStore } from '#stores/store.ts'

export type ClientRegistration = Pick<NewClient, 'name' | 'policy'> & {
  /** Given when existing programs know it already; otherwise made: 32 characters. */
  readonly id?: string
  /** A secret that existing programs know already. It may be guessable, so it is kept as a password is. Otherwise one is made. */
  readonly importedSecret?: string
  readonly apiKeys?: readonly { readonly name: string; readonly key: string }[]
  readonly idIsApiKey?: boolean
}

/** `secret` is shown this one time: only its digest is stored. A public client has none. */
export type RegisteredClient = { readonly client: Client; readonly secret: string | undefined }

const makeClientId = (): string => encodeBytes(random(24)).slice(-32)

/** @throws {StoreConflictError} `client id`, `api key` */
export const registerClient = async (
  clients: ClientStore,
  hashing: PasswordHashing,
  { id = makeClientId(), name, policy, importedSecret, apiKeys = [], idIsApiKey = true }: ClientRegistration,
): Promise<RegisteredClient> => {
  const secret = isPublic(policy) ? undefined : (importedSecret ?? makeClientSecret())
  const client = await clients.create({
    id,
    name,
    policy,
    idIsApiKey,
    secret: secret === undefined ? undefined : await storedSecret(hashing, secret),
    apiKeys: apiKeys.map((apiKey) => ({ name: apiKey.name, digest: digestOf(apiKey.key) })),
  })
  return { client, secret }
}

const isPublic = ({ tokenEndpointAuthMethod }: ClientPolicy): boolean => tokenEndpointAuthMethod === 'none'

/** One that was imported and has our form was made by another Postern. */
const storedSecret = async (hashing: PasswordHashing, secret: string): Promise<ClientSecret> =>
  isClientSecret(secret)
    ? { kind: 'sha256', digest: digestOf(secret), expiresAt: undefined }
    : { kind: 'argon2id', hash: await hashing.hash(secret), expiresAt: undefined }
