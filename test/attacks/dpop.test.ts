import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { RegisteredClient } from '#clients/register.ts'
import {
  assertTold,
  authorizePath,
  ISSUER,
  makePublicSite,
  makeSite,
  obtainCode,
  readCode,
  openBrowser,
  redeem,
  refreshWith,
  signInHere,
  walkThrough,
  type AskedParameters,
} from '../support/browser_like.ts'
import { athOf, makeDpopKey, proofClaims, type DpopKey, type ProofClaims } from '../support/dpop_key.ts'
import { createTestDatabase, noPostgres } from '../support/postgres.ts'
import {
  addOrganizations,
  claimsOf,
  startPostern,
  type RunningPostern,
  type TokenAnswer,
} from '../support/running_postern.ts'
import {
  askForToken,
  assertGranted,
  assertRefused,
  callPlatform,
  credentials,
  encodeForm,
  file,
  FORM,
  startSecondNode,
  tally,
  type PlatformAnswer,
} from './attacking.ts'

// H · tokens that are bound to a key (RFC 9449), and what follows for codes (A49, D13), refresh tokens and platform sessions.

const TOKEN_URL = `${ISSUER}oauth/token`
const USERINFO = '/userinfo'
const V2 = '/api/v2.0/organizations'
const V3 = '/api/v3.0/organizations'
const SESSION = '/api/v2.0/session'
const CAMPAIGNS = '/api/v2.0/campaigns'
const RESOURCES = [USERINFO, V2, V3, SESSION]
const OFFLINE = { scope: 'offline_access openid read:entities' }

const postern = await startPostern(file)
await addOrganizations(postern.store, 2)
const account = await postern.makeAccount()
const browser = openBrowser(postern)
await signInHere(browser, account)
// Nonces have tests of their own: without them each case here is about one thing.
const site = await makeSite(postern, { party: 'first', dpop: 'when_offered' })
const spa = await makePublicSite(postern, { party: 'first', dpopNonce: 'when_offered' })
const key = makeDpopKey()

const tokenProof = (of: DpopKey = key, more: ProofClaims = {}, header: ProofClaims = {}): string =>
  of.prove(proofClaims('POST', TOKEN_URL, more), header)
const resourceProof = (
  token: string,
  path: string,
  of: DpopKey = key,
  more: ProofClaims = {},
  header: ProofClaims = {},
) => of.prove(proofClaims('GET', ISSUER + path.slice(1), { ath: athOf(token), ...more }), header)

/** The exchange of a new code. */
const exchange = async (
  client: RegisteredClient,
  proof: string | undefined,
  asked: AskedParameters = {},
): Promise<TokenAnswer> => {
  const { code, verifier } = await obtainCode(browser, client, account, { ...OFFLINE, ...asked })
  return postern.token(codeRequest(client, code, verifier), proof === undefined ? {} : { dpop: proof })
}
const codeRequest = (client: RegisteredClient, code: string, verifier: string | undefined) => ({
  grant_type: 'authorization_code',
  code,
  ...credentials(client),
  redirect_uri: client.client.policy.redirectUris[0],
  code_verifier: verifier,
})
const refresh = (client: RegisteredClient, token: string, proof: string | undefined) =>
  postern.token(
    { grant_type: 'refresh_token', refresh_token: token, ...credentials(client) },
    proof === undefined ? {} : { dpop: proof },
  )
const bound = async (client: RegisteredClient, of: DpopKey = key) =>
  assertGranted(await exchange(client, tokenProof(of)))

/** A call of a resource with a token and a proof, as `DPoP` unless said otherwise. */
const call = (
  path: string,
  token: string,
  proof: string | undefined = resourceProof(token, path),
  { scheme = 'DPoP', session, at = postern }: { scheme?: string; session?: string; at?: RunningPostern } = {},
): Promise<PlatformAnswer> =>
  callPlatform(at, path, {
    session,
    headers: { authorization: `${scheme} ${token}`, ...(proof === undefined || proof === '' ? {} : { dpop: proof }) },
  })
