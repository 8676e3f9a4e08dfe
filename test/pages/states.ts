// Every page in every state that it has, with data as a platform has them. Texts are looked at in all of them, and so is the picture.
import { epochSeconds, type EpochSeconds } from '#base/time.ts'
import { accountPage, type AccountData, type ClientLine } from '#pages/account.ts'
import type { Look } from '#pages/layout.ts'
import { consentPage, type ConsentData } from '#pages/consent.ts'
import { deviceAnswerPage, deviceCodePage, type DeviceCodeData } from '#pages/device_code.ts'
import { errorPage } from '#pages/error.ts'
import { formPostPage, type FormPostData } from '#pages/form_post.ts'
import type { Page } from '#pages/page.ts'
import { passwordChangePage, type PasswordChangeData } from '#pages/password_change.ts'
import { signedOutPage } from '#pages/signed_out.ts'
import { webMessagePage, type WebMessageData } from '#pages/web_message.ts'
import { signOutPage, stillSignedInPage, type SignOutData } from '#pages/sign_out.ts'
import { signInPage, type SignInData } from '#pages/sign_in.ts'

/** `data` is what the page was made of. */
export type State = { readonly page: Page; readonly data: unknown; readonly formAction?: URL }

const at = (iso: string): EpochSeconds => epochSeconds(Date.parse(iso) / 1000)

const SEALED = 'Zk3xT0aV9sQ1mB7cYh2LdRw8uEoPiNgJfXqKtS5vUy4zA6Wb'.repeat(5)
export const REDIRECT_URI = new URL('http://localhost:9401/callback')

export const signInData: Omit<SignInData, keyof Look> = { action: '/sign-in', request: SEALED }

export const consentData: Omit<ConsentData, keyof Look> = {
  action: '/consent',
  request: SEALED,
  account: { name: 'Jane Example', username: 'jane@example.com' },
  client: {
    name: 'Lumen Reporting',
    host: 'reports.lumen-analytics.example',
    isThirdParty: true,
    since: at('2026-03-03T09:00:00Z'),
  },
  identity: [
    { name: 'openid', isOn: true },
    { name: 'profile', isOn: true },
    { name: 'email', isOn: false },
  ],
  scopes: [
    {
      name: 'read:entities',
      description: 'See your organizations, agencies, advertisers and campaigns.',
      isOn: true,
      required: 'Reports are made of your campaigns.',
    },
    {
      name: 'write:entities',
      description: 'Create and change your organizations, agencies, advertisers and campaigns.',
      isOn: true,
    },
    { name: 'read:users', description: 'See the users that you can see, and what they may do.', isOn: false },
  ],
  offline: { isOn: true },
  organizations: {
    choice: 'all',
    total: 3,
    list: [
      { id: 100048, name: 'Northwind Trading', isOn: false },
      { id: 100112, name: 'Contoso Outdoor', isOn: false },
      { id: 100377, name: 'Fabrikam Media Group', isOn: false },
    ],
  },
}

const KINDS = [
  'Media Group',
  'Trading',
  'Outdoor',
  'Foods',
  'Travel',
  'Insurance',
  'Motors',
  'Interiors',
  'Sports',
  'Energy',
]
const HOUSES = [
  'Northwind',
  'Contoso',
  'Fabrikam',
  'Tailspin',
  'Wingtip',
  'Litware',
  'Proseware',
  'Adatum',
  'Lucerne',
  'Humongous',
]

export const hundredOrganizations = HOUSES.flatMap((house, tens) =>
  KINDS.map((kind, ones) => ({
    id: 100_000 + tens * 10 + ones,
    name: `${house} ${kind}`,
    isOn: tens === 0 && ones < 2,
  })),
)

const some = {
  choice: 'some',
  total: 3,
  list: consentData.organizations!.list.map((each, index) => ({ ...each, isOn: index === 1 })),
} as const

const clients: readonly ClientLine[] = [
  {
    id: 'third-party-demo',
    name: 'Lumen Reporting',
    isThirdParty: true,
    scopes: [
      'See your organizations, agencies, advertisers and campaigns.',
      'See your name and what else is in your profile.',
    ],
    organizations: ['Contoso Outdoor', 'Northwind Trading'],
    since: at('2026-09-14T08:12:00Z'),
    lastUsed: at('2026-11-24T17:05:00Z'),
    keepsAccess: true,
    withPassword: false,
  },
  {
    id: 'nightly-export',
    name: 'Nightly export (scripts of the finance team)',
    isThirdParty: false,
    scopes: ['See your organizations, agencies, advertisers and campaigns.'],
    organizations: 'all',
    since: at('2025-01-30T22:00:00Z'),
    lastUsed: at('2026-11-25T02:00:00Z'),
    keepsAccess: true,
    withPassword: true,
  },
  {
    id: 'spa-demo',
    name: 'Whiteboard',
    isThirdParty: true,
    scopes: [],
    organizations: hundredOrganizations.slice(0, 24).map(({ name }) => name),
    since: at('2026-11-20T10:00:00Z'),
    lastUsed: undefined,
    keepsAccess: false,
    withPassword: false,
  },
]

