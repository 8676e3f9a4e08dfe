import { findPresentedToken } from '#access/bearer.ts'
import { AccessError } from '#access/caller.ts'
import { findProvedBearer, type ProvedBearerTools } from '#access/possession.ts'
import { dpopHeader, dpopNonceHeader } from '#http/dpop_header.ts'
import { jsonReply, NO_STORE, type Endpoint } from '#http/message.ts'
import { readForm } from '#protocol/parameters.ts'
import type { ApiResource } from '#stores/records.ts'
import { claimsFor } from '#tokens/issue.ts'
import type { SigningKeys } from '#tokens/signing_keys.ts'

export type UserinfoTools = ProvedBearerTools & {
  readonly findResource: (audience: string) => ApiResource | undefined
  /** The public URL of the authorization server, which is the issuer. */
  readonly issuerUrl: string
  readonly keys: SigningKeys
}

const FORM = /^application\/x-www-form-urlencoded *(?:;|$)/i

/**
 * `GET|POST /userinfo`: what the scopes of the token tell about the person. Any access token of ours with `openid` is taken, whatever API
 * it is for. A client that asked for it when it was registered is answered with a JWT.
 * @param url - where it is, under our public URL: what proofs of possession are for
 * @see OpenID Connect Core 1.0 §5.3 and §5.3.2, RFC 6750 §2.2 (in a form)
 */
export const userinfoEndpoint =
  (url: string, tools: UserinfoTools): Endpoint =>
  async ({ method, headers, query, body }) => {
    const inHeader = findPresentedToken(headers.authorization, query)
    const inForm =
      method === 'POST' && FORM.test(headers['content-type'] ?? '')
        ? readForm(body.toString('utf8')).get('access_token')
        : undefined
    if (inHeader !== undefined && inForm !== undefined) {
      throw new AccessError('invalid_request', 'The access token came twice: send it in the Authorization header alone')
    }
    const token = inHeader ?? (inForm === undefined ? undefined : { scheme: 'Bearer' as const, text: inForm })
    if (token === undefined)
      throw new AccessError('authentication_required', 'Send an access token in the Authorization header')
    const proof = { proof: dpopHeader(headers), method, url }
    const bearer = await findProvedBearer(token, proof, tools.findResource, tools)
    const { account, client, authorization, grantedScopes, dpopNonce } = bearer
    if (account === undefined || !grantedScopes.includes('openid')) {
      throw new AccessError('insufficient_scope', 'The access token must have the scope openid')
    }
    const claims = {
      sub: tools.subjects.subjectFor(client, account),
      ...claimsFor('userinfo', { client, account, authorization, scopes: grantedScopes }),
    }
    const always = { ...NO_STORE, ...dpopNonceHeader(dpopNonce) }
    const algorithm = client.policy.userinfoSignedResponseAlg
    if (algorithm === undefined) return jsonReply(200, claims, always)
    const signed = await tools.keys.signer(algorithm, 'JWT')({ iss: tools.issuerUrl, aud: client.id, ...claims })
    return { status: 200, headers: { 'content-type': 'application/jwt', ...always }, body: signed }
  }
