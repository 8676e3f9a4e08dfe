import type { EntityKind } from '#platform/entities.ts'

/** Of the APIs that are not moved to OAuth2 yet: a request needs the bearer token and the platform session together. */
export const campaigns: EntityKind = {
  type: 'campaign',
  collection: 'campaigns',
  ability: 'read campaigns',
  internalFields: new Set(),
}
