import type { DerivedTokens } from '#base/derived_token.ts'
import { random } from '#base/secrets.ts'
import { seconds, type Seconds } from '#base/time.ts'
import { readAuthorizationParameters } from '#protocol/authorization_request.ts'
import { invalidRequest } from '#protocol/errors.ts'
import { findPushedToken, REQUEST_URI_PREFIX } from '#protocol/request_uri.ts'
import type { PushedRequestStore } from '#stores/store.ts'

/** The parameters that a query stands for: its own, or those that were pushed and that this row keeps. */
export type ResolvedQuery = { readonly query: string; readonly pushedId: number | undefined }

/** Authorization requests that clients pushed (RFC 9126), behind their names. */
export type PushedRequests = {
  readonly push: (
    clientId: string,
    query: string,
  ) => Promise<{ readonly requestUri: string; readonly lifetime: Seconds }>
  /**
   * Of a query with a `request_uri` of ours only that and `client_id` count (RFC 9126 §4, RFC 9101 §6.3). A request that has been begun goes on
   * for as long as the person takes, until it is spent.
   * @throws {OAuthError} `invalid_request`: unknown, of another client, spent, or at the beginning too late
   */
  readonly resolve: (query: string, when: 'beginning' | 'going on') => Promise<ResolvedQuery>
  /** Spends it with its answer. @returns whether this call did */
  readonly spend: (id: number) => Promise<boolean>
}

/** Long enough for a slow redirect, and for loading the page again (RFC 9126 §2.2: 5 to 600 s). */
const LIFETIME = seconds(90)
const SALT_BYTES = 16

export const createPushedRequests = (store: PushedRequestStore, tokens: DerivedTokens): PushedRequests => ({
  push: async (clientId, query) => {
    const salt = Buffer.from(random(SALT_BYTES))
    const pushed = await store.push({ clientId, query, salt, lifetime: LIFETIME })
    return { requestUri: REQUEST_URI_PREFIX + tokens.of(pushed), lifetime: LIFETIME }
  },
  resolve: async (query, when) => {
    const parameters = readAuthorizationParameters(query)
    const token = findPushedToken(parameters)
    if (token === undefined) return { query, pushedId: undefined }
    const id = tokens.findId(token)
    const pushed = id === undefined ? undefined : await store.find(id)
    if (pushed === undefined || !tokens.isOf(token, pushed)) throw unusable()
    if (parameters.repeated.has('client_id') || parameters.values.get('client_id') !== pushed.clientId) throw unusable()
    if (when === 'beginning' && pushed.isExpired) throw unusable()
    return { query: pushed.query, pushedId: pushed.id }
  },
  spend: store.spend,
})

/** One text for all: who tries names learns nothing. */
export const unusable = () =>
  invalidRequest('The link has been used, is too old, or is of another client. Go back to it and begin anew')
