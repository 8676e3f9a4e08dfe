import fc from 'fast-check'
import assert from 'node:assert/strict'
import { createHmac, createPublicKey, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import {
  createJwtSigner,
  findParsedJwt,
  isSignedBy,
  privateKeyFromPkcs8,
  publicKeyOf,
  type JwsAlgorithm,
  type ParsedJwt,
} from '#protocol/jwt.ts'

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const KEYS: Readonly<Record<JwsAlgorithm, KeyObject>> = { ES256: ec, RS256: rsa }
const ALGORITHMS = ['ES256', 'RS256'] as const

const base64url = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

const HEADER = { alg: 'ES256', typ: 'at+jwt', kid: 'k' }
/** With a signature that is right for its form alone. */
const unsigned = (header: unknown, claims: unknown = {}): string => `${base64url(header)}.${base64url(claims)}.AAAA`

const parsed = (token: string): ParsedJwt => {
  const jwt = findParsedJwt(token)
  assert.ok(jwt !== undefined, 'it is no JWT')
  return jwt
}

// The examples of RFC 7515 have neither `kid` nor `typ`, so they are taken apart here.
const PAYLOAD = 'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ'
const example = (alg: JwsAlgorithm, head: string, signature: string): ParsedJwt => ({
  header: { alg, kid: '', typ: '' },
  claims: {},
  signedInput: Buffer.from(`${head}.${PAYLOAD}`),
  signature: Buffer.from(signature, 'base64url'),
})
const RFC7515_A2 = {
  jwt: example(
    'RS256',
    'eyJhbGciOiJSUzI1NiJ9',
    'cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw',
  ),
  key: createPublicKey({
    format: 'jwk',
    key: {
      kty: 'RSA',
      n: 'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ',
      e: 'AQAB',
    },
  }),
}
const RFC7515_A3 = {
  jwt: example(
    'ES256',
    'eyJhbGciOiJFUzI1NiJ9',
    'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q',
  ),
  key: createPublicKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
    },
  }),
}

test('the signatures of RFC 7515, appendix A.2 (RS256) and A.3 (ES256), are right', () => {
  assert.equal(isSignedBy(RFC7515_A2.jwt, 'RS256', RFC7515_A2.key), true)
  assert.equal(isSignedBy(RFC7515_A3.jwt, 'ES256', RFC7515_A3.key), true)
})

test('they are wrong with one bit changed, in what is signed or in the signature', () => {
  for (const [algorithm, { jwt, key }] of [
    ['RS256', RFC7515_A2],
    ['ES256', RFC7515_A3],
  ] as const)
    for (const part of ['signedInput', 'signature'] as const)
      for (const at of [0, 31, 32, jwt[part].length - 1]) {
        const changed = Buffer.from(jwt[part])
        if (at >= changed.length) continue
        changed[at]! ^= 1
        assert.equal(isSignedBy({ ...jwt, [part]: changed }, algorithm, key), false, `${algorithm} ${part} ${at}`)
      }
})

test('what is signed is read back and verified, with either algorithm and any claims', async () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 10 }).filter((one) => one !== '__proto__')
  const claims = fc.dictionary(name, fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean()), {
    maxKeys: 6,
    noNullPrototype: true,
  })
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...ALGORITHMS), claims, async (algorithm, given) => {
      const token = await createJwtSigner(algorithm, 'the kid', KEYS[algorithm], 'at+jwt')(given)
      const jwt = parsed(token)
      assert.deepEqual(jwt.header, { alg: algorithm, kid: 'the kid', typ: 'at+jwt' })
      assert.deepEqual({ ...jwt.claims }, given)
      assert.equal(isSignedBy(jwt, algorithm, publicKeyOf(KEYS[algorithm])), true)
    }),
    { numRuns: 40 },
  )
})

test('many signatures at once are each right', async () => {
  const sign = createJwtSigner('RS256', 'k', rsa, 'JWT')
  const tokens = await Promise.all(Array.from({ length: 20 }, (_, n) => sign({ n })))
  tokens.forEach((token, n) => {
    assert.equal(parsed(token).claims.n, n)
    assert.equal(isSignedBy(parsed(token), 'RS256', publicKeyOf(rsa)), true)
  })
})

