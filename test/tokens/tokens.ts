import { createIdPermutation } from '#base/id_permutation.ts'
import { deriveKey, random, type Key } from '#base/secrets.ts'
import { epochSeconds, hours, type Clock } from '#base/time.ts'
import type { Account, ApiResource, Authorization, Client } from '#stores/records.ts'
import { createTokenIssuer } from '#tokens/issue.ts'
import { createRefreshTokens } from '#tokens/refresh_token.ts'
import { openSigningKeys } from '#tokens/signing_keys.ts'
import { createSubjects } from '#tokens/subject.ts'
import { newClient } from '../stores/fixtures.ts'
import { embeddedStore } from '../support/embedded_store.ts'

// What the tests of this room issue tokens with. Names are not the defaults, so that a literal in the code would show.

export const ISSUER = 'https://auth.example.com/'
export const NAMESPACE = 'https://claims.example.com/'
export const START = 1_700_000_000

let time = START
export const clock: Clock = () => epochSeconds(time)
export const setClock = (to: number): void => void (time = to)

const master = random(32) as Key
const { store } = await embeddedStore()
export const keys = await openSigningKeys(store.signingKeys, deriveKey(master, 'signing keys'))
export const authorizationIds = createIdPermutation(deriveKey(master, 'ids'), 7)
export const refreshTokens = createRefreshTokens(
  deriveKey(master, 'refresh tokens'),
  authorizationIds,
  createIdPermutation(deriveKey(master, 'ids'), 8),
)
export const subjects = createSubjects({
  prefix: 'people',
  browserSessionIds: createIdPermutation(deriveKey(master, 'ids'), 9),
  pairwiseKey: deriveKey(master, 'pairwise subjects'),
})
export const issuer = createTokenIssuer({
  issuer: ISSUER,
  clock,
  keys,
  refreshTokens,
  authorizationIds,
  subjects,
  claimsNamespace: NAMESPACE,
  idTokenLifetime: hours(10),
})

export const resource = (more: Partial<ApiResource> = {}): ApiResource => ({
  audience: 'https://api.example.com/',
  name: 'An API',
  scopes: [{ name: 'read', description: 'Read.' }],
  signingAlgorithm: 'ES256',
  accessTokenLifetime: hours(24),
  verifiedByOthers: false,
  ...more,
})

export const client = (more: Partial<Client['policy']> = {}): Client => ({
  ...newClient('the-client'),
  policy: { ...newClient('the-client').policy, ...more },
  disabledAt: undefined,
  createdAt: epochSeconds(0),
  updatedAt: epochSeconds(0),
  secrets: [],
})

export const account = (more: Partial<Account> = {}): Account => ({
  id: 4711,
  realm: 'Tests',
  username: 'zoe@example.com',
  passwordHash: 'the password hash',
  disabledAt: undefined,
  abilities: { role: 'ADMIN', scope: 'GLOBAL', type: 'INTERNAL', flags: [] },
  profile: {},
  version: 3,
  createdAt: epochSeconds(START - 1000),
  updatedAt: epochSeconds(START - 500),
  ...more,
})

export const authorization = (more: Partial<Authorization> = {}): Authorization => ({
  id: 99,
  accountId: 4711,
  clientId: 'the-client',
  grantType: 'password',
  grantId: undefined,
  organizations: 'all',
  claims: undefined,
  browserSessionId: undefined,
  dpopJkt: undefined,
  audience: 'https://api.example.com/',
  scopes: ['openid', 'read'],
  offline: true,
  salt: Buffer.from('0123456789abcdef'),
  generation: 0,
  authenticatedAt: epochSeconds(START - 300),
  lastUsedAt: epochSeconds(START),
  expiresAt: epochSeconds(START + 2_592_000),
  absoluteExpiresAt: epochSeconds(START + 31_536_000),
  ...more,
})
