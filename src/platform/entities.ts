import type { EpochSeconds } from '#base/time.ts'
import type { Ability } from '#platform/abilities.ts'
import type { Field, Fields } from '#platform/fields.ts'
import type { Entity, EntityType, EntityValue } from '#stores/records.ts'

/** A type of entity that this API serves: everything that its handlers know about it. */
export type EntityKind = {
  readonly type: EntityType
  /** Its name in paths. */
  readonly collection: string
  /** What it hangs below, and the field that names it; `undefined` for a root. */
  readonly parent:
    { readonly type: EntityType; readonly field: 'organization_id' | 'agency_id' | 'advertiser_id' } | undefined
  /** What a caller needs. Without `create` and `change` it is read only. */
  readonly abilities: { readonly read: Ability; readonly create?: Ability; readonly change?: Ability }
  /** Its own, in the order in which they are shown. */
  readonly fields: Fields
}

const BRANCH = ['organization_id', 'agency_id', 'advertiser_id'] as const
const ID: Field = { type: 'integer', isReadOnly: true, range: [1, Number.MAX_SAFE_INTEGER] }

/** The fields of every kind under the names that the wire has for them. `parents` are the ids of what it hangs below. */
const parentFieldsOf = ({ parent }: EntityKind): readonly (typeof BRANCH)[number][] =>
  parent === undefined ? [] : BRANCH.slice(0, BRANCH.indexOf(parent.field) + 1)

const fieldsOfKinds = new WeakMap<EntityKind, ReadonlyMap<string, Field>>()

/** All fields of a kind, those that all kinds have among them. */
export const kindFields = (kind: EntityKind): ReadonlyMap<string, Field> => {
  const known = fieldsOfKinds.get(kind)
  if (known !== undefined) return known
  const { isReadOnly: _, ...parentField } = ID
  const fields = new Map<string, Field>([
    ['id', ID],
    ['name', { type: 'text', isRequired: true }],
    ['version', { type: 'integer', isReadOnly: true, range: [0, Number.MAX_SAFE_INTEGER] }],
    ...parentFieldsOf(kind).map((name): [string, Field] => [
      name,
      name === kind.parent?.field ? { ...parentField, isRequired: true } : ID,
    ]),
    ...Object.entries(kind.fields),
    ['created_on', { type: 'time', isReadOnly: true }],
    ['updated_on', { type: 'time', isReadOnly: true }],
  ])
  fieldsOfKinds.set(kind, fields)
  return fields
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
  /** What was asked for `with` it, that the caller may see. */
  readonly related: readonly EntityView[]
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
const COMMON: ReadonlySet<string> = new Set([
  'id',
  'name',
  'entity_type',
  'version',
  ...BRANCH,
  'created_on',
  'updated_on',
])

const parentIdOf = (entity: Entity, field: (typeof BRANCH)[number]): number | undefined =>
  ({ organization_id: entity.organizationId, agency_id: entity.agencyId, advertiser_id: entity.advertiserId })[field]

const propertiesOf = (kind: EntityKind, entity: Entity): readonly (readonly [string, PropertyValue])[] => [
  ['version', entity.version],
  ...parentFieldsOf(kind).flatMap((field): readonly (readonly [string, number])[] => {
    const id = parentIdOf(entity, field)
    return id === undefined ? [] : [[field, id]]
  }),
  ...Object.entries(entity.fields).filter(([name]) => !COMMON.has(name)),
  ['created_on', { at: entity.createdAt }],
  ['updated_on', { at: entity.updatedAt }],
]

/** Clients take the first element of a list without looking whether there is one. */
const isEmptyList = (value: PropertyValue): boolean => Array.isArray(value) && value.length === 0

export const viewEntity = (
  kind: EntityKind,
  entity: Entity,
  seesInternalFields: boolean,
  shown: Shown,
  related: readonly EntityView[] = [],
): EntityView => {
  const isShown = (name: string): boolean =>
    (seesInternalFields || kind.fields[name]?.isInternal !== true) &&
    (shown.kind === 'all' || (shown.kind === 'some' && shown.names.has(name)))
  return {
    type: entity.type,
    id: entity.id,
    name: entity.name,
    properties: new Map(propertiesOf(kind, entity).filter(([name, value]) => isShown(name) && !isEmptyList(value))),
    related,
  }
}
