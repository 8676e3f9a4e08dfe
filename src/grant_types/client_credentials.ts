import { resolveResource, type GrantTools, type TokenExchange } from '#grant_types/token_exchange.ts'
import { OAuthError } from '#protocol/errors.ts'
import { grantScopes, OPENID_SCOPES } from '#protocol/scope.ts'
import type { ClientCredentialsRequest } from '#protocol/token_request.ts'
import type { TokenResponse } from '#tokens/issue.ts'

const isAboutUser = (scope: string): boolean => (OPENID_SCOPES as readonly string[]).includes(scope)

/**
 * `client_credentials`: a token of the client itself. There is no user, so scopes about one (and `offline_access`) are left out.
 * @throws {OAuthError} `unauthorized_client` for a public client, `invalid_target`, `invalid_scope`
 * @see RFC 6749 §4.4, RFC 9068 §2.2 (`sub` is the client)
 */
export const clientCredentials = async (
  { asked, client, dpopJkt, address, requestId }: TokenExchange<ClientCredentialsRequest>,
  tools: GrantTools,
): Promise<TokenResponse> => {
  // Whatever its policy says: a public client is named, not authenticated, and anybody can name it.
  if (client.policy.tokenEndpointAuthMethod === 'none') {
    throw new OAuthError('unauthorized_client', 'A public client has no token of its own (RFC 6749 §4.4).', {
      client: client.id,
    })
  }
  const resource = resolveResource(asked.audience, client, tools)
  const scopes = grantScopes({
    asked: asked.scopes.filter((scope) => !isAboutUser(scope)),
    registered: resource.scopes,
    allowed: client.policy.scopes,
    defaults: client.policy.defaultScopes,
  })
  if (tools.log.writesDebug) tools.log.debug('client token issued', { client: client.id, address, request: requestId })
  return tools.issuer.forClient({ client, resource, scopes, dpopJkt })
}
