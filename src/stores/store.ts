import type { Digest } from '#base/secrets.ts'
import type { EpochSeconds, Seconds } from '#base/time.ts'
import type {
  Account,
  ApiResource,
  AuthenticationMethod,
  Authorization,
  AuthorizationCode,
  AuthorizationLifetime,
  BrowserSession,
  Client,
  Confinement,
  DeviceCode,
  Entity,
  EntityChange,
  EntityType,
  Grant,
  LogoutDelivery,
  NewAccount,
  NewClient,
  Permission,
  PlatformSession,
  PushedRequest,
  StoredSigningKey,
} from '#stores/records.ts'

// The promises of the store. Every method is atomic and durable: when its promise resolves, the change survives a power cut. What
// may be assumed under concurrency is said at the method, and `test/stores/contract.ts` holds both stores to it. The store's own
// clock decides what has expired; no method takes a "now". Any method may refuse with `StoreUnavailableError`, and any that writes with
// `StoreValueError`.

/** The database cannot be asked, or cannot be written, right now. Nothing is known about the change: ask again. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError'
}

/** A unique name is taken. `what` says which. */
export class StoreConflictError extends Error {
  override readonly name = 'StoreConflictError'
  readonly what: 'account id' | 'username' | 'client id' | 'api key'
  constructor(what: StoreConflictError['what']) {
    super(`${what} is taken`)
    this.what = what
  }
}

/** The database was not made for this code, or was damaged. The server does not start; the message says what to do. */
export class StoreRefusedError extends Error {
  override readonly name = 'StoreRefusedError'
}

/**
 * A text that no store keeps: one with U+0000, which PostgreSQL cannot hold. Nothing was written. What is looked for by such a text is
 * not found, since it cannot be there.
 */
export class StoreValueError extends Error {
  override readonly name = 'StoreValueError'
}

export type Store = {
  readonly accounts: AccountStore
  readonly clients: ClientStore
  readonly apiResources: ApiResourceStore
  readonly grants: GrantStore
  readonly authorizationCodes: AuthorizationCodeStore
  readonly deviceCodes: DeviceCodeStore
  readonly authorizations: AuthorizationStore
  readonly browserSessions: BrowserSessionStore
  readonly logoutDeliveries: LogoutDeliveryStore
  readonly platformSessions: PlatformSessionStore
  readonly attempts: AttemptStore
  readonly oneTimeValues: OneTimeValueStore
  readonly pushedRequests: PushedRequestStore
  readonly signingKeys: SigningKeyStore
  readonly entities: EntityStore
  readonly settings: SettingStore
  /** The store's clock. */
  readonly now: () => Promise<EpochSeconds>
  /** Resolves if the database answers and can be written. */
  readonly check: () => Promise<void>
  /** Deletes a small batch of expired rows of every table and says how many went; call again while it is more than none. */
  readonly sweep: () => Promise<number>
  /** Finishes what was begun, and lets go of the database. */
  readonly close: () => Promise<void>
}

export type Page = { readonly limit: number; readonly offset: number }

export type AccountStore = {
  /** @throws {StoreConflictError} `username` also when another name of the realm looks the same; `account id` */
  readonly create: (account: NewAccount, permissions?: readonly Permission[]) => Promise<Account>
  readonly find: (id: number) => Promise<Account | undefined>
  readonly findByUsername: (realm: string, usernameKey: string) => Promise<Account | undefined>
  /** In the order of their ids. */
  readonly list: (page: Page & { readonly realm?: string }) => Promise<readonly Account[]>
  /**
   * Replaces the password hash, and ends every authorization, browser session, unspent code (of a device too) and platform session of the account
   * in the same transaction; its grants stay. Logout tokens become due as with `browserSessions.endAll`. A sign-in whose password was checked before makes none afterwards either: see `CheckedAccount`.
   * @returns whether there is such an account
   */
  readonly setPassword: (id: number, passwordHash: string) => Promise<boolean>
  /** Ends what `setPassword` ends too, logout tokens included. @returns whether there is such an account */
  readonly disable: (id: number) => Promise<boolean>
  readonly hasPermissionOn: (id: number, entityType: EntityType, entityIds: readonly number[]) => Promise<boolean>
}

