import { InvalidArgumentError } from 'commander'
import type { EpochSeconds, Seconds } from '#base/time.ts'
import { authenticationOf, type AuthenticationOptions } from '#cli/client_authentication_options.ts'
import { fapi2PolicyOf } from '#cli/client_profile_options.ts'
import { UsageError } from '#cli/failures.ts'
import { refuseUnknown, refuseUnknownAccounts, refuseUnknownOrganizations } from '#cli/references.ts'
import type { Config } from '#config.ts'
import { findOriginDefect } from '#protocol/origin.ts'
import { findOutboundUrlDefect } from '#outbound/allow_list.ts'
import { findRedirectUriDefect } from '#protocol/redirect_uri.ts'
import { OPENID_SCOPES } from '#protocol/scope.ts'
import { findSectorDefect } from '#protocol/sector_identifier.ts'
import { DEVICE_CODE } from '#protocol/token_request.ts'
import type { ClientPolicy, GrantTypeName, PasswordAccounts, SigningAlgorithm, SubjectType } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'

/** What `clients create` was told about the policy of a client. */
export type PolicyOptions = AuthenticationOptions & {
  readonly grantType?: readonly GrantTypeName[]
  readonly scope?: readonly string[]
  readonly defaultScope?: readonly string[]
  readonly audience?: readonly string[]
  readonly firstParty?: boolean
  readonly redirectUri?: readonly string[]
  readonly allowedOrigin?: readonly string[]
  readonly postLogoutRedirectUri?: readonly string[]
  readonly backchannelLogoutUri?: string
  readonly backchannelLogoutSessionRequired?: boolean
  readonly pkce?: NonNullable<ClientPolicy['pkce']>
  readonly dpop?: NonNullable<ClientPolicy['dpop']>
  readonly dpopNonce?: NonNullable<ClientPolicy['dpopNonce']>
  readonly requiredScope?: readonly RequiredScope[]
  readonly refreshTokens?: NonNullable<ClientPolicy['refreshTokens']>
  readonly refreshWindow?: Seconds
  readonly par?: 'required'
  readonly idTokenAlg?: SigningAlgorithm
  readonly subjectType?: SubjectType
  readonly sectorIdentifierUri?: string
  readonly userinfoAlg?: SigningAlgorithm
  readonly introspects?: readonly string[]
  readonly passwordAccount?: readonly number[]
  readonly passwordRealm?: readonly string[]
  readonly passwordOrganization?: readonly number[]
  readonly passwordGrantEndsAt?: EpochSeconds
  readonly actsAs?: number
}

/** A scope that cannot be switched off, and the reason that the person reads. */
export type RequiredScope = { readonly name: string; readonly reason: string }

export const PASSWORD_REALM: GrantTypeName = 'http://auth0.com/oauth/grant-type/password-realm'

/**
 * The policy that the options describe.
 * @throws {UsageError} if they name what does not exist, or contradict each other
 */
