import fc from 'fast-check'
import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { beforeEach, test } from 'node:test'
import { createIdPermutation } from '#base/id_permutation.ts'
import { random, type Key } from '#base/secrets.ts'
import { createJwtSigner, type JwtClaims } from '#protocol/jwt.ts'
import type { ApiResource } from '#stores/records.ts'
import { createAccessTokenVerification, type AccessToken, type VerifyAccessToken } from '#tokens/access_token.ts'
import type { SigningKeys } from '#tokens/signing_keys.ts'
import {
  account,
  authorization,
  authorizationIds,
  client,
  clock,
  ISSUER,
  issuer,
  keys,
  resource,
  setClock,
  START,
} from './tokens.ts'

const RESOURCES: readonly ApiResource[] = [
  resource(),
  resource({ audience: 'https://others.example.com/', signingAlgorithm: 'RS256', verifiedByOthers: true }),
]
const findResource = (audience: string) => RESOURCES.find((each) => each.audience === audience)

const verification = (with_: SigningKeys = keys): VerifyAccessToken =>
  createAccessTokenVerification({ issuer: ISSUER, clock, keys: with_, authorizationIds, findResource })
let verify = verification()

beforeEach(() => {
  setClock(START)
  verify = verification()
})

const issued = async (of = RESOURCES[0]!) =>
  issuer.forAccount({
    client: client(),
    account: account(),
    authorization: authorization(),
    resource: of,
    scopes: ['openid', 'read'],
    obtainedBy: 'password',
    withRefreshToken: true,
    dpopJkt: undefined,
  })

const accepted = (token: string, by = verify): AccessToken => {
  const check = by(token)
  assert.ok(check.isValid, check.isValid ? '' : check.description)
  return check.token
}
const refused = (token: string, by = verify): string => {
  const check = by(token)
  assert.ok(!check.isValid, `accepted: ${token}`)
  return check.description
}

/** The claims of a good token. */
const GOOD: JwtClaims = {
  iss: ISSUER,
  sub: 'people|4711',
  aud: 'https://api.example.com/',
  iat: START,
  exp: START + 100,
  jti: 'x',
  client_id: 'the-client',
  scope: 'read',
  authorization_id: authorizationIds.show(99),
}
const signed = (claims: JwtClaims, type = 'at+jwt'): Promise<string> => keys.signer('ES256', type)(claims)
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

test('a token that was issued says whose it is, for what and how long', async () => {
  for (const of of RESOURCES) {
    const { id, ...said } = accepted((await issued(of)).access_token)
    assert.match(id, /^[A-Za-z0-9_-]{22}$/)
    assert.deepEqual(said, {
      subject: 'people|4711',
      clientId: 'the-client',
      audience: of.audience,
      scopes: ['openid', 'read'],
      issuedAt: START,
      expiresAt: START + 86_400,
      authorizationId: 99,
      dpopJkt: undefined,
    })
  }
})

test('a token that is bound to a key says so, and to which', async () => {
  const asked = { client: client(), resource: resource(), scopes: ['read'], dpopJkt: 'a thumbprint' }
  const { access_token, token_type } = await issuer.forClient(asked)
  assert.equal(token_type, 'DPoP')
  assert.equal(accepted(access_token).dpopJkt, 'a thumbprint')
})

test('a token of a client alone has no authorization', async () => {
  const { access_token } = await issuer.forClient({
    client: client(),
    resource: resource(),
    scopes: ['read'],
    dpopJkt: undefined,
  })
  assert.equal(accepted(access_token).authorizationId, undefined)
})

test('it is valid until the second before it expires, and not in the second at which it does', async () => {
  const token = await signed(GOOD)
  for (const fresh of [true, false]) {
    const by = fresh ? verification() : verify
    setClock(START + 99)
    accepted(token, by)
    setClock(START + 100)
    assert.match(refused(token, fresh ? verification() : by), /expired/)
    setClock(START + 99)
  }
})

