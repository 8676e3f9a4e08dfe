import { between, hours, seconds } from '#base/time.ts'
import type { AuthenticatedClient } from '#clients/authenticate.ts'
import {
  admitsPasswordOf,
  bindsRefreshTokens,
  isPublic,
  mayRefresh,
  resolveResource,
  rotatesRefreshTokens,
  type GrantTools,
  type TokenExchange,
} from '#grant_types/token_exchange.ts'
import { invalidRefreshToken, OAuthError } from '#protocol/errors.ts'
import { grantScopes, narrowScopes } from '#protocol/scope.ts'
import type { RefreshTokenRequest } from '#protocol/token_request.ts'
import type { Account, Authorization, Client } from '#stores/records.ts'
import type { LiveAuthorization } from '#stores/store.ts'
import type { NamedAuthorization } from '#tokens/refresh_token.ts'
import type { TokenResponse } from '#tokens/issue.ts'

/** Last use is written down at most so often: the rest of the time the refresh of a confidential client only reads. */
const USE_WRITTEN_EVERY = hours(1)

/** Retries of client libraries reach 35 s; a stolen token that is used within it is not told apart from one. */
const REFRESH_WINDOW = seconds(60)
const MOST_REPLAYS = 5

type Refuse = (reason: string, account?: number) => OAuthError

/**
 * `refresh_token`: a new access token, and with `openid` a new ID token. By the client's policy the refresh token stays as it is (as a rule
 * that of a confidential client), or is replaced, and one that was replaced before ends its authorization.
 * @throws {OAuthError} `invalid_grant`, the same for every token that does not work; `invalid_scope` for more than was granted or if
 *   nothing that was granted is allowed today; `invalid_target` for another API than that of the authorization
 * @see RFC 6749 §6, RFC 9449 §5, RFC 9700 §4.14.2, OpenID Connect Core 1.0 §12
 */
export const refreshToken = async (
  { asked, client, dpopJkt }: TokenExchange<RefreshTokenRequest>,
  tools: GrantTools,
): Promise<TokenResponse> => {
  const { issuer } = tools
  const refuse: Refuse = (reason, account) =>
    invalidRefreshToken(reason, { client: client.id, ...(account === undefined ? {} : { account }) })

  const check = await checkRefreshToken(asked.refreshToken, client, tools)
  if (!check.isUsable) throw refuse(check.reason, check.account)
  const { named, live } = check
  const { account } = live
  const boundTo = bindsRefreshTokens(client) ? live.authorization.dpopJkt : undefined
  if (boundTo !== undefined && boundTo !== dpopJkt) {
    throw refuse(dpopJkt === undefined ? 'no proof for a bound token' : 'a proof of another key', account.id)
  }
  if (asked.audience !== undefined && asked.audience !== live.authorization.audience) {
    throw new OAuthError('invalid_target', `This refresh token is for ${live.authorization.audience} alone`)
  }
  const resource = resolveResource(live.authorization.audience, client, tools)
  const allowed = grantScopes({
    asked: live.authorization.scopes,
    registered: resource.scopes,
    allowed: client.policy.scopes,
    defaults: [],
  })
  const scopes = narrowScopes(allowed, asked.scopes, resource.scopes)

  const rotates = rotatesRefreshTokens(client)
  const authorization = rotates
    ? await rotate(named, client, account, refuse, tools)
    : await use(named, live.authorization, refuse, tools)
  return issuer.forAccount({
    ...{ client, account, authorization, resource, scopes },
    obtainedBy: 'refresh_token',
    // Libraries of public clients expect one in each answer, and keep what comes.
    withRefreshToken: rotates || isPublic(client),
    dpopJkt,
  })
}

/** `reason` and `account` are for the audit log alone. */
export type RefreshTokenCheck =
  | { readonly isUsable: true; readonly named: NamedAuthorization; readonly live: LiveAuthorization }
  | { readonly isUsable: false; readonly reason: string; readonly account?: number }

/** Whether this is a refresh token of the client, of whatever generation, and what it stands for still lives. Nothing is changed. */
export const checkRefreshToken = async (
  token: string,
  client: AuthenticatedClient,
  { store, refreshTokens }: Pick<GrantTools, 'store' | 'refreshTokens'>,
): Promise<RefreshTokenCheck> => {
  const unusable = (reason: string, account?: Account): RefreshTokenCheck => ({
    isUsable: false,
    reason,
    ...(account === undefined ? {} : { account: account.id }),
  })
  const named = refreshTokens.find(token)
  if (named === undefined) return unusable('not a refresh token')
  const live = await store.authorizations.findLive(named.id)
  if (live === undefined) return unusable('the authorization has ended')
  const { account, authorization } = live
  if (!refreshTokens.isOf(token, authorization)) return unusable('not a token of this authorization')
  // Whoever holds another client's token learns nothing and ends nothing.
  if (authorization.clientId !== client.id) return unusable('the token of another client', account)
  if (!authorization.offline || !mayRefresh(client)) return unusable('the client has no refresh tokens', account)
  if (authorization.grantType === 'password' && !(await admitsPasswordOf(client, account, store))) {
    return unusable('the client may not sign this account in', account)
  }
  return { isUsable: true, named, live }
}

const use = async (
  { generation }: NamedAuthorization,
  authorization: Authorization,
  refuse: Refuse,
  { store, clock, refreshTokenIdle }: GrantTools,
): Promise<Authorization> => {
  // It was replaced while its client's refresh tokens rotated.
  if (generation !== authorization.generation) throw refuse('a token of an earlier generation', authorization.accountId)
  if (between(authorization.lastUsedAt, clock()) < USE_WRITTEN_EVERY) return authorization
  const used = await store.authorizations.use(authorization.id, refreshTokenIdle)
  if (used === undefined) throw refuse('the authorization has just ended', authorization.accountId)
  return used
}

const rotate = async (
  { id, generation }: NamedAuthorization,
  client: Client,
  account: Account,
  refuse: Refuse,
  { store, log, refreshTokenIdle: idle }: GrantTools,
): Promise<Authorization> => {
  const window = client.policy.refreshWindow ?? REFRESH_WINDOW
  const rotation = await store.authorizations.rotate({ id, generation, idle, window, replays: MOST_REPLAYS })
  if (rotation === undefined) throw refuse('the authorization has just ended', account.id)
  if (rotation.outcome === 'reused') throw refuse('used before: its authorization has ended', account.id)
  if (rotation.outcome === 'replayed') {
    log.audit('refresh_token_replayed', { account: account.id, client: client.id, authorization_id: id })
  }
  return rotation.authorization
}