export type ClientStore = {
  /** @throws {StoreConflictError} `client id`, `api key` */
  readonly create: (client: NewClient) => Promise<Client>
  /** With its live secrets; a disabled one too. */
  readonly find: (id: string) => Promise<Client | undefined>
  /** The client of a live API key, or of a client id that counts as one; `undefined` if it is unknown or its client disabled. */
  readonly findByApiKey: (key: string, digest: Digest) => Promise<Client | undefined>
  readonly list: (page: Page) => Promise<readonly Client[]>
  /** Ends every authorization, unspent code and platform session of the client too; it is told nothing. @returns whether there is such a client */
  readonly disable: (id: string) => Promise<boolean>
}

export type ApiResourceStore = {
  /** Makes these the registered ones, by audience; those of other audiences stay. */
  readonly register: (resources: readonly ApiResource[]) => Promise<void>
  readonly list: () => Promise<readonly ApiResource[]>
}

/**
 * Who signs in, as found when the password was checked. That takes long and happens outside the store, so the account or the client may
 * have changed since. What begins with a sign-in is begun only if the account still has this version and neither it nor its client is
 * disabled; otherwise the answer is `undefined` and nothing is written. Look and change are one step: of a sign-in and a concurrent
 * `accounts.setPassword`, `accounts.disable` or `clients.disable`, on whichever nodes, either the sign-in comes first and the other ends
 * what it began, or the other comes first and the sign-in begins nothing.
 */
export type CheckedAccount = {
  readonly accountId: number
  /** The `Account.version` whose password hash was compared: of the same read, not of a later one. */
  readonly accountVersion: number
}

export type NewPasswordAuthorization = CheckedAccount & {
  readonly clientId: string
  readonly audience: string
  /** Sorted, so that one set of scopes has one form. */
  readonly scopes: readonly string[]
  readonly offline: boolean
  /** Taken only if a new authorization is made. */
  readonly salt: Buffer
  readonly lifetime: AuthorizationLifetime
}

/** An authorization that is live, with the account behind it. */
export type LiveAuthorization = { readonly authorization: Authorization; readonly account: Account }

export type AuthorizationStore = {
  /**
   * The live authorization of this account, client, audience, scope set and `offline`, moved on as by a use and authenticated now;
   * if there is none, a new one. Of any number of concurrent calls all name the same one. `undefined` if the account has another version
   * by now, or it or the client is disabled (or there is none): see `CheckedAccount`.
   */
  readonly authorizePassword: (asked: NewPasswordAuthorization) => Promise<Authorization | undefined>
  /**
   * The authorization if it is live: neither ended nor expired, its account and its client not disabled. It sees every change
   * that was acknowledged before the call, on whichever node.
   */
  readonly findLive: (id: number) => Promise<LiveAuthorization | undefined>
  /**
   * Writes down that it is used, and moves its expiry on to now + `idle` (at most its absolute end); `undefined` if it is no longer
   * live. The caller asks for this at most hourly: see `Authorization.lastUsedAt`.
   */
  readonly use: (id: number, idle: Seconds) => Promise<Authorization | undefined>
  /**
   * Moves the refresh token family on by one generation, writes down the use and moves the expiry on as `use` does. Of any number of
   * concurrent calls with one generation at most one answers `rotated`; a call within `window` of the winner, as long as
   * the successor has not been rotated itself, answers `replayed`, at most `replays` times; any other older generation answers `reused`,
   * and the authorization has ended. A generation that never was (higher than the current one), and an authorization that is not live, answer
   * `undefined` and change nothing. The window closes `window` after the winner, to the second: one of 0 is never open.
   */
  readonly rotate: (asked: {
    readonly id: number
    readonly generation: number
    readonly idle: Seconds
    readonly window: Seconds
    readonly replays: number
  }) => Promise<Rotation | undefined>
  /** The live authorizations of the account, newest first. */
  readonly list: (accountId: number) => Promise<readonly Authorization[]>
  /** Ends it with its platform sessions. Ending twice is ending once. */
  readonly end: (id: number) => Promise<void>
}

