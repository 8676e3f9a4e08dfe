import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { CompactEncrypt } from 'jose'
import { createApp } from '#app.ts'
import { silentLog } from '#base/log.ts'
import { findJwksDefect } from '#clients/client_keys.ts'
import type { RegisteredClient } from '#clients/register.ts'
import type { ClientPolicy } from '#stores/records.ts'
import { answerJson, authorityFile, startTlsServer, type TestServer } from '../outbound/servers.ts'
import {
  asserted,
  goodClaims,
  ISSUER,
  makeKey,
  signAssertion,
  withKeys,
  type AssertionParts,
  type SigningClientKey,
} from '../support/client_keys.ts'
import { createTestDatabase, noPostgres } from '../support/postgres.ts'
import { startPostern, type RunningPostern, type TokenAnswer } from '../support/running_postern.ts'
import { askForToken, assertGranted, assertRefused, encodeForm, file, startSecondNode, tally } from './attacking.ts'

// Client assertions (group H, first part): `private_key_jwt` and `client_secret_jwt`.

const postern = await startPostern(file)
const es256 = makeKey('ES256')
const rsa = makeKey('RS256')
const eddsa = makeKey('EdDSA')

const makeSigner = (keys: readonly SigningClientKey[], policy: Partial<ClientPolicy> = {}, at = postern) =>
  at.makeClient({ ...withKeys(...keys), ...policy })

const ask = (clientAssertion: string, at: Pick<RunningPostern, 'token'> = postern): Promise<TokenAnswer> =>
  at.token({ grant_type: 'client_credentials', ...asserted(clientAssertion) })

const askWith = async (app: RegisteredClient, key: SigningClientKey, parts: AssertionParts = {}) =>
  ask(await signAssertion(app.client.id, key, parts))

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Signs texts that `JSON.stringify` would not make. */
const signTexts = async (header: string, claims: string, key: SigningClientKey): Promise<string> => {
  const { sign } = await import('node:crypto')
  const input = `${part(header)}.${part(claims)}`
  const signature = sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

const assertInvalidClient = (answer: TokenAnswer): void => assertRefused(answer, 401, 'invalid_client')

test('a client proves itself with each algorithm, by key and by secret', async () => {
  for (const key of [es256, rsa, { ...rsa, alg: 'PS256' }, eddsa, { ...eddsa, alg: 'Ed25519' }]) {
    assertGranted(await askWith(await makeSigner([key]), key))
  }
  const app = await postern.makeClient({ tokenEndpointAuthMethod: 'client_secret_jwt' })
  const secret = { alg: 'HS256', kid: 'x', privateKey: Buffer.from(app.secret!) }
  assertGranted(await ask(await signAssertion(app.client.id, secret)))
  // The endpoints' URLs are names of the server too, and one of them may stand in a list alone (RFC 7523 §3).
  for (const aud of [`${ISSUER}oauth/token`, [ISSUER]]) {
    assertGranted(await ask(await signAssertion(app.client.id, secret, { claims: { aud } })))
  }
})

test('H01 · alg none in any spelling proves nothing (RFC 8725 §3.1)', async () => {
  const app = await makeSigner([es256])
  for (const alg of ['none', 'None', 'nOnE', 'NONE', '', undefined, 1, ['ES256']]) {
    const unsigned = `${part({ alg, kid: es256.kid })}.${part(goodClaims(app.client.id))}`
    assertInvalidClient(await ask(`${unsigned}.`))
    assertInvalidClient(await ask(`${unsigned}.AA`))
    const signed = await signAssertion(app.client.id, es256)
    assertInvalidClient(await ask(`${unsigned}.${signed.split('.')[2]}`))
  }
  assertGranted(await askWith(app, es256))
})

test('H02 · a public key is no HMAC secret (CVE-2016-5431, CVE-2026-11800)', async () => {
  for (const key of [rsa, es256]) {
    const app = await makeSigner([key])
    const secrets = [
      key.publicKey.export({ format: 'pem', type: 'spki' }),
      key.publicKey.export({ format: 'der', type: 'spki' }),
      JSON.stringify(key.publicKey.export({ format: 'jwk' })),
      JSON.stringify(key.jwk),
    ]
    for (const secret of secrets) {
      for (const alg of ['HS256', 'HS384', 'HS512']) {
        const input = `${part({ alg, kid: key.kid })}.${part(goodClaims(app.client.id))}`
        const mac = createHmac(alg.replace('HS', 'sha'), secret).update(input).digest('base64url')
        assertInvalidClient(await ask(`${input}.${mac}`))
      }
    }
    assertGranted(await askWith(app, key))
  }
  // And a secret does not sign for a client with keys, nor the other way round.
  const bySecret = await postern.makeClient({ tokenEndpointAuthMethod: 'client_secret_jwt' })
  assertInvalidClient(await askWith(bySecret, es256))
  assertInvalidClient(await askWith(await postern.makeClient(), es256))
  const app = await makeSigner([es256])
  assertInvalidClient(await postern.token({ grant_type: 'client_credentials', client_id: app.client.id }))
  for (const client_secret of [bySecret.secret, 'x']) {
    assertInvalidClient(
      await postern.token({ grant_type: 'client_credentials', client_id: app.client.id, client_secret }),
    )
  }
  const { client, secret: client_secret } = bySecret
  assertInvalidClient(await postern.token({ grant_type: 'client_credentials', client_id: client.id, client_secret }))
})

/** Twenty times at once, at these nodes in turn; then once more. @returns how often it worked */
const race = async (clientAssertion: string, nodes: readonly RunningPostern[]): Promise<number> => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => ask(clientAssertion, nodes[index % nodes.length])),
  )
  answers.push(await ask(clientAssertion, nodes[0]))
  const counts = tally(answers.map(({ status }) => status))
  assert.deepEqual(Object.keys(counts).sort(), ['200', '401'], JSON.stringify(counts))
  return counts[200]!
}

