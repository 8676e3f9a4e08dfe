import { findBearer, type BearerTools } from '#access/bearer.ts'
import { AccessError } from '#access/caller.ts'
import type { Clock, EpochSeconds } from '#base/time.ts'
import { authenticateClient, type AuthenticatedClient, type ClientAuthenticationTools } from '#clients/authenticate.ts'
import { checkRefreshToken } from '#grant_types/refresh_token.ts'
import type { GrantTools } from '#grant_types/token_exchange.ts'
import { jsonReply, NO_STORE, type Endpoint } from '#http/message.ts'
import { invalidClient, readPresentedClient } from '#protocol/client_authentication.ts'
import { readBodyParameters, requireParameter } from '#protocol/parameters.ts'
import { allowedScopes } from '#protocol/scope.ts'
import type { Account, ApiResource, Authorization, Client } from '#stores/records.ts'
import {
  authorizationDetailsOf,
  confirmationOf,
  tokenTypeOf,
  type AuthorizationDetail,
  type Confirmation,
  type TokenType,
} from '#tokens/issue.ts'
import type { SigningKeys } from '#tokens/signing_keys.ts'

export type IntrospectTools = BearerTools &
  Pick<GrantTools, 'store' | 'refreshTokens'> & {
    readonly authentication: ClientAuthenticationTools
    readonly findResource: (audience: string) => ApiResource | undefined
    /** The public URL of the authorization server, which is the issuer. */
    readonly issuerUrl: string
    readonly keys: SigningKeys
    readonly clock: Clock
  }

/** What a live token stands for, as it is now. @see RFC 7662 §2.2, RFC 9396 §9.2, RFC 9449 §6.2 */
type Introspection = {
  readonly active: true
  readonly iss: string
  readonly sub: string
  readonly client_id: string
  readonly scope?: string
  readonly exp: EpochSeconds
  readonly username?: string
  readonly authorization_details?: readonly AuthorizationDetail[]
  /** The rest is that of access tokens alone, so nobody takes a refresh token for one. */
  readonly aud?: string
  readonly iat?: EpochSeconds
  readonly jti?: string
  readonly token_type?: TokenType
  readonly cnf?: Confirmation
}

/**
 * `POST /oauth/introspect`: whether a token is live, and what for. A client learns about its own tokens; one that serves an API (`introspects`)
 * about the access tokens that are made for it. Whatever else is asked about, and whatever has ended, is `{"active":false}` and no more.
 * `token_type_hint` is not needed.
 * @throws {OAuthError} `invalid_client`, also for a public client: it proves nothing; `invalid_request` without `token`
 * @see RFC 7662 §2, RFC 9701 §4 and §5 (as a signed JWT)
 */
export const introspectEndpoint =
  (tools: IntrospectTools): Endpoint =>
  async ({ headers, body, address }) => {
    const parameters = readBodyParameters(headers['content-type'], body)
    if (headers.authorization === undefined && !PRESENTING.some((name) => parameters.has(name))) {
      throw invalidClient('nobody authenticates', true)
    }
    const presented = readPresentedClient(headers.authorization, parameters)
    const asker = await authenticateClient(presented, address, tools.authentication)
    if (asker.policy.tokenEndpointAuthMethod === 'none') {
      throw invalidClient('a public client does not introspect', false, asker.id)
    }
    const answer = (await findState(requireParameter(parameters, 'token'), asker, tools)) ?? { active: false }
    if (!headers.accept?.includes(JWT_TYPE)) return jsonReply(200, answer, NO_STORE)
    // RS256 is what a resource server expects that has registered nothing else (RFC 9701 §6).
    const signed = await tools.keys.signer(
      'RS256',
      'token-introspection+jwt',
    )({ iss: tools.issuerUrl, aud: asker.id, iat: tools.clock(), token_introspection: answer })
    return { status: 200, headers: { 'content-type': JWT_TYPE, ...NO_STORE }, body: signed }
  }

