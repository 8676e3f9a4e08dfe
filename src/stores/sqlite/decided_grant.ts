import type { Confinement } from '#stores/records.ts'
import { GRANT_COLUMNS, confinementText, grantFromRow, scopeText } from '#stores/rows.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import type { NewAuthorizationCode } from '#stores/store.ts'

/** What a person decided, as `NewAuthorizationCode` says it. */
export type GrantDecision = Pick<
  NewAuthorizationCode,
  'clientId' | 'audience' | 'decidedScopes' | 'organizations' | 'consent'
> & { readonly accountId: number }

/**
 * Writes a decision into the grant. To be called in the `write` of the verb.
 * @returns the id of the grant that it was written to, or that was there; `undefined` if what is remembered is not there
 */
export const sqliteGrantDecisions = (
  database: SqliteDatabase,
): ((decided: GrantDecision, now: number) => number | undefined) => {
  const find = database.prepare(
    `select ${GRANT_COLUMNS} from grants where account_id = ? and client_id = ? and audience = ?`,
  )
  const put = database.prepare(
    `insert into grants (account_id, client_id, audience, scope, organizations, created_at, updated_at)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?6)
     on conflict (account_id, client_id, audience) do update
       set scope = excluded.scope, organizations = excluded.organizations, updated_at = excluded.updated_at
     returning id`,
  )
  return ({ accountId, clientId, audience, decidedScopes, organizations, consent }, now) => {
    const row = find.get(accountId, clientId, audience)
    const before = row === undefined ? undefined : grantFromRow(row)
    if (consent === 'remembered') {
      if (before === undefined || !isWithin(organizations, before.organizations)) return undefined
      return decidedScopes.every((scope) => before.scopes.includes(scope)) ? before.id : undefined
    }
    const kept = consent === 'add' ? (before?.scopes ?? []) : []
    const all = scopeText([...new Set([...kept, ...decidedScopes])].toSorted())
    return put.get(accountId, clientId, audience, all, confinementText(organizations), now)!['id'] as number
  }
}

const isWithin = (asked: Confinement, allowed: Confinement): boolean =>
  allowed === 'all' || (asked !== 'all' && asked.every((each) => allowed.includes(each)))
