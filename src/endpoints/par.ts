import type { Log } from '#base/log.ts'
import { authenticateClient, type ClientAuthenticationTools } from '#clients/authenticate.ts'
import { checkPushedRequest, ToldError, type AuthorizationRequestTools } from '#endpoints/authorization_request.ts'
import { errorReply } from '#endpoints/oauth_errors.ts'
import type { PushedRequests } from '#endpoints/pushed_requests.ts'
import { dpopHeader, dpopNonceHeader } from '#http/dpop_header.ts'
import { jsonReply, NO_STORE, type Endpoint } from '#http/message.ts'
import { readPresentedClient } from '#protocol/client_authentication.ts'
import { invalidDpopProof, invalidRequest, OAuthError } from '#protocol/errors.ts'
import { readBodyParameters, type Parameters } from '#protocol/parameters.ts'
import type { ProvePossession } from '#tokens/dpop.ts'

export type ParTools = AuthorizationRequestTools & {
  readonly authentication: ClientAuthenticationTools
  readonly pushedRequests: PushedRequests
  readonly provePossession: ProvePossession
  readonly log: Log
}

/** Sealed into a page, what was pushed must still fit (`/authorize` has the same limit). */
const LONGEST_REQUEST = 8192
const CREDENTIALS: ReadonlySet<string> = new Set([
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
])

/**
 * `POST /oauth/par`: keeps an authorization request of a client that authenticates, and answers with its name. It is checked here as at
 * `/authorize`, and there again. A proof of possession that comes with it binds the code to its key, as `dpop_jkt` does.
 * @param url - where it is, under our public URL: what proofs of possession are for
 * @see RFC 9126 §2, RFC 9449 §10.1
 */
export const parEndpoint =
  (url: string, tools: ParTools): Endpoint =>
  async ({ method, headers, body, address, id }) => {
    const parameters = readBodyParameters(headers['content-type'], body)
    if (parameters.has('request_uri')) throw invalidRequest('request_uri cannot be pushed (RFC 9126 §2.1)')
    const presented = readPresentedClient(headers.authorization, parameters)
    const client = await authenticateClient(presented, address, tools.authentication)
    if (client.policy.tokenEndpointAuthMethod === 'none') {
      // Anybody could say that they are it, and have rows written.
      throw new OAuthError('unauthorized_client', 'Only a client that authenticates may push requests', {
        client: client.id,
      })
    }
    const proof = dpopHeader(headers)
    const possession = proof === undefined ? undefined : await tools.provePossession(proof, { method, url }, client)
    const query = queryOf(client.id, boundTo(possession?.jkt, parameters))
    if (query.length > LONGEST_REQUEST) throw invalidRequest('The request is too long')
    try {
      await checkPushedRequest(query, tools)
    } catch (error) {
      if (!(error instanceof ToldError)) throw error
      const { code, description } = error.told
      tools.log.audit('refused', {
        error: code,
        description,
        client: client.id,
        path: '/oauth/par',
        address,
        request: id,
      })
      return errorReply(400, code, description)
    }
    const { requestUri, lifetime } = await tools.pushedRequests.push(client.id, query)
    return jsonReply(
      201,
      { request_uri: requestUri, expires_in: lifetime },
      { ...NO_STORE, ...dpopNonceHeader(possession?.nextNonce) },
    )
  }

const boundTo = (jkt: string | undefined, parameters: Parameters): Parameters => {
  if (jkt === undefined) return parameters
  if ((parameters.get('dpop_jkt') ?? jkt) !== jkt)
    throw invalidDpopProof('The proof is of another key than dpop_jkt names')
  return new Map([...parameters, ['dpop_jkt', jkt]])
}

/** What is kept: the request without what proved the client. */
const queryOf = (clientId: string, parameters: Parameters): string =>
  new URLSearchParams([
    ['client_id', clientId],
    ...[...parameters].filter(([name]) => !CREDENTIALS.has(name)),
  ]).toString()
