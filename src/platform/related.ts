import type { Sight } from '#platform/abilities.ts'
import { viewEntity, type EntityKind, type EntityView } from '#platform/entities.ts'
import { advertisers } from '#platform/advertisers.ts'
import { agencies } from '#platform/agencies.ts'
import { campaigns } from '#platform/campaigns.ts'
import type { Chains } from '#platform/list_parameters.ts'
import { organizations } from '#platform/organizations.ts'
import type { Entity, EntityType } from '#stores/records.ts'
import type { EntityStore } from '#stores/store.ts'

const KINDS: Readonly<Record<EntityType, EntityKind>> = {
  organization: organizations,
  agency: agencies,
  advertiser: advertisers,
  campaign: campaigns,
}

const idAbove = (entity: Entity, type: EntityType): number | undefined =>
  ({
    organization: entity.organizationId,
    agency: entity.agencyId,
    advertiser: entity.advertiserId,
    campaign: undefined,
  })[type]

/**
 * Finds what is shown with each of the entities: one look for each link of a chain, however many entities there are. What the caller
 * may not see is left out.
 */
export const findRelated = async (
  entities: readonly Entity[],
  chains: Chains,
  sight: Sight,
  store: Pick<EntityStore, 'list'>,
): Promise<(entity: Entity) => readonly EntityView[]> => {
  const found = await Promise.all(chains.map((chain) => findChain(entities, chain, sight, store)))
  return (entity) => found.flatMap((view) => view(entity) ?? [])
}

const findChain = async (
  entities: readonly Entity[],
  [type, ...rest]: readonly EntityType[],
  sight: Sight,
  store: Pick<EntityStore, 'list'>,
): Promise<(entity: Entity) => EntityView | undefined> => {
  if (type === undefined) return () => undefined
  const ids = [...new Set(entities.flatMap((entity) => idAbove(entity, type) ?? []))]
  if (ids.length === 0) return () => undefined
  const { entities: above } = await store.list(type, sight.visibility, {
    limit: ids.length,
    offset: 0,
    sort: { field: 'id', descending: false },
    filters: [{ field: 'id', type: 'integer', comparison: 'is', values: ids }],
  })
  const further = await findChain(above, rest, sight, store)
  const views = new Map(
    above.map((entity) => {
      const next = further(entity)
      const related = next === undefined ? [] : [next]
      return [entity.id, viewEntity(KINDS[type], entity, sight.seesInternalFields, { kind: 'none' }, related)]
    }),
  )
  return (entity) => views.get(idAbove(entity, type) ?? 0)
}
