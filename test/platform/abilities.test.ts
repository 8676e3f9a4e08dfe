import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochSeconds } from '#base/time.ts'
import { ABILITIES, judge, sightOf, type Ability } from '#platform/abilities.ts'
import { PlatformError } from '#platform/errors.ts'
import { FLAGS, ROLES, USER_TYPES, type Abilities, type Account } from '#stores/records.ts'

const accountWith = (abilities: Abilities): Account => ({
  id: 7,
  realm: 'R',
  username: 'u',
  passwordHash: '-',
  disabledAt: undefined,
  abilities,
  profile: {},
  version: 0,
  createdAt: epochSeconds(0),
  updatedAt: epochSeconds(0),
})

const abilities = fc.record({
  role: fc.constantFrom(...ROLES),
  scope: fc.constantFrom('GLOBAL' as const, 'SELECT' as const),
  type: fc.constantFrom(...USER_TYPES),
  flags: fc.subarray([...FLAGS]),
})
const scopes = fc.subarray(['read:entities', 'write:entities', 'read:users']).map((list) => new Set(list))
const ability = fc.constantFrom(...(Object.keys(ABILITIES) as Ability[]))

test('an ability needs everything that its line names, and to have more never takes one away', () => {
  fc.assert(
    fc.property(abilities, scopes, ability, (has, scope, asked) => {
      const account = accountWith(has)
      const verdict = judge({ scopes: scope, account }, asked)
      assert.equal(judge({ scopes: new Set(), account }, asked).may, false)
      assert.equal(judge({ scopes: scope, account: undefined }, asked).may, false)
      const more = { scopes: new Set([...scope, 'x']), account: accountWith({ ...has, flags: FLAGS }) }
      if (verdict.may) assert.equal(judge(more, asked).may, true)
      if (!verdict.may && verdict.lacks === 'flag') assert.equal(judge(more, asked).may, true)
    }),
  )
})

test('GLOBAL sees all, SELECT what is granted to this very account; internal fields are for INTERNAL', () => {
  fc.assert(
    fc.property(abilities, (has) => {
      const account = accountWith({ ...has, flags: ['view_organizations'] })
      assert.deepEqual(
        sightOf({ scopes: new Set(['read:entities']), account, organizations: [1] }, 'read organizations'),
        {
          visibility:
            has.scope === 'GLOBAL' ? { kind: 'all', within: [1] } : { kind: 'permissions', accountId: 7, within: [1] },
          seesInternalFields: has.type === 'INTERNAL',
        },
      )
    }),
  )
})

test('who lacks a scope is told that another token would help, who lacks a flag that another user would', () => {
  const account = accountWith({ role: 'ADMIN', scope: 'GLOBAL', type: 'INTERNAL', flags: [] })
  const codeOf = (caller: Omit<Parameters<typeof sightOf>[0], 'organizations'>) => {
    try {
      return sightOf({ ...caller, organizations: 'all' }, 'read organizations')
    } catch (error) {
      assert.ok(error instanceof PlatformError)
      return error.code
    }
  }
  assert.equal(
    codeOf({ scopes: new Set(['write:entities', 'read', 'read:entities:x']), account }),
    'insufficient-scope',
  )
  assert.equal(codeOf({ scopes: new Set(['read:entities']), account: undefined }), 'insufficient-scope')
  assert.equal(codeOf({ scopes: new Set(['read:entities']), account }), 'permission-denied')
})
