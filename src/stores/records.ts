import type { Digest } from '#base/secrets.ts'
import type { EpochSeconds, Seconds } from '#base/time.ts'
import type { AssertionAlgorithm } from '#protocol/client_assertion.ts'
import type { AskedClaims } from '#protocol/claims.ts'

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

/** From the root to the leaves: each hangs below one of the type before it. */
export const ENTITY_TYPES = ['organization', 'agency', 'advertiser', 'campaign'] as const
export type EntityType = (typeof ENTITY_TYPES)[number]

/** `r` reads an entity and everything below it; `w` also writes. */
export type Permission = { readonly entityType: EntityType; readonly entityId: number; readonly access: 'r' | 'w' }

// ── Clients ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const GRANT_TYPES = [
  'authorization_code',
  'password',
  'http://auth0.com/oauth/grant-type/password-realm',
  'client_credentials',
  'refresh_token',
  'urn:ietf:params:oauth:grant-type:device_code',
] as const
export type GrantTypeName = (typeof GRANT_TYPES)[number]

export const SIGNING_ALGORITHMS = ['ES256', 'RS256'] as const
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number]

export const SUBJECT_TYPES = ['public', 'pairwise'] as const
export type SubjectType = (typeof SUBJECT_TYPES)[number]

/** Which accounts a client may sign in with their password. Each list that is present must admit the account. */
export type PasswordAccounts = {
  readonly ids?: readonly number[]
  readonly realms?: readonly string[]
  /** Accounts that hold a permission on one of these organizations. */
  readonly organizations?: readonly number[]
}

export const CLIENT_AUTHENTICATION_METHODS = ['none', 'client_secret', 'client_secret_jwt', 'private_key_jwt'] as const
export type AuthenticationMethodOfClient = (typeof CLIENT_AUTHENTICATION_METHODS)[number]

/** What a client may do: decided by support, never by the client. */
export type ClientPolicy = {
  /** `none` is a public client (RFC 6749 §2.1); `client_secret` authenticates by Basic or in the body; the others sign (RFC 7523). */
  readonly tokenEndpointAuthMethod: AuthenticationMethodOfClient
  /** What it signs assertions with (RFC 8725 §3.1). Default: any that its key is for. */
  readonly tokenEndpointAuthSigningAlgorithm?: AssertionAlgorithm
  /** Its public keys (RFC 7517 §5), or where it publishes them. `private_key_jwt` needs one of the two. */
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] }
  readonly jwksUri?: string
  /** Its authorization requests are pushed (RFC 9126), and refused when they are not. */
  readonly requirePushedAuthorizationRequests?: boolean
  /** `fapi2`: it is held to the FAPI 2.0 Security Profile. */
  readonly profile?: 'fapi2'
  readonly grantTypes: readonly GrantTypeName[]
  /** Scopes that it may have, of OpenID Connect and of all its audiences together. */
  readonly scopes: readonly string[]
  /** Audiences that it may ask for. */
  readonly audiences: readonly string[]
  /** Granted when a request names no scope of the audience. */
  readonly defaultScopes: readonly string[]
  readonly party: 'first' | 'third'
  readonly redirectUris: readonly string[]
  /** Origins of its own pages, which browsers let read our answers to it. Default: the origins of its redirect URIs. */
  readonly allowedOrigins?: readonly string[]
  /** Where browsers may be sent after a sign-out (RP-Initiated Logout 1.0 §3.1). Compared byte for byte. Default: none. */
  readonly postLogoutRedirectUris?: readonly string[]
  /** Where logout tokens are sent (Back-Channel Logout 1.0 §2.2). Without one it is told nothing. */
  readonly backchannelLogoutUri?: string
  /** Whether every logout token must name one session (`sid`); otherwise one without it ends all of the subject. Default: false. */
  readonly backchannelLogoutSessionRequired?: boolean
  /** `required`: no authorization request without PKCE (RFC 7636). A public client's is required always. Default: `when_offered`. */
  readonly pkce?: 'required' | 'when_offered'
  /** `required`: its tokens are bound to a key (RFC 9449), and it obtains none without a proof. Default: `when_offered`. */
  readonly dpop?: 'required' | 'when_offered'
  /** `required`: its proofs must repeat a nonce of ours. Default: `required` for a public client, else `when_offered`. */
  readonly dpopNonce?: 'required' | 'when_offered'
  /** Scopes that cannot be switched off on the consent page, each with the reason that the person reads. */
  readonly requiredScopes?: Readonly<Record<string, string>>
  /** Whether each use of a refresh token replaces it. Default: `rotating` for a public client (RFC 9700 §4.14.2), else `static`. */
  readonly refreshTokens?: 'static' | 'rotating'
  /** For how long the same successor is given again when a refresh token that rotates is used twice: 0 to 120. Default: 60. */
  readonly refreshWindow?: Seconds
  readonly idTokenSigningAlgorithm: SigningAlgorithm
  /** With one, its answers of userinfo are signed JWTs (OpenID Connect Core 1.0 §5.3.2); without, JSON. */
  readonly userinfoSignedResponseAlg?: SigningAlgorithm
  /** `pairwise`: its sector alone knows a person under the `sub` that it sees (OpenID Connect Core 1.0 §8). Default: `public`. */
  readonly subjectType?: SubjectType
  /** Of a pairwise client: by its host the sector, and a document that lists the redirect URIs. It was looked at when the client was registered. */
  readonly sectorIdentifierUri?: string
  /** Audiences that it serves as their API: it may introspect every access token that is made for one of them (RFC 7662). */
  readonly introspects?: readonly string[]
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

