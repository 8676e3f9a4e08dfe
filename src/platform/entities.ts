import type { EpochSeconds } from '#base/time.ts'
import type { Ability } from '#platform/abilities.ts'
import type { Entity, EntityType, EntityValue } from '#stores/records.ts'

/** A type of entity that this API serves. */
export type EntityKind = {
  readonly type: EntityType
  /** Its name in paths. */
  readonly collection: string
  /** What a caller needs to read it. */
  readonly ability: Ability
  /** Fields for the platform's own staff alone. */
  readonly internalFields: ReadonlySet<string>
}

export type Moment = { readonly at: EpochSeconds }
export type PropertyValue = EntityValue | Moment

export const isMoment = (value: PropertyValue): value is Moment => typeof value === 'object' && !Array.isArray(value)

/** What one caller sees of one entity: the model behind every representation. */
export type EntityView = {
  readonly type: EntityType
  readonly id: number
  readonly name: string
  /** All else, in the order in which it is shown. What is not set is absent: clients cannot read null. */
  readonly properties: ReadonlyMap<string, PropertyValue>
}

/** Which properties are asked for, besides those that every view has. */
export type Shown =
  { readonly kind: 'none' } | { readonly kind: 'all' } | { readonly kind: 'some'; readonly names: ReadonlySet<string> }

export type Page = {
  readonly entities: readonly EntityView[]
  readonly offset: number
  /** Of all that the caller may see. */
  readonly total: number
}

/** What entities of every type have, under the names that the wire has for it. */
const COMMON = new Set(['id', 'name', 'entity_type', 'version', 'organization_id', 'created_on', 'updated_on'])

const propertiesOf = (entity: Entity): readonly (readonly [string, PropertyValue])[] => [
  ['version', entity.version],
  ...(entity.type === 'organization' ? [] : [['organization_id', entity.organizationId] as const]),
  ...Object.entries(entity.fields).filter(([name]) => !COMMON.has(name)),
  ['created_on', { at: entity.createdAt }],
  ['updated_on', { at: entity.updatedAt }],
]

/** Clients take the first element of a list without looking whether there is one. */
const isEmptyList = (value: PropertyValue): boolean => Array.isArray(value) && value.length === 0

export const viewEntity = (
  { internalFields }: EntityKind,
  entity: Entity,
  seesInternalFields: boolean,
  shown: Shown,
): EntityView => {
  const isShown = (name: string): boolean =>
    (seesInternalFields || !internalFields.has(name)) &&
    (shown.kind === 'all' || (shown.kind === 'some' && shown.names.has(name)))
  return {
    type: entity.type,
    id: entity.id,
    name: entity.name,
    properties: new Map(propertiesOf(entity).filter(([name, value]) => isShown(name) && !isEmptyList(value))),
  }
}