export const accountData: Omit<AccountData, keyof Look> = {
  actions: {
    endAccess: '/account/end-access',
    signOut: '/account/sign-out',
    signOutEverywhere: '/account/sign-out-everywhere',
    changePassword: '/account/password',
  },
  csrf: SEALED,
  account: consentData.account,
  clients,
}

export const passwordData: Omit<PasswordChangeData, keyof Look> = {
  action: '/account/password',
  csrf: SEALED,
  username: consentData.account.username,
  cancel: '/account',
}

export const deviceData: Omit<DeviceCodeData, keyof Look> = { action: '/device', typed: '' }

export const formPostData: Omit<FormPostData, keyof Look> = {
  action: REDIRECT_URI.href,
  fields: { code: 'c_7hG2', state: '"><script>alert(1)</script>', iss: 'http://localhost:9400/' },
  clientName: consentData.client.name,
}

export const webMessageData: Omit<WebMessageData, keyof Look> = {
  origin: REDIRECT_URI.origin,
  response: formPostData.fields,
  clientName: consentData.client.name,
}

export const signOutData: Omit<SignOutData, keyof Look> = {
  action: '/oidc/logout/confirm',
  request: SEALED,
  username: consentData.account.username,
  ended: ['Campaign Studio', 'Whiteboard'],
  goOn: [consentData.client.name],
  back: { clientName: consentData.client.name, host: 'localhost:9401' },
}

/** No longer than names may be, without a place to break. */
const UNBROKEN = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'

