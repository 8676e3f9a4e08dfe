import { createServer } from 'node:net'
import { constants } from 'node:os'
import { createApp, type App } from '#app.ts'
import { createLog, type Log } from '#base/log.ts'
import { createPasswordHashing } from '#base/password_hashing.ts'
import { allowLoopback, claimDatabase, refuseUnsafeDemo, seedDemo } from '#cli/demo.ts'
import { loadConfig } from '#cli/load_config.ts'
import { checkMasterKey, masterKeyPlace, openMasterKey } from '#cli/master_key.ts'
import { databasePlace } from '#cli/open_database.ts'
import type { Output } from '#cli/output.ts'
import type { ServeOptions } from '#cli/serve.ts'
import { walkThrough } from '#cli/walk_through.ts'
import type { Config } from '#config.ts'
import { openStore } from '#stores/open.ts'
import type { Store } from '#stores/store.ts'

const SWEEP_EVERY_MS = 60_000

/** Serves until a signal asks to end; the promise resolves when everything is closed. */
export const serve = async (options: ServeOptions, output: Output): Promise<void> => {
  const stop = listenForSignals()
  const isDemo = options.demo === true
  const asked = await configured(options)
  const config = isDemo ? allowLoopback(asked) : asked
  if (isDemo) refuseUnsafeDemo(config)
  const log = createLog({ level: config.log.level })
  const masterKey = openMasterKey(config)
  const store = await openStore(config.database)
  let app: App | undefined
  try {
    const place = databasePlace(config)
    await claimDatabase(store, isDemo ? 'demo' : 'own', place)
    await checkMasterKey(store.settings, masterKey, masterKeyPlace(config))
    if (isDemo) await seed(store, config)
    app = await createApp({ config, store, masterKey, log })
    const { port } = await app.listen()
    const url = listeningUrl(config.listen.host, port)
    output.result({ ready: url, port, demo: isDemo }, `ready ${url}${isDemo ? `\n${walkThrough(config)}` : ''}`)
    const sweeper = sweepRegularly(store, log)
    await stop.asked()
    clearInterval(sweeper)
  } finally {
    await app?.close()
    await store.close()
  }
}

/** The issuer has the port in it, so a port that the system chooses must be known before the configuration is complete. */
const configured = async (options: ServeOptions): Promise<Config> => {
  const { config } = loadConfig(options)
  if (config.listen.port !== 0) return config
  return loadConfig({ ...options, port: await findFreePort(config.listen.host) }).config
}

const findFreePort = (host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
      .on('error', reject)
      .listen(0, host, () => {
        const address = server.address()
        server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
      })
  })

const seed = async (store: Store, config: Config): Promise<void> => {
  const hashing = createPasswordHashing()
  try {
    await seedDemo(store, config, hashing)
  } finally {
    await hashing.close()
  }
}

/** As somebody on this machine writes it. */
const listeningUrl = (host: string, port: number): string => {
  const isHere = ['127.0.0.1', '::1', '0.0.0.0', '::', 'localhost'].includes(host)
  const name = isHere ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port}/`
}

/** The first signal asks to end, the second ends at once. Before the server is ready there is nothing to finish. */
const listenForSignals = (): { readonly asked: () => Promise<void> } => {
  let end: (() => void) | undefined
  let count = 0
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (++count > 1) process.exit(128 + constants.signals[signal])
      if (end === undefined) process.exit(0)
      end()
    })
  }
  return { asked: () => new Promise((resolve) => (end = resolve)) }
}

/** Expired rows go in small batches, so that nobody waits for them. */
const sweepRegularly = (store: Store, log: Log): NodeJS.Timeout => {
  let isSweeping = false
  const sweep = async (): Promise<void> => {
    if (isSweeping) return
    isSweeping = true
    try {
      while ((await store.sweep()) > 0);
    } catch (error) {
      log.error('expired rows could not be deleted; the next attempt is in a minute', { error })
    } finally {
      isSweeping = false
    }
  }
  return setInterval(() => void sweep(), SWEEP_EVERY_MS).unref()
}
