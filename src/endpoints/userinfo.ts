import { findBearer, findBearerToken, type BearerTools } from '#access/bearer.ts'
import { AccessError } from '#access/caller.ts'
import { jsonReply, NO_STORE, type Endpoint } from '#http/message.ts'
import { readForm } from '#protocol/parameters.ts'
import type { ApiResource } from '#stores/records.ts'
import { claimsFor } from '#tokens/issue.ts'

export type UserinfoTools = BearerTools & {
  readonly findResource: (audience: string) => ApiResource | undefined
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
    const { account, client, authorization, grantedScopes } = await findBearer(token, tools.findResource, tools)
    if (account === undefined || !grantedScopes.includes('openid')) {
      throw new AccessError('insufficient_scope', 'The access token must have the scope openid')
    }
    const claims = claimsFor('userinfo', { client, account, authorization, scopes: grantedScopes })
    return jsonReply(200, { sub: tools.subjects.subjectFor(client, account), ...claims }, NO_STORE)
  }