export type GrantStore = {
  /** The live grant of this account to this client for this API. Live: not ended; that its client is disabled does not end it. */
  readonly find: (accountId: number, clientId: string, audience: string) => Promise<Grant | undefined>
  /** All live grants of the account, newest first. */
  readonly list: (accountId: number) => Promise<readonly Grant[]>
  /**
   * Ends everything that the account allowed the client: its grants at every API, their codes, its authorizations, those by password
   * too, and all platform sessions of the account with a key of the client. No code, refresh or bridge that comes later succeeds, and none that
   * comes at the same time leaves anything that is live. Ending twice is ending once.
   */
  readonly end: (accountId: number, clientId: string) => Promise<void>
}

export type NewAuthorizationCode = Pick<
  AuthorizationCode,
  | 'clientId'
  | 'audience'
  | 'scopes'
  | 'organizations'
  | 'salt'
  | 'redirectUri'
  | 'codeChallenge'
  | 'nonce'
  | 'claims'
  | 'dpopJkt'
> & {
  /** Whose decision it is. The account and `auth_time` are those of this browser session. */
  readonly browserSessionId: number
  readonly lifetime: Seconds
  /** The scopes that the decision is about: those of the code, and those of which it tells single claims alone. */
  readonly decidedScopes: readonly string[]
  /**
   * What the grant becomes: `add` keeps the scopes that were allowed before and adds those of the decision; `replace` makes them exactly
   * those. The organizations are those of the code in both: a grant has one confinement, the one that was decided last, for all its
   * scopes. `remembered` changes nothing, and there must be a live grant that has all scopes of the decision and all organizations of the
   * code.
   */
  readonly consent: 'add' | 'replace' | 'remembered'
}

/** `spent`: this call spent it, and this is the authorization that it brought. */
export type SpentCode =
  | {
      readonly outcome: 'spent'
      readonly authorization: Authorization
      readonly account: Account
      readonly code: AuthorizationCode
    }
  /** It was spent before, by this client. What it brought has now ended. */
  | { readonly outcome: 'replayed' }
  /** Unknown, expired, of another client, or ended unspent: with its grant, its account, its client, or by a sign-out everywhere. */
  | { readonly outcome: 'gone' }

export type AuthorizationCodeStore = {
  /**
   * Writes down the decision and issues a code for it, in one step. `undefined` if the browser session has ended or expired, its account or
   * the client is disabled, or what was remembered has been ended meanwhile: nothing is written then.
   */
  readonly issue: (asked: NewAuthorizationCode) => Promise<AuthorizationCode | undefined>
  /**
   * The code, to look at before it is spent: an unspent one until it expires or is ended, a spent one for a day longer, so that who uses it late
   * is still known for a replay (`spend` answers as long).
   */
  readonly find: (id: number) => Promise<AuthorizationCode | undefined>
  /**
   * Spends the code for `clientId`, and makes the authorization that it stands for. Of any number of concurrent calls at most one answers
   * `spent`; each other one ends the authorization that came of it and answers `replayed`, also when the code was spent by `ruin`: where two
   * come at once, what the first was given has ended when the second is answered. A call for another client changes nothing and
   * answers `gone`.
   */
  readonly spend: (asked: {
    readonly id: number
    readonly clientId: string
    readonly offline: boolean
    /** Of the refresh token family. */
    readonly salt: Buffer
    /** What the authorization is to remember (`Authorization.dpopJkt`); that it is the key of the code is the caller's business. */
    readonly dpopJkt: string | undefined
    readonly lifetime: AuthorizationLifetime
  }) => Promise<SpentCode>
  /** Spends the code for nothing, because what came with it was wrong; if it was spent before, ends what came of it. As `spend`, it does so for its client alone. */
  readonly ruin: (id: number, clientId: string) => Promise<void>
}

export type NewDeviceCode = Pick<DeviceCode, 'clientId' | 'audience' | 'scopes' | 'salt' | 'interval'> & {
  /** Under a key that the database does not hold: a user code is short enough to be found by trying. */
  readonly userCodeDigest: Digest
  readonly lifetime: Seconds
}

