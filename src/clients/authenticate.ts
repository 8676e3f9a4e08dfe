import type { PasswordHashing } from '#base/password_hashing.ts'
import type { VerifiedSecrets } from '#base/verified_secrets.ts'
import type { ClientAssertions } from '#clients/client_assertion.ts'
import { isClientSecret, secretMatches } from '#clients/client_secret.ts'
import { invalidClient, type PresentedClient } from '#protocol/client_authentication.ts'
import { tooManyAttempts } from '#protocol/errors.ts'
import type { Client, ClientSecret } from '#stores/records.ts'
import type { ClientStore } from '#stores/store.ts'
import type { Attempts } from '#throttling/attempts.ts'

/** A client that proved that it is the one: only `authenticateClient` makes one. */
export type AuthenticatedClient = Client & { readonly is: 'authenticated' }

export type ClientAuthenticationTools = {
  readonly clients: ClientStore
  readonly attempts: Attempts
  readonly hashing: PasswordHashing
  readonly verified: VerifiedSecrets
  readonly assertions: ClientAssertions
}

/**
 * Verifies what a client presents. An unknown client, a disabled one, a wrong and a missing secret or assertion have one answer.
 * @throws {OAuthError} `invalid_client`; `too_many_attempts` if this address guessed too often
 * @throws {OverloadedError} if too many wait for a hash
 * @see RFC 6749 §2.3 and §3.2.1, RFC 7521 §4.2
 */
export const authenticateClient = async (
  presented: PresentedClient,
  address: string,
  { clients, attempts, hashing, verified, assertions }: ClientAuthenticationTools,
): Promise<AuthenticatedClient> => {
  const usedBasic = presented.method === 'client_secret_basic'
  // Who mixes up the two sends the secret as the id, and the log must not show it.
  const claimed = isClientSecret(presented.clientId) ? '(a client secret)' : presented.clientId
  const refuse = (reason: string) => invalidClient(reason, usedBasic, claimed)
  const client = await clients.find(presented.clientId)
  if (client === undefined) throw refuse('no such client')
  if (client.disabledAt !== undefined) throw refuse('the client is disabled')
  if (client.policy.tokenEndpointAuthMethod === 'none') {
    // A secret for a client that has none is a mistake of its developer, but no proof of anything.
    if (presented.method !== 'none') throw refuse('a public client has no secret')
    return authenticated(client)
  }
  // The method that is registered binds, or the weakest that we know would be good for every client (RFC 7591 §2).
  if (client.policy.tokenEndpointAuthMethod !== 'client_secret') {
    if (presented.method !== 'client_assertion') throw refuse('this client authenticates by an assertion')
    const defect = await assertions.findDefect(client, presented.assertion)
    if (defect !== undefined) throw refuse(`client assertion: ${defect}`)
    return authenticated(client)
  }
  if (presented.method === 'none') throw refuse('the secret is missing')
  if (presented.method === 'client_assertion') throw refuse('this client authenticates by its secret')
  const given =
    presented.method === 'client_secret_basic' ? [presented.secret, presented.rawSecret] : [presented.secret]

  if (client.secrets.some((secret) => isMadeByUs(secret) && secretMatches(presented.secret, secret.digest))) {
    return authenticated(client)
  }
  // 256 random bits need no throttling. What a person chose does, before it is compared with anything.
  const chosen = client.secrets.filter((secret) => secret.kind === 'argon2id')
  if (chosen.length === 0 || isClientSecret(presented.secret)) throw refuse('wrong secret')

  const attempt = await attempts.at({ subject: `client ${client.id}`, address }, async () => {
    for (const { hash } of chosen) {
      for (const secret of new Set(given)) {
        if (!verified.isVerified(secret, hash) && !(await hashing.verify(secret, hash))) continue
        verified.remember(secret, hash)
        return client
      }
    }
    return undefined
  })
  switch (attempt.outcome) {
    case 'succeeded':
      return authenticated(client)
    case 'failed':
      throw refuse(attempt.wasThrottled ? 'too many attempts at this client' : 'wrong secret')
    case 'blocked':
      throw tooManyAttempts(attempt.retryAfter)
  }
}

const authenticated = (client: Client): AuthenticatedClient => client as AuthenticatedClient

const isMadeByUs = (secret: ClientSecret): secret is ClientSecret & { readonly kind: 'sha256' } =>
  secret.kind === 'sha256'
