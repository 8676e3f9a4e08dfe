import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSessionCookies, type SentSession } from '#access/session_cookie.ts'
import { deriveKey, digestOf, random, type Key } from '#base/secrets.ts'
import { epochSeconds } from '#base/time.ts'
import type { PlatformSession } from '#stores/records.ts'

const key = deriveKey(random(32) as Key, 'platform sessions')
const cookies = createSessionCookies('test_session', key, false)
const secure = createSessionCookies('test_session', key, true)

const session = (seed: Buffer, more: Partial<PlatformSession> = {}): PlatformSession => ({
  id: 1,
  accountId: 1,
  clientId: 'c',
  authorizationId: undefined,
  seed,
  createdAt: epochSeconds(1000),
  expiresAt: epochSeconds(5000),
  ...more,
})

const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 40, maxLength: 40 })
const A = 'a'.repeat(40)
const B = 'b'.repeat(40)
const one = (value: string): SentSession => ({ kind: 'one', digest: digestOf(value) })
const MALFORMED: SentSession = { kind: 'one', digest: undefined }

test('the value is 40 hex digits, the same for one seed each time, another for another seed or key', () => {
  const seeds = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(seeds, seeds, (seed, other) => {
      const value = cookies.valueOf(session(seed))
      assert.match(value, /^[0-9a-f]{40}$/)
      assert.equal(createSessionCookies('another', key, true).valueOf(session(seed, { id: 2, accountId: 3 })), value)
      assert.equal(cookies.valueOf(session(other)) === value, seed.equals(other))
      assert.notEqual(createSessionCookies('test_session', deriveKey(key, 'x'), false).valueOf(session(seed)), value)
    }),
  )
})

test('a candidate has a seed of 128 bits that no other has, and the digest of the value that it will have', () => {
  const candidates = Array.from({ length: 500 }, () => cookies.candidate())
  assert.equal(new Set(candidates.map(({ seed }) => seed.toString('hex'))).size, 500)
  for (const { seed, digest } of candidates) {
    assert.equal(seed.length, 16)
    assert.deepEqual(cookies.read(`test_session=${cookies.valueOf(session(seed))}`), { kind: 'one', digest })
  }
})

test('what is set is read again', () => {
  const { seed, digest } = cookies.candidate()
  const [pair = ''] = cookies.set(session(seed), epochSeconds(1000)).split(';')
  assert.deepEqual(cookies.read(pair), { kind: 'one', digest })
  assert.deepEqual(cookies.read(`a=b; ${pair}; c="d"`), { kind: 'one', digest })
})

test('it is host-only, for http alone, same-site, and Secure exactly when asked', () => {
  const now = epochSeconds(1000)
  const it = session(Buffer.alloc(16))
  const value = cookies.valueOf(it)
  assert.equal(cookies.set(it, now), `test_session=${value}; Max-Age=4000; Path=/; HttpOnly; SameSite=Lax`)
  assert.equal(secure.set(it, now), `test_session=${value}; Max-Age=4000; Path=/; HttpOnly; SameSite=Lax; Secure`)
  assert.equal(cookies.clear(), 'test_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax')
  assert.equal(secure.clear(), 'test_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure')
})

test('it lives for the time that the session has left, and never for less than none', () => {
  const age = (now: number) => /Max-Age=(-?\d+)/.exec(cookies.set(session(Buffer.alloc(16)), epochSeconds(now)))?.[1]
  assert.deepEqual([1000, 4999, 5000, 6000].map(age), ['4000', '1', '0', '0'])
})

test('no header, other cookies and an empty value are none', () => {
  for (const header of [
    ...[undefined, '', ';', '=', 'a=b', `x_test_session=${A}`, `test_session_=${A}`, `Test_Session=${A}`],
    ...['test_session=', 'test_session', 'test_session; a=b', `a=test_session=${A}`, `=${A}`],
  ])
    assert.deepEqual(cookies.read(header), { kind: 'none' }, String(header))
})

test('one value, also sent twice, is one; what has not its form is one that nobody has', () => {
  fc.assert(fc.property(hex, (value) => assert.deepEqual(cookies.read(`test_session=${value}`), one(value))))
  assert.deepEqual(cookies.read(`test_session=${A}; x=y; test_session=${A}`), one(A))
  assert.deepEqual(cookies.read(`test_session=;test_session=${A}`), one(A))
  assert.deepEqual(cookies.read(`x=y;test_session=${A}`), one(A))
  for (const value of [
    'x',
    A.slice(1),
    `${A}a`,
    A.toUpperCase(),
    `"${A}"`,
    `${A} x`,
    `${A}=`,
    ` ${A}`,
    `${A}\t`,
    `${A},${A}`,
  ])
    assert.deepEqual(cookies.read(`test_session=${value}`), MALFORMED, value)
})

test('several different values are told apart from one, wherever they stand: somebody planted one', () => {
  for (const header of [
    `test_session=${A}; test_session=${B}`,
    `test_session=${B}; x=y; test_session=${A}`,
    `test_session=${A}; test_session=x`,
    `test_session=${A}; test_session=${A}; test_session=${B}`,
    `test_session=${A}; test_session="${A}"`,
    `test_session=${A};\ttest_session=${B}`,
    `test_session=${A}; test_session =${B}`,
    `test_session=${A}; \u00a0test_session=${A}`,
  ])
    assert.deepEqual(cookies.read(header), { kind: 'several' }, JSON.stringify(header))
})

test('a pair that another reader would take for this cookie is never passed over', () => {
  for (const header of [
    `\ttest_session=${A}`,
    `test_session =${A}`,
    `test_session\t=${A}`,
    `x=y;\u00a0test_session=${A}`,
  ])
    assert.deepEqual(cookies.read(header), MALFORMED, JSON.stringify(header))
})

test('no header makes an error', () => {
  const part = fc.oneof(fc.string(), hex, fc.constantFrom('test_session', '=', ';', ' ', '"'))
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const sent = cookies.read(parts.join(''))
      assert.ok(['none', 'one', 'several'].includes(sent.kind))
    }),
    { numRuns: 1000 },
  )
})
