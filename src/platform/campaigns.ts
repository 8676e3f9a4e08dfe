import type { EntityKind } from '#platform/entities.ts'

/** Of the APIs that are not moved to OAuth2 yet, and read only: a request needs the bearer token and the platform session together. */
export const campaigns: EntityKind = {
  type: 'campaign',
  collection: 'campaigns',
  parent: { type: 'advertiser', field: 'advertiser_id' },
  abilities: { read: 'read campaigns' },
  fields: {
    status: { type: 'flag' },
    goal_type: { type: 'text', choices: ['ctr', 'cpa', 'reach', 'vcpm'] },
    goal_value: { type: 'number' },
    total_budget: { type: 'number' },
    currency_code: { type: 'text' },
    start_date: { type: 'time' },
    end_date: { type: 'time' },
    use_default_ad_server: { type: 'flag' },
  },
}
