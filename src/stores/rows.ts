import { createBoundedCache } from '#base/bounded_cache.ts'
import type { Digest } from '#base/secrets.ts'
import { epochSeconds, seconds, type EpochSeconds } from '#base/time.ts'
import type { AskedClaims } from '#protocol/claims.ts'
import type {
  Account,
  ApiResource,
  AuthenticationMethod,
  Authorization,
  AuthorizationCode,
  BrowserSession,
  Client,
  ClientPolicy,
  ClientSecret,
  Confinement,
  DeviceCode,
  Entity,
  EntityChange,
  Grant,
  LogoutDelivery,
  PlatformSession,
  PushedRequest,
  StoredSigningKey,
} from '#stores/records.ts'
import { StoreValueError } from '#stores/store.ts'

// Rows become records here, for both stores: their columns have the same names, JSON is text in both, times are integers.

export type Row = Readonly<Record<string, unknown>>

const text = (row: Row, column: string): string => row[column] as string
const optionalText = (row: Row, column: string): string | undefined =>
  row[column] === null ? undefined : text(row, column)
const integer = (row: Row, column: string): number => row[column] as number
const optionalInteger = (row: Row, column: string): number | undefined =>
  row[column] === null ? undefined : integer(row, column)
const time = (row: Row, column: string): EpochSeconds => epochSeconds(row[column] as number)
const optionalTime = (row: Row, column: string): EpochSeconds | undefined =>
  row[column] === null ? undefined : epochSeconds(row[column] as number)
const bytes = (row: Row, column: string): Buffer => {
  const value = row[column] as Uint8Array
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

/** Texts that were parsed before. The text itself is the key, so what is found can never be out of date; it is frozen, as all share it. */
const parsed = createBoundedCache<string, object>(2000)

const json = <T extends object>(row: Row, column: string): T => {
  const written = row[column] as string
  const known = parsed.find(written)
  if (known !== undefined) return known as T
  const value = freeze(JSON.parse(written) as object)
  parsed.set(written, value)
  return value as T
}

const freeze = (value: object): object => {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) freeze(member as object)
  return Object.freeze(value)
}

/** Whether it can be the text of a row at all, see `StoreValueError`. */
export const isStorable = (text: string): boolean => !text.includes('\0')

/** @throws {StoreValueError} */
export const refuseUnstorable = (values: readonly unknown[]): void => {
  for (const value of values) {
    if (typeof value === 'string' && !isStorable(value))
      throw new StoreValueError('a text with U+0000 cannot be stored')
    if (Array.isArray(value)) refuseUnstorable(value)
  }
}

/** Whether it can be the id of a row at all. One that was read from a forged token may be any number. */
export const isRowId = (id: number): boolean => Number.isSafeInteger(id) && id > 0

/** A scope set in its one stored form. */
export const scopeText = (scopes: readonly string[]): string => scopes.join(' ')
const scopesOf = (row: Row, column: string): readonly string[] =>
  row[column] === '' ? [] : text(row, column).split(' ')

const ALL = '"all"'
/** JSON, as everything that is not a number or a text of its own. */
export const confinementText = (organizations: Confinement): string => JSON.stringify(organizations)
const confinement = (row: Row, column: string): Confinement => (row[column] === ALL ? 'all' : json(row, column))

/** As it is stored: null if nothing was asked for by name, as nearly always. */
export const claimsText = (claims: AskedClaims | undefined): string | null =>
  claims === undefined ? null : JSON.stringify(claims)
const optionalClaims = (row: Row, column: string): AskedClaims | undefined =>
  row[column] === null ? undefined : json(row, column)

/** Columns under names that no other table has, for rows that are joined: `accounts.id` is `account_id`. */
const named = (table: string, prefix: string, columns: string): string =>
  columns
    .split(' ')
    .map((column) => `${table}.${column} as ${prefix}_${column}`)
    .join(', ')

export const ACCOUNT_COLUMNS = named(
  'accounts',
  'account',
  'id realm username password_hash disabled_at abilities profile version created_at updated_at',
)

export const accountFromRow = (row: Row): Account => ({
  id: integer(row, 'account_id'),
  realm: text(row, 'account_realm'),
  username: text(row, 'account_username'),
  passwordHash: text(row, 'account_password_hash'),
  disabledAt: optionalTime(row, 'account_disabled_at'),
  abilities: json(row, 'account_abilities'),
  profile: json(row, 'account_profile'),
  version: integer(row, 'account_version'),
  createdAt: time(row, 'account_created_at'),
  updatedAt: time(row, 'account_updated_at'),
})

