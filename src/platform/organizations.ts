import type { EntityKind } from '#platform/entities.ts'

/** The root of every branch: all that a user may see hangs below organizations. */
export const organizations: EntityKind = {
  type: 'organization',
  collection: 'organizations',
  ability: 'read organizations',
  internalFields: new Set(['override_suspicious_traffic_filter', 'suspicious_traffic_filter_level']),
}
