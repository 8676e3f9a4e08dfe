import { ENTITY_TYPES, type Entity, type EntityChange, type EntityType, type EntityValue } from '#stores/records.ts'

/** The type of what an entity hangs below; `undefined` for a root. */
export const parentOf = (type: EntityType): EntityType | undefined => ENTITY_TYPES[ENTITY_TYPES.indexOf(type) - 1]

type Branch = Pick<Entity, 'organizationId' | 'agencyId' | 'advertiserId'>

/** The branch of a new entity below `parent`; a root has none. */
export const branchOf = (type: EntityType, id: number, parent: Branch | undefined): Branch => ({
  organizationId: parent?.organizationId ?? id,
  agencyId: type === 'agency' ? id : parent?.agencyId,
  advertiserId: type === 'advertiser' ? id : parent?.advertiserId,
})

type Saved = Pick<Entity, 'name' | 'fields'>

const valuesOf = (entity: Saved | undefined): ReadonlyMap<string, EntityValue> =>
  new Map(entity === undefined ? [] : [['name', entity.name], ...Object.entries(entity.fields)])

/** What a save changed, for the history. */
export const changesBetween = (before: Saved | undefined, after: Saved): EntityChange['changes'] => {
  const from = valuesOf(before)
  const to = valuesOf(after)
  return Object.fromEntries(
    [...new Set([...to.keys(), ...from.keys()])]
      .filter((name) => JSON.stringify(from.get(name)) !== JSON.stringify(to.get(name)))
      .map((name) => [name, { from: from.get(name) ?? null, to: to.get(name) ?? null }]),
  )
}
