import type { Now, SqliteDatabase } from '#stores/sqlite/database.ts'
import { sqliteLogoutNotes } from '#stores/sqlite/logout_deliveries.ts'
import type { SignedOut } from '#stores/store.ts'

/**
 * What ends together with an authorization, an account, a client, or what an account allowed a client: in one place, so that no verb forgets a
 * part. To be called in the `write` of the verb. An authorization keeps its row, since a token of it may still be shown; a spent code keeps it,
 * so that a replay is told from an unknown one; of the rest the row goes.
 */
export const sqliteEndings = (database: SqliteDatabase) => {
  const authorizations = (condition: string) =>
    database.prepare(`update authorizations set ended_at = ?1 where ended_at is null and ${condition}`)
  const rows = (table: string, condition: string) => database.prepare(`delete from ${table} where ${condition}`)
  const notes = sqliteLogoutNotes(database)
  const OF_PAIR = 'account_id = ? and client_id = ?'

  const authorization = {
    itself: authorizations('id = ?2'),
    sessions: rows('platform_sessions', 'authorization_id = ?'),
  }
  const session = {
    clients: database.prepare(
      `select client_id, max(offline) as goes_on from authorizations
       where browser_session_id = ? and ended_at is null and expires_at > ? group by client_id order by client_id`,
    ),
    platformSessions: rows(
      'platform_sessions',
      'authorization_id in (select id from authorizations where browser_session_id = ? and offline = 0)',
    ),
    authorizations: authorizations('browser_session_id = ?2 and offline = 0'),
    codes: rows('authorization_codes', 'account_id = ? and browser_session_id = ? and spent_at is null'),
  }
  const account = {
    authorizations: authorizations('account_id = ?2'),
    rows: [
      rows('platform_sessions', 'account_id = ?'),
      rows('browser_sessions', 'account_id = ?'),
      rows('authorization_codes', 'account_id = ? and spent_at is null'),
    ],
  }
  const client = {
    authorizations: authorizations('client_id = ?2'),
    rows: [
      rows('platform_sessions', 'client_id = ?'),
      rows('authorization_codes', 'client_id = ? and spent_at is null'),
    ],
  }
  const pair = {
    authorizations: authorizations('account_id = ?2 and client_id = ?3'),
    rows: [
      rows('grants', OF_PAIR),
      rows('platform_sessions', OF_PAIR),
      rows('authorization_codes', `${OF_PAIR} and spent_at is null`),
    ],
  }

  return {
    authorization: (now: Now, id: number): void => {
      authorization.itself.run(now.seconds, id)
      authorization.sessions.run(id)
    },
    /** What was made in a browser session and does not go on without it. The session itself is the caller's. */
    session: (now: Now, id: number, accountId: number): SignedOut => {
      const told = notes.session(now, id)
      const clients = session.clients.all(id, now.seconds)
      const those = (goOn: boolean): readonly string[] =>
        clients.filter((row) => (row['goes_on'] === 1) === goOn).map((row) => row['client_id'] as string)
      session.platformSessions.run(id)
      session.authorizations.run(now.seconds, id)
      session.codes.run(accountId, id)
      return { ended: those(false), goOn: those(true), told }
    },
    /** All that is in the name of the account; its grants stay. */
    account: (now: Now, id: number): void => {
      notes.account(now, id)
      account.authorizations.run(now.seconds, id)
      for (const each of account.rows) each.run(id)
    },
    client: (now: Now, id: string): void => {
      client.authorizations.run(now.seconds, id)
      for (const each of client.rows) each.run(id)
    },
    /** What the account allowed the client. */
    pair: (now: Now, accountId: number, clientId: string): void => {
      pair.authorizations.run(now.seconds, accountId, clientId)
      for (const each of pair.rows) each.run(accountId, clientId)
    },
  }
}
