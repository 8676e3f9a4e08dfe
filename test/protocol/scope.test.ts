import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OAuthError } from '#protocol/errors.ts'
import {
  effectiveScopes,
  grantScopes,
  narrowScopes,
  OPENID_SCOPES,
  parseScope,
  type ScopeRequest,
} from '#protocol/scope.ts'

const REGISTERED = [
  { name: 'read:entities' },
  { name: 'write:entities' },
  { name: 'read:users' },
  { name: 'manage:users' },
  { name: 'manage:services', includes: ['read:entities', 'write:entities'] },
]

const refuses = (run: () => unknown, code: string): void => {
  assert.throws(run, (error) => error instanceof OAuthError && error.code === code)
}
const isInvalidScope = (run: () => unknown): boolean => {
  try {
    run()
    return false
  } catch (error) {
    assert.ok(error instanceof OAuthError && error.code === 'invalid_scope', String(error))
    return true
  }
}

const grant = (asked: string, allowed: string, defaults = ''): string =>
  grantScopes({
    asked: parseScope(asked),
    registered: REGISTERED,
    allowed: parseScope(allowed),
    defaults: parseScope(defaults),
  }).join(' ')

test('a scope has just the characters that RFC 6749 §3.3 lists', () => {
  for (let code = 0; code < 0x180; code++) {
    const character = String.fromCharCode(code)
    const isAllowed = code === 0x21 || (code >= 0x23 && code <= 0x5b) || (code >= 0x5d && code <= 0x7e)
    if (isAllowed) assert.deepEqual(parseScope(`a${character}b`), [`a${character}b`])
    else if (code !== 0x20) refuses(() => parseScope(`a${character}b`), 'invalid_request')
  }
  for (const text of ['a\u2028b', 'a\ud83d\ude00', 'a\n', '\ta', 'a\u00a0b'])
    refuses(() => parseScope(text), 'invalid_request')
})

