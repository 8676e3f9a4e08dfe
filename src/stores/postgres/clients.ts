import type { PostgresDatabase } from '#stores/postgres/database.ts'
import { CLIENT_COLUMNS, clientFromRow, clientsFromRows, isStorable, secretValue } from '#stores/rows.ts'
import { StoreConflictError, type ClientStore } from '#stores/store.ts'

const joinSecrets = (now: string) =>
  `left join client_secrets on client_secrets.client_id = clients.id
     and (client_secrets.expires_at is null or client_secrets.expires_at > ${now})`

export const postgresClients = (database: PostgresDatabase): ClientStore => {
  const find = database.group({
    name: 'find_client',
    columns: { id: 'text' },
    text: `select asked.ordinal, ${CLIENT_COLUMNS} from asked join clients on clients.id = asked.id ${joinSecrets('(select now from clock)')}
      order by client_secrets.id desc`,
    abreast: 2,
  })
  const findByApiKey = database.group({
    name: 'find_client_by_api_key',
    columns: { key: 'text', digest: 'bytea' },
    text: `select asked.ordinal, ${CLIENT_COLUMNS} from asked
      join clients on clients.disabled_at is null and clients.id = coalesce(
        (select client_id from api_keys where api_keys.digest = asked.digest and revoked_at is null),
        (select id from clients as named where named.id = asked.key and named.id_is_api_key)
      )
      ${joinSecrets('(select now from clock)')}
      order by client_secrets.id desc`,
    abreast: 2,
  })

  return {
    create: ({ id, name, policy, idIsApiKey, secret, apiKeys }) =>
      database.transaction(async (query) => {
        const [row] = await query(
          `insert into clients (id, name, policy, id_is_api_key, created_at, updated_at)
           select $2, $3, $4, $5, now, now from (select store_clock_ms($1) / 1000 as now) as clock
           on conflict do nothing returning *`,
          [database.clockOffset(), id, name, JSON.stringify(policy), idIsApiKey],
        )
        if (row === undefined) throw new StoreConflictError('client id')
        const createdAt = row['created_at'] as number
        if (secret !== undefined) {
          await query(
            'insert into client_secrets (client_id, kind, value, created_at, expires_at) values ($1, $2, $3, $4, $5)',
            [id, secret.kind, secretValue(secret), createdAt, secret.expiresAt ?? null],
          )
        }
        for (const key of apiKeys) {
          const added = await query(
            `insert into api_keys (digest, client_id, name, created_at) values ($1, $2, $3, $4)
             on conflict do nothing returning digest`,
            [key.digest, id, key.name, createdAt],
          )
          if (added.length === 0) throw new StoreConflictError('api key')
        }
        const isLive = secret !== undefined && (secret.expiresAt === undefined || secret.expiresAt > createdAt)
        return clientFromRow(row, isLive ? [secret] : [])
      }),
    find: async (id) => (isStorable(id) ? clientsFromRows(await find({ id }))[0] : undefined),
    findByApiKey: async (key, digest) =>
      isStorable(key) ? clientsFromRows(await findByApiKey({ key, digest }))[0] : undefined,
    list: async ({ limit, offset }) =>
      clientsFromRows(
        await database.ask(
          `select ${CLIENT_COLUMNS} from (select * from clients order by created_at, id limit $2 offset $3) as clients
           ${joinSecrets('(select store_clock_ms($1) / 1000)')}
           order by clients.created_at, clients.id, client_secrets.id desc`,
          [database.clockOffset(), limit, offset],
        ),
      ),
    disable: async (id) => {
      if (!isStorable(id)) return false
      const [row] = await database.ask('select disable_client($1, $2) as done', [database.clockOffset(), id])
      return row!['done'] as boolean
    },
  }
}
