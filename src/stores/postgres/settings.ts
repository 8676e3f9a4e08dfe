import type { PostgresDatabase } from '#stores/postgres/database.ts'
import type { SettingStore } from '#stores/store.ts'

export const postgresSettings = (database: PostgresDatabase): SettingStore => {
  const find: SettingStore['find'] = async (name) =>
    (await database.ask('select value from settings where name = $1', [name]))[0]?.['value'] as string | undefined
  return {
    find,
    writeOnce: async (name, value) => {
      // Waits for another that is writing it; a second statement sees what that one has committed.
      await database.ask('insert into settings (name, value) values ($1, $2) on conflict do nothing', [name, value])
      return (await find(name))!
    },
  }
}
