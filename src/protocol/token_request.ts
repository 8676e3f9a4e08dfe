import { invalidRequest, OAuthError } from '#protocol/errors.ts'
import { parseAudience, requireParameter, type Parameters } from '#protocol/parameters.ts'
import { parseScope } from '#protocol/scope.ts'

type Common = {
  readonly scopes: readonly string[]
  /** The API resource asked for, by `audience` or by `resource` (RFC 8707 §2). */
  readonly audience: string | undefined
}

export const PASSWORD_REALM = 'http://auth0.com/oauth/grant-type/password-realm'

/** `realm` is known for the password-realm grant alone; the plain password grant takes the default realm. */
export type PasswordRequest = Common & {
  readonly grantType: 'password' | typeof PASSWORD_REALM
  readonly realm: string | undefined
  readonly username: string
  readonly password: string
}
export type ClientCredentialsRequest = Common & { readonly grantType: 'client_credentials' }
/** `redirectUri` and `codeVerifier` are compared with those of the authorization request. */
export type AuthorizationCodeRequest = Common & {
  readonly grantType: 'authorization_code'
  readonly code: string
  readonly redirectUri: string | undefined
  readonly codeVerifier: string | undefined
}
export type RefreshTokenRequest = Common & { readonly grantType: 'refresh_token'; readonly refreshToken: string }

export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'

export type DeviceCodeRequest = Common & { readonly grantType: typeof DEVICE_CODE; readonly deviceCode: string }

/** A token request, read once (RFC 6749 §4.1.3, §4.3.2, §4.4.2, §6, RFC 8628 §3.4). Parameters that no grant type knows are ignored (§3.2). */
export type TokenRequest =
  AuthorizationCodeRequest | PasswordRequest | ClientCredentialsRequest | RefreshTokenRequest | DeviceCodeRequest

/**
 * Longer than any password or username that can be registered, even in its longest spelling: NFD writes one character in up to four.
 * Hashing more would be work for an attacker's benefit.
 */
const LONGEST_PASSWORD = 4 * 1024
const LONGEST_USERNAME = 4 * 320

/**
 * @throws {OAuthError} `invalid_request` for what is missing or too long, `unsupported_grant_type`,
 *   `invalid_target` if `audience` and `resource` name different APIs
 */
export const parseTokenRequest = (parameters: Parameters): TokenRequest => {
  const grantType = requireParameter(parameters, 'grant_type')
  const common = { scopes: parseScope(parameters.get('scope')), audience: parseAudience(parameters) }
  switch (grantType) {
    case 'password':
    case PASSWORD_REALM:
      return {
        grantType,
        ...common,
        realm: grantType === 'password' ? undefined : parameters.get('realm'),
        username: atMost(LONGEST_USERNAME, 'username', requireParameter(parameters, 'username')),
        password: atMost(LONGEST_PASSWORD, 'password', requireParameter(parameters, 'password')),
      }
    case 'client_credentials':
      return { grantType, ...common }
    case 'authorization_code':
      return {
        grantType,
        ...common,
        code: requireParameter(parameters, 'code'),
        redirectUri: parameters.get('redirect_uri'),
        codeVerifier: parameters.get('code_verifier'),
      }
    case 'refresh_token':
      return { grantType, ...common, refreshToken: requireParameter(parameters, 'refresh_token') }
    case DEVICE_CODE:
      return { grantType, ...common, deviceCode: requireParameter(parameters, 'device_code') }
    default:
      throw new OAuthError('unsupported_grant_type', `Unsupported grant type: ${grantType.slice(0, 100)}`)
  }
}

const atMost = (longest: number, name: string, value: string): string => {
  if (value.length > longest) throw invalidRequest(`${name} is longer than ${longest} characters`)
  return value
}

/** What a token request may carry. */
export const TOKEN_PARAMETERS: ReadonlySet<string> = new Set([
  ...[
    'grant_type',
    'client_id',
    'client_secret',
    'client_assertion',
    'client_assertion_type',
    'scope',
    'audience',
    'resource',
  ],
  ...['realm', 'username', 'password', 'refresh_token', 'code', 'device_code', 'code_verifier', 'redirect_uri'],
])
