import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AuthorizationError } from '#protocol/authorization_error.ts'
import { CLAIMS_OF_SCOPE, claimsWithin, findScopeOfClaim, scopesOfClaims } from '#protocol/claims.ts'
import { parseClaims } from '#protocol/claims_request.ts'

const KNOWN: readonly string[] = Object.values(CLAIMS_OF_SCOPE).flat()

const parse = (value: unknown) => parseClaims(JSON.stringify(value))
const refusal = (text: string): AuthorizationError => {
  try {
    parseClaims(text)
  } catch (error) {
    assert.ok(error instanceof AuthorizationError, String(error))
    assert.equal(error.code, 'invalid_request')
    return error
  }
  assert.fail(`taken: ${text.slice(0, 200)}`)
}

test('the example of OpenID Connect Core 1.0 §5.5 is read as it is meant', () => {
  const text = `{
   "userinfo":
    {
     "given_name": {"essential": true},
     "nickname": null,
     "email": {"essential": true},
     "email_verified": {"essential": true},
     "picture": null,
     "http://example.info/claims/groups": null
    },
   "id_token":
    {
     "auth_time": {"essential": true},
     "acr": {"values": ["urn:mace:incommon:iap:silver"] }
    }
  }`
  assert.deepEqual(parseClaims(text), {
    claims: { userinfo: ['email', 'email_verified', 'given_name', 'nickname', 'picture'], idToken: [] },
    subjects: undefined,
    essentialAcrs: undefined,
  })
})

const wish = fc.oneof(
  fc.constant(null),
  fc.record({ essential: fc.boolean() }, { requiredKeys: [] }),
  fc.record({ value: fc.jsonValue() }),
  fc.record({ values: fc.array(fc.jsonValue()), purpose: fc.string() }),
)
const name = fc.oneof(
  fc.constantFrom(...KNOWN),
  fc.string().filter((each) => each !== '__proto__' && each !== 'sub' && each !== 'acr'),
)

test('whatever is asked for, only claims that there are come of it, and exactly those that were named', () => {
  fc.assert(
    fc.property(
      fc.dictionary(name, wish, { maxKeys: 12 }),
      fc.dictionary(name, wish, { maxKeys: 12 }),
      (userinfo, idToken) => {
        const text = JSON.stringify({ userinfo, id_token: idToken, other: 1 })
        fc.pre(text.length <= 4096)
        const known = (asked: object) =>
          Object.keys(asked)
            .filter((each) => KNOWN.includes(each))
            .toSorted()
        const { claims, subjects, essentialAcrs } = parseClaims(text)
        assert.deepEqual(claims, { userinfo: known(userinfo), idToken: known(idToken) })
        assert.deepEqual([subjects, essentialAcrs], [undefined, undefined])
      },
    ),
  )
})

test('any text is read or refused, and nothing else happens', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      try {
        parseClaims(text)
      } catch (error) {
        assert.ok(error instanceof AuthorizationError && error.code === 'invalid_request')
      }
    }),
  )
})

test('what a client may not have is left out, and a claim is within the scope that holds it alone', () => {
  fc.assert(
    fc.property(
      fc.subarray([...KNOWN]),
      fc.subarray([...KNOWN]),
      fc.subarray(Object.keys(CLAIMS_OF_SCOPE)),
      (userinfo, idToken, scopes) => {
        const left = claimsWithin({ userinfo, idToken }, scopes) ?? { userinfo: [], idToken: [] }
        const may = (each: string) => scopes.includes(findScopeOfClaim(each)!)
        assert.deepEqual(left, { userinfo: userinfo.filter(may), idToken: idToken.filter(may) })
        assert.ok(scopesOfClaims(left).every((scope) => scopes.includes(scope)))
      },
    ),
  )
})

test('sub with values is whom the request is about, in both places at once if it is in both', () => {
  assert.deepEqual(parse({ id_token: { sub: { value: 'a' } } }).subjects, ['a'])
  assert.deepEqual(parse({ userinfo: { sub: { values: ['a', 'b'] } } }).subjects, ['a', 'b'])
  assert.deepEqual(parse({ userinfo: { sub: { values: ['a', 'b'] } }, id_token: { sub: { value: 'b' } } }).subjects, [
    'b',
  ])
  assert.deepEqual(parse({ userinfo: { sub: { value: 'a' } }, id_token: { sub: { value: 'b' } } }).subjects, [])
  for (const sub of [null, { essential: true }, {}]) assert.equal(parse({ id_token: { sub } }).subjects, undefined)
})

test('acr counts where it is essential and has values (§5.5.1.1)', () => {
  const acr = (asked: unknown, where = 'id_token') => parse({ [where]: { acr: asked } }).essentialAcrs
  assert.deepEqual(acr({ essential: true, values: ['x', 'y'] }), ['x', 'y'])
  assert.deepEqual(acr({ essential: true, value: 'x' }), ['x'])
  for (const asked of [null, {}, { essential: true }, { values: ['x'] }, { essential: false, values: ['x'] }]) {
    assert.equal(acr(asked), undefined)
  }
  assert.equal(acr({ essential: true, values: ['x'] }, 'userinfo'), undefined)
})

test('a parameter of another shape is refused', () => {
  for (const value of [
    ...[
      [],
      1,
      'text',
      true,
      null,
      { userinfo: null },
      { userinfo: [] },
      { id_token: 'name' },
      { userinfo: { name: 1 } },
    ],
    ...[{ userinfo: { name: true } }, { userinfo: { name: [] } }, { userinfo: { name: { essential: 'yes' } } }],
    ...[{ userinfo: { name: { values: 'x' } } }, { userinfo: { name: { value: 'x', values: ['x'] } } }],
    ...[{ id_token: { sub: { value: 1 } } }, { id_token: { sub: { values: ['a', null] } } }],
    { id_token: { acr: { essential: true, values: [1] } } },
  ]) {
    refusal(JSON.stringify(value))
  }
  for (const text of ['', '{', '{}}', "{'userinfo':{}}", '{"userinfo":{"name":undefined}}', 'NaN']) refusal(text)
})

test('a member __proto__ is refused wherever it is, and changes nothing', () => {
  for (const text of [
    '{"__proto__":{"userinfo":{"name":null}}}',
    '{"userinfo":{"__proto__":{"name":null}}}',
    '{"userinfo":{"name":{"__proto__":{"essential":true}}}}',
    '{"userinfo":{"\\u005f_proto__":null}}',
  ]) {
    assert.match(refusal(text).description, /__proto__/)
  }
  assert.equal(({} as Record<string, unknown>)['essential'], undefined)
  for (const inherited of ['constructor', 'toString', 'hasOwnProperty']) {
    assert.deepEqual(parse({ userinfo: { [inherited]: null } }).claims.userinfo, [])
  }
})

test('more than 4096 characters are refused before anything is read', () => {
  const padded = (length: number) => `{"userinfo":{"name":null}${' '.repeat(length - 26)}}`
  assert.equal(padded(4096).length, 4096)
  assert.deepEqual(parseClaims(padded(4096)).claims.userinfo, ['name'])
  assert.match(refusal(padded(4097)).description, /4096/)
  const deep = (levels: number) => `{"userinfo":{"name":{"value":${'['.repeat(levels)}${']'.repeat(levels)}}}}`
  assert.match(refusal(deep(10_000)).description, /4096/)
  assert.deepEqual(parseClaims(deep(2000)).claims.userinfo, ['name'])
})
