import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { digestOf, type Digest } from '#base/secrets.ts'
import { days, hours, seconds, type Seconds } from '#base/time.ts'
import type {
  Account,
  Authorization,
  AuthorizationCode,
  BrowserSession,
  DeviceCode,
  NewAccount,
  NewClient,
  PlatformSession,
} from '#stores/records.ts'
import type {
  Attempt,
  NewAuthorizationCode,
  NewDeviceCode,
  NewEntity,
  NewPasswordAuthorization,
  PlatformSessionStore,
  SessionCandidate,
  Store,
} from '#stores/store.ts'

// What the tests of the stores put in. Names are numbered, so that tests can share a database.

let made = 0
export const uniqueName = (what: string): string => `${what}-${++made}-${randomBytes(4).toString('hex')}`

export const newAccount = (username: string, more: Partial<NewAccount> = {}): NewAccount => ({
  realm: 'Tests',
  username,
  usernameKey: username.toLowerCase(),
  usernameSkeleton: username.toLowerCase(),
  passwordHash: '$argon2id$first',
  abilities: { role: 'USER', scope: 'SELECT', type: 'AGENCY', flags: ['view_segments'] },
  profile: { name: 'Zoë "O\'Brien" \\ {x}', email: `${username}@example.com`, email_verified: true },
  ...more,
})

export const newClient = (id: string, more: Partial<NewClient> = {}): NewClient => ({
  id,
  name: `The client ${id}`,
  policy: {
    tokenEndpointAuthMethod: 'client_secret',
    grantTypes: ['password', 'refresh_token'],
    scopes: ['openid'],
    audiences: ['https://api.example.com/'],
    defaultScopes: [],
    party: 'first',
    redirectUris: [],
    idTokenSigningAlgorithm: 'RS256',
  },
  idIsApiKey: false,
  secret: { kind: 'sha256', digest: digestOf(`secret of ${id}`), expiresAt: undefined },
  apiKeys: [],
  ...more,
})

export const digest = (of: string): Digest => digestOf(of)

export const candidate = (): SessionCandidate => {
  const seed = randomBytes(16)
  return { seed, digest: digestOf(seed.toString('hex')) }
}

/** Whose password was checked, as they were found then. */
export type CheckedPerson = Pick<Account, 'id' | 'version'>

export const passwordAuthorization = (
  account: CheckedPerson,
  clientId: string,
  more: Partial<NewPasswordAuthorization> = {},
): NewPasswordAuthorization => ({
  accountId: account.id,
  accountVersion: account.version,
  clientId,
  audience: 'https://api.example.com/',
  scopes: ['openid', 'profile'],
  offline: true,
  salt: randomBytes(16),
  lifetime: { idle: days(30), absolute: days(365) },
  ...more,
})

/** An attempt of its own keys; the buckets that a test is not about are large. */
export const attempt = (
  more: {
    readonly name?: string
    readonly pair?: number
    readonly subject?: number
    readonly address?: number
    readonly refill?: Seconds
  } = {},
): Attempt => {
  const name = more.name ?? uniqueName('attempt')
  const refill = more.refill ?? hours(1)
  return {
    pair: { key: digestOf(`pair ${name}`), burst: more.pair ?? 1_000_000, refill },
    subject: { key: digestOf(`subject ${name}`), burst: more.subject ?? 1_000_000, refill },
    address: { key: digestOf(`address ${name}`), burst: more.address ?? 1_000_000, refill },
  }
}

export type World = { readonly account: Account; readonly clientId: string }

/** One account and one client, both new. */
export const makeWorld = async (store: Store): Promise<World> => {
  const clientId = uniqueName('client')
  await store.clients.create(newClient(clientId))
  return { account: await store.accounts.create(newAccount(uniqueName('person'))), clientId }
}

export const signInOf = (
  { account, clientId }: { readonly account: CheckedPerson; readonly clientId: string },
  more: { lifetime?: Seconds; reuseWithin?: Seconds } = {},
) => ({
  accountId: account.id,
  accountVersion: account.version,
  clientId,
  lifetime: more.lifetime ?? hours(24),
  reuseWithin: more.reuseWithin ?? hours(1),
  candidate: candidate(),
})

/** Where nothing has changed since the password was checked, so that there must be one. */
export const authorizePassword = async (store: Store, asked: NewPasswordAuthorization): Promise<Authorization> => {
  const authorization = await store.authorizations.authorizePassword(asked)
  assert.ok(authorization !== undefined, 'the password sign-in was refused')
  return authorization
}

/** As `authorizePassword`. */
export const signIn = async (
  store: Store,
  asked: Parameters<PlatformSessionStore['signIn']>[0],
): Promise<PlatformSession> => {
  const session = await store.platformSessions.signIn(asked)
  assert.ok(session !== undefined, 'the sign-in was refused')
  return session
}

