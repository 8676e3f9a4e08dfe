import type { Endpoint, Reply } from '#http/message.ts'
import { PROMPTS, RESPONSE_MODES } from '#protocol/authorization_request.ts'
import { ASSERTION_ALGORITHMS } from '#protocol/client_assertion.ts'
import { DPOP_ALGORITHMS } from '#protocol/dpop.ts'
import { OPENID_SCOPES } from '#protocol/scope.ts'
import { CLAIMS_OF_SCOPE } from '#protocol/claims.ts'
import { GRANT_TYPES, SIGNING_ALGORITHMS, SUBJECT_TYPES, type ApiResource } from '#stores/records.ts'
import { PASSWORD_ACR } from '#tokens/issue.ts'

/** Proxies and browsers may keep it for so long, in seconds. */
const FRESH_FOR = 300

/** A document that is the same for all, made once, and as a text: Node writes that together with the headers, and bytes after them. */
export const documentEndpoint = (document: unknown): Endpoint => {
  const reply: Reply = {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': `public, max-age=${FRESH_FOR}` },
    body: JSON.stringify(document),
  }
  return () => reply
}

const AUTHENTICATION_METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'client_secret_jwt',
  'private_key_jwt',
  'none',
]

/**
 * The metadata at `/.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`: what there is, and nothing else.
 * @see OpenID Connect Discovery 1.0 §3, RFC 8414 §2, RFC 8628 §4
 */
export const metadata = (issuer: string, resources: readonly ApiResource[]) => ({
  issuer,
  authorization_endpoint: `${issuer}authorize`,
  token_endpoint: `${issuer}oauth/token`,
  pushed_authorization_request_endpoint: `${issuer}oauth/par`,
  require_pushed_authorization_requests: false,
  userinfo_endpoint: `${issuer}userinfo`,
  revocation_endpoint: `${issuer}oauth/revoke`,
  introspection_endpoint: `${issuer}oauth/introspect`,
  end_session_endpoint: `${issuer}oidc/logout`,
  device_authorization_endpoint: `${issuer}oauth/device/code`,
  jwks_uri: `${issuer}.well-known/jwks.json`,
  scopes_supported: [
    ...new Set([...OPENID_SCOPES, ...resources.flatMap(({ scopes }) => scopes.map(({ name }) => name))]),
  ],
  response_types_supported: ['code'],
  response_modes_supported: RESPONSE_MODES,
  code_challenge_methods_supported: ['S256'],
  prompt_values_supported: PROMPTS,
  authorization_response_iss_parameter_supported: true,
  acr_values_supported: [PASSWORD_ACR],
  grant_types_supported: GRANT_TYPES,
  token_endpoint_auth_methods_supported: AUTHENTICATION_METHODS,
  token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
  revocation_endpoint_auth_methods_supported: AUTHENTICATION_METHODS,
  revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
  introspection_endpoint_auth_methods_supported: AUTHENTICATION_METHODS.filter((method) => method !== 'none'),
  introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
  introspection_signing_alg_values_supported: ['RS256'],
  subject_types_supported: SUBJECT_TYPES,
  dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
  id_token_signing_alg_values_supported: SIGNING_ALGORITHMS,
  userinfo_signing_alg_values_supported: SIGNING_ALGORITHMS,
  claim_types_supported: ['normal'],
  claims_supported: [
    ...['iss', 'sub', 'aud', 'iat', 'exp', 'auth_time', 'acr', 'amr', 'sid'],
    ...Object.values(CLAIMS_OF_SCOPE).flat(),
  ],
  backchannel_logout_supported: true,
  backchannel_logout_session_supported: true,
  claims_parameter_supported: true,
  request_parameter_supported: false,
  request_uri_parameter_supported: false,
})
