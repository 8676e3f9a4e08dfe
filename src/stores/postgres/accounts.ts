import type { PostgresDatabase } from '#stores/postgres/database.ts'
import { LOCK_ACCOUNTS } from '#stores/postgres/locks.ts'
import { ACCOUNT_COLUMNS, accountFromRow, isRowId, isStorable } from '#stores/rows.ts'
import { StoreConflictError, type AccountStore } from '#stores/store.ts'

export const postgresAccounts = (database: PostgresDatabase): AccountStore => {
  const find = database.group({
    name: 'find_account',
    columns: { id: 'bigint' },
    text: `select asked.ordinal, ${ACCOUNT_COLUMNS} from asked join accounts on accounts.id = asked.id`,
    abreast: 2,
  })
  const findByUsername = database.group({
    name: 'find_account_by_username',
    columns: { realm: 'text', username_key: 'text' },
    text: `select asked.ordinal, ${ACCOUNT_COLUMNS} from asked
      join accounts on accounts.realm = asked.realm and accounts.username_key = asked.username_key`,
    abreast: 2,
  })

  return {
    create: (account, permissions = []) =>
      database.transaction(async (query) => {
        // One at a time: it makes the number of the next account, and what is taken, the same for all nodes.
        await query(LOCK_ACCOUNTS)
        const [taken] = await query(
          `select id from accounts where realm = $1 and (username_key = $2 or username_skeleton = $3)
           union all select id from accounts where id = $4`,
          [account.realm, account.usernameKey, account.usernameSkeleton, account.id ?? null],
        )
        if (taken !== undefined) throw new StoreConflictError(taken['id'] === account.id ? 'account id' : 'username')
        const [row] = await query(
          `insert into accounts (id, realm, username, username_key, username_skeleton, password_hash, abilities, profile, created_at, updated_at)
           select coalesce($2::bigint, (select coalesce(max(id), 0) + 1 from accounts)), $3, $4, $5, $6, $7, $8, $9, now, now
             from (select store_clock_ms($1) / 1000 as now) as clock
           returning ${ACCOUNT_COLUMNS}`,
          [
            database.clockOffset(),
            account.id ?? null,
            account.realm,
            account.username,
            account.usernameKey,
            account.usernameSkeleton,
            account.passwordHash,
            JSON.stringify(account.abilities),
            JSON.stringify(account.profile),
          ],
        )
        const created = accountFromRow(row!)
        await query(
          `insert into permissions (account_id, entity_type, entity_id, access)
           select $1, * from unnest($2::text[], $3::bigint[], $4::text[])`,
          [
            created.id,
            permissions.map(({ entityType }) => entityType),
            permissions.map(({ entityId }) => entityId),
            permissions.map(({ access }) => access),
          ],
        )
        return created
      }),
    find: async (id) => {
      const [row] = isRowId(id) ? await find({ id }) : []
      return row === undefined ? undefined : accountFromRow(row)
    },
    findByUsername: async (realm, usernameKey) => {
      const isPossible = isStorable(realm) && isStorable(usernameKey)
      const [row] = isPossible ? await findByUsername({ realm, username_key: usernameKey }) : []
      return row === undefined ? undefined : accountFromRow(row)
    },
    list: async ({ limit, offset, realm }) => {
      if (realm !== undefined && !isStorable(realm)) return []
      const rows = await (realm === undefined
        ? database.ask(`select ${ACCOUNT_COLUMNS} from accounts order by id limit $1 offset $2`, [limit, offset])
        : database.ask(`select ${ACCOUNT_COLUMNS} from accounts where realm = $1 order by id limit $2 offset $3`, [
            realm,
            limit,
            offset,
          ]))
      return rows.map(accountFromRow)
    },
    setPassword: async (id, passwordHash) => {
      if (!isRowId(id)) return false
      const [row] = await database.ask('select set_password($1, $2, $3) as done', [
        database.clockOffset(),
        id,
        passwordHash,
      ])
      return row!['done'] as boolean
    },
    disable: async (id) => {
      if (!isRowId(id)) return false
      const [row] = await database.ask('select disable_account($1, $2) as done', [database.clockOffset(), id])
      return row!['done'] as boolean
    },
    hasPermissionOn: async (id, entityType, entityIds) => {
      if (!isRowId(id)) return false
      const [row] = await database.ask(
        `select exists (
           select 1 from permissions where account_id = $1 and entity_type = $2 and entity_id = any($3::bigint[])
         ) as found`,
        [id, entityType, entityIds.filter(Number.isSafeInteger)],
      )
      return row!['found'] as boolean
    },
  }
}