const challenged = ({ status, headers }: PlatformAnswer, error: string): void => {
  const challenge = headers.get('www-authenticate') ?? ''
  assert.equal(status, 401, challenge)
  assert.match(challenge, /^DPoP realm="[^"]+", error="/)
  assert.ok(challenge.includes(`error="${error}"`), challenge)
  assert.match(challenge, /, algs="ES256 PS256 RS256 EdDSA Ed25519"$/)
}

test('metadata names the algorithms of proofs, and no other (RFC 9449 §5.1)', async () => {
  const metadata = (await (await fetch(`${postern.origin}/.well-known/openid-configuration`)).json()) as object
  const algorithms = (metadata as Record<string, unknown>)['dpop_signing_alg_values_supported'] as string[]
  assert.deepEqual(algorithms, ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'])
  for (const algorithm of algorithms) assertGranted(await exchange(site, tokenProof(makeDpopKey(algorithm as 'ES256'))))
})

test('a token that was asked for with a proof is bound to its key, and says so (RFC 9449 §5, §6.1)', async () => {
  for (const client of [site, spa]) {
    const { access_token, token_type } = await bound(client)
    assert.equal(token_type, 'DPoP')
    assert.deepEqual(claimsOf(access_token)['cnf'], { jkt: key.jkt })
    for (const path of RESOURCES) assert.equal((await call(path, access_token)).status, 200, path)
    const plain = assertGranted(await exchange(client, undefined))
    assert.equal(plain.token_type, 'Bearer')
    assert.equal(claimsOf(plain.access_token)['cnf'], undefined)
    for (const path of RESOURCES)
      assert.equal((await call(path, plain.access_token, '', { scheme: 'Bearer' })).status, 200)
  }
})

test('a token of a client alone, and one by password, are bound as well; introspection tells (RFC 9449 §6.2)', async () => {
  const machine = await postern.makeClient()
  for (const asked of [
    { grant_type: 'client_credentials' },
    { grant_type: 'password', username: account.username, password: 'correct horse battery staple' },
  ]) {
    const answer = assertGranted(await postern.token({ ...asked, ...credentials(machine) }, { dpop: tokenProof() }))
    assert.equal(answer.token_type, 'DPoP')
    assert.deepEqual(claimsOf(answer.access_token)['cnf'], { jkt: key.jkt })
    const response = await fetch(`${postern.origin}/oauth/introspect`, {
      method: 'POST',
      body: new URLSearchParams({ token: answer.access_token, ...credentials(machine) }),
    })
    const { token_type, cnf } = (await response.json()) as Record<string, unknown>
    assert.deepEqual([token_type, cnf], ['DPoP', { jkt: key.jkt }])
  }
})

test('H26 · a bound token as Bearer, and as DPoP without a proof, is refused with a DPoP challenge (RFC 9449 §7.1, §7.2)', async () => {
  const { access_token: token } = await bound(site)
  for (const path of RESOURCES) {
    challenged(await call(path, token, undefined, { scheme: 'Bearer' }), 'invalid_token')
    challenged(await call(path, token, '', { scheme: 'Bearer' }), 'invalid_token')
    challenged(await callPlatform(postern, path, { headers: { authorization: token } }), 'invalid_token')
    challenged(await call(path, token, ''), 'invalid_dpop_proof')
    assert.equal((await call(path, token)).status, 200, path)
  }
  const inForm = await fetch(postern.origin + USERINFO, {
    method: 'POST',
    headers: { dpop: token },
    body: new URLSearchParams({ access_token: token }),
  })
  assert.equal(inForm.status, 401)
})

test('H26 · own: a token that is bound to no key is not taken as DPoP, whatever proof comes with it', async () => {
  const { access_token: token } = assertGranted(await exchange(site, undefined))
  for (const path of RESOURCES) {
    challenged(await call(path, token), 'invalid_token')
    assert.equal((await call(path, token, '', { scheme: 'Bearer' })).status, 200)
    // A proof beside a bearer token says nothing.
    assert.equal((await call(path, token, resourceProof(token, path), { scheme: 'Bearer' })).status, 200)
  }
})

test('H28 · a proof works once: at the token endpoint, at a resource, and 20 at once (RFC 9449 §11.1)', async () => {
  const machine = await postern.makeClient()
  const asked = { grant_type: 'client_credentials', ...credentials(machine) }
  const proof = tokenProof()
  assertGranted(await postern.token(asked, { dpop: proof }))
  assertRefused(await postern.token(asked, { dpop: proof }), 400, 'invalid_dpop_proof')
  assertGranted(await postern.token(asked, { dpop: tokenProof() }))
  const shared = tokenProof()
  const all = await Promise.all(Array.from({ length: 20 }, () => postern.token(asked, { dpop: shared })))
  assert.deepEqual(tally(all.map(({ status }) => status)), { 200: 1, 400: 19 })
  const { access_token: token } = await bound(site)
  for (const path of RESOURCES) {
    const used = resourceProof(token, path)
    const answers = await Promise.all(Array.from({ length: 20 }, () => call(path, token, used)))
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 1, 401: 19 })
    challenged(await call(path, token, used), 'invalid_dpop_proof')
  }
})

