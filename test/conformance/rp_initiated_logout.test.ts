import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt, SignJWT } from 'jose'
import { file } from '../attacks/attacking.ts'
import { makeKey } from '../support/client_keys.ts'
import { findForm, titleOf, type Person, type Shown } from '../support/person.ts'
import type { Parameters } from './relying_party.ts'
import { startProvider } from './provider.ts'

// oidcc-rp-initiated-logout-certification-test-plan (OpenID Connect RP-Initiated Logout 1.0).

const { metadata, choice, makeVisitor, register } = await startProvider(file)
const AFTERWARDS = 'https://relying-party.example/signed-out'
const party = await register({ policy: { postLogoutRedirectUris: [AFTERWARDS] } })
const STATE = 'back-again'

const logoutUrl = (parameters: Parameters): URL => {
  const url = new URL(String(metadata['end_session_endpoint']))
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value)
  return url
}

const signIn = async (): Promise<{ readonly visitor: Person; readonly idToken: string }> => {
  const visitor = makeVisitor()
  const { idToken } = await party.signIn(visitor, choice)
  return { visitor, idToken }
}

/** Whether the person could go on without signing in. */
const isSignedIn = async (visitor: Person): Promise<boolean> => {
  const attempt = party.ask({ prompt: 'none' })
  const answer = party.read(attempt, await visitor.open(attempt.url))
  assert.ok('code' in answer || answer.error === 'login_required', JSON.stringify(answer))
  return 'code' in answer
}

const assertLeftFor = (shown: Shown, state: string | undefined): void => {
  assert.equal(shown.status, undefined, titleOf(shown))
  // The registered URI, with what was sent as `state` and nothing else (§3).
  assert.equal(shown.url.href, state === undefined ? AFTERWARDS : `${AFTERWARDS}?state=${state}`)
}

/** The person stays at the provider: told what is wrong, or asked; and nobody else is named as the place to go on to. */
const assertStays = (shown: Shown): void => {
  assert.notEqual(shown.status, undefined, `the browser left for ${shown.url.href}`)
  assert.equal(shown.url.origin, new URL(metadata.issuer).origin)
}

/** An error page: nothing has ended. */
const assertRefuses = async (shown: Shown, visitor: Person): Promise<void> => {
  assertStays(shown)
  assert.equal(shown.status, 400, titleOf(shown))
  assert.ok(await isSignedIn(visitor))
}

/** Nobody has proved that the person wants it, so they are asked (§2); and what they answer is done. */
const confirm = async (shown: Shown, visitor: Person): Promise<Shown> => {
  assertStays(shown)
  assert.ok(await isSignedIn(visitor), 'nothing has ended yet')
  const form = findForm(shown, 'decision=sign_out')
  assert.ok(form !== undefined, titleOf(shown))
  return visitor.send(shown, form, [...form.fields, ['decision', 'sign_out']])
}

test('oidcc-rp-initiated-logout-discovery-endpoint-verification', () => {
  const endpoint = metadata['end_session_endpoint']
  assert.equal(typeof endpoint, 'string')
  const { origin, hash } = new URL(String(endpoint))
  assert.deepEqual([origin, hash], [new URL(metadata.issuer).origin, ''])
})

test('oidcc-rp-initiated-logout', async () => {
  const parameters = { post_logout_redirect_uri: AFTERWARDS, state: STATE }
  const { visitor, idToken } = await signIn()
  assertLeftFor(await visitor.open(logoutUrl({ id_token_hint: idToken, ...parameters })), STATE)
  assert.equal(await isSignedIn(visitor), false)

  // By POST as well (§2), from a page of the client's.
  const again = await signIn()
  const fields = Object.entries({ id_token_hint: again.idToken, ...parameters })
  const page = { url: new URL(AFTERWARDS), status: 200, text: '', forms: [] }
  const form = { action: logoutUrl({}).href, fields, offered: new Set<string>() }
  assertLeftFor(await again.visitor.send(page, form, fields), STATE)
  assert.equal(await isSignedIn(again.visitor), false)
})