test('H04 · of 20 parallel uses of one jti one works, and none after a restart (GHSA-3p3g-vpw6-4w66): SQLite', async () => {
  const app = await makeSigner([es256])
  const signed = await signAssertion(app.client.id, es256)
  assert.equal(await race(signed, [postern]), 1)
  // The same jti under another client is another value.
  const other = await makeSigner([es256])
  const jti = randomUUID()
  for (const each of [app, other]) assertGranted(await askWith(each, es256, { claims: { jti } }))
  for (const each of [app, other]) assertInvalidClient(await askWith(each, es256, { claims: { jti } }))
  // A failed signature uses up nothing.
  const good = await signAssertion(app.client.id, es256)
  assertInvalidClient(await ask(`${good.split('.', 2).join('.')}.${'A'.repeat(86)}`))
  assertGranted(await ask(good))

  const fresh = await createApp({
    config: postern.config,
    store: postern.store,
    masterKey: postern.masterKey,
    log: silentLog,
  })
  const { port } = await fresh.listen()
  try {
    const form = encodeForm({ grant_type: 'client_credentials', ...asserted(good) })
    const again = await askForToken({ ...postern, port }, form)
    assert.deepEqual([again.status, again.error], [401, 'invalid_client'])
    const newOne = asserted(await signAssertion(app.client.id, es256))
    const form2 = encodeForm({ grant_type: 'client_credentials', ...newOne })
    assert.equal((await askForToken({ ...postern, port }, form2)).status, 200)
  } finally {
    await fresh.close()
  }
})

test('H04 · of 20 parallel uses of one jti at two nodes one works: PostgreSQL', { skip: noPostgres }, async (t) => {
  const { url, drop } = await createTestDatabase()
  t.after(drop)
  const first = await startPostern(t, { postgresUrl: url })
  const node = await startSecondNode(t, first, url)
  const token: RunningPostern['token'] = async (parameters) => {
    const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const response = await fetch(`${node.origin}/oauth/token`, { method: 'POST', body: new URLSearchParams(given) })
    return { status: response.status, headers: response.headers, body: (await response.json()) as TokenAnswer['body'] }
  }
  const app = await makeSigner([es256], {}, first)
  const signed = await signAssertion(app.client.id, es256)
  assert.equal(await race(signed, [first, { ...node, token }]), 1)
  assertGranted(await ask(await signAssertion(app.client.id, es256), { token }))
})

