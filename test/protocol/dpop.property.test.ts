import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochSeconds } from '#base/time.ts'
import {
  DPOP_ALGORITHMS,
  DPOP_FUTURE,
  DPOP_PAST,
  isThumbprint,
  readDpopProof,
  verifyDpopSignature,
} from '#protocol/dpop.ts'
import { OAuthError } from '#protocol/errors.ts'
import { athOf, encodePart, makeDpopKey, proofClaims, type DpopKey, type ProofClaims } from '../support/dpop_key.ts'

const NOW = epochSeconds(1_800_000_000)
const URL_OF_TOKENS = 'https://auth.example.com/oauth/token'
const REQUEST = { method: 'POST', url: URL_OF_TOKENS }
const TOKEN = 'an.access.token'

const keys = Object.fromEntries(DPOP_ALGORITHMS.map((each) => [each, makeDpopKey(each)])) as Record<
  (typeof DPOP_ALGORITHMS)[number],
  DpopKey
>
const key = keys.ES256
const claims = (more: ProofClaims = {}) => proofClaims('POST', URL_OF_TOKENS, { iat: NOW, ...more })
const check = (text: string, request: Parameters<typeof readDpopProof>[1] = REQUEST) => {
  const proof = readDpopProof(text, request, NOW)
  verifyDpopSignature(proof)
  return proof
}
const refused = (text: string, why: RegExp, request = REQUEST): void => {
  assert.throws(
    () => check(text, request),
    (error: unknown) => {
      assert.ok(error instanceof OAuthError, String(error))
      assert.equal(error.code, 'invalid_dpop_proof')
      assert.match(error.description, why)
      return true
    },
    text.slice(0, 400),
  )
}

test('a proof by a key of each algorithm is taken, and names the key by its thumbprint', () => {
  for (const algorithm of DPOP_ALGORITHMS) {
    const { jkt, jti, nonce } = check(keys[algorithm].prove(claims({ jti: 'x', nonce: 'n' })))
    assert.deepEqual([jkt, jti, nonce], [keys[algorithm].jkt, 'x', 'n'])
    assert.ok(isThumbprint(jkt))
  }
})

test('the thumbprint of RFC 7638 §3.1 is that of its key', () => {
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
  const text = key.prove(claims(), { alg: 'RS256', jwk: { kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' } })
  assert.equal(readDpopProof(text, REQUEST, NOW).jkt, 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
})

test('any claim that is missing, of another type, or not of this request is refused', () => {
  assert.ok(check(key.prove(claims())))
  const wrong: readonly (readonly [ProofClaims, RegExp])[] = [
    ...[undefined, null, 1, '', 'x'.repeat(257), {}].map((jti) => [{ jti }, /jti/] as const),
    ...[undefined, null, 'GET', 'post', 'Post', ' POST', ['POST']].map((htm) => [{ htm }, /htm/] as const),
    ...[undefined, null, '', 'x', 1, '/oauth/token', `x${URL_OF_TOKENS}`].map((htu) => [{ htu }, /htu/] as const),
    ...[undefined, null, String(NOW), {}].map((iat) => [{ iat }, /iat must/] as const),
    ...[null, 1, {}, ['n']].map((nonce) => [{ nonce }, /nonce/] as const),
  ]
  for (const [more, why] of wrong) refused(key.prove(claims(more)), why)
})

test('iat may be as old and as new as is said, to the second, and not beyond', () => {
  for (const iat of [NOW - DPOP_PAST, NOW, NOW + DPOP_FUTURE, NOW - 0.5]) assert.ok(check(key.prove(claims({ iat }))))
  for (const iat of [NOW - DPOP_PAST - 1, NOW + DPOP_FUTURE + 1, 0, -NOW, NOW * 1000, 1e300])
    refused(key.prove(claims({ iat })), /iat/)
})

test('a proof is remembered for as long as it is taken, whenever it is shown first', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -DPOP_PAST, max: DPOP_FUTURE }),
      fc.integer({ min: -100, max: 300 }),
      (age, later) => {
        const text = key.prove(claims({ iat: NOW + age }))
        const { until } = check(text)
        const isTaken = () => {
          try {
            return readDpopProof(text, REQUEST, epochSeconds(NOW + later)).until
          } catch {
            return undefined
          }
        }
        assert.ok([undefined, until].includes(isTaken()))
        if (isTaken() !== undefined) assert.ok(NOW + later < until)
      },
    ),
  )
})

test('htu is compared as RFC 3986 §6.2 does: spellings of one URL are one, another URL is another (RFC 9449 §4.3)', () => {
  for (const htu of [
    URL_OF_TOKENS,
    'HTTPS://AUTH.example.COM/oauth/token',
    'https://auth.example.com:443/oauth/token',
    `${URL_OF_TOKENS}?a=b`,
    `${URL_OF_TOKENS}#x`,
    'https://auth.example.com/oauth/%74oken',
    'https://auth.example.com/x/../oauth/./token',
  ])
    assert.ok(check(key.prove(claims({ htu }))), htu)
  for (const htu of [
    'http://auth.example.com/oauth/token',
    'https://auth.example.com:8443/oauth/token',
    'https://auth.example.com.evil.example/oauth/token',
    'https://evil.example/oauth/token',
    'https://user@auth.example.com/oauth/token',
    'https://auth.example.com/oauth/token/',
    'https://auth.example.com//oauth/token',
    'https://auth.example.com/oauth/Token',
    'https://auth.example.com/oauth%2Ftoken',
    'https://auth.example.com\\oauth\\token',
    'https:auth.example.com/oauth/token',
    'https://auth.example.com/oauth/token ',
    'https://auth.example.com/oauth/to\nken',
    `https://evil.example/?${URL_OF_TOKENS}`,
    `https://evil.example/#${URL_OF_TOKENS}`,
    `${URL_OF_TOKENS}?${'x'.repeat(2048)}`,
  ])
    refused(key.prove(claims({ htu })), /htu|longer/)
  // As the client wrote the path that was repaired for it (contract of the platform: `//api/…`, trailing slashes).
  const api = { method: 'GET', url: 'https://api.example.com/api/v2.0/session' }
  for (const path of ['/api/v2.0/session', '//api//v2.0/session', '/api/v2.0/session/'])
    assert.ok(check(key.prove(claims({ htm: 'GET', htu: `https://api.example.com${path}` })), api))
  refused(key.prove(claims({ htm: 'GET', htu: 'https://api.example.com/api/v2.0/session/x' })), /htu/, api)
})