test(
  'H28 · R20 · a proof that is shown to two nodes at once has one of them (RFC 9449 §11.1)',
  { skip: noPostgres },
  async (t) => {
    const database = await createTestDatabase()
    t.after(database.drop)
    const first = await startPostern(t, { postgresUrl: database.url })
    const second = await startSecondNode(t, first, database.url)
    const machine = await first.makeClient()
    const body = encodeForm({ grant_type: 'client_credentials', ...credentials(machine) })
    for (let round = 0; round < 5; round++) {
      const headers = [`Content-Type: ${FORM}`, `DPoP: ${tokenProof()}`]
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, n) => askForToken(n % 2 === 0 ? first : second, body, headers)),
      )
      assert.deepEqual(tally(all.map(({ status }) => status)), { 200: 1, 400: 19 })
    }
    // A nonce of one node is taken at the other.
    const strict = await first.makeClient({ dpop: 'required', dpopNonce: 'required' })
    const strictBody = encodeForm({ grant_type: 'client_credentials', ...credentials(strict) })
    const asked = await askForToken(first, strictBody, [`Content-Type: ${FORM}`, `DPoP: ${tokenProof()}`])
    assert.equal(asked.error, 'use_dpop_nonce')
    const proof = tokenProof(key, { nonce: asked.reply.headers.get('dpop-nonce') })
    assert.equal((await askForToken(second, strictBody, [`Content-Type: ${FORM}`, `DPoP: ${proof}`])).status, 200)
  },
)

test('H28 · own: the same jti by another key is another proof, and a malleable signature is not', async () => {
  const machine = await postern.makeClient()
  const asked = { grant_type: 'client_credentials', ...credentials(machine) }
  const jti = randomUUID()
  const proof = tokenProof(key, { jti })
  assertGranted(await postern.token(asked, { dpop: proof }))
  assertGranted(await postern.token(asked, { dpop: tokenProof(makeDpopKey(), { jti }) }))
  // ECDSA: (r, n - s) signs the same as (r, s).
  const [head, body, signature = ''] = proof.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const twin = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')])
  const answer = await postern.token(asked, { dpop: `${head}.${body}.${twin.toString('base64url')}` })
  assertRefused(answer, 400, 'invalid_dpop_proof')
  assert.match(answer.body.error_description ?? '', /used before/)
})

