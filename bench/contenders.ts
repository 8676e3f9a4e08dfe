/** Who is measured, on what, and what we want to see. */
import type { ServerProgram } from './servers.ts'
import type { Bytes } from './units.ts'

export type Algorithm = 'ES256' | 'RS256'
/** What is asked again and again. The first three are grant types of the token endpoint. */
export type Task =
  | 'refresh_token'
  | 'client_credentials'
  | 'authorization_code'
  | 'userinfo'
  | 'introspection'
  | 'discovery'
  | 'JWKS'
  | 'sign-in page'
export type Row = {
  name: string
  task: Task
  /** Of all tokens in play. */
  algorithm: Algorithm
  /** `userinfo`: each access token comes once, as after a sign-in. Absent: a few take turns. */
  newTokens?: boolean
}

export const rows: readonly Row[] = [
  { name: 'authorization_code ES256', task: 'authorization_code', algorithm: 'ES256' },
  { name: 'refresh_token ES256', task: 'refresh_token', algorithm: 'ES256' },
  { name: 'refresh_token RS256', task: 'refresh_token', algorithm: 'RS256' },
  { name: 'client_credentials ES256', task: 'client_credentials', algorithm: 'ES256' },
  { name: 'userinfo', task: 'userinfo', algorithm: 'ES256' },
  { name: 'userinfo, new tokens', task: 'userinfo', algorithm: 'ES256', newTokens: true },
  { name: 'introspection', task: 'introspection', algorithm: 'ES256' },
  { name: 'discovery', task: 'discovery', algorithm: 'ES256' },
  { name: 'JWKS', task: 'JWKS', algorithm: 'ES256' },
  { name: 'sign-in page', task: 'sign-in page', algorithm: 'ES256' },
]

/** Whether each request needs something of its own, made before. */
export const spendsWhatItSends = ({ task, newTokens = false }: Row): boolean =>
  task === 'authorization_code' || (task === 'userinfo' && newTokens)

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
  policy:
    'a confidential client: the refresh token stays, its last use is written at most once an hour; durable SQLite',
  program: ({ algorithm }, folder) => ({
    file: 'postern.ts',
    parameters: ['--algorithm', algorithm, '--data', folder],
  }),
}

const oidcProvider = (store: Store, refresh: RefreshPolicy, name: string, policy: string): Contender => ({
  name,
  ours: false,
  store,
  refresh,
  policy,
  program: (row, folder) => ({
    file: 'peers/oidc_provider.ts',
    parameters: [
      ...['--algorithm', row.algorithm, '--store', store],
      // Its cache forgets all but the last thousand entries or two: fewer than are prepared when each request has its own.
      ...(spendsWhatItSends(row) ? ['--entries', '1000000'] : []),
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

/**
 * Where there is no refresh token, one contender of each kind is enough. The peer has no sign-in page: whoever uses it writes their own.
 */
export const contendersFor = ({ task }: Row): Contender[] =>
  contenders.filter(
    (each) => task === 'refresh_token' || (each.refresh === 'static' && (each.ours || task !== 'sign-in page')),
  )

/** Postern's CPU time per request must be lower than this peer's by `factor`; without one, the two are only compared. */
export type Goal = { row: string; store: Store; factor?: number }

export const goals: readonly Goal[] = [
  { row: 'authorization_code ES256', store: 'durable', factor: 6 },
  { row: 'authorization_code ES256', store: 'memory', factor: 2.5 },
  { row: 'refresh_token ES256', store: 'durable', factor: 7 },
  { row: 'refresh_token ES256', store: 'memory', factor: 3.5 },
  { row: 'refresh_token RS256', store: 'durable', factor: 2 },
  { row: 'client_credentials ES256', store: 'memory', factor: 2.3 },
  { row: 'userinfo', store: 'durable', factor: 5 },
  { row: 'userinfo', store: 'memory', factor: 5 },
  { row: 'introspection', store: 'durable', factor: 2.8 },
  { row: 'introspection', store: 'memory' },
  { row: 'discovery', store: 'durable', factor: 3.5 },
  { row: 'discovery', store: 'memory' },
  { row: 'JWKS', store: 'durable', factor: 2.8 },
  { row: 'JWKS', store: 'memory' },
  { row: 'userinfo, new tokens', store: 'durable' },
  { row: 'userinfo, new tokens', store: 'memory' },
]

/** What a browser fetches for the sign-in page must be less than this. */
export const pageGoal: Bytes = 20_000