test('oidcc-rp-initiated-logout-no-state', async () => {
  const { visitor, idToken } = await signIn()
  const shown = await visitor.open(logoutUrl({ id_token_hint: idToken, post_logout_redirect_uri: AFTERWARDS }))
  assertLeftFor(shown, undefined)
  assert.equal(await isSignedIn(visitor), false)
})

test('oidcc-rp-initiated-logout-bad-post-logout-redirect-uri', async () => {
  const { visitor, idToken } = await signIn()
  const uri = 'https://elsewhere.example/signed-out'
  const asked = { id_token_hint: idToken, post_logout_redirect_uri: uri, state: STATE }
  await assertRefuses(await visitor.open(logoutUrl(asked)), visitor)
})

test('oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri', async () => {
  const { visitor, idToken } = await signIn()
  const asked = { id_token_hint: idToken, post_logout_redirect_uri: `${AFTERWARDS}?foo=bar`, state: STATE }
  await assertRefuses(await visitor.open(logoutUrl(asked)), visitor)
})

test('oidcc-rp-initiated-logout-modified-id-token-hint', async () => {
  const { visitor, idToken } = await signIn()
  const [head, claims = '', signature] = idToken.split('.')
  const changed = { ...decodeJwt(idToken), sub: 'platform|999999' }
  const modified = [
    `${head}.${Buffer.from(JSON.stringify(changed)).toString('base64url')}.${signature}`,
    `${head}.${claims}.${'A'.repeat(signature?.length ?? 0)}`,
    `${idToken}x`,
  ]
  for (const hint of modified) {
    const asked = { id_token_hint: hint, post_logout_redirect_uri: AFTERWARDS, state: STATE }
    await assertRefuses(await visitor.open(logoutUrl(asked)), visitor)
  }
})

test('oidcc-rp-initiated-logout-bad-id-token-hint', async () => {
  const { visitor, idToken } = await signIn()
  const { privateKey, alg, kid } = makeKey('RS256')
  const hint = await new SignJWT(decodeJwt(idToken)).setProtectedHeader({ alg, kid, typ: 'JWT' }).sign(privateKey)
  const asked = { id_token_hint: hint, post_logout_redirect_uri: AFTERWARDS, state: STATE }
  await assertRefuses(await visitor.open(logoutUrl(asked)), visitor)
})

test('oidcc-rp-initiated-logout-no-id-token-hint', async () => {
  const { visitor } = await signIn()
  const asked = { post_logout_redirect_uri: AFTERWARDS, state: STATE }
  // Nobody is named whose URI it would be, so it leads nowhere (§2).
  assertStays(await confirm(await visitor.open(logoutUrl(asked)), visitor))
  assert.equal(await isSignedIn(visitor), false)

  // With client_id instead, it is that client's URI; the person is asked all the same.
  const again = (await signIn()).visitor
  const named = logoutUrl({ ...asked, client_id: party.registration.clientId })
  assertLeftFor(await confirm(await again.open(named), again), STATE)
  assert.equal(await isSignedIn(again), false)
})

test('oidcc-rp-initiated-logout-no-params', async () => {
  const { visitor } = await signIn()
  assertStays(await confirm(await visitor.open(logoutUrl({})), visitor))
  assert.equal(await isSignedIn(visitor), false)
})

test('oidcc-rp-initiated-logout-only-state', async () => {
  const { visitor } = await signIn()
  assertStays(await confirm(await visitor.open(logoutUrl({ state: STATE })), visitor))
  assert.equal(await isSignedIn(visitor), false)
})

test('oidcc-rp-initiated-logout-no-post-logout-redirect-uri', async () => {
  const { visitor, idToken } = await signIn()
  const shown = await visitor.open(logoutUrl({ id_token_hint: idToken, state: STATE }))
  assertStays(shown)
  assert.equal(shown.status, 200)
  assert.equal(await isSignedIn(visitor), false)
})