const JWT_TYPE = 'application/token-introspection+jwt'
const PRESENTING = ['client_id', 'client_assertion', 'client_assertion_type']

const findState = (
  token: string,
  asker: AuthenticatedClient,
  tools: IntrospectTools,
): Promise<Introspection | undefined> =>
  tools.refreshTokens.find(token) === undefined
    ? findAccessTokenState(token, asker, tools)
    : findRefreshTokenState(token, asker, tools)

const findAccessTokenState = async (
  text: string,
  asker: AuthenticatedClient,
  tools: IntrospectTools,
): Promise<Introspection | undefined> => {
  const check = tools.verifyAccessToken(text)
  if (!check.isValid) return undefined
  const { token } = check
  const servesIt = asker.policy.introspects?.includes(token.audience) === true
  if (!servesIt && token.clientId !== asker.id) return undefined
  const bearer = await findLiveBearer(text, tools)
  const resource = tools.findResource(token.audience)
  if (bearer === undefined || resource === undefined) return undefined
  const { client, account, authorization } = bearer
  const scopes = findScopes(token.scopes, client, resource)
  if (scopes === undefined) return undefined
  return {
    active: true,
    iss: tools.issuerUrl,
    sub: token.subject,
    aud: token.audience,
    client_id: client.id,
    token_type: tokenTypeOf(token.dpopJkt),
    ...confirmationOf(token.dpopJkt),
    ...scopeOf(scopes),
    exp: token.expiresAt,
    iat: token.issuedAt,
    jti: token.id,
    ...(authorization === undefined ? {} : aboutAuthorization(authorization, account, servesIt, scopes)),
  }
}

const findLiveBearer = async (token: string, tools: IntrospectTools) => {
  try {
    return await findBearer(token, tools.findResource, tools)
  } catch (error) {
    if (error instanceof AccessError) return undefined
    throw error
  }
}

/** A client's own refresh token. A generation that was replaced is not live, though its successor may be given again for a while. */
const findRefreshTokenState = async (
  token: string,
  asker: AuthenticatedClient,
  tools: IntrospectTools,
): Promise<Introspection | undefined> => {
  const check = await checkRefreshToken(token, asker, tools)
  if (!check.isUsable) return undefined
  const { account, authorization } = check.live
  const resource = tools.findResource(authorization.audience)
  if (resource === undefined || check.named.generation !== authorization.generation) return undefined
  const scopes = findScopes(authorization.scopes, asker, resource)
  if (scopes === undefined) return undefined
  return {
    active: true,
    iss: tools.issuerUrl,
    sub: tools.subjects.subjectFor(asker, account),
    client_id: asker.id,
    ...scopeOf(scopes),
    exp: authorization.expiresAt,
    ...aboutAuthorization(authorization, account, false, scopes),
  }
}

/** What is left of the scopes today; `undefined` if there were some and none is left, or the client has no business with the API any more. */
const findScopes = (
  granted: readonly string[],
  { policy }: Client,
  { audience, scopes: registered }: ApiResource,
): readonly string[] | undefined => {
  if (!policy.audiences.includes(audience)) return undefined
  const left = allowedScopes(granted, registered, policy.scopes)
  return granted.length > 0 && left.length === 0 ? undefined : left
}

/** An empty `scope` is no scope (RFC 6749 §3.3). */
const scopeOf = (scopes: readonly string[]): { readonly scope?: string } =>
  scopes.length === 0 ? {} : { scope: scopes.join(' ') }

/** The name that a person signs in with is told to their platform, and to a client that was allowed their profile or was given it by them. */
const aboutAuthorization = (
  { organizations, grantType }: Authorization,
  account: Account | undefined,
  isForResourceServer: boolean,
  scopes: readonly string[],
): Pick<Introspection, 'username' | 'authorization_details'> => ({
  ...(account !== undefined && (isForResourceServer || grantType === 'password' || scopes.includes('profile'))
    ? { username: account.username }
    : {}),
  ...authorizationDetailsOf(organizations),
})
