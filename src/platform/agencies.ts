import type { EntityKind } from '#platform/entities.ts'

export const agencies: EntityKind = {
  type: 'agency',
  collection: 'agencies',
  parent: { type: 'organization', field: 'organization_id' },
  abilities: { read: 'read agencies', create: 'create agencies', change: 'change agencies' },
  fields: {
    status: { type: 'flag' },
    dmp_enabled: { type: 'text', choices: ['disabled', 'inherits'] },
    allow_x_adv_pixels: { type: 'flag' },
    allow_x_adv_optimization: { type: 'flag' },
    sales_contact_id: { type: 'integer', range: [1, 1e15] },
    billing_contact_id: { type: 'integer', range: [1, 1e15] },
    traffic_contact_id: { type: 'integer', range: [1, 1e15] },
    logo: { type: 'text' },
  },
}
