import { InvalidArgumentError } from 'commander'
import type { EpochSeconds } from '#base/time.ts'
import { UsageError } from '#cli/failures.ts'
import { refuseUnknown, refuseUnknownAccounts, refuseUnknownOrganizations } from '#cli/references.ts'
import type { Config } from '#config.ts'
import { OPENID_SCOPES } from '#protocol/scope.ts'
import type { ClientPolicy, GrantTypeName, PasswordAccounts, SigningAlgorithm } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'

/** What `clients create` was told about the policy of a client. */
export type PolicyOptions = {
  readonly grantType: readonly GrantTypeName[]
  readonly scope?: readonly string[]
  readonly defaultScope?: readonly string[]
  readonly audience?: readonly string[]
  readonly public?: boolean
  readonly firstParty?: boolean
  readonly redirectUri?: readonly string[]
  readonly idTokenAlg: SigningAlgorithm
  readonly passwordAccount?: readonly number[]
  readonly passwordRealm?: readonly string[]
  readonly passwordOrganization?: readonly number[]
  readonly passwordGrantEndsAt?: EpochSeconds
  readonly actsAs?: number
}

export const PASSWORD_REALM: GrantTypeName = 'http://auth0.com/oauth/grant-type/password-realm'

/**
 * The policy that the options describe.
 * @throws {UsageError} if they name what does not exist, or contradict each other
 */
export const policyOf = async (options: PolicyOptions, store: Store, config: Config): Promise<ClientPolicy> => {
  const { scope: scopes = [], defaultScope: defaultScopes = [], redirectUri: redirectUris = [] } = options
  const { platform, api_resources } = config
  const grantTypes = [...new Set(options.grantType)]
  const isPublic = options.public === true
  const audiences = options.audience ?? [platform.audience]

  refuseUnknown(
    '--audience',
    audiences,
    api_resources.map(({ audience }) => audience),
  )
  const apiScopes = api_resources
    .filter(({ audience }) => audiences.includes(audience))
    .flatMap((resource) => resource.scopes.map(({ name }) => name))
  refuseUnknown('--scope', scopes, [...OPENID_SCOPES, ...apiScopes])
  // Those of OpenID Connect are never granted unasked.
  refuseUnknown(
    '--default-scope',
    defaultScopes,
    scopes.filter((scope) => apiScopes.includes(scope)),
  )
  refuseContradictions(options, grantTypes, isPublic)
  const passwordAccounts = await passwordAccountsOf(options, store, config)
  if (options.actsAs !== undefined) await refuseUnknownAccounts('--acts-as', [options.actsAs], store)

  return {
    tokenEndpointAuthMethod: isPublic ? 'none' : 'client_secret',
    grantTypes,
    scopes: [...new Set(scopes)],
    audiences: [...new Set(audiences)],
    defaultScopes: [...new Set(defaultScopes)],
    party: options.firstParty === true ? 'first' : 'third',
    redirectUris,
    idTokenSigningAlgorithm: options.idTokenAlg,
    ...(passwordAccounts === undefined ? {} : { passwordAccounts }),
    ...(options.passwordGrantEndsAt === undefined ? {} : { passwordGrantEndsAt: options.passwordGrantEndsAt }),
    ...(options.actsAs === undefined ? {} : { actsAs: options.actsAs }),
  }
}

const refuseContradictions = (
  options: PolicyOptions,
  grantTypes: readonly GrantTypeName[],
  isPublic: boolean,
): void => {
  for (const grantType of ['client_credentials', 'refresh_token'] as const) {
    if (!isPublic || !grantTypes.includes(grantType)) continue
    throw new UsageError(
      grantType === 'client_credentials'
        ? '--public: such a client has no secret to prove itself with, so it cannot have client_credentials.'
        : '--public: refresh tokens of public clients must rotate, which this version does not do; leave refresh_token out.',
    )
  }
  const signsInWithPassword = hasPasswordGrant(grantTypes)
  for (const [name, value] of Object.entries({
    '--password-account': options.passwordAccount,
    '--password-realm': options.passwordRealm,
    '--password-organization': options.passwordOrganization,
    '--password-grant-ends-at': options.passwordGrantEndsAt,
  })) {
    if (value !== undefined && !signsInWithPassword) {
      throw new UsageError(`${name}: only for a client with --grant-type password or password-realm.`)
    }
  }
  if (options.actsAs !== undefined && !grantTypes.includes('client_credentials')) {
    throw new UsageError('--acts-as: only for a client with --grant-type client_credentials.')
  }
}

export const hasPasswordGrant = (grantTypes: readonly GrantTypeName[]): boolean =>
  grantTypes.includes('password') || grantTypes.includes(PASSWORD_REALM)

const passwordAccountsOf = async (
  { passwordAccount: ids, passwordRealm: realms, passwordOrganization: organizations }: PolicyOptions,
  store: Store,
  { platform }: Config,
): Promise<PasswordAccounts | undefined> => {
  if (ids === undefined && realms === undefined && organizations === undefined) return undefined
  await refuseUnknownAccounts('--password-account', ids ?? [], store)
  refuseUnknown('--password-realm', realms ?? [], platform.realms)
  await refuseUnknownOrganizations('--password-organization', organizations ?? [], store)
  return {
    ...(ids === undefined ? {} : { ids }),
    ...(realms === undefined ? {} : { realms }),
    ...(organizations === undefined ? {} : { organizations }),
  }
}

/** Compared byte for byte at `/authorize`, so kept as written. @see RFC 6749 §3.1.2: absolute, without a fragment */
export const parseRedirectUri = (text: string): string => {
  const url = URL.parse(text)
  if (url === null || text.includes('#')) throw new InvalidArgumentError('Expected an absolute URI without a fragment.')
  // A page of these would run as whoever shows it.
  if (['javascript:', 'data:', 'vbscript:', 'file:', 'blob:', 'about:'].includes(url.protocol)) {
    throw new InvalidArgumentError(`${url.protocol} leads to no program.`)
  }
  return text
}
