import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAdmission } from '#access/admission.ts'
import { AccessError, type AccessRefusal, type Admission } from '#access/caller.ts'
import { createSessionBridge } from '#access/session_bridge.ts'
import { createSessionCookies } from '#access/session_cookie.ts'
import { createIdPermutation } from '#base/id_permutation.ts'
import { deriveKey, random, type Key } from '#base/secrets.ts'
import { days, epochSeconds, hours, minutes, seconds } from '#base/time.ts'
import type { Account, ApiResource, Authorization, Client, ClientPolicy, PlatformSession } from '#stores/records.ts'
import { createAccessTokenVerification } from '#tokens/access_token.ts'
import { createPossessionProof } from '#tokens/dpop.ts'
import { createDpopNonces } from '#tokens/dpop_nonce.ts'
import { createTokenIssuer } from '#tokens/issue.ts'
import { createRefreshTokens } from '#tokens/refresh_token.ts'
import { openSigningKeys } from '#tokens/signing_keys.ts'
import { createSubjects } from '#tokens/subject.ts'
import {
  authorizePassword,
  newAccount,
  newClient,
  passwordAuthorization,
  signIn,
  signInOf,
  testClock,
  uniqueName,
} from '../stores/fixtures.ts'
import { embeddedStore } from '../support/embedded_store.ts'

// Contract §0 rows 22 and 23, on a real embedded database.

const time = testClock()
const { store } = await embeddedStore(time.offset)
const clock = () => epochSeconds((Date.now() + time.offset()) / 1000)

const SCOPES = [
  { name: 'read', description: 'Read.' },
  { name: 'write', description: 'Write.' },
  { name: 'all', description: 'Both.', includes: ['read', 'write'] },
]
const resource: ApiResource = {
  audience: 'https://api.example.com/',
  name: 'The platform',
  scopes: SCOPES,
  signingAlgorithm: 'ES256',
  accessTokenLifetime: days(40),
  verifiedByOthers: false,
}
const otherResource: ApiResource = { ...resource, audience: 'https://other.example.com/' }

const master = random(32) as Key
const ids = (domain: number) => createIdPermutation(deriveKey(master, 'ids'), domain)
const keys = await openSigningKeys(store.signingKeys, deriveKey(master, 'signing keys'))
const cookies = createSessionCookies('test_session', deriveKey(master, 'sessions'), true)
const subjects = createSubjects({
  prefix: 'people',
  browserSessionIds: ids(9),
  pairwiseKey: deriveKey(master, 'pairwise subjects'),
})
const issuer = createTokenIssuer({
  issuer: 'https://auth.example.com/',
  clock,
  keys,
  refreshTokens: createRefreshTokens(deriveKey(master, 'refresh tokens'), ids(1), ids(2)),
  authorizationIds: ids(3),
  subjects,
  claimsNamespace: 'https://claims.example.com/',
  idTokenLifetime: hours(10),
})
const bridge = createSessionBridge({
  platformSessions: store.platformSessions,
  cookies,
  resource,
  lifetime: hours(24),
  clock,
})
const admit = createAdmission({
  store,
  verifyAccessToken: createAccessTokenVerification({
    issuer: 'https://auth.example.com/',
    clock,
    keys,
    authorizationIds: ids(3),
    findResource: (audience) => [resource, otherResource].find((each) => each.audience === audience),
  }),
  subjects,
  provePossession: createPossessionProof({
    oneTimeValues: store.oneTimeValues,
    nonces: createDpopNonces(master, clock),
    clock,
  }),
  cookies,
  bridge,
  resource,
  apiUrl: 'https://api.example.com/',
})

// ── Who there is ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

const makeAccount = () => store.accounts.create(newAccount(uniqueName('person')))
const makeClient = (policy: Partial<ClientPolicy> = {}): Promise<Client> => {
  const made = newClient(uniqueName('client'))
  const base = { ...made.policy, scopes: ['openid', 'read', 'write', 'all'], audiences: [resource.audience] }
  return store.clients.create({ ...made, policy: { ...base, ...policy } })
}

type SignedIn = { readonly account: Account; readonly client: Client; readonly authorization: Authorization }

const authorize = async (
  more: { account?: Account; client?: Client; scopes?: readonly string[]; absolute?: number } = {},
): Promise<SignedIn> => {
  const account = more.account ?? (await makeAccount())
  const client = more.client ?? (await makeClient())
  const authorization = await authorizePassword(
    store,
    passwordAuthorization(account, client.id, {
      scopes: more.scopes ?? ['read'],
      lifetime: { idle: days(200), absolute: seconds(more.absolute ?? days(300)) },
    }),
  )
  return { account, client, authorization }
}

