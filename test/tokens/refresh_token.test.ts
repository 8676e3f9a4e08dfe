import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createIdPermutation } from '#base/id_permutation.ts'
import { deriveKey, random, type Key } from '#base/secrets.ts'
import { epochSeconds } from '#base/time.ts'
import type { Authorization } from '#stores/records.ts'
import { createRefreshTokens } from '#tokens/refresh_token.ts'

const master = random(32) as Key
const ids = createIdPermutation(deriveKey(master, 'ids'), 1)
const tokens = createRefreshTokens(deriveKey(master, 'refresh tokens'), ids)

const authorization = (more: Partial<Authorization> = {}): Authorization => ({
  id: 1,
  accountId: 1,
  clientId: 'c',
  grantType: 'password',
  audience: 'https://api.example.com/',
  scopes: ['offline_access'],
  offline: true,
  salt: Buffer.alloc(16),
  generation: 0,
  authenticatedAt: epochSeconds(0),
  lastUsedAt: epochSeconds(0),
  expiresAt: epochSeconds(1),
  absoluteExpiresAt: epochSeconds(1),
  ...more,
})

const anyAuthorization = fc
  .record({
    id: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    generation: fc.nat(),
    salt: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  })
  .map(authorization)

test('a refresh token is rt and 54 letters and digits, the same each time, and leads to its authorization', () => {
  fc.assert(
    fc.property(anyAuthorization, (one) => {
      const token = tokens.of(one)
      assert.match(token, /^rt[0-9A-Za-z]{54}$/)
      assert.equal(tokens.of({ ...one, lastUsedAt: epochSeconds(9), scopes: [], clientId: 'd' }), token)
      assert.equal(tokens.findAuthorizationId(token), one.id)
      assert.equal(tokens.isOf(token, one), true)
    }),
  )
})

test('it is of one id, one generation and one salt alone', () => {
  fc.assert(
    fc.property(anyAuthorization, anyAuthorization, (one, two) => {
      const token = tokens.of(one)
      for (const other of [
        { ...one, id: two.id },
        { ...one, generation: two.generation },
        { ...one, generation: one.generation + 1 },
        { ...one, salt: two.salt },
        two,
      ]) {
        const isSame =
          other.id === one.id && other.generation === one.generation && Buffer.compare(other.salt, one.salt) === 0
        assert.equal(tokens.isOf(token, other), isSame)
        assert.equal(tokens.of(other) === token, isSame)
      }
    }),
  )
})

test('where the id ends and the generation begins is not lost', () => {
  const one = authorization({ id: 2 ** 32, generation: 1, salt: Buffer.from('0123456789abcdef') })
  const secretOf = (it: Authorization) => tokens.of(it).slice(13)
  const near = [
    { ...one, id: 1, generation: 2 ** 32 },
    { ...one, id: 1, generation: 1 },
    { ...one, salt: Buffer.from('\x000123456789abcdef') },
  ]
  for (const other of near) assert.notEqual(secretOf(other), secretOf(one))
})

test('with any single character changed it is of nothing', () => {
  const one = authorization({ id: 4711, generation: 3, salt: Buffer.from(random(16)) })
  const token = tokens.of(one)
  const digit = fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', '_', 'é', '\0')
  fc.assert(
    fc.property(fc.nat(token.length - 1), digit, (at, by) => {
      fc.pre(token[at] !== by)
      assert.equal(tokens.isOf(token.slice(0, at) + by + token.slice(at + 1), one), false)
    }),
    { numRuns: 1000 },
  )
  for (const other of [`${token}0`, token.slice(0, -1), ` ${token}`, `${token}\n`, token.toLowerCase(), ''])
    assert.equal(tokens.isOf(other, one), false)
})

test('what has not the form names no authorization, and is no error', () => {
  for (const text of ['', 'rt', 'x'.repeat(56), `RT${'0'.repeat(54)}`, `rt${'0'.repeat(53)}`, `rt${'0'.repeat(55)}`])
    assert.equal(tokens.findAuthorizationId(text), undefined, text)
  assert.equal(tokens.findAuthorizationId(`rt${'é'.repeat(11)}${'0'.repeat(43)}`), undefined)
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 54, maxLength: 54 }), (text) => {
      const id = tokens.findAuthorizationId(`rt${text}`)
      if (id !== undefined) assert.equal(ids.show(id), text.slice(0, 11))
      assert.equal(tokens.isOf(`rt${text}`, authorization()), false)
    }),
  )
})

test('under another key, or with ids shown under another key, it is of nothing', () => {
  const otherKey = createRefreshTokens(deriveKey(master, 'another'), ids)
  const otherIds = createRefreshTokens(
    deriveKey(master, 'refresh tokens'),
    createIdPermutation(deriveKey(master, 'another'), 1),
  )
  fc.assert(
    fc.property(anyAuthorization, (one) => {
      const token = tokens.of(one)
      assert.equal(otherKey.isOf(token, one), false)
      assert.equal(otherIds.isOf(token, one), false)
      assert.notEqual(otherKey.of(one), token)
    }),
  )
})

test('neither id nor generation shows: tokens of neighbours have nothing in common', () => {
  const [one, next, id] = [authorization(), authorization({ generation: 1 }), authorization({ id: 2 })].map(tokens.of)
  const common = (a: string, b: string, from: number) => [...a.slice(from)].filter((x, n) => x === b[from + n]).length
  assert.ok(common(one!, next!, 13) < 12)
  assert.ok(common(one!, id!, 2) < 12)
})
