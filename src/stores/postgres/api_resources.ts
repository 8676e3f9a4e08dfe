import type { PostgresDatabase } from '#stores/postgres/database.ts'
import { apiResourceFromRow } from '#stores/rows.ts'
import type { ApiResourceStore } from '#stores/store.ts'

export const postgresApiResources = (database: PostgresDatabase): ApiResourceStore => ({
  register: async (resources) => {
    // The last of two with one audience, as if they were written one after the other; in one order everywhere, so that no two nodes
    // that start at once wait for each other.
    const latest = new Map(resources.map((resource) => [resource.audience, JSON.stringify(resource)]))
    await database.ask(
      `insert into api_resources (audience, definition)
       select * from unnest($1::text[], $2::text[]) as asked (audience, definition) order by audience collate "C"
       on conflict (audience) do update set definition = excluded.definition`,
      [[...latest.keys()], [...latest.values()]],
    )
  },
  list: async () =>
    (await database.ask('select definition from api_resources order by audience')).map(apiResourceFromRow),
})
