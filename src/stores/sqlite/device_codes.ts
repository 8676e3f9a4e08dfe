import { seconds } from '#base/time.ts'
import {
  ACCOUNT_COLUMNS,
  AUTHORIZATION_COLUMNS,
  BROWSER_SESSION_COLUMNS,
  DEVICE_CODE_COLUMNS,
  accountFromRow,
  authorizationFromRow,
  browserSessionFromRow,
  confinementText,
  deviceCodeFromRow,
  isStorable,
  scopeText,
} from '#stores/rows.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import { sqliteGrantDecisions } from '#stores/sqlite/decided_grant.ts'
import type { DeviceCodeStore } from '#stores/store.ts'
import { EXPIRED_DEVICE_CODES_KEPT, POLL_SLACK_MS } from '#stores/tables.ts'

/**
 * What a code stands for has not ended: the client, and once it is allowed who allowed it, the grant, and the session it was allowed in. So
 * whatever ends one of these ends the code, without knowing of it.
 */
const IS_LIVE = `(exists (select 1 from clients where clients.id = device_codes.client_id and clients.disabled_at is null)
  and (state <> 'allowed' or (
    exists (select 1 from accounts where accounts.id = device_codes.account_id and accounts.disabled_at is null)
    and exists (select 1 from grants where grants.id = device_codes.grant_id)
    and exists (select 1 from browser_sessions where browser_sessions.id = device_codes.browser_session_id)
  )))`

