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
const generations = createIdPermutation(deriveKey(master, 'ids'), 2)
const tokens = createRefreshTokens(deriveKey(master, 'refresh tokens'), ids, generations)

const authorization = (more: Partial<Authorization> = {}): Authorization => ({
  id: 1,
  accountId: 1,
  clientId: 'c',
  grantType: 'password',
  grantId: undefined,
  organizations: 'all',
  claims: undefined,
  browserSessionId: undefined,
  dpopJkt: undefined,
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

test('a refresh token is rt and 65 letters and digits, the same each time, and names its authorization and generation', () => {
  fc.assert(
    fc.property(anyAuthorization, (one) => {
      const token = tokens.of(one)
      assert.match(token, /^rt[0-9A-Za-z]{65}$/)
      assert.equal(tokens.of({ ...one, lastUsedAt: epochSeconds(9), scopes: [], clientId: 'd' }), token)
      assert.deepEqual(tokens.find(token), { id: one.id, generation: one.generation })
      assert.equal(tokens.isOf(token, one), true)
    }),
  )
})

test('it is of one id and one salt alone, and tells one generation from all others', () => {
  fc.assert(
    fc.property(anyAuthorization, anyAuthorization, (one, two) => {
      const token = tokens.of(one)
      for (const other of [{ ...one, id: two.id }, { ...one, salt: two.salt }, two]) {
        const isSame = other.id === one.id && Buffer.compare(other.salt, one.salt) === 0
        assert.equal(tokens.isOf(token, other), isSame)
        assert.equal(tokens.of(other) === token, isSame && other.generation === one.generation)
      }
    }),
  )
})

test('a token of an earlier generation is known for what it is, and none can be made of it', () => {
  fc.assert(
    fc.property(anyAuthorization, fc.integer({ min: 1, max: 1000 }), (one, by) => {
      const [old, present] = [tokens.of(one), tokens.of({ ...one, generation: one.generation + by })]
      const now = { ...one, generation: one.generation + by }
      assert.notEqual(old, present)
      assert.equal(tokens.isOf(old, now), true)
      assert.deepEqual(tokens.find(old), { id: one.id, generation: one.generation })
      // The secret of one generation with the name of the other.
      assert.equal(tokens.isOf(present.slice(0, 24) + old.slice(24), now), false)
      assert.equal(tokens.isOf(old.slice(0, 24) + present.slice(24), now), false)
    }),
  )
})

test('nothing that is shown of the generations tells how far the ids of two authorizations are apart', () => {
  const shown = (id: number, generation: number) => tokens.of(authorization({ id, generation })).slice(13, 24)
  const seen = new Set<string>()
  for (let id = 1; id <= 40; id++)
    for (let generation = 0; generation < 40; generation++) seen.add(shown(id, generation))
  assert.equal(seen.size, 1600)
})

test('where the id ends and the generation begins is not lost', () => {
  const one = authorization({ id: 2 ** 32, generation: 1, salt: Buffer.from('0123456789abcdef') })
  const secretOf = (it: Authorization) => tokens.of(it).slice(24)
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
  const token = tokens.of(authorization())
  assert.ok(tokens.find(token))
  for (const text of ['', 'rt', 'x'.repeat(67), `RT${token.slice(2)}`, token.slice(0, -1), `${token}0`, ` ${token}`])
    assert.equal(tokens.find(text), undefined, text)
  assert.equal(tokens.find(`rt${'é'.repeat(11)}${token.slice(13)}`), undefined)
  assert.equal(tokens.find(`${token.slice(0, 13)}${'é'.repeat(11)}${token.slice(24)}`), undefined)
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 65, maxLength: 65 }), (text) => {
      const named = tokens.find(`rt${text}`)
      if (named !== undefined) assert.equal(ids.show(named.id), text.slice(0, 11))
      assert.equal(tokens.isOf(`rt${text}`, authorization()), false)
    }),
  )
})

test('under another key, or with ids shown under another key, it is of nothing', () => {
  const otherKey = createRefreshTokens(deriveKey(master, 'another'), ids, generations)
  const otherIds = createRefreshTokens(
    deriveKey(master, 'refresh tokens'),
    createIdPermutation(deriveKey(master, 'another'), 1),
    generations,
  )
  const otherGenerations = createRefreshTokens(
    deriveKey(master, 'refresh tokens'),
    ids,
    createIdPermutation(deriveKey(master, 'another'), 2),
  )
  fc.assert(
    fc.property(anyAuthorization, (one) => {
      const token = tokens.of(one)
      assert.equal(otherKey.isOf(token, one), false)
      assert.equal(otherIds.isOf(token, one), false)
      assert.equal(otherGenerations.isOf(token, one), false)
      assert.notEqual(otherKey.of(one), token)
    }),
  )
})

test('neither id nor generation shows: tokens of neighbours have nothing in common', () => {
  const [one, next, id] = [authorization(), authorization({ generation: 1 }), authorization({ id: 2 })].map(tokens.of)
  const common = (a: string, b: string, from: number) => [...a.slice(from)].filter((x, n) => x === b[from + n]).length
  assert.ok(common(one!, next!, 13) < 14)
  assert.ok(common(one!, id!, 2) < 14)
})