export type BegunDeviceCode =
  | { readonly outcome: 'begun'; readonly code: DeviceCode }
  /** The user code is that of another device: take another one. */
  | { readonly outcome: 'taken' }
  /** The client is disabled, or there is none. */
  | { readonly outcome: 'gone' }

export type PolledDeviceCode =
  /** It can be spent, for this. */
  | { readonly outcome: 'allowed'; readonly code: DeviceCode }
  /** Nobody has decided yet; `slow_down`: and the poll came too early, so that the interval is longer now. */
  | { readonly outcome: 'pending' | 'slow_down'; readonly interval: Seconds }
  /** `replayed`: it was spent before. `gone`: unknown, of another client, or ended with what it stands for. */
  | { readonly outcome: 'denied' | 'expired' | 'replayed' | 'gone' }

/** `spent`: this call spent it, and this is the authorization that it brought. */
export type SpentDeviceCode =
  | { readonly outcome: 'spent'; readonly authorization: Authorization; readonly account: Account }
  /** It was spent before, which changes nothing. */
  | { readonly outcome: 'replayed' }
  /** Unknown, expired, not allowed, of another client, or ended with what it stands for. */
  | { readonly outcome: 'gone' }

export type DeviceCodeStore = {
  /** Of any number of concurrent calls with one user code at most one answers `begun`. */
  readonly begin: (asked: NewDeviceCode) => Promise<BegunDeviceCode>
  /** In whatever state; an expired one is still known for a while, so that its device is told what happened. */
  readonly find: (id: number) => Promise<DeviceCode | undefined>
  /** The one that a person can decide: pending, not expired, its client not disabled. */
  readonly findPending: (userCodeDigest: Digest) => Promise<DeviceCode | undefined>
  /**
   * Writes down that it is allowed: the grant becomes what `consent` says (as for a code, see `NewAuthorizationCode`), and the code can be
   * spent. Of any number of concurrent calls of `allow` and `deny` the first wins. `undefined` if it was not this one, the code
   * has expired, the browser session has ended, or its account or the client is disabled: nothing is written then.
   */
  readonly allow: (
    asked: Pick<NewAuthorizationCode, 'browserSessionId' | 'scopes' | 'organizations'> & {
      readonly id: number
      readonly consent: 'add' | 'replace'
    },
  ) => Promise<DeviceCode | undefined>
  /** As `allow`, without a grant. @returns whether this call decided */
  readonly deny: (id: number, browserSessionId: number) => Promise<boolean>
  /**
   * What a poll of `clientId` is told. While nobody has decided, one that comes before the interval has passed since the last makes it longer
   * by `step`, each of any number of concurrent ones. A call for another client changes nothing.
   */
  readonly poll: (asked: {
    readonly id: number
    readonly clientId: string
    readonly step: Seconds
  }) => Promise<PolledDeviceCode>
  /**
   * Spends the code for `clientId`, if it was allowed, and makes the authorization that it stands for. Of any number of concurrent calls at
   * most one answers `spent`. A call for another client changes nothing.
   */
  readonly spend: (asked: {
    readonly id: number
    readonly clientId: string
    readonly offline: boolean
    /** Of the refresh token family. */
    readonly salt: Buffer
    readonly dpopJkt: string | undefined
    readonly lifetime: AuthorizationLifetime
  }) => Promise<SpentDeviceCode>
}

/** What a sign-out ended and what goes on, as client ids, each once and sorted. */
export type SignedOut = {
  /** Clients that had something in the session, and have nothing of it any more. */
  readonly ended: readonly string[]
  /** Clients with an authorization that has a refresh token: it goes on without the session. */
  readonly goOn: readonly string[]
  /** Clients for which a logout token became due. */
  readonly told: readonly string[]
}

