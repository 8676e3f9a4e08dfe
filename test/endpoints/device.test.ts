import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertGranted, assertRefused, auditsOf, callPlatform, file } from '../attacks/attacking.ts'
import {
  assertSignIn,
  boxesOf,
  fieldsOf,
  openBrowser,
  plainText,
  refreshWith,
  signInAt,
  signInHere,
  type BrowserLike,
} from '../support/browser_like.ts'
import {
  askForDeviceCode,
  assertDeviceConsent,
  beginDevice,
  connect,
  decideAt,
  enterCode,
  makeDevice,
  poll,
} from '../support/device.ts'
import { addOrganizations, claimsOf, startPostern } from '../support/running_postern.ts'

// Device authorization as it is meant to go (RFC 8628): the device, the person and what comes of it.

const postern = await startPostern(file)
await addOrganizations(postern.store, 3)
const account = await postern.makeAccount({ username: 'owner@example.com' })
const device = await makeDevice(postern)

const signedIn = async (): Promise<BrowserLike> => {
  const browser = openBrowser(postern)
  await signInHere(browser, account)
  return browser
}

test('a device gets a code to poll with and one to show, as RFC 8628 §3.2 has them', async () => {
  const { status, headers, body } = await askForDeviceCode(postern, device)
  assert.equal(status, 200)
  assert.equal(headers.get('cache-control'), 'no-store')
  assert.equal(headers.get('content-type'), 'application/json')
  assert.match(body.device_code, /^dc[0-9A-Za-z]{54}$/)
  assert.match(body.user_code, /^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
  assert.deepEqual(body, {
    device_code: body.device_code,
    user_code: body.user_code,
    verification_uri: 'http://localhost:9400/device',
    verification_uri_complete: `http://localhost:9400/device?user_code=${body.user_code}`,
    expires_in: 600,
    interval: 5,
  })
  const metadata = await fetch(`${postern.origin}/.well-known/openid-configuration`)
  const { device_authorization_endpoint: endpoint, grant_types_supported: grantTypes } =
    (await metadata.json()) as Record<string, unknown>
  assert.equal(endpoint, 'http://localhost:9400/oauth/device/code')
  assert.ok((grantTypes as string[]).includes('urn:ietf:params:oauth:grant-type:device_code'))
})

test('a person enters the code, signs in, sees who asks for what, and allows a part of it; the device gets that', async () => {
  const begun = await beginDevice(postern, device)
  assertRefused(await poll(postern, device, begun.device_code), 400, 'authorization_pending')

  const browser = openBrowser(postern)
  const code = await browser.get('/device')
  assert.equal(code.status, 200)
  // As it is read from a screen and typed on a telephone.
  const typed = begun.user_code.toLowerCase().replace('-', ' ')
  const signIn = await browser.submit(code, '/device', { user_code: ` ${typed} ` })
  assertSignIn(signIn)
  // Whoever guesses a code without an account learns nothing of what it is for.
  assert.doesNotMatch(signIn.text, new RegExp(device.client.name))
  assert.match(plainText(signIn.text), /to connect a device/)
  assert.match(
    (await browser.submit(signIn, '/sign-in', { username: account.username, password: 'x' })).text,
    /connect a device/,
  )

  const consent = await signInAt(browser, signIn, account)
  assertDeviceConsent(consent)
  const text = plainText(consent.text)
  assert.match(text, new RegExp(`${device.client.name} asks for access`))
  assert.match(text, new RegExp(begun.user_code))
  assert.match(text, /Is it your own device\?/)
  assert.deepEqual(boxesOf(consent, 'scope').toSorted(), ['offline_access', 'read:entities'])

  const audits = await auditsOf(postern, async () => {
    const answer = await decideAt(browser, consent, 'allow', {
      scope: ['read:entities', 'offline_access'],
      organizations: 'some',
      organization: ['100001'],
    })
    assert.equal(answer.status, 200)
    assert.match(plainText(answer.text), /Your device is connected .* You can go back to your device/)
  })
  assert.deepEqual(
    audits.map(({ audit }) => audit),
    ['device_allowed'],
  )

  postern.travel(5)
  const answer = assertGranted(await poll(postern, device, begun.device_code))
  assert.equal(answer.scope, 'offline_access openid read:entities')
  const claims = claimsOf(answer.access_token)
  assert.deepEqual([claims['gty'], claims['client_id']], ['device_code', device.client.id])
  assert.equal(claims['https://api.mediamath.com/user_id'], account.id)
  const idToken = claimsOf(answer.id_token!)
  assert.deepEqual([idToken['aud'], idToken['amr']], [device.client.id, ['pwd']])
  const list = await callPlatform(postern, '/api/v3.0/organizations', { bearer: answer.access_token })
  assert.deepEqual(
    (JSON.parse(list.text) as { data: { id: number }[] }).data.map(({ id }) => id),
    [100_001],
  )
  // A public client's refresh token rotates, as everywhere.
  const refreshed = assertGranted(await refreshWith(postern, device, answer.refresh_token!))
  assert.notEqual(refreshed.refresh_token, answer.refresh_token)
  assert.match((await browser.get('/account')).text, new RegExp(device.client.name))
})

test('offline_access that the person has switched off brings no refresh token', async () => {
  const begun = await beginDevice(postern, await makeDevice(postern))
  const client = await makeDevice(postern)
  const next = await beginDevice(postern, client)
  await connect(await signedIn(), next, { scope: ['read:entities'] })
  const answer = assertGranted(await poll(postern, client, next.device_code))
  assert.deepEqual([answer.scope, answer.refresh_token], ['openid read:entities', undefined])
  assert.notEqual(begun.user_code, next.user_code)
})

test('a person who does not allow it is told so, and the device is refused for good', async () => {
  const begun = await beginDevice(postern, device)
  const browser = await signedIn()
  const page = await enterCode(browser, begun.user_code)
  const answer = await decideAt(browser, page, 'deny')
  assert.equal(answer.status, 200)
  assert.match(plainText(answer.text), /Nothing was allowed/)
  for (let n = 0; n < 2; n++) assertRefused(await poll(postern, device, begun.device_code), 400, 'access_denied')
})

test('a code that a link has brought is filled in, and goes nowhere before the person sends it', async () => {
  const begun = await beginDevice(postern, device)
  const browser = await signedIn()
  const { pathname, search } = new URL(begun.verification_uri_complete)
  const page = await browser.get(pathname + search)
  assert.deepEqual(fieldsOf(page, '/device')['user_code'], [begun.user_code])
  assert.doesNotMatch(page.text, new RegExp(device.client.name))
  assert.match(plainText(page.text), /Only for a device of your own/)
  assertDeviceConsent(await browser.submit(page, '/device'))
})

test('who is remembered is asked at each device all the same, with the boxes as they were decided last', async () => {
  const client = await makeDevice(postern, { party: 'first' })
  const browser = await signedIn()
  await connect(browser, await beginDevice(postern, client), { scope: ['read:entities'] })
  const page = await enterCode(browser, (await beginDevice(postern, client)).user_code)
  assertDeviceConsent(page)
  assert.deepEqual(fieldsOf(page, '/device/decision')['scope'], ['read:entities'])
})

test('a decision without anything is asked for again; with what cannot be switched off it goes on', async () => {
  const client = await makeDevice(postern, { requiredScopes: { 'read:entities': 'It shows them.' } })
  const browser = await signedIn()
  const page = await enterCode(browser, (await beginDevice(postern, client)).user_code)
  const again = await decideAt(browser, page, 'allow', { scope: [], organizations: 'some', organization: [] })
  assert.equal(again.status, 400)
  assert.match(plainText(again.text), /No organization is chosen/)
  const bare = await beginDevice(postern, device, { scope: 'read:entities' })
  const empty = await decideAt(browser, await enterCode(browser, bare.user_code), 'allow', { scope: [] })
  assert.equal(empty.status, 400)
  assert.match(plainText(empty.text), /Nothing is chosen/)
  assert.equal((await decideAt(browser, empty, 'allow', { scope: ['read:entities'] })).status, 200)
})

test('“Not you?” ends the session and asks who it is, for the same code', async () => {
  const begun = await beginDevice(postern, device)
  const browser = await signedIn()
  const signIn = await decideAt(browser, await enterCode(browser, begun.user_code), 'switch')
  assertSignIn(signIn)
  assert.equal(browser.cookies.size, 0)
  const other = await postern.makeAccount()
  const consent = await signInAt(browser, signIn, other)
  assertDeviceConsent(consent)
  assert.equal((await decideAt(browser, consent, 'allow')).status, 200)
  const answer = assertGranted(await poll(postern, device, begun.device_code))
  assert.equal(claimsOf(answer.access_token)['https://api.mediamath.com/user_id'], other.id)
})

test('a poll that comes too early makes the interval longer for good', async () => {
  const { device_code: code } = await beginDevice(postern, device)
  const ask = () => poll(postern, device, code)
  assertRefused(await ask(), 400, 'authorization_pending')
  const early = await ask()
  assertRefused(early, 400, 'slow_down')
  assert.match(early.body.error_description ?? '', /10 s/)
  postern.travel(10)
  assertRefused(await ask(), 400, 'authorization_pending')
  postern.travel(6)
  assertRefused(await ask(), 400, 'slow_down')
})

test('a device that waits leaves no line in the audit log', async () => {
  const { device_code: code } = await beginDevice(postern, device)
  const audits = await auditsOf(postern, async () => {
    await poll(postern, device, code)
    await poll(postern, device, code)
  })
  assert.deepEqual(audits, [])
})

test('what is asked for is checked as at /authorize', async () => {
  const refused = async (parameters: Readonly<Record<string, string | undefined>>, status: number, error: string) => {
    const answer = await askForDeviceCode(postern, device, parameters)
    assert.deepEqual([answer.status, answer.body.error], [status, error], JSON.stringify(parameters))
  }
  await refused({ scope: 'manage:users' }, 400, 'invalid_scope')
  await refused({ scope: undefined }, 400, 'invalid_scope')
  await refused({ audience: 'https://elsewhere.example/' }, 400, 'invalid_target')
  await refused({ scope: 'a"b' }, 400, 'invalid_request')
  await refused({ client_id: 'nobody' }, 401, 'invalid_client')
  const without = await makeDevice(postern, { grantTypes: ['refresh_token'] })
  const answer = await askForDeviceCode(postern, without)
  assert.deepEqual([answer.status, answer.body.error], [400, 'unauthorized_client'])
  const inUrl = await fetch(`${postern.origin}/oauth/device/code?client_id=x`, { method: 'POST' })
  assert.equal(inUrl.status, 400)
  // A client that cannot refresh is not asked about offline_access.
  const once = await makeDevice(postern, { grantTypes: ['urn:ietf:params:oauth:grant-type:device_code'] })
  const page = await enterCode(await signedIn(), (await beginDevice(postern, once)).user_code)
  assert.deepEqual(boxesOf(page, 'scope'), ['read:entities'])
})

test('a confidential client authenticates as at the token endpoint, and its refresh token is static', async () => {
  const client = await makeDevice(postern, { tokenEndpointAuthMethod: 'client_secret' })
  const wrong = await askForDeviceCode(postern, client, { client_secret: 'wrong' })
  assert.deepEqual([wrong.status, wrong.body.error], [401, 'invalid_client'])
  const basic = Buffer.from(`${client.client.id}:${client.secret}`).toString('base64')
  const headers = { authorization: `Basic ${basic}` }
  const byBasic = await askForDeviceCode(postern, client, { client_id: undefined, client_secret: undefined }, headers)
  assert.equal(byBasic.status, 200)
  await connect(await signedIn(), byBasic.body)
  assertRefused(
    await poll(postern, client, byBasic.body.device_code, { client_secret: 'wrong' }),
    401,
    'invalid_client',
  )
  const answer = assertGranted(await poll(postern, client, byBasic.body.device_code))
  const again = assertGranted(await refreshWith(postern, client, answer.refresh_token!))
  assert.equal(again.refresh_token, undefined)
})
