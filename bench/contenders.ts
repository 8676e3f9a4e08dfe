/** Who is measured, on what, and what we want to see. */
import type { ServerProgram } from './servers.ts'

export type Algorithm = 'ES256' | 'RS256'
export type GrantType = 'refresh_token' | 'client_credentials'
export type Row = { name: string; grantType: GrantType; algorithm: Algorithm }

export const rows: readonly Row[] = [
  { name: 'refresh_token ES256', grantType: 'refresh_token', algorithm: 'ES256' },
  { name: 'refresh_token RS256', grantType: 'refresh_token', algorithm: 'RS256' },
  { name: 'client_credentials ES256', grantType: 'client_credentials', algorithm: 'ES256' },
]

export type Store = 'memory' | 'durable'
/** What happens to the refresh token when it is used. */
export type RefreshPolicy = 'static' | 'rotating'

export type Contender = {
  name: string
  ours: boolean
  store: Store
  refresh: RefreshPolicy
  /** In words, for whoever reads the table. */
  policy: string
  program(row: Row, folder: string): ServerProgram
}

const postern: Contender = {
  name: 'Postern',
  ours: true,
  store: 'durable',
  refresh: 'static',
  policy: 'a confidential client: the refresh token stays, its last use is written at most once an hour; durable SQLite',
  program: ({ algorithm }, folder) => ({ file: 'postern.ts', parameters: ['--algorithm', algorithm, '--data', folder] }),
}

const oidcProvider = (store: Store, refresh: RefreshPolicy, name: string, policy: string): Contender => ({
  name,
  ours: false,
  store,
  refresh,
  policy,
  program: ({ algorithm }, folder) => ({
    file: 'peers/oidc_provider.ts',
    parameters: [
      ...['--algorithm', algorithm, '--store', store],
      ...['--rotation', refresh === 'rotating' ? 'always' : 'default', '--data', folder],
    ],
  }),
})

const peerDefault =
  'its default for a confidential client: the refresh token stays until 70 % of its life has passed, so nothing is written ' +
  '(with rotation off it runs the same path)'
const peerRotating = 'rotation switched on: each request spends the refresh token and stores a new one'

export const contenders: readonly Contender[] = [
  postern,
  oidcProvider('memory', 'static', 'oidc-provider, memory', `${peerDefault}; its own adapter in memory`),
  oidcProvider('memory', 'rotating', 'oidc-provider, memory, rotating', `${peerRotating}; its own adapter in memory`),
  oidcProvider('durable', 'static', 'oidc-provider, durable', `${peerDefault}; SQLite, WAL, synchronous=FULL`),
  oidcProvider(
    'durable',
    'rotating',
    'oidc-provider, durable, rotating',
    `${peerRotating}; SQLite, WAL, synchronous=FULL`,
  ),
]

/** With client_credentials there is no refresh token, so one contender of each kind is enough. */
export const contendersFor = (row: Row): Contender[] =>
  contenders.filter((each) => row.grantType === 'refresh_token' || each.refresh === 'static')

/** Postern's CPU time per request must be lower than this peer's by `factor`. */
export type Goal = { row: string; store: Store; factor: number }

export const goals: readonly Goal[] = [
  { row: 'refresh_token ES256', store: 'durable', factor: 7 },
  { row: 'refresh_token ES256', store: 'memory', factor: 3.5 },
  { row: 'refresh_token RS256', store: 'durable', factor: 2 },
  { row: 'client_credentials ES256', store: 'memory', factor: 2.3 },
]