export type BrowserSessionStore = {
  /**
   * `undefined` if the account has another version by now, or is disabled: see `CheckedAccount`. A live session of the same account that is
   * named by `renews` is taken over: it keeps its id and all that was made in it, and has the seed, the time and the end of this sign-in;
   * so what the browser held before is worth nothing. Any other `renews` changes nothing, and a new session begins.
   */
  readonly begin: (
    asked: CheckedAccount & {
      readonly methods: readonly AuthenticationMethod[]
      readonly seed: Buffer
      readonly lifetime: Seconds
      readonly renews?: number | undefined
    },
  ) => Promise<BrowserSession | undefined>
  /** Live: neither ended nor expired, and its account not disabled. */
  readonly findLive: (
    id: number,
  ) => Promise<{ readonly session: BrowserSession; readonly account: Account } | undefined>
  /**
   * "Sign out": ends the session, the unspent codes that were issued in it, and the authorizations that were made in it and have no refresh
   * token, with their platform sessions. Those with one go on (OpenID Connect Core 1.0 §11, Back-Channel Logout 1.0 §2.7). In the same
   * step a logout token becomes due for each client that wants them and was ever told in this session who the person is. Of any number of
   * concurrent calls one answers what ended; the others, and those for a session that is not live, answer `undefined` and change nothing.
   * No code that is issued, spent or renewed at the same time leaves anything of the session that should have ended.
   */
  readonly signOut: (id: number) => Promise<SignedOut | undefined>
  /**
   * "Sign out everywhere": ends every browser session, authorization, unspent code and platform session of the account; grants stay. Unlike
   * `setPassword` it does not stop a sign-in whose password is being checked just now. In the same step a logout token becomes due for each
   * client that wants them and has a live authorization of the account, or had one in a live session: one that ends all, or one for each
   * session if the client must be told which.
   */
  readonly endAll: (accountId: number) => Promise<void>
}

export type LogoutDeliveryStore = {
  /**
   * Takes deliveries that are due, at most `most`, for as long as `lease`: meanwhile no other call is given the same, nor another of the
   * same client. So of any number of concurrent calls on all nodes, at most one delivers to one client at a time. A delivery whose
   * lease ran out is due again (its taker was killed): a client may be told twice, and is never forgotten.
   */
  readonly take: (most: number, lease: Seconds) => Promise<readonly LogoutDelivery[]>
  /** It is done, or given up. Finishing twice is finishing once. */
  readonly finish: (id: number) => Promise<void>
  /** Lets go of it until `delay` from now. Nothing changes if it was taken anew since this attempt, or is finished. */
  readonly postpone: (delivery: Pick<LogoutDelivery, 'id' | 'attempt'>, delay: Seconds) => Promise<void>
}

/**
 * - `rotated`: the generation is one higher now.
 * - `replayed`: the same was asked within the window before, and the successor has not been used: the authorization as it stands. Nothing but
 *   the number of replays was written, so its expiry has not moved.
 * - `reused`: an older generation was presented, or the window has closed; the authorization has ended with its platform sessions.
 */
export type Rotation =
  { readonly outcome: 'rotated' | 'replayed'; readonly authorization: Authorization } | { readonly outcome: 'reused' }

/** A candidate for a new session: `digest` is that of the cookie value that `seed` gives. */
export type SessionCandidate = { readonly seed: Buffer; readonly digest: Digest }

/** A platform session that is live, with everything that a request in its name needs. */
export type LivePlatformSession = {
  readonly session: PlatformSession
  readonly account: Account
  readonly authorization: Authorization | undefined
}

export type PlatformSessionStore = {
  /**
   * The newest live session that a sign-in of this account with a key of this client made within `reuseWithin`; else a new one. Of any
   * number of concurrent calls all name the same one. It never ends another. `undefined` if the account has another version by now, or it
   * or the client is disabled (or there is none): see `CheckedAccount`.
   */
  readonly signIn: (
    asked: CheckedAccount & {
      readonly clientId: string
      readonly lifetime: Seconds
      readonly reuseWithin: Seconds
      readonly candidate: SessionCandidate
    },
  ) => Promise<PlatformSession | undefined>
  /**
   * The live session of this authorization; else a new one that ends `lifetime` from now or with the authorization, whichever is
   * earlier. Of any number of concurrent calls all name the same one. `undefined` if the authorization is no longer live.
   */
  readonly bridge: (asked: {
    readonly authorizationId: number
    readonly lifetime: Seconds
    readonly candidate: SessionCandidate
  }) => Promise<PlatformSession | undefined>
  /** Live: not ended, not expired; its account, its client and the authorization behind it are live too. */
  readonly findLive: (digest: Digest) => Promise<LivePlatformSession | undefined>
  /** Whether there is such a row that has merely expired, and of which authorization: told apart from an unknown cookie. */
  readonly findExpired: (digest: Digest) => Promise<PlatformSession | undefined>
  /** Ends one session. Ending twice is ending once. */
  readonly end: (id: number) => Promise<void>
}

