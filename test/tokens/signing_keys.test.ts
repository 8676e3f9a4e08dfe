import assert from 'node:assert/strict'
import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { deriveKey, random, type Key } from '#base/secrets.ts'
import { findParsedJwt, isSignedBy } from '#protocol/jwt.ts'
import { openSigningKeys, SealedKeyError, type SigningKeys } from '#tokens/signing_keys.ts'
import { findSealed } from '#base/seal.ts'
import { embeddedStore } from '../support/embedded_store.ts'

const { store, file, open } = await embeddedStore()
const sealingKey = deriveKey(random(32) as Key, 'signing keys')
const keys = await openSigningKeys(store.signingKeys, sealingKey)

/** RFC 7638 §3, written out. */
const thumbprintOf = (jwk: Readonly<Record<string, unknown>>): string => {
  const names = jwk.kty === 'EC' ? ['crv', 'kty', 'x', 'y'] : ['e', 'kty', 'n']
  const members = names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(jwk[name])}`)
  return createHash('sha256')
    .update(`{${members.join(',')}}`)
    .digest('base64url')
}

const kidsOf = ({ jwks }: SigningKeys) => jwks.keys.map(({ kid }) => kid)

test('there is one key for each algorithm, of 2048 bits and of P-256', () => {
  const [one, two] = keys.jwks.keys.toSorted((a, b) => String(a.alg).localeCompare(String(b.alg)))
  assert.equal(keys.jwks.keys.length, 2)
  assert.deepEqual([one?.alg, one?.kty, one?.crv], ['ES256', 'EC', 'P-256'])
  assert.deepEqual([two?.alg, two?.kty, Buffer.from(String(two?.n), 'base64url').length], ['RS256', 'RSA', 256])
})

test('the thumbprint of RFC 7638 §3.1 is computed as it stands there, and a kid is the thumbprint of its key', () => {
  const example = {
    kty: 'RSA',
    n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
    e: 'AQAB',
    alg: 'RS256',
    kid: '2011-04-29',
  }
  assert.equal(thumbprintOf(example), 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
  for (const jwk of keys.jwks.keys) assert.equal(jwk.kid, thumbprintOf(jwk))
})

test('the JWK Set has no private member, and each key in it is whole', () => {
  for (const jwk of keys.jwks.keys) {
    const expected = jwk.kty === 'EC' ? ['crv', 'x', 'y'] : ['e', 'n']
    assert.deepEqual(Object.keys(jwk).toSorted(), ['alg', 'kid', 'kty', 'use', ...expected].toSorted())
    assert.equal(jwk.use, 'sig')
    assert.equal(createPublicKey({ key: { ...jwk }, format: 'jwk' }).type, 'public')
  }
})

test('what is signed is verified by the key of its kid, out of the JWK Set alone', async () => {
  for (const algorithm of ['ES256', 'RS256'] as const) {
    const jwt = findParsedJwt(await keys.signer(algorithm, 'at+jwt')({ sub: 'x' }))
    assert.ok(jwt !== undefined)
    assert.equal(jwt.header.typ, 'at+jwt')
    assert.equal(jwt.header.alg, algorithm)
    const jwk = keys.jwks.keys.find(({ kid }) => kid === jwt.header.kid)
    assert.equal(jwk?.alg, algorithm)
    assert.equal(isSignedBy(jwt, algorithm, createPublicKey({ key: { ...jwk }, format: 'jwk' })), true)
    const found = keys.find(jwt.header.kid)
    assert.equal(found?.algorithm, algorithm)
    assert.equal(found.publicKey.type, 'public')
  }
})

test('one signer is made for each algorithm and typ, and they are not mixed up', async () => {
  assert.equal(keys.signer('ES256', 'JWT'), keys.signer('ES256', 'JWT'))
  for (const type of ['JWT', 'at+jwt'])
    assert.equal(findParsedJwt(await keys.signer('ES256', type)({}))?.header.typ, type)
})

test('an unknown kid finds nothing', () => {
  for (const kid of ['', 'x', '__proto__', 'constructor', String(kidsOf(keys)[0]).toUpperCase()])
    assert.equal(keys.find(kid), undefined)
})

test('keys are made once: a later start, and another server on the same database, have the same ones', async () => {
  const [again, elsewhere] = [
    await openSigningKeys(store.signingKeys, sealingKey),
    await openSigningKeys((await open()).signingKeys, sealingKey),
  ]
  assert.deepEqual(again.jwks, keys.jwks)
  assert.deepEqual(elsewhere.jwks, keys.jwks)
})

test('servers that start at once on an empty database agree on one key for each algorithm', async () => {
  const empty = await embeddedStore()
  const stores = [empty.store, await empty.open(), await empty.open(), empty.store]
  const opened = await Promise.all(stores.map(({ signingKeys }) => openSigningKeys(signingKeys, sealingKey)))
  for (const { jwks } of opened) assert.deepEqual(jwks, opened[0]!.jwks)
  assert.equal(opened[0]!.jwks.keys.length, 2)
  // What one signs, the others verify.
  const jwt = findParsedJwt(await opened[1]!.signer('ES256', 'JWT')({}))!
  for (const each of opened) assert.equal(isSignedBy(jwt, 'ES256', each.find(jwt.header.kid)!.publicKey), true)
  assert.notDeepEqual(kidsOf(opened[0]!), kidsOf(keys))
})

test('a database from before an algorithm was known is given the key that is missing, and keeps the one it has', async () => {
  const { store: older } = await embeddedStore()
  const [first] = await store.signingKeys.ensure([])
  await older.signingKeys.ensure([first!])
  const opened = await openSigningKeys(older.signingKeys, sealingKey)
  assert.equal(opened.jwks.keys.length, 2)
  assert.ok(kidsOf(opened).includes(first!.kid))
})

test('the private keys are not in the database in clear, in no encoding', async () => {
  const stored = await store.signingKeys.ensure([])
  const bytes = Buffer.concat(globSync(`${file}*`).map((each) => readFileSync(each)))
  assert.ok(
    bytes.length > 0 && stored.every(({ kid }) => bytes.includes(kid)),
    'the file is the one with the keys in it',
  )
  for (const { kid, algorithm, sealedPrivateKey } of stored) {
    const pkcs8 = findSealed(sealingKey, `signing key ${algorithm} ${kid}`, sealedPrivateKey)
    assert.ok(pkcs8 !== undefined)
    // From the middle, where the secret numbers are.
    const part = pkcs8.subarray(40, 60)
    for (const text of [part, part.toString('hex'), part.toString('base64'), part.toString('base64url')])
      assert.equal(bytes.includes(text), false)
    assert.ok(bytes.includes(sealedPrivateKey))
  }
})

test('another master key is a SealedKeyError that names the key, and makes no new keys', async () => {
  const other = deriveKey(random(32) as Key, 'signing keys')
  await assert.rejects(openSigningKeys(store.signingKeys, other), (error) => {
    return error instanceof SealedKeyError && kidsOf(keys).some((kid) => error.message.includes(String(kid)))
  })
  assert.deepEqual((await openSigningKeys(store.signingKeys, sealingKey)).jwks, keys.jwks)
})

test('a key that somebody moved to another name or algorithm, or changed, does not open', async () => {
  const stored = await store.signingKeys.ensure([])
  const [first, second] = stored
  const changed = Buffer.from(first!.sealedPrivateKey)
  changed[changed.length - 1]! ^= 1
  for (const rows of [
    [{ ...first!, kid: 'another' }, second!],
    [{ ...first!, kid: second!.kid }, second!],
    [{ ...first!, sealedPrivateKey: second!.sealedPrivateKey }, second!],
    [{ ...first!, sealedPrivateKey: changed }, second!],
    [{ ...first!, sealedPrivateKey: Buffer.alloc(0) }, second!],
    [
      { ...first!, algorithm: second!.algorithm },
      { ...second!, algorithm: first!.algorithm },
    ],
  ])
    await assert.rejects(openSigningKeys({ ensure: () => Promise.resolve(rows) }, sealingKey), SealedKeyError)
})

test('of several keys of one algorithm the newest signs, and all verify', async () => {
  const others = await embeddedStore()
  await openSigningKeys(others.store.signingKeys, sealingKey)
  const [older, newer] = [await store.signingKeys.ensure([]), await others.store.signingKeys.ensure([])]
  const opened = await openSigningKeys({ ensure: () => Promise.resolve([...older, ...newer]) }, sealingKey)
  assert.equal(opened.jwks.keys.length, 4)
  const jwt = findParsedJwt(await opened.signer('ES256', 'JWT')({}))
  assert.equal(jwt?.header.kid, newer.find(({ algorithm }) => algorithm === 'ES256')?.kid)
  for (const { kid } of older) assert.ok(opened.find(kid))
})

test('a public key of the same kind does not pass for the server’s', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  assert.equal(keys.find(thumbprintOf({ ...publicKey.export({ format: 'jwk' }) })), undefined)
})