const bearerOf = async (
  { account, client, authorization }: SignedIn,
  scopes = authorization.scopes,
  of = resource,
): Promise<string> => {
  const asked = { client, account, authorization, resource: of, scopes, obtainedBy: 'password' } as const
  return `Bearer ${(await issuer.forAccount({ ...asked, withRefreshToken: false, dpopJkt: undefined })).access_token}`
}
const clientBearer = async (client: Client, scopes = ['read']): Promise<string> =>
  `Bearer ${(await issuer.forClient({ client, resource, scopes, dpopJkt: undefined })).access_token}`

const cookieOf = (session: PlatformSession): string => `test_session=${cookies.valueOf(session)}`
const candidate = () => cookies.candidate()

const bridged = async ({ authorization }: SignedIn): Promise<PlatformSession> => {
  const session = await store.platformSessions.bridge({
    authorizationId: authorization.id,
    lifetime: hours(24),
    candidate: candidate(),
  })
  assert.ok(session !== undefined)
  return session
}
const loggedIn = (account: Account, client: Client): Promise<PlatformSession> =>
  signIn(store, { ...signInOf({ account, clientId: client.id }), candidate: candidate() })

const ask = (authorization?: string, cookie?: string, query = ''): Promise<Admission> =>
  admit({
    method: 'GET',
    path: '/api/v2.0/organizations',
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(cookie === undefined ? {} : { cookie }),
    },
    query,
  })

const refuses = async (asked: Promise<unknown>, code: AccessRefusal, why?: RegExp): Promise<AccessError> => {
  const [outcome] = await Promise.allSettled([asked])
  assert.equal(outcome.status, 'rejected', `admitted, where ${code} was expected`)
  const error: unknown = outcome.reason
  assert.ok(error instanceof AccessError, String(error))
  assert.equal(error.code, code, error.message)
  if (why !== undefined) assert.match(error.message, why)
  return error
}

const scopesOf = ({ caller }: Admission): string => [...caller.scopes].toSorted().join(' ')

const UNKNOWN_COOKIE = `test_session=${'0'.repeat(40)}`

// ── Alone ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('neither a token nor a session is authentication_required', async () => {
  for (const cookie of [undefined, '', 'other=x', 'test_session='])
    await refuses(ask(undefined, cookie), 'authentication_required')
})

test('a bearer token alone is the account with the scopes of the token, and gets no cookie', async () => {
  const it = await authorize({ scopes: ['openid', 'read'] })
  const admission = await ask(await bearerOf(it))
  const { scopes: _, ...caller } = admission.caller
  assert.deepEqual(caller, {
    account: it.account,
    clientId: it.client.id,
    organizations: 'all',
    hasBearer: true,
    session: undefined,
    authorizationId: it.authorization.id,
    isNarrowed: false,
  })
  assert.equal(admission.setCookie, undefined)
  assert.ok(admission.caller.scopes.has('read') && !admission.caller.scopes.has('write'))
})

test('a bridged cookie alone has the scopes, the client and the account of its authorization, and no more', async () => {
  const it = await authorize({ scopes: ['read'] })
  const session = await bridged(it)
  const admission = await ask(undefined, cookieOf(session))
  assert.equal(scopesOf(admission), 'read')
  assert.equal(admission.caller.account?.id, it.account.id)
  assert.equal(admission.caller.clientId, it.client.id)
  assert.equal(admission.caller.authorizationId, it.authorization.id)
  assert.equal(admission.caller.hasBearer, false)
  assert.equal(admission.caller.session?.id, session.id)
  assert.equal(admission.setCookie, undefined)
})

test('a cookie of a login alone has what the client of its API key may, and no authorization', async () => {
  const [account, client] = [await makeAccount(), await makeClient({ scopes: ['openid', 'read'] })]
  const admission = await ask(undefined, cookieOf(await loggedIn(account, client)))
  assert.equal(scopesOf(admission), 'read')
  assert.equal(admission.caller.account?.id, account.id)
  assert.equal(admission.caller.authorizationId, undefined)
})

test('a scope that stands for others comes with its parts', async () => {
  const it = await authorize({ scopes: ['all'] })
  assert.equal(scopesOf(await ask(await bearerOf(it))), 'all read write')
  assert.equal(scopesOf(await ask(undefined, cookieOf(await bridged(it)))), 'all read write')
})

