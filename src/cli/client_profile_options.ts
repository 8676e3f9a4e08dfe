import { UsageError } from '#cli/failures.ts'
import type { Config } from '#config.ts'
import type { ClientPolicy } from '#stores/records.ts'

/**
 * The policy of a client that is held to the FAPI 2.0 Security Profile: what the profile decides is written into it.
 * @throws {UsageError} if the policy has what the profile rules out
 */
export const fapi2PolicyOf = (policy: ClientPolicy, { api_resources }: Config): ClientPolicy => {
  const refuse = (option: string, must: string): never => {
    throw new UsageError(`${option}: a client with --profile fapi2 ${must}.`)
  }
  const foreign = policy.grantTypes.find(
    (type) => !['authorization_code', 'refresh_token', 'client_credentials'].includes(type),
  )
  if (foreign !== undefined) refuse('--grant-type', 'has no password grant')
  if (policy.redirectUris.some((uri) => !uri.startsWith('https://'))) {
    refuse('--redirect-uri', 'is sent back to https alone')
  }
  if (policy.pkce === 'when_offered') refuse('--pkce', 'must use PKCE always')
  if (policy.dpop === 'when_offered') refuse('--dpop', 'has tokens that are bound to a key always')
  if (policy.idTokenSigningAlgorithm === 'RS256') refuse('--id-token-alg', 'has ID tokens that are signed with ES256')
  const rs256 = api_resources.find(
    ({ audience, signingAlgorithm }) => policy.audiences.includes(audience) && signingAlgorithm === 'RS256',
  )
  if (rs256 !== undefined)
    refuse('--audience', `has no access tokens that are signed with RS256, as for ${rs256.audience}`)
  return { ...policy, profile: 'fapi2', pkce: 'required', dpop: 'required', requirePushedAuthorizationRequests: true }
}