export const policyOf = async (options: PolicyOptions, store: Store, config: Config): Promise<ClientPolicy> => {
  const { scope: scopes = [], defaultScope: defaultScopes = [], redirectUri: redirectUris = [] } = options
  const { requiredScope: requiredScopes, allowedOrigin: allowedOrigins, pkce, refreshWindow } = options
  const { platform, api_resources } = config
  const grantTypes = [...new Set(options.grantType ?? [])]
  const isPublic = options.public === true
  const audiences = options.audience ?? [platform.audience]

  refuseUnknown(
    '--audience',
    audiences,
    api_resources.map(({ audience }) => audience),
  )
  refuseUnknown(
    '--introspects',
    options.introspects ?? [],
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
  refuseUnknown(
    '--required-scope',
    requiredScopes?.map(({ name }) => name) ?? [],
    scopes.filter((scope) => scope !== 'openid'),
  )
  refuseContradictions(options, grantTypes, isPublic)
  const passwordAccounts = await passwordAccountsOf(options, store, config)
  if (options.actsAs !== undefined) await refuseUnknownAccounts('--acts-as', [options.actsAs], store)

  const policy: ClientPolicy = {
    ...authenticationOf(options),
    grantTypes,
    scopes: [...new Set(scopes)],
    audiences: [...new Set(audiences)],
    defaultScopes: [...new Set(defaultScopes)],
    party: options.firstParty === true ? 'first' : 'third',
    redirectUris: [...new Set(redirectUris)],
    ...(allowedOrigins === undefined ? {} : { allowedOrigins: [...new Set(allowedOrigins)] }),
    ...logoutPolicyOf(options),
    ...(pkce === undefined ? {} : { pkce }),
    ...(options.dpop === undefined ? {} : { dpop: options.dpop }),
    ...(options.dpopNonce === undefined ? {} : { dpopNonce: options.dpopNonce }),
    ...(requiredScopes === undefined
      ? {}
      : { requiredScopes: Object.fromEntries(requiredScopes.map(({ name, reason }) => [name, reason])) }),
    ...(options.refreshTokens === undefined ? {} : { refreshTokens: options.refreshTokens }),
    ...(refreshWindow === undefined ? {} : { refreshWindow }),
    ...(options.par === undefined ? {} : { requirePushedAuthorizationRequests: true }),
    idTokenSigningAlgorithm: options.idTokenAlg ?? (options.profile === 'fapi2' ? 'ES256' : 'RS256'),
    ...(options.userinfoAlg === undefined ? {} : { userinfoSignedResponseAlg: options.userinfoAlg }),
    ...(options.subjectType === undefined ? {} : { subjectType: options.subjectType }),
    ...(options.sectorIdentifierUri === undefined ? {} : { sectorIdentifierUri: options.sectorIdentifierUri }),
    ...(options.introspects === undefined ? {} : { introspects: [...new Set(options.introspects)] }),
    ...(passwordAccounts === undefined ? {} : { passwordAccounts }),
    ...(options.passwordGrantEndsAt === undefined ? {} : { passwordGrantEndsAt: options.passwordGrantEndsAt }),
    ...(options.actsAs === undefined ? {} : { actsAs: options.actsAs }),
  }
  return options.profile === 'fapi2' ? fapi2PolicyOf(policy, config) : policy
}

const logoutPolicyOf = ({
  postLogoutRedirectUri: postLogoutRedirectUris,
  backchannelLogoutUri,
  backchannelLogoutSessionRequired,
}: PolicyOptions) => ({
  ...(postLogoutRedirectUris === undefined ? {} : { postLogoutRedirectUris: [...new Set(postLogoutRedirectUris)] }),
  ...(backchannelLogoutUri === undefined ? {} : { backchannelLogoutUri }),
  ...(backchannelLogoutSessionRequired === undefined ? {} : { backchannelLogoutSessionRequired }),
})

const refuseContradictions = (
  options: PolicyOptions,
  grantTypes: readonly GrantTypeName[],
  isPublic: boolean,
): void => {
  if (grantTypes.length === 0 && options.introspects === undefined) {
    throw new UsageError('--grant-type: a client needs one, unless it is an API that only introspects (--introspects).')
  }
  if (isPublic && options.introspects !== undefined) {
    throw new UsageError('--introspects: only for a client with a secret; leave out --public.')
  }
  if (isPublic && grantTypes.includes('client_credentials')) {
    throw new UsageError(
      '--public: such a client has no secret to prove itself with, so it cannot have client_credentials.',
    )
  }
  if (isPublic && options.par !== undefined) {
    throw new UsageError('--par: only a client that authenticates may push its requests; leave out --public.')
  }
  if (isPublic && options.pkce === 'when_offered') {
    throw new UsageError('--pkce: a public client must use PKCE always; leave it out.')
  }
  if (isPublic && options.dpop === 'required' && hasPasswordGrant(grantTypes) && grantTypes.includes('refresh_token')) {
    throw new UsageError(
      '--dpop: the refresh token of a public client by password is shared by all sign-ins, and cannot be bound to one key.',
    )
  }
  if (options.refreshTokens !== undefined && !grantTypes.includes('refresh_token')) {
    throw new UsageError('--refresh-tokens: only for a client with --grant-type refresh_token.')
  }
  const rotates = (options.refreshTokens ?? (isPublic ? 'rotating' : 'static')) === 'rotating'
  if (options.refreshWindow !== undefined && !(rotates && grantTypes.includes('refresh_token'))) {
    throw new UsageError(
      '--refresh-window: only for a client with --grant-type refresh_token whose tokens rotate (--public or --refresh-tokens rotating).',
    )
  }
  const hasCodeGrant = grantTypes.includes('authorization_code')
  if (hasCodeGrant && options.redirectUri === undefined) {
    throw new UsageError('--redirect-uri: a client with --grant-type authorization_code needs one.')
  }
  for (const [name, value] of Object.entries({
    '--redirect-uri': options.redirectUri,
    '--post-logout-redirect-uri': options.postLogoutRedirectUri,
    '--pkce': options.pkce,
    '--par': options.par,
  })) {
    if (value !== undefined && !hasCodeGrant) {
      throw new UsageError(`${name}: only for a client with --grant-type authorization_code.`)
    }
  }
  if (options.subjectType === 'pairwise') {
    const { redirectUri: redirectUris = [], sectorIdentifierUri } = options
    const defect = findSectorDefect({
      redirectUris,
      ...(sectorIdentifierUri === undefined ? {} : { sectorIdentifierUri }),
    })
    if (defect !== undefined) throw new UsageError(`--subject-type pairwise: ${defect}.`)
  } else if (options.sectorIdentifierUri !== undefined) {
    throw new UsageError('--sector-identifier-uri: only for a client with --subject-type pairwise.')
  }
  // Where people are asked.
  if (options.requiredScope !== undefined && !hasCodeGrant && !grantTypes.includes(DEVICE_CODE)) {
    throw new UsageError('--required-scope: only for a client with --grant-type authorization_code or device_code.')
  }
  const signsInWithPassword = hasPasswordGrant(grantTypes)
  if (options.backchannelLogoutUri !== undefined && !hasCodeGrant && !signsInWithPassword) {
    throw new UsageError('--backchannel-logout-uri: only for a client that people sign in to.')
  }
  if (options.backchannelLogoutSessionRequired === true && options.backchannelLogoutUri === undefined) {
    throw new UsageError('--backchannel-logout-session-required: only with --backchannel-logout-uri.')
  }
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

/** Compared byte for byte at `/authorize`, so kept as written. */
export const parseRedirectUri = (text: string): string => refuseDefect(text, findRedirectUriDefect(text))

export const parseOrigin = (text: string): string => refuseDefect(text, findOriginDefect(text))

const refuseDefect = (text: string, defect: string | undefined): string => {
  if (defect === undefined) return text
  throw new InvalidArgumentError(`${defect[0]!.toUpperCase()}${defect.slice(1)}.`)
}

/** @see OpenID Connect Back-Channel Logout 1.0 §2.2 */
export const parseBackchannelLogoutUri = (text: string): string => {
  const defect = findOutboundUrlDefect(text)
  if (defect === undefined) return text
  throw new InvalidArgumentError(`${defect[0]!.toUpperCase()}${defect.slice(1)}.`)
}

/** `NAME=REASON`, of which no scope name has the sign (RFC 6749 §3.3 allows it; none of ours does). */
export const parseRequiredScope = (text: string): RequiredScope => {
  const [, name, reason = ''] = /^([^\s=]+)=(.*)$/su.exec(text) ?? []
  if (name !== undefined && reason.trim() !== '' && !/\p{C}/u.test(reason)) return { name, reason: reason.trim() }
  throw new InvalidArgumentError(
    'Expected a scope and the reason that people read, such as "read:entities=It shows your reports."',
  )
}