test('the policy of today counts: what the client may no longer do, its tokens and sessions may not either', async () => {
  const client = await makeClient({ scopes: ['read'] })
  const it = await authorize({ client, scopes: ['read', 'write'] })
  assert.equal(scopesOf(await ask(await bearerOf(it))), 'read')
  assert.equal(scopesOf(await ask(undefined, cookieOf(await bridged(it)))), 'read')
})

test('the client of another API has no scopes at this one, even of the same name', async () => {
  const client = await makeClient({ audiences: [otherResource.audience] })
  const it = await authorize({ client, scopes: ['read'] })
  assert.equal(scopesOf(await ask(await bearerOf(it))), '')
})

test('an unknown cookie, a malformed one and one that has been ended are refused by name', async () => {
  const session = await bridged(await authorize())
  await store.platformSessions.end(session.id)
  for (const cookie of [UNKNOWN_COOKIE, 'test_session=x', cookieOf(session)])
    await refuses(ask(undefined, cookie), 'unknown_session', /session cookie is not known/)
})

test('an expired cookie alone is told apart: it may be renewed', async () => {
  const [account, client] = [await makeAccount(), await makeClient()]
  const [login, session] = [await loggedIn(account, client), await bridged(await authorize())]
  time.pass(hours(24))
  for (const expired of [login, session])
    await refuses(ask(undefined, cookieOf(expired)), 'expired_session', /has expired/)
})

// ── What ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('when an authorization ends, its tokens and its session end with it', async () => {
  const it = await authorize()
  const [bearer, cookie] = [await bearerOf(it), cookieOf(await bridged(it))]
  await ask(bearer)
  await ask(undefined, cookie)
  await store.authorizations.end(it.authorization.id)
  await refuses(ask(bearer), 'invalid_token', /revoked/)
  await refuses(ask(bearer, cookie), 'invalid_token')
  await refuses(ask(undefined, cookie), 'unknown_session')
})

test('a disabled account and a disabled client end tokens and sessions of every kind', async () => {
  for (const disable of [
    ({ account }: SignedIn) => store.accounts.disable(account.id),
    ({ client }: SignedIn) => store.clients.disable(client.id),
    ({ account }: SignedIn) => store.accounts.setPassword(account.id, 'another'),
  ]) {
    const it = await authorize()
    const bearer = await bearerOf(it)
    const sessions = [await bridged(it), await loggedIn(it.account, it.client)].map(cookieOf)
    await disable(it)
    await refuses(ask(bearer), 'invalid_token')
    for (const cookie of sessions) await refuses(ask(undefined, cookie), 'unknown_session')
  }
})

test('a bridged session ends with its authorization, if that is before its 24 hours', async () => {
  const it = await authorize({ absolute: 3600 })
  const session = await bridged(it)
  assert.equal(session.expiresAt, it.authorization.absoluteExpiresAt)
  const cookie = cookieOf(session)
  await ask(undefined, cookie)
  time.pass(minutes(61))
  await refuses(ask(undefined, cookie), 'expired_session')
})

test('a token whose authorization is now that of another account or client is refused: a restored database gives ids again', async () => {
  const [it, other] = [await authorize(), await authorize()]
  for (const mixed of [
    { ...it, authorization: other.authorization },
    { ...it, account: other.account },
    { ...it, client: other.client },
  ])
    await refuses(ask(await bearerOf(mixed)), 'invalid_token')
})

// ── Both ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a token with the session of its own authorization is admitted; the session is told, no cookie is set', async () => {
  const it = await authorize()
  const session = await bridged(it)
  const { caller, setCookie } = await ask(await bearerOf(it), cookieOf(session))
  assert.equal(caller.session?.id, session.id)
  assert.equal(caller.hasBearer, true)
  assert.equal(setCookie, undefined)
})

test('the authority is the token’s alone: a session never adds to it', async () => {
  const [account, client] = [await makeAccount(), await makeClient()]
  const [weak, strong] = [
    await authorize({ account, client, scopes: ['read'] }),
    await authorize({ account, client, scopes: ['all'] }),
  ]
  const bearer = await bearerOf(weak)
  for (const session of [await bridged(strong), await loggedIn(account, client)]) {
    const admission = await ask(bearer, cookieOf(session))
    assert.equal(scopesOf(admission), 'read')
    assert.equal(admission.caller.authorizationId, weak.authorization.id)
  }
  // Nor does it take away.
  assert.equal(scopesOf(await ask(await bearerOf(strong), cookieOf(await bridged(weak)))), 'all read write')
})

