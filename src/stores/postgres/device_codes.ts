import type { PostgresDatabase } from '#stores/postgres/database.ts'
import {
  ACCOUNT_COLUMNS,
  AUTHORIZATION_COLUMNS,
  DEVICE_CODE_COLUMNS,
  accountFromRow,
  authorizationFromRow,
  confinementText,
  deviceCodeFromRow,
  isRowId,
  isStorable,
  scopeText,
  type Row,
} from '#stores/rows.ts'
import type { BegunDeviceCode, DeviceCodeStore, PolledDeviceCode, SpentDeviceCode } from '#stores/store.ts'

export const postgresDeviceCodes = (database: PostgresDatabase): DeviceCodeStore => {
  // Devices poll all the time; people begin and decide rarely.
  const poll = database.group({
    name: 'poll_device_code',
    columns: { id: 'bigint', client_id: 'text', step: 'bigint' },
    text: `select sorted.ordinal, polled.outcome, ${DEVICE_CODE_COLUMNS} from (select * from asked order by id, ordinal) as sorted
      cross join lateral poll_device_code($1, sorted.id, sorted.client_id, sorted.step) as polled
      cross join lateral (select (polled.code).*) as device_codes`,
    abreast: 1,
  })
  const find = database.group({
    name: 'find_device_code',
    columns: { id: 'bigint' },
    text: `select asked.ordinal, ${DEVICE_CODE_COLUMNS} from asked
      cross join lateral (select * from device_codes where device_codes.id = asked.id offset 0) as device_codes
      where forget_at > (select now from clock)`,
    abreast: 2,
  })
  const found = ([row]: readonly Row[]) => (row === undefined ? undefined : deviceCodeFromRow(row))

  return {
    begin: async ({ clientId, audience, scopes, salt, userCodeDigest, interval, lifetime }) => {
      const [row] = await database.ask(
        `select begun.outcome, ${DEVICE_CODE_COLUMNS} from begin_device_code($1, $2, $3, $4, $5, $6, $7, $8) as begun
           cross join lateral (select (begun.code).*) as device_codes`,
        [database.clockOffset(), clientId, audience, scopeText(scopes), salt, userCodeDigest, interval, lifetime],
      )
      const outcome = row!['outcome'] as BegunDeviceCode['outcome']
      return outcome === 'begun' ? { outcome, code: deviceCodeFromRow(row!) } : { outcome }
    },
    find: async (id) => found(isRowId(id) ? await find({ id }) : []),
    findPending: async (userCodeDigest) =>
      found(
        await database.ask(
          `select ${DEVICE_CODE_COLUMNS} from device_codes
             join clients on clients.id = device_codes.client_id and clients.disabled_at is null
           where user_code_digest = $2 and state = 'pending' and expires_at > (select store_clock_ms($1) / 1000)`,
          [database.clockOffset(), userCodeDigest],
        ),
      ),
    allow: async ({ id, browserSessionId, scopes, organizations, consent }) => {
      if (!isRowId(id) || !isRowId(browserSessionId)) return undefined
      return found(
        await database.ask(
          `select ${DEVICE_CODE_COLUMNS} from allow_device_code($1, $2, $3, $4, $5, $6) as device_codes`,
          [
            database.clockOffset(),
            id,
            browserSessionId,
            ...[scopeText(scopes), confinementText(organizations), consent],
          ],
        ),
      )
    },
    deny: async (id, browserSessionId) => {
      if (!isRowId(id) || !isRowId(browserSessionId)) return false
      const [row] = await database.ask('select deny_device_code($1, $2, $3) as is_decided', [
        database.clockOffset(),
        id,
        browserSessionId,
      ])
      return row!['is_decided'] === true
    },
    poll: async ({ id, clientId, step }) => {
      if (!isRowId(id) || !isStorable(clientId)) return { outcome: 'gone' }
      const [row] = await poll({ id, client_id: clientId, step })
      const outcome = row!['outcome'] as PolledDeviceCode['outcome']
      switch (outcome) {
        case 'allowed':
          return { outcome, code: deviceCodeFromRow(row!) }
        case 'pending':
        case 'slow_down':
          return { outcome, interval: deviceCodeFromRow(row!).interval }
        case 'denied':
        case 'expired':
        case 'replayed':
        case 'gone':
          return { outcome }
      }
    },
    spend: async ({ id, clientId, offline, salt, dpopJkt, lifetime: { idle, absolute } }) => {
      if (!isRowId(id) || !isStorable(clientId)) return { outcome: 'gone' }
      const [row] = await database.ask(
        `select spent.outcome, ${AUTHORIZATION_COLUMNS}, ${ACCOUNT_COLUMNS}
         from spend_device_code($1, $2, $3, $4, $5, $6, $7, $8) as spent
           cross join lateral (select (spent.brought).*) as authorizations
           cross join lateral (select (spent.holder).*) as accounts`,
        [database.clockOffset(), id, clientId, offline, salt, dpopJkt ?? null, idle, absolute],
      )
      const outcome = row!['outcome'] as SpentDeviceCode['outcome']
      return outcome === 'spent'
        ? { outcome, authorization: authorizationFromRow(row!), account: accountFromRow(row!) }
        : { outcome }
    },
  }
}