/**
 * A bucket that holds `burst` attempts and gains one back every `refill` (a generic cell rate algorithm: one number per key, and a
 * key that is full again needs no row).
 */
export type Bucket = { readonly key: Digest; readonly burst: number; readonly refill: Seconds }

export type Attempt = {
  /** This account from this address: also what is remembered as known after a success. */
  readonly pair: Bucket
  /** This account from anywhere. Not asked when the pair is known, so that strangers cannot keep the owner out. */
  readonly subject: Bucket
  /** Everything from this address. */
  readonly address: Bucket
}

export type Reservation =
  | { readonly admitted: true }
  | { readonly admitted: false; readonly emptied: 'pair' | 'subject' | 'address'; readonly retryAfter: Seconds }

export type AttemptStore = {
  /**
   * Takes one attempt out of each bucket, or out of none. Of any number of concurrent calls, at any number of nodes, no more are
   * admitted than the buckets hold.
   */
  readonly reserve: (attempt: Attempt) => Promise<Reservation>
  /**
   * Puts one attempt back into each bucket that it was taken out of, and remembers the pair as known for `knownFor`. Nothing goes back to
   * the subject when the pair is known already: it was not asked then, and an owner who signs in often must not fill it for strangers.
   */
  readonly refund: (attempt: Attempt, knownFor: Seconds) => Promise<void>
}

/** What a value is used for. The same value in two kinds is two values. */
export type OneTimeKind = 'client_assertion' | 'dpop_proof'

/** Values that others made and that work once: the `jti` of what they sign. What Postern itself makes has a row of its own to spend. */
export type OneTimeValueStore = {
  /**
   * Spends a value. Of any number of concurrent calls of one kind and digest, at whichever nodes, at most one answers that it did, and none
   * after that as long as the value could be shown again: the value is remembered until `until`, and from `until` on, by the store's clock,
   * nothing is spent. So `until` must be read from the value itself, where who shows it again cannot move it. One that would have to be
   * remembered for longer than `ONE_TIME_VALUES_KEPT` is not spent either.
   * @param asked.digest - of what makes the value one of its kind: its `jti` together with who signed it
   * @returns whether this call spent it
   */
  readonly spend: (asked: {
    readonly kind: OneTimeKind
    readonly digest: Digest
    readonly until: EpochSeconds
  }) => Promise<boolean>
}

export type PushedRequestStore = {
  readonly push: (
    asked: Pick<PushedRequest, 'clientId' | 'query' | 'salt'> & { readonly lifetime: Seconds },
  ) => Promise<PushedRequest>
  /** The request until it is spent, at most a day (`PUSHED_REQUESTS_KEPT`). Looking changes nothing: a page may be loaded again. */
  readonly find: (id: number) => Promise<PushedRequest | undefined>
  /** Spends it. Of any number of concurrent calls, at whichever nodes, at most one answers that it did. */
  readonly spend: (id: number) => Promise<boolean>
}

export type SigningKeyStore = {
  /**
   * Keeps these keys if there is no key of their algorithm yet. Of any number of concurrent first starts one wins for each algorithm.
   * @returns the keys that are kept now, oldest first
   */
  readonly ensure: (candidates: readonly Omit<StoredSigningKey, 'createdAt'>[]) => Promise<readonly StoredSigningKey[]>
}