type Case = {
  readonly name: string
  readonly session: 'bridged' | 'login'
  readonly account: 'same' | 'other'
  readonly client: 'same' | 'other'
  readonly isAdmitted: boolean
}
const CASES: readonly Case[] = [
  {
    name: 'another authorization of one client',
    session: 'bridged',
    account: 'same',
    client: 'same',
    isAdmitted: true,
  },
  { name: 'another client', session: 'bridged', account: 'same', client: 'other', isAdmitted: false },
  { name: 'another account', session: 'bridged', account: 'other', client: 'same', isAdmitted: false },
  { name: 'another account and client', session: 'bridged', account: 'other', client: 'other', isAdmitted: false },
  { name: 'a login of the account', session: 'login', account: 'same', client: 'same', isAdmitted: true },
  { name: 'a login with another API key', session: 'login', account: 'same', client: 'other', isAdmitted: true },
  { name: 'a login of another account', session: 'login', account: 'other', client: 'same', isAdmitted: false },
  { name: 'a login of anybody', session: 'login', account: 'other', client: 'other', isAdmitted: false },
]

for (const { name, session: kind, account, client, isAdmitted } of CASES)
  for (const isExpired of [false, true])
    test(`a token with ${isExpired ? 'the expired session' : 'the session'} of ${name} is ${isAdmitted ? (isExpired && kind === 'login' ? 'told that it has expired' : 'admitted') : 'refused'}`, async () => {
      const mine = await authorize({ scopes: ['read'] })
      const theirAccount = account === 'same' ? mine.account : await makeAccount()
      const theirClient = client === 'same' ? mine.client : await makeClient()
      const session =
        kind === 'login'
          ? await loggedIn(theirAccount, theirClient)
          : await bridged(await authorize({ account: theirAccount, client: theirClient, scopes: ['write'] }))
      if (isExpired) time.pass(hours(25))
      const asked = ask(await bearerOf(mine), cookieOf(session))
      if (!isAdmitted) {
        const { details } = await refuses(asked, 'identity_mismatch', /different users or clients/)
        // For the operator: who, and whose cookie.
        assert.equal(details.account, mine.account.id)
        assert.equal(details.sessionAccount, theirAccount.id)
        assert.equal(details.sessionClient, theirClient.id)
        return
      }
      if (isExpired && kind === 'login') return void (await refuses(asked, 'expired_session'))
      const { caller, setCookie } = await asked
      assert.equal(caller.authorizationId, mine.authorization.id)
      assert.deepEqual([...caller.scopes], ['read'])
      if (!isExpired) {
        assert.equal(caller.session?.id, session.id)
        assert.equal(setCookie, undefined)
        return
      }
      // Bridged again, from the token and not from the cookie that has expired.
      assert.notEqual(caller.session?.id, session.id)
      assert.equal(caller.session?.authorizationId, mine.authorization.id)
      assert.equal(setCookie?.split(';')[0], cookieOf(caller.session))
    })

test('day two works: a token with its own expired session is given a new one, the same to each request', async () => {
  const it = await authorize()
  const expired = await bridged(it)
  time.pass(hours(25))
  const bearer = await bearerOf(it)
  const admissions = await Promise.all(Array.from({ length: 8 }, () => ask(bearer, cookieOf(expired))))
  const sessions = new Set(admissions.map(({ caller }) => caller.session?.id))
  assert.equal(sessions.size, 1)
  assert.ok(!sessions.has(expired.id))
  const cookie = admissions[0]!.setCookie!.split(';')[0]!
  const { caller, setCookie } = await ask(bearer, cookie)
  assert.equal(caller.session?.id, admissions[0]!.caller.session?.id)
  assert.equal(setCookie, undefined)
  assert.equal(scopesOf(await ask(undefined, cookie)), 'read')
})

test('a token with an unknown or ended session is refused by the name of the session', async () => {
  const it = await authorize()
  const ended = await bridged(it)
  await store.platformSessions.end(ended.id)
  const bearer = await bearerOf(it)
  for (const cookie of [UNKNOWN_COOKIE, 'test_session=x', cookieOf(ended)]) {
    const { details } = await refuses(ask(bearer, cookie), 'unknown_session')
    assert.equal(details.account, it.account.id)
  }
})

test('a token that is not valid is refused, whatever comes with it', async () => {
  const it = await authorize()
  const session = cookieOf(await bridged(it))
  const good = await bearerOf(it)
  for (const cookie of [undefined, session, UNKNOWN_COOKIE])
    for (const bearer of [
      'Bearer x',
      'Basic YTpi',
      '',
      `${good.slice(0, -4)}AAAA`,
      await bearerOf(it, ['read'], otherResource),
    ])
      await refuses(ask(bearer, cookie), 'invalid_token')
})

