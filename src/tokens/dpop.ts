import { digestOf } from '#base/secrets.ts'
import type { Clock } from '#base/time.ts'
import { readDpopProof, verifyDpopSignature, type DpopRequest } from '#protocol/dpop.ts'
import { invalidDpopProof, OAuthError } from '#protocol/errors.ts'
import type { Client } from '#stores/records.ts'
import type { OneTimeValueStore } from '#stores/store.ts'
import type { DpopNonces } from '#tokens/dpop_nonce.ts'

/** A request came from whoever has the private key. Only `ProvePossession` makes one. */
export type Possession = {
  /** The thumbprint of the key (RFC 7638). */
  readonly jkt: string
  /** What the next proof must repeat, for the `DPoP-Nonce` of the answer; `undefined` for a client that uses none. */
  readonly nextNonce: string | undefined
}

/**
 * Verifies the `DPoP` header of a request, which works once: of any number of requests with one proof, at whichever nodes, one has it.
 * @param client - whose policy says whether a proof must have a nonce
 * @throws {OAuthError} `invalid_dpop_proof`; `use_dpop_nonce`, with the nonce to repeat
 * @see RFC 9449 §4.3, §8, §9
 */
export type ProvePossession = (proof: string, request: DpopRequest, client: Client) => Promise<Possession>

export type DpopTools = {
  readonly oneTimeValues: OneTimeValueStore
  readonly nonces: DpopNonces
  readonly clock: Clock
}

/** A public client's key lives where scripts of others may run, and make proofs for later. */
const needsNonce = ({ policy }: Client): boolean =>
  (policy.dpopNonce ?? (policy.tokenEndpointAuthMethod === 'none' ? 'required' : 'when_offered')) === 'required'

export const createPossessionProof =
  ({ oneTimeValues, nonces, clock }: DpopTools): ProvePossession =>
  async (text, request, client) => {
    const proof = readDpopProof(text, request, clock())
    const usesNonces = proof.nonce !== undefined || needsNonce(client)
    if (usesNonces && (proof.nonce === undefined || !nonces.isFresh(proof.nonce))) {
      throw new OAuthError(
        'use_dpop_nonce',
        'Repeat the request with a proof that has the nonce of the DPoP-Nonce header',
        {
          client: client.id,
          dpopNonce: nonces.current(),
        },
      )
    }
    verifyDpopSignature(proof)
    const { jkt, jti, until } = proof
    const isFirst = await oneTimeValues.spend({ kind: 'dpop_proof', digest: digestOf(`${jkt} ${jti}`), until })
    if (!isFirst) throw invalidDpopProof('The proof was used before: make a new one for each request', client.id)
    return { jkt, nextNonce: usesNonces ? nonces.current() : undefined }
  }

/**
 * The possession that a client proves with a request for tokens.
 * @param proof - the `DPoP` header
 * @returns `undefined` without a proof
 * @throws {OAuthError} as `ProvePossession`; `invalid_dpop_proof` if the client must send a proof and sent none
 */
export const findPossession = async (
  proof: string | undefined,
  request: DpopRequest,
  client: Client,
  prove: ProvePossession,
): Promise<Possession | undefined> => {
  if (proof !== undefined) return prove(proof, request, client)
  if (client.policy.dpop === 'required') {
    throw invalidDpopProof('This client must prove possession of a key: send a DPoP header', client.id)
  }
  return undefined
}