const secretFromRow = (row: Row): ClientSecret => {
  const expiresAt = optionalTime(row, 'expires_at')
  const value = bytes(row, 'value')
  switch (text(row, 'kind') as ClientSecret['kind']) {
    case 'sha256':
      return { kind: 'sha256', digest: value as Digest, expiresAt }
    case 'argon2id':
      return { kind: 'argon2id', hash: value.toString(), expiresAt }
    case 'sealed':
      return { kind: 'sealed', sealed: value, expiresAt }
  }
}

export const secretValue = (secret: ClientSecret): Buffer => {
  switch (secret.kind) {
    case 'sha256':
      return secret.digest
    case 'argon2id':
      return Buffer.from(secret.hash)
    case 'sealed':
      return secret.sealed
  }
}

export const clientFromRow = (row: Row, secrets: readonly ClientSecret[]): Client => ({
  id: text(row, 'id'),
  name: text(row, 'name'),
  policy: json<ClientPolicy>(row, 'policy'),
  idIsApiKey: Boolean(row['id_is_api_key']),
  disabledAt: optionalTime(row, 'disabled_at'),
  createdAt: time(row, 'created_at'),
  updatedAt: time(row, 'updated_at'),
  secrets,
})

/** A client comes as one row for each of its live secrets, or one without, all of one statement and so of one moment. */
export const CLIENT_COLUMNS = 'clients.*, client_secrets.kind, client_secrets.value, client_secrets.expires_at'

/** In the order of the rows. */
export const clientsFromRows = (rows: readonly Row[]): readonly Client[] =>
  rows.length === 1 ? [clientFromOwnRows(rows)] : [...Map.groupBy(rows, ({ id }) => id).values()].map(clientFromOwnRows)

const clientFromOwnRows = (rows: readonly Row[]): Client =>
  clientFromRow(rows[0]!, rows.filter(({ kind }) => kind !== null).map(secretFromRow))

export const pushedRequestFromRow = (row: Row): PushedRequest => ({
  id: integer(row, 'id'),
  clientId: text(row, 'client_id'),
  query: text(row, 'query'),
  salt: bytes(row, 'salt'),
  isExpired: Boolean(row['is_expired']),
})

export const apiResourceFromRow = (row: Row): ApiResource => json(row, 'definition')

export const GRANT_COLUMNS = named(
  'grants',
  'grant',
  'id account_id client_id audience scope organizations created_at updated_at',
)

export const grantFromRow = (row: Row): Grant => ({
  id: integer(row, 'grant_id'),
  accountId: integer(row, 'grant_account_id'),
  clientId: text(row, 'grant_client_id'),
  audience: text(row, 'grant_audience'),
  scopes: scopesOf(row, 'grant_scope'),
  organizations: confinement(row, 'grant_organizations'),
  createdAt: time(row, 'grant_created_at'),
  updatedAt: time(row, 'grant_updated_at'),
})

export const AUTHORIZATION_COLUMNS = named(
  'authorizations',
  'authorization',
  'id account_id client_id grant_type grant_id audience scope organizations claims offline salt generation ' +
    'authenticated_at last_used_at expires_at absolute_expires_at browser_session_id dpop_jkt',
)

export const authorizationFromRow = (row: Row): Authorization => ({
  id: integer(row, 'authorization_id'),
  accountId: integer(row, 'authorization_account_id'),
  clientId: text(row, 'authorization_client_id'),
  grantType: text(row, 'authorization_grant_type') as Authorization['grantType'],
  grantId: optionalInteger(row, 'authorization_grant_id'),
  audience: text(row, 'authorization_audience'),
  scopes: scopesOf(row, 'authorization_scope'),
  organizations: confinement(row, 'authorization_organizations'),
  claims: optionalClaims(row, 'authorization_claims'),
  offline: Boolean(row['authorization_offline']),
  salt: bytes(row, 'authorization_salt'),
  generation: integer(row, 'authorization_generation'),
  authenticatedAt: time(row, 'authorization_authenticated_at'),
  lastUsedAt: time(row, 'authorization_last_used_at'),
  expiresAt: time(row, 'authorization_expires_at'),
  absoluteExpiresAt: time(row, 'authorization_absolute_expires_at'),
  browserSessionId: optionalInteger(row, 'authorization_browser_session_id'),
  dpopJkt: optionalText(row, 'authorization_dpop_jkt'),
})

export const CODE_COLUMNS = named(
  'authorization_codes',
  'code',
  'id account_id client_id grant_id browser_session_id audience scope organizations salt redirect_uri code_challenge nonce ' +
    'claims dpop_jkt authenticated_at methods expires_at',
)

