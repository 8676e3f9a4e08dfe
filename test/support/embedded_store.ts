import { after } from 'node:test'
import type { Store } from '#stores/store.ts'
import { sqliteTestDatabase } from '../stores/sqlite_database.ts'

export type EmbeddedStore = { readonly store: Store; readonly file: string; readonly open: () => Promise<Store> }

/** An embedded database of its own for a test file, gone when its tests are done. `open` opens it once more, as another server does. */
export const embeddedStore = async (clockOffset: () => number = () => 0): Promise<EmbeddedStore> => {
  const database = sqliteTestDatabase()
  const stores: Store[] = []
  const open = async (): Promise<Store> => {
    const store = await database.open(clockOffset)
    stores.push(store)
    return store
  }
  after(async () => {
    for (const store of stores) await store.close()
    await database.remove()
  })
  return { store: await open(), file: database.file, open }
}
