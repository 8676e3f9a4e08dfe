import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ENTITY_SORT_FIELDS, type Visibility } from '#stores/store.ts'
import type { Bench } from './contract.ts'
import { entity, newAccount, page, times } from './fixtures.ts'

const ORGANIZATIONS = 6
/** The last ones are not there. */
const organization = fc.integer({ min: 1, max: ORGANIZATIONS + 2 })
const organizations = fc.uniqueArray(organization, { maxLength: 6 })

/** Which entities of the platform are seen. */
export const visibilityContract = ({ promise, withOwnDatabase }: Bench): void => {
  promise(
    'of what an account sees a confined client sees what is below its organizations, and never more',
    async () => {
      await withOwnDatabase(async (store) => {
        const campaigns = times(18, (n) =>
          entity({ id: n + 1, name: `c${n % 4}`, organizationId: (n % ORGANIZATIONS) + 1 }),
        )
        const roots = times(ORGANIZATIONS, (n) => entity({ type: 'organization', id: n + 1, organizationId: n + 1 }))
        await store.entities.add([...campaigns, ...roots])
        let people = 0
        const seenBy = fc.record({
          permitted: fc.option(organizations, { nil: undefined }),
          within: fc.oneof(fc.constant('all' as const), organizations),
          limit: fc.integer({ min: 1, max: 7 }),
          field: fc.constantFrom(...ENTITY_SORT_FIELDS),
          descending: fc.boolean(),
        })
        await fc.assert(
          fc.asyncProperty(seenBy, async ({ permitted, within, limit, field, descending }) => {
            const account = await store.accounts.create(
              newAccount(`seer ${++people}`),
              (permitted ?? []).map((entityId) => ({ entityType: 'organization', entityId, access: 'r' })),
            )
            const visibility: Visibility =
              permitted === undefined ? { kind: 'all', within } : { kind: 'permissions', accountId: account.id, within }
            const sees = (id: number) =>
              (permitted === undefined || permitted.includes(id)) && (within === 'all' || within.includes(id))
            for (const all of [campaigns, roots]) {
              const { type } = all[0]!
              const expected = all.filter(({ organizationId }) => sees(organizationId)).map(({ id }) => id)
              const paged: number[] = []
              for (let offset = 0; offset === 0 || offset < expected.length + limit; offset += limit) {
                const listed = await store.entities.list(type, visibility, page(limit, offset, field, descending))
                assert.equal(listed.total, expected.length)
                paged.push(...listed.entities.map(({ id }) => id))
              }
              assert.deepEqual(
                paged.toSorted((a, b) => a - b),
                expected,
              )
              const found = await Promise.all(all.map(({ id }) => store.entities.find(type, id, visibility)))
              assert.deepEqual(
                found.flatMap((each) => (each === undefined ? [] : [each.id])),
                expected,
              )
            }
          }),
          { numRuns: 40 },
        )
      })
    },
  )

  promise('a client that is confined to what no organization can be sees nothing', async () => {
    await withOwnDatabase(async (store) => {
      await store.entities.add([entity({ id: 1, organizationId: 1 })])
      for (const within of [[], [0], [-1], [0.5], [2 ** 53], [1e300], [NaN], [Infinity]]) {
        const visibility = { kind: 'all', within } as const
        assert.deepEqual(await store.entities.list('campaign', visibility, page(5, 0)), { entities: [], total: 0 })
        assert.equal(await store.entities.find('campaign', 1, visibility), undefined)
      }
    })
  })
}
