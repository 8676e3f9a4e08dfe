import { signingKeyFromRow } from '#stores/rows.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import type { SigningKeyStore } from '#stores/store.ts'

export const sqliteSigningKeys = (database: SqliteDatabase): SigningKeyStore => {
  const insert = database.prepare(
    `insert into signing_keys (kid, algorithm, sealed_private_key, created_at)
     select ?1, ?2, ?3, ?4 where not exists (select 1 from signing_keys where algorithm = ?2)`,
  )
  const list = database.prepare('select * from signing_keys order by created_at, kid')
  return {
    ensure: (candidates) =>
      database.write((now) => {
        for (const { kid, algorithm, sealedPrivateKey } of candidates)
          insert.run(kid, algorithm, sealedPrivateKey, now.seconds)
        return list.all().map(signingKeyFromRow)
      }),
  }
}
