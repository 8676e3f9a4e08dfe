import { between, hours } from '#base/time.ts'
import {
  admitsPasswordOf,
  mayRefresh,
  resolveResource,
  type GrantTools,
  type TokenExchange,
} from '#grant_types/token_exchange.ts'
import { invalidRefreshToken, OAuthError } from '#protocol/errors.ts'
import { grantScopes, narrowScopes } from '#protocol/scope.ts'
import type { RefreshTokenRequest } from '#protocol/token_request.ts'
import type { TokenResponse } from '#tokens/issue.ts'

/** Last use is written down at most so often: the rest of the time a refresh only reads. */
const USE_WRITTEN_EVERY = hours(1)

/**
 * `refresh_token`: a new access token, and with `openid` a new ID token. The refresh token of a confidential client stays as it is.
 * @throws {OAuthError} `invalid_grant`, the same for every token that does not work; `invalid_scope` for more than was granted or if
 *   nothing that was granted is allowed today; `invalid_target` for another API than that of the authorization
 * @see RFC 6749 §6, RFC 9700 §4.14.2, OpenID Connect Core 1.0 §12
 */
export const refreshToken = async (
  { asked, client }: TokenExchange<RefreshTokenRequest>,
  tools: GrantTools,
): Promise<TokenResponse> => {
  const { store, refreshTokens, issuer, clock } = tools
  const refuse = (reason: string, account?: number) =>
    invalidRefreshToken(reason, { client: client.id, ...(account === undefined ? {} : { account }) })

  const named = refreshTokens.find(asked.refreshToken)
  if (named === undefined) throw refuse('not a refresh token')
  const live = await store.authorizations.findLive(named.id)
  if (live === undefined) throw refuse('the authorization has ended')
  const { authorization, account } = live
  if (!refreshTokens.isOf(asked.refreshToken, authorization) || named.generation !== authorization.generation) {
    throw refuse('not a token of this authorization')
  }
  if (authorization.clientId !== client.id) throw refuse('the token of another client', account.id)
  if (!authorization.offline || !mayRefresh(client)) throw refuse('the client has no refresh tokens', account.id)
  if (authorization.grantType === 'password' && !(await admitsPasswordOf(client, account, store))) {
    throw refuse('the client may not sign this account in', account.id)
  }

  if (asked.audience !== undefined && asked.audience !== authorization.audience) {
    throw new OAuthError('invalid_target', `This refresh token is for ${authorization.audience} alone`)
  }
  const resource = resolveResource(authorization.audience, client, tools)
  const allowed = grantScopes({
    asked: authorization.scopes,
    registered: resource.scopes,
    allowed: client.policy.scopes,
    defaults: [],
  })
  const scopes = narrowScopes(allowed, asked.scopes, resource.scopes)

  if (between(authorization.lastUsedAt, clock()) >= USE_WRITTEN_EVERY) {
    if ((await store.authorizations.use(authorization.id, tools.refreshTokenIdle)) === undefined)
      throw refuse('the authorization has just ended', account.id)
  }
  const obtainedBy = 'refresh_token'
  return issuer.forAccount({ client, account, authorization, resource, scopes, obtainedBy, withRefreshToken: false })
}
