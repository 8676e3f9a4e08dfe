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
import { createDerivedTokens } from '#base/derived_token.ts'
import { createIdPermutation } from '#base/id_permutation.ts'
import { createLog } from '#base/log.ts'
import { createPasswordHashing } from '#base/password_hashing.ts'
import { deriveKey, random, type Key } from '#base/secrets.ts'
import { hours, seconds } from '#base/time.ts'
import { registerClient } from '#clients/register.ts'
import { parseConfig, PLATFORM_AUDIENCE } from '#config.ts'
import { findParsedJwt } from '#protocol/jwt.ts'
import { openStore } from '#stores/open.ts'
import type { Store } from '#stores/store.ts'
import { openSigningKeys } from '#tokens/signing_keys.ts'
import type { Algorithm } from './contenders.ts'
import {
  CODE_CHALLENGE,
  CODE_LIFETIME,
  CODE_VERIFIER,
  PROFILE,
  REDIRECT_URI,
  serveUnderProbe,
  USERINFO_SCOPES,
  type Credentials,
  type ProbedServer,
} from './probe.ts'

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

const fetchToken = async (
  port: number,
  wanted: 'access_token' | 'refresh_token',
  fields: Record<string, string>,
): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${port}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams(fields),
  })
  const answer = (await response.json()) as Record<string, string>
  const token = answer[wanted]
  if (token === undefined) throw new Error(`no ${wanted}: ${JSON.stringify(answer)}`)
  return token
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
      grantTypes: ['authorization_code', 'password', 'client_credentials', 'refresh_token'],
      scopes: ['offline_access', ...USERINFO_SCOPES, ...SCOPES],
      audiences: [PLATFORM_AUDIENCE],
      defaultScopes: SCOPES,
      party: 'first',
      redirectUris: [REDIRECT_URI],
      pkce: 'required',
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
      profile: { ...PROFILE, email: username, email_verified: true },
    })
    const fields = { scope: 'openid offline_access', username, password: PASSWORD }
    return fetchToken(port, 'refresh_token', {
      grant_type: 'password',
      client_id: client.id,
      client_secret: secret!,
      ...fields,
    })
  }
  const refreshTokens: string[] = []
  for (let index = 0; index < signIns; index += 1) refreshTokens.push(await signIn(index))
  await hashing.close()
  return { clientId: client.id, clientSecret: secret!, scope: SCOPES.join(' '), refreshTokens }
}

/** The number that `app.ts` keeps the ids of codes apart with. With another one, every code would be refused, and the row fail. */
const CODE_ID_DOMAIN = 4
const CODES_AT_ONCE = 500

/** Makes codes and access tokens beside the server, in its process: what `/authorize` does at its end. */
const createMaker = (store: Store, masterKey: Key, port: number, algorithm: Algorithm) => {
  const codes = createDerivedTokens(
    'ac',
    deriveKey(masterKey, 'authorization codes'),
    createIdPermutation(deriveKey(masterKey, 'ids'), CODE_ID_DOMAIN),
  )
  let sessions: number[] = []
  const begin = async (signIns: number): Promise<void> => {
    const accounts = await store.accounts.list({ limit: signIns, offset: 0 })
    const begun = accounts.map(({ id, version }) =>
      store.browserSessions.begin({
        accountId: id,
        accountVersion: version,
        methods: ['pwd'],
        seed: Buffer.from(random(16)),
        lifetime: hours(12),
      }),
    )
    sessions = (await Promise.all(begun)).map((session) => session!.id)
  }
  const makeCode = async (clientId: string, scopes: readonly string[], index: number): Promise<string> => {
    const code = await store.authorizationCodes.issue({
      clientId,
      audience: PLATFORM_AUDIENCE,
      scopes: scopes.toSorted(),
      organizations: 'all',
      salt: Buffer.from(random(16)),
      redirectUri: REDIRECT_URI,
      codeChallenge: CODE_CHALLENGE,
      nonce: random(16).toString('base64url'),
      claims: undefined,
      decidedScopes: scopes.toSorted(),
      dpopJkt: undefined,
      browserSessionId: sessions[index % sessions.length]!,
      lifetime: seconds(CODE_LIFETIME),
      // The decision that a code carries is written once for each sign-in, as when a person comes back.
      consent: index < sessions.length ? 'add' : 'remembered',
    })
    if (code === undefined) throw new Error('no code')
    return codes.of(code)
  }
  const makeCodes = async (clientId: string, scopes: readonly string[], count: number): Promise<string[]> => {
    const made: string[] = []
    while (made.length < count) {
      const length = Math.min(CODES_AT_ONCE, count - made.length)
      const first = made.length
      made.push(...(await Promise.all(Array.from({ length }, (_, index) => makeCode(clientId, scopes, first + index)))))
    }
    return made
  }
  /** One of each sign-in by the endpoint; the others have the same claims but a `jti` of their own, so they are as new to the server. */
  const makeAccessTokens = async (clientId: string, clientSecret: string, count: number): Promise<string[]> => {
    const made: string[] = []
    for (const code of await makeCodes(clientId, USERINFO_SCOPES, Math.min(count, sessions.length))) {
      const fields = { client_id: clientId, client_secret: clientSecret, redirect_uri: REDIRECT_URI }
      made.push(
        await fetchToken(port, 'access_token', {
          grant_type: 'authorization_code',
          ...fields,
          code,
          code_verifier: CODE_VERIFIER,
        }),
      )
    }
    const patterns = made.map((token) => findParsedJwt(token)!)
    const keys = await openSigningKeys(store.signingKeys, deriveKey(masterKey, 'signing keys'))
    while (made.length < count) {
      const { header, claims } = patterns[made.length % patterns.length]!
      made.push(await keys.signer(algorithm, header.typ)({ ...claims, jti: random(16).toString('base64url') }))
    }
    return made
  }
  return { begin, makeCodes, makeAccessTokens }
}

/** Over a database in `data` that may be new or from an earlier start; `algorithm` signs access tokens and ID tokens. */
const startPostern = async (algorithm: Algorithm, data: string): Promise<ProbedServer> => {
  const config = parseConfig({
    database: data,
    listen: { port: 0 },
    urls: { auth: 'http://localhost:9400/' },
    tokens: { authorization_code_lifetime: `${CODE_LIFETIME} s` },
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
  const maker = createMaker(store, masterKey, port, algorithm)
  let credentials: Credentials | undefined
  return {
    port,
    prepare: async (signIns) => {
      const file = join(data, `credentials_${signIns}.json`)
      if (!existsSync(file)) {
        writeFileSync(file, JSON.stringify(await makeCredentials(store, port, algorithm, signIns)))
      }
      credentials = JSON.parse(readFileSync(file, 'utf8')) as Credentials
      return credentials
    },
    make: async (what, count) => {
      const { clientId, clientSecret, refreshTokens } = credentials!
      await maker.begin(refreshTokens.length)
      return what === 'codes'
        ? maker.makeCodes(clientId, ['openid', ...SCOPES], count)
        : maker.makeAccessTokens(clientId, clientSecret!, count)
    },
    close: async () => {
      await app.close()
      await store.close()
    },
  }
}

await serveUnderProbe(() => startPostern(options.algorithm === 'RS256' ? 'RS256' : 'ES256', options.data))