test('that it was verified once does not make it outlive its end', async () => {
  const { access_token } = await issued()
  accepted(access_token)
  setClock(START + 86_400)
  assert.match(refused(access_token), /expired/)
  assert.match(refused(access_token), /expired/)
  setClock(START + 1_000_000)
  assert.match(refused(access_token), /expired/)
})

test('a verified token costs no second verification, and a refused one is not remembered as good', async () => {
  let lookups = 0
  const counting: SigningKeys = {
    ...keys,
    find: (kid) => {
      lookups++
      return keys.find(kid)
    },
  }
  const by = verification(counting)
  const { access_token } = await issued()
  for (let n = 0; n < 5; n++) accepted(access_token, by)
  assert.equal(lookups, 1)
  const wrong = `${access_token.slice(0, -4)}AAAA`
  for (let n = 0; n < 3; n++) refused(wrong, by)
  assert.equal(lookups, 4)
})

test('with any single character changed it is refused', async () => {
  for (const of of RESOURCES) {
    const { access_token } = await issued(of)
    accepted(access_token)
    const digit = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ')
    fc.assert(
      fc.property(fc.nat(access_token.length - 1), digit, (at, by) => {
        fc.pre(access_token[at] !== by)
        refused(access_token.slice(0, at) + by + access_token.slice(at + 1))
      }),
      { numRuns: 300 },
    )
  }
})

test('with a part cut off, added, emptied or swapped with that of another token it is refused', async () => {
  const [one = '', two = ''] = [(await issued()).access_token, await signed({ ...GOOD, scope: 'read write' })]
  const [head, body, tail] = one.split('.')
  const [, otherBody, otherTail] = two.split('.')
  for (const token of [
    ...['', '.', '..', `${head}.${body}`, `${head}.${body}.`, `${head}..${tail}`, `.${body}.${tail}`],
    ...[`${one}.`, `${one}.${tail}`, ` ${one}`, `${one} `, `${one}=`, `${head}.${otherBody}.${tail}`],
    `${head}.${body}.${otherTail}`,
  ])
    refused(token)
})

test('alg none, in any case and with any signature, is refused', async () => {
  const kid = keys.jwks.keys[0]!.kid
  const { access_token } = await issued()
  const tail = access_token.split('.')[2]!
  for (const alg of ['none', 'None', 'NONE', 'nOnE', ''])
    for (const signature of ['', tail, 'AA'])
      refused(`${base64url({ alg, typ: 'at+jwt', kid })}.${base64url(GOOD)}.${signature}`)
})

test('HS256 with a public key as its secret is refused, in every form of the key', () => {
  for (const { kid, alg: _, use: _use, ...jwk } of keys.jwks.keys) {
    const { publicKey } = keys.find(String(kid))!
    const secrets = [
      publicKey.export({ format: 'pem', type: 'spki' }),
      publicKey.export({ format: 'der', type: 'spki' }),
      JSON.stringify(jwk),
      String(jwk.n ?? jwk.x),
      '',
    ]
    for (const alg of ['HS256', 'ES256', 'RS256'])
      for (const secret of secrets) {
        const input = `${base64url({ alg, typ: 'at+jwt', kid })}.${base64url(GOOD)}`
        const signature = createHmac('sha256', secret).update(input).digest('base64url')
        assert.match(refused(`${input}.${signature}`), /not signed by this server/)
      }
  }
})

test('a key of the attacker is refused: under its own kid, under ours, and carried along in the header', async () => {
  const mine = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ours = String(keys.jwks.keys.find(({ alg }) => alg === 'ES256')!.kid)
  for (const kid of ['mine', '', '../../etc/passwd', '__proto__', ours])
    refused(await createJwtSigner('ES256', kid, mine.privateKey, 'at+jwt')(GOOD))
  const jwk = mine.publicKey.export({ format: 'jwk' })
  const input = `${base64url({ alg: 'ES256', typ: 'at+jwt', kid: ours, jwk, jku: 'https://evil.example/' })}.${base64url(GOOD)}`
  const token = await createJwtSigner('ES256', ours, mine.privateKey, 'at+jwt')(GOOD)
  refused(`${input}.${token.split('.')[2]}`)
})

