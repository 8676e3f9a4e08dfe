import { apiResourceFromRow } from '#stores/rows.ts'
import type { SqliteDatabase } from '#stores/sqlite/database.ts'
import type { ApiResourceStore } from '#stores/store.ts'

export const sqliteApiResources = (database: SqliteDatabase): ApiResourceStore => {
  const put = database.prepare(
    'insert into api_resources (audience, definition) values (?, ?) on conflict (audience) do update set definition = excluded.definition',
  )
  const list = database.prepare('select definition from api_resources order by audience')
  return {
    register: (resources) =>
      database.write(() => {
        for (const resource of resources) put.run(resource.audience, JSON.stringify(resource))
      }),
    list: () => database.read(() => list.all().map(apiResourceFromRow)),
  }
}