export const bridgeOf = (authorizationId: number, lifetime: Seconds = hours(24)) => ({
  authorizationId,
  lifetime,
  candidate: candidate(),
})

export const EVERYTHING = { kind: 'all', within: 'all' } as const

export const browserSessionOf = (account: CheckedPerson, lifetime: Seconds = hours(12)) => ({
  accountId: account.id,
  accountVersion: account.version,
  methods: ['pwd'] as const,
  seed: randomBytes(16),
  lifetime,
})

/** As `authorizePassword`. */
export const beginBrowserSession = async (
  store: Store,
  account: CheckedPerson,
  lifetime?: Seconds,
): Promise<BrowserSession> => {
  const session = await store.browserSessions.begin(browserSessionOf(account, lifetime))
  assert.ok(session !== undefined, 'the sign-in was refused')
  return session
}

export const codeOf = (
  { id }: Pick<BrowserSession, 'id'>,
  clientId: string,
  more: Partial<NewAuthorizationCode> = {},
): NewAuthorizationCode => ({
  browserSessionId: id,
  clientId,
  audience: 'https://api.example.com/',
  scopes: ['offline_access', 'openid', 'read:entities'],
  organizations: 'all',
  salt: randomBytes(16),
  redirectUri: 'https://client.example.com/callback',
  codeChallenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  nonce: 'n-0S6_WzA2Mj',
  claims: undefined,
  decidedScopes: more.scopes ?? ['offline_access', 'openid', 'read:entities'],
  dpopJkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I',
  lifetime: seconds(60),
  consent: 'add',
  ...more,
})

/** As `authorizePassword`. */
export const issueCode = async (store: Store, asked: NewAuthorizationCode): Promise<AuthorizationCode> => {
  const code = await store.authorizationCodes.issue(asked)
  assert.ok(code !== undefined, 'the code was not issued')
  return code
}

export const spendingOf = ({ id, clientId }: Pick<AuthorizationCode | DeviceCode, 'id' | 'clientId'>) => ({
  id,
  clientId,
  offline: true,
  salt: randomBytes(16),
  dpopJkt: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
  lifetime: { idle: days(30), absolute: days(365) },
})

/** Where it has not been spent. */
export const spendCode = async (
  store: Store,
  code: Pick<AuthorizationCode, 'id' | 'clientId'>,
): Promise<Authorization> => {
  const spent = await store.authorizationCodes.spend(spendingOf(code))
  assert.equal(spent.outcome, 'spent')
  return (spent as typeof spent & { outcome: 'spent' }).authorization
}

/** Of a device that has ten minutes, and polls every five seconds. */
export const deviceCodeOf = (clientId: string, more: Partial<NewDeviceCode> = {}): NewDeviceCode => ({
  clientId,
  audience: 'https://api.example.com/',
  scopes: ['offline_access', 'openid', 'read:entities'],
  salt: randomBytes(16),
  userCodeDigest: digestOf(uniqueName('user code')),
  interval: seconds(5),
  lifetime: seconds(600),
  ...more,
})

/** As `authorizePassword`. */
export const beginDeviceCode = async (store: Store, asked: NewDeviceCode): Promise<DeviceCode> => {
  const begun = await store.deviceCodes.begin(asked)
  assert.equal(begun.outcome, 'begun')
  return (begun as typeof begun & { outcome: 'begun' }).code
}

/** Allows all that was asked for. */
export const allowingOf = (
  { id, scopes }: Pick<DeviceCode, 'id' | 'scopes'>,
  session: Pick<BrowserSession, 'id'>,
  more: Partial<Parameters<Store['deviceCodes']['allow']>[0]> = {},
) => ({ id, browserSessionId: session.id, scopes, organizations: 'all' as const, consent: 'add' as const, ...more })

export const pollOf = ({ id, clientId }: Pick<DeviceCode, 'id' | 'clientId'>) => ({
  id,
  clientId,
  step: seconds(5),
})

/** With a window of 100 s and at most five replays. */
export const rotationOf = ({ id, generation }: Pick<Authorization, 'id' | 'generation'>) => ({
  id,
  generation,
  idle: days(30),
  window: seconds(100),
  replays: 5,
})

export const entity = (more: Partial<NewEntity>): NewEntity => ({
  type: 'campaign',
  id: 1,
  name: 'Summer',
  organizationId: 1,
  version: 0,
  fields: {},
  ...more,
})

export const page = (limit: number, offset: number, field: 'id' | 'name' = 'id', descending = false) => ({
  limit,
  offset,
  sort: { field, descending },
})

/** A clock that a test can set ahead. Stores that share it agree about the time. */
export type TestClock = { readonly offset: () => number; readonly pass: (time: Seconds) => void }

export const testClock = (): TestClock => {
  let milliseconds = 0
  return {
    offset: () => milliseconds,
    pass: (time) => {
      milliseconds += time * 1000
    },
  }
}

export const nothing = seconds(0)
export const times = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n))
