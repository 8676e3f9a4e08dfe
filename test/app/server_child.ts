// A whole server in a process of its own, which may be killed. `server_process.ts` starts it and speaks with it over IPC.
//
// It loads everything first and opens the database when it is told to, so that loading is not part of what is measured.
import { rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createApp, type App } from '#app.ts'
import { createLog } from '#base/log.ts'
import type { Key } from '#base/secrets.ts'
import { parseConfig } from '#config.ts'
import { openStore } from '#stores/open.ts'
import { StoreUnavailableError, type Store } from '#stores/store.ts'
import { addClient, addPerson } from './people.ts'
import type { FromChild, Order, Populated, ServerOptions } from './server_process.ts'

let running: { readonly app: App; readonly store: Store } | undefined

const tell = (message: FromChild): void => {
  process.send?.(message)
}

const start = async ({ database, masterKey, config, noted }: ServerOptions): Promise<number> => {
  const store = await openStore(database)
  const log = createLog({
    level: 'info',
    destination: {
      write: (line) => {
        if (noted?.every((text) => line.includes(text))) tell({ kind: 'noted', line })
      },
    },
  })
  const app = await createApp({
    config: parseConfig({ ...config, listen: { port: 0 }, urls: { auth: 'http://localhost:9400/' } }),
    store,
    masterKey: Buffer.from(masterKey, 'hex') as Key,
    log,
  })
  running = { app, store }
  return (await app.listen()).port
}

const populate = async (order: Order & { readonly kind: 'populate' }): Promise<Populated> => {
  const { store } = running!
  const people = await Promise.all(order.people.map((name) => addPerson(store, name, order.password)))
  const clients = await Promise.all(order.clients.map((id) => addClient(store, id)))
  return { ids: people.map(({ id }) => id), clients: clients.map(({ id, secret }) => ({ id, secret })) }
}

/** Leaves no byte of the disk. */
const fill = (file: string): void => {
  for (let size = 1 << 20; size >= 1; size >>= 1) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    }
  }
}

/** Asks again while the store is not available: to change a password twice is to change it once. */
const insistently = async <T>(change: () => Promise<T>): Promise<T> => {
  for (;;) {
    try {
      return await change()
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      await sleep(50)
    }
  }
}

const obey = async (order: Order): Promise<unknown> => {
  switch (order.kind) {
    case 'start':
      return start(order.options)
    case 'populate':
      return populate(order)
    case 'set password':
      return insistently(() => running!.store.accounts.setPassword(order.accountId, order.hash))
    case 'disable account':
      return running!.store.accounts.disable(order.accountId)
    case 'disable client':
      return running!.store.clients.disable(order.clientId)
    case 'fill the disk':
      return fill(order.file)
    case 'free the disk':
      return rmSync(order.file)
    case 'close':
      await running?.app.close()
      return running?.store.close()
  }
}

if (process.send !== undefined) {
  process.once('disconnect', () => process.exit())
  process.on('message', (message) => {
    const { n, order } = message as { readonly n: number; readonly order: Order }
    obey(order).then(
      (value) => tell({ kind: 'done', n, value }),
      (error: unknown) => tell({ kind: 'failed', n, error: error instanceof Error ? error.message : String(error) }),
    )
  })
  tell({ kind: 'loaded' })
}