test('a signature of another key of the same kind is wrong', async () => {
  const others = {
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  }
  for (const algorithm of ALGORITHMS) {
    const token = await createJwtSigner(algorithm, 'k', others[algorithm], 'JWT')({})
    assert.equal(isSignedBy(parsed(token), algorithm, publicKeyOf(KEYS[algorithm])), false)
  }
})

test('the algorithm is that of the key: what the token says chooses nothing (RFC 8725 §3.1)', () => {
  for (const algorithm of ALGORITHMS) {
    const publicKey = publicKeyOf(KEYS[algorithm])
    const pem = publicKey.export({ format: 'pem', type: 'spki' })
    const spki = publicKey.export({ format: 'der', type: 'spki' })
    for (const alg of ['none', 'None', 'HS256', 'HS512', 'PS256', 'ES384', 'RS512', 'EdDSA', '', 'es256', 'rs256']) {
      const input = `${base64url({ ...HEADER, alg })}.${base64url({ sub: 'forged' })}`
      for (const secret of [pem, spki, '']) {
        const signature = createHmac('sha256', secret).update(input).digest('base64url')
        assert.equal(isSignedBy(parsed(`${input}.${signature}`), algorithm, publicKey), false, alg)
      }
      // A genuine signature does not help an algorithm that is not the key's.
      const genuine = createSign('sha256').update(input).sign({ key: KEYS[algorithm], dsaEncoding: 'ieee-p1363' })
      const jwt = { ...parsed(`${input}.AAAA`), signature: genuine }
      assert.equal(isSignedBy(jwt, algorithm, publicKey), false, alg)
    }
  }
})

test('a genuine token of one algorithm is not one of the other, and no key of the other kind makes an error', async () => {
  for (const [algorithm, other] of [
    ['ES256', 'RS256'],
    ['RS256', 'ES256'],
  ] as const) {
    const jwt = parsed(await createJwtSigner(algorithm, 'k', KEYS[algorithm], 'JWT')({}))
    assert.equal(isSignedBy(jwt, other, publicKeyOf(KEYS[other])), false)
    assert.equal(isSignedBy({ ...jwt, header: { ...jwt.header, alg: other } }, other, publicKeyOf(KEYS[other])), false)
  }
})

test('a signature of any length and content is wrong, and no error', () => {
  const { jwt, key } = RFC7515_A3
  for (const length of [0, 1, 63, 64, 65, 70, 72, 256])
    assert.equal(isSignedBy({ ...jwt, signature: Buffer.alloc(length) }, 'ES256', key), false)
  for (const length of [0, 1, 255, 256, 257])
    assert.equal(isSignedBy({ ...RFC7515_A2.jwt, signature: Buffer.alloc(length) }, 'RS256', RFC7515_A2.key), false)
  // The right one, but as DER (CVE-2022-21449 and the confusion of the two encodings).
  const input = Buffer.from('x.y')
  const der = createSign('sha256').update(input).sign(ec)
  assert.equal(isSignedBy({ ...jwt, signedInput: input, signature: der }, 'ES256', publicKeyOf(ec)), false)
})

test('an ES256 signature is r and s, 64 bytes (RFC 7518 §3.4)', async () => {
  for (let n = 0; n < 20; n++) {
    const token = await createJwtSigner('ES256', 'k', ec, 'JWT')({ n })
    assert.equal(parsed(token).signature.length, 64)
  }
})

test('a header needs alg, kid and typ, each a text', () => {
  assert.ok(findParsedJwt(unsigned(HEADER)))
  for (const name of ['alg', 'kid', 'typ']) {
    const { [name]: _, ...rest } = HEADER as Record<string, string>
    assert.equal(findParsedJwt(unsigned(rest)), undefined, name)
    for (const value of [null, 1, true, {}, ['ES256']])
      assert.equal(findParsedJwt(unsigned({ ...HEADER, [name]: value })), undefined, `${name} ${JSON.stringify(value)}`)
  }
})

