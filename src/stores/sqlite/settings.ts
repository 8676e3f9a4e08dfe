import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import type { SettingStore } from '#stores/store.ts'

export const sqliteSettings = (database: SqliteDatabase): SettingStore => {
  const find = database.prepare('select value from settings where name = ?')
  const insert = database.prepare('insert into settings (name, value) values (?, ?) on conflict do nothing')
  return {
    find: (name) => database.read(() => find.get(name)?.['value'] as string | undefined),
    writeOnce: (name, value) =>
      database.write(() => {
        insert.run(name, value)
        return find.get(name)!['value'] as string
      }),
  }
}