export const codeFromRow = (row: Row): AuthorizationCode => ({
  id: integer(row, 'code_id'),
  accountId: integer(row, 'code_account_id'),
  clientId: text(row, 'code_client_id'),
  grantId: integer(row, 'code_grant_id'),
  browserSessionId: integer(row, 'code_browser_session_id'),
  audience: text(row, 'code_audience'),
  scopes: scopesOf(row, 'code_scope'),
  organizations: confinement(row, 'code_organizations'),
  salt: bytes(row, 'code_salt'),
  redirectUri: optionalText(row, 'code_redirect_uri'),
  codeChallenge: optionalText(row, 'code_code_challenge'),
  nonce: optionalText(row, 'code_nonce'),
  claims: optionalClaims(row, 'code_claims'),
  dpopJkt: optionalText(row, 'code_dpop_jkt'),
  authenticatedAt: time(row, 'code_authenticated_at'),
  methods: json<readonly AuthenticationMethod[]>(row, 'code_methods'),
  expiresAt: time(row, 'code_expires_at'),
})

export const DEVICE_CODE_COLUMNS = named(
  'device_codes',
  'device_code',
  'id client_id audience scope salt state poll_interval account_id methods created_at expires_at',
)

export const deviceCodeFromRow = (row: Row): DeviceCode => ({
  id: integer(row, 'device_code_id'),
  clientId: text(row, 'device_code_client_id'),
  audience: text(row, 'device_code_audience'),
  scopes: scopesOf(row, 'device_code_scope'),
  salt: bytes(row, 'device_code_salt'),
  state: text(row, 'device_code_state') as DeviceCode['state'],
  interval: seconds(integer(row, 'device_code_poll_interval')),
  accountId: optionalInteger(row, 'device_code_account_id'),
  methods: json<readonly AuthenticationMethod[]>(row, 'device_code_methods'),
  createdAt: time(row, 'device_code_created_at'),
  expiresAt: time(row, 'device_code_expires_at'),
})

export const BROWSER_SESSION_COLUMNS = named(
  'browser_sessions',
  'browser_session',
  'id account_id seed authenticated_at methods created_at expires_at',
)

export const browserSessionFromRow = (row: Row): BrowserSession => ({
  id: integer(row, 'browser_session_id'),
  accountId: integer(row, 'browser_session_account_id'),
  seed: bytes(row, 'browser_session_seed'),
  authenticatedAt: time(row, 'browser_session_authenticated_at'),
  methods: json<readonly AuthenticationMethod[]>(row, 'browser_session_methods'),
  createdAt: time(row, 'browser_session_created_at'),
  expiresAt: time(row, 'browser_session_expires_at'),
})

export const DELIVERY_COLUMNS = named(
  'logout_deliveries',
  'delivery',
  'id client_id account_id browser_session_id attempts created_at taken_at',
)

export const deliveryFromRow = (row: Row): LogoutDelivery => ({
  id: integer(row, 'delivery_id'),
  clientId: text(row, 'delivery_client_id'),
  accountId: integer(row, 'delivery_account_id'),
  browserSessionId: optionalInteger(row, 'delivery_browser_session_id'),
  attempt: integer(row, 'delivery_attempts'),
  createdAt: time(row, 'delivery_created_at'),
  takenAt: time(row, 'delivery_taken_at'),
})

export const SESSION_COLUMNS = named(
  'platform_sessions',
  'session',
  'id account_id client_id authorization_id seed created_at expires_at',
)

export const sessionFromRow = (row: Row): PlatformSession => ({
  id: integer(row, 'session_id'),
  accountId: integer(row, 'session_account_id'),
  clientId: text(row, 'session_client_id'),
  authorizationId: optionalInteger(row, 'session_authorization_id'),
  seed: bytes(row, 'session_seed'),
  createdAt: time(row, 'session_created_at'),
  expiresAt: time(row, 'session_expires_at'),
})

export const signingKeyFromRow = (row: Row): StoredSigningKey => ({
  kid: text(row, 'kid'),
  algorithm: text(row, 'algorithm') as StoredSigningKey['algorithm'],
  sealedPrivateKey: bytes(row, 'sealed_private_key'),
  createdAt: time(row, 'created_at'),
})

export const entityFromRow = (row: Row): Entity => ({
  type: text(row, 'type') as Entity['type'],
  id: integer(row, 'id'),
  name: text(row, 'name'),
  organizationId: integer(row, 'organization_id'),
  agencyId: optionalInteger(row, 'agency_id'),
  advertiserId: optionalInteger(row, 'advertiser_id'),
  version: integer(row, 'version'),
  createdAt: time(row, 'created_at'),
  updatedAt: time(row, 'updated_at'),
  fields: json(row, 'fields'),
})

export const entityChangeFromRow = (row: Row): EntityChange => ({
  version: integer(row, 'version'),
  accountId: integer(row, 'account_id'),
  clientId: text(row, 'client_id'),
  at: time(row, 'at'),
  changes: json(row, 'changes'),
})
