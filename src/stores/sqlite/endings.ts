import type { Now, SqliteDatabase } from '#stores/sqlite/database.ts'

/**
 * What ends together with an authorization, an account, a client, or what an account allowed a client: in one place, so that no verb forgets a
 * part. To be called in the `write` of the verb. An authorization keeps its row, since a token of it may still be shown; a spent code keeps it,
 * so that a replay is told from an unknown one; of the rest the row goes.
 */
export const sqliteEndings = (database: SqliteDatabase) => {
  const authorizations = (condition: string) =>
    database.prepare(`update authorizations set ended_at = ?1 where ended_at is null and ${condition}`)
  const rows = (table: string, condition: string) => database.prepare(`delete from ${table} where ${condition}`)
  const OF_PAIR = 'account_id = ? and client_id = ?'

  const authorization = {
    itself: authorizations('id = ?2'),
    sessions: rows('platform_sessions', 'authorization_id = ?'),
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
    /** All that is in the name of the account; its grants stay. */
    account: (now: Now, id: number): void => {
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
