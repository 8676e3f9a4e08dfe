import assert from 'node:assert/strict'
import fc from 'fast-check'
import { days } from '#base/time.ts'
import type { EntityValue } from '#stores/records.ts'
import type { EntityFilter, NewEntity, Visibility } from '#stores/store.ts'
import type { Bench } from './contract.ts'
import { entity, EVERYTHING, newAccount, page, times } from './fixtures.ts'

const by = { accountId: 7, clientId: 'editor' }

/** Two organizations; below each two agencies, below each of these two advertisers, below each of these a campaign. */
const tree: readonly NewEntity[] = [1, 2].flatMap((organizationId) => [
  entity({ type: 'organization', id: organizationId, organizationId }),
  ...[0, 1].flatMap((a) => {
    const agencyId = organizationId * 10 + a
    return [
      entity({ type: 'agency', id: agencyId, organizationId, agencyId }),
      ...[0, 1].flatMap((b) => {
        const advertiserId = agencyId * 10 + b
        const branch = { organizationId, agencyId, advertiserId }
        return [
          entity({ type: 'advertiser', id: advertiserId, ...branch }),
          entity({ type: 'campaign', id: advertiserId * 10, ...branch }),
        ]
      }),
    ]
  }),
])

const WORDS = ['Summer', 'summer sale', 'Été', 'a_b', 'a%b', 'a\\b', '']
const someFields = fc
  .record(
    {
      status: fc.boolean(),
      budget: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(0.5, 1.5)),
      city: fc.constantFrom(...WORDS),
      org_type: fc.subarray(['buyer', 'partner']),
    },
    { requiredKeys: [] },
  )
  .map((fields) => fields as Readonly<Record<string, EntityValue>>)
  // A field whose value has another type than its neighbours': it must neither match nor break the query.
  .chain((fields) => fc.constantFrom(fields, { ...fields, budget: 'none' }, { ...fields, city: 3 }))
const orNull = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary }, { weight: 1, arbitrary: fc.constant(null) })
const anyOf = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(orNull(arbitrary), { minLength: 1, maxLength: 3 })
const ORDERS = ['<', '<=', '>', '>='] as const
const conditionOn = <T extends string | number | boolean>(
  field: string,
  type: EntityFilter['type'],
  values: fc.Arbitrary<T>,
): fc.Arbitrary<EntityFilter> =>
  fc.oneof(
    fc.record({
      field: fc.constant(field),
      type: fc.constant(type),
      comparison: fc.constantFrom('is' as const, 'is not' as const),
      values: type === 'list' ? fc.array(values, { minLength: 1, maxLength: 2 }) : anyOf(values),
    }),
    ...(type === 'list'
      ? []
      : [
          fc.record({
            field: fc.constant(field),
            type: fc.constant(type),
            comparison: fc.constantFrom(...ORDERS),
            values: fc.tuple(values),
          }),
        ]),
  )
const condition = fc.oneof(
  conditionOn('status', 'flag', fc.boolean()),
  conditionOn('budget', 'number', fc.constantFrom(-3, 0, 0.5, 1.5, 3)),
  conditionOn('city', 'text', fc.constantFrom(...WORDS)),
  conditionOn('org_type', 'list', fc.constantFrom('buyer', 'partner', 'none')),
  conditionOn('id', 'integer', fc.integer({ min: 0, max: 30 })),
  conditionOn('agency_id', 'integer', fc.integer({ min: 1, max: 3 })),
  conditionOn('name', 'text', fc.constantFrom(...WORDS)),
  fc.record({
    field: fc.constantFrom('city', 'name'),
    type: fc.constant('text' as const),
    comparison: fc.constant('is like' as const),
    values: fc.tuple(fc.constantFrom('%summer%', 'SUMMER', 'a\\_b', 'a\\%b', 'a\\\\b', 'a_b', '%', '', 'é%', 'É%')),
  }),
)

const bytes = (text: string): Buffer => Buffer.from(text)
const lower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
const patternOf = (like: string): RegExp =>
  new RegExp(
    `^${lower(like).replace(
      /\\(.)|(%)|(_)|([^\\%_])/gsu,
      (_, plain: string | undefined, many: string | undefined, one: string | undefined, other: string | undefined) =>
        many !== undefined ? '.*' : one !== undefined ? '.' : (plain ?? other)!.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'),
    )}$`,
    'su',
  )

