import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { createAdmission } from '#access/admission.ts'
import { createSessionBridge } from '#access/session_bridge.ts'
import { createSessionCookies } from '#access/session_cookie.ts'
import { registerAccount } from '#accounts/register.ts'
import { createSignIn } from '#accounts/sign_in.ts'
import { createIdPermutation } from '#base/id_permutation.ts'
import { silentLog, type LogFields } from '#base/log.ts'
import { createPasswordHashing } from '#base/password_hashing.ts'
import { deriveKey, random, type Key } from '#base/secrets.ts'
import { days, epochSeconds, hours, seconds, type Clock, type Seconds } from '#base/time.ts'
import { createVerifiedSecrets } from '#base/verified_secrets.ts'
import { registerClient, type ClientRegistration } from '#clients/register.ts'
import { parseConfig } from '#config.ts'
import type { Reply, Request } from '#http/message.ts'
import { createRouter } from '#http/router.ts'
import { platformSurface } from '#platform/surface.ts'
import type { PlatformTools } from '#platform/tools.ts'
import type { Abilities, Account, ApiResource, Client, ClientPolicy, Permission } from '#stores/records.ts'
import { openSqliteStore } from '#stores/sqlite/store.ts'
import type { NewEntity, Store } from '#stores/store.ts'
import { createAttempts } from '#throttling/attempts.ts'
import { createAccessTokenVerification } from '#tokens/access_token.ts'
import { createPossessionProof } from '#tokens/dpop.ts'
import { createDpopNonces } from '#tokens/dpop_nonce.ts'
import { createTokenIssuer } from '#tokens/issue.ts'
import { createRefreshTokens } from '#tokens/refresh_token.ts'
import { openSigningKeys } from '#tokens/signing_keys.ts'
import { createSubjects } from '#tokens/subject.ts'

// The platform API on a real embedded database, called without a socket: everything below `http` is the real thing. Names of the
// platform are not the defaults, so that a literal in the code would show.

export const COOKIE = 'test_session'
export const MEDIA_TYPE = 'application/vnd.example.v1+json'
export const AUDIENCE = 'https://api.example.com/'
export const API_URL = 'https://api.example.com/'
/** Without a token both ways to send one are told. */
export const CHALLENGE =
  'Bearer realm="https://api.example.com/", DPoP realm="https://api.example.com/", algs="ES256 PS256 RS256 EdDSA Ed25519"'
export const AUTH_URL = 'https://auth.example.com/'
export const REALM = 'Test-Realm'
export const API_KEY = 'test-api-key'
export const PASSWORD = 'correct horse battery'

const NUMBERS = ['One', 'Two', 'Three', 'Four', 'Five']
export const FIRST_ORGANIZATION = 100_000
export const ORGANIZATIONS = 100
export const organizationName = (n: number): string => `Organization ${NUMBERS[n] ?? n + 1}`

const organization = (n: number): NewEntity => ({
  type: 'organization',
  id: FIRST_ORGANIZATION + n,
  organizationId: FIRST_ORGANIZATION + n,
  name: organizationName(n),
  version: 3,
  fields: {
    status: true,
    org_type: n === 1 ? [] : ['buyer', 'partner'],
    address_1: '4 World Trade Center',
    mm_contact_name: 'A colleague',
    terminated: false,
    adx_seat_account_id: 139_299_155 + n,
    suspicious_traffic_filter_level: 25,
  },
})

const campaign = (n: number): NewEntity => ({
  type: 'campaign',
  id: 200_000 + n,
  organizationId: FIRST_ORGANIZATION + n,
  name: `Campaign ${n + 1}`,
  version: 0,
  fields: { status: true, total_budget: 1000.5 },
})

export type PersonOptions = Partial<Abilities> & { readonly organizations?: readonly number[] }
export type ClientOptions = Partial<ClientPolicy> & Pick<ClientRegistration, 'apiKeys' | 'id'>
export type TokenOptions = { readonly scopes?: readonly string[]; readonly audience?: string }

/** A call as a client makes it. `as` are its credentials. */
export type Call = {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  readonly bearer?: string | undefined
  readonly session?: string | undefined
  /** Default: JSON of the platform. */
  readonly accept?: string | undefined
}

export type AuditLine = LogFields & { readonly audit: string }