test('H29 · two DPoP headers are refused, whatever is in them (RFC 9449 §4.3)', async () => {
  const machine = await postern.makeClient()
  const body = encodeForm({ grant_type: 'client_credentials', ...credentials(machine) })
  const send = (...proofs: readonly string[]) =>
    askForToken(postern, body, [`Content-Type: ${FORM}`, ...proofs.map((proof) => `DPoP: ${proof}`)])
  const [one, other] = [tokenProof(), tokenProof()]
  for (const proofs of [[one, other], [one, one], [one, ''], ['', one], [`${one}, ${other}`]]) {
    const { status, error } = await send(...proofs)
    assert.deepEqual([status, error], [400, 'invalid_dpop_proof'])
  }
  assert.equal((await send(one)).status, 200)
  const { access_token: token } = await bound(site)
  const twice = `${resourceProof(token, V3)}, ${resourceProof(token, V3)}`
  challenged(await call(V3, token, twice), 'invalid_dpop_proof')
})

test('H31 · the refresh token of a public client works with its key alone (RFC 9449 §5)', async () => {
  const other = makeDpopKey()
  const first = await bound(spa)
  for (const proof of [tokenProof(other), undefined]) {
    assertRefused(await refresh(spa, first.refresh_token ?? '', proof), 400, 'invalid_grant')
  }
  // Whoever has stolen it has ended nothing.
  const second = assertGranted(await refresh(spa, first.refresh_token ?? '', tokenProof()))
  assert.deepEqual([second.token_type, claimsOf(second.access_token)['cnf']], ['DPoP', { jkt: key.jkt }])
  assert.equal((await call(V3, second.access_token)).status, 200)
  assertRefused(await refresh(spa, second.refresh_token ?? '', tokenProof(other)), 400, 'invalid_grant')
  const third = assertGranted(await refresh(spa, second.refresh_token ?? '', tokenProof()))
  // The window for retries is for the owner of the key too.
  assertRefused(await refresh(spa, second.refresh_token ?? '', tokenProof(other)), 400, 'invalid_grant')
  const retried = assertGranted(await refresh(spa, second.refresh_token ?? '', tokenProof()))
  assert.equal(retried.refresh_token, third.refresh_token)
})

test('H31 · own: that of a confidential client is bound to the client, so its key may change (RFC 9449 §5)', async () => {
  const first = await bound(site)
  const other = makeDpopKey()
  const next = assertGranted(await refresh(site, first.refresh_token ?? '', tokenProof(other)))
  assert.deepEqual(claimsOf(next.access_token)['cnf'], { jkt: other.jkt })
  challenged(await call(V3, next.access_token), 'invalid_token')
  assert.equal((await call(V3, next.access_token, resourceProof(next.access_token, V3, other))).status, 200)
  assertRefused(await refresh(spa, first.refresh_token ?? '', tokenProof()), 400, 'invalid_grant')
})

test('H31 · own: a public client that shares a password sign-in gets no refresh token with a proof', async () => {
  const native = await postern.makeClient({
    tokenEndpointAuthMethod: 'none',
    dpopNonce: 'when_offered',
    grantTypes: ['password', 'refresh_token'],
  })
  const asked = { scope: 'offline_access read:entities' }
  const ask = (scope: string, dpop?: string) =>
    postern.token(
      {
        ...{ grant_type: 'password', username: account.username, password: 'correct horse battery staple' },
        ...{ scope, client_id: native.client.id },
      },
      dpop === undefined ? {} : { dpop },
    )
  assertRefused(await ask(asked.scope, tokenProof()), 400, 'invalid_request')
  assert.equal(assertGranted(await ask('read:entities', tokenProof())).token_type, 'DPoP')
  assert.equal(assertGranted(await ask(asked.scope)).token_type, 'Bearer')
})

test('A49 · D13 · a code that was asked for with dpop_jkt is given for that key alone, and is spent by another (RFC 9449 §10)', async () => {
  for (const client of [site, spa]) {
    for (const proof of [tokenProof(makeDpopKey()), undefined]) {
      const { code, verifier } = await obtainCode(browser, client, account, { ...OFFLINE, dpop_jkt: key.jkt })
      const wrong = await postern.token(codeRequest(client, code, verifier), proof === undefined ? {} : { dpop: proof })
      assertRefused(wrong, 400, 'invalid_grant')
      const late = await postern.token(codeRequest(client, code, verifier), { dpop: tokenProof() })
      assertRefused(late, 400, 'invalid_grant')
    }
    const { access_token } = assertGranted(await exchange(client, tokenProof(), { dpop_jkt: key.jkt }))
    assert.deepEqual(claimsOf(access_token)['cnf'], { jkt: key.jkt })
  }
})