test('H05 · exp, nbf and iat bound an assertion, and so what is remembered of it (RFC 7523 §3, CVE-2025-2559)', async () => {
  const app = await makeSigner([es256])
  const now = Math.floor(Date.now() / 1000)
  const bad: readonly Record<string, unknown>[] = [
    ...[undefined, null, now - 60, now + 10 * 365 * 86_400, 1e308, -1, `${now + 60}`, [now + 60]].map((exp) => ({
      exp,
    })),
    ...[now + 120, null, 'now', {}].flatMap((time) => [{ nbf: time }, { iat: time }]),
  ]
  for (const claims of bad) assertInvalidClient(await askWith(app, es256, { claims }))
  for (const claims of [
    { nbf: now - 10 },
    { iat: now + 10 },
    { iat: undefined },
    { exp: now + 3590 },
    { exp: now + 0.5 },
  ]) {
    assertGranted(await askWith(app, es256, { claims }))
  }
  for (const jti of [undefined, '', 1, 'x'.repeat(257), {}]) {
    assertInvalidClient(await askWith(app, es256, { claims: { jti } }))
  }
})

test('H07 · aud names this server alone (CVE-2025-27370, CVE-2025-27371, FAPI 2.0 §5.3.2.1)', async () => {
  const app = await makeSigner([es256])
  const strict = await makeSigner([es256], { profile: 'fapi2' })
  const audiences: readonly unknown[] = [
    ...['https://other.example/', 'http://localhost:9400', `${ISSUER}/`, `${ISSUER}userinfo`, 'HTTP://LOCALHOST:9400/'],
    ...[[ISSUER, 'https://other.example/'], [ISSUER, `${ISSUER}oauth/token`], [ISSUER, ISSUER], [], [1], {}, 1, null],
    ...[undefined, ''],
  ]
  for (const aud of audiences) assertInvalidClient(await askWith(app, es256, { claims: { aud } }))
  for (const aud of [`${ISSUER}oauth/token`, `${ISSUER}oauth/par`, [ISSUER]]) {
    assertGranted(await askWith(app, es256, { claims: { aud } }))
    assertInvalidClient(await askWith(strict, es256, { claims: { aud } }))
  }
  assertGranted(await askWith(strict, es256))
  for (const claims of [{ iss: 'x' }, { sub: 'x' }, { iss: undefined }, { sub: undefined }, { iss: [app.client.id] }]) {
    assertInvalidClient(await askWith(app, es256, { claims }))
  }
  const other = await makeSigner([eddsa])
  // Signed well, for a client whose key it is not.
  assertInvalidClient(await ask(await signAssertion(app.client.id, eddsa)))
  assertInvalidClient(
    await postern.token({
      grant_type: 'client_credentials',
      client_id: other.client.id,
      ...asserted(await signAssertion(app.client.id, es256)),
    }),
  )
})

test('H08 · the type must be right, and there is one way to authenticate (RFC 7521 §4.2)', async () => {
  const app = await makeSigner([es256])
  const sign = () => signAssertion(app.client.id, es256)
  const grant = { grant_type: 'client_credentials' }
  const good = asserted(await sign())
  for (const client_assertion_type of [
    undefined,
    '',
    'urn:ietf:params:oauth:client-assertion-type:saml2-bearer',
    'x',
  ]) {
    assertRefused(await postern.token({ ...grant, ...good, client_assertion_type }), 400, 'invalid_request')
  }
  assertRefused(await postern.token({ ...grant, ...good, client_assertion: undefined }), 400, 'invalid_request')
  assertRefused(await postern.token({ ...grant, ...good, client_secret: 'x' }), 400, 'invalid_request')
  const authorization = `Basic ${Buffer.from(`${app.client.id}:x`).toString('base64')}`
  assertRefused(await postern.token({ ...grant, ...good }, { authorization }), 400, 'invalid_request')
  const twice = `${encodeForm({ ...grant, ...good })}&client_assertion=${await sign()}`
  const answer = await askForToken(postern, twice)
  assert.deepEqual([answer.status, answer.error], [400, 'invalid_request'])
  // Nothing of that has used it up.
  assertGranted(await postern.token({ ...grant, ...good }))
  assertGranted(await postern.token({ ...grant, ...asserted(await sign()), client_id: app.client.id }))
})

