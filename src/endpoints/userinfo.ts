import { findBearer, findBearerToken } from '#access/bearer.ts'
import { AccessError } from '#access/caller.ts'
import type { VerifyAccessToken } from '#tokens/access_token.ts'
import { jsonReply, NO_STORE, type Endpoint } from '#http/message.ts'
import { claimsOfScopes } from '#protocol/claims.ts'
import { readForm } from '#protocol/parameters.ts'
import type { ApiResource } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'
import { knownClaims, subjectOf } from '#tokens/issue.ts'

export type UserinfoTools = {
  readonly store: Pick<Store, 'accounts' | 'authorizations' | 'clients'>
  readonly verifyAccessToken: VerifyAccessToken
  readonly findResource: (audience: string) => ApiResource | undefined
  readonly subjectPrefix: string
}

const FORM = /^application\/x-www-form-urlencoded *(?:;|$)/i

/**
 * `GET|POST /userinfo`: what the scopes of the token tell about the person. Any access token of ours with `openid` is taken, whatever API
 * it is for.
 * @see OpenID Connect Core 1.0 §5.3, RFC 6750 §2.2 (in a form)
 */
export const userinfoEndpoint =
  (tools: UserinfoTools): Endpoint =>
  async ({ method, headers, query, body }) => {
    const inHeader = findBearerToken(headers.authorization, query)
    const inForm =
      method === 'POST' && FORM.test(headers['content-type'] ?? '')
        ? readForm(body.toString('utf8')).get('access_token')
        : undefined
    if (inHeader !== undefined && inForm !== undefined) {
      throw new AccessError('invalid_request', 'The access token came twice: send it in the Authorization header alone')
    }
    const token = inHeader ?? inForm
    if (token === undefined)
      throw new AccessError('authentication_required', 'Send an access token in the Authorization header')
    const { account, grantedScopes } = await findBearer(token, tools.findResource, tools.verifyAccessToken, tools.store)
    if (account === undefined || !grantedScopes.includes('openid')) {
      throw new AccessError('insufficient_scope', 'The access token must have the scope openid')
    }
    const claims = claimsOfScopes(grantedScopes, knownClaims(account))
    return jsonReply(200, { sub: subjectOf(tools.subjectPrefix, account), ...claims }, NO_STORE)
  }
