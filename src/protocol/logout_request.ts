import { invalidRequest } from '#protocol/errors.ts'
import { readForm, type Parameters } from '#protocol/parameters.ts'

/** A wish to be signed out, read once. Whose it is, and where it may lead, is not checked. */
export type LogoutRequest = {
  readonly idTokenHint?: string | undefined
  readonly clientId?: string | undefined
  readonly postLogoutRedirectUri?: string | undefined
  readonly state?: string | undefined
}

/** What these parameters can hold at most: above it they are no request of a client. */
const LONGEST = {
  id_token_hint: 8192,
  client_id: 512,
  post_logout_redirect_uri: 2048,
  returnTo: 2048,
  state: 4096,
  logout_hint: 1024,
  ui_locales: 1024,
} as const

/**
 * Reads a request to `/oidc/logout`. `logout_hint` and `ui_locales` are taken and tell nothing: a browser has one session here, and our pages
 * one language.
 * @throws {OAuthError} `invalid_request` if it cannot be read in exactly one way
 * @see OpenID Connect RP-Initiated Logout 1.0 §2
 */
export const parseLogoutRequest = (encoded: string): LogoutRequest => {
  const values = readChecked(encoded)
  return {
    idTokenHint: values.get('id_token_hint'),
    clientId: values.get('client_id'),
    postLogoutRedirectUri: values.get('post_logout_redirect_uri'),
    state: values.get('state'),
  }
}

/**
 * Reads a request to `/v2/logout`, where the platform's SDKs send browsers.
 * @throws {OAuthError} `invalid_request`, also for `returnTo` without `client_id`: it would be nobody's
 */
export const parseV2LogoutRequest = (encoded: string): LogoutRequest => {
  const values = readChecked(encoded)
  const clientId = values.get('client_id')
  const returnTo = values.get('returnTo')
  if (returnTo !== undefined && clientId === undefined) throw invalidRequest('Missing required parameter: client_id')
  return { clientId, postLogoutRedirectUri: returnTo }
}

const readChecked = (encoded: string): Parameters => {
  const values = readForm(encoded)
  for (const [name, longest] of Object.entries(LONGEST)) {
    if ((values.get(name)?.length ?? 0) > longest) throw invalidRequest(`${name} is longer than ${longest} characters`)
  }
  return values
}
