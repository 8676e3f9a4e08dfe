import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import type { CheckedAccount } from '#stores/store.ts'

/**
 * Whether a sign-in may still begin something, see `CheckedAccount`. To be asked in the `write` that begins it: there is one writer at a
 * time, so nothing comes between.
 */
export const sqliteSignInCheck = (
  database: SqliteDatabase,
): ((asked: CheckedAccount & { readonly clientId: string }) => boolean) => {
  const find = database.prepare(
    `select 1 from accounts join clients on clients.id = ?3 and clients.disabled_at is null
     where accounts.id = ?1 and accounts.version = ?2 and accounts.disabled_at is null`,
  )
  return ({ accountId, accountVersion, clientId }) => find.get(accountId, accountVersion, clientId) !== undefined
}

/** As `sqliteSignInCheck`, for a sign-in that is to no client. */
export const sqliteAccountCheck = (database: SqliteDatabase): ((asked: CheckedAccount) => boolean) => {
  const find = database.prepare('select 1 from accounts where id = ? and version = ? and disabled_at is null')
  return ({ accountId, accountVersion }) => find.get(accountId, accountVersion) !== undefined
}
