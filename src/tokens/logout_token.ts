import { random } from '#base/secrets.ts'
import { later, minutes, type Clock } from '#base/time.ts'
import type { Account, Client } from '#stores/records.ts'
import type { SigningKeys } from '#tokens/signing_keys.ts'
import type { Subjects } from '#tokens/subject.ts'

/** Makes the token that tells a client of a session that has ended; without a session, of all of the account. */
export type MakeLogoutToken = (
  client: Client,
  account: Account,
  browserSessionId: number | undefined,
) => Promise<string>

export type LogoutTokenTools = {
  readonly issuer: string
  readonly clock: Clock
  readonly keys: SigningKeys
  readonly subjects: Subjects
}

/** Its own, so that it is never taken for an ID token, nor an ID token for it (Back-Channel Logout 1.0 §2.4, RFC 8725 §3.11). */
export const LOGOUT_TOKEN_TYPE = 'logout+jwt'
export const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout'

const LIFETIME = minutes(2)

/**
 * Signed as the client's ID tokens are. It has no `nonce`, ever: with one it could pass for an ID token.
 * @see OpenID Connect Back-Channel Logout 1.0 §2.4
 */
export const createLogoutTokens =
  ({ issuer, clock, keys, subjects }: LogoutTokenTools): MakeLogoutToken =>
  (client, account, browserSessionId) => {
    const now = clock()
    return keys.signer(
      client.policy.idTokenSigningAlgorithm,
      LOGOUT_TOKEN_TYPE,
    )({
      iss: issuer,
      sub: subjects.subjectFor(client, account),
      aud: client.id,
      iat: now,
      exp: later(now, LIFETIME),
      jti: random(16).toString('base64url'),
      events: { [LOGOUT_EVENT]: {} },
      ...(browserSessionId === undefined ? {} : { sid: subjects.sidFor(client, browserSessionId) }),
    })
  }
