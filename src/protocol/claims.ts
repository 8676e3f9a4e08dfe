import type { OPENID_SCOPES } from '#protocol/scope.ts'

/** Which claims each scope asks for. @see OpenID Connect Core 1.0 §5.4 */
export const CLAIMS_OF_SCOPE = {
  profile: [
    ...['name', 'family_name', 'given_name', 'middle_name', 'nickname', 'preferred_username', 'profile', 'picture'],
    ...['website', 'gender', 'birthdate', 'zoneinfo', 'locale', 'updated_at'],
  ],
  email: ['email', 'email_verified'],
  address: ['address'],
  phone: ['phone_number', 'phone_number_verified'],
} as const satisfies Partial<Record<(typeof OPENID_SCOPES)[number], readonly string[]>>

/** The claims of `known` that `scopes` ask for; one that is not known is left out, never null (§5.3.2). */
export const claimsOfScopes = (
  scopes: readonly string[],
  known: Readonly<Record<string, unknown>>,
): Record<string, unknown> => {
  const claims: Record<string, unknown> = {}
  for (const [scope, names] of Object.entries(CLAIMS_OF_SCOPE)) {
    if (!scopes.includes(scope)) continue
    for (const name of names) if (known[name] !== undefined) claims[name] = known[name]
  }
  return claims
}
