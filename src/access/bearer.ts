import { AccessError } from '#access/caller.ts'
import { effectiveScopes } from '#protocol/scope.ts'
import type { Account, ApiResource, Authorization, Client, Confinement } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'
import type { VerifyAccessToken } from '#tokens/access_token.ts'
import type { TokenType } from '#tokens/issue.ts'
import type { Subjects } from '#tokens/subject.ts'

/** What a live access token stands for. */
export type Bearer = {
  readonly account: Account | undefined
  readonly client: Client
  readonly scopes: ReadonlySet<string>
  /** As the token has them, those of OpenID Connect included. */
  readonly grantedScopes: readonly string[]
  readonly organizations: Confinement
  /** `undefined` for a token of a client alone. */
  readonly authorization: Authorization | undefined
  /** The token has fewer scopes of the API than its authorization would have today: it was narrowed at refresh (RFC 6749 §6). */
  readonly isNarrowed: boolean
  /** The thumbprint of the key that the token is bound to. Whether its sender has that key is not asked here. */
  readonly dpopJkt: string | undefined
}

/** An access token, and what its sender says that it is. */
export type PresentedToken = { readonly scheme: TokenType; readonly text: string }

/**
 * The token in the `Authorization` header; `undefined` without one. The word `Bearer` may be missing: some of the platform's scripts
 * leave it out.
 * @throws {AccessError} `invalid_token` for another scheme; `invalid_request` for a token in the URL (RFC 9700 §2.4: it would be logged)
 * @see RFC 6750 §2.1, RFC 9449 §7.1
 */
export const findPresentedToken = (authorization: string | undefined, query: string): PresentedToken | undefined => {
  if (/(?:^|&)access_token=/.test(query)) {
    throw new AccessError(
      'invalid_request',
      'An access token in the URL is not taken: send it in the Authorization header',
    )
  }
  if (authorization === undefined) return undefined
  const [, scheme = 'bearer', text] = /^(?:(bearer|dpop) +)?([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization) ?? []
  if (text === undefined)
    throw new AccessError('invalid_token', 'The Authorization header must be: Bearer <access token>')
  return { scheme: scheme.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer', text }
}

/** What is left of `granted` scopes under the client's policy of today. */
export const scopesOfCaller = (
  granted: readonly string[],
  client: Client,
  { audience, scopes: registered }: ApiResource,
): ReadonlySet<string> => {
  // A scope belongs to its API. The client of another one may have a scope of the same name there.
  if (!client.policy.audiences.includes(audience)) return new Set()
  const allowed = effectiveScopes(client.policy.scopes, registered)
  return new Set([...effectiveScopes(granted, registered)].filter((scope) => allowed.has(scope)))
}

export type BearerTools = {
  readonly store: Pick<Store, 'accounts' | 'authorizations' | 'clients'>
  readonly verifyAccessToken: VerifyAccessToken
  readonly subjects: Subjects
}

/**
 * Verifies an access token for one of the APIs that `findResource` finds and asks the store, each time, whether what it stands for still lives: a revocation counts at once,
 * on every node.
 * @throws {AccessError} `invalid_token`
 */
export const findBearer = async (
  text: string,
  findResource: (audience: string) => ApiResource | undefined,
  { store, verifyAccessToken, subjects }: BearerTools,
): Promise<Bearer> => {
  const check = verifyAccessToken(text)
  if (!check.isValid) throw new AccessError('invalid_token', check.description)
  const { subject, clientId, audience, scopes, authorizationId, dpopJkt } = check.token
  const resource = findResource(audience)
  if (resource === undefined) throw new AccessError('invalid_token', `The access token is for ${audience}, another API`)
  const [client, live] = await Promise.all([
    store.clients.find(clientId),
    authorizationId === undefined ? undefined : store.authorizations.findLive(authorizationId),
  ])
  if (client === undefined || client.disabledAt !== undefined) throw revoked('the client is disabled', clientId)
  const callersScopes = scopesOfCaller(scopes, client, resource)
  if (authorizationId === undefined) {
    const account = client.policy.actsAs === undefined ? undefined : await store.accounts.find(client.policy.actsAs)
    if (account?.disabledAt !== undefined) throw revoked('the account that the client acts as is disabled', clientId)
    const organizations = 'all'
    return {
      ...{ account, client, scopes: callersScopes, grantedScopes: scopes, organizations, authorization: undefined },
      ...{ isNarrowed: false, dpopJkt },
    }
  }
  if (live === undefined) throw revoked('the authorization has ended', clientId)
  const { account, authorization } = live
  // A database that was restored gives ids again, and a token from before would name the authorization of somebody else.
  if (authorization.clientId !== clientId || subject !== subjects.subjectFor(client, account)) {
    throw revoked('the authorization is that of another account or client', clientId)
  }
  const isNarrowed =
    !authorization.scopes.every((scope) => scopes.includes(scope)) &&
    isMore(scopesOfCaller(authorization.scopes, client, resource), callersScopes, resource)
  const { organizations } = authorization
  return {
    ...{ account, client, scopes: callersScopes, grantedScopes: scopes, organizations, authorization },
    ...{ isNarrowed, dpopJkt },
  }
}

/** Whether `these` have a scope of the API that `those` have not. */
const isMore = (these: ReadonlySet<string>, those: ReadonlySet<string>, { scopes }: ApiResource): boolean =>
  scopes.some(({ name }) => these.has(name) && !those.has(name))

const revoked = (reason: string, client: string): AccessError =>
  new AccessError('invalid_token', 'The access token has been revoked, or its sign-in has expired: sign in again', {
    reason,
    client,
  })
