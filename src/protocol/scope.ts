import { invalidRequest, OAuthError } from '#protocol/errors.ts'

/** Scopes about the person: that it is them, and what is known of them. @see OpenID Connect Core 1.0 §5.4 */
export const IDENTITY_SCOPES = ['openid', 'profile', 'email', 'address', 'phone'] as const

/** Scopes of OpenID Connect Core 1.0 §5.4 and §11: they belong to no API resource. */
export const OPENID_SCOPES = [...IDENTITY_SCOPES, 'offline_access'] as const

const isOpenIdScope = (scope: string): boolean => (OPENID_SCOPES as readonly string[]).includes(scope)

/**
 * Reads a scope parameter: tokens of `%x21 / %x23-5B / %x5D-7E` between spaces.
 * @returns each scope once, in the order given
 * @throws {OAuthError} `invalid_request` for other characters
 * @see RFC 6749 §3.3
 */
export const parseScope = (text: string | undefined): readonly string[] => {
  if (text === undefined) return []
  if (!/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(text))
    throw invalidRequest('scope has a character that RFC 6749 §3.3 does not allow')
  return [...new Set(text.split(' ').filter((scope) => scope !== ''))]
}

/** A scope of an API resource, and the scopes that it stands for. */
export type RegisteredScope = { readonly name: string; readonly includes?: readonly string[] }

export type ScopeRequest = {
  readonly asked: readonly string[]
  /** The scopes of the audience. */
  readonly registered: readonly RegisteredScope[]
  /** Those that the client may have. */
  readonly allowed: readonly string[]
  /** Granted when no scope of the audience is asked for. */
  readonly defaults: readonly string[]
}

/**
 * Decides which scopes are granted: those asked for that exist and that the client may have; if none of the audience's was asked for,
 * the client's defaults. A scope that stands for others is granted whole, or replaced by those of its parts that are allowed.
 * @returns sorted, so that one set has one form
 * @throws {OAuthError} `invalid_scope` if something was asked for and nothing is left
 * @see RFC 6749 §3.3: the answer's `scope` tells the client what it got
 */
export const grantScopes = ({ asked, registered, allowed, defaults }: ScopeRequest): readonly string[] => {
  const isOfAudience = (scope: string): boolean => registered.some(({ name }) => name === scope)
  const wanted = asked.some(isOfAudience) ? asked : [...asked, ...defaults.filter(isOfAudience)]
  const granted = allowedScopes(wanted, registered, allowed)
  if (asked.length > 0 && granted.length === 0) {
    throw new OAuthError(
      'invalid_scope',
      `None of these scopes can be granted to this client: ${asked.join(' ').slice(0, 200)}`,
    )
  }
  return granted
}

/**
 * Of these scopes those that exist and are allowed. One that stands for others is there whole, or replaced by those of its parts that are allowed.
 * @returns sorted, so that one set has one form
 */
export const allowedScopes = (
  scopes: readonly string[],
  registered: readonly RegisteredScope[],
  allowed: readonly string[],
): readonly string[] => {
  const isAllowed = (scope: string): boolean => allowed.includes(scope)
  const grant = (scope: string): readonly string[] => {
    if (isOpenIdScope(scope)) return isAllowed(scope) ? [scope] : []
    // A dozen at most: to search the list costs less than to index it.
    const known = registered.find(({ name }) => name === scope)
    if (known === undefined) return []
    const parts = known.includes ?? []
    if (isAllowed(scope) || (parts.length > 0 && parts.every(isAllowed))) return [scope]
    return parts.filter(isAllowed)
  }
  return [...new Set(scopes.flatMap(grant))].toSorted()
}

/** What `scopes` amount to at their resource, with everything that each stands for. */
export const effectiveScopes = (
  scopes: readonly string[],
  registered: readonly RegisteredScope[],
): ReadonlySet<string> => {
  const effective = new Set(scopes)
  for (const { name, includes = [] } of registered) {
    if (effective.has(name)) for (const part of includes) effective.add(part)
  }
  return effective
}

/**
 * Narrows granted scopes to those asked for. A part of a scope that stands for others was granted with it.
 * @throws {OAuthError} `invalid_scope` if one was not granted
 * @see RFC 6749 §6
 */
export const narrowScopes = (
  granted: readonly string[],
  asked: readonly string[],
  registered: readonly RegisteredScope[],
): readonly string[] => {
  if (asked.length === 0) return granted
  const effective = effectiveScopes(granted, registered)
  const beyond = asked.filter((scope) => !effective.has(scope))
  if (beyond.length > 0) {
    throw new OAuthError(
      'invalid_scope',
      `Not granted before: ${beyond.join(' ').slice(0, 200)}. A refresh cannot ask for more.`,
    )
  }
  return asked.toSorted()
}
