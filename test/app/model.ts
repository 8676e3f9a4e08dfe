// What the server should do, said once more and much simpler: no store, no tokens, no HTTP, only who may do what until when. Times are in
// seconds. The properties compare the two.

export const API_SCOPES = [
  'read:entities',
  'write:entities',
  'read:users',
  'manage:users',
  'manage:permissions',
  'manage:services',
]
const PARTS = ['read:entities', 'write:entities']

const HOUR = 3600
const DAY = 24 * HOUR
const ACCESS_TOKEN = DAY
const IDLE = 30 * DAY
/** Without a refresh token: as long as its access tokens, and an hour for clocks that differ. */
const IDLE_ONLINE = ACCESS_TOKEN + HOUR
const ABSOLUTE = 365 * DAY
const SESSION = DAY
const SESSION_REUSE = HOUR
const EXPIRED_SESSION_KEPT = 30 * DAY

export type ModelAccount = {
  readonly id: number
  readonly username: string
  password: string
  isDisabled: boolean
  /** How many organizations and campaigns there are for them. */
  readonly sees: { readonly organizations: number; readonly campaigns: number }
}

export type ModelClient = {
  readonly id: string
  readonly secret: string
  readonly scopes: readonly string[]
  readonly defaults: readonly string[]
  isDisabled: boolean
}

export type ModelAuthorization = {
  readonly account: ModelAccount
  readonly client: ModelClient
  readonly scopes: readonly string[]
  readonly absolute: number
  authenticated: number
  lastUsed: number
  expires: number
  hasEnded: boolean
  /** As seen in an answer. */
  refreshToken: string | undefined
}

export type ModelSession = {
  readonly account: ModelAccount
  readonly client: ModelClient
  /** `undefined` for one that began with a login. */
  readonly authorization: ModelAuthorization | undefined
  readonly created: number
  readonly expires: number
  isForgotten: boolean
  /** As seen in an answer. */
  id: string | undefined
}

export type ModelToken = {
  readonly authorization: ModelAuthorization
  readonly scopes: readonly string[]
  readonly expires: number
}

const isOffline = ({ scopes }: Pick<ModelAuthorization, 'scopes'>): boolean => scopes.includes('offline_access')
const isSame = (a: readonly string[], b: readonly string[]): boolean => a.join(' ') === b.join(' ')
/** What scopes amount to, with everything that each stands for. */
export const withParts = (scopes: readonly string[]): readonly string[] =>
  scopes.includes('manage:services') ? [...scopes, ...PARTS] : scopes

/** Those that are granted; `undefined` if something was asked for and nothing is left. */
export const grantedScopes = (client: ModelClient, asked: readonly string[]): readonly string[] | undefined => {
  const wanted = asked.some((scope) => API_SCOPES.includes(scope)) ? asked : [...asked, ...client.defaults]
  const mayHave = (scope: string): boolean => client.scopes.includes(scope)
  const granted = wanted.flatMap((scope) => {
    if (mayHave(scope) || (scope === 'manage:services' && PARTS.every(mayHave))) return [scope]
    return scope === 'manage:services' ? PARTS.filter(mayHave) : []
  })
  return granted.length === 0 && asked.length > 0 ? undefined : [...new Set(granted)].sort()
}

