import type { AccountRegistration } from '#accounts/register.ts'
import { numberWords } from '#cli/number_words.ts'
import type { ClientRegistration } from '#clients/register.ts'
import type { Config } from '#config.ts'
import { OPENID_SCOPES } from '#protocol/scope.ts'
import { DEVICE_CODE } from '#protocol/token_request.ts'
import { FLAGS } from '#stores/records.ts'
import type { NewEntity } from '#stores/store.ts'

// What the public guide of the platform uses as its examples, and invented values for the rest: names of the domain example.com (RFC 2606),
// telephone numbers from 555-0100 to 555-0199, which are kept for fiction.

export const DEMO = {
  clientId: 'GFg6CdBuibi1tk9yOQk0wwlDU6vqwyoP',
  clientSecret: 'CLIENT_SECRET',
  apiKey: 'DEMO-KEY',
  username: 'example@example.com',
  password: 'somepassword',
  thirdPartyId: 'third-party-demo',
  thirdPartySecret: 'third-party-secret',
  /** Where examples/third_party_site listens. */
  thirdPartyCallback: 'http://localhost:9401/callback',
  thirdPartyHome: 'http://localhost:9401/',
  thirdPartyLogout: 'http://localhost:9401/backchannel-logout',
  spaId: 'spa-demo',
  deviceId: 'device-demo',
  spaCallback: 'http://localhost:9402/callback',
  spaHome: 'http://localhost:9402/',
} as const

/** The realm of operators. */
const STAFF = 'Staff'

const FIRST_ORGANIZATION = 100_000
const ORGANIZATIONS = 100

const PLACES = [
  { city: 'New York', state: 'NY', zip: '10007', street: 'Example Plaza' },
  { city: 'Boston', state: 'MA', zip: '02108', street: 'Sample Street' },
  { city: 'Chicago', state: 'IL', zip: '60601', street: 'Placeholder Avenue' },
  { city: 'San Francisco', state: 'CA', zip: '94105', street: 'Specimen Way' },
] as const

const PEOPLE = ['Robin Sample', 'Alex Placeholder', 'Kim Specimen', 'Sam Instance', 'Chris Model'] as const

const organization = (index: number): NewEntity => {
  const id = FIRST_ORGANIZATION + index
  const { city, state, zip, street } = PLACES[index % PLACES.length]!
  return {
    type: 'organization',
    id,
    organizationId: id,
    name: `Organization ${numberWords(index + 1)}`,
    // Never 0: programs that write back what they read must send the version that they got.
    version: 1 + ((index * 37) % 210),
    fields: {
      status: true,
      org_type: index % 5 === 4 ? ['buyer', 'partner'] : ['buyer'],
      adx_seat_account_id: 139_299_100 + index,
      address_1: `${100 + index} ${street}`,
      address_2: `Floor ${1 + (index % 40)}`,
      city,
      state,
      zip,
      country: 'US',
      phone: `+1-212-555-01${String(index).padStart(2, '0')}`,
      contact_name: PEOPLE[index % PEOPLE.length]!,
      mm_contact_name: 'Pat Operator',
      currency_code: 'USD',
      billing_country_code: 'US',
      dmp_enabled: index % 3 === 0 ? 'disabled' : 'enabled',
      allow_byo_price: true,
      allow_x_agency_pixels: index % 2 === 0,
      use_evidon_optout: true,
      tag_ruleset: 'default',
      override_suspicious_traffic_filter: false,
      suspicious_traffic_filter_level: 25,
      accountable_and_addressable: false,
      restrict_targeting_to_same_device_id: false,
      restrict_targeting_to_deterministic_id: false,
      opt_out_connected_id: false,
      opt_out_connected_id_mathid: false,
      connected_id_type: 'default',
      terminated: false,
    },
  }
}

const FIRST_AGENCY = 110_000
const AGENCIES = 125
const FIRST_ADVERTISER = 120_000
const ADVERTISERS = 250

/** One for each organization, and a second one for the first of them. */
const organizationOfAgency = (index: number): number => FIRST_ORGANIZATION + (index % ORGANIZATIONS)
const agencyOfAdvertiser = (index: number): number => index % AGENCIES