export const openPlatform = async (more: { readonly addressBurst?: number } = {}) => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-platform-'))
  let offset = 0
  const clock: Clock = () => epochSeconds((Date.now() + offset) / 1000)
  const store: Store = await openSqliteStore(join(folder, 'store.sqlite'), { clockOffset: () => offset })
  const hashing = createPasswordHashing()
  after(async () => {
    await store.close()
    await hashing.close()
    await rm(folder, { recursive: true })
  })

  const resource: ApiResource = { ...parseConfig({}).api_resources[0]!, audience: AUDIENCE }
  const other = { ...resource, audience: 'https://other.example.com/' }
  await store.apiResources.register([resource, other])

  const master = Buffer.from(random(32)) as Key
  const keys = await openSigningKeys(store.signingKeys, deriveKey(master, 'signing keys'))
  const authorizationIds = createIdPermutation(deriveKey(master, 'ids'), 1)
  const refreshTokens = createRefreshTokens(
    deriveKey(master, 'refresh tokens'),
    createIdPermutation(master, 2),
    createIdPermutation(master, 3),
  )
  const subjects = createSubjects({
    prefix: 'test',
    browserSessionIds: createIdPermutation(master, 4),
    pairwiseKey: deriveKey(master, 'pairwise subjects'),
  })
  const tokens = createTokenIssuer({
    issuer: AUTH_URL,
    clock,
    keys,
    refreshTokens,
    authorizationIds,
    subjects,
    claimsNamespace: AUDIENCE,
    idTokenLifetime: hours(10),
  })
  const verifyAccessToken = createAccessTokenVerification({
    issuer: AUTH_URL,
    clock,
    keys,
    authorizationIds,
    findResource: (audience) => [resource, other].find((each) => each.audience === audience),
  })
  const cookies = createSessionCookies(COOKIE, deriveKey(master, 'sessions'), true)
  const bridge = createSessionBridge({
    platformSessions: store.platformSessions,
    cookies,
    resource: resource,
    lifetime: hours(24),
    clock,
  })
  const large = { burst: 1000, refill: seconds(60) }
  const attempts = createAttempts(store.attempts, {
    pair: large,
    subject: large,
    address: { burst: more.addressBurst ?? 1000, refill: seconds(60) },
    waiting: 100,
  })
  const audit: AuditLine[] = []
  const tools: PlatformTools = {
    store,
    admit: createAdmission({
      ...{ store, verifyAccessToken, subjects, cookies, bridge, resource, apiUrl: API_URL },
      provePossession: createPossessionProof({
        oneTimeValues: store.oneTimeValues,
        nonces: createDpopNonces(master, clock),
        clock,
      }),
    }),
    bridge,
    cookies,
    signIn: createSignIn({
      accounts: store.accounts,
      attempts,
      hashing,
      verified: createVerifiedSecrets(hours(1), clock),
    }),
    resource: resource,
    clock,
    log: { ...silentLog, audit: (event, fields) => void audit.push({ audit: event, ...fields }) },
    apiUrl: API_URL,
    publicOrigins: ['https://api.example.com', 'https://auth.example.com'],
    cookieName: COOKIE,
    mediaType: MEDIA_TYPE,
    defaultRealm: REALM,
    sessionLifetime: hours(24),
    sessionReuse: hours(1),
  }
  const surface = platformSurface(tools)
  const router = createRouter([surface, { prefix: '/', routes: [], answerError: surface.answerError }])

  await store.entities.add(Array.from({ length: ORGANIZATIONS }, (_, n) => organization(n)))
  await store.entities.add(Array.from({ length: 10 }, (_, n) => campaign(n)))

  let made = 0
  /** An account, by default a manager who sees everything. */
  const person = ({ organizations = [], ...abilities }: PersonOptions = {}, password = PASSWORD): Promise<Account> =>
    registerAccount(store.accounts, hashing, {
      realm: REALM,
      username: `person${++made}@example.com`,
      password,
      abilities: { role: 'MANAGER', scope: 'GLOBAL', type: 'AGENCY', flags: ['view_organizations'], ...abilities },
      profile: {},
      permissions: organizations.map((entityId): Permission => ({ entityType: 'organization', entityId, access: 'r' })),
    })

  const client = async ({ apiKeys = [], id, ...policy }: ClientOptions = {}): Promise<Client> => {
    const registered = await registerClient(store.clients, hashing, {
      name: `Client ${++made}`,
      apiKeys,
      ...(id === undefined ? {} : { id }),
      policy: {
        tokenEndpointAuthMethod: 'client_secret',
        grantTypes: ['password', 'client_credentials', 'refresh_token'],
        scopes: ['openid', 'offline_access', 'manage:services', 'read:users'],
        audiences: [AUDIENCE, other.audience],
        defaultScopes: [],
        party: 'first',
        redirectUris: [],
        idTokenSigningAlgorithm: 'RS256',
        ...policy,
      },
    })
    return registered.client
  }

  /** Signs `account` in to `client`; each set of scopes has an authorization of its own. */
  const authorize = async (
    account: Account,
    to: Client,
    { scopes = ['read:entities'], audience = AUDIENCE }: TokenOptions = {},
  ) => {
    const authorization = await store.authorizations.authorizePassword({
      accountId: account.id,
      accountVersion: account.version,
      clientId: to.id,
      audience,
      scopes,
      offline: true,
      salt: Buffer.from(random(16)),
      lifetime: { idle: days(30), absolute: days(365) },
    })
    assert.ok(authorization !== undefined)
    const issue = () =>
      tokens.forAccount({
        client: to,
        account,
        authorization,
        resource: audience === AUDIENCE ? resource : other,
        scopes,
        obtainedBy: 'password',
        withRefreshToken: false,
        dpopJkt: undefined,
      })
    return { authorization, issue, token: (await issue()).access_token }
  }

  const tokenOf = async (account: Account, to: Client, options: TokenOptions = {}): Promise<string> =>
    (await authorize(account, to, options)).token

  const clientToken = async (of: Client, scopes: readonly string[] = ['read:entities']): Promise<string> =>
    (await tokens.forClient({ client: of, resource: resource, scopes, dpopJkt: undefined })).access_token

  const call = async (target: string, { method = 'GET', headers = {}, body = '', ...credentials }: Call = {}) => {
    const { bearer, session, accept = 'accept' in credentials ? undefined : MEDIA_TYPE } = credentials
    const [path = '', query = ''] = target.split(/\?(.*)/s)
    const request: Request = {
      method,
      path,
      query,
      headers: {
        ...(accept === undefined ? {} : { accept }),
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(session === undefined ? {} : { cookie: `${COOKIE}=${session}` }),
        ...headers,
      },
      body: Buffer.from(body),
      address: '192.0.2.1',
      id: 'request-1',
    }
    const { endpoint, segments } = router.find(method, path)
    try {
      return readReply(await endpoint(request, segments))
    } catch (error) {
      return readReply(surface.answerError(error, request))
    }
  }

  const login = (
    account: Pick<Account, 'username'>,
    { apiKey = API_KEY, password = PASSWORD, ...more }: Call & { apiKey?: string; password?: string } = {},
  ) =>
    call(`/api/v2.0/login?api_key=${apiKey}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...more.headers },
      body: new URLSearchParams({ user: account.username, password }).toString(),
      ...('accept' in more ? { accept: more.accept } : {}),
    })

  return {
    store,
    tools,
    surface,
    audit,
    clock,
    person,
    client,
    authorize,
    tokenOf,
    clientToken,
    call,
    login,
    pass: (time: Seconds) => {
      offset += time * 1000
    },
  }
}

export type Platform = Awaited<ReturnType<typeof openPlatform>>

/** A reply, and what a test asks of it most. */
export const readReply = (reply: Reply) => {
  const { status, headers, body } = reply
  const text = String(body)
  const header = (name: string): string | undefined => {
    const value = headers[name]
    return value === undefined || typeof value === 'string' ? value : value.join('\n')
  }
  return {
    reply,
    status,
    text,
    header,
    contentType: header('content-type'),
    // The tests know what they look for in the JSON.
    json: () => JSON.parse(text) as ParsedBody,
    /** The session id that `Set-Cookie` hands out. */
    cookie: () => /^[a-z_]+=([0-9a-f]{40});/.exec(header('set-cookie') ?? '')?.[1],
  }
}

export type ParsedEntity = { readonly id: number; readonly name: string; readonly entity_type: string } & Readonly<
  Record<string, unknown>
>

export type ParsedBody = {
  readonly data?: unknown
  readonly errors?: readonly { readonly message: string; readonly code?: string; readonly field?: string }[]
  readonly meta: {
    readonly status: string
    readonly next_page?: string
    readonly count?: number
    readonly total_count?: number
    readonly etag?: string
    readonly called_on?: string
  }
}

export const entitiesOf = (body: ParsedBody): readonly ParsedEntity[] => body.data as readonly ParsedEntity[]
export const entityOf = (body: ParsedBody): ParsedEntity => body.data as ParsedEntity
export const sessionOf = (body: ParsedBody) =>
  body.data as {
    readonly session: { readonly sessionid: string; readonly current_time: string; readonly expires: string }
    readonly id: number
    readonly name: string
    readonly entity_type: string
  }