test('with an access token ath must be its hash; without one ath says nothing', () => {
  const request = { ...REQUEST, accessToken: TOKEN }
  assert.ok(check(key.prove(claims({ ath: athOf(TOKEN) })), request))
  assert.ok(check(key.prove(claims({ ath: athOf('other') }))))
  for (const ath of [undefined, null, '', athOf('other'), `${athOf(TOKEN)}=`, TOKEN])
    refused(key.prove(claims({ ath })), /ath/, request)
})

test('a header that is not exactly one proof with a public key of an allowed algorithm is refused', () => {
  const wrong: readonly (readonly [ProofClaims, RegExp])[] = [
    ...[undefined, null, 'JWT', 'DPOP+JWT', 'application/dpop+jwt', ['dpop+jwt']].map(
      (typ) => [{ typ }, /typ/] as const,
    ),
    ...[undefined, null, 'none', 'None', 'HS256', 'ES384', 'es256', 'RS1', '__proto__', ['ES256']].map(
      (alg) => [{ alg }, /alg/] as const,
    ),
    [{ crit: ['exp'] }, /critical/],
    [{ b64: false, crit: ['b64'] }, /critical/],
    ...[
      undefined,
      null,
      'x',
      [],
      {},
      { kty: 'oct', k: 'AAAA' },
      key.privateJwk,
      { ...key.jwk, k: 'AAAA' },
      { ...key.jwk, d: undefined, oth: [] },
      { ...key.jwk, crv: 'P-384' },
      { ...key.jwk, kty: 'RSA' },
      { ...key.jwk, x: `${String(key.jwk['x'])}=` },
      { ...key.jwk, x: 'AA' },
      { ...key.jwk, y: undefined },
      keys.RS256.jwk,
      keys.EdDSA.jwk,
    ].map((jwk) => [{ jwk }, /jwk/] as const),
  ]
  for (const [header, why] of wrong) refused(key.prove(claims(), header), why)
  // A point that is not on the curve, and a key that did not sign.
  refused(key.prove(claims(), { jwk: { ...key.jwk, x: key.jwk['y'] } }), /signature/)
  refused(key.prove(claims(), { jwk: makeDpopKey().jwk }), /signature/)
  refused(keys.RS256.prove(claims(), { alg: 'PS256' }), /signature/)
  for (const jwk of [
    { ...keys.RS256.jwk, e: 'AQ' + 'A'.repeat(20) },
    { ...keys.RS256.jwk, n: 'A'.repeat(342) },
    { ...keys.RS256.jwk, n: String(keys.RS256.jwk['n']).slice(0, 100) },
    { ...keys.RS256.jwk, d: 'AA' },
  ])
    refused(keys.RS256.prove(claims(), { jwk }), /jwk|longer/)
})

test('text that is no proof is refused in words, whatever it is, and what is huge is not read', () => {
  const whole = key.prove(claims())
  const [head = '', body = '', signature = ''] = whole.split('.')
  for (const text of [
    ...[
      '',
      '.',
      '..',
      '...',
      'a.b',
      'a.b.c.d',
      `${whole}.`,
      ` ${whole}`,
      `${whole} `,
      `${head}.${body}.`,
      `.${body}.${signature}`,
    ],
    ...[
      `${encodePart([])}.${body}.${signature}`,
      `${head}.${encodePart('x')}.${signature}`,
      `${head}.bnVsbA.${signature}`,
    ],
    ...[`${whole}, ${whole}`, `${whole},${key.prove(claims())}`, 'x'.repeat(1_000_000)],
  ])
    refused(text, /./)
  assert.ok(check(whole))
  fc.assert(fc.property(fc.string(), (text) => refused(text, /./)))
})

test('no change of any single character of a proof is taken', () => {
  const whole = key.prove(claims())
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.constantFrom(...'Ab0-_.=, '), (at, character) => {
      fc.pre(whole[at] !== character)
      const changed = whole.slice(0, at) + character + whole.slice(at + 1)
      const before = Buffer.from(whole.split('.')[2] ?? '', 'base64url')
      // The last character of a part has bits that decode to nothing: then it is the same signature in another spelling.
      fc.pre(changed.split('.').length !== 3 || !isRespelled(changed, whole, before))
      refused(changed, /./)
    }),
    { numRuns: 300 },
  )
})

const isRespelled = (changed: string, whole: string, signature: Buffer): boolean => {
  const [a, b, c = ''] = changed.split('.')
  return `${a}.${b}` === whole.split('.').slice(0, 2).join('.') && Buffer.from(c, 'base64url').equals(signature)
}
