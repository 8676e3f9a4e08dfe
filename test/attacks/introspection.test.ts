import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import { seconds } from '#base/time.ts'
import type { RegisteredClient } from '#clients/register.ts'
import { PLATFORM_AUDIENCE } from '#config.ts'
import type { ClientPolicy } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'
import {
  authorize,
  ISSUER,
  makePublicSite,
  makeSite,
  obtainCode,
  openBrowser,
  redeem,
  refreshWith,
  signInHere,
} from '../support/browser_like.ts'
import { createTestDatabase, noPostgres } from '../support/postgres.ts'
import { addOrganizations, claimsOf, startPostern, type RunningPostern } from '../support/running_postern.ts'
import {
  assertGranted,
  assertRefused,
  basic,
  callPlatform,
  credentials,
  file,
  startSecondNode,
  withCharacterChanged,
} from './attacking.ts'

// K · introspection: K19, K20, K23, and what D01 and K10 to K16 mean there.

const OTHER_API = 'https://other.example.com/'
const OFFLINE = { scope: 'offline_access openid read:entities' }
const INACTIVE = { active: false }

const config = {
  api_resources: [
    {
      audience: PLATFORM_AUDIENCE,
      name: 'The platform',
      scopes: ['read:entities', 'write:entities', 'manage:services'].map(scopeOf),
    },
    { audience: OTHER_API, name: 'Another API', scopes: [scopeOf('read:reports')] },
  ],
}
function scopeOf(name: string) {
  return {
    name,
    description: `Allow ${name}.`,
    ...(name === 'manage:services' ? { includes: ['read:entities', 'write:entities'] } : {}),
  }
}

const postern = await startPostern(file, { config })
await addOrganizations(postern.store, 2)
const account = await postern.makeAccount({ id: 47_110_815, profile: { name: 'Zoe', nickname: 'zoe' } })
const site = await makeSite(postern, {
  scopes: ['openid', 'profile', 'offline_access', 'read:entities', 'write:entities'],
})
const publicSite = await makePublicSite(postern)
/** An API that has no grant types: it only asks. */
const makeApi = (introspects: readonly string[], node = postern) =>
  node.makeClient({ grantTypes: [], scopes: [], audiences: [], defaultScopes: [], introspects })
const api = await makeApi([PLATFORM_AUDIENCE])
const otherApi = await makeApi([OTHER_API])

type Answer = Readonly<Record<string, unknown>>

const ask = (token: string, asker: RegisteredClient, node: Pick<RunningPostern, 'origin'> = postern, more = {}) =>
  fetch(`${node.origin}/oauth/introspect`, {
    method: 'POST',
    body: new URLSearchParams({ token, ...credentials(asker), ...more }),
  })

const introspect = async (
  token: string,
  asker: RegisteredClient,
  node?: Pick<RunningPostern, 'origin'>,
): Promise<Answer> => {
  const response = await ask(token, asker, node)
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'application/json')
  assert.equal(response.headers.get('cache-control'), 'no-store')
  return (await response.json()) as Answer
}

const browser = openBrowser(postern)
await signInHere(browser, account)
const newFamily = (client: RegisteredClient = site, parameters: Record<string, string> = OFFLINE) =>
  authorize(postern, client, account, { browser, parameters })

test('what is told of an access token is what it stands for (RFC 7662 §2.2)', async () => {
  const { access_token: token } = await newFamily()
  const { authorization_id: _, azp: _azp, gty: _gty, [`${PLATFORM_AUDIENCE}user_id`]: _id, ...claims } = claimsOf(token)
  assert.deepEqual(await introspect(token, site), { active: true, token_type: 'Bearer', ...claims })
  // The API is told the name that the person signs in with as well: its own users, by its own names.
  assert.deepEqual(await introspect(token, api), {
    active: true,
    token_type: 'Bearer',
    ...claims,
    username: account.username,
  })
})

test('what is told of a refresh token is told to its client, and can be taken for no access token', async () => {
  const { refresh_token: token } = await newFamily()
  const { exp, ...told } = await introspect(token, site)
  assert.deepEqual(told, {
    active: true,
    iss: ISSUER,
    sub: `platform|${account.id}`,
    client_id: site.client.id,
    scope: 'offline_access openid read:entities',
  })
  assert.ok(Number(exp) > Date.now() / 1000 + 29 * 86_400 && Number.isInteger(exp))
})

test('a client is told the username where it knows the person: after a password grant, or with profile', async () => {
  const shown = await makeSite(postern)
  const { access_token: token } = await newFamily(shown, { scope: 'openid profile' })
  assert.equal((await introspect(token, shown))['username'], account.username)
  const byPassword = await postern.makeClient()
  const { access_token: other } = assertGranted(
    await postern.signIn(byPassword, account.username, { scope: 'read:entities' }),
  )
  assert.equal((await introspect(other, byPassword))['username'], account.username)
})

