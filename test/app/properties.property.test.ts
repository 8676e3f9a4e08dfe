import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ClientPolicy } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'
import { addOrganizations, claimsOf, startPostern } from '../support/running_postern.ts'
import { httpClient, type Answer, type HttpClient } from './http_client.ts'
import {
  API_SCOPES,
  createModel,
  grantedScopes,
  withParts,
  type ModelAccount,
  type ModelClient,
  type ModelSession,
  type ModelToken,
} from './model.ts'
import { addClient, addPerson, cheapHash } from './people.ts'

/** After it access tokens and sessions have expired, and what a refresh token can do has not. */
const DAY_TWO = 25 * 3600
const MONTH = 30 * 86_400

const two = fc.nat({ max: 1 })
/** The newest, mostly. */
const nth = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 9 }) })
const scopes = fc.subarray([...API_SCOPES.slice(0, 3), 'manage:services', 'openid', 'profile', 'nonsense'])
const LEAPS = [1, 1799, 3600, 5 * 3600, 86_399, 86_400, 26 * 3600, 8 * 86_400, 30 * 86_400, 61 * 86_400, 340 * 86_400]

const step = fc.oneof(
  {
    weight: 21,
    arbitrary: fc.record({
      step: fc.constant('password grant' as const),
      who: two,
      by: two,
      asked: scopes,
      offline: fc.boolean(),
      isWrong: fc.constantFrom(false, false, false, false, true),
    }),
  },
  {
    weight: 21,
    arbitrary: fc.record({
      step: fc.constant('refresh' as const),
      nth,
      isByOther: fc.constantFrom(false, false, false, false, true),
      asked: fc.oneof(fc.constant<string[]>([]), scopes),
      /** Takes of `asked` what was granted. */
      isModest: fc.boolean(),
    }),
  },
  { weight: 18, arbitrary: fc.record({ step: fc.constant('bridge' as const), nth }) },
  {
    weight: 12,
    arbitrary: fc.record({ step: fc.constant('login' as const), who: two, by: two, isWrong: fc.boolean() }),
  },
  { weight: 12, arbitrary: fc.record({ step: fc.constant('call with token' as const), nth }) },
  { weight: 12, arbitrary: fc.record({ step: fc.constant('call with session' as const), nth }) },
  { weight: 18, arbitrary: fc.record({ step: fc.constant('call with both' as const), token: nth, session: nth }) },
  { weight: 6, arbitrary: fc.record({ step: fc.constant('logout' as const), nth }) },
  { weight: 18, arbitrary: fc.record({ step: fc.constant('wait' as const), seconds: fc.constantFrom(...LEAPS) }) },
  { weight: 6, arbitrary: fc.record({ step: fc.constant('day two' as const), who: two, by: two, asked: scopes }) },
  {
    weight: 3,
    arbitrary: fc.record({
      step: fc.constant('login again' as const),
      who: two,
      by: two,
      after: fc.constantFrom(3599, 3600),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ step: fc.constant('refresh again' as const), nth, after: fc.constantFrom(3599, 3600) }),
  },
  { weight: 3, arbitrary: fc.record({ step: fc.constant('change password' as const), who: two }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('disable account' as const), who: two }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('disable client' as const), by: two }) },
  { weight: 3, arbitrary: fc.record({ step: fc.constant('sweep' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

type Clock = { readonly now: () => number; readonly travel: (seconds: number) => void }

const ORGANIZATIONS = 5
/** Of these organizations there is a campaign each. */
const WITH_CAMPAIGN = [100_000, 100_001, 100_004]

let made = 0

/** Two clients and two accounts of their own for one history, and what the model thinks of them. */
const makeWorld = async (store: Store) => {
  const run = ++made
  const newClient = async (
    name: string,
    policy: Pick<ClientPolicy, 'scopes' | 'defaultScopes'>,
  ): Promise<ModelClient> => {
    const { id, secret } = await addClient(store, `${name}${run}`, policy)
    return { id, secret, scopes: policy.scopes, defaults: policy.defaultScopes, isDisabled: false }
  }
  const newAccount = async (name: string, sees: ModelAccount['sees'], isGlobal: boolean): Promise<ModelAccount> => {
    const username = `${name}${run}@example.com`
    const password = `first password of ${username}`
    const { id } = await addPerson(
      store,
      username,
      password,
      { role: 'USER', scope: isGlobal ? 'GLOBAL' : 'SELECT', type: 'AGENCY', flags: ['view_organizations'] },
      isGlobal ? [] : [100_000, 100_001].map((entityId) => ({ entityType: 'organization', entityId, access: 'r' })),
    )
    return { id, username, password, isDisabled: false, sees }
  }
  return {
    clients: [
      await newClient('wide', {
        scopes: ['openid', 'profile', 'offline_access', ...API_SCOPES],
        defaultScopes: ['read:entities'],
      }),
      await newClient('narrow', {
        scopes: ['openid', 'offline_access', 'read:entities', 'read:users'],
        defaultScopes: [],
      }),
    ],
    accounts: [
      await newAccount('global', { organizations: ORGANIZATIONS, campaigns: WITH_CAMPAIGN.length }, true),
      await newAccount('select', { organizations: 2, campaigns: 2 }, false),
    ],
  }
}

const printTime = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 19)

/** Goes through a history at the server and in the model, and compares them at each step. */
const live = async (
  steps: readonly Step[],
  http: HttpClient,
  store: Store,
  { now, travel }: Clock,
  seen: Map<string, number>,
): Promise<void> => {
  const { clients, accounts } = await makeWorld(store)
  const model = createModel(now)
  const tokens: { readonly text: string; readonly model: ModelToken }[] = []
  const refreshTokens: { readonly text: string; readonly model: ModelToken }[] = []
  const sessions: { readonly text: string; readonly model: ModelSession }[] = []
  const from = <T>(list: readonly T[], nth: number): T | undefined => list.at(-1 - (nth % Math.max(1, list.length)))

  const expect = (what: string, answer: Answer, status: number, error?: string): boolean => {
    assert.equal(answer.status, status, `${what}: ${answer.status} ${answer.text}`)
    if (error !== undefined) assert.equal(answer.body.error, error)
    const name = `${what} ${status}`
    seen.set(name, (seen.get(name) ?? 0) + 1)
    return status === 200
  }

  const seeTokens = (answer: Answer, token: ModelToken): void => {
    const { access_token: text, refresh_token: refreshToken, id_token: idToken, scope } = answer.body
    const { authorization, scopes, expires } = token
    assert.equal(scope, scopes.join(' '))
    for (const each of scopes) assert.ok(authorization.client.scopes.includes(each), `${each} was never allowed`)
    const claims = claimsOf(text!)
    assert.deepEqual([claims['scope'], claims['exp'], claims['client_id']], [scope, expires, authorization.client.id])
    assert.equal(claims['sub'], `platform|${authorization.account.id}`)
    assert.equal(idToken !== undefined, scopes.includes('openid'))
    if (idToken !== undefined) assert.equal(claimsOf(idToken)['auth_time'], authorization.authenticated)
    if (refreshToken !== undefined) {
      // The same for the same authorization, and for no other.
      assert.equal(authorization.refreshToken ?? refreshToken, refreshToken)
      for (const { text, model } of refreshTokens)
        assert.equal(text === refreshToken, model.authorization === authorization)
      authorization.refreshToken = refreshToken
      refreshTokens.push({ text: refreshToken, model: token })
    }
    tokens.push({ text: text!, model: token })
  }

  const seeSession = (text: string, session: ModelSession): void => {
    session.id ??= text
    assert.equal(text, session.id)
    for (const other of sessions) assert.equal(other.text === text, other.model === session)
    sessions.push({ text, model: session })
  }
  const seeSessionAnswer = (answer: Answer, session: ModelSession): void => {
    const { sessionid, current_time: current, expires } = answer.body.data!.session!
    assert.equal(answer.body.data!.id, session.account.id)
    assert.deepEqual([current, expires], [printTime(now()), printTime(session.expires)])
    seeSession(sessionid, session)
  }

  const seeEntities = (
    what: string,
    answer: Answer,
    account: ModelAccount,
    mayRead: boolean,
    kind: keyof ModelAccount['sees'] = 'organizations',
  ): void => {
    if (expect(what, answer, mayRead ? 200 : 403)) assert.equal(answer.body.meta!.total_count, account.sees[kind])
  }

  const passwordGrant = async ({ who, by, asked, offline, isWrong }: Step & { step: 'password grant' }) => {
    const account = accounts[who]!
    const client = clients[by]!
    const wanted = offline ? [...asked, 'offline_access'] : asked
    const answer = await http.token({
      grant_type: 'password',
      client_id: client.id,
      client_secret: client.secret,
      username: account.username,
      password: isWrong ? 'not their password' : account.password,
      scope: wanted.join(' '),
    })
    const granted = grantedScopes(client, wanted)
    if (client.isDisabled) expect('password grant', answer, 401, 'invalid_client')
    else if (granted === undefined) expect('password grant', answer, 400, 'invalid_scope')
    else if (isWrong || account.isDisabled) expect('password grant', answer, 400, 'invalid_grant')
    else if (expect('password grant', answer, 200)) {
      assert.equal(answer.body.refresh_token !== undefined, granted.includes('offline_access'))
      seeTokens(answer, model.signIn(account, client, granted))
    }
  }

  const refresh = async ({ nth, isByOther, asked, isModest }: Step & { step: 'refresh' }): Promise<void> => {
    const found = from(refreshTokens, nth)
    if (found === undefined) return
    const { authorization } = found.model
    const own = authorization.client
    const client = isByOther ? clients.find((each) => each !== own)! : own
    const mayAskFor = (scope: string): boolean => withParts(authorization.scopes).includes(scope)
    const narrowed = isModest ? asked.filter(mayAskFor) : asked
    const answer = await http.token({
      grant_type: 'refresh_token',
      client_id: client.id,
      client_secret: client.secret,
      refresh_token: found.text,
      scope: narrowed.join(' '),
    })
    if (client.isDisabled) expect('refresh', answer, 401, 'invalid_client')
    else if (client !== own || !model.isLive(authorization)) expect('refresh', answer, 400, 'invalid_grant')
    else if (!narrowed.every(mayAskFor)) expect('refresh', answer, 400, 'invalid_scope')
    else if (expect('refresh', answer, 200)) {
      assert.equal(answer.body.refresh_token, undefined)
      seeTokens(answer, model.refresh(authorization, narrowed))
    }
  }

  const bridge = async ({ nth }: Step & { step: 'bridge' }): Promise<void> => {
    const found = from(tokens, nth)
    if (found === undefined) return
    const answer = await http.ask({ path: '/api/v2.0/session', bearer: found.text })
    if (!model.isLiveToken(found.model)) expect('bridge', answer, 401)
    else if (!model.mayBridge(found.model)) expect('bridge', answer, 403)
    else if (expect('bridge', answer, 200)) seeSessionAnswer(answer, model.bridge(found.model.authorization))
  }

  const login = async ({ who, by, isWrong }: Step & { step: 'login' }): Promise<void> => {
    const account = accounts[who]!
    const client = clients[by]!
    const password = isWrong ? 'not their password' : account.password
    const form = { user: account.username, password, api_key: client.id }
    const answer = await http.ask({ path: '/api/v2.0/login', form })
    if (client.isDisabled) expect('login', answer, 403)
    else if (isWrong || account.isDisabled) expect('login', answer, 401)
    else if (expect('login', answer, 200)) seeSessionAnswer(answer, model.login(account, client))
  }

  const callWithToken = async ({ nth }: Step & { step: 'call with token' }): Promise<void> => {
    const found = from(tokens, nth)
    if (found === undefined) return
    const { authorization, scopes } = found.model
    const bearer = found.text
    const answer = await http.ask({ path: '/api/v3.0/organizations', bearer })
    const needsBoth = await http.ask({ path: '/api/v2.0/campaigns', bearer })
    expect('token alone for campaigns', needsBoth, 401)
    if (model.isLiveToken(found.model)) {
      const mayRead = model.mayReadEntities(scopes, authorization.client)
      seeEntities('token', answer, authorization.account, mayRead)
    } else if (expect('token', answer, 401) || model.isExpired(found.model)) {
      assert.match(answer.body.errors![0]!.message, /access token has expired/)
    }
  }

  const callWithSession = async ({ nth }: Step & { step: 'call with session' }): Promise<void> => {
    const found = from(sessions, nth)
    if (found === undefined) return
    const session = found.text
    const answer = await http.ask({ path: '/api/v2.0/organizations', session })
    const needsToken = await http.ask({ path: '/api/v3.0/organizations', session })
    expect('session alone at v3.0', needsToken, 401)
    if (model.isLiveSession(found.model)) {
      const mayRead = model.mayReadEntities(model.scopesOf(found.model), found.model.client)
      seeEntities('session', answer, found.model.account, mayRead)
    } else if (expect('session', answer, 401) || !found.model.isForgotten) {
      assert.match(answer.body.errors![0]!.message, /session has expired/)
    }
  }

  const callWithBoth = async (step: Step & { step: 'call with both' }): Promise<void> => {
    const token = from(tokens, step.token)
    const session = from(sessions, step.session)
    if (token === undefined || session === undefined) return
    const answer = await http.ask({ path: '/api/v2.0/campaigns', bearer: token.text, session: session.text })
    const { authorization, scopes } = token.model
    const [cookie] = answer.headers['set-cookie'] ?? []
    const mayRead = model.mayReadEntities(scopes, authorization.client)
    const isAdmitted =
      model.isLiveToken(token.model) &&
      !session.model.isForgotten &&
      model.belongTogether(token.model, session.model) &&
      (model.isLiveSession(session.model) || session.model.authorization !== undefined)
    if (!isAdmitted) expect('both', answer, 401)
    else if (model.isLiveSession(session.model)) {
      seeEntities('both', answer, authorization.account, mayRead, 'campaigns')
      assert.equal(cookie, undefined)
    } else if (!model.mayBridge(token.model)) expect('both, renewed', answer, 403)
    else {
      const renewed = model.bridge(authorization)
      seeEntities('both, renewed', answer, authorization.account, mayRead, 'campaigns')
      if (mayRead) seeSession(/^adama_session=([0-9a-f]{40});/.exec(cookie ?? '')![1]!, renewed)
    }
  }

  const take = async (step: Step): Promise<void> => {
    switch (step.step) {
      case 'password grant':
        return passwordGrant(step)
      case 'refresh':
        return refresh(step)
      case 'bridge':
        return bridge(step)
      case 'login':
        return login(step)
      case 'call with token':
        return callWithToken(step)
      case 'call with session':
        return callWithSession(step)
      case 'call with both':
        return callWithBoth(step)
      case 'logout': {
        const found = from(sessions, step.nth)
        if (found === undefined) return
        expect('logout', await http.ask({ path: '/api/v2.0/logout', session: found.text }), 200)
        // What has expired stays known as that.
        if (model.isLiveSession(found.model)) found.model.isForgotten = true
        return
      }
      case 'wait':
        return travel(step.seconds)
      case 'day two':
        await passwordGrant({ ...step, step: 'password grant', offline: true, isWrong: false })
        await bridge({ step: 'bridge', nth: 0 })
        travel(DAY_TWO)
        await refresh({ step: 'refresh', nth: 0, isByOther: false, asked: [], isModest: true })
        return callWithBoth({ step: 'call with both', token: 0, session: 0 })
      case 'login again':
        await login({ ...step, step: 'login', isWrong: false })
        travel(step.after)
        return login({ ...step, step: 'login', isWrong: false })
      case 'refresh again': {
        // A use within the hour is not written down, and does not count against thirty idle days.
        const again = {
          step: 'refresh',
          nth: step.nth,
          isByOther: false,
          asked: [] as string[],
          isModest: true,
        } as const
        await refresh(again)
        travel(step.after)
        await refresh(again)
        travel(MONTH - 1)
        return refresh(again)
      }
      case 'change password': {
        const account = accounts[step.who]!
        const password = `password ${++made} of ${account.username}`
        await store.accounts.setPassword(account.id, cheapHash(password))
        return model.changePassword(account, password)
      }
      case 'disable account':
        await store.accounts.disable(accounts[step.who]!.id)
        return model.disableAccount(accounts[step.who]!)
      case 'disable client':
        await store.clients.disable(clients[step.by]!.id)
        return model.disableClient(clients[step.by]!)
      case 'sweep':
        while ((await store.sweep()) > 0);
        return model.sweep()
    }
  }
  for (const each of steps) await take(each)
}

test('whatever happens in whatever order, everybody gets exactly what the model says, and nothing beyond', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  const postern = await startPostern(t, {
    config: {
      throttling: { account_burst: 1000, account_total_burst: 10_000, address_burst: 100_000, address_refill: '1 s' },
    },
  })
  await addOrganizations(postern.store, ORGANIZATIONS)
  await postern.store.entities.add(
    WITH_CAMPAIGN.map((organizationId, n) => ({
      type: 'campaign' as const,
      id: 500 + n,
      name: `Campaign ${n}`,
      organizationId,
      version: 1,
      fields: {},
    })),
  )
  const http = httpClient(postern.port)
  t.after(http.close)
  let ahead = 0
  const clock: Clock = {
    now: () => Math.floor(Date.now() / 1000) + ahead,
    travel: (seconds) => {
      ahead += seconds
      postern.travel(seconds)
    },
  }
  const seen = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 60, size: 'max' }), (steps) =>
      live(steps, http, postern.store, clock, seen),
    ),
    { numRuns: process.env['POSTERN_SOAK'] === '1' ? 2000 : 100 },
  )
  t.diagnostic(JSON.stringify(Object.fromEntries([...seen].sort())))
  for (const outcome of ['password grant 200', 'refresh 200', 'refresh 400', 'bridge 200', 'bridge 401', 'login 200'])
    assert.ok((seen.get(outcome) ?? 0) > 20, `too few: ${outcome}`)
  for (const outcome of ['token 200', 'token 401', 'session 200', 'session 401', 'both 200', 'both, renewed 200'])
    assert.ok((seen.get(outcome) ?? 0) > 5, `too few: ${outcome}`)
})