export const statesOf = (look: Look): Readonly<Record<string, State>> => {
  const signIn = (more: Partial<SignInData>): State => ({
    page: signInPage({ ...look, ...signInData, ...more }),
    data: { ...signInData, ...more },
    formAction: REDIRECT_URI,
  })
  const consent = (more: Partial<ConsentData>): State => ({
    page: consentPage({ ...look, ...consentData, ...more }),
    data: { ...consentData, ...more },
    formAction: REDIRECT_URI,
  })
  const account = (more: Partial<AccountData>): State => ({
    page: accountPage({ ...look, ...accountData, ...more }),
    data: { ...accountData, ...more },
  })
  const password = (problem?: PasswordChangeData['problem']): State => ({
    page: passwordChangePage({ ...look, ...passwordData, problem }),
    data: passwordData,
  })
  const signOut = (more: Partial<SignOutData>): State => ({
    page: signOutPage({ ...look, ...signOutData, ...more }),
    data: { ...signOutData, ...more },
    formAction: REDIRECT_URI,
  })
  const device = (more: Partial<DeviceCodeData>): State => ({
    page: deviceCodePage({ ...look, ...deviceData, ...more }),
    data: { ...deviceData, ...more },
  })
  const deviceAnswer = (answer: 'allowed' | 'denied', clientName: string): State => ({
    page: deviceAnswerPage({ ...look, answer, clientName, account: '/account' }),
    data: { clientName },
  })
  const clientName = consentData.client.name
  return {
    'sign-in': signIn({ clientName }),
    'sign-in-account': signIn({}),
    'sign-in-device': signIn({ isForDevice: true }),
    'sign-in-known': signIn({
      clientName,
      username: 'jane@example.com',
      realm: 'MediaMathActiveDirectory',
    }),
    'sign-in-wrong': signIn({ clientName, username: 'jane@example.com', problem: 'wrong' }),
    'sign-in-busy': signIn({ clientName, username: 'anna', problem: 'busy' }),
    'sign-in-expired': signIn({ problem: 'expired' }),
    'sign-in-long': signIn({ clientName: UNBROKEN, username: UNBROKEN.repeat(4), problem: 'wrong' }),
    consent: consent({}),
    'consent-some': consent({ organizations: some }),
    'consent-hundred': consent({ organizations: { choice: 'some', total: 240, list: hundredOrganizations } }),
    'consent-no-organization': consent({
      organizations: { ...some, list: some.list.map((each) => ({ ...each, isOn: false })) },
      problem: 'no_organization',
    }),
    'consent-no-scope': consent({ problem: 'no_scope' }),
    'consent-expired': consent({ problem: 'expired' }),
    'consent-imposter': consent({
      client: {
        ...consentData.client,
        name: `${look.brand.name} Security Center`,
        host: 'com.example.app:',
        isOnThisDevice: true,
      },
    }),
    'consent-first-party': consent({
      client: {
        name: 'Campaign Studio',
        host: 'studio.example',
        isThirdParty: false,
        since: at('2024-01-01T00:00:00Z'),
      },
      account: { username: 'anna' },
      identity: [{ name: 'openid', isOn: true }],
      offline: undefined,
      organizations: undefined,
    }),
    'consent-device': consent({
      client: {
        name: 'Lumen Television',
        deviceCode: 'WDJB-MJHT',
        isThirdParty: true,
        since: at('2026-03-03T09:00:00Z'),
      },
    }),
    'device-code': device({}),
    'device-code-brought': device({ typed: 'WDJB-MJHT' }),
    'device-code-wrong': device({ typed: 'WDJB-MJHX', problem: 'wrong' }),
    'device-code-busy': device({ typed: 'WDJB-MJHX', problem: 'busy' }),
    'device-code-gone': device({ problem: 'gone' }),
    'device-code-long': device({ typed: UNBROKEN.repeat(4), problem: 'wrong' }),
    'device-allowed': deviceAnswer('allowed', clientName),
    'device-denied': deviceAnswer('denied', clientName),
    'device-long': deviceAnswer('allowed', UNBROKEN),
    'consent-long': consent({
      account: { name: UNBROKEN, username: UNBROKEN.repeat(2) },
      client: { ...consentData.client, name: UNBROKEN, host: `${'a'.repeat(60)}.${'b'.repeat(60)}.example:65535` },
      identity: (['openid', 'profile', 'email', 'address', 'phone'] as const).map((name) => ({ name, isOn: true })),
      scopes: [{ name: 'x', description: UNBROKEN.repeat(2), isOn: true, required: UNBROKEN }],
      offline: { isOn: true, required: 'It works at night.' },
      organizations: { choice: 'some', total: 1, list: [{ id: 1, name: UNBROKEN, isOn: true }] },
    }),
    account: account({}),
    'account-empty': account({ clients: [] }),
    'account-access-ended': account({ notice: { kind: 'access_ended', clientName }, clients: clients.slice(1, 2) }),
    'account-access-of-nobody-ended': account({ notice: { kind: 'access_ended' }, clients: [] }),
    'account-password-changed': account({ notice: { kind: 'password_changed' } }),
    'account-long': account({
      account: { name: UNBROKEN, username: UNBROKEN.repeat(2) },
      clients: [
        { ...clients[0]!, name: UNBROKEN, scopes: [UNBROKEN.repeat(2)], organizations: [UNBROKEN] },
        { ...clients[0]!, id: 'x', organizations: [] },
      ],
    }),
    'password-change': password(),
    'password-change-wrong': password('wrong'),
    'password-change-different': password('different'),
    'password-change-unfit': password('unfit'),
    'password-change-busy': password('busy'),
    ...Object.fromEntries(
      Object.entries(look.texts.error.kinds).map(([kind, words]) => {
        const data = { ...words, requestId: '01JDF8Z6V3Q4N7' }
        return [`error-${kind.replaceAll('_', '-')}`, { page: errorPage({ ...look, ...data }), data: data.requestId }]
      }),
    ),
    'sign-out': signOut({}),
    'sign-out-nobody': signOut({ ended: [], goOn: [], back: undefined }),
    'sign-out-long': signOut({
      username: UNBROKEN.repeat(2),
      ended: [UNBROKEN],
      goOn: Array.from({ length: 20 }, (_, n) => `Reports ${n + 1}`),
      back: { clientName: UNBROKEN, host: `${'a'.repeat(60)}.${'b'.repeat(60)}.example:65535` },
    }),
    'still-signed-in': {
      page: stillSignedInPage({ ...look, account: '/account', back: { clientName, url: 'https://example.com/' } }),
      data: { clientName },
    },
    'still-signed-in-nowhere': { page: stillSignedInPage({ ...look, account: '/account' }), data: {} },
    'signed-out-clients': {
      page: signedOutPage({ ...look, signIn: '/account', ended: ['Campaign Studio', clientName], goOn: [UNBROKEN] }),
      data: ['Campaign Studio', clientName, UNBROKEN],
    },
    'signed-out': { page: signedOutPage({ ...look, signIn: '/account' }), data: {} },
    'signed-out-everywhere': { page: signedOutPage({ ...look, isEverywhere: true }), data: {} },
    'form-post': {
      page: formPostPage({ ...look, ...formPostData }),
      data: formPostData,
      formAction: REDIRECT_URI,
    },
    'web-message': { page: webMessagePage({ ...look, ...webMessageData }), data: webMessageData },
  }
}