test('two session cookies of different values are refused, with a token and without', async () => {
  const it = await authorize()
  const session = cookieOf(await bridged(it))
  for (const bearer of [undefined, await bearerOf(it)]) {
    await refuses(ask(bearer, `${session}; ${UNKNOWN_COOKIE}`), 'invalid_request', /two session cookies/)
    assert.equal((await ask(bearer, `${session}; ${session}`)).caller.account?.id, it.account.id)
  }
})

test('a token in the URL is refused, beside good credentials too', async () => {
  const it = await authorize()
  const bearer = await bearerOf(it)
  const cookie = cookieOf(await bridged(it))
  const query = `access_token=${bearer.slice(7)}`
  for (const credentials of [[], [bearer], [bearer, cookie], [undefined, cookie]] as const)
    await refuses(ask(credentials[0], credentials[1], query), 'invalid_request', /URL/)
})

// ── A client alone ────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a client alone is nobody, and a session beside it is of somebody else', async () => {
  const client = await makeClient()
  const { caller } = await ask(await clientBearer(client))
  assert.equal(caller.account, undefined)
  assert.equal(caller.clientId, client.id)
  assert.equal(caller.authorizationId, undefined)
  const session = await bridged(await authorize({ client }))
  await refuses(ask(await clientBearer(client), cookieOf(session)), 'identity_mismatch')
  await refuses(bridge(caller), 'insufficient_scope', /client alone/)
})

test('a client that acts as an account is that account, until the account is disabled', async () => {
  const account = await makeAccount()
  const client = await makeClient({ actsAs: account.id })
  const bearer = await clientBearer(client)
  assert.equal((await ask(bearer)).caller.account?.id, account.id)
  // It still has no authorization to be given a session of.
  await refuses(bridge((await ask(bearer)).caller), 'insufficient_scope')
  await store.accounts.disable(account.id)
  await refuses(ask(bearer), 'invalid_token')
})

test('a disabled client alone is refused, and one that there never was', async () => {
  const client = await makeClient()
  const bearer = await clientBearer(client)
  await store.clients.disable(client.id)
  await refuses(ask(bearer), 'invalid_token')
  await refuses(ask(await clientBearer({ ...client, id: 'nobody' })), 'invalid_token')
})

// ── The bridge ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('the bridge hands out one session for one authorization, with its cookie for the time that is left', async () => {
  const it = await authorize()
  const { caller } = await ask(await bearerOf(it))
  const all = await Promise.all(Array.from({ length: 8 }, () => bridge(caller)))
  assert.equal(new Set(all.map(({ session }) => session.id)).size, 1)
  const { session, setCookie } = all[0]!
  assert.equal(session.authorizationId, it.authorization.id)
  assert.equal(session.clientId, it.client.id)
  // A second may pass between the two.
  const age = /^([^;]*); Max-Age=(\d+);/.exec(setCookie)
  assert.equal(age?.[1], cookieOf(session))
  const left = session.expiresAt - clock()
  assert.ok(Math.abs(Number(age[2]) - left) <= 2, setCookie)
  time.pass(hours(1))
  assert.equal((await bridge(caller)).session.id, session.id)
  // Of one authorization alone.
  const { caller: other } = await ask(await bearerOf(await authorize({ account: it.account, scopes: ['write'] })))
  assert.notEqual((await bridge(other)).session.id, session.id)
})

test('without a scope of the API there is no session: no API scope, no access', async () => {
  const it = await authorize({ scopes: ['openid'] })
  const { caller } = await ask(await bearerOf(it))
  await refuses(bridge(caller), 'insufficient_scope', /no scope of https:\/\/api\.example\.com\//)
})

test('a token that was narrowed gets no session, which would have all that its authorization has', async () => {
  const it = await authorize({ scopes: ['openid', 'read', 'write'] })
  const narrowed = await ask(await bearerOf(it, ['read']))
  assert.equal(narrowed.caller.isNarrowed, true)
  await refuses(bridge(narrowed.caller), 'insufficient_scope', /refresh without scope/)
  // Neither openly nor silently.
  const session = await bridged(it)
  time.pass(hours(25))
  await refuses(ask(await bearerOf(it, ['read']), cookieOf(session)), 'insufficient_scope')
  // To leave out what is no scope of the API, or comes with another one, narrows nothing.
  assert.equal((await ask(await bearerOf(it, ['read', 'write']))).caller.isNarrowed, false)
})

test('an authorization that ends meanwhile has no session any more', async () => {
  const it = await authorize()
  const { caller } = await ask(await bearerOf(it))
  await store.authorizations.end(it.authorization.id)
  await refuses(bridge(caller), 'invalid_token', /has ended/)
})