test('the token of a client alone has its own name for subject, and nobody for username', async () => {
  const service = await postern.makeClient()
  const { access_token: token } = assertGranted(
    await postern.token({ grant_type: 'client_credentials', ...credentials(service), scope: 'read:entities' }),
  )
  const { sub, client_id: id, username, scope } = await introspect(token, api)
  assert.deepEqual([sub, id, username, scope], [service.client.id, service.client.id, undefined, 'read:entities'])
  await postern.store.clients.disable(service.client.id)
  assert.deepEqual(await introspect(token, api), INACTIVE)
})

test('organizations that a person confined the client to are told (RFC 9396 §9.2)', async () => {
  const client = await makeSite(postern)
  const { access_token: access, refresh_token: refresh } = await authorize(postern, client, account, {
    browser,
    parameters: OFFLINE,
    decided: { organizations: [100_001] },
  })
  const details = [{ type: 'organizations', identifiers: ['100001'] }]
  assert.deepEqual((await introspect(access, api))['authorization_details'], details)
  assert.deepEqual((await introspect(refresh, client))['authorization_details'], details)
})

test('a resource server that asks for a JWT is given one that is signed for it and is no ID token (RFC 9701 §5)', async () => {
  const { access_token: token } = await newFamily()
  const jwks = createLocalJWKSet(
    (await (await fetch(`${postern.origin}/.well-known/jwks.json`)).json()) as JSONWebKeySet,
  )
  for (const [asked, expected] of [
    [token, await introspect(token, api)],
    ['junk', INACTIVE],
  ] as const) {
    const response = await fetch(`${postern.origin}/oauth/introspect`, {
      method: 'POST',
      headers: { accept: 'application/token-introspection+jwt' },
      body: new URLSearchParams({ token: asked, ...credentials(api) }),
    })
    assert.equal(response.headers.get('content-type'), 'application/token-introspection+jwt')
    assert.equal(response.headers.get('cache-control'), 'no-store')
    const { payload, protectedHeader } = await jwtVerify(await response.text(), jwks, {
      issuer: ISSUER,
      audience: api.client.id,
    })
    assert.deepEqual([protectedHeader.typ, protectedHeader.alg], ['token-introspection+jwt', 'RS256'])
    assert.deepEqual(Object.keys(payload).toSorted(), ['aud', 'iat', 'iss', 'token_introspection'])
    assert.deepEqual(payload['token_introspection'], expected)
    // Neither an access token nor a hint.
    assert.equal(
      (await callPlatform(postern, '/api/v3.0/organizations', { bearer: await (await ask(asked, api)).text() })).status,
      401,
    )
  }
})

