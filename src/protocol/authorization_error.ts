/** Every error that is sent to the client's redirect URI, with where it is defined. */
export const AUTHORIZATION_ERRORS = {
  invalid_request: { source: 'RFC 6749 §4.1.2.1', meaning: 'A parameter is missing, repeated or malformed.' },
  unauthorized_client: {
    source: 'RFC 6749 §4.1.2.1',
    meaning: 'This client may not use the authorization code grant.',
  },
  access_denied: { source: 'RFC 6749 §4.1.2.1', meaning: 'The person said no.' },
  unsupported_response_type: { source: 'RFC 6749 §4.1.2.1', meaning: 'Only `code` is supported.' },
  invalid_scope: { source: 'RFC 6749 §4.1.2.1', meaning: 'None of the scopes that were asked for can be granted.' },
  invalid_target: { source: 'RFC 8707 §2', meaning: 'The audience is unknown, or not one of this client.' },
  login_required: { source: 'OpenID Connect Core 1.0 §3.1.2.6', meaning: '`prompt=none`, and nobody is signed in.' },
  consent_required: {
    source: 'OpenID Connect Core 1.0 §3.1.2.6',
    meaning: '`prompt=none`, and the person has not allowed this yet.',
  },
  unmet_authentication_requirements: {
    source: 'OpenID Connect Core Error Code unmet_authentication_requirements 1.0 §2',
    meaning: '`acr` was asked for as essential, with values that no way to sign in here has.',
  },
  request_not_supported: { source: 'OpenID Connect Core 1.0 §3.1.2.6', meaning: 'Request objects are not supported.' },
  request_uri_not_supported: {
    source: 'OpenID Connect Core 1.0 §3.1.2.6',
    meaning: 'Request objects by reference are not supported.',
  },
  registration_not_supported: {
    source: 'OpenID Connect Core 1.0 §3.1.2.6',
    meaning: 'A client cannot register in the request.',
  },
  temporarily_unavailable: { source: 'RFC 6749 §4.1.2.1', meaning: 'The server cannot answer now; try again.' },
} as const satisfies Readonly<Record<string, { readonly source: string; readonly meaning: string }>>

export type AuthorizationErrorCode = keyof typeof AUTHORIZATION_ERRORS

/** A refusal that the client is told by redirect. `description` is read by its developer. */
export class AuthorizationError extends Error {
  override readonly name = 'AuthorizationError'
  readonly code: AuthorizationErrorCode
  readonly description: string
  constructor(code: AuthorizationErrorCode, description: string) {
    super(`${code}: ${description}`)
    this.code = code
    this.description = description
  }
}