export const createModel = (now: () => number) => {
  const authorizations: ModelAuthorization[] = []
  const sessions: ModelSession[] = []

  const isLive = ({ account, client, hasEnded, expires }: ModelAuthorization): boolean =>
    !hasEnded && expires > now() && !account.isDisabled && !client.isDisabled
  const isLiveSession = ({ account, client, authorization, expires, isForgotten }: ModelSession): boolean =>
    !isForgotten &&
    expires > now() &&
    !account.isDisabled &&
    !client.isDisabled &&
    (authorization === undefined || isLive(authorization))
  const endAll = (isMeant: (owner: { account: ModelAccount; client: ModelClient }) => boolean): void => {
    for (const each of authorizations) if (isMeant(each)) each.hasEnded = true
    for (const each of sessions) if (isMeant(each)) each.isForgotten = true
  }
  const newToken = (authorization: ModelAuthorization, scopes: readonly string[]): ModelToken => ({
    authorization,
    scopes,
    expires: Math.min(now() + ACCESS_TOKEN, authorization.absolute),
  })
  const moveOn = (authorization: ModelAuthorization): void => {
    authorization.lastUsed = now()
    authorization.expires = Math.min(authorization.absolute, now() + (isOffline(authorization) ? IDLE : IDLE_ONLINE))
  }
  const newSession = (
    account: ModelAccount,
    client: ModelClient,
    authorization: ModelAuthorization | undefined,
    expires: number,
  ): ModelSession => {
    const session = { account, client, authorization, created: now(), expires, isForgotten: false, id: undefined }
    sessions.push(session)
    return session
  }

  return {
    isLive,
    isLiveSession,
    isLiveToken: ({ authorization, expires }: ModelToken): boolean => expires > now() && isLive(authorization),
    isExpired: ({ expires }: { readonly expires: number }): boolean => expires <= now(),

    /** A sign-in by a right password, with scopes that were granted. */
    signIn: (account: ModelAccount, client: ModelClient, scopes: readonly string[]): ModelToken => {
      const found = authorizations.find(
        (each) => each.account === account && each.client === client && isSame(each.scopes, scopes) && isLive(each),
      )
      const authorization = found ?? {
        account,
        client,
        scopes,
        absolute: now() + ABSOLUTE,
        authenticated: 0,
        lastUsed: 0,
        expires: 0,
        hasEnded: false,
        refreshToken: undefined,
      }
      if (found === undefined) authorizations.push(authorization)
      authorization.authenticated = now()
      moveOn(authorization)
      return newToken(authorization, scopes)
    },
    /** A refresh that is allowed. */
    refresh: (authorization: ModelAuthorization, narrowed: readonly string[]): ModelToken => {
      if (now() - authorization.lastUsed >= HOUR) moveOn(authorization)
      return newToken(authorization, narrowed.length === 0 ? authorization.scopes : narrowed.toSorted())
    },
    bridge: (authorization: ModelAuthorization): ModelSession =>
      sessions.find((each) => each.authorization === authorization && isLiveSession(each)) ??
      newSession(
        authorization.account,
        authorization.client,
        authorization,
        Math.min(authorization.expires, now() + SESSION),
      ),
    login: (account: ModelAccount, client: ModelClient): ModelSession =>
      sessions.find(
        (each) =>
          each.account === account &&
          each.client === client &&
          each.authorization === undefined &&
          now() - each.created < SESSION_REUSE &&
          isLiveSession(each),
      ) ?? newSession(account, client, undefined, now() + SESSION),
    changePassword: (account: ModelAccount, password: string): void => {
      account.password = password
      endAll((owner) => owner.account === account)
    },
    disableAccount: (account: ModelAccount): void => {
      account.isDisabled = true
      endAll((owner) => owner.account === account)
    },
    disableClient: (client: ModelClient): void => {
      client.isDisabled = true
      endAll((owner) => owner.client === client)
    },
    sweep: (): void => {
      for (const each of sessions) if (each.expires + EXPIRED_SESSION_KEPT <= now()) each.isForgotten = true
    },

    mayReadEntities: (scopes: readonly string[], client: ModelClient): boolean =>
      withParts(scopes).includes('read:entities') && withParts(client.scopes).includes('read:entities'),
    /** A session has all scopes of its authorization, so it is only for a token that has them too. */
    mayBridge: ({ scopes, authorization }: ModelToken): boolean => {
      const has = withParts(scopes)
      const ofSession = withParts(authorization.scopes).filter((scope) => API_SCOPES.includes(scope))
      return ofSession.length > 0 && ofSession.every((scope) => has.includes(scope))
    },
    /** Those of a caller who comes with this session alone. */
    scopesOf: ({ authorization }: ModelSession): readonly string[] => authorization?.scopes ?? API_SCOPES,
    belongTogether: ({ authorization: of }: ModelToken, { account, client, authorization }: ModelSession): boolean =>
      of.account === account && (authorization === undefined || authorization === of || client === of.client),
  }
}
