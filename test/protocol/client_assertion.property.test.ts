import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochSeconds } from '#base/time.ts'
import { findParsedAssertion, judgeClaims } from '#protocol/client_assertion.ts'
import { hasRepeatedMember } from '#protocol/json_members.ts'

const NOW = epochSeconds(1_800_000_000)
const US = 'https://auth.example.com/'
const rules = { clientId: 'client', audiences: [US, `${US}oauth/token`], needsAudienceAsText: false, now: NOW }
const good = { iss: 'client', sub: 'client', aud: US, exp: NOW + 60, jti: 'a' }

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

test('claims are accepted exactly if each of them is right', () => {
  const claim = <T>(right: readonly T[], wrong: readonly unknown[]) =>
    fc.oneof(
      fc.constantFrom(...right).map((value) => ({ value, isRight: true })),
      fc.constantFrom(...wrong).map((value) => ({ value, isRight: false })),
    )
  const parts = fc.record({
    iss: claim(['client'], ['other', '', undefined, ['client'], 1]),
    sub: claim(['client'], ['other', '', undefined, ['client'], null]),
    aud: claim([US, [US], `${US}oauth/token`], ['https://other.example/', [US, 'x'], [], undefined, {}, [[US]]]),
    exp: claim(
      [NOW + 1, NOW + 3600, NOW - 29, NOW + 0.5],
      [NOW - 31, NOW + 3700, undefined, '1', Infinity, NaN, -1, 1e308],
    ),
    nbf: claim([undefined, NOW, NOW + 29, 0], [NOW + 31, 'x', null, NaN]),
    iat: claim([undefined, NOW, NOW - 86_400], [NOW + 3600, {}, -1]),
    jti: claim(['a', 'x'.repeat(256)], ['', undefined, 1, 'x'.repeat(257)]),
  })
  fc.assert(
    fc.property(parts, (drawn) => {
      const claims = Object.fromEntries(Object.entries(drawn).map(([name, { value }]) => [name, value]))
      const judged = judgeClaims(claims, rules)
      assert.equal(
        'jti' in judged,
        Object.values(drawn).every(({ isRight }) => isRight),
        JSON.stringify(judged),
      )
      // What is remembered is remembered for as long as it would be accepted, and that is not for ever.
      if ('jti' in judged) {
        assert.ok(judged.until >= (drawn.exp.value as number) && judged.until <= NOW + 3700)
        assert.ok('defect' in judgeClaims(claims, { ...rules, now: judged.until }))
      }
    }),
    { numRuns: 2000 },
  )
})

test('where the audience must be a text, a list is refused', () => {
  const strict = { ...rules, audiences: [US], needsAudienceAsText: true }
  assert.ok('jti' in judgeClaims(good, strict))
  for (const aud of [[US], `${US}oauth/token`]) assert.ok('defect' in judgeClaims({ ...good, aud }, strict))
})

test('anything at all is taken apart or left, and nothing is thrown', () => {
  const header = { alg: 'ES256', kid: 'k' }
  assert.deepEqual(findParsedAssertion(`${encode(header)}.${encode(good)}.AA`)?.claims, good)
  const part = fc.oneof(
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
    fc.base64String(),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (pieces) => {
      const parsed = findParsedAssertion(pieces.join('.'))
      assert.ok(parsed === undefined || pieces.length === 3)
    }),
  )
  assert.equal(findParsedAssertion(`${encode(header)}.${encode({ ...good, x: 'x'.repeat(8192) })}.AA`), undefined)
  assert.equal(findParsedAssertion(`${encode(header)}.${encode([good])}.AA`), undefined)
})

test('a repeated member is seen at any depth, and only where there is one', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      // As it is read again: `-0` and members named `__proto__` come out of `JSON.parse` alone.
      const text = JSON.stringify(value)
      assert.equal(hasRepeatedMember(text, JSON.parse(text)), false, text)
      const twice = `{"a":[${text}],"b":{"c":1,"c":${text}}}`
      assert.equal(hasRepeatedMember(twice, JSON.parse(twice)), true, twice)
    }),
  )
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
  assert.equal(hasRepeatedMember(deep, JSON.parse(deep)), false)
})