const agency = (index: number): NewEntity => ({
  type: 'agency',
  id: FIRST_AGENCY + index,
  organizationId: organizationOfAgency(index),
  agencyId: FIRST_AGENCY + index,
  name: `Agency ${numberWords(index + 1)}`,
  version: 1 + ((index * 13) % 40),
  fields: {
    status: index % 9 !== 8,
    dmp_enabled: index % 2 === 0 ? 'inherits' : 'disabled',
    allow_x_adv_pixels: index % 3 === 0,
    allow_x_adv_optimization: false,
  },
})

const advertiser = (index: number): NewEntity => {
  const place = agencyOfAdvertiser(index)
  return {
    type: 'advertiser',
    id: FIRST_ADVERTISER + index,
    organizationId: organizationOfAgency(place),
    agencyId: FIRST_AGENCY + place,
    advertiserId: FIRST_ADVERTISER + index,
    name: `Advertiser ${numberWords(index + 1)}`,
    version: 1 + ((index * 7) % 60),
    fields: {
      status: index % 7 !== 6,
      domain: `http://advertiser-${index + 1}.example.com`,
      vertical_id: 1 + (index % 12),
      ad_server_id: 9,
      dmp_enabled: 'disabled',
      minimize_multi_ads: index % 4 === 0,
      allow_x_strat_optimization: false,
      frequency_type: 'no-limit',
      frequency_interval: 'not-applicable',
    },
  }
}

const CAMPAIGNS = [
  ...['Spring Launch', 'Summer Awareness', 'Autumn Retargeting', 'Winter Sale', 'Brand Reach', 'New Visitors'],
  ...['Loyal Customers', 'Store Openings', 'Product Tour', 'Back to School', 'Holiday Gifts', 'Year in Review'],
] as const

/** Two for each of the first organizations, among them those of the reporter, and the others further up. */
const organizationOfCampaign = (index: number): number => (index < 8 ? Math.floor(index / 2) : index * 6)

const campaign = (name: string, index: number): NewEntity => {
  // The first advertiser of an organization has its number.
  const place = organizationOfCampaign(index)
  return {
    type: 'campaign',
    id: 200_001 + index,
    organizationId: FIRST_ORGANIZATION + place,
    agencyId: FIRST_AGENCY + place,
    advertiserId: FIRST_ADVERTISER + place,
    name,
    version: 1 + ((index * 5) % 17),
    fields: {
      status: index % 4 !== 3,
      goal_type: (['ctr', 'cpa', 'reach', 'vcpm'] as const)[index % 4]!,
      goal_value: 1.5 + index,
      total_budget: 10_000 + index * 2500,
      currency_code: 'USD',
      start_date: `2026-${String(1 + index).padStart(2, '0')}-01T05:00:00+0000`,
      end_date: `2027-${String(1 + index).padStart(2, '0')}-01T04:59:59+0000`,
      use_default_ad_server: true,
    },
  }
}

const many = (count: number, make: (index: number) => NewEntity): readonly NewEntity[] =>
  Array.from({ length: count }, (_, index) => make(index))

export const demoEntities: readonly NewEntity[] = [
  ...many(ORGANIZATIONS, organization),
  ...many(AGENCIES, agency),
  ...many(ADVERTISERS, advertiser),
  ...CAMPAIGNS.map(campaign),
]

type DemoAccount = AccountRegistration & { readonly id: number }