test('H10 · kid is a name to compare and nothing else (RFC 8725 §3.10)', async () => {
  const [one, two] = [makeKey('ES256'), makeKey('ES256')]
  const app = await makeSigner([one, two])
  const kids = ['../../dev/null', "' OR 1=1", '/proc/self/environ', 'x'.repeat(10_000), '', 'file:///etc/passwd']
  for (const kid of kids) assertInvalidClient(await askWith(app, one, { header: { kid } }))
  for (const kid of [1, null, [one.kid], {}]) {
    const header = JSON.stringify({ alg: 'ES256', kid })
    assertInvalidClient(await ask(await signTexts(header, JSON.stringify(goodClaims(app.client.id)), one)))
  }
  assertInvalidClient(await askWith(app, one, { header: { kid: two.kid } }))
  // With several keys the one must be named; with one it need not.
  const unnamed = (key: SigningClientKey) => JSON.stringify({ alg: key.alg })
  const claims = () => JSON.stringify(goodClaims(app.client.id))
  assertInvalidClient(await ask(await signTexts(unnamed(one), claims(), one)))
  const single = await makeSigner([one, eddsa])
  assertGranted(await ask(await signTexts(unnamed(one), JSON.stringify(goodClaims(single.client.id)), one)))
  // Of two keys of one name the right one is found.
  const same = await makeSigner([one, { ...two, jwk: { ...two.jwk, kid: one.kid } }])
  assertGranted(await askWith(same, { ...two, kid: one.kid }))
  assertGranted(await askWith(same, one))
  for (const key of [one, two]) assertGranted(await askWith(app, key))
  // Keys in the token are not looked at.
  const foreign = makeKey('ES256')
  const header = { kid: one.kid, jwk: foreign.jwk, jku: 'https://localhost/jwks', x5u: 'https://localhost/x' } as const
  assertInvalidClient(await askWith(app, foreign, { header: header }))
})

test('H11 · what is critical and not understood is refused (RFC 7515 §4.1.11, RFC 7797)', async () => {
  const app = await makeSigner([es256])
  const headers = [
    ...[{ crit: ['x'], x: 1 }, { crit: [] }, { crit: ['exp'], exp: 1 }, { crit: ['b64'], b64: false }],
    ...[
      { b64: false },
      { crit: ['b64'], b64: true },
      { zip: 'DEF' },
      { typ: 'oauth-authz-req+jwt' },
      { typ: 'at+jwt' },
    ],
  ]
  for (const more of headers) {
    const header = JSON.stringify({ alg: 'ES256', kid: es256.kid, ...more })
    assertInvalidClient(await ask(await signTexts(header, JSON.stringify(goodClaims(app.client.id)), es256)))
  }
  for (const typ of ['JWT', 'client-authentication+jwt']) assertGranted(await askWith(app, es256, { header: { typ } }))
})