test('the kid of one key with the signature of the other is refused', async () => {
  const [first, second] = keys.jwks.keys
  for (const [one, other] of [
    [first!, second!],
    [second!, first!],
  ] as const) {
    const token = await keys.signer(one.alg as 'ES256' | 'RS256', 'at+jwt')(GOOD)
    const [, body, tail] = token.split('.')
    for (const alg of [one.alg, other.alg])
      refused(`${base64url({ alg, typ: 'at+jwt', kid: other.kid })}.${body}.${tail}`)
  }
})

test('an ID token is refused with a sentence that says what to send', async () => {
  const { id_token = '' } = await issued()
  assert.match(refused(id_token), /ID token is for the client alone: send the access_token/)
  // Not even if its client is named as an API is.
  const named = await issuer.forAccount({
    client: { ...client({ idTokenSigningAlgorithm: 'ES256' }), id: 'https://others.example.com/' },
    account: account(),
    authorization: authorization(),
    resource: RESOURCES[1]!,
    scopes: ['openid', 'profile', 'email', 'address', 'phone'],
    obtainedBy: 'password',
    withRefreshToken: false,
    dpopJkt: undefined,
  })
  refused(named.id_token!)
})

test('a refresh token is refused', async () => {
  assert.match(refused((await issued()).refresh_token!), /malformed/)
})

test('another issuer is refused, byte for byte', async () => {
  for (const iss of [
    'https://evil.example/',
    ISSUER.slice(0, -1),
    ISSUER.toUpperCase(),
    `${ISSUER}x`,
    undefined,
    null,
    [ISSUER],
  ])
    assert.match(refused(await signed({ ...GOOD, iss })), /another issuer/)
})

test('an audience that is not registered, a list of audiences, and none are refused', async () => {
  const api = 'https://api.example.com/'
  for (const aud of [
    'https://api.example.com',
    'the-client',
    [api],
    [api, 'x'],
    undefined,
    null,
    '',
    '__proto__',
    7,
    {},
  ])
    assert.match(refused(await signed({ ...GOOD, aud })), /not registered here/)
})

test('a typ that is not that of its API is refused: at+jwt for ours, JWT for those that others verify', async () => {
  for (const type of ['JWT', 'at+JWT', 'application/at+jwt', 'jwt', 'logout+jwt', 'dpop+jwt'])
    assert.match(refused(await signed(GOOD, type)), /not of the kind/)
  const others = { ...GOOD, aud: 'https://others.example.com/' }
  accepted(await signed(others, 'JWT'))
  assert.match(refused(await signed(others, 'at+jwt')), /not of the kind/)
})

test('a claim that is missing or of another type is refused', async () => {
  accepted(await signed(GOOD))
  for (const name of ['sub', 'client_id', 'jti', 'scope', 'exp'])
    for (const value of [undefined, null, true, ['x'], {}]) refused(await signed({ ...GOOD, [name]: value }))
  refused(await signed({ ...GOOD, exp: String(START + 100) }))
  for (const authorization_id of ['', 'x', 99, null, '0'.repeat(12), createIdPermutation(random(32) as Key, 7).show(0)])
    if (typeof authorization_id !== 'string' || authorizationIds.find(authorization_id) === undefined)
      assert.match(refused(await signed({ ...GOOD, authorization_id })), /malformed/)
})

test('an end that is no time is no end: the token is refused', async () => {
  for (const exp of [0, -1, START, START - 1]) assert.match(refused(await signed({ ...GOOD, exp })), /expired/)
  // A fraction is cut off, so that it never lives longer than it says.
  const token = await signed({ ...GOOD, exp: START + 0.9 })
  assert.match(refused(token), /expired/)
})

test('a token of another server with the same names is refused', async () => {
  const elsewhere = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  assert.match(
    refused(await createJwtSigner('ES256', 'elsewhere', elsewhere, 'at+jwt')(GOOD)),
    /not signed by this server/,
  )
})

test('no text makes an error', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void refused(text)))
  refused('x'.repeat(1_000_000))
})
