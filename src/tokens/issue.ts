import { hash } from 'node:crypto'
import type { IdPermutation } from '#base/id_permutation.ts'
import { random } from '#base/secrets.ts'
import { between, earliest, later, type Clock, type EpochSeconds, type Seconds } from '#base/time.ts'
import { claimsNamed, claimsOfScopes, claimsWithin, type AskedClaims } from '#protocol/claims.ts'
import type { JwtClaims } from '#protocol/jwt.ts'
import type { Account, ApiResource, AuthenticationMethod, Authorization, Client, Confinement } from '#stores/records.ts'
import type { RefreshTokens } from '#tokens/refresh_token.ts'
import type { SigningKeys } from '#tokens/signing_keys.ts'
import { isPairwise, type Subjects } from '#tokens/subject.ts'

/** How the access token is sent: `DPoP` with a proof for each request (RFC 9449 §7.1). */
export type TokenType = 'Bearer' | 'DPoP'

/** A successful answer of the token endpoint. @see RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3 */
export type TokenResponse = {
  readonly access_token: string
  readonly refresh_token?: string
  readonly id_token?: string
  readonly scope: string
  readonly authorization_details?: readonly AuthorizationDetail[]
  readonly expires_in: Seconds
  readonly token_type: TokenType
}

/** How the token was obtained, in the words of the `gty` claim. */
export type ObtainedBy = 'authorization_code' | 'password' | 'device_code' | 'refresh_token' | 'client-credentials'

export type UserTokens = {
  readonly client: Client
  readonly account: Account
  readonly authorization: Authorization
  readonly resource: ApiResource
  /** At most those of the authorization. */
  readonly scopes: readonly string[]
  readonly obtainedBy: ObtainedBy
  readonly withRefreshToken: boolean
  readonly dpopJkt: string | undefined
  /** Where the resource owner has just signed in. A refresh says nothing of it (OpenID Connect Core 1.0 §12.2). */
  readonly signIn?: { readonly nonce: string | undefined; readonly methods: readonly AuthenticationMethod[] }
}

export type ClientToken = {
  readonly client: Client
  readonly resource: ApiResource
  readonly scopes: readonly string[]
  readonly dpopJkt: string | undefined
}

export type TokenIssuer = {
  readonly forAccount: (asked: UserTokens) => Promise<TokenResponse>
  readonly forClient: (asked: ClientToken) => Promise<TokenResponse>
}

export type TokenIssuerTools = {
  readonly issuer: string
  readonly clock: Clock
  readonly keys: SigningKeys
  readonly refreshTokens: RefreshTokens
  /** For the ids of authorizations inside tokens. */
  readonly authorizationIds: IdPermutation
  readonly subjects: Subjects
  readonly claimsNamespace: string
  readonly idTokenLifetime: Seconds
}

/** To which organizations the token is confined. @see RFC 9396 §2 and §7 */
export type AuthorizationDetail = { readonly type: 'organizations'; readonly identifiers: readonly string[] }

export const authorizationDetailsOf = (
  organizations: Confinement,
): { readonly authorization_details?: readonly AuthorizationDetail[] } =>
  organizations === 'all'
    ? {}
    : { authorization_details: [{ type: 'organizations', identifiers: organizations.map(String) }] }

export type Confirmation = { readonly jkt: string }

/** Binds an access token to a key. @see RFC 7800 §3.1, RFC 9449 §6.1 */
export const confirmationOf = (dpopJkt: string | undefined): { readonly cnf?: Confirmation } =>
  dpopJkt === undefined ? {} : { cnf: { jkt: dpopJkt } }

export const tokenTypeOf = (dpopJkt: string | undefined): TokenType => (dpopJkt === undefined ? 'Bearer' : 'DPoP')

/** How a person signed in, as the one class that there is. */
export const PASSWORD_ACR = 'urn:postern:acr:password'

/** The left half of the SHA-256 of the access token. @see OpenID Connect Core 1.0 §3.1.3.6: the hash of the ID token's algorithm */
const hashOf = (accessToken: string): string =>
  hash('sha256', accessToken, 'buffer').subarray(0, 16).toString('base64url')

/** The claim that leads from an access token to its authorization. */
export const AUTHORIZATION_CLAIM = 'authorization_id'

/** `typ` of an access token: its own (RFC 9068 §2.1), but `JWT` where others verify it with libraries that know no other. */
export const accessTokenType = ({ verifiedByOthers }: ApiResource): 'at+jwt' | 'JWT' =>
  verifiedByOthers ? 'JWT' : 'at+jwt'

