import { ACCOUNT_COLUMNS, accountFromRow } from '#stores/rows.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import { sqliteEndings } from '#stores/sqlite/endings.ts'
import { StoreConflictError, type AccountStore } from '#stores/store.ts'

export const sqliteAccounts = (database: SqliteDatabase): AccountStore => {
  const endings = sqliteEndings(database)
  const find = database.prepare(`select ${ACCOUNT_COLUMNS} from accounts where id = ?`)
  const findByUsername = database.prepare(
    `select ${ACCOUNT_COLUMNS} from accounts where realm = ? and username_key = ?`,
  )
  const findTaken = database.prepare(
    `select id from accounts where realm = ?1 and (username_key = ?2 or username_skeleton = ?3) union all select id from accounts where id = ?4`,
  )
  const list = database.prepare(`select ${ACCOUNT_COLUMNS} from accounts order by id limit ? offset ?`)
  const listOfRealm = database.prepare(
    `select ${ACCOUNT_COLUMNS} from accounts where realm = ? order by id limit ? offset ?`,
  )
  const insert = database.prepare(
    `insert into accounts (id, realm, username, username_key, username_skeleton, password_hash, abilities, profile, created_at, updated_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning ${ACCOUNT_COLUMNS}`,
  )
  const permit = database.prepare(
    'insert into permissions (account_id, entity_type, entity_id, access) values (?, ?, ?, ?)',
  )
  const setPassword = database.prepare(
    'update accounts set password_hash = ?, version = version + 1, updated_at = ? where id = ?',
  )
  const disable = database.prepare(
    'update accounts set disabled_at = coalesce(disabled_at, ?1), version = version + 1, updated_at = ?1 where id = ?2',
  )
  const countPermissions = database.prepare(
    `select count(*) as count from permissions where account_id = ? and entity_type = ? and entity_id in (select value from json_each(?))`,
  )

  return {
    create: (account, permissions = []) =>
      database.write((now) => {
        const taken = findTaken.get(account.realm, account.usernameKey, account.usernameSkeleton, account.id ?? null)
        if (taken !== undefined) throw new StoreConflictError(taken['id'] === account.id ? 'account id' : 'username')
        const row = insert.get(
          account.id ?? null,
          account.realm,
          account.username,
          account.usernameKey,
          account.usernameSkeleton,
          account.passwordHash,
          JSON.stringify(account.abilities),
          JSON.stringify(account.profile),
          now.seconds,
          now.seconds,
        )
        const created = accountFromRow(row!)
        for (const { entityType, entityId, access } of permissions) permit.run(created.id, entityType, entityId, access)
        return created
      }),
    find: (id) =>
      database.read(() => {
        const row = find.get(id)
        return row === undefined ? undefined : accountFromRow(row)
      }),
    findByUsername: (realm, usernameKey) =>
      database.read(() => {
        const row = findByUsername.get(realm, usernameKey)
        return row === undefined ? undefined : accountFromRow(row)
      }),
    list: ({ limit, offset, realm }) =>
      database.read(() =>
        (realm === undefined ? list.all(limit, offset) : listOfRealm.all(realm, limit, offset)).map(accountFromRow),
      ),
    setPassword: (id, passwordHash) =>
      database.write((now) => {
        if (setPassword.run(passwordHash, now.seconds, id) === 0) return false
        endings.account(now, id)
        return true
      }),
    disable: (id) =>
      database.write((now) => {
        if (disable.run(now.seconds, id) === 0) return false
        endings.account(now, id)
        return true
      }),
    hasPermissionOn: (id, entityType, entityIds) =>
      database.read(() => countPermissions.get(id, entityType, JSON.stringify(entityIds))!['count'] !== 0),
  }
}
