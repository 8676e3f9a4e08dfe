import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FLAGS, ROLES, USER_TYPES } from '#stores/records.ts'
import { entitiesOf, FIRST_ORGANIZATION, openPlatform, ORGANIZATIONS } from './fixture.ts'

const platform = await openPlatform()
const ALL = Array.from({ length: ORGANIZATIONS }, (_, n) => FIRST_ORGANIZATION + n)
const SCOPES = ['read:entities', 'write:entities', 'read:users', 'manage:services', 'openid']

// One account of each password costs a hash, so accounts are made with a hash of nothing.
let made = 0
const account = fc.record({
  abilities: fc.record({
    role: fc.constantFrom(...ROLES),
    scope: fc.constantFrom('GLOBAL' as const, 'SELECT' as const),
    type: fc.constantFrom(...USER_TYPES),
    flags: fc.oneof(
      { weight: 3, arbitrary: fc.constant(['view_organizations'] as const) },
      { weight: 1, arbitrary: fc.subarray([...FLAGS]) },
    ),
  }),
  organizations: fc.uniqueArray(fc.oneof(fc.constantFrom(...ALL), fc.constant(999_999)), { maxLength: 12 }),
})

const includes = (scopes: readonly string[], scope: string): boolean =>
  scopes.includes(scope) || scopes.includes('manage:services')

test('what is listed is what token, client, role, flags and permissions allow together: no less, no more', async () => {
  await fc.assert(
    fc.asyncProperty(
      account,
      fc.subarray(SCOPES, { minLength: 1 }),
      fc.subarray(SCOPES),
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom('id', '-id', 'name', '-name'),
      fc.constantFrom('v2.0', 'v3.0'),
      async ({ abilities, organizations }, scopes, clientScopes, limit, sort, version) => {
        const name = `somebody${++made}@example.com`
        const somebody = await platform.store.accounts.create(
          {
            realm: 'Test-Realm',
            username: name,
            usernameKey: name,
            usernameSkeleton: name,
            passwordHash: '-',
            abilities,
            profile: {},
          },
          organizations.map((entityId) => ({ entityType: 'organization', entityId, access: 'r' })),
        )
        const bearer = await platform.tokenOf(somebody, await platform.client({ scopes: clientScopes }), { scopes })

        const mayRead =
          includes(scopes, 'read:entities') &&
          includes(clientScopes, 'read:entities') &&
          abilities.flags.includes('view_organizations')
        const visible = ALL.filter((id) => abilities.scope === 'GLOBAL' || organizations.includes(id))

        const path = `/api/${version}/organizations`
        const first = await platform.call(`${path}?page_limit=${limit}`, { bearer })
        assert.equal(first.status, mayRead ? 200 : 403)

        for (const id of [...organizations, ALL[0]!, ALL.at(-1)!]) {
          const { status } = await platform.call(`${path}/${id}`, { bearer })
          assert.equal(status, !mayRead ? 403 : visible.includes(id) ? 200 : 404)
        }
        if (!mayRead) return

        const listed: { readonly id: number; readonly name: string }[] = []
        for (let offset = 0; offset < visible.length + limit; offset += limit) {
          const page = await platform.call(`${path}?page_limit=${limit}&page_offset=${offset}&sort_by=${sort}`, {
            bearer,
          })
          const body = page.json()
          assert.equal(body.meta.total_count, visible.length)
          assert.ok(entitiesOf(body).length <= limit)
          assert.equal(body.meta.next_page !== undefined, version === 'v2.0' && offset + limit < visible.length)
          listed.push(...entitiesOf(body))
        }
        assert.deepEqual(
          listed.map(({ id }) => id).toSorted((a, b) => a - b),
          visible,
        )
        if (sort.endsWith('id')) {
          const ids = listed.map(({ id }) => id)
          assert.deepEqual(sort === 'id' ? ids : ids.toReversed(), visible)
        }
      },
    ),
    { numRuns: 60 },
  )
})
