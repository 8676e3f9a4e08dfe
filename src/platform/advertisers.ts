import type { EntityKind } from '#platform/entities.ts'

const INTERVALS = ['hour', 'day', 'week', 'month', 'campaign', 'not-applicable'] as const

export const advertisers: EntityKind = {
  type: 'advertiser',
  collection: 'advertisers',
  parent: { type: 'agency', field: 'agency_id' },
  abilities: { read: 'read advertisers', create: 'create advertisers', change: 'change advertisers' },
  fields: {
    status: { type: 'flag' },
    domain: { type: 'text', isRequired: true },
    vertical_id: { type: 'integer', range: [1, 1e9], isRequired: true },
    ad_server_id: { type: 'integer', range: [1, 1e9], isRequired: true },
    dmp_enabled: { type: 'text', choices: ['disabled', 'inherits', 'enabled'] },
    minimize_multi_ads: { type: 'flag' },
    allow_x_strat_optimization: { type: 'flag' },
    frequency_type: { type: 'text', choices: ['even', 'asap', 'no-limit'] },
    frequency_interval: { type: 'text', choices: INTERVALS },
    frequency_amount: { type: 'integer', range: [1, 1e9] },
  },
}