export const sqliteDeviceCodes = (database: SqliteDatabase): DeviceCodeStore => {
  const decideGrant = sqliteGrantDecisions(database)
  const findClient = database.prepare('select 1 from clients where id = ? and disabled_at is null')
  const insert = database.prepare(
    `insert into device_codes (client_id, audience, scope, salt, user_code_digest, state, poll_interval, may_poll_at_ms, methods,
       created_at, expires_at, forget_at)
     values (?1, ?2, ?3, ?4, ?5, 'pending', ?6, 0, '[]', ?7, ?7 + ?8, ?7 + ?8 + ${EXPIRED_DEVICE_CODES_KEPT})
     on conflict (user_code_digest) do nothing returning ${DEVICE_CODE_COLUMNS}`,
  )
  const find = database.prepare(`select ${DEVICE_CODE_COLUMNS} from device_codes where id = ? and forget_at > ?`)
  const findPending = database.prepare(
    `select ${DEVICE_CODE_COLUMNS} from device_codes
       join clients on clients.id = device_codes.client_id and clients.disabled_at is null
     where user_code_digest = ? and state = 'pending' and expires_at > ?`,
  )
  /** Who decides, with what there is to decide. */
  const findDecider = database.prepare(
    `select ${DEVICE_CODE_COLUMNS}, ${BROWSER_SESSION_COLUMNS} from device_codes
       join clients on clients.id = device_codes.client_id and clients.disabled_at is null
       join browser_sessions on browser_sessions.id = ?2 and browser_sessions.expires_at > ?3
       join accounts on accounts.id = browser_sessions.account_id and accounts.disabled_at is null
     where device_codes.id = ?1 and device_codes.state = 'pending' and device_codes.expires_at > ?3`,
  )
  const decide = database.prepare(
    `update device_codes set state = ?2, account_id = ?3, browser_session_id = ?4, authenticated_at = ?5, methods = ?6,
       grant_id = ?7, scope = ?8, organizations = ?9
     where id = ?1 returning ${DEVICE_CODE_COLUMNS}`,
  )
  const findPolled = database.prepare(
    `select ${DEVICE_CODE_COLUMNS}, may_poll_at_ms, ${IS_LIVE} as is_live from device_codes where id = ? and client_id = ? and forget_at > ?`,
  )
  const notePoll = database.prepare('update device_codes set poll_interval = ?2, may_poll_at_ms = ?3 where id = ?1')
  const spend = database.prepare(
    `update device_codes set state = 'spent' where id = ?1 and client_id = ?2 and state = 'allowed' and expires_at > ?3 and ${IS_LIVE}`,
  )
  const bring = database.prepare(
    `insert into authorizations (account_id, client_id, grant_type, grant_id, audience, scope, organizations, offline, salt, generation,
       authenticated_at, created_at, last_used_at, expires_at, absolute_expires_at, dpop_jkt)
     select account_id, client_id, 'device_code', grant_id, audience, scope, organizations, ?2, ?3, 0,
       authenticated_at, ?4, ?4, ?4 + min(?5, ?6), ?4 + ?6, ?7 from device_codes where id = ?1
     returning ${AUTHORIZATION_COLUMNS}`,
  )
  const noteBrought = database.prepare('update device_codes set authorization_id = ? where id = ?')
  const findAccount = database.prepare(`select ${ACCOUNT_COLUMNS} from accounts where id = ?`)

  return {
    begin: ({ clientId, audience, scopes, salt, userCodeDigest, interval, lifetime }) =>
      database.write((now) => {
        if (findClient.get(clientId) === undefined) return { outcome: 'gone' }
        const row = insert.get(
          ...([clientId, audience, scopeText(scopes), salt, userCodeDigest, interval] as const),
          ...([now.seconds, lifetime] as const),
        )
        return row === undefined ? { outcome: 'taken' } : { outcome: 'begun', code: deviceCodeFromRow(row) }
      }),
    find: (id) =>
      database.read((now) => {
        const row = find.get(id, now.seconds)
        return row === undefined ? undefined : deviceCodeFromRow(row)
      }),
    findPending: (userCodeDigest) =>
      database.read((now) => {
        const row = findPending.get(userCodeDigest, now.seconds)
        return row === undefined ? undefined : deviceCodeFromRow(row)
      }),
    allow: ({ id, browserSessionId, scopes, organizations, consent }) =>
      database.write((now) => {
        const row = findDecider.get(id, browserSessionId, now.seconds)
        if (row === undefined) return undefined
        const { clientId, audience } = deviceCodeFromRow(row)
        const session = browserSessionFromRow(row)
        const { accountId } = session
        const grantId = decideGrant(
          { accountId, clientId, audience, decidedScopes: scopes, organizations, consent },
          now.seconds,
        )!
        return deviceCodeFromRow(
          decide.get(
            ...([
              id,
              'allowed',
              accountId,
              session.id,
              session.authenticatedAt,
              JSON.stringify(session.methods),
            ] as const),
            ...([grantId, scopeText(scopes), confinementText(organizations)] as const),
          )!,
        )
      }),
    deny: (id, browserSessionId) =>
      database.write((now) => {
        const row = findDecider.get(id, browserSessionId, now.seconds)
        if (row === undefined) return false
        const { scopes } = deviceCodeFromRow(row)
        const session = browserSessionFromRow(row)
        decide.get(
          ...([id, 'denied', session.accountId, session.id, session.authenticatedAt, '[]'] as const),
          ...([null, scopeText(scopes), null] as const),
        )
        return true
      }),
    poll: ({ id, clientId, step }) =>
      database.write((now) => {
        const row = isStorable(clientId) ? findPolled.get(id, clientId, now.seconds) : undefined
        if (row === undefined) return { outcome: 'gone' }
        const code = deviceCodeFromRow(row)
        if (code.state === 'spent') return { outcome: 'replayed' }
        if (code.state === 'denied') return { outcome: 'denied' }
        if (code.expiresAt <= now.seconds) return { outcome: 'expired' }
        if (row['is_live'] === 0) return { outcome: 'gone' }
        if (code.state === 'allowed') return { outcome: 'allowed', code }
        const isEarly = now.milliseconds < (row['may_poll_at_ms'] as number) - POLL_SLACK_MS
        const interval = seconds(code.interval + (isEarly ? step : 0))
        notePoll.run(id, interval, now.milliseconds + interval * 1000)
        return { outcome: isEarly ? 'slow_down' : 'pending', interval }
      }),
    spend: ({ id, clientId, offline, salt, dpopJkt, lifetime }) =>
      database.write((now) => {
        if (!isStorable(clientId)) return { outcome: 'gone' }
        if (spend.run(id, clientId, now.seconds) === 0) {
          const row = findPolled.get(id, clientId, now.seconds)
          return { outcome: row !== undefined && deviceCodeFromRow(row).state === 'spent' ? 'replayed' : 'gone' }
        }
        const brought = bring.get(
          id,
          offline ? 1 : 0,
          salt,
          ...[now.seconds, lifetime.idle, lifetime.absolute, dpopJkt ?? null],
        )
        const authorization = authorizationFromRow(brought!)
        noteBrought.run(authorization.id, id)
        const account = accountFromRow(findAccount.get(authorization.accountId)!)
        return { outcome: 'spent', authorization, account }
      }),
  }
}
