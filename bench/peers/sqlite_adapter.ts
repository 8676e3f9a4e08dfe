/**
 * A durable adapter for oidc-provider on `node:sqlite`, written in good faith: a table for each model, statements prepared
 * once, a token's state beside its payload so that spending it rewrites no JSON, indexes for what is looked up. Each
 * operation is committed when its promise resolves, as the interface implies and adapters usually do it.
 */
import { DatabaseSync } from 'node:sqlite'
import type { Adapter } from 'oidc-provider'

const epochSeconds = (): number => Math.floor(Date.now() / 1000)

export const openDatabase = (file: string): DatabaseSync => {
  const database = new DatabaseSync(file, { timeout: 5000 })
  database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -65536')
  return database
}

type Row = { payload: string; consumed_at: number | null; expires_at: number | null }

export const sqliteAdapter = (database: DatabaseSync, model: string): Adapter => {
  const table = `oidc_${model.toLowerCase()}`
  database.exec(`
    create table if not exists ${table} (
      id text primary key, payload text not null, grant_id text, user_code text, uid text,
      expires_at integer, consumed_at integer
    ) without rowid, strict;
    create index if not exists ${table}_grant on ${table} (grant_id) where grant_id is not null;
    create index if not exists ${table}_user_code on ${table} (user_code) where user_code is not null;
    create index if not exists ${table}_uid on ${table} (uid) where uid is not null;
    create index if not exists ${table}_expiry on ${table} (expires_at) where expires_at is not null;
  `)
  const columns = 'payload, consumed_at, expires_at'
  const byId = database.prepare(`select ${columns} from ${table} where id = ?`)
  const byUid = database.prepare(`select ${columns} from ${table} where uid = ?`)
  const byUserCode = database.prepare(`select ${columns} from ${table} where user_code = ?`)
  const upsert = database.prepare(`
    insert into ${table} (id, payload, grant_id, user_code, uid, expires_at) values (?, ?, ?, ?, ?, ?)
    on conflict (id) do update set payload = excluded.payload, grant_id = excluded.grant_id,
      user_code = excluded.user_code, uid = excluded.uid, expires_at = excluded.expires_at
  `)
  const consume = database.prepare(`update ${table} set consumed_at = ? where id = ? and consumed_at is null`)
  const destroy = database.prepare(`delete from ${table} where id = ?`)
  const revoke = database.prepare(`delete from ${table} where grant_id = ?`)
  const purge = database.prepare(
    `delete from ${table} where id in (select id from ${table} where expires_at <= ? limit 100)`,
  )
  setInterval(() => purge.run(epochSeconds()), 60_000).unref()

  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)
  const revive = (row: unknown): Record<string, unknown> | undefined => {
    const found = row as Row | undefined
    if (!found || (found.expires_at !== null && found.expires_at <= epochSeconds())) return undefined
    const payload = JSON.parse(found.payload) as Record<string, unknown>
    if (found.consumed_at !== null) payload.consumed = found.consumed_at
    return payload
  }

  return {
    async upsert(id, payload, expiresIn) {
      const expiresAt = expiresIn === undefined ? null : epochSeconds() + expiresIn
      const { grantId, userCode, uid } = payload
      upsert.run(id, JSON.stringify(payload), text(grantId), text(userCode), text(uid), expiresAt)
    },
    async find(id) {
      return revive(byId.get(id))
    },
    async findByUid(uid) {
      return revive(byUid.get(uid))
    },
    async findByUserCode(userCode) {
      return revive(byUserCode.get(userCode))
    },
    async consume(id) {
      consume.run(epochSeconds(), id)
    },
    async destroy(id) {
      destroy.run(id)
    },
    async revokeByGrantId(grantId) {
      revoke.run(grantId)
    },
  }
}
