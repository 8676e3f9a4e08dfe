import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import {
  assertSignIn,
  assertTold,
  authorizePath,
  makePublicSite,
  makeSite,
  obtainCode,
  openBrowser,
  pkce,
  redeem,
  signInHere,
} from '../support/browser_like.ts'
import { startPostern } from '../support/running_postern.ts'
import { assertGranted, assertRefused, credentials, file } from './attacking.ts'

// C · PKCE.
//
// Not here, because what it attacks does not exist yet:
// - C13 · there are no pushed authorization requests.

const postern = await startPostern(file)
const account = await postern.makeAccount()
const site = await makeSite(postern)
const publicSite = await makePublicSite(postern)
const strictSite = await makeSite(postern, { pkce: 'required' })

const browser = openBrowser(postern)
await signInHere(browser, account)
const stranger = openBrowser(postern)
const S256 = 'S256'

/** A code with a challenge, and its verifier. */
const withProof = async (client = site) => {
  const { challenge, verifier } = pkce()
  const asked = { code_challenge: challenge, code_challenge_method: S256 }
  return { ...(await obtainCode(browser, client, account, asked)), verifier }
}

test('C01 · a public client, and one that must, gets nowhere without a challenge (RFC 9700 §2.1.1)', async () => {
  for (const client of [publicSite, strictSite]) {
    for (const who of [stranger, browser]) {
      assertTold(await who.get(authorizePath(client, { state: 's' })), 'invalid_request', { state: 's' })
      assertTold(await who.get(authorizePath(client, { code_challenge: '' })), 'invalid_request')
    }
    assertGranted(await redeem(postern, await withProof(client)))
  }
})

test('C02, C04 · a method that is not S256, or none, is refused (RFC 7636 §4.4.1; GHSA-9h47-pqcx-hjr4)', async () => {
  const { challenge } = pkce()
  for (const method of ['plain', 'S512', 's256', 'S256 ', 'SHA-256', 'none', '', undefined, 'constructor']) {
    for (const client of [site, publicSite]) {
      const path = authorizePath(client, { code_challenge: challenge, code_challenge_method: method })
      assertTold(await stranger.get(path), 'invalid_request', { message: String(method) })
    }
  }
  assertSignIn(await stranger.get(authorizePath(site, { code_challenge: challenge, code_challenge_method: S256 })))
})

test('C05 · a challenge that no SHA-256 can be is refused (RFC 7636 §4.2)', async () => {
  const { challenge } = pkce()
  const start = challenge.slice(0, 42)
  for (const bad of [
    start,
    `${challenge}A`,
    `${start}=`,
    `${start}+`,
    `${start}/`,
    `${start}B`,
    'x'.repeat(128),
    `${start} `,
    'A'.repeat(129),
  ]) {
    const path = authorizePath(site, { code_challenge: bad, code_challenge_method: S256 })
    assertTold(await stranger.get(path), 'invalid_request', { message: bad })
  }
  assertSignIn(await stranger.get(authorizePath(site, { code_challenge: challenge, code_challenge_method: S256 })))
})

test('C07, C14 · a verifier where no challenge was sent is refused: somebody took it out (RFC 9700 §4.8.2; CVE-2024-22258)', async () => {
  const stripped = await obtainCode(browser, site, account)
  assertRefused(await redeem(postern, stripped, { code_verifier: pkce().verifier }), 400, 'invalid_grant')
  assertRefused(await redeem(postern, stripped), 400, 'invalid_grant')
  assertGranted(await redeem(postern, await obtainCode(browser, site, account)))
  assertGranted(await redeem(postern, await withProof()))
})

test('C08 · a wrong verifier spends the code: the right one comes too late (RFC 7636 §4.6)', async () => {
  for (const client of [site, publicSite]) {
    const obtained = await withProof(client)
    assertRefused(await redeem(postern, obtained, { code_verifier: pkce().verifier }), 400, 'invalid_grant')
    assertRefused(await redeem(postern, obtained), 400, 'invalid_grant')
    assertGranted(await redeem(postern, await withProof(client)))
  }
})

