import { findBearer, type Bearer, type BearerTools, type PresentedToken } from '#access/bearer.ts'
import { AccessError, type AccessErrorDetails } from '#access/caller.ts'
import type { DpopRequest } from '#protocol/dpop.ts'
import { OAuthError } from '#protocol/errors.ts'
import type { ApiResource } from '#stores/records.ts'
import type { ProvePossession } from '#tokens/dpop.ts'

/** The `DPoP` header of the request that a token comes with, and what its proof must be for. */
export type SentProof = Pick<DpopRequest, 'method' | 'url'> & { readonly proof: string | undefined }

/** A bearer whose token is bound to no key, or who has proved possession of it. */
export type ProvedBearer = Bearer & {
  /** What the next proof must repeat. */
  readonly dpopNonce: string | undefined
}

export type ProvedBearerTools = BearerTools & { readonly provePossession: ProvePossession }

/**
 * As `findBearer`, and whether whoever sends the token may: one that is bound to a key comes as `DPoP` with a proof of that key, which works
 * once; any other one as `Bearer`.
 * @throws {AccessError} `invalid_token`, `invalid_dpop_proof`, `use_dpop_nonce`
 * @see RFC 9449 §7.1, §7.2
 */
export const findProvedBearer = async (
  presented: PresentedToken,
  sent: SentProof,
  findResource: (audience: string) => ApiResource | undefined,
  tools: ProvedBearerTools,
): Promise<ProvedBearer> => {
  const bearer = await findBearer(presented.text, findResource, tools)
  return { ...bearer, dpopNonce: await checkPossession(bearer, presented, sent, tools) }
}

const checkPossession = async (
  { client, dpopJkt: boundTo }: Bearer,
  { scheme, text }: PresentedToken,
  { proof, method, url }: SentProof,
  { provePossession }: ProvedBearerTools,
): Promise<string | undefined> => {
  if (boundTo === undefined) {
    if (scheme === 'DPoP')
      throw new AccessError('invalid_token', 'The access token is bound to no key: send it as Bearer')
    if (client.policy.dpop !== 'required') return undefined
    throw new AccessError(
      'invalid_token',
      'Tokens of this client must be bound to a key: get a new one, with a proof',
      {
        client: client.id,
        needsDpop: true,
      },
    )
  }
  const about: AccessErrorDetails = { client: client.id, needsDpop: true }
  if (scheme === 'Bearer') {
    throw new AccessError('invalid_token', 'The access token is bound to a key: send it as DPoP, with a proof', about)
  }
  if (proof === undefined)
    throw new AccessError('invalid_dpop_proof', 'Send a DPoP header with the access token', about)
  try {
    const { jkt, nextNonce } = await provePossession(proof, { method, url, accessToken: text }, client)
    if (jkt === boundTo) return nextNonce
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error
    const { code, description, details } = error
    if (code !== 'use_dpop_nonce') throw new AccessError('invalid_dpop_proof', description, about)
    throw new AccessError(code, description, { ...about, dpopNonce: details.dpopNonce! })
  }
  throw new AccessError('invalid_token', 'The proof is of another key than the access token is bound to', about)
}
