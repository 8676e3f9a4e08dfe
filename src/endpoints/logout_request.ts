import { invalidRequest } from '#protocol/errors.ts'
import { redirectTo } from '#protocol/authorization_response.ts'
import type { LogoutRequest } from '#protocol/logout_request.ts'
import type { Client } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'
import { findHintedIdToken, type HintedIdToken } from '#tokens/id_token.ts'
import type { SigningKeys } from '#tokens/signing_keys.ts'

/** A wish to be signed out, checked: who is meant, and where it may lead. */
export type CheckedLogout = {
  /** What it was signed in with, proved by its signature. */
  readonly hint: HintedIdToken | undefined
  /** Of the hint, or named beside it. */
  readonly client: Client | undefined
  /** Where to afterwards: the client, and its registered URI. */
  readonly back: WayBack | undefined
}

export type WayBack = {
  readonly client: Client
  /** As it is registered. */
  readonly uri: string
  /** With the `state` of the request. */
  readonly location: string
}

export type LogoutRequestTools = {
  readonly store: Pick<Store, 'clients'>
  readonly keys: SigningKeys
  readonly issuer: string
}

/**
 * Checks who asks and where they may be sent. A URI that no client is named for leads nowhere: it is not asked for again.
 * @throws {OAuthError} `invalid_request`: the person is shown a page, nothing has ended, and nobody is redirected
 * @see OpenID Connect RP-Initiated Logout 1.0 §2, §3, §4
 */
export const checkLogoutRequest = async (asked: LogoutRequest, tools: LogoutRequestTools): Promise<CheckedLogout> => {
  const hint = readHint(asked, tools)
  const clientId = hint?.clientId ?? asked.clientId
  if (clientId === undefined) return { hint, client: undefined, back: undefined }
  const client = await tools.store.clients.find(clientId)
  if (client === undefined || client.disabledAt !== undefined) {
    throw invalidRequest('The link names a client that is not registered here')
  }
  const { postLogoutRedirectUri: uri, state } = asked
  if (uri === undefined) return { hint, client, back: undefined }
  // The same characters, and no port that differs: there is nobody to ask whether it is really them.
  if (client.policy.postLogoutRedirectUris?.includes(uri) !== true) {
    throw invalidRequest('The address to return to is not one that the client has registered')
  }
  return { hint, client, back: { client, uri, location: state === undefined ? uri : redirectTo(uri, { state }) } }
}

const readHint = ({ idTokenHint, clientId }: LogoutRequest, { issuer, keys }: LogoutRequestTools) => {
  if (idTokenHint === undefined) return undefined
  const hint = findHintedIdToken(idTokenHint, issuer, keys)
  if (hint === undefined) throw invalidRequest('id_token_hint is not an ID token that was issued here')
  if (clientId !== undefined && clientId !== hint.clientId) {
    throw invalidRequest('id_token_hint is not an ID token of this client')
  }
  return hint
}