test('C08 · own: the verifier of one code does not redeem another, nor does the challenge itself', async () => {
  const [first, second] = [await withProof(), await withProof()]
  assertRefused(await redeem(postern, first, { code_verifier: second.verifier }), 400, 'invalid_grant')
  assertGranted(await redeem(postern, second))
  const { challenge } = pkce()
  const plain = await obtainCode(browser, site, account, { code_challenge: challenge, code_challenge_method: S256 })
  assertRefused(await redeem(postern, plain, { code_verifier: challenge }), 400, 'invalid_grant')
})

test('C10 · empty is not given: no challenge for who must send one, no verifier for who did (CVE-2024-23647)', async () => {
  const empty = { code_challenge: '', code_challenge_method: S256 }
  for (const client of [site, publicSite]) {
    assertTold(await stranger.get(authorizePath(client, empty)), 'invalid_request')
  }
  for (const none of ['', undefined]) {
    assertRefused(await redeem(postern, await withProof(), { code_verifier: none }), 400, 'invalid_grant')
  }
  // RFC 6749 §3.1: an empty parameter is one that was left out. It opens nothing: a verifier is then refused.
  const omitted = await obtainCode(browser, site, account, { code_challenge: '' })
  assertRefused(await redeem(postern, omitted, { code_verifier: pkce().verifier }), 400, 'invalid_grant')
  assertGranted(await redeem(postern, await withProof()))
})

test('C11 · a verifier that RFC 7636 does not allow is refused, even if its hash is right (RFC 7636 §4.1)', async () => {
  for (const verifier of [
    'a'.repeat(42),
    'a'.repeat(129),
    `${'a'.repeat(42)}!`,
    `${'a'.repeat(42)} `,
    `${'a'.repeat(42)}ä`,
  ]) {
    const asked = { code_challenge: hash('sha256', verifier, 'base64url'), code_challenge_method: S256 }
    const obtained = await obtainCode(browser, site, account, asked)
    const answer = await redeem(postern, { ...obtained, verifier })
    assert.ok(['invalid_grant', 'invalid_request'].includes(answer.body.error ?? ''), JSON.stringify(answer.body))
    assert.equal(answer.status, 400)
  }
  for (const verifier of ['a'.repeat(43), '-._~'.repeat(32)]) {
    const asked = { code_challenge: hash('sha256', verifier, 'base64url'), code_challenge_method: S256 }
    assertGranted(await redeem(postern, { ...(await obtainCode(browser, site, account, asked)), verifier }))
  }
})

test('C16 · the metadata offers S256 alone (RFC 8414 §2)', async () => {
  for (const name of ['openid-configuration', 'oauth-authorization-server']) {
    const response = await fetch(`${postern.origin}/.well-known/${name}`)
    const metadata = (await response.json()) as Record<string, unknown>
    assert.deepEqual(metadata['code_challenge_methods_supported'], ['S256'])
    assert.deepEqual(metadata['response_types_supported'], ['code'])
    assert.equal(metadata['authorization_response_iss_parameter_supported'], true)
  }
})

test('C17 · a verifier elsewhere is ignored and proves nothing', async () => {
  const code = await obtainCode(
    browser,
    site,
    account,
    { scope: 'offline_access read:entities', prompt: 'consent' },
    { scopes: ['offline_access', 'read:entities'] },
  )
  const { refresh_token: refreshToken } = assertGranted(await redeem(postern, code))
  const use = { grant_type: 'refresh_token', refresh_token: refreshToken, code_verifier: pkce().verifier }
  assertRefused(await postern.token({ ...use, client_id: site.client.id }), 401, 'invalid_client')
  assertGranted(await postern.token({ ...use, ...credentials(site) }))
})
