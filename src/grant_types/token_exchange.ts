import type { SignIn } from '#accounts/sign_in.ts'
import type { Log } from '#base/log.ts'
import type { Clock, Seconds } from '#base/time.ts'
import type { AuthenticatedClient } from '#clients/authenticate.ts'
import { OAuthError } from '#protocol/errors.ts'
import type { TokenRequest } from '#protocol/token_request.ts'
import type { Account, ApiResource, Client } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'
import type { TokenIssuer } from '#tokens/issue.ts'
import type { RefreshTokens } from '#tokens/refresh_token.ts'

/** One request to the token endpoint, when the client has proved that it is the one. */
export type TokenExchange<Asked extends TokenRequest> = {
  readonly asked: Asked
  readonly client: AuthenticatedClient
  /** Of the caller, for throttling and the audit log. */
  readonly address: string
  readonly requestId: string
}

export type GrantTools = {
  readonly store: Pick<Store, 'accounts' | 'authorizations'>
  readonly signIn: SignIn
  readonly issuer: TokenIssuer
  readonly refreshTokens: RefreshTokens
  readonly clock: Clock
  readonly log: Log
  readonly findResource: (audience: string) => ApiResource | undefined
  /** The API that is meant when a request names none. */
  readonly defaultAudience: string
  readonly realms: readonly string[]
  readonly defaultRealm: string
  readonly refreshTokenIdle: Seconds
  readonly refreshTokenAbsolute: Seconds
}

/**
 * The API that a token is asked for.
 * @throws {OAuthError} `invalid_target` if it is not registered, or not one of the client's
 * @see RFC 8707 §2
 */
export const resolveResource = (
  audience: string | undefined,
  { id, policy }: Client,
  { findResource, defaultAudience }: GrantTools,
): ApiResource => {
  const name = audience ?? defaultAudience
  const resource = findResource(name)
  // One answer for both: which APIs exist is not every client's business.
  if (resource === undefined || !policy.audiences.includes(name)) {
    throw new OAuthError('invalid_target', `Service not found: ${name.slice(0, 200)}`, { client: id })
  }
  return resource
}

/** Whether the client may hold a refresh token. One that cannot authenticate may not, as long as its tokens are not rotated (RFC 9700 §4.14.2). */
export const mayRefresh = ({ policy }: Client): boolean =>
  policy.tokenEndpointAuthMethod !== 'none' && policy.grantTypes.includes('refresh_token')

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
