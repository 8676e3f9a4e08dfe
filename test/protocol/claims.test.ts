import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLAIMS_OF_SCOPE, claimsOfScopes } from '#protocol/claims.ts'

// OpenID Connect Core 1.0 §5.4, as it stands there.
const SECTION_5_4 = {
  profile:
    'name, family_name, given_name, middle_name, nickname, preferred_username, profile, picture, website, gender, birthdate, zoneinfo, locale, updated_at',
  email: 'email, email_verified',
  address: 'address',
  phone: 'phone_number, phone_number_verified',
}

test('each scope asks for the claims that OpenID Connect Core 1.0 §5.4 lists', () => {
  const listed = Object.fromEntries(Object.entries(SECTION_5_4).map(([scope, text]) => [scope, text.split(', ')]))
  assert.deepEqual(CLAIMS_OF_SCOPE, listed)
})

const everything = Object.fromEntries(
  Object.values(CLAIMS_OF_SCOPE)
    .flat()
    .map((name) => [name, `the ${name}`]),
)

test('a scope gives its claims and no others, and openid alone gives none', () => {
  assert.deepEqual(claimsOfScopes(['openid'], everything), {})
  assert.deepEqual(claimsOfScopes([], everything), {})
  assert.deepEqual(claimsOfScopes(['openid', 'email'], everything), {
    email: 'the email',
    email_verified: 'the email_verified',
  })
  const scopes = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access', 'read:users', '__proto__']
  fc.assert(
    fc.property(fc.subarray(scopes), (asked) => {
      const expected = Object.entries(SECTION_5_4).flatMap(([scope, names]) =>
        asked.includes(scope) ? names.split(', ') : [],
      )
      assert.deepEqual(Object.keys(claimsOfScopes(asked, everything)).toSorted(), expected.toSorted())
    }),
  )
})

test('what is not known is left out, what is false or zero is not (§5.3.2)', () => {
  const known = { email: undefined, email_verified: false, updated_at: 0, name: '' }
  assert.deepEqual(claimsOfScopes(['email', 'profile'], known), { email_verified: false, updated_at: 0, name: '' })
})

test('what else is known of a person is never given out', () => {
  const scopes = Object.keys(CLAIMS_OF_SCOPE)
  assert.deepEqual(claimsOfScopes(scopes, { sub: 'x', aud: 'x', password: 'x', realm: 'x', role: 'ADMIN' }), {})
})
