import { authenticateClient, type ClientAuthenticationTools } from '#clients/authenticate.ts'
import type { Log } from '#base/log.ts'
import { NO_STORE, type Endpoint } from '#http/message.ts'
import { readPresentedClient } from '#protocol/client_authentication.ts'
import { OAuthError } from '#protocol/errors.ts'
import { readBodyParameters, requireParameter } from '#protocol/parameters.ts'
import type { Store } from '#stores/store.ts'
import type { VerifyAccessToken } from '#tokens/access_token.ts'
import type { RefreshTokens } from '#tokens/refresh_token.ts'

export type RevokeTools = {
  readonly store: Pick<Store, 'authorizations'>
  readonly authentication: ClientAuthenticationTools
  readonly refreshTokens: RefreshTokens
  readonly verifyAccessToken: VerifyAccessToken
  readonly log: Log
}

/**
 * `POST /oauth/revoke`: ends the authorization of a refresh or access token of the client: all its tokens and its platform session. A token
 * that is none, or another client's, or revoked already, is answered alike; `token_type_hint` is not needed.
 * @throws {OAuthError} `unsupported_token_type` for a live token of the client alone, which stands for no authorization
 * @see RFC 7009 §2.1, §2.2
 */
export const revokeEndpoint =
  (tools: RevokeTools): Endpoint =>
  async ({ headers, body, address, id }) => {
    const parameters = readBodyParameters(headers['content-type'], body)
    const presented = readPresentedClient(headers.authorization, parameters)
    const client = await authenticateClient(presented, address, tools.authentication)
    const authorizationId = await findAuthorizationId(requireParameter(parameters, 'token'), client.id, tools)
    if (authorizationId !== undefined) {
      await tools.store.authorizations.end(authorizationId)
      tools.log.audit('revoked', { client: client.id, authorization_id: authorizationId, address, request: id })
    }
    // Nothing is said (RFC 7009 §2.2), and as JSON: simple-oauth2 takes any other type for a failure.
    return { status: 200, headers: { 'content-type': 'application/json', ...NO_STORE }, body: '' }
  }

const findAuthorizationId = async (
  token: string,
  clientId: string,
  { store, refreshTokens, verifyAccessToken }: RevokeTools,
): Promise<number | undefined> => {
  const named = refreshTokens.find(token)
  if (named !== undefined) {
    const live = await store.authorizations.findLive(named.id)
    if (live === undefined || live.authorization.clientId !== clientId) return undefined
    return refreshTokens.isOf(token, live.authorization) ? named.id : undefined
  }
  const check = verifyAccessToken(token)
  if (!check.isValid || check.token.clientId !== clientId) return undefined
  // To say 200 would let the client believe that it is worth nothing now.
  if (check.token.authorizationId === undefined) {
    throw new OAuthError('unsupported_token_type', 'A token of the client alone cannot be revoked: it expires', {
      client: clientId,
    })
  }
  return check.token.authorizationId
}
