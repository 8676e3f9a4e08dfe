import { random } from '#base/secrets.ts'
import {
  admitsPasswordOf,
  authorizationLifetime,
  bindsRefreshTokens,
  mayRefresh,
  resolveResource,
  SALT_BYTES,
  type GrantTools,
  type TokenExchange,
} from '#grant_types/token_exchange.ts'
import { invalidRequest, OAuthError, tooManyAttempts } from '#protocol/errors.ts'
import { grantScopes } from '#protocol/scope.ts'
import type { PasswordRequest } from '#protocol/token_request.ts'
import type { Account } from '#stores/records.ts'
import type { TokenResponse } from '#tokens/issue.ts'

/**
 * `password` (RFC 6749 §4.3) and password-realm, which names the directory of the account. Sign-ins of one account to one client with one
 * set of scopes share an authorization while it lives.
 * @throws {OAuthError} `unauthorized_client` after the client's end date; `invalid_request` for an unknown realm, or for a refresh token that
 *   would have to be bound to a key; `invalid_target`;
 *   `invalid_scope`; `invalid_grant`, the same for everything about the account; `too_many_attempts`
 */
export const password = async (
  { asked, client, dpopJkt, address, requestId }: TokenExchange<PasswordRequest>,
  tools: GrantTools,
): Promise<TokenResponse> => {
  const { store, signIn, issuer, clock, log } = tools
  const { passwordGrantEndsAt } = client.policy
  if (passwordGrantEndsAt !== undefined && passwordGrantEndsAt <= clock()) {
    throw new OAuthError(
      'unauthorized_client',
      'The password grant of this client has ended: use the authorization code grant.',
      { client: client.id },
    )
  }
  const realm = asked.realm ?? tools.defaultRealm
  if (!tools.realms.includes(realm)) throw invalidRequest(`Unknown realm ${realm.slice(0, 100)}.`)
  const resource = resolveResource(asked.audience, client, tools)
  const scopes = grantScopes({
    asked: asked.scopes,
    registered: resource.scopes,
    allowed: mayRefresh(client)
      ? client.policy.scopes
      : client.policy.scopes.filter((scope) => scope !== 'offline_access'),
    defaults: client.policy.defaultScopes,
  })

  const offline = scopes.includes('offline_access')
  if (dpopJkt !== undefined && offline && bindsRefreshTokens(client)) {
    throw invalidRequest(
      'The refresh token of a password is shared by all sign-ins, and cannot be bound to one key: use the authorization code grant',
    )
  }

  const refuse = (reason: string, account?: number) =>
    new OAuthError('invalid_grant', 'Wrong email or password.', {
      reason,
      client: client.id,
      ...(account === undefined ? {} : { account }),
    })
  const admits = (account: Account): Promise<boolean> => admitsPasswordOf(client, account, store)
  const signedIn = await signIn({ realm, username: asked.username, password: asked.password, address, admits })
  if (signedIn.outcome === 'blocked') throw tooManyAttempts(signedIn.retryAfter)
  if (signedIn.outcome === 'refused') throw refuse(signedIn.reason, signedIn.accountId)

  const { account } = signedIn
  const authorization = await store.authorizations.authorizePassword({
    accountId: account.id,
    accountVersion: account.version,
    clientId: client.id,
    audience: resource.audience,
    scopes,
    offline,
    salt: Buffer.from(random(SALT_BYTES)),
    lifetime: authorizationLifetime(offline, client, resource, tools),
  })
  if (authorization === undefined) throw refuse('the account or the client was changed meanwhile', account.id)
  log.audit('signed_in', {
    account: account.id,
    client: client.id,
    authorization_id: authorization.id,
    scope: scopes.join(' '),
    address,
    request: requestId,
  })
  return issuer.forAccount({
    client,
    account,
    authorization,
    resource,
    scopes,
    obtainedBy: 'password',
    withRefreshToken: offline,
    dpopJkt,
    signIn: { nonce: undefined, methods: ['pwd'] },
  })
}
