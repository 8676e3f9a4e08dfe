import type { Digest } from '#base/secrets.ts'
import type { EpochSeconds, Seconds } from '#base/time.ts'

// What the store keeps, as the rest of the house sees it. Names of the platform's own fields are the platform's (contract of the
// Execution & Management API); everything else is in the words of the RFCs.

// ── Accounts ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const ROLES = ['ADMIN', 'MANAGER', 'REPORTER', 'USER'] as const
export const ACCESS_SCOPES = ['GLOBAL', 'SELECT'] as const
export const USER_TYPES = ['INTERNAL', 'AGENCY', 'VPAN', 'ADVERTISER'] as const
export const FLAGS = [
  'edit_data_definition',
  'view_data_definition',
  'edit_segments',
  'view_segments',
  'edit_campaigns',
  'access_internal_fees',
  'edit_margins_and_performance',
  'view_organizations',
  'view_dmp_reports',
] as const

export type Role = (typeof ROLES)[number]
export type AccessScope = (typeof ACCESS_SCOPES)[number]
export type UserType = (typeof USER_TYPES)[number]
export type Flag = (typeof FLAGS)[number]

/** What a person may do at the platform (three axes and single abilities). Which entities they may see is in `Permission`. */
export type Abilities = {
  readonly role: Role
  /** GLOBAL sees all entities, SELECT only those granted and what is below them. */
  readonly scope: AccessScope
  readonly type: UserType
  readonly flags: readonly Flag[]
}

/** The standard claims of OpenID Connect Core 1.0 §5.1 that a person may have given, all optional. */
export type Profile = {
  readonly name?: string
  readonly given_name?: string
  readonly family_name?: string
  readonly middle_name?: string
  readonly nickname?: string
  readonly preferred_username?: string
  readonly profile?: string
  readonly picture?: string
  readonly website?: string
  readonly email?: string
  readonly email_verified?: boolean
  readonly gender?: string
  readonly birthdate?: string
  readonly zoneinfo?: string
  readonly locale?: string
  readonly phone_number?: string
  readonly phone_number_verified?: boolean
  readonly address?: {
    readonly formatted?: string
    readonly street_address?: string
    readonly locality?: string
    readonly region?: string
    readonly postal_code?: string
    readonly country?: string
  }
}

export type Account = {
  /** The platform's user id, a positive integer below 2^53. */
  readonly id: number
  readonly realm: string
  /** As the person writes it. What is compared is its key (`accounts/username.ts`). */
  readonly username: string
  /** A PHC string (argon2id). */
  readonly passwordHash: string
  readonly disabledAt: EpochSeconds | undefined
  readonly abilities: Abilities
  readonly profile: Profile
  /** Rises by one with each change. */
  readonly version: number
  readonly createdAt: EpochSeconds
  readonly updatedAt: EpochSeconds
}

export type NewAccount = Pick<Account, 'realm' | 'username' | 'passwordHash' | 'abilities' | 'profile'> & {
  /** Given when the platform has numbered the user already; otherwise the store numbers it. */
  readonly id?: number
  /** What a sign-in is compared with; unique in the realm. */
  readonly usernameKey: string
  /** What two names that look alike share; unique in the realm. */
  readonly usernameSkeleton: string
}

export type EntityType = 'organization' | 'campaign'

/** `r` reads an entity and everything below it; `w` also writes. */
export type Permission = { readonly entityType: EntityType; readonly entityId: number; readonly access: 'r' | 'w' }

// ── Clients ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const GRANT_TYPES = [
  'password',
  'http://auth0.com/oauth/grant-type/password-realm',
  'client_credentials',
  'refresh_token',
] as const
export type GrantTypeName = (typeof GRANT_TYPES)[number]

export const SIGNING_ALGORITHMS = ['ES256', 'RS256'] as const
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number]

/** Which accounts a client may sign in with their password. Each list that is present must admit the account. */
export type PasswordAccounts = {
  readonly ids?: readonly number[]
  readonly realms?: readonly string[]
  /** Accounts that hold a permission on one of these organizations. */
  readonly organizations?: readonly number[]
}

/** What a client may do: decided by support, never by the client. */
export type ClientPolicy = {
  /** `none` is a public client (RFC 6749 §2.1); `client_secret` authenticates by Basic or in the body. */
  readonly tokenEndpointAuthMethod: 'none' | 'client_secret'
  readonly grantTypes: readonly GrantTypeName[]
  /** Scopes that it may have, of OpenID Connect and of all its audiences together. */
  readonly scopes: readonly string[]
  /** Audiences that it may ask for. */
  readonly audiences: readonly string[]
  /** Granted when a request names no scope of the audience. */
  readonly defaultScopes: readonly string[]
  readonly party: 'first' | 'third'
  readonly redirectUris: readonly string[]
  readonly idTokenSigningAlgorithm: SigningAlgorithm
  readonly passwordAccounts?: PasswordAccounts
  /** After this the password grant is refused. */
  readonly passwordGrantEndsAt?: EpochSeconds
  /** The account in whose name a client_credentials token acts at the platform API; without one it sees no entities. */
  readonly actsAs?: number
}

