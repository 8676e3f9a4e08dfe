/**
 * Postern as the bench starts it: the whole server on a free port, with a durable SQLite store in the given folder.
 *
 * `node bench/postern.ts --algorithm ES256 --data FOLDER`
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { registerAccount } from '#accounts/register.ts'
import { createApp } from '#app.ts'
import { createLog } from '#base/log.ts'
import { createPasswordHashing } from '#base/password_hashing.ts'
import { random, type Key } from '#base/secrets.ts'
import { registerClient } from '#clients/register.ts'
import { parseConfig, PLATFORM_AUDIENCE } from '#config.ts'
import { openStore } from '#stores/open.ts'
import type { Store } from '#stores/store.ts'
import type { Algorithm } from './contenders.ts'
import { serveUnderProbe, type Credentials, type ProbedServer } from './probe.ts'

const { values: options } = parseArgs({
  options: {
    algorithm: { type: 'string', default: 'ES256' },
    data: { type: 'string', default: '.' },
  },
})

const PASSWORD = 'correct horse battery staple'
const SCOPES = ['read:entities', 'write:entities']

const readOrWrite = (file: string, make: () => string): string => {
  if (!existsSync(file)) writeFileSync(file, make(), { mode: 0o600 })
  return readFileSync(file, 'utf8')
}

/** A confidential client with a generated secret, and as many accounts, each signed in with `scope=openid offline_access`. */
const makeCredentials = async (
  store: Store,
  port: number,
  algorithm: Algorithm,
  signIns: number,
): Promise<Credentials> => {
  const hashing = createPasswordHashing()
  const { client, secret } = await registerClient(store.clients, hashing, {
    name: 'Bench',
    policy: {
      tokenEndpointAuthMethod: 'client_secret',
      grantTypes: ['password', 'client_credentials', 'refresh_token'],
      scopes: ['openid', 'offline_access', ...SCOPES],
      audiences: [PLATFORM_AUDIENCE],
      defaultScopes: SCOPES,
      party: 'first',
      redirectUris: [],
      idTokenSigningAlgorithm: algorithm,
    },
  })
  const signIn = async (index: number): Promise<string> => {
    const username = `person${index}@example.com`
    const abilities = { role: 'MANAGER', scope: 'GLOBAL', type: 'AGENCY', flags: ['view_organizations'] } as const
    await registerAccount(store.accounts, hashing, {
      realm: 'T1DB-Production',
      username,
      password: PASSWORD,
      abilities,
      profile: {},
    })
    const response = await fetch(`http://127.0.0.1:${port}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'password',
        client_id: client.id,
        client_secret: secret!,
        scope: 'openid offline_access',
        username,
        password: PASSWORD,
      }),
    })
    const answer = (await response.json()) as { refresh_token?: string }
    if (answer.refresh_token === undefined) throw new Error(`no refresh token: ${JSON.stringify(answer)}`)
    return answer.refresh_token
  }
  const refreshTokens: string[] = []
  for (let index = 0; index < signIns; index += 1) refreshTokens.push(await signIn(index))
  await hashing.close()
  return { clientId: client.id, clientSecret: secret!, scope: SCOPES.join(' '), refreshTokens }
}

/** Over a database in `data` that may be new or from an earlier start; `algorithm` signs access tokens and ID tokens. */
const startPostern = async (algorithm: Algorithm, data: string): Promise<ProbedServer> => {
  const config = parseConfig({
    database: data,
    listen: { port: 0 },
    urls: { auth: 'http://localhost:9400/' },
    api_resources: [
      {
        audience: PLATFORM_AUDIENCE,
        name: 'Execution & Management API',
        scopes: SCOPES.map((name) => ({ name, description: `Allow ${name}.` })),
        signing_algorithm: algorithm,
      },
    ],
  })
  const masterKey = Buffer.from(
    readOrWrite(join(data, 'master.key'), () => random(32).toString('hex')),
    'hex',
  ) as Key
  const store = await openStore(data)
  const app = await createApp({ config, store, masterKey, log: createLog({ level: config.log.level }) })
  const { port } = await app.listen()
  return {
    port,
    prepare: async (signIns) => {
      const file = join(data, `credentials_${signIns}.json`)
      if (!existsSync(file)) {
        writeFileSync(file, JSON.stringify(await makeCredentials(store, port, algorithm, signIns)))
      }
      return JSON.parse(readFileSync(file, 'utf8')) as Credentials
    },
    close: async () => {
      await app.close()
      await store.close()
    },
  }
}

await serveUnderProbe(() => startPostern(options.algorithm === 'RS256' ? 'RS256' : 'ES256', options.data))