test('H13 · a member that comes twice is refused, wherever it is (RFC 7515 §4)', async () => {
  const app = await makeSigner([es256])
  const header = JSON.stringify({ alg: 'ES256', kid: es256.kid })
  const claims = () => JSON.stringify(goodClaims(app.client.id))
  const twice = (json: string, member: string) => json.replace(/^\{/, `{${member},`)
  for (const [head, body] of [
    [twice(header, '"alg":"none"'), claims()],
    [twice(header, '"alg":"ES256"'), claims()],
    [twice(header, '"kid":"x"'), claims()],
    [header, twice(claims(), `"sub":"${app.client.id}"`)],
    [header, twice(claims(), '"sub":"x"')],
    [header, twice(claims(), '"\\u0073ub":"x"')],
    [header, twice(claims(), '"x":{"a":1,"a":2}')],
  ] as const) {
    assertInvalidClient(await ask(await signTexts(head, body, es256)))
  }
  assertGranted(await ask(await signTexts(header, twice(claims(), '"x":{"a":"b:c","d":[{"a":1}]}'), es256)))
})

test('H14 · an encrypted assertion is refused before anything is derived or unpacked (GHSA-jv3g-j58f-9mq9, CVE-2024-28180)', async (t) => {
  const app = await makeSigner([rsa])
  const begun = { at: performance.now(), rss: process.memoryUsage.rss() }
  for (const header of [
    { alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2 ** 31, p2s: 'AAAA' },
    { alg: 'dir', enc: 'A128GCM', zip: 'DEF' },
  ]) {
    assertInvalidClient(await ask(`${part(header)}.AAAA.AAAA.AAAA.AAAA`))
    assertInvalidClient(await ask(`${part(header)}.${part(goodClaims(app.client.id))}.AAAA`))
  }
  const encrypted = await new CompactEncrypt(Buffer.from(await signAssertion(app.client.id, rsa)))
    .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' })
    .encrypt(rsa.publicKey)
  assertInvalidClient(await ask(encrypted))
  const grown = Math.round((process.memoryUsage.rss() - begun.rss) / 2 ** 20)
  t.diagnostic(`${Math.round(performance.now() - begun.at)} ms, ${grown} MB more`)
  assertGranted(await askWith(app, rsa))
})

test('H16 · weak keys are not registered, and not used if they are published (RFC 7518 §3.3)', async () => {
  const jwkOf = (publicKey: { export: (options: { format: 'jwk' }) => object }) => ({
    ...publicKey.export({ format: 'jwk' }),
    kid: 'k',
  })
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const cube = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 })
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const bad: readonly unknown[] = [
    ...[short, cube, p384].map(({ publicKey }) => jwkOf(publicKey)),
    { ...jwkOf(rsa.publicKey), e: 'AQ' },
    { kty: 'EC', crv: 'P-192', x: 'AAAA', y: 'AAAA' },
    { kty: 'oct', k: 'AA' },
    { ...es256.privateKey.export({ format: 'jwk' }), kid: 'k' },
    { ...es256.jwk, use: 'enc' },
    { ...es256.jwk, alg: 'RS256' },
    {},
  ]
  for (const jwk of bad) assert.ok(findJwksDefect({ keys: [jwk] }) !== undefined, JSON.stringify(jwk))
  for (const jwks of [null, [], {}, { keys: {} }, { keys: [] }, { keys: Array(51).fill(es256.jwk) }, 'x']) {
    assert.ok(findJwksDefect(jwks) !== undefined, JSON.stringify(jwks))
  }
  for (const key of [es256, rsa, eddsa]) assert.equal(findJwksDefect({ keys: [key.jwk] }), undefined)
  assert.ok(findJwksDefect({ keys: [es256.jwk, es256.jwk] }) !== undefined)

  // Whoever wrote it into the database all the same gains nothing.
  for (const { publicKey, privateKey } of [short, cube]) {
    const key = { ...rsa, kid: 'k', publicKey, privateKey, jwk: jwkOf(publicKey) }
    const app = await makeSigner([key])
    const { sign } = await import('node:crypto')
    const input = `${part({ alg: 'RS256', kid: 'k' })}.${part(goodClaims(app.client.id))}`
    const signature = sign('sha256', Buffer.from(input), privateKey).toString('base64url')
    assertInvalidClient(await ask(`${input}.${signature}`))
  }
  assertGranted(await askWith(await makeSigner([rsa]), rsa))
})