/**
 * `sha256`: made by us with 256 random bits. `argon2id`: chosen by a person, so it may be guessable. `sealed`: of a client that signs with it
 * (`client_secret_jwt`), so that it is needed itself.
 */
export type ClientSecret =
  | { readonly kind: 'sha256'; readonly digest: Digest; readonly expiresAt: EpochSeconds | undefined }
  | { readonly kind: 'argon2id'; readonly hash: string; readonly expiresAt: EpochSeconds | undefined }
  | { readonly kind: 'sealed'; readonly sealed: Buffer; readonly expiresAt: EpochSeconds | undefined }

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

// ── Grants, authorizations and sessions ───────────────────────────────────────────────────────────────────────────────────────

/** To which organizations a client is confined: all that the resource owner sees, or these of them. */
export type Confinement = 'all' | readonly number[]

/** What a resource owner allowed a client at one API, remembered until it is ended. */
export type Grant = {
  readonly id: number
  readonly accountId: number
  readonly clientId: string
  readonly audience: string
  /** All that were allowed, those of OpenID Connect included. Sorted. */
  readonly scopes: readonly string[]
  readonly organizations: Confinement
  readonly createdAt: EpochSeconds
  readonly updatedAt: EpochSeconds
}

/** How the resource owner proved who they are (RFC 8176: `pwd`). */
export type AuthenticationMethod = 'pwd'

/** One sign-in of one account to one client: the owner of its refresh token family, its access tokens and its bridged sessions. */
export type Authorization = {
  readonly id: number
  readonly accountId: number
  readonly clientId: string
  /** How it began. */
  readonly grantType: 'password' | 'authorization_code' | 'device_code'
  /** The grant under which it was made; one by password has none. */
  readonly grantId: number | undefined
  readonly audience: string
  readonly scopes: readonly string[]
  readonly organizations: Confinement
  /** Claims that it tells beyond those of its scopes, at each refresh too. */
  readonly claims: AskedClaims | undefined
  /** Whether it has a refresh token. The token itself is derived from `salt` and `generation`, and never stored. */
  readonly offline: boolean
  readonly salt: Buffer
  /** Rises by one with each rotation. */
  readonly generation: number
  /** When the resource owner signed in last (OpenID Connect `auth_time`). */
  readonly authenticatedAt: EpochSeconds
  readonly lastUsedAt: EpochSeconds
  /** Moves on with use, never beyond `absoluteExpiresAt`. */
  readonly expiresAt: EpochSeconds
  readonly absoluteExpiresAt: EpochSeconds
  /** The browser session of the sign-in; one by password has none. */
  readonly browserSessionId: number | undefined
  /**
   * The thumbprint of the key by which the client proved possession when it obtained the first tokens (RFC 9449): the refresh token of a public
   * client is bound to it. `undefined` if there was no proof, and for one by password.
   */
  readonly dpopJkt: string | undefined
}

