import { authorizationCode } from '#grant_types/authorization_code.ts'
import { clientCredentials } from '#grant_types/client_credentials.ts'
import { deviceCode } from '#grant_types/device_code.ts'
import { password } from '#grant_types/password.ts'
import { refreshToken } from '#grant_types/refresh_token.ts'
import type { GrantTools, TokenExchange } from '#grant_types/token_exchange.ts'
import { OAuthError } from '#protocol/errors.ts'
import { DEVICE_CODE, PASSWORD_REALM, type TokenRequest } from '#protocol/token_request.ts'
import type { TokenResponse } from '#tokens/issue.ts'

/**
 * Answers a token request of an authenticated client: the steps that all grant types share, then the one of this type.
 * @throws {OAuthError} `unauthorized_client` if the client may not use the grant type, and what each grant type says
 * @see RFC 6749 §5.2
 */
export const exchange = (from: TokenExchange<TokenRequest>, tools: GrantTools): Promise<TokenResponse> => {
  const { asked, client } = from
  if (!client.policy.grantTypes.includes(asked.grantType)) {
    throw new OAuthError('unauthorized_client', `Grant type '${asked.grantType}' not allowed for the client.`, {
      client: client.id,
    })
  }
  switch (asked.grantType) {
    case 'authorization_code':
      return authorizationCode({ ...from, asked }, tools)
    case 'password':
    case PASSWORD_REALM:
      return password({ ...from, asked }, tools)
    case 'client_credentials':
      return clientCredentials({ ...from, asked }, tools)
    case 'refresh_token':
      return refreshToken({ ...from, asked }, tools)
    case DEVICE_CODE:
      return deviceCode({ ...from, asked }, tools)
  }
}