/**
 * Which entities a caller may see: all, or those on which this account holds a permission and everything below them; of them, only those below
 * the organizations of `within` if the client is confined. With `access: 'w'` those that it may also change.
 */
export type Visibility = ({ readonly kind: 'all' } | { readonly kind: 'permissions'; readonly accountId: number }) & {
  readonly within: Confinement
  readonly access?: 'w'
}

export const ENTITY_SORT_FIELDS = ['id', 'name'] as const
export type EntitySort = { readonly field: (typeof ENTITY_SORT_FIELDS)[number]; readonly descending: boolean }

/**
 * One condition on a field. `is` holds if the field has one of the values, null standing for one that is not set; of a list, if it has one of
 * them among its own; `is not` is its opposite. The others take one value and never hold for a field that is not set: `is like` matches a
 * text whole, ASCII letters in either case, with `%` for any characters, `_` for one, and `\\` before what stands for itself; texts are ordered
 * by their bytes.
 */
export type EntityFilter = {
  /** As on the wire: `id`, `name`, `version`, `organization_id`, `agency_id`, `advertiser_id`, `created_on`, `updated_on`, or one of `fields`. */
  readonly field: string
  /** Of the field: a value of another type does not match. `integer`: one of the named ones that are not `name`, times in epoch seconds. */
  readonly type: 'text' | 'number' | 'integer' | 'flag' | 'list'
  readonly comparison: 'is' | 'is not' | 'is like' | '<' | '<=' | '>' | '>='
  readonly values: readonly (string | number | boolean | null)[]
}

/** Without an agency and an advertiser, it hangs below its organization alone. */
export type NewEntity = Omit<Entity, 'createdAt' | 'updatedAt' | 'agencyId' | 'advertiserId'> &
  Partial<Pick<Entity, 'agencyId' | 'advertiserId'>>

/** Who saves, for the history. */
export type SavedBy = { readonly accountId: number; readonly clientId: string }

/** `conflict`: somebody saved it since it was read; `version` is the one that it has now. */
export type EntitySave =
  { readonly outcome: 'saved'; readonly entity: Entity } | { readonly outcome: 'conflict'; readonly version: number }

export type EntityStore = {
  /** Inserts entities with the ids and versions that they have. */
  readonly add: (entities: readonly NewEntity[]) => Promise<void>
  readonly find: (type: EntityType, id: number, visibility: Visibility) => Promise<Entity | undefined>
  /** One page and the number of all that are visible, of one moment. Ties are ordered by id. */
  readonly list: (
    type: EntityType,
    visibility: Visibility,
    page: Page & { readonly sort: EntitySort; readonly filters?: readonly EntityFilter[] },
  ) => Promise<{ readonly entities: readonly Entity[]; readonly total: number }>
  /**
   * Makes an entity of version 0 with the next id of its type. `undefined` if it has no parent that `visibility` sees: an organization has
   * none and needs none.
   */
  readonly create: (
    asked: Pick<Entity, 'type' | 'name' | 'fields'> & {
      readonly parentId: number | undefined
      readonly visibility: Visibility
      readonly by: SavedBy
    },
  ) => Promise<Entity | undefined>
  /**
   * Replaces name and fields, and raises the version by one. Of any number of concurrent calls with one version at most one answers `saved`.
   * `undefined` if `visibility` does not see it.
   */
  readonly save: (
    asked: Pick<Entity, 'type' | 'id' | 'version' | 'name' | 'fields'> & {
      readonly visibility: Visibility
      readonly by: SavedBy
    },
  ) => Promise<EntitySave | undefined>
  /** What was changed, newest first. Older than two years is forgotten. */
  readonly listChanges: (type: EntityType, id: number, page: Page) => Promise<readonly EntityChange[]>
}

export type SettingStore = {
  readonly find: (name: SettingName) => Promise<string | undefined>
  /** Writes it if it has no value yet. @returns the value that it has now: of concurrent calls all see the same */
  readonly writeOnce: (name: SettingName, value: string) => Promise<string>
}

/** `master_key_check`: tells a wrong master key. `demo`: `yes` or `no`, whether the database holds demo data. */
export type SettingName = 'master_key_check' | 'demo'
