import type { SignIn } from '#accounts/sign_in.ts'
import type { Log } from '#base/log.ts'
import type { DerivedTokens } from '#base/derived_token.ts'
import { hours, seconds, type Clock, type Seconds } from '#base/time.ts'
import type { AuthenticatedClient } from '#clients/authenticate.ts'
import { OAuthError } from '#protocol/errors.ts'
import { grantScopes } from '#protocol/scope.ts'
import type { TokenRequest } from '#protocol/token_request.ts'
import type { Account, ApiResource, AuthorizationLifetime, Client } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'
import type { TokenIssuer } from '#tokens/issue.ts'
import type { RefreshTokens } from '#tokens/refresh_token.ts'

/** One request to the token endpoint, when the client has proved that it is the one. */
export type TokenExchange<Asked extends TokenRequest> = {
  readonly asked: Asked
  readonly client: AuthenticatedClient
  /** The thumbprint of the key that the request proved possession of: what the tokens are bound to. `undefined` without a proof. */
  readonly dpopJkt: string | undefined
  /** Of the caller, for throttling and the audit log. */
  readonly address: string
  readonly requestId: string
}

export type GrantTools = {
  readonly store: Pick<Store, 'accounts' | 'authorizations' | 'authorizationCodes' | 'deviceCodes'>
  readonly signIn: SignIn
  readonly issuer: TokenIssuer
  readonly refreshTokens: RefreshTokens
  readonly codes: DerivedTokens
  readonly deviceCodes: DerivedTokens
  readonly clock: Clock
  readonly log: Log
  readonly findResource: (audience: string) => ApiResource | undefined
  /** The API that is meant when a request names none. */
  readonly defaultAudience: string
  readonly realms: readonly string[]
  readonly defaultRealm: string
  readonly refreshTokenIdle: Seconds
  readonly refreshTokenAbsolute: Seconds
  /** Of a client that cannot authenticate. */
  readonly publicRefreshTokenAbsolute: Seconds
}

/**
 * The API that a token is asked for.
 * @throws {OAuthError} `invalid_target` if it is not registered, or not one of the client's
 * @see RFC 8707 §2
 */
export const resolveResource = (
  audience: string | undefined,
  { id, policy }: Client,
  { findResource, defaultAudience }: Pick<GrantTools, 'findResource' | 'defaultAudience'>,
): ApiResource => {
  const name = audience ?? defaultAudience
  const resource = findResource(name)
  // One answer for both: which APIs exist is not every client's business.
  if (resource === undefined || !policy.audiences.includes(name)) {
    throw new OAuthError('invalid_target', `Service not found: ${name.slice(0, 200)}`, { client: id })
  }
  return resource
}

export const SALT_BYTES = 16

export const mayRefresh = ({ policy }: Client): boolean => policy.grantTypes.includes('refresh_token')

/**
 * The scopes that a person is asked to allow: those that were asked for, or the client's defaults, as far as it may have them.
 * @returns sorted
 * @throws {OAuthError} `invalid_scope` if there are none
 */
export const scopesToAllow = (
  client: Client,
  { scopes: registered }: ApiResource,
  asked: readonly string[],
): readonly string[] => {
  const { scopes: allowed, defaultScopes: defaults } = client.policy
  const scopes = grantScopes({
    asked,
    registered,
    allowed: mayRefresh(client) ? allowed : allowed.filter((scope) => scope !== 'offline_access'),
    defaults,
  })
  // Nothing was asked for, and nothing is the client's default (RFC 6749 §3.3): a person could not allow it.
  if (scopes.length === 0) throw new OAuthError('invalid_scope', 'Missing required parameter: scope')
  return scopes
}

/** It cannot prove that it is the one (RFC 6749 §2.1). */
export const isPublic = ({ policy }: Client): boolean => policy.tokenEndpointAuthMethod === 'none'

/** Whether each use replaces the refresh token: that of a public client, unless support decided otherwise (RFC 9700 §4.14.2). */
export const rotatesRefreshTokens = (client: Client): boolean =>
  (client.policy.refreshTokens ?? (isPublic(client) ? 'rotating' : 'static')) === 'rotating'

/** Whether its refresh token is bound to the key that it proved possession of: another client's is bound to the client (RFC 9449 §5). */
export const bindsRefreshTokens = isPublic

/** The clocks of the store and of this process may differ by so much, and a token still does not outlive its authorization. */
const CLOCK_SLACK = hours(1)

/** Without a refresh token there is nothing to keep the authorization for once its access token has expired. */
export const authorizationLifetime = (
  offline: boolean,
  client: Client,
  { accessTokenLifetime }: ApiResource,
  { refreshTokenIdle, refreshTokenAbsolute, publicRefreshTokenAbsolute }: GrantTools,
): AuthorizationLifetime => ({
  idle: offline ? refreshTokenIdle : seconds(accessTokenLifetime + CLOCK_SLACK),
  absolute: isPublic(client) ? publicRefreshTokenAbsolute : refreshTokenAbsolute,
})

/** Whether support lets this client sign the account in with its password: each list that is present must admit it. */
export const admitsPasswordOf = async (
  { policy: { passwordAccounts } }: Client,
  account: Account,
  { accounts }: GrantTools['store'],
): Promise<boolean> => {
  if (passwordAccounts === undefined) return true
  const { ids, realms, organizations } = passwordAccounts
  if (ids !== undefined && !ids.includes(account.id)) return false
  if (realms !== undefined && !realms.includes(account.realm)) return false
  return organizations === undefined || accounts.hasPermissionOn(account.id, 'organization', organizations)
}
