import { CLIENT_COLUMNS, clientsFromRows, isStorable, secretValue } from '#stores/rows.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import { sqliteEndings } from '#stores/sqlite/endings.ts'
import { StoreConflictError, type ClientStore } from '#stores/store.ts'

export const sqliteClients = (database: SqliteDatabase): ClientStore => {
  const endings = sqliteEndings(database)
  const withSecrets = (clients: string) =>
    `select ${CLIENT_COLUMNS} from ${clients} as clients
       left join client_secrets on client_secrets.client_id = clients.id
         and (client_secrets.expires_at is null or client_secrets.expires_at > ?1)
     order by clients.created_at, clients.id, client_secrets.id desc`
  const find = database.prepare(withSecrets('(select * from clients where id = ?2)'))
  const findByApiKey = database.prepare(
    withSecrets(
      `(select * from clients where disabled_at is null and id = coalesce(
         (select client_id from api_keys where digest = ?2 and revoked_at is null),
         (select id from clients as named where named.id = ?3 and named.id_is_api_key = 1)
       ))`,
    ),
  )
  const list = database.prepare(withSecrets('(select * from clients order by created_at, id limit ?2 offset ?3)'))
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
        return clientsFromRows(find.all(now.seconds, id))[0]!
      }),
    find: database.recall(
      (id: string, now) => clientsFromRows(find.all(now.seconds, id))[0],
      ({ secrets }, now) => secrets.every(({ expiresAt }) => expiresAt === undefined || expiresAt > now.seconds),
    ),
    findByApiKey: (key, digest) =>
      database.read((now) => clientsFromRows(findByApiKey.all(now.seconds, digest, key))[0]),
    list: ({ limit, offset }) => database.read((now) => clientsFromRows(list.all(now.seconds, limit, offset))),
    disable: (id) =>
      database.write((now) => {
        if (!isStorable(id) || disable.run(now.seconds, id) === 0) return false
        endings.client(now, id)
        return true
      }),
  }
}
