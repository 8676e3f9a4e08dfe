import type { DerivedTokens } from '#base/derived_token.ts'
import type { Log } from '#base/log.ts'
import { random, type Key } from '#base/secrets.ts'
import { seconds, type Seconds } from '#base/time.ts'
import { authenticateClient, type ClientAuthenticationTools } from '#clients/authenticate.ts'
import { refuseInUrl } from '#endpoints/token.ts'
import { resolveResource, SALT_BYTES, scopesToAllow } from '#grant_types/token_exchange.ts'
import { jsonReply, NO_STORE, type Endpoint } from '#http/message.ts'
import { readPresentedClient } from '#protocol/client_authentication.ts'
import { OAuthError } from '#protocol/errors.ts'
import { parseAudience, readBodyParameters } from '#protocol/parameters.ts'
import { parseScope } from '#protocol/scope.ts'
import { DEVICE_CODE } from '#protocol/token_request.ts'
import { digestOfUserCode, makeUserCode, showUserCode } from '#protocol/user_code.ts'
import type { ApiResource, DeviceCode } from '#stores/records.ts'
import type { NewDeviceCode, Store } from '#stores/store.ts'
import type { DeviceRequests } from '#throttling/device_requests.ts'

export type DeviceAuthorizationTools = {
  readonly store: Pick<Store, 'deviceCodes'>
  readonly authentication: ClientAuthenticationTools
  readonly deviceRequests: DeviceRequests
  readonly deviceCodes: DerivedTokens
  readonly userCodeKey: Key
  readonly deviceCodeLifetime: Seconds
  readonly issuerUrl: string
  readonly findResource: (audience: string) => ApiResource | undefined
  readonly defaultAudience: string
  readonly log: Log
}

/** How long a device waits between two polls, until one comes too early (RFC 8628 §3.2). */
const INTERVAL = seconds(5)

/**
 * `POST /oauth/device/code` (RFC 8628 §3.1, §3.2): a code that a device polls with, and one that a person enters at `/device`.
 * @throws {OAuthError} `unauthorized_client`, `invalid_target`, `invalid_scope`; `too_many_attempts` if too many devices wait already
 */
export const deviceAuthorizationEndpoint =
  (tools: DeviceAuthorizationTools): Endpoint =>
  async ({ headers, query, body, address, id }) => {
    refuseInUrl(query)
    const parameters = readBodyParameters(headers['content-type'], body)
    const presented = readPresentedClient(headers.authorization, parameters)
    const client = await authenticateClient(presented, address, tools.authentication)
    if (!client.policy.grantTypes.includes(DEVICE_CODE)) {
      throw new OAuthError('unauthorized_client', 'This client may not use the device authorization grant.', {
        client: client.id,
      })
    }
    const resource = resolveResource(parseAudience(parameters), client, tools)
    const scopes = scopesToAllow(client, resource, parseScope(parameters.get('scope')))
    const admission = await tools.deviceRequests({ clientId: client.id, address })
    if (!admission.admitted) throw tooManyDevices(admission.retryAfter, client.id)
    const { code, userCode } = await begin(client.id, { audience: resource.audience, scopes }, tools)
    tools.log.audit('device_code_issued', { client: client.id, scope: scopes.join(' '), address, request: id })
    const verificationUri = `${tools.issuerUrl}device`
    const shown = showUserCode(userCode)
    return jsonReply(
      200,
      {
        device_code: tools.deviceCodes.of(code),
        user_code: shown,
        verification_uri: verificationUri,
        verification_uri_complete: `${verificationUri}?user_code=${shown}`,
        expires_in: tools.deviceCodeLifetime,
        interval: INTERVAL,
      },
      NO_STORE,
    )
  }

const tooManyDevices = (retryAfter: Seconds, client: string): OAuthError =>
  new OAuthError('too_many_attempts', `Too many devices wait for a person already. Wait ${retryAfter} s.`, {
    retryAfter,
    client,
  })

/** With all that may wait, one user code in millions is taken: more tries than these are a defect. */
const MOST_TRIES = 5

const begin = async (
  clientId: string,
  asked: Pick<NewDeviceCode, 'audience' | 'scopes'>,
  { store, userCodeKey, deviceCodeLifetime: lifetime }: DeviceAuthorizationTools,
): Promise<{ readonly code: DeviceCode; readonly userCode: string }> => {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const userCode = makeUserCode()
    const begun = await store.deviceCodes.begin({
      clientId,
      ...asked,
      salt: Buffer.from(random(SALT_BYTES)),
      userCodeDigest: digestOfUserCode(userCodeKey, userCode),
      interval: INTERVAL,
      lifetime,
    })
    if (begun.outcome === 'begun') return { code: begun.code, userCode }
    if (begun.outcome === 'gone') {
      throw new OAuthError('invalid_client', 'The client was disabled meanwhile', { client: clientId })
    }
  }
  throw new Error(`${MOST_TRIES} user codes in turn were taken`)
}
