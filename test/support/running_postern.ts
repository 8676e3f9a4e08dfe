import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { registerAccount, type AccountRegistration } from '#accounts/register.ts'
import { createApp } from '#app.ts'
import { createLog } from '#base/log.ts'
import { createPasswordHashing } from '#base/password_hashing.ts'
import { random, type Key } from '#base/secrets.ts'
import { epochSeconds, type Clock } from '#base/time.ts'
import { clientSecretsKey, registerClient, type ClientRegistration, type RegisteredClient } from '#clients/register.ts'
import { parseConfig, PLATFORM_AUDIENCE, type Config, type ConfigFile } from '#config.ts'
import { openPostgresStore } from '#stores/postgres/store.ts'
import type { Account, ClientPolicy } from '#stores/records.ts'
import { openSqliteStore } from '#stores/sqlite/store.ts'
import type { Store } from '#stores/store.ts'

// The whole server in this process, on a free port and over a database of its own, for tests that speak HTTP to it.

export const PASSWORD = 'correct horse battery staple'
export const PLATFORM_SCOPES = [
  'read:entities',
  'write:entities',
  'read:users',
  'manage:users',
  'manage:permissions',
  'manage:services',
]

export type TokenAnswer = {
  readonly status: number
  readonly headers: Headers
  readonly body: {
    readonly access_token?: string
    readonly refresh_token?: string
    readonly id_token?: string
    readonly scope?: string
    readonly expires_in?: number
    readonly token_type?: string
    readonly error?: string
    readonly error_description?: string
  }
}

export type TokenParameters = Readonly<Record<string, string | undefined>>

export type RunningPostern = {
  /** `http://127.0.0.1:port` without a slash at its end. */
  readonly origin: string
  readonly port: number
  readonly config: Config
  readonly store: Store
  readonly masterKey: Key
  /** What was logged so far, one JSON text for each line. */
  readonly logged: readonly string[]
  /** Moves the clocks of the store and of the process forward. */
  readonly travel: (seconds: number) => void
  /** A confidential client with all scopes, password, refresh and client_credentials grants, unless said otherwise. */
  readonly makeClient: (
    policy?: Partial<ClientPolicy>,
    registration?: Partial<ClientRegistration>,
  ) => Promise<RegisteredClient>
  /** An account in the default realm with the password `PASSWORD` that sees all organizations, unless said otherwise. */
  readonly makeAccount: (account?: Partial<AccountRegistration>) => Promise<Account>
  /** `POST /oauth/token` with a form; parameters that are `undefined` are left out. */
  readonly token: (parameters: TokenParameters, headers?: Readonly<Record<string, string>>) => Promise<TokenAnswer>
  /** The password grant of this client for this account. */
  readonly signIn: (client: RegisteredClient, username: string, parameters?: TokenParameters) => Promise<TokenAnswer>
  readonly close: () => Promise<void>
}

export type RunningPosternOptions = {
  readonly config?: ConfigFile
  /** A database of PostgreSQL; else an embedded one in a folder that is removed afterwards. */
  readonly postgresUrl?: string
  /** Put between the server and its store, to make it fail or wait. */
  readonly wrapStore?: (store: Store) => Store
}

let made = 0

/** Starts a server, and stops it when the test ends. */
export const startPostern = async (
  t: Pick<TestContext, 'after'>,
  { config: file = {}, postgresUrl, wrapStore = (store) => store }: RunningPosternOptions = {},
): Promise<RunningPostern> => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-test-'))
  let ahead = 0
  const clock: Clock = () => epochSeconds(Date.now() / 1000 + ahead)
  const clockOffset = (): number => ahead * 1000
  const store =
    postgresUrl === undefined
      ? await openSqliteStore(join(folder, 'data', 'postern.sqlite'), { clockOffset })
      : await openPostgresStore(postgresUrl, { clockOffset })
  const config = parseConfig({
    ...file,
    listen: { port: 0, ...file.listen },
    urls: { auth: 'http://localhost:9400/', ...file.urls },
  })
  const masterKey = Buffer.from(random(32)) as Key
  const logged: string[] = []
  const log = createLog({ level: 'debug', destination: { write: (line) => void logged.push(line) } })
  const app = await createApp({ config, store: wrapStore(store), masterKey, log, clock })
  const { port } = await app.listen()
  const hashing = createPasswordHashing()
  const origin = `http://127.0.0.1:${port}`

  const token: RunningPostern['token'] = async (parameters, headers = {}) => {
    const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const response = await fetch(`${origin}/oauth/token`, {
      method: 'POST',
      headers,
      body: new URLSearchParams(given),
    })
    return { status: response.status, headers: response.headers, body: (await response.json()) as TokenAnswer['body'] }
  }

  let isClosed = false
  const close = async (): Promise<void> => {
    if (isClosed) return
    isClosed = true
    await app.close()
    await store.close()
    await hashing.close()
    rmSync(folder, { recursive: true, force: true })
  }
  t.after(close)

  return {
    origin,
    port,
    config,
    store,
    masterKey,
    logged,
    travel: (seconds) => {
      ahead += seconds
    },
    makeClient: (policy = {}, registration = {}) =>
      registerClient(store.clients, hashing, {
        name: `Client ${++made}`,
        sealingKey: clientSecretsKey(masterKey),
        ...registration,
        policy: {
          tokenEndpointAuthMethod: 'client_secret',
          grantTypes: [
            'password',
            'http://auth0.com/oauth/grant-type/password-realm',
            'client_credentials',
            'refresh_token',
          ],
          scopes: ['openid', 'profile', 'email', 'address', 'phone', 'offline_access', ...PLATFORM_SCOPES],
          audiences: [PLATFORM_AUDIENCE],
          defaultScopes: ['manage:services'],
          party: 'first',
          redirectUris: [],
          idTokenSigningAlgorithm: 'RS256',
          ...policy,
        },
      }),
    makeAccount: (account = {}) =>
      registerAccount(store.accounts, hashing, {
        realm: config.platform.default_realm,
        username: `person${++made}@example.com`,
        password: PASSWORD,
        abilities: { role: 'MANAGER', scope: 'GLOBAL', type: 'AGENCY', flags: ['view_organizations'] },
        profile: {},
        ...account,
      }),
    token,
    signIn: ({ client, secret }, username, parameters = {}) =>
      token({
        grant_type: 'password',
        client_id: client.id,
        client_secret: secret,
        username,
        password: PASSWORD,
        ...parameters,
      }),
    close,
  }
}

/** The claims of a JWT, not verified. */
export const claimsOf = (jwt: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>

export const headerOf = (jwt: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()) as Record<string, unknown>

/** Organizations 100000 and up, as many as asked for, each with a version of its own. */
export const addOrganizations = (store: Store, count: number): Promise<void> =>
  store.entities.add(
    Array.from({ length: count }, (_, index) => ({
      type: 'organization' as const,
      id: 100_000 + index,
      name: `Organization ${String(index + 1).padStart(3, '0')}`,
      organizationId: 100_000 + index,
      version: index + 1,
      fields: { status: true, org_type: ['buyer'], adx_seat_account_id: 7_000_000 + index, country: 'US' },
    })),
  )