/** A sign-in of a person at our own pages, in one browser. */
export type BrowserSession = {
  /** Shown as `sid`. It stays the same when the same person signs in again in the same browser. */
  readonly id: number
  readonly accountId: number
  /** 128 random bits, from which the cookie's secret is derived under a key that the database does not hold. */
  readonly seed: Buffer
  readonly authenticatedAt: EpochSeconds
  readonly methods: readonly AuthenticationMethod[]
  readonly createdAt: EpochSeconds
  readonly expiresAt: EpochSeconds
}

/** What an authorization code stands for until it is spent (RFC 6749 §4.1.2). The code itself is derived from `salt`, and never stored. */
export type AuthorizationCode = {
  readonly id: number
  readonly accountId: number
  readonly clientId: string
  readonly grantId: number
  readonly browserSessionId: number
  readonly audience: string
  readonly scopes: readonly string[]
  readonly organizations: Confinement
  readonly salt: Buffer
  /** As the authorization request had it; `undefined` if it had none. */
  readonly redirectUri: string | undefined
  /** S256 (RFC 7636 §4.2); `undefined` if the request had none. */
  readonly codeChallenge: string | undefined
  readonly nonce: string | undefined
  /** Asked for by name, and allowed. */
  readonly claims: AskedClaims | undefined
  /** The thumbprint of the key that the code is bound to (RFC 9449 §10); `undefined` if the request named none. */
  readonly dpopJkt: string | undefined
  readonly authenticatedAt: EpochSeconds
  readonly methods: readonly AuthenticationMethod[]
  readonly expiresAt: EpochSeconds
}

/** An authorization request that a client pushed (RFC 9126). Its name is derived from `salt`, and never stored. */
export type PushedRequest = {
  readonly id: number
  readonly clientId: string
  /** Its parameters, form-encoded. */
  readonly query: string
  readonly salt: Buffer
  /** Nobody may begin with it any more; who has begun goes on. By the store's clock, when it was read. */
  readonly isExpired: boolean
}

/**
 * What a device code stands for until it is spent (RFC 8628 §3.1). Neither code is stored: the device code is derived from `salt`, and of the
 * user code there is a keyed digest.
 */
export type DeviceCode = {
  readonly id: number
  readonly clientId: string
  readonly audience: string
  /** As they were asked for; as they were allowed, once they were. Sorted. */
  readonly scopes: readonly string[]
  readonly salt: Buffer
  readonly state: 'pending' | 'allowed' | 'denied' | 'spent'
  /** How long the device must wait between two polls. Grows with each that comes too early. */
  readonly interval: Seconds
  /** Who decided, and how they had signed in. */
  readonly accountId: number | undefined
  readonly methods: readonly AuthenticationMethod[]
  readonly createdAt: EpochSeconds
  readonly expiresAt: EpochSeconds
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

/** A logout token that is still to be delivered. The token is made when it is sent, so that it is fresh. */
export type LogoutDelivery = {
  readonly id: number
  readonly clientId: string
  readonly accountId: number
  /** The browser session that has ended; `undefined`: all of the account. */
  readonly browserSessionId: number | undefined
  /** Which one this is, from 1. */
  readonly attempt: number
  readonly createdAt: EpochSeconds
  /** When this attempt was taken, by the store's clock. */
  readonly takenAt: EpochSeconds
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
  /** The agency and the advertiser on its branch, itself among them; `undefined` where the branch has none. */
  readonly agencyId: number | undefined
  readonly advertiserId: number | undefined
  /** Rises by one with each save. */
  readonly version: number
  readonly createdAt: EpochSeconds
  readonly updatedAt: EpochSeconds
  /** In the order in which they are shown. Fields that are not set are absent, never null. */
  readonly fields: Readonly<Record<string, EntityValue>>
}

/** What one save changed, and who did it. */
export type EntityChange = {
  /** That the save brought: 0 for the one that made the entity. */
  readonly version: number
  readonly accountId: number
  readonly clientId: string
  readonly at: EpochSeconds
  /** Under the names of the wire. What was not set before, or is not after, is null. */
  readonly changes: Readonly<Record<string, { readonly from: EntityValue | null; readonly to: EntityValue | null }>>
}
