/**
 * The peer: an authorization server made with oidc-provider 9, set up to do what Postern does for the same request.
 *
 * `node bench/peers/oidc_provider.ts --algorithm ES256 --store memory --rotation always --data FOLDER`
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Provider } from 'oidc-provider'
import MemoryAdapter from 'oidc-provider/lib/adapters/memory_adapter.js'
import LRU from 'oidc-provider/lib/helpers/lru.js'
import { CODE_CHALLENGE, CODE_LIFETIME, PROFILE, REDIRECT_URI, serveUnderProbe, USERINFO_SCOPES } from '../probe.ts'
import type { Credentials, Making, ProbedServer } from '../probe.ts'
import { openDatabase, sqliteAdapter } from './sqlite_adapter.ts'

const { values: options } = parseArgs({
  options: {
    algorithm: { type: 'string', default: 'ES256' },
    store: { type: 'string', default: 'memory' },
    rotation: { type: 'string', default: 'default' },
    /** How many entries the adapter in memory keeps. Absent: the peer's own choice. */
    entries: { type: 'string' },
    data: { type: 'string', default: '.' },
  },
})
const { algorithm, store, rotation, entries, data } = options

const resource = 'https://api.example.com/'
const resourceScope = 'read:entities write:entities'
const clientId = 'bench'
const clientSecret = randomBytes(32).toString('base64url')

/** Keys are made on the first start only: a start that is measured finds them, as a server in service does. */
const signingKeys = (): Record<string, unknown>[] => {
  const file = join(data, 'keys.json')
  if (!existsSync(file)) {
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
    writeFileSync(
      file,
      JSON.stringify([
        { ...ec, kid: 'ec', use: 'sig', alg: 'ES256' },
        { ...rsa, kid: 'rsa', use: 'sig', alg: 'RS256' },
      ]),
      { mode: 0o600 },
    )
  }
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>[]
}

type Storage = {
  configuration: Record<string, unknown>
  /** Does what writes much in one transaction, where there are any. */
  atOnce<T>(work: () => Promise<T>): Promise<T>
}

const openStorage = (): Storage => {
  if (store === 'memory') {
    // The same adapter and cache as the default, only larger.
    const cache = entries === undefined ? undefined : new LRU({ maxSize: Number(entries) })
    return {
      configuration: cache ? { adapter: (model: string) => new MemoryAdapter(model, cache) } : {},
      atOnce: (work) => work(),
    }
  }
  const database = openDatabase(join(data, 'peer.db'))
  return {
    configuration: { adapter: (model: string) => sqliteAdapter(database, model) },
    async atOnce(work) {
      database.exec('begin')
      const result = await work()
      database.exec('commit')
      return result
    },
  }
}

const refreshPolicy = (): Record<string, unknown> => {
  if (rotation === 'always') return { rotateRefreshToken: true }
  if (rotation === 'never') return { rotateRefreshToken: false }
  return {}
}

const start = async (): Promise<ProbedServer> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  const storage = openStorage()
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    ...storage.configuration,
    ...refreshPolicy(),
    jwks: { keys: signingKeys() },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    routes: {
      token: '/oauth/token',
      userinfo: '/userinfo',
      introspection: '/oauth/introspect',
      jwks: '/.well-known/jwks.json',
    },
    scopes: ['openid', 'offline_access'],
    claims: { openid: ['sub'], profile: ['name', 'given_name', 'family_name'], email: ['email', 'email_verified'] },
    ttl: {
      AccessToken: 86_400,
      AuthorizationCode: CODE_LIFETIME,
      ClientCredentials: 86_400,
      IdToken: 36_000,
      RefreshToken: 31_536_000,
      Grant: 31_536_000,
    },
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        token_endpoint_auth_method: 'client_secret_post',
        grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
        redirect_uris: [REDIRECT_URI],
        id_token_signed_response_alg: algorithm,
      },
    ],
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId, ...PROFILE, email: `${accountId}@example.com`, email_verified: true }),
    }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: resourceScope,
          audience: resource,
          accessTokenTTL: 86_400,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: algorithm } },
        }),
      },
    },
  })
  // A bug in the set-up would otherwise be a bare 500.
  provider.on('server_error', (_context, error) => console.error(error))
  server.on('request', provider.callback())

  const grants: { accountId: string; grantId: string }[] = []

  /** What a sign-in in the browser leaves behind: a grant, and a refresh token under it. */
  const signIn = async (accountId: string): Promise<string> => {
    const client = await provider.Client.find(clientId)
    const grant = new provider.Grant({ accountId, clientId })
    grant.addOIDCScope(['offline_access', ...USERINFO_SCOPES].join(' '))
    grant.addResourceScope(resource, resourceScope)
    const grantId = await grant.save()
    grants.push({ accountId, grantId })
    const token = new provider.RefreshToken({
      accountId,
      client,
      grantId,
      gty: 'authorization_code',
      scope: `openid offline_access ${resourceScope}`,
      resource,
      authTime: Math.floor(Date.now() / 1000),
      expiresWithSession: false,
    })
    return token.save()
  }

  /** As its authorization endpoint makes one; only that the session is not looked up again, as Postern does not either. */
  const makeCode = async (index: number): Promise<string> => {
    const code = new provider.AuthorizationCode({
      ...grants[index % grants.length],
      client: await provider.Client.find(clientId),
      scope: `openid ${resourceScope}`,
      resource,
      redirectUri: REDIRECT_URI,
      codeChallenge: CODE_CHALLENGE,
      codeChallengeMethod: 'S256',
      nonce: randomBytes(16).toString('base64url'),
      authTime: Math.floor(Date.now() / 1000),
      amr: ['pwd'],
      expiresWithSession: false,
    })
    return code.save()
  }

  /** An opaque one: its userinfo endpoint takes no access token that is for an API, so none that is a JWT. */
  const makeAccessToken = async (index: number): Promise<string> => {
    const token = new provider.AccessToken({
      ...grants[index % grants.length],
      client: await provider.Client.find(clientId),
      gty: 'authorization_code',
      scope: USERINFO_SCOPES.join(' '),
      expiresWithSession: false,
    })
    return token.save()
  }

  return {
    port,
    async prepare(signIns): Promise<Credentials> {
      const refreshTokens: string[] = []
      for (let index = 0; index < signIns; index += 1) refreshTokens.push(await signIn(`platform|${index}`))
      return { clientId, clientSecret, scope: 'read:entities', refreshTokens }
    },
    make: (what: Making, count) =>
      storage.atOnce(async () => {
        const values: string[] = []
        const make = what === 'codes' ? makeCode : makeAccessToken
        for (let index = 0; index < count; index += 1) values.push(await make(index))
        return values
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

await serveUnderProbe(start)