test('A49 · own: dpop_jkt that is no thumbprint, or comes twice, is told to the client (RFC 9449 §10)', async () => {
  for (const dpop_jkt of ['x', `${key.jkt}=`, key.jkt.slice(1), `${key.jkt}A`, key.jkt.replace(/./, '+')])
    assertTold(await browser.get(authorizePath(site, { ...OFFLINE, dpop_jkt })), 'invalid_request')
  const path = authorizePath(site, { ...OFFLINE, dpop_jkt: key.jkt })
  assertTold(await browser.get(`${path}&dpop_jkt=${key.jkt}`), 'invalid_request')
  assert.ok((await walkThrough(browser, path, account)).location?.includes('code='))
})

test('A49 · a proof at the pushed request binds the code to its key, and must be the one that dpop_jkt names (RFC 9449 §10.1)', async () => {
  const push = (proof: string | undefined, dpop_jkt?: string) =>
    fetch(`${postern.origin}/oauth/par`, {
      method: 'POST',
      headers: proof === undefined ? {} : { dpop: proof },
      body: new URLSearchParams({
        ...credentials(site),
        ...OFFLINE,
        response_type: 'code',
        redirect_uri: site.client.policy.redirectUris[0] ?? '',
        ...(dpop_jkt === undefined ? {} : { dpop_jkt }),
      }),
    })
  const parProof = (more: ProofClaims = {}) => key.prove(proofClaims('POST', `${ISSUER}oauth/par`, more))
  for (const [proof, named] of [
    [parProof(), makeDpopKey().jkt],
    [parProof({ iat: 1 }), undefined],
    [tokenProof(), undefined],
  ] as const) {
    const refused = await push(proof, named)
    const { error } = (await refused.json()) as { readonly error?: string }
    assert.deepEqual([refused.status, error], [400, 'invalid_dpop_proof'])
  }
  const codeOfPushed = async (proof: string | undefined, named?: string) => {
    const pushed = (await (await push(proof, named)).json()) as { readonly request_uri: string }
    const query = new URLSearchParams({ client_id: site.client.id, request_uri: pushed.request_uri })
    return readCode(await walkThrough(browser, `/authorize?${query.toString()}`, account))
  }
  for (const [proof, named] of [
    [parProof(), undefined],
    [parProof(), key.jkt],
    [undefined, key.jkt],
  ] as const) {
    const stolen = await codeOfPushed(proof === undefined ? undefined : parProof(), named)
    const byThief = await postern.token(codeRequest(site, stolen, undefined), { dpop: tokenProof(makeDpopKey()) })
    assertRefused(byThief, 400, 'invalid_grant')
    const own = await codeOfPushed(proof, named)
    assertGranted(await postern.token(codeRequest(site, own, undefined), { dpop: tokenProof() }))
  }
})

