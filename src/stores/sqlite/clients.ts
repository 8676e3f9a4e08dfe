import { clientFromRow, isStorable, secretFromRow, secretValue, type Row } from '#stores/rows.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import { StoreConflictError, type ClientStore } from '#stores/store.ts'

export const sqliteClients = (database: SqliteDatabase): ClientStore => {
  const find = database.prepare('select * from clients where id = ?')
  const findSecrets = database.prepare(
    'select * from client_secrets where client_id = ? and (expires_at is null or expires_at > ?) order by id desc',
  )
  const findByApiKey = database.prepare(
    `select clients.* from clients where disabled_at is null and id = coalesce(
       (select client_id from api_keys where digest = ?1 and revoked_at is null),
       (select id from clients as named where named.id = ?2 and named.id_is_api_key = 1)
     )`,
  )
  const list = database.prepare('select * from clients order by created_at, id limit ? offset ?')
  const insert = database.prepare(
    'insert into clients (id, name, policy, id_is_api_key, created_at, updated_at) values (?, ?, ?, ?, ?, ?) on conflict do nothing returning *',
  )
  const insertSecret = database.prepare(
    'insert into client_secrets (client_id, kind, value, created_at, expires_at) values (?, ?, ?, ?, ?)',
  )
  const insertApiKey = database.prepare(
    'insert into api_keys (digest, client_id, name, created_at) values (?, ?, ?, ?) on conflict do nothing',
  )
  const disable = database.prepare(
    'update clients set disabled_at = coalesce(disabled_at, ?1), updated_at = ?1 where id = ?2',
  )
  const endAuthorizations = database.prepare(
    'update authorizations set ended_at = ? where client_id = ? and ended_at is null',
  )
  const endSessions = database.prepare('delete from platform_sessions where client_id = ?')

  const withSecrets = (row: Row, now: number) =>
    clientFromRow(row, findSecrets.all(row['id'] as string, now).map(secretFromRow))

  return {
    create: ({ id, name, policy, idIsApiKey, secret, apiKeys }) =>
      database.write((now) => {
        const row = insert.get(id, name, JSON.stringify(policy), idIsApiKey ? 1 : 0, now.seconds, now.seconds)
        if (row === undefined) throw new StoreConflictError('client id')
        if (secret !== undefined)
          insertSecret.run(id, secret.kind, secretValue(secret), now.seconds, secret.expiresAt ?? null)
        for (const key of apiKeys) {
          if (insertApiKey.run(key.digest, id, key.name, now.seconds) === 0) throw new StoreConflictError('api key')
        }
        return withSecrets(row, now.seconds)
      }),
    find: (id) =>
      database.snapshot((now) => {
        const row = find.get(id)
        return row === undefined ? undefined : withSecrets(row, now.seconds)
      }),
    findByApiKey: (key, digest) =>
      database.snapshot((now) => {
        const row = findByApiKey.get(digest, key)
        return row === undefined ? undefined : withSecrets(row, now.seconds)
      }),
    list: ({ limit, offset }) =>
      database.snapshot((now) => list.all(limit, offset).map((row) => withSecrets(row, now.seconds))),
    disable: (id) =>
      database.write((now) => {
        if (!isStorable(id) || disable.run(now.seconds, id) === 0) return false
        endAuthorizations.run(now.seconds, id)
        endSessions.run(id)
        return true
      }),
  }
}
