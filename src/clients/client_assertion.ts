import { createSecretKey, type KeyObject } from 'node:crypto'
import { compactVerify } from 'jose'
import { digestOf, type Key } from '#base/secrets.ts'
import type { Clock } from '#base/time.ts'
import { isSameAlgorithm, readClientKeys, type ClientKey } from '#clients/client_keys.ts'
import type { JwksUris } from '#clients/jwks_uri.ts'
import { isFapi2 } from '#clients/profile.ts'
import { findSealedSecret } from '#clients/sealed_secret.ts'
import {
  CLIENT_SECRET_ALGORITHM,
  findParsedAssertion,
  judgeClaims,
  type ParsedAssertion,
} from '#protocol/client_assertion.ts'
import type { Client } from '#stores/records.ts'
import type { OneTimeValueStore } from '#stores/store.ts'

export type ClientAssertions = {
  /** Verifies an assertion and spends it. @returns why it proves nothing, for the log; `undefined` if it proves the client */
  readonly findDefect: (client: Client, assertion: string) => Promise<string | undefined>
}

export type ClientAssertionTools = {
  readonly issuer: string
  /** URLs of our endpoints that an `aud` may be besides the issuer (RFC 7523 §3, RFC 9126 §2). */
  readonly endpoints: readonly string[]
  readonly clock: Clock
  readonly oneTimeValues: OneTimeValueStore
  readonly jwksUris: JwksUris
  /** For the secrets of `client_secret_jwt`. */
  readonly sealingKey: Key
}

/** Of keys with one name. Nobody makes us try a whole set. */
const MOST_CANDIDATES = 4

/** @see RFC 7523 §3, OpenID Connect Core 1.0 §9, FAPI 2.0 Security Profile §5.3.2.1 */
export const createClientAssertions = (tools: ClientAssertionTools): ClientAssertions => {
  const { issuer, endpoints, clock, oneTimeValues } = tools
  return {
    findDefect: async (client, assertion) => {
      const parsed = findParsedAssertion(assertion)
      if (parsed === undefined) return 'the assertion is no JWT that is accepted'
      // The registration decides, never the token (RFC 8725 §3.1).
      if (!isOfClient(parsed.algorithm, client)) return `${parsed.algorithm} is not the algorithm of this client`
      const isStrict = isFapi2(client.policy)
      const judged = judgeClaims(parsed.claims, {
        clientId: client.id,
        audiences: isStrict ? [issuer] : [issuer, ...endpoints],
        needsAudienceAsText: isStrict,
        now: clock(),
      })
      if ('defect' in judged) return judged.defect
      const keys = await findKeys(client, parsed, tools)
      if (!(await isSignedByOne(assertion, parsed, keys))) return 'no key of the client has signed it'
      // Last of all: nobody but the client can use up what the client has signed.
      const digest = digestOf(JSON.stringify([client.id, judged.jti]))
      const isFirst = await oneTimeValues.spend({ kind: 'client_assertion', digest, until: judged.until })
      return isFirst ? undefined : 'it was used before'
    },
  }
}

const isOfClient = (algorithm: ParsedAssertion['algorithm'], { policy }: Client): boolean => {
  const registered = policy.tokenEndpointAuthSigningAlgorithm
  if (registered !== undefined && !isSameAlgorithm(algorithm, registered)) return false
  if (policy.tokenEndpointAuthMethod === 'client_secret_jwt') return algorithm === CLIENT_SECRET_ALGORITHM
  return algorithm !== CLIENT_SECRET_ALGORITHM && !(isFapi2(policy) && algorithm === 'RS256')
}

const findKeys = async (
  client: Client,
  { algorithm, kid }: ParsedAssertion,
  { jwksUris, sealingKey }: ClientAssertionTools,
): Promise<readonly KeyObject[]> => {
  const { policy } = client
  if (policy.tokenEndpointAuthMethod === 'client_secret_jwt') {
    return client.secrets.flatMap((secret) => {
      const opened = findSealedSecret(sealingKey, client.id, secret)
      return opened === undefined ? [] : [createSecretKey(opened)]
    })
  }
  const fitting = (keys: readonly ClientKey[]): readonly ClientKey[] =>
    keys.filter((key) => key.algorithms.includes(algorithm) && (kid === undefined || key.kid === kid))
  const keys =
    policy.jwksUri === undefined
      ? fitting(readClientKeys(policy.jwks))
      : fitting(await jwksUris.find(policy.jwksUri, (some) => fitting(some).length > 0))
  // Of several, the one must be named (OpenID Connect Core 1.0 §10.1).
  if (kid === undefined && keys.length > 1) return []
  return keys.slice(0, MOST_CANDIDATES).map(({ publicKey }) => publicKey)
}

const isSignedByOne = async (
  assertion: string,
  { algorithm }: ParsedAssertion,
  keys: readonly KeyObject[],
): Promise<boolean> => {
  for (const key of keys) {
    const isSigned = await compactVerify(assertion, key, { algorithms: [algorithm] }).then(
      () => true,
      () => false,
    )
    if (isSigned) return true
  }
  return false
}