test('K19 · introspection without authentication, with a wrong one and by a public client is 401 (RFC 7662 §2.1)', async () => {
  const { access_token: token } = await newFamily(publicSite)
  const send = (parameters: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(`${postern.origin}/oauth/introspect`, {
      method: 'POST',
      headers,
      body: new URLSearchParams({ token, ...parameters }),
    })
  const attempts: readonly (readonly [Record<string, string>, Record<string, string>?])[] = [
    [{}],
    [{ client_id: publicSite.client.id }],
    [{ client_id: api.client.id }],
    [{ client_id: api.client.id, client_secret: 'wrong' }],
    [{ client_id: 'nobody', client_secret: api.secret ?? '' }],
    [{}, { authorization: basic(api.client.id, 'wrong') }],
    [{}, { authorization: `Bearer ${token}` }],
  ]
  for (const [parameters, headers] of attempts) {
    const answer = await send(parameters, headers)
    const body = (await answer.json()) as Answer
    assert.deepEqual([answer.status, body['error']], [401, 'invalid_client'], JSON.stringify(parameters))
    assert.equal(body['active'], undefined)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    if (headers !== undefined || !('client_id' in parameters))
      assert.match(answer.headers.get('www-authenticate') ?? '', /^Basic /)
  }
  // With its secret, either way, and by GET not at all.
  assert.equal((await introspect(token, api))['active'], true)
  const byHeader = await send({}, { authorization: basic(api.client.id, api.secret) })
  assert.equal(((await byHeader.json()) as Answer)['active'], true)
  assert.equal((await fetch(`${postern.origin}/oauth/introspect?token=${token}`)).status, 405)
  assert.equal((await ask('', api)).status, 400)
  assert.ok(!postern.logged.some((line) => line.includes(token)))
})

test('K20 · each is told about what is its own alone: another API, another client, another kind (RFC 7662 §2.2, GHSA-4mq7)', async () => {
  const { access_token: access, refresh_token: refresh, id_token: idToken } = await newFamily()
  const stranger = await makeSite(postern)
  for (const asker of [otherApi, stranger]) {
    for (const token of [access, refresh]) assert.deepEqual(await introspect(token, asker), INACTIVE)
  }
  assert.deepEqual(await introspect(refresh, api), INACTIVE)
  // One that serves both is told which it is for each time, whatever was asked before.
  const both = await makeApi([PLATFORM_AUDIENCE, OTHER_API])
  const reports = await postern.makeClient({ audiences: [OTHER_API], scopes: ['read:reports'], defaultScopes: [] })
  const { access_token: report } = assertGranted(
    await postern.token({
      grant_type: 'client_credentials',
      ...credentials(reports),
      audience: OTHER_API,
      scope: 'read:reports',
    }),
  )
  for (let n = 0; n < 3; n++) {
    assert.equal((await introspect(report, both))['aud'], OTHER_API)
    assert.equal((await introspect(access, both))['aud'], PLATFORM_AUDIENCE)
    assert.deepEqual(await introspect(report, api), INACTIVE)
    assert.equal((await introspect(report, otherApi))['scope'], 'read:reports')
  }
  for (const token of [
    ...[idToken ?? '', 'x', 'a.b.c', `${access}x`, access.slice(0, -1), `${refresh}x`, 'rt' + '0'.repeat(65)],
    ...[
      withCharacterChanged(access, 40),
      withCharacterChanged(refresh, 40),
      withCharacterChanged(access, access.length - 10),
    ],
  ]) {
    for (const asker of [api, site]) assert.deepEqual(await introspect(token, asker), INACTIVE, token)
  }
  assert.equal((await introspect(access, site))['active'], true)
  assert.equal((await introspect(refresh, site))['active'], true)
})

test('K20 · own: what is told is what the client may have today, not what was once written into the token', async (t) => {
  let narrowed: Partial<ClientPolicy> = {}
  const wrapStore = (store: Store): Store => ({
    ...store,
    clients: {
      ...store.clients,
      find: async (id) => {
        const client = await store.clients.find(id)
        return client?.name === 'Narrowed' ? { ...client, policy: { ...client.policy, ...narrowed } } : client
      },
    },
  })
  const node = await startPostern(t, { config, wrapStore })
  const server = await makeApi([PLATFORM_AUDIENCE], node)
  const person = await node.makeAccount()
  const client = await node.makeClient({ defaultScopes: [] }, { name: 'Narrowed' })
  const scope = 'manage:services offline_access openid'
  const { access_token: access, refresh_token: refresh } = assertGranted(
    await node.signIn(client, person.username, { scope }),
  )
  const asked = async () => [await introspect(access, server, node), await introspect(refresh ?? '', client, node)]
  assert.deepEqual(
    (await asked()).map((told) => told['scope']),
    [scope, scope],
  )
  narrowed = { scopes: ['openid', 'read:entities', 'offline_access'] }
  assert.deepEqual(
    (await asked()).map((told) => told['scope']),
    Array(2).fill('offline_access openid read:entities'),
  )
  for (const less of [{ scopes: [] }, { audiences: [OTHER_API] }]) {
    narrowed = less
    assert.deepEqual(await asked(), [INACTIVE, INACTIVE])
  }
})

test('K23 · a refresh token is no access token there, and an access token no refresh token (CVE-2026-4282)', async () => {
  const { access_token: access, refresh_token: refresh } = await newFamily()
  const { token_type: type, aud } = await introspect(refresh, site)
  assert.deepEqual([type, aud], [undefined, undefined])
  assert.equal((await callPlatform(postern, '/api/v3.0/organizations', { bearer: refresh })).status, 401)
  assertRefused(await refreshWith(postern, site, access), 400, 'invalid_grant')
  assert.equal((await introspect(access, site))['token_type'], 'Bearer')
  for (const hint of ['access_token', 'refresh_token', 'nonsense']) {
    const answer = (await (await ask(refresh, site, postern, { token_type_hint: hint })).json()) as Answer
    assert.equal(answer['active'], true, 'a hint is no more than one')
  }
})

test('K01 · own: when a refresh token comes again, all access tokens of its family are inactive', async () => {
  const first = await newFamily(publicSite)
  const { access_token: second } = assertGranted(await refreshWith(postern, publicSite, first.refresh_token))
  for (const bearer of [first.access_token, second]) assert.equal((await introspect(bearer, api))['active'], true)
  postern.travel(61)
  assertRefused(await refreshWith(postern, publicSite, first.refresh_token), 400, 'invalid_grant')
  for (const bearer of [first.access_token, second]) assert.deepEqual(await introspect(bearer, api), INACTIVE)
})

/** Ends an authorization in each of the ways that there are, and asks at each node the moment after. */
const endsEverywhere = async (nodes: readonly RunningPostern[]): Promise<void> => {
  const [node] = nodes as readonly [RunningPostern]
  const server = await makeApi([PLATFORM_AUDIENCE], node)
  const revoke = (token: string, client: RegisteredClient) =>
    fetch(`${node.origin}/oauth/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ token, ...credentials(client) }),
    })
  const ends: Readonly<
    Record<string, (of: { client: RegisteredClient; id: number; access: string; refresh: string }) => Promise<unknown>>
  > = {
    'K10 revoked': ({ client, refresh }) => revoke(refresh, client),
    'K10 revoked by its access token': ({ client, access }) => revoke(access, client),
    'K16 consent withdrawn': ({ client, id }) => node.store.grants.end(id, client.client.id),
    'K16 user disabled': ({ id }) => node.store.accounts.disable(id),
    'K16 new password': ({ id }) => node.store.accounts.setPassword(id, 'another'),
    'K17 signed out everywhere': ({ id }) => node.store.browserSessions.endAll(id),
    'K16 client disabled': ({ client }) => node.store.clients.disable(client.client.id),
  }
  for (const [how, end] of Object.entries(ends)) {
    const person = await node.makeAccount()
    const client = await makeSite(node)
    const { access_token: access, refresh_token: refresh } = await authorize(node, client, person, {
      parameters: OFFLINE,
    })
    const bystander = await authorize(node, await makeSite(node), await node.makeAccount(), { parameters: OFFLINE })
    for (const at of nodes) {
      assert.equal((await introspect(access, server, at))['active'], true, how)
      assert.equal((await introspect(refresh, client, at))['active'], true, how)
    }
    await end({ client, id: person.id, access, refresh })
    for (const at of nodes.toReversed()) {
      assert.deepEqual(await introspect(access, server, at), INACTIVE, how)
      if (how !== 'K16 client disabled') assert.deepEqual(await introspect(refresh, client, at), INACTIVE, how)
      else assert.equal((await ask(refresh, client, at)).status, 401)
      assert.equal((await introspect(bystander.access_token, server, at))['active'], true, how)
    }
  }
}

test('K10, K16, K17 · what has ended is inactive at once, and says nothing more: SQLite', () =>
  endsEverywhere([postern]))

test('K10, K16, K17 · the same at two nodes: PostgreSQL', { skip: noPostgres }, async (t: TestContext) => {
  const database = await createTestDatabase()
  t.after(database.drop)
  const first = await startPostern(t, { postgresUrl: database.url })
  await endsEverywhere([first, await startSecondNode(t, first, database.url)])
})

test('D01 · a code that is used again leaves inactive tokens (RFC 6749 §4.1.2; oidcc-codereuse)', async () => {
  const obtained = await obtainCode(browser, site, account, OFFLINE)
  const { access_token: access, refresh_token: refresh } = assertGranted(await redeem(postern, obtained))
  assert.equal((await introspect(access, api))['active'], true)
  assert.equal((await introspect(refresh ?? '', site))['active'], true)
  assertRefused(await redeem(postern, obtained), 400, 'invalid_grant')
  assert.deepEqual(await introspect(access, api), INACTIVE)
  assert.deepEqual(await introspect(refresh ?? '', site), INACTIVE)
})

test('K07 · own: what has expired is inactive, and exp tells when it will be', async (t) => {
  const node = await startPostern(t, { config: { ...config, tokens: { refresh_token_idle: '2 d' } } })
  const person = await node.makeAccount()
  const client = await makeSite(node)
  const server = await makeApi([PLATFORM_AUDIENCE], node)
  const { access_token: access, refresh_token: refresh } = await authorize(node, client, person, {
    parameters: OFFLINE,
  })
  const { exp, iat } = await introspect(access, server, node)
  assert.equal(Number(exp) - Number(iat), 86_400)
  node.travel(seconds(86_390))
  assert.equal((await introspect(access, server, node))['active'], true)
  node.travel(seconds(20))
  assert.deepEqual(await introspect(access, server, node), INACTIVE)
  assert.equal((await introspect(refresh, client, node))['active'], true)
  node.travel(seconds(86_400))
  assert.deepEqual(await introspect(refresh, client, node), INACTIVE)
})

test('own: a pairwise client and the APIs that it calls are told the pairwise subject, never the account', async () => {
  const pairwise = await makeSite(postern, { subjectType: 'pairwise' })
  const { access_token: access, refresh_token: refresh } = await newFamily(pairwise)
  const { sub } = claimsOf(access)
  assert.notEqual(sub, `platform|${account.id}`)
  for (const told of [
    await introspect(access, pairwise),
    await introspect(refresh, pairwise),
    await introspect(access, api),
  ]) {
    assert.deepEqual([told['active'], told['sub']], [true, sub])
  }
  assert.ok(!JSON.stringify([claimsOf(access), await introspect(access, pairwise)]).includes(String(account.id)))
})