export type Client = {
  readonly id: string
  readonly name: string
  readonly policy: ClientPolicy
  readonly disabledAt: EpochSeconds | undefined
  /** Whether the client id counts as an API key at `/api/v2.0/login`. */
  readonly idIsApiKey: boolean
  readonly createdAt: EpochSeconds
  readonly updatedAt: EpochSeconds
  /** Those that have not expired. */
  readonly secrets: readonly ClientSecret[]
}

/** `sha256`: made by us with 256 random bits. `argon2id`: chosen by a person, so it may be guessable. */
export type ClientSecret =
  | { readonly kind: 'sha256'; readonly digest: Digest; readonly expiresAt: EpochSeconds | undefined }
  | { readonly kind: 'argon2id'; readonly hash: string; readonly expiresAt: EpochSeconds | undefined }

export type NewClient = Pick<Client, 'id' | 'name' | 'policy' | 'idIsApiKey'> & {
  readonly secret: ClientSecret | undefined
  readonly apiKeys: readonly { readonly name: string; readonly digest: Digest }[]
}

// ── API resources ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

export type ScopeDescription = {
  readonly name: string
  /** One plain sentence for the person who is asked to allow it. */
  readonly description: string
  /** Scopes of the same resource that this one stands for. */
  readonly includes?: readonly string[]
}

/** An API that tokens are made for: the `audience` of Auth0, the `resource` of RFC 8707. */
export type ApiResource = {
  readonly audience: string
  readonly name: string
  readonly scopes: readonly ScopeDescription[]
  readonly signingAlgorithm: SigningAlgorithm
  readonly accessTokenLifetime: Seconds
  /** Others verify its tokens, so they are plain JWTs (`typ: JWT`) that every JWT library takes. */
  readonly verifiedByOthers: boolean
}

// ── Authorizations and platform sessions ──────────────────────────────────────────────────────────────────────────────────────

/** One sign-in of one account to one client: the owner of its refresh token family, its access tokens and its bridged sessions. */
export type Authorization = {
  readonly id: number
  readonly accountId: number
  readonly clientId: string
  /** How it began. */
  readonly grantType: 'password'
  readonly audience: string
  readonly scopes: readonly string[]
  /** Whether it has a refresh token. The token itself is derived from `salt` and `generation`, and never stored. */
  readonly offline: boolean
  readonly salt: Buffer
  readonly generation: number
  /** When the resource owner signed in last (OpenID Connect `auth_time`). */
  readonly authenticatedAt: EpochSeconds
  readonly lastUsedAt: EpochSeconds
  /** Moves on with use, never beyond `absoluteExpiresAt`. */
  readonly expiresAt: EpochSeconds
  readonly absoluteExpiresAt: EpochSeconds
}

/** How long an authorization lives. */
export type AuthorizationLifetime = {
  /** From its last use. It must be longer than an access token lives. */
  readonly idle: Seconds
  /** From its start. */
  readonly absolute: Seconds
}

/** What `adama_session` names: made by a sign-in with a password, or bridged from a bearer token. */
export type PlatformSession = {
  readonly id: number
  readonly accountId: number
  /** The client of the API key (sign-in) or of the bearer (bridge). */
  readonly clientId: string
  /** The authorization that it was bridged from; a sign-in has none. */
  readonly authorizationId: number | undefined
  /** 128 random bits, from which the cookie's value is derived under a key that the database does not hold. */
  readonly seed: Buffer
  readonly createdAt: EpochSeconds
  readonly expiresAt: EpochSeconds
}

// ── Keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export type StoredSigningKey = {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  /** PKCS #8, sealed with a key derived from the master key; bound to `kid`. */
  readonly sealedPrivateKey: Buffer
  readonly createdAt: EpochSeconds
}

// ── Entities of the platform ──────────────────────────────────────────────────────────────────────────────────────────────────

export type EntityValue = string | number | boolean | readonly string[]

/** One entity of the Execution & Management API, of any type: what all share, and the fields of its own. */
export type Entity = {
  readonly type: EntityType
  readonly id: number
  readonly name: string
  /** The organization at the root of its branch; of an organization, itself. */
  readonly organizationId: number
  /** Rises by one with each save. */
  readonly version: number
  readonly createdAt: EpochSeconds
  readonly updatedAt: EpochSeconds
  /** In the order in which they are shown. Fields that are not set are absent, never null. */
  readonly fields: Readonly<Record<string, EntityValue>>
}