test('each scope is read once, in the order given, with any number of spaces', () => {
  assert.deepEqual(parseScope(undefined), [])
  assert.deepEqual(parseScope(''), [])
  assert.deepEqual(parseScope('   '), [])
  assert.deepEqual(parseScope(' b  a b A '), ['b', 'a', 'A'])
  const token = fc.string({ unit: fc.constantFrom(...'abc:!#[]~'), minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(fc.array(token), fc.array(fc.nat(3)), (tokens, spaces) => {
      const text = tokens.map((each, n) => each + ' '.repeat(1 + (spaces[n] ?? 0))).join('')
      assert.deepEqual(parseScope(text), [...new Set(tokens)])
    }),
  )
})

test('what is asked for and allowed is granted, the rest is left out', () => {
  assert.equal(grant('read:users openid', 'openid read:users'), 'openid read:users')
  assert.equal(grant('read:users manage:users nonsense', 'read:users'), 'read:users')
  assert.equal(grant('openid', ''.concat('openid profile')), 'openid')
  // Allowed and asked for, but of no API that is registered.
  assert.equal(grant('openid other:api', 'openid other:api'), 'openid')
})

test('the answer is invalid_scope only if something was asked for and nothing is left', () => {
  assert.ok(isInvalidScope(() => grant('manage:users', 'read:users')))
  assert.ok(isInvalidScope(() => grant('nonsense', 'nonsense')))
  assert.ok(isInvalidScope(() => grant('openid', 'read:users')))
  assert.equal(grant('', ''), '')
  assert.equal(grant('', 'read:users'), '')
})

test('the defaults are granted when no scope of the API is asked for, as far as they are allowed', () => {
  assert.equal(grant('', 'read:users', 'read:users manage:users'), 'read:users')
  assert.equal(grant('openid', 'openid read:users', 'read:users'), 'openid read:users')
  assert.equal(grant('nonsense', 'read:users', 'read:users'), 'read:users')
  // One of the API was asked for, so the defaults are not meant, even if that one is refused.
  assert.equal(grant('read:entities', 'read:entities read:users', 'read:users'), 'read:entities')
  assert.ok(isInvalidScope(() => grant('manage:users', 'read:users', 'read:users')))
  // A scope of OpenID Connect is never a default.
  assert.equal(grant('', 'openid read:users', 'openid read:users'), 'read:users')
})

test('a scope that stands for others is granted whole, or replaced by its parts that are allowed', () => {
  assert.equal(grant('manage:services', 'manage:services'), 'manage:services')
  assert.equal(grant('manage:services', 'read:entities write:entities'), 'manage:services')
  assert.equal(grant('manage:services', 'read:entities'), 'read:entities')
  assert.equal(grant('manage:services read:entities', 'read:entities'), 'read:entities')
  assert.ok(isInvalidScope(() => grant('manage:services', 'read:users')))
  assert.equal(grant('', 'write:entities', 'manage:services'), 'write:entities')
})

test('no request gives more than the client may have, and each answer is sorted, without repetition', () => {
  const names = [
    'a',
    'b',
    'c',
    'ab',
    'bc',
    'openid',
    'profile',
    'offline_access',
    'unknown',
    '__proto__',
    'constructor',
  ]
  const some = fc.uniqueArray(fc.constantFrom(...names))
  const registered = [
    { name: 'a' },
    { name: 'b' },
    { name: 'c' },
    { name: 'ab', includes: ['a', 'b'] },
    { name: 'bc', includes: ['b', 'c'] },
  ]
  const known = new Set([...registered.map(({ name }) => name), ...OPENID_SCOPES])
  const request = fc.record<Pick<ScopeRequest, 'asked' | 'allowed' | 'defaults'>>({
    asked: some,
    allowed: some,
    defaults: some,
  })
  const meaningOf = (scopes: readonly string[]) => effectiveScopes(scopes, registered)
  fc.assert(
    fc.property(request, ({ asked, allowed, defaults }) => {
      // Who may have all parts of a scope may have the scope.
      const may = new Set([
        ...meaningOf(allowed),
        ...registered
          .filter(({ includes }) => includes?.every((part) => allowed.includes(part)))
          .map(({ name }) => name),
      ])
      const asksApi = asked.some((scope) => registered.some(({ name }) => name === scope))
      const wanted = meaningOf(asksApi ? asked : [...asked, ...defaults])
      let granted: readonly string[]
      try {
        granted = grantScopes({ asked, registered, allowed, defaults })
      } catch (error) {
        assert.ok(error instanceof OAuthError && error.code === 'invalid_scope')
        assert.ok(asked.length > 0)
        // Nothing that could be granted was refused.
        const possible = [...wanted].filter(
          (scope) => known.has(scope) && allowed.includes(scope) && (asksApi || !defaults.includes(scope)),
        )
        assert.deepEqual(possible, [])
        return
      }
      assert.ok(asked.length === 0 || granted.length > 0)
      assert.deepEqual(granted, [...new Set(granted)].toSorted())
      for (const scope of meaningOf(granted)) {
        assert.ok(known.has(scope), `${scope} is not known`)
        assert.ok(may.has(scope), `${scope} is more than the client may have`)
        assert.ok(wanted.has(scope), `${scope} was not asked for`)
      }
      for (const scope of asked) if (known.has(scope) && allowed.includes(scope)) assert.ok(granted.includes(scope))
    }),
    { numRuns: 3000 },
  )
})

test('a request without an API scope and without allowed defaults is granted no API scope', () => {
  fc.assert(
    fc.property(fc.subarray([...OPENID_SCOPES]), (asked) => {
      const granted = grantScopes({
        asked,
        registered: REGISTERED,
        allowed: [...OPENID_SCOPES, 'read:users'],
        defaults: [],
      })
      assert.deepEqual(granted, asked.toSorted())
    }),
  )
})

test('a refresh narrows to what is asked for, or keeps all, and never asks for more', () => {
  const granted = ['openid', 'read:users']
  assert.deepEqual(narrowScopes(granted, [], []), granted)
  assert.deepEqual(narrowScopes(granted, ['read:users'], []), ['read:users'])
  assert.deepEqual(narrowScopes(granted, ['read:users', 'openid'], []), ['openid', 'read:users'])
  refuses(() => narrowScopes(granted, ['read:users', 'manage:users'], []), 'invalid_scope')
  refuses(() => narrowScopes([], ['openid'], []), 'invalid_scope')
  const registered = [{ name: 'read' }, { name: 'write' }, { name: 'manage', includes: ['read', 'write'] }]
  assert.deepEqual(narrowScopes(['manage'], ['read'], registered), ['read'])
  refuses(() => narrowScopes(['read', 'write'], ['manage'], registered), 'invalid_scope')
  const some = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'))
  fc.assert(
    fc.property(some, some, (had, asked) => {
      const isMore = asked.some((scope) => !had.includes(scope))
      if (isMore) return refuses(() => narrowScopes(had, asked, []), 'invalid_scope')
      const narrowed = narrowScopes(had, asked, [])
      assert.deepEqual([...narrowed].toSorted(), (asked.length === 0 ? had : asked).toSorted())
    }),
  )
})

test('scopes amount to themselves and all that each stands for, at their own resource alone', () => {
  assert.deepEqual([...effectiveScopes(['manage:services'], REGISTERED)].toSorted(), [
    'manage:services',
    'read:entities',
    'write:entities',
  ])
  assert.deepEqual(
    [...effectiveScopes(['read:entities', 'write:entities'], REGISTERED)],
    ['read:entities', 'write:entities'],
  )
  assert.deepEqual([...effectiveScopes(['manage:services'], [])], ['manage:services'])
})
