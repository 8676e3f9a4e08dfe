import { random } from '#base/secrets.ts'
import { seconds } from '#base/time.ts'
import {
  authorizationLifetime,
  mayRefresh,
  resolveResource,
  SALT_BYTES,
  type GrantTools,
  type TokenExchange,
} from '#grant_types/token_exchange.ts'
import { OAuthError, type OAuthErrorCode } from '#protocol/errors.ts'
import type { DeviceCodeRequest } from '#protocol/token_request.ts'
import type { TokenResponse } from '#tokens/issue.ts'

/** By so much each poll that comes too early makes the interval longer (RFC 8628 §3.5). */
const SLOWER_BY = seconds(5)

const USED_BEFORE = 'the device code was used before'
const ENDED = 'the device code or what it stands for has ended'

/**
 * `urn:ietf:params:oauth:grant-type:device_code`: what a device polls with until a person has decided at `/device`. A second use of a code that
 * was spent is refused, and ends nothing: to ask again is what a device does, also when an answer was lost.
 * @throws {OAuthError} `authorization_pending`, `slow_down`, `access_denied`, `expired_token`; `invalid_grant`, the same for every code that
 *   does not work; `invalid_target` for another API than the code's
 * @see RFC 8628 §3.4, §3.5
 */
export const deviceCode = async (
  { asked, client, dpopJkt, address, requestId }: TokenExchange<DeviceCodeRequest>,
  tools: GrantTools,
): Promise<TokenResponse> => {
  const { store, deviceCodes, issuer, log } = tools
  const refuseAs = (error: OAuthErrorCode, description: string, reason?: string) =>
    new OAuthError(error, description, { client: client.id, ...(reason === undefined ? {} : { reason }) })
  const refuse = (reason: string) => refuseAs('invalid_grant', 'Invalid device code', reason)

  const id = deviceCodes.findId(asked.deviceCode)
  const code = id === undefined ? undefined : await store.deviceCodes.find(id)
  if (code === undefined || !deviceCodes.isOf(asked.deviceCode, code)) throw refuse('no such device code')
  if (code.clientId !== client.id) throw refuse('the device code of another client')
  if (asked.audience !== undefined && asked.audience !== code.audience) {
    throw refuseAs('invalid_target', `This device code is for ${code.audience} alone`)
  }
  const resource = resolveResource(code.audience, client, tools)
  const polled = await store.deviceCodes.poll({ id: code.id, clientId: client.id, step: SLOWER_BY })
  switch (polled.outcome) {
    case 'pending':
      throw refuseAs('authorization_pending', `Nobody has decided yet. Ask again in ${polled.interval} s.`)
    case 'slow_down':
      throw refuseAs('slow_down', `That was too early. Wait ${polled.interval} s between requests from now on.`)
    case 'denied':
      throw refuseAs('access_denied', 'The person did not allow this')
    case 'expired':
      throw refuseAs('expired_token', 'The device code has expired: begin again with a new one')
    case 'replayed':
      throw refuse(USED_BEFORE)
    case 'gone':
      throw refuse(ENDED)
    case 'allowed':
      break
  }
  // Of what was allowed: the person may have switched it off.
  const offline = polled.code.scopes.includes('offline_access') && mayRefresh(client)
  const spent = await store.deviceCodes.spend({
    id: code.id,
    clientId: client.id,
    offline,
    salt: Buffer.from(random(SALT_BYTES)),
    dpopJkt,
    lifetime: authorizationLifetime(offline, client, resource, tools),
  })
  if (spent.outcome !== 'spent') throw refuse(spent.outcome === 'replayed' ? USED_BEFORE : ENDED)
  const { account, authorization } = spent
  log.audit('device_code_exchanged', {
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
    obtainedBy: 'device_code',
    withRefreshToken: offline,
    dpopJkt,
    signIn: { nonce: undefined, methods: polled.code.methods },
  })
}
