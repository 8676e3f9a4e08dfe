import type { PostgresDatabase } from '#stores/postgres/database.ts'
import { LOCK_SIGNING_KEYS } from '#stores/postgres/locks.ts'
import { signingKeyFromRow } from '#stores/rows.ts'
import type { SigningKeyStore } from '#stores/store.ts'

export const postgresSigningKeys = (database: PostgresDatabase): SigningKeyStore => ({
  ensure: (candidates) =>
    database.transaction(async (query) => {
      await query(LOCK_SIGNING_KEYS)
      for (const { kid, algorithm, sealedPrivateKey } of candidates) {
        await query(
          `insert into signing_keys (kid, algorithm, sealed_private_key, created_at)
           select $2, $3, $4, store_clock_ms($1) / 1000 where not exists (select 1 from signing_keys where algorithm = $3)`,
          [database.clockOffset(), kid, algorithm, sealedPrivateKey],
        )
      }
      return (await query('select * from signing_keys order by created_at, kid')).map(signingKeyFromRow)
    }),
})
