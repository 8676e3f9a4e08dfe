import {
  ACCOUNT_COLUMNS,
  AUTHORIZATION_COLUMNS,
  BROWSER_SESSION_COLUMNS,
  CODE_COLUMNS,
  accountFromRow,
  authorizationFromRow,
  browserSessionFromRow,
  claimsText,
  codeFromRow,
  confinementText,
  isStorable,
  scopeText,
} from '#stores/rows.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import { sqliteGrantDecisions } from '#stores/sqlite/decided_grant.ts'
import { sqliteEndings } from '#stores/sqlite/endings.ts'
import type { AuthorizationCodeStore } from '#stores/store.ts'
import { SPENT_CODES_KEPT } from '#stores/tables.ts'

export const sqliteAuthorizationCodes = (database: SqliteDatabase): AuthorizationCodeStore => {
  const endings = sqliteEndings(database)
  const decide = sqliteGrantDecisions(database)
  const findDecider = database.prepare(
    `select ${BROWSER_SESSION_COLUMNS} from browser_sessions
       join accounts on accounts.id = browser_sessions.account_id and accounts.disabled_at is null
       join clients on clients.id = ?2 and clients.disabled_at is null
     where browser_sessions.id = ?1 and browser_sessions.expires_at > ?3`,
  )
  const insert = database.prepare(
    `insert into authorization_codes (account_id, client_id, grant_id, browser_session_id, audience, scope, organizations, salt,
       redirect_uri, code_challenge, nonce, claims, dpop_jkt, authenticated_at, methods, created_at, expires_at, forget_at)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?16 + ?17, ?16 + ?17) returning ${CODE_COLUMNS}`,
  )
  const find = database.prepare(`select ${CODE_COLUMNS} from authorization_codes where id = ? and forget_at > ?`)
  const spend = database.prepare(
    `update authorization_codes set spent_at = ?3, forget_at = expires_at + ${SPENT_CODES_KEPT}
     where id = ?1 and client_id = ?2 and spent_at is null and expires_at > ?3
       and exists (select 1 from accounts where accounts.id = authorization_codes.account_id and accounts.disabled_at is null)
       and exists (select 1 from clients where clients.id = authorization_codes.client_id and clients.disabled_at is null)
     returning ${CODE_COLUMNS}`,
  )
  const findSpent = database.prepare(
    `select authorization_id from authorization_codes
     where id = ? and client_id = ? and spent_at is not null and forget_at > ?`,
  )
  const bring = database.prepare(
    `insert into authorizations (account_id, client_id, grant_type, grant_id, audience, scope, organizations, claims, offline, salt,
       generation, authenticated_at, created_at, last_used_at, expires_at, absolute_expires_at, browser_session_id, dpop_jkt)
     select account_id, client_id, 'authorization_code', grant_id, audience, scope, organizations, claims, ?2, ?3, 0,
       authenticated_at, ?4, ?4, ?4 + min(?5, ?6), ?4 + ?6, browser_session_id, ?7 from authorization_codes where id = ?1
     returning ${AUTHORIZATION_COLUMNS}`,
  )
  const noteBrought = database.prepare('update authorization_codes set authorization_id = ? where id = ?')
  const findAccount = database.prepare(`select ${ACCOUNT_COLUMNS} from accounts where id = ?`)

  return {
    issue: (asked) =>
      database.write((now) => {
        const decider = findDecider.get(asked.browserSessionId, asked.clientId, now.seconds)
        if (decider === undefined) return undefined
        const session = browserSessionFromRow(decider)
        const grantId = decide({ ...asked, accountId: session.accountId }, now.seconds)
        if (grantId === undefined) return undefined
        return codeFromRow(
          insert.get(
            session.accountId,
            asked.clientId,
            grantId,
            session.id,
            asked.audience,
            scopeText(asked.scopes),
            confinementText(asked.organizations),
            asked.salt,
            asked.redirectUri ?? null,
            asked.codeChallenge ?? null,
            asked.nonce ?? null,
            claimsText(asked.claims),
            asked.dpopJkt ?? null,
            session.authenticatedAt,
            JSON.stringify(session.methods),
            now.seconds,
            asked.lifetime,
          )!,
        )
      }),
    find: (id) =>
      database.read((now) => {
        const row = find.get(id, now.seconds)
        return row === undefined ? undefined : codeFromRow(row)
      }),
    spend: ({ id, clientId, offline, salt, dpopJkt, lifetime }) =>
      database.write((now) => {
        if (!isStorable(clientId)) return { outcome: 'gone' }
        const row = spend.get(id, clientId, now.seconds)
        if (row === undefined) {
          const spent = findSpent.get(id, clientId, now.seconds)
          if (spent === undefined) return { outcome: 'gone' }
          if (spent['authorization_id'] !== null) endings.authorization(now, spent['authorization_id'] as number)
          return { outcome: 'replayed' }
        }
        const brought = bring.get(
          id,
          offline ? 1 : 0,
          salt,
          now.seconds,
          lifetime.idle,
          lifetime.absolute,
          dpopJkt ?? null,
        )
        const authorization = authorizationFromRow(brought!)
        noteBrought.run(authorization.id, id)
        const account = accountFromRow(findAccount.get(authorization.accountId)!)
        return { outcome: 'spent', authorization, account, code: codeFromRow(row) }
      }),
    ruin: (id, clientId) =>
      database.write((now) => {
        if (!isStorable(clientId) || spend.get(id, clientId, now.seconds) !== undefined) return
        const spent = findSpent.get(id, clientId, now.seconds)?.['authorization_id'] ?? null
        if (spent !== null) endings.authorization(now, spent as number)
      }),
  }
}
