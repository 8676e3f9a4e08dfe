import { isFapi2 } from '#clients/profile.ts'
import type { PushedRequests } from '#endpoints/pushed_requests.ts'
import { resolveResource, scopesToAllow } from '#grant_types/token_exchange.ts'
import { AuthorizationError } from '#protocol/authorization_error.ts'
import {
  findResponseTarget,
  parseAuthorizationRequest,
  readAuthorizationParameters,
  type AuthorizationRequest,
  type ResponseTarget,
} from '#protocol/authorization_request.ts'
import { invalidRequest, OAuthError } from '#protocol/errors.ts'
import { claimsWithin, scopesOfClaims, type AskedClaims } from '#protocol/claims.ts'
import type { ApiResource, Client } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'

/** What a client asks of a person, checked: it may ask, this is what it can get at most, and this is where the answer goes. */
export type Asked = {
  readonly request: AuthorizationRequest
  readonly client: Client
  readonly resource: ApiResource
  /** Those that were asked for (or the client's defaults) and that it may have. Sorted. */
  readonly scopes: readonly string[]
  /** The row of the request, if it was pushed: whoever answers the request spends it. */
  readonly pushedId: number | undefined
  /** Those that were asked for by name, and that it may have. */
  readonly claims: AskedClaims
  /** What the person decides: the scopes, and those that hold the claims. Sorted. */
  readonly decidable: readonly string[]
}

/** An error that the client is told at its redirect URI. */
export class ToldError extends Error {
  override readonly name = 'ToldError'
  readonly target: ResponseTarget
  readonly told: AuthorizationError
  readonly client: Client
  constructor(target: ResponseTarget, told: AuthorizationError, client: Client) {
    super(told.message)
    this.target = target
    this.told = told
    this.client = client
  }
}

export type AuthorizationRequestTools = {
  readonly store: Pick<Store, 'clients'>
  readonly pushedRequests: PushedRequests
  readonly findResource: (audience: string) => ApiResource | undefined
  readonly defaultAudience: string
}

/** For a client that is unknown, deleted or disabled: one text. */
const noClient = (): OAuthError => invalidRequest('The link names a client that is not registered here')

/**
 * Checks an authorization request in the order of RFC 6749 §4.1.2.1: the client and where the answer goes, and then all the rest.
 * @throws {OAuthError} if there is nowhere to send an error to: the person is shown a page
 * @throws {ToldError} for all else
 */
export const checkAuthorizationRequest = async (query: string, tools: AuthorizationRequestTools): Promise<Asked> => {
  const resolved = await tools.pushedRequests.resolve(query, 'going on')
  const asked = await checkPushedRequest(resolved.query, tools)
  const { client, request } = asked
  const mustPush = client.policy.requirePushedAuthorizationRequests === true || isFapi2(client.policy)
  if (mustPush && resolved.pushedId === undefined) {
    const told = new AuthorizationError(
      'invalid_request',
      'This client must push its requests to /oauth/par (RFC 9126)',
    )
    throw new ToldError(request.target, told, client)
  }
  return { ...asked, pushedId: resolved.pushedId }
}

/**
 * As `checkAuthorizationRequest`, of the parameters themselves, as a client pushes them.
 * @throws {OAuthError} @throws {ToldError}
 */
export const checkPushedRequest = async (
  query: string,
  tools: AuthorizationRequestTools,
): Promise<Omit<Asked, 'pushedId'>> => {
  const parameters = readAuthorizationParameters(query)
  const clientId = parameters.values.get('client_id')
  if (clientId === undefined || parameters.repeated.has('client_id')) {
    throw invalidRequest(clientId === undefined ? 'Missing required parameter: client_id' : 'client_id is repeated')
  }
  const client = await tools.store.clients.find(clientId)
  if (client === undefined || client.disabledAt !== undefined) throw noClient()
  const target = findResponseTarget(parameters, client.policy)
  try {
    const request = parseAuthorizationRequest(parameters, clientId, target)
    return { request, client, ...checkForClient(request, client, tools) }
  } catch (error) {
    if (error instanceof AuthorizationError) throw new ToldError(target, error, client)
    throw error
  }
}

const checkForClient = (
  request: AuthorizationRequest,
  client: Client,
  tools: AuthorizationRequestTools,
): Omit<Asked, 'request' | 'client' | 'pushedId'> => {
  const { policy } = client
  if (!policy.grantTypes.includes('authorization_code')) {
    throw new AuthorizationError('unauthorized_client', 'This client may not use the authorization code grant')
  }
  const needsPkce = policy.pkce === 'required' || isFapi2(policy) || policy.tokenEndpointAuthMethod === 'none'
  if (needsPkce && request.codeChallenge === undefined) {
    throw new AuthorizationError(
      'invalid_request',
      'This client must use PKCE: send code_challenge with code_challenge_method=S256',
    )
  }
  // FAPI 2.0 Security Profile §5.3.2.2.
  if (isFapi2(policy) && request.redirectUri === undefined) {
    throw new AuthorizationError('invalid_request', 'Missing required parameter: redirect_uri')
  }
  try {
    const resource = resolveResource(request.audience, client, tools)
    const scopes = scopesToAllow(client, resource, request.scopes)
    const claims = checkClaims(request, scopes, policy.scopes)
    const decidable = [...new Set([...scopes, ...scopesOfClaims(claims)])].toSorted()
    return { resource, scopes, claims, decidable }
  } catch (error) {
    if (error instanceof OAuthError && (error.code === 'invalid_target' || error.code === 'invalid_scope')) {
      throw new AuthorizationError(error.code, error.description)
    }
    throw error
  }
}

const NO_CLAIMS: AskedClaims = { userinfo: [], idToken: [] }

/** The parameter belongs to OpenID Connect: without `openid` there is neither an ID token nor userinfo. */
const checkClaims = (
  { claims }: AuthorizationRequest,
  scopes: readonly string[],
  allowed: readonly string[],
): AskedClaims => (scopes.includes('openid') ? claimsWithin(claims.claims, allowed) : undefined) ?? NO_CLAIMS