test('H17 · the registered algorithm binds, and so does that of the key (RFC 8725 §3.1)', async () => {
  const app = await makeSigner([rsa], { tokenEndpointAuthSigningAlgorithm: 'PS256' })
  assertInvalidClient(await askWith(app, rsa))
  assertGranted(await askWith(app, { ...rsa, alg: 'PS256' }))
  const named = { ...rsa, jwk: { ...rsa.jwk, alg: 'RS256' } }
  const byKey = await makeSigner([named])
  assertInvalidClient(await askWith(byKey, { ...named, alg: 'PS256' }))
  assertGranted(await askWith(byKey, named))
  const strict = await makeSigner([rsa], { profile: 'fapi2' })
  assertInvalidClient(await askWith(strict, rsa))
  assertGranted(await askWith(strict, { ...rsa, alg: 'PS256' }))
})

// ── Published keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A server that publishes keys, and a Postern that may ask it. */
const publishing = async (t: TestContext, keys: readonly SigningClientKey[]) => {
  const published = { keys, status: 200, delay: 0, requests: 0 }
  const server: TestServer = await startTlsServer(t, (request, response) => {
    published.requests++
    setTimeout(() => {
      response.statusCode = published.status
      answerJson({ keys: published.keys.map(({ jwk }) => jwk) })(request, response)
    }, published.delay)
  })
  const at = await startPostern(t, { config: { outbound: { allow: ['localhost'], ca: authorityFile(t) } } })
  const jwksUri = `https://localhost:${server.port}/jwks`
  const app = await at.makeClient({ tokenEndpointAuthMethod: 'private_key_jwt', jwksUri })
  let travelled = 0
  const tryWith = async (key: SigningClientKey) => {
    const claims = goodClaims(app.client.id, Date.now() + travelled * 1000)
    return (await ask(await signAssertion(app.client.id, key, { claims }), at)).status
  }
  const travel = (seconds: number) => {
    travelled += seconds
    at.travel(seconds)
  }
  return { published, tryWith, travel }
}

test('published keys are fetched once for all who wait, and again when a new one is named, but not again and again', async (t) => {
  const [one, two, three] = [makeKey('ES256'), makeKey('ES256'), makeKey('ES256')]
  const { published, tryWith, travel } = await publishing(t, [one])
  published.delay = 50
  assert.deepEqual(tally(await Promise.all(Array.from({ length: 20 }, () => tryWith(one)))), { 200: 20 })
  assert.equal(published.requests, 1)
  // Rolled over: known as soon as it is used, after the pause at least.
  published.keys = [two]
  travel(31)
  assert.equal(await tryWith(two), 200)
  assert.equal(published.requests, 2)
  assert.equal(await tryWith(one), 401)
  for (let round = 0; round < 5; round++) assert.equal(await tryWith(three), 401)
  assert.equal(published.requests, 2, 'unknown kids within the pause ask nobody')
  // A key that is taken back is known to be so when what is at hand is no longer fresh.
  published.keys = [three]
  travel(601)
  assert.equal(await tryWith(two), 401)
  assert.equal(await tryWith(three), 200)
  assert.equal(published.requests, 3)
})

test('keys that cannot be fetched are good for a day longer, and asked for again after a pause only', async (t) => {
  const one = makeKey('ES256')
  const { published, tryWith, travel } = await publishing(t, [one])
  assert.equal(await tryWith(one), 200)
  published.status = 500
  travel(3600)
  for (let round = 0; round < 3; round++) assert.equal(await tryWith(one), 200)
  assert.equal(published.requests, 2)
  travel(86_400)
  for (let round = 0; round < 3; round++) assert.equal(await tryWith(one), 401)
  assert.equal(published.requests, 3)
  published.status = 200
  travel(31)
  assert.equal(await tryWith(one), 200)
})

test('a secret that signs is kept sealed: neither the database nor another master key opens it', async () => {
  const app = await postern.makeClient({ tokenEndpointAuthMethod: 'client_secret_jwt' })
  const stored = await postern.store.clients.find(app.client.id)
  const [secret] = stored!.secrets
  assert.ok(secret?.kind === 'sealed')
  assert.equal(secret.sealed.includes(app.secret!), false)
})