/** What is known of an account, as claims; name and nickname fall back to its username, which the platform's libraries show. */
const knownClaims = ({ username, profile, updatedAt }: Account): Readonly<Record<string, unknown>> => ({
  name: username,
  nickname: username,
  ...profile,
  updated_at: updatedAt,
})

/** What a client is told of a person in one place: the claims of the scopes, and those that it asked for by name and may still have. */
export const claimsFor = (
  place: keyof AskedClaims,
  {
    client,
    account,
    authorization,
    scopes,
  }: Pick<UserTokens, 'client' | 'account' | 'scopes'> & { readonly authorization: Authorization | undefined },
): Record<string, unknown> => {
  const known = knownClaims(account)
  const named = authorization?.claims && claimsWithin(authorization.claims, client.policy.scopes)
  return { ...claimsOfScopes(scopes, known), ...claimsNamed(named?.[place] ?? [], known) }
}

export const createTokenIssuer = ({
  issuer,
  clock,
  keys,
  refreshTokens,
  authorizationIds,
  subjects,
  claimsNamespace,
  idTokenLifetime,
}: TokenIssuerTools): TokenIssuer => {
  const signAccessToken = (resource: ApiResource, claims: JwtClaims): Promise<string> =>
    keys.signer(resource.signingAlgorithm, accessTokenType(resource))(claims)

  const commonClaims = (client: Client, resource: ApiResource, scopes: readonly string[]) => ({
    aud: resource.audience,
    jti: random(16).toString('base64url'),
    client_id: client.id,
    azp: client.id,
    scope: scopes.join(' '),
  })

  const makeIdToken = (
    { client, account, authorization, scopes, signIn }: UserTokens,
    accessToken: string,
    now: EpochSeconds,
  ): Promise<string> =>
    keys.signer(
      client.policy.idTokenSigningAlgorithm,
      'JWT',
    )({
      iss: issuer,
      sub: subjects.subjectFor(client, account),
      aud: client.id,
      iat: now,
      exp: later(now, idTokenLifetime),
      auth_time: authorization.authenticatedAt,
      at_hash: hashOf(accessToken),
      ...(authorization.browserSessionId === undefined
        ? {}
        : { sid: subjects.sidFor(client, authorization.browserSessionId) }),
      ...(signIn === undefined ? {} : { acr: PASSWORD_ACR, amr: signIn.methods }),
      ...(signIn?.nonce === undefined ? {} : { nonce: signIn.nonce }),
      ...claimsFor('idToken', { client, account, authorization, scopes }),
    })

  return {
    forAccount: async (asked) => {
      const { client, account, authorization, resource, scopes, obtainedBy, withRefreshToken, dpopJkt } = asked
      const now = clock()
      // A token never outlives its authorization.
      const expiresAt = earliest(later(now, resource.accessTokenLifetime), authorization.absoluteExpiresAt)
      const showsNickname = authorization.grantType === 'password' || scopes.includes('profile')
      const details = authorizationDetailsOf(authorization.organizations)
      const accessToken = await signAccessToken(resource, {
        iss: issuer,
        sub: subjects.subjectFor(client, account),
        iat: now,
        exp: expiresAt,
        ...commonClaims(client, resource, scopes),
        gty: obtainedBy,
        [AUTHORIZATION_CLAIM]: authorizationIds.show(authorization.id),
        ...details,
        ...confirmationOf(dpopJkt),
        // The client can read its tokens: a pairwise subject would hide nothing beside it.
        ...(isPairwise(client) ? {} : { [`${claimsNamespace}user_id`]: account.id }),
        ...(showsNickname ? { [`${claimsNamespace}nickname`]: account.profile.nickname ?? account.username } : {}),
      })
      const idToken = scopes.includes('openid') ? await makeIdToken(asked, accessToken, now) : undefined
      return {
        access_token: accessToken,
        ...(withRefreshToken ? { refresh_token: refreshTokens.of(authorization) } : {}),
        ...(idToken === undefined ? {} : { id_token: idToken }),
        scope: scopes.join(' '),
        ...details,
        expires_in: between(now, expiresAt),
        token_type: tokenTypeOf(dpopJkt),
      }
    },
    forClient: async ({ client, resource, scopes, dpopJkt }) => {
      const now = clock()
      return {
        access_token: await signAccessToken(resource, {
          iss: issuer,
          sub: client.id,
          iat: now,
          exp: later(now, resource.accessTokenLifetime),
          ...commonClaims(client, resource, scopes),
          gty: 'client-credentials',
          ...confirmationOf(dpopJkt),
        }),
        scope: scopes.join(' '),
        expires_in: resource.accessTokenLifetime,
        token_type: tokenTypeOf(dpopJkt),
      }
    },
  }
}