test('a proof that is not of this request is refused at the token endpoint, and the code lives on (RFC 9449 §4.3)', async () => {
  const other = makeDpopKey()
  const { code, verifier } = await obtainCode(browser, site, account, OFFLINE)
  const now = Math.floor(Date.now() / 1000)
  for (const proof of [
    '',
    'x',
    'x'.repeat(8000),
    resourceProof('x', USERINFO),
    tokenProof(key, { htm: 'post', iat: now }),
    tokenProof(key, { htm: 'GET', iat: now }),
    tokenProof(key, { htu: `${postern.origin}/oauth/token`, iat: now }),
    tokenProof(key, { htu: `${ISSUER}oauth/token/`, iat: now }),
    tokenProof(key, { htu: `${ISSUER}userinfo`, iat: now }),
    tokenProof(key, { htu: 'https://localhost:9400/oauth/token', iat: now }),
    tokenProof(key, { iat: now - 62 }),
    tokenProof(key, { iat: now + 60 }),
    tokenProof(key, { iat: String(now) }),
    tokenProof(key, { jti: '', iat: now }),
    tokenProof(key, { iat: now }, { alg: 'none' }),
    tokenProof(key, { iat: now }, { alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' } }),
    tokenProof(key, { iat: now }, { jwk: key.privateJwk }),
    tokenProof(key, { iat: now }, { jwk: other.jwk }),
    tokenProof(key, { iat: now }, { typ: 'JWT' }),
    tokenProof(key, { iat: now, padding: 'x'.repeat(5000) }),
  ]) {
    const answer = await postern.token(codeRequest(site, code, verifier), { dpop: proof })
    assertRefused(answer, 400, 'invalid_dpop_proof')
  }
  // What the request calls us is not what the proof is for.
  const headers = {
    dpop: tokenProof(key, { htu: 'https://evil.example/oauth/token', iat: now }),
    'x-forwarded-host': 'evil.example',
  }
  assertRefused(await postern.token(codeRequest(site, code, verifier), headers), 400, 'invalid_dpop_proof')
  assertGranted(await postern.token(codeRequest(site, code, verifier), { dpop: tokenProof(key, { iat: now }) }))
})

test('a proof that is not of this request is refused at each resource (RFC 9449 §4.3, §7.1)', async () => {
  const iat = Math.floor(Date.now() / 1000)
  const fresh = assertGranted(await exchange(site, tokenProof(key, { iat })))
  const { access_token: token } = fresh
  const second = assertGranted(await exchange(site, tokenProof(key, { iat })))
  for (const path of RESOURCES) {
    const elsewhere = path === V3 ? V2 : V3
    for (const proof of [
      'x',
      tokenProof(key, { iat }),
      resourceProof(token, elsewhere, key, { iat }),
      resourceProof(second.access_token, path, key, { iat }),
      resourceProof(token, path, key, { iat, ath: undefined }),
      resourceProof(token, path, key, { iat, htm: 'POST' }),
      resourceProof(token, path, key, { iat: iat - 62 }),
      resourceProof(token, path, key, { iat: iat + 60 }),
      resourceProof(token, path, key, { iat }, { alg: 'none' }),
      resourceProof(token, path, key, { iat }, { jwk: key.privateJwk }),
      resourceProof(token, path, key, { iat }, { jwk: makeDpopKey().jwk }),
    ])
      challenged(await call(path, token, proof), 'invalid_dpop_proof')
    challenged(await call(path, token, resourceProof(token, path, makeDpopKey(), { iat })), 'invalid_token')
    assert.equal((await call(path, token, resourceProof(token, path, key, { iat }))).status, 200, path)
    assert.equal((await call(`${path}?`, token, resourceProof(token, `${path}?x=y#z`, key, { iat }))).status, 200, path)
  }
  // As this client wrote it, and as the path was repaired for it.
  for (const [path, htu] of [
    ['//api//v3.0/organizations/', 'api/v3.0/organizations/'],
    ['/api/v3.0/organizations/', 'api/v3.0/organizations'],
  ] as const)
    assert.equal((await call(path, token, resourceProof(token, `/${htu}`, key, { iat }))).status, 200, path)
})

test('a client that must send proofs obtains nothing without one, and what it obtained before is not taken (RFC 9449 §5.2)', async () => {
  const strict = await makeSite(postern, { party: 'first', dpop: 'required' })
  const machine = await postern.makeClient({ dpop: 'required' })
  const { code, verifier } = await obtainCode(browser, strict, account, OFFLINE)
  assertRefused(await postern.token(codeRequest(strict, code, verifier)), 400, 'invalid_dpop_proof')
  const iat = Math.floor(Date.now() / 1000)
  const granted = assertGranted(
    await postern.token(codeRequest(strict, code, verifier), { dpop: tokenProof(key, { iat }) }),
  )
  assertRefused(await refresh(strict, granted.refresh_token ?? '', undefined), 400, 'invalid_dpop_proof')
  assertGranted(await refresh(strict, granted.refresh_token ?? '', tokenProof(key, { iat })))
  const asked = { grant_type: 'client_credentials', ...credentials(machine) }
  assertRefused(await postern.token(asked), 400, 'invalid_dpop_proof')
  assertGranted(await postern.token(asked, { dpop: tokenProof(key, { iat }) }))
})

test('a public client must repeat our nonce: a wrong, an old and a missing one are answered with the right one (RFC 9449 §8, §9)', async (t) => {
  const own = await startPostern(t)
  await addOrganizations(own.store, 1)
  const person = await own.makeAccount()
  const tab = openBrowser(own)
  await signInHere(tab, person)
  let ahead = 0
  const iat = () => Math.floor(Date.now() / 1000) + ahead
  const pass = (seconds: number) => {
    own.travel(seconds)
    ahead += seconds
  }
  const strictSite = await makePublicSite(own, { party: 'first' })
  const obtained = await obtainCode(tab, strictSite, person, OFFLINE)
  const ask = (nonce?: string) =>
    own.token(codeRequest(strictSite, obtained.code, obtained.verifier), {
      dpop: tokenProof(key, { iat: iat(), nonce }),
    })
  const old = (await ask()).headers.get('dpop-nonce') ?? ''
  assert.match(old, /^[A-Za-z0-9_-]{22}$/)
  for (const nonce of [undefined, '', 'x', `${old}x`, old.slice(1)]) {
    const answer = await ask(nonce)
    assertRefused(answer, 400, 'use_dpop_nonce')
    assert.equal(answer.headers.get('dpop-nonce'), old)
  }
  const answer = await ask(old)
  const { access_token: token, refresh_token: refreshToken } = assertGranted(answer)
  assert.equal(answer.headers.get('dpop-nonce'), old)

  for (const path of RESOURCES) {
    const nonceless = await call(path, token, resourceProof(token, path, key, { iat: iat() }), { at: own })
    challenged(nonceless, 'use_dpop_nonce')
    const nonce = nonceless.headers.get('dpop-nonce')
    const served = await call(path, token, resourceProof(token, path, key, { iat: iat(), nonce }), { at: own })
    assert.deepEqual([served.status, served.headers.get('dpop-nonce')], [200, nonce], path)
    challenged(
      await call(path, token, resourceProof(token, path, key, { iat: iat(), nonce: 'x' }), { at: own }),
      'use_dpop_nonce',
    )
  }
  // Ten minutes later it is old, for the token endpoint and for resources.
  pass(601)
  const aged = await refreshWith(
    { token: (parameters) => own.token(parameters, { dpop: tokenProof(key, { iat: iat(), nonce: old }) }) },
    strictSite,
    refreshToken ?? '',
  )
  assertRefused(aged, 400, 'use_dpop_nonce')
  const newest = aged.headers.get('dpop-nonce') ?? ''
  assert.notEqual(newest, old)
  challenged(
    await call(V3, token, resourceProof(token, V3, key, { iat: iat(), nonce: old }), { at: own }),
    'use_dpop_nonce',
  )
  assert.equal(
    (await call(V3, token, resourceProof(token, V3, key, { iat: iat(), nonce: newest }), { at: own })).status,
    200,
  )
})

test('a client that needs no nonce is given none; one that it sends must be ours all the same', async () => {
  const machine = await postern.makeClient()
  const asked = { grant_type: 'client_credentials', ...credentials(machine) }
  const iat = Math.floor(Date.now() / 1000)
  const plain = await postern.token(asked, { dpop: tokenProof(key, { iat }) })
  assertGranted(plain)
  assert.equal(plain.headers.get('dpop-nonce'), null)
  const wrong = await postern.token(asked, { dpop: tokenProof(key, { iat, nonce: 'x' }) })
  assertRefused(wrong, 400, 'use_dpop_nonce')
  const nonce = wrong.headers.get('dpop-nonce')
  const right = await postern.token(asked, { dpop: tokenProof(key, { iat, nonce }) })
  assertGranted(right)
  assert.equal(right.headers.get('dpop-nonce'), nonce)
})

test('a session that comes from a bound token is taken beside such a token alone, at every API (RFC 9449 §1)', async () => {
  const iat = () => Math.floor(Date.now() / 1000)
  const strict = await makeSite(postern, { party: 'first', dpop: 'required' })
  const proof = (token: string, path: string, of = key) => resourceProof(token, path, of, { iat: iat() })
  for (const client of [site, spa, strict]) {
    const { access_token: token } = assertGranted(await exchange(client, tokenProof(key, { iat: iat() })))
    const { setSession: session } = await call(SESSION, token, proof(token, SESSION))
    assert.ok(session !== undefined)
    for (const path of [SESSION, V2, CAMPAIGNS]) {
      const alone = await callPlatform(postern, path, { session })
      assert.equal(alone.status, 401, path)
      challenged(await call(path, token, '', { session }), 'invalid_dpop_proof')
      challenged(await call(path, token, proof(token, path), { session, scheme: 'Bearer' }), 'invalid_token')
      assert.equal((await call(path, token, proof(token, path), { session })).status, 200, path)
    }
    assert.equal((await call(CAMPAIGNS, token, proof(token, CAMPAIGNS))).status, 401)
  }
  // One that comes from a bearer token works alone, as it always did.
  const { access_token: plain } = assertGranted(await exchange(site, undefined))
  const { setSession: session } = await call(SESSION, plain, '', { scheme: 'Bearer' })
  assert.equal((await callPlatform(postern, V2, { session })).status, 200)
})

test('a request without a proof asks nothing more of the store than it did', async (t) => {
  let spent = 0
  const counted = await startPostern(t, {
    wrapStore: (store) => ({
      ...store,
      oneTimeValues: {
        spend: (asked) => {
          spent++
          return store.oneTimeValues.spend(asked)
        },
      },
    }),
  })
  const machine = await counted.makeClient()
  const asked = { grant_type: 'client_credentials', ...credentials(machine) }
  assertGranted(await counted.token(asked))
  assert.equal(spent, 0)
  // What is refused for what it says is refused before anything is written.
  for (const dpop of [
    'x',
    tokenProof(key, { htm: 'GET' }),
    tokenProof(key, { nonce: 'x' }),
    tokenProof(key, {}, { jwk: makeDpopKey().jwk }),
  ])
    assert.equal((await counted.token(asked, { dpop })).status, 400)
  assert.equal(spent, 0)
  assertGranted(await counted.token(asked, { dpop: tokenProof() }))
  assert.equal(spent, 1)
})

test('the code that a person allowed for one key is of no use to whoever saw the redirect (RFC 9449 §11.9)', async () => {
  const thief = makeDpopKey()
  const iat = Math.floor(Date.now() / 1000)
  const obtained = await obtainCode(browser, spa, account, { ...OFFLINE, dpop_jkt: key.jkt })
  const stolen = await redeem(
    { token: (parameters) => postern.token(parameters, { dpop: tokenProof(thief, { iat }) }) },
    obtained,
  )
  assertRefused(stolen, 400, 'invalid_grant')
})

// Last, because it moves the clock that the others share.
test('H28 · own: a proof that was used stays used for as long as it is remembered, and after that it is too old', async () => {
  const { access_token: token } = await bound(site)
  const old = resourceProof(token, V3)
  assert.equal((await call(V3, token, old)).status, 200)
  for (let n = 0; n < 4; n++) {
    postern.travel(50)
    await postern.store.sweep()
    challenged(await call(V3, token, old), 'invalid_dpop_proof')
  }
})