test('a header with crit or b64 is refused, whatever it says (RFC 7515 §4.1.11, RFC 7797)', () => {
  for (const more of [{ crit: ['exp'] }, { crit: [] }, { crit: null }, { b64: true }, { b64: false }, { b64: null }])
    assert.equal(findParsedJwt(unsigned({ ...HEADER, ...more })), undefined, JSON.stringify(more))
  // Others say nothing that we would obey.
  const { header } = parsed(unsigned({ ...HEADER, jku: 'https://evil/', jwk: {}, x5u: 'https://evil/', zip: 'DEF' }))
  assert.deepEqual(header, HEADER)
})

test('header and claims are JSON objects', () => {
  for (const part of ['[]', '"x"', '1', 'null', 'true', '', '{', '{"a":1}x', '\u00ff']) {
    assert.equal(findParsedJwt(unsigned(part)), undefined, part)
    assert.equal(findParsedJwt(unsigned(HEADER, part === '' ? '[]' : part)), undefined, part)
  }
})

test('a token is three parts of base64url, and nothing around them', () => {
  const good = unsigned(HEADER)
  assert.ok(findParsedJwt(good))
  const [head = '', body = '', tail = ''] = good.split('.')
  for (const text of [
    ...['', '.', '..', 'a.b', 'a.b.c', `${head}.${body}`, `${head}.${body}.`, `.${body}.${tail}`, `${head}..${tail}`],
    ...[`${good}.`, `.${good}`, `${good}.${tail}`, `${good}=`, `${good} `, ` ${good}`, `${good}\n`, `${good}\0`],
    ...[`${head}=.${body}.${tail}`, `${head}.${body}.A+/A`, `${head}.${body}.AA A`, `${head}\n.${body}.${tail}`],
    ...[`${head}.${body}.ÀAAA`],
  ])
    assert.equal(findParsedJwt(text), undefined, JSON.stringify(text))
})

test('one signature has one spelling: bits that say nothing must be zero', () => {
  const good = unsigned(HEADER).slice(0, -4)
  // "AA" is one byte and four spare bits, "AAA" two bytes and two spare bits, "A" and "AAAAA" are no bytes.
  for (const tail of ['AA', 'AAA', 'AQ', 'AAE']) assert.ok(findParsedJwt(good + tail), tail)
  for (const tail of ['AB', 'AP', 'AAB', 'AAD', 'A', 'AAAAA', 'AR'])
    assert.equal(findParsedJwt(good + tail), undefined, tail)
})

test('a token of 8192 characters is read, a longer one is not', () => {
  const head = `${base64url(HEADER)}.${base64url({})}.`
  for (let length = 8180; length < 8210; length++) {
    const tail = length - head.length
    // No bytes are written in 4n + 1 characters.
    if (tail % 4 !== 1)
      assert.equal(findParsedJwt(head + 'A'.repeat(tail)) !== undefined, length <= 8192, String(length))
  }
  assert.equal(findParsedJwt('a'.repeat(10_000_000)), undefined)
})

test('no text makes an error', () => {
  const part = fc.oneof(
    fc.json().map((text) => base64url(text)),
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64url')),
    fc.constant(base64url(HEADER)),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.array(part, { minLength: 2, maxLength: 4 }), (parts) => {
      const jwt = findParsedJwt(parts.join('.'))
      if (jwt !== undefined) assert.equal(isSignedBy(jwt, 'ES256', publicKeyOf(ec)), false)
    }),
    { numRuns: 500 },
  )
})

test('claims of a name that every object has are claims, and pollute nothing', () => {
  const { claims } = parsed(`${base64url(HEADER)}.${base64url('{"__proto__":{"admin":true},"sub":"x"}')}.AAAA`)
  assert.equal((claims as { admin?: boolean }).admin, undefined)
  assert.equal(({} as { admin?: boolean }).admin, undefined)
})

test('a key kept as PKCS #8 signs as it did before', async () => {
  const restored = privateKeyFromPkcs8(ec.export({ format: 'der', type: 'pkcs8' }))
  const token = await createJwtSigner('ES256', 'k', restored, 'JWT')({})
  assert.equal(isSignedBy(parsed(token), 'ES256', publicKeyOf(ec)), true)
  assert.equal(publicKeyOf(restored).type, 'public')
})
