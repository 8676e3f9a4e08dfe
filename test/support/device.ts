import assert from 'node:assert/strict'
import type { RegisteredClient } from '#clients/register.ts'
import type { ClientPolicy } from '#stores/records.ts'
import { plainText, type BrowserLike, type FormFields, type Stop } from './browser_like.ts'
import type { RunningPostern, TokenAnswer } from './running_postern.ts'

// What a device does, and what a person does for it at the pages.

export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'

/** A public third party with device codes and refresh tokens. */
export const makeDevice = (
  { makeClient }: Pick<RunningPostern, 'makeClient'>,
  policy: Partial<ClientPolicy> = {},
): Promise<RegisteredClient> =>
  makeClient({
    tokenEndpointAuthMethod: 'none',
    grantTypes: [DEVICE_CODE, 'refresh_token'],
    party: 'third',
    scopes: ['openid', 'profile', 'offline_access', 'read:entities', 'write:entities'],
    defaultScopes: [],
    ...policy,
  })

export type DeviceAnswer = {
  readonly status: number
  readonly headers: Headers
  readonly body: {
    readonly device_code: string
    readonly user_code: string
    readonly verification_uri: string
    readonly verification_uri_complete: string
    readonly expires_in: number
    readonly interval: number
    readonly error?: string
    readonly error_description?: string
  }
}

const given = (parameters: Readonly<Record<string, string | undefined>>) =>
  new URLSearchParams(Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined))

/** `POST /oauth/device/code` of this client; parameters that are `undefined` are left out. */
export const askForDeviceCode = async (
  { origin }: Pick<RunningPostern, 'origin'>,
  { client, secret }: RegisteredClient,
  parameters: Readonly<Record<string, string | undefined>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<DeviceAnswer> => {
  const body = given({
    client_id: client.id,
    client_secret: secret,
    scope: 'openid offline_access read:entities',
    ...parameters,
  })
  const response = await fetch(`${origin}/oauth/device/code`, { method: 'POST', body, headers })
  return { status: response.status, headers: response.headers, body: (await response.json()) as DeviceAnswer['body'] }
}

/** Where there is nothing to refuse. */
export const beginDevice = async (
  postern: Pick<RunningPostern, 'origin'>,
  client: RegisteredClient,
  parameters: Readonly<Record<string, string | undefined>> = {},
): Promise<DeviceAnswer['body']> => {
  const answer = await askForDeviceCode(postern, client, parameters)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}

export const poll = (
  { token }: Pick<RunningPostern, 'token'>,
  { client, secret }: RegisteredClient,
  deviceCode: string,
  parameters: Readonly<Record<string, string | undefined>> = {},
): Promise<TokenAnswer> =>
  token({
    grant_type: DEVICE_CODE,
    device_code: deviceCode,
    client_id: client.id,
    client_secret: secret,
    ...parameters,
  })

/** Enters a code where the browser is signed in already. */
export const enterCode = async (browser: BrowserLike, userCode: string): Promise<Stop> =>
  browser.submit(await browser.get('/device'), '/device', { user_code: userCode })

export const decideAt = (
  browser: BrowserLike,
  page: Stop,
  decision: 'allow' | 'deny' | 'switch',
  fields: FormFields = {},
): Promise<Stop> => browser.submit(page, '/device/decision', { decision, ...fields })

export const isDeviceConsent = ({ status, text }: Stop): boolean =>
  status === 200 && text.includes('action="/device/decision"')

export const assertDeviceConsent = (stop: Stop): void =>
  assert.ok(isDeviceConsent(stop), `${stop.status} ${plainText(stop.text)}`)

/** Enters the code and allows. @returns the page that says so */
export const connect = async (
  browser: BrowserLike,
  { user_code: userCode }: Pick<DeviceAnswer['body'], 'user_code'>,
  fields: FormFields = {},
): Promise<Stop> => {
  const page = await enterCode(browser, userCode)
  assertDeviceConsent(page)
  const answer = await decideAt(browser, page, 'allow', fields)
  assert.equal(answer.status, 200, plainText(answer.text))
  assert.match(plainText(answer.text), /Your device is connected/)
  return answer
}
