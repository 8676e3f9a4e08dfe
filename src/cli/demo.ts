import { isIPv4 } from 'node:net'
import { registerAccount } from '#accounts/register.ts'
import type { PasswordHashing } from '#base/password_hashing.ts'
import { demoAccounts, demoClients, demoEntities } from '#cli/demo_data.ts'
import { RefusedError } from '#cli/failures.ts'
import { registerClient } from '#clients/register.ts'
import { isLoopback, type Config } from '#config.ts'
import { isPostgresUrl } from '#stores/open.ts'
import { StoreConflictError, type Store } from '#stores/store.ts'

/** Whether nobody but this machine reaches a server that listens there. */
const isLoopbackAddress = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))

/**
 * Everybody knows the demo's passwords, so nobody else may reach it.
 * @throws {RefusedError}
 */
export const refuseUnsafeDemo = ({ database, listen, urls }: Config): void => {
  if (isPostgresUrl(database)) {
    throw new RefusedError('the demo keeps its data in an embedded database: name a folder for it with --data.')
  }
  if (!isLoopbackAddress(listen.host)) {
    throw new RefusedError(
      `the demo listens on this machine alone, because everybody knows its passwords: listen.host is ${listen.host}, expected "127.0.0.1". To serve others, start without --demo.`,
    )
  }
  for (const name of ['auth', 'api'] as const) {
    const url = urls[name]
    if (isLoopback(new URL(url).hostname)) continue
    throw new RefusedError(
      `the demo is for this machine alone, because everybody knows its passwords: urls.${name} is ${url}, expected a URL of localhost. To serve others, start without --demo.`,
    )
  }
}

/** The demo's clients run on this machine, so the demo may ask it what they publish. */
export const allowLoopback = (config: Config): Config => ({
  ...config,
  outbound: { ...config.outbound, allow: [...config.outbound.allow, 'localhost', '127.0.0.0/8', '::1'] },
})

/**
 * Decides once and for all whether a database holds demo data or somebody's own. Of a `serve` and a `serve --demo` that start at once on a
 * new database one wins and the other is refused. The decision comes before any data, so a crash leaves none that is undecided.
 * @throws {RefusedError} if it is decided the other way
 */
export const claimDatabase = async (store: Store, purpose: 'demo' | 'own', place: string): Promise<void> => {
  if (purpose === 'demo' && (await store.settings.find('demo')) === undefined && !(await isUnused(store))) {
    throw new RefusedError(refusals.demo(place))
  }
  const mark = purpose === 'demo' ? 'yes' : 'no'
  if ((await store.settings.writeOnce('demo', mark)) !== mark) throw new RefusedError(refusals[purpose](place))
}

const refusals = {
  demo: (place: string) =>
    `${place} is in use and holds no demo data. Start without --demo, or give the demo a folder of its own with --data.`,
  own: (place: string) =>
    `${place} holds demo data, whose passwords everybody knows. Start with --demo, or name another database (\`database\` in the configuration, or --data).`,
}

const isUnused = async ({ accounts, clients, entities, settings }: Store): Promise<boolean> => {
  const one = { limit: 1, offset: 0 }
  const found = await Promise.all([
    accounts.list(one),
    clients.list(one),
    entities
      .list('organization', { kind: 'all', within: 'all' }, { ...one, sort: { field: 'id', descending: false } })
      .then((page) => page.entities),
  ])
  // A server that is no demo has left its mark even where there is nothing else yet.
  return found.every((list) => list.length === 0) && (await settings.find('master_key_check')) === undefined
}

/**
 * Brings the demo data in, as far as it is missing: all of it at first, and what is new after an update. Each step is one transaction and
 * is done once, so whoever was killed in the middle, or starts twice at once, ends with all of it.
 */
export const seedDemo = async (store: Store, config: Config, hashing: PasswordHashing): Promise<void> => {
  await addEntities(store)
  await Promise.all([
    ...demoAccounts(config).map(async (account) => {
      if ((await store.accounts.find(account.id)) !== undefined) return
      await orTaken(registerAccount(store.accounts, hashing, account))
    }),
    ...demoClients(config).map(async (client) => {
      if ((await store.clients.find(client.id)) !== undefined) return
      await orTaken(registerClient(store.clients, hashing, client))
    }),
  ])
}

/** What is taken is there: another start was faster. */
const orTaken = async (step: Promise<unknown>): Promise<void> => {
  try {
    await step
  } catch (error) {
    if (!(error instanceof StoreConflictError)) throw error
  }
}

const addEntities = async ({ entities }: Store): Promise<void> => {
  // A database of an earlier version lacks whole types.
  for (const ofOneType of Map.groupBy(demoEntities, ({ type }) => type).values()) {
    const { type, id } = ofOneType[0]!
    const isThere = async () => (await entities.find(type, id, { kind: 'all', within: 'all' })) !== undefined
    if (await isThere()) continue
    try {
      await entities.add(ofOneType)
    } catch (error) {
      // All or none are added, so one tells of all.
      if (!(await isThere())) throw error
    }
  }
}
