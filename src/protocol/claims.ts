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

/** Claims that were asked for one by one, by where they are told. Sorted, each once. @see OpenID Connect Core 1.0 §5.5 */
export type AskedClaims = { readonly userinfo: readonly string[]; readonly idToken: readonly string[] }

const SCOPE_OF_CLAIM: ReadonlyMap<string, string> = new Map(
  Object.entries(CLAIMS_OF_SCOPE).flatMap(([scope, names]) => names.map((name) => [name, scope])),
)

/** The scope that tells this claim, among others; `undefined` if it is none about a person. */
export const findScopeOfClaim = (name: string): string | undefined => SCOPE_OF_CLAIM.get(name)

/** The scopes that hold these claims: what a person is asked about. Each once. */
export const scopesOfClaims = ({ userinfo, idToken }: AskedClaims): readonly string[] => [
  ...new Set([...userinfo, ...idToken].flatMap((name) => findScopeOfClaim(name) ?? [])),
]

/** Of the claims those that are held by one of these scopes; `undefined` if none is. */
export const claimsWithin = (
  { userinfo, idToken }: AskedClaims,
  scopes: readonly string[],
): AskedClaims | undefined => {
  const isWithin = (name: string): boolean => scopes.includes(findScopeOfClaim(name) ?? '')
  const within = { userinfo: userinfo.filter(isWithin), idToken: idToken.filter(isWithin) }
  return within.userinfo.length + within.idToken.length === 0 ? undefined : within
}

/** The claims of `known` that `scopes` ask for; one that is not known is left out, never null (§5.3.2). */
export const claimsOfScopes = (
  scopes: readonly string[],
  known: Readonly<Record<string, unknown>>,
): Record<string, unknown> =>
  claimsNamed(
    Object.entries(CLAIMS_OF_SCOPE).flatMap(([scope, names]) => (scopes.includes(scope) ? names : [])),
    known,
  )

/** The claims of `known` with these names; as above. */
export const claimsNamed = (
  names: readonly string[],
  known: Readonly<Record<string, unknown>>,
): Record<string, unknown> => {
  const claims: Record<string, unknown> = {}
  for (const name of names) if (known[name] !== undefined) claims[name] = known[name]
  return claims
}
