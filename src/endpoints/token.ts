import { authenticateClient, type ClientAuthenticationTools } from '#clients/authenticate.ts'
import { exchange } from '#grant_types/exchange.ts'
import type { GrantTools } from '#grant_types/token_exchange.ts'
import { dpopHeader, dpopNonceHeader } from '#http/dpop_header.ts'
import { jsonReply, NO_STORE, type Endpoint } from '#http/message.ts'
import { readPresentedClient } from '#protocol/client_authentication.ts'
import { invalidRequest } from '#protocol/errors.ts'
import { readBodyParameters, readForm } from '#protocol/parameters.ts'
import { parseTokenRequest, TOKEN_PARAMETERS } from '#protocol/token_request.ts'
import { findPossession, type ProvePossession } from '#tokens/dpop.ts'
import type { TokenResponse } from '#tokens/issue.ts'

export type TokenTools = GrantTools & {
  readonly authentication: ClientAuthenticationTools
  readonly provePossession: ProvePossession
}

/**
 * `POST /oauth/token` (RFC 6749 §3.2): who asks, for what, do it.
 * @param url - where it is, under our public URL: what proofs of possession are for
 */
export const tokenEndpoint =
  (url: string, tools: TokenTools): Endpoint =>
  async ({ method, headers, query, body, address, id }) => {
    refuseInUrl(query)
    const parameters = readBodyParameters(headers['content-type'], body)
    const presented = readPresentedClient(headers.authorization, parameters)
    const client = await authenticateClient(presented, address, tools.authentication)
    const asked = parseTokenRequest(parameters)
    const possession = await findPossession(dpopHeader(headers), { method, url }, client, tools.provePossession)
    const dpopJkt = possession?.jkt
    const answer = await exchange({ asked, client, dpopJkt, address, requestId: id }, tools)
    return jsonReply(200, answer, { ...NO_STORE, ...dpopNonceHeader(possession?.nextNonce) })
  }

/**
 * `POST /oauth2/v1.0/token`, where the platform's older libraries ask: the same, but each refresh answers with a refresh token, because they
 * store whatever comes.
 */
export const legacyTokenEndpoint = (url: string, tools: TokenTools): Endpoint => {
  const endpoint = tokenEndpoint(url, tools)
  return async (request) => {
    const reply = await endpoint(request)
    const answer = JSON.parse(reply.body.toString()) as TokenResponse
    const parameters = readBodyParameters(request.headers['content-type'], request.body)
    const sent = parameters.get('grant_type') === 'refresh_token' ? parameters.get('refresh_token') : undefined
    if (answer.refresh_token !== undefined || sent === undefined) return reply
    return jsonReply(reply.status, { ...answer, refresh_token: sent }, reply.headers)
  }
}

/** A secret in a URL ends in logs and histories (RFC 6749 §2.3.1), so nothing of a token request is taken from there. */
export const refuseInUrl = (query: string): void => {
  if (query === '') return
  for (const name of readForm(query).keys()) {
    if (TOKEN_PARAMETERS.has(name)) throw invalidRequest(`${name} must be in the body, not in the URL`)
  }
}