/** The rule as its documentation says it, without a database. */
const holds = ({ field, type, comparison, values }: EntityFilter, each: NewEntity): boolean => {
  const columns: Readonly<Record<string, EntityValue | undefined>> = {
    id: each.id,
    name: each.name,
    agency_id: each.agencyId,
  }
  const found = field in columns ? columns[field] : each.fields[field]
  if (type === 'list') {
    const has = Array.isArray(found) && values.some((one) => found.includes(one))
    return comparison === 'is' ? has : !has
  }
  const jsType = { text: 'string', number: 'number', integer: 'number', flag: 'boolean' }[type]
  const own = typeof found === jsType ? (found as string | number | boolean) : null
  if (comparison === 'is') return values.includes(own)
  if (comparison === 'is not') return !values.includes(own)
  if (own === null) return false
  if (comparison === 'is like') return patternOf(values[0] as string).test(lower(own as string))
  const [one] = values
  const order = typeof own === 'string' ? Buffer.compare(bytes(own), bytes(one as string)) : Number(own) - Number(one)
  return { '<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0 }[comparison]
}

/** Agencies and advertisers, filters, saves and what they leave behind. */
export const entityContract = ({ promise, withOwnDatabase, clock }: Bench): void => {
  promise(
    'a permission on an organization, an agency or an advertiser shows it and all below it, and nothing above',
    async () => {
      await withOwnDatabase(async (store) => {
        await store.entities.add(tree)
        const seenBy = async (
          entityType: 'organization' | 'agency' | 'advertiser',
          entityId: number,
          access: 'r' | 'w',
        ) => {
          const account = await store.accounts.create(newAccount(`${entityType} ${entityId} ${access}`), [
            { entityType, entityId, access },
          ])
          const seen = async (writes: boolean) => {
            const all = { kind: 'permissions', accountId: account.id, within: 'all' } as const
            const visibility: Visibility = writes ? { ...all, access: 'w' } : all
            const lists = await Promise.all(
              (['organization', 'agency', 'advertiser', 'campaign'] as const).map((type) =>
                store.entities.list(type, visibility, page(100, 0)),
              ),
            )
            for (const { entities, total } of lists) assert.equal(total, entities.length)
            for (const { type, id } of tree) {
              const isListed = lists.some(({ entities }) => entities.some((one) => one.type === type && one.id === id))
              assert.equal((await store.entities.find(type, id, visibility)) !== undefined, isListed)
            }
            return lists.flatMap(({ entities }) => entities.map(({ id }) => id))
          }
          return { reads: await seen(false), writes: await seen(true) }
        }
        const all = {
          organization: [2, 20, 21, 200, 201, 210, 211, 2000, 2010, 2100, 2110],
          agency: [11, 110, 111, 1100, 1110],
          advertiser: [101, 1010],
        }
        assert.deepEqual(await seenBy('organization', 2, 'r'), { reads: all.organization, writes: [] })
        assert.deepEqual(await seenBy('agency', 11, 'w'), { reads: all.agency, writes: all.agency })
        assert.deepEqual(await seenBy('advertiser', 101, 'r'), { reads: all.advertiser, writes: [] })
      })
    },
  )

  promise(
    'a filter lets through what its documentation says, whatever the values: the same on every store',
    async () => {
      await withOwnDatabase(async (store) => {
        let made = 0
        const asked = fc.record({
          entities: fc.array(
            fc.record({
              name: fc.constantFrom(...WORDS),
              agencyId: fc.constantFrom(undefined, 1, 2),
              fields: someFields,
            }),
            { minLength: 1, maxLength: 8 },
          ),
          filters: fc.array(fc.array(condition, { maxLength: 3 }), { minLength: 4, maxLength: 10 }),
        })
        await fc.assert(
          fc.asyncProperty(asked, async ({ entities, filters }) => {
            const organizationId = ++made
            const added = entities.map(({ agencyId, ...rest }, n) =>
              entity({ ...rest, ...(agencyId === undefined ? {} : { agencyId }), id: made * 100 + n, organizationId }),
            )
            await store.entities.add(added)
            const visibility = { kind: 'all', within: [organizationId] } as const
            for (const each of filters) {
              const found = await store.entities.list('campaign', visibility, { ...page(100, 0), filters: each })
              const expected = added.filter((one) => each.every((filter) => holds(filter, one))).map(({ id }) => id)
              assert.deepEqual(
                found.entities.map(({ id }) => id),
                expected,
                JSON.stringify({ each, added }),
              )
              assert.equal(found.total, expected.length)
            }
          }),
          { numRuns: 60 },
        )
      })
    },
  )

  promise('a new entity hangs below its parent, has version 0 and the next id of its type', async () => {
    await withOwnDatabase(async (store) => {
      await store.entities.add(tree)
      const create = (type: NewEntity['type'], parentId: number | undefined, visibility: Visibility = EVERYTHING) =>
        store.entities.create({ type, parentId, name: `new ${type}`, fields: { status: true }, visibility, by })
      const organization = await create('organization', undefined)
      assert.deepEqual([organization?.id, organization?.organizationId, organization?.version], [3, 3, 0])
      const agency = await create('agency', organization!.id)
      assert.deepEqual([agency?.id, agency?.organizationId, agency?.agencyId], [22, 3, 22])
      const advertiser = await create('advertiser', agency!.id)
      assert.deepEqual(
        [advertiser?.id, advertiser?.organizationId, advertiser?.agencyId, advertiser?.advertiserId],
        [212, 3, 22, 212],
      )
      assert.equal(await create('agency', 4711), undefined)
      assert.equal(await create('agency', undefined), undefined)
      assert.equal(await create('advertiser', 11, { kind: 'all', within: [2] }), undefined)
      const many = await Promise.all(times(25, () => create('advertiser', 11)))
      assert.equal(new Set(many.map((one) => one?.id)).size, 25)
      const listed = await store.entities.list('advertiser', EVERYTHING, page(1, 0))
      assert.equal(listed.total, 8 + 1 + 25)
      assert.deepEqual(await store.entities.find('advertiser', many[7]!.id, EVERYTHING), many[7])
    })
  })

  promise(
    'of any number of saves of one version one wins, the others are told the version that there is now',
    async () => {
      await withOwnDatabase(async (store) => {
        await store.entities.add(tree)
        const save = (name: string, version: number, visibility: Visibility = EVERYTHING) =>
          store.entities.save({ type: 'agency', id: 11, version, name, fields: { name_of: name }, visibility, by })
        const outcomes = await Promise.all(times(25, (n) => save(`agency ${n}`, 0)))
        const [won, ...others] = outcomes.filter((one) => one?.outcome === 'saved')
        assert.ok(won?.outcome === 'saved' && others.length === 0)
        for (const one of outcomes) if (one !== won) assert.deepEqual(one, { outcome: 'conflict', version: 1 })
        assert.equal(won.entity.version, 1)
        assert.deepEqual(await store.entities.find('agency', 11, EVERYTHING), won.entity)
        assert.equal(await save('elsewhere', 1, { kind: 'all', within: [2] }), undefined)
        assert.equal((await save('again', 1))?.outcome, 'saved')

        const changes = await store.entities.listChanges('agency', 11, { limit: 10, offset: 0 })
        assert.deepEqual(
          changes.map(({ version }) => version),
          [2, 1],
        )
        assert.deepEqual(changes[0], {
          version: 2,
          ...by,
          at: changes[0]!.at,
          changes: { name: { from: won.entity.name, to: 'again' }, name_of: { from: won.entity.name, to: 'again' } },
        })
        assert.deepEqual(await store.entities.listChanges('agency', 11, { limit: 1, offset: 1 }), [changes[1]])
        assert.deepEqual(await store.entities.listChanges('agency', 12, { limit: 10, offset: 0 }), [])
        clock.pass(days(731))
        assert.equal(await store.sweep(), 2)
        assert.deepEqual(await store.entities.listChanges('agency', 11, { limit: 10, offset: 0 }), [])
      })
    },
  )
}