export const demoAccounts = ({ platform }: Config): readonly DemoAccount[] => [
  {
    id: 22_612,
    realm: platform.default_realm,
    username: DEMO.username,
    password: DEMO.password,
    abilities: {
      role: 'MANAGER',
      scope: 'GLOBAL',
      type: 'AGENCY',
      // What the platform's own staff alone has is left out.
      flags: FLAGS.filter((flag) => flag !== 'access_internal_fees' && flag !== 'edit_data_definition'),
    },
    profile: {
      name: 'Jane Alex Example',
      given_name: 'Jane',
      family_name: 'Example',
      middle_name: 'Alex',
      nickname: 'jane',
      preferred_username: DEMO.username,
      profile: 'https://example.com/people/jane',
      picture: 'https://example.com/people/jane.png',
      website: 'https://example.com/',
      email: DEMO.username,
      email_verified: true,
      gender: 'female',
      birthdate: '1980-01-31',
      zoneinfo: 'America/New_York',
      locale: 'en-US',
      phone_number: '+12125550142',
      phone_number_verified: true,
      address: {
        formatted: '100 Example Plaza\nNew York, NY 10007\nUSA',
        street_address: '100 Example Plaza',
        locality: 'New York',
        region: 'NY',
        postal_code: '10007',
        country: 'US',
      },
    },
  },
  {
    id: 22_613,
    realm: platform.default_realm,
    username: 'reporter@example.com',
    password: DEMO.password,
    abilities: { role: 'REPORTER', scope: 'SELECT', type: 'ADVERTISER', flags: ['view_organizations'] },
    profile: { name: 'Rob Reporter', given_name: 'Rob', family_name: 'Reporter', email: 'reporter@example.com' },
    permissions: [0, 1, 2].map((index) => ({
      entityType: 'organization',
      entityId: FIRST_ORGANIZATION + index,
      access: 'r',
    })),
  },
  {
    id: 22_614,
    realm: STAFF,
    username: 'support@example.com',
    password: DEMO.password,
    // An operator works at the console and sees no entities.
    abilities: { role: 'USER', scope: 'SELECT', type: 'INTERNAL', flags: [] },
    profile: { name: 'Sasha Support', given_name: 'Sasha', family_name: 'Support', email: 'support@example.com' },
  },
]

type DemoClient = ClientRegistration & { readonly id: string }

export const demoClients = ({ platform, api_resources }: Config): readonly DemoClient[] => {
  const { scopes } = api_resources.find(({ audience }) => audience === platform.audience)!
  const apiScopes = scopes.map(({ name }) => name)
  /** A configuration with other scopes gets them all. */
  const amongThem = (names: readonly string[]): readonly string[] => {
    const found = apiScopes.filter((name) => names.includes(name))
    return found.length > 0 ? found : apiScopes
  }
  const entityScopes = amongThem(['read:entities', 'write:entities'])
  const forAll = { audiences: [platform.audience], idTokenSigningAlgorithm: 'RS256' } as const
  const forOthers = {
    ...forAll,
    party: 'third',
    grantTypes: ['authorization_code', 'refresh_token'],
    scopes: ['openid', 'profile', 'email', 'offline_access', ...entityScopes],
    // So that the bare request of the guide, which names no scope, is of use.
    defaultScopes: entityScopes,
  } as const
  return [
    {
      id: DEMO.clientId,
      name: 'Demo client',
      importedSecret: DEMO.clientSecret,
      apiKeys: [{ name: 'demo', key: DEMO.apiKey }],
      idIsApiKey: true,
      policy: {
        ...forAll,
        tokenEndpointAuthMethod: 'client_secret',
        grantTypes: [
          'password',
          'http://auth0.com/oauth/grant-type/password-realm',
          'authorization_code',
          'refresh_token',
        ],
        scopes: [...OPENID_SCOPES, ...apiScopes],
        // Programs of the platform ask for no scope.
        defaultScopes: amongThem(['manage:services']),
        party: 'first',
        redirectUris: [DEMO.thirdPartyCallback],
        postLogoutRedirectUris: [DEMO.thirdPartyHome],
      },
    },
    {
      id: DEMO.thirdPartyId,
      name: 'Third-party demo',
      importedSecret: DEMO.thirdPartySecret,
      idIsApiKey: false,
      policy: {
        ...forOthers,
        tokenEndpointAuthMethod: 'client_secret',
        redirectUris: [DEMO.thirdPartyCallback],
        postLogoutRedirectUris: [DEMO.thirdPartyHome],
        backchannelLogoutUri: DEMO.thirdPartyLogout,
      },
    },
    {
      id: DEMO.spaId,
      name: 'Single-page demo',
      idIsApiKey: false,
      policy: {
        ...forOthers,
        tokenEndpointAuthMethod: 'none',
        pkce: 'required',
        redirectUris: [DEMO.spaCallback],
        postLogoutRedirectUris: [DEMO.spaHome],
      },
    },
    {
      id: DEMO.deviceId,
      name: 'Television demo',
      idIsApiKey: false,
      policy: {
        ...forOthers,
        grantTypes: [DEVICE_CODE, 'refresh_token'],
        tokenEndpointAuthMethod: 'none',
        redirectUris: [],
      },
    },
  ]
}
