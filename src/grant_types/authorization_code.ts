import { random } from '#base/secrets.ts'
import {
  authorizationLifetime,
  mayRefresh,
  resolveResource,
  SALT_BYTES,
  type GrantTools,
  type TokenExchange,
} from '#grant_types/token_exchange.ts'
import { OAuthError } from '#protocol/errors.ts'
import { verifiesChallenge } from '#protocol/pkce.ts'
import { matchesRedirectUri } from '#protocol/redirect_uri.ts'
import type { AuthorizationCodeRequest } from '#protocol/token_request.ts'
import type { AuthorizationCode } from '#stores/records.ts'
import type { TokenResponse } from '#tokens/issue.ts'

/**
 * `authorization_code`: tokens for what a person allowed at `/authorize`. A code works once and for the client that asked for it; what comes
 * with it wrong spends it as well, and a second use ends what the first one brought.
 * @throws {OAuthError} `invalid_grant`, the same for every code that does not work; `invalid_target` for another API than the code's
 * @see RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 9449 §10, RFC 9700 §2.1.1 and §4.5
 */
export const authorizationCode = async (
  { asked, client, dpopJkt, address, requestId }: TokenExchange<AuthorizationCodeRequest>,
  tools: GrantTools,
): Promise<TokenResponse> => {
  const { store, codes, issuer, log } = tools
  const refuse = (reason: string, account?: number) =>
    new OAuthError('invalid_grant', 'Invalid authorization code', {
      reason,
      client: client.id,
      ...(account === undefined ? {} : { account }),
    })

  const id = codes.findId(asked.code)
  const code = id === undefined ? undefined : await store.authorizationCodes.find(id)
  if (code === undefined || !codes.isOf(asked.code, code)) throw refuse('no such code')
  // Another client learns nothing and spends nothing: otherwise whoever sees a code could burn it.
  if (code.clientId !== client.id) throw refuse('the code of another client', code.accountId)
  const defect = findDefect(code, asked, dpopJkt, client.policy.redirectUris)
  if (defect !== undefined) {
    await store.authorizationCodes.ruin(code.id, client.id)
    throw refuse(defect, code.accountId)
  }
  if (asked.audience !== undefined && asked.audience !== code.audience) {
    throw new OAuthError('invalid_target', `This code is for ${code.audience} alone`)
  }
  const resource = resolveResource(code.audience, client, tools)
  const offline = code.scopes.includes('offline_access') && mayRefresh(client)
  const spent = await store.authorizationCodes.spend({
    id: code.id,
    clientId: client.id,
    offline,
    salt: Buffer.from(random(SALT_BYTES)),
    dpopJkt,
    lifetime: authorizationLifetime(offline, client, resource, tools),
  })
  if (spent.outcome === 'replayed') throw refuse('the code was used before; what it brought has ended', code.accountId)
  if (spent.outcome === 'gone') throw refuse('the code or what it stands for has ended', code.accountId)
  const { account, authorization } = spent
  log.audit('code_exchanged', {
    account: account.id,
    client: client.id,
    authorization_id: authorization.id,
    scope: authorization.scopes.join(' '),
    address,
    request: requestId,
  })
  return issuer.forAccount({
    client,
    account,
    authorization,
    resource,
    scopes: authorization.scopes,
    obtainedBy: 'authorization_code',
    withRefreshToken: offline,
    dpopJkt,
    signIn: { nonce: code.nonce, methods: code.methods },
  })
}

/** What is wrong with what came with the code. */
const findDefect = (
  { redirectUri, codeChallenge, dpopJkt }: AuthorizationCode,
  asked: AuthorizationCodeRequest,
  provedJkt: string | undefined,
  registered: readonly string[],
): string | undefined => {
  // Where the authorization request had none, there is one alone that it can have meant.
  const isRightUri =
    redirectUri === undefined
      ? asked.redirectUri === undefined || registered.some((each) => matchesRedirectUri(asked.redirectUri!, each))
      : asked.redirectUri === redirectUri
  if (!isRightUri) return 'another redirect URI'
  if (dpopJkt !== undefined && dpopJkt !== provedJkt) return 'no proof of the key that the code is bound to'
  // A verifier without a challenge: somebody took the challenge out of the request (RFC 9700 §4.8.2).
  if (codeChallenge === undefined)
    return asked.codeVerifier === undefined ? undefined : 'a verifier without a challenge'
  return asked.codeVerifier !== undefined && verifiesChallenge(asked.codeVerifier, codeChallenge)
    ? undefined
    : 'wrong or missing verifier'
}
