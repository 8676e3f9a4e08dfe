import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { epochSeconds, seconds } from '#base/time.ts'
import type { Authorization, AuthorizationCode, Grant } from '#stores/records.ts'
import type { Attempt, Store } from '#stores/store.ts'
import { noPostgres } from '../support/postgres.ts'
import type { TestDatabase } from './contract.ts'
import { attempt, digest, newAccount, newClient } from './fixtures.ts'
import { postgresTestDatabase } from './postgres_database.ts'
import { sqliteTestDatabase } from './sqlite_database.ts'

// Each store is the model of the other: whatever is asked for in whatever order, both answer the same.

const SCOPES = [[], ['openid'], ['email', 'openid']] as const
/** A prime, so that the times below do not add up to it and both sides of a second are never asked for. */
const REFILL = seconds(1009)
/** In seconds; a day and more make sessions, authorizations and what is kept of them expire. */
const LEAPS = [7, 61, 3601, 90_001, 31 * 86_400 + 7]

const few = fc.integer({ min: 0, max: 2 })
/** How many changes of the account ago its password was checked. */
const behind = fc.constantFrom(0, 0, 0, 1)
const verb = fc.oneof(
  { weight: 3, arbitrary: fc.record({ verb: fc.constant('create account' as const), who: few, twin: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('create client' as const), which: few, key: few }) },
  {
    weight: 5,
    arbitrary: fc.record({ verb: fc.constant('authorize' as const), who: few, which: few, behind, scopes: few }),
  },
  { weight: 3, arbitrary: fc.record({ verb: fc.constant('use' as const), nth: fc.nat(), idle: fc.nat(100_000) }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('end authorization' as const), nth: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ verb: fc.constant('sign in' as const), who: few, which: few, behind }) },
  { weight: 4, arbitrary: fc.record({ verb: fc.constant('bridge' as const), nth: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('end session' as const), nth: fc.nat() }) },
  { weight: 5, arbitrary: fc.record({ verb: fc.constant('reserve' as const), pair: few, subject: few, address: few }) },
  { weight: 3, arbitrary: fc.record({ verb: fc.constant('refund' as const), pair: few, subject: few, address: few }) },
  {
    weight: 8,
    arbitrary: fc.record({
      verb: fc.constant('rotate' as const),
      nth: fc.nat({ max: 3 }),
      back: fc.constantFrom(0, 0, 0, 1, 2, -1),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      verb: fc.constant('begin browser session' as const),
      who: few,
      behind,
      renews: fc.option(fc.nat(), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('sign out' as const), nth: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('sign out everywhere' as const), who: few }) },
  {
    weight: 5,
    arbitrary: fc.record({
      verb: fc.constant('issue' as const),
      nth: fc.nat(),
      which: few,
      scopes: few,
      organizations: fc.constantFrom('all' as const, [1], [1, 2], []),
      consent: fc.constantFrom('add' as const, 'add' as const, 'replace' as const, 'remembered' as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ verb: fc.constant('spend' as const), nth: fc.nat(), which: fc.constantFrom(0, 0, 0, 1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ verb: fc.constant('ruin' as const), nth: fc.nat(), which: fc.constantFrom(0, 0, 0, 1) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      verb: fc.constant('spend one-time value' as const),
      kind: fc.constantFrom('client_assertion' as const, 'dpop_proof' as const),
      value: few,
      lifetime: fc.constantFrom(-1, 0, 5, 60, 86_400, 86_401),
    }),
  },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('end grants' as const), who: few, which: few }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('set password' as const), who: few }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('disable account' as const), who: few }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('disable client' as const), which: few }) },
  { weight: 3, arbitrary: fc.record({ verb: fc.constant('wait' as const), leap: fc.constantFrom(...LEAPS) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('sweep' as const) }) },
)
type Verb = typeof verb extends fc.Arbitrary<infer T> ? T : never

let databases: readonly TestDatabase[]
let stores: readonly Store[]
/** Half past a second, so that the few milliseconds between the two stores never straddle one. */
let moment = Math.floor(Date.now() / 1000) * 1000 + 300

before(async () => {
  if (noPostgres !== false) return
  databases = [sqliteTestDatabase(), await postgresTestDatabase()]
  stores = await Promise.all(databases.map((database) => database.open(() => moment - Date.now())))
})
after(async () => {
  if (noPostgres !== false) return
  await Promise.all(stores.map((store) => store.close()))
  await Promise.all(databases.map((database) => database.remove()))
})

/** One history in one store: what it answered, with ids numbered in the order in which they were first seen. */
const history = (store: Store, run: number) => {
  const authorizations: number[] = []
  const sessions: number[] = []
  const browserSessions: number[] = []
  const codes: { readonly id: number; readonly clientId: string }[] = []
  const grants: number[] = []
  const generations = new Map<number, number>()
  const digests: string[] = []
  const answers: unknown[] = []
  const nth = (all: readonly number[], n: number): number => (all.length === 0 ? 0 : all[n % all.length]!)
  const numberOf = (all: number[], id: number): number => {
    if (!all.includes(id)) all.push(id)
    return all.indexOf(id)
  }
  /** Accounts have the same ids in both. */
  const ids: (number | undefined)[] = []
  const idOf = (who: number): number => ids[who] ?? 9_000_000_000
  const checked = async ({ who, behind }: { readonly who: number; readonly behind: number }) => ({
    accountId: idOf(who),
    accountVersion: ((await store.accounts.find(idOf(who)))?.version ?? 0) - behind,
  })
  const numbered = (authorization: Authorization): Authorization => ({
    ...authorization,
    id: numberOf(authorizations, authorization.id),
    grantId: authorization.grantId && numberOf(grants, authorization.grantId),
    browserSessionId: authorization.browserSessionId && numberOf(browserSessions, authorization.browserSessionId),
  })
  const numberedCode = (code: AuthorizationCode) => ({
    ...code,
    id: codes.findIndex(({ id }) => id === code.id),
    grantId: numberOf(grants, code.grantId),
    browserSessionId: numberOf(browserSessions, code.browserSessionId),
  })
  const numberedGrant = (grant: Grant) => ({ ...grant, id: numberOf(grants, grant.id) })
  const codeAt = (nth: number) => (codes.length === 0 ? { id: 0, clientId: clientId(0) } : codes[nth % codes.length]!)
  const ownerOf = (nth: number, which: number): string => (which === 0 ? codeAt(nth).clientId : `other ${run}`)
  const clientId = (which: number) => `client ${run} ${which}`
  let step = 0
  const candidateOf = () => {
    digests.push(`session ${run} ${step}`)
    return { seed: Buffer.from(`seed ${run} ${step}`.padEnd(16)), digest: digest(`session ${run} ${step}`) }
  }
  const attemptOf = (of: { pair: number; subject: number; address: number }): Attempt => {
    const bucket = (name: 'pair' | 'subject' | 'address', burst: number) =>
      attempt({ name: `${run} ${of[name]}`, [name]: burst, refill: REFILL })[name]
    return { pair: bucket('pair', 2), subject: bucket('subject', 3), address: bucket('address', 4) }
  }

  const act = async (asked: Verb): Promise<unknown> => {
    switch (asked.verb) {
      case 'create account': {
        const name = `person ${run} ${asked.who}`
        const skeleton = asked.twin ? `person ${run} 0` : name
        const account = await store.accounts.create(newAccount(name, { usernameSkeleton: skeleton }))
        ids[asked.who] = account.id
        return account
      }
      case 'create client':
        return store.clients.create(
          newClient(clientId(asked.which), {
            idIsApiKey: asked.key === 0,
            apiKeys: [{ name: 'k', digest: digest(`key ${run} ${asked.key}`) }],
          }),
        )
      case 'authorize': {
        const authorization = await store.authorizations.authorizePassword({
          ...(await checked(asked)),
          clientId: clientId(asked.which),
          audience: 'https://api.example.com/',
          scopes: SCOPES[asked.scopes]!,
          offline: asked.scopes === 1,
          salt: Buffer.from(`salt ${run} ${step}`),
          lifetime: { idle: seconds(100_000), absolute: seconds(300_000) },
        })
        return authorization && numbered(authorization)
      }
      case 'use': {
        const used = await store.authorizations.use(nth(authorizations, asked.nth), seconds(asked.idle))
        return used && numbered(used)
      }
      case 'end authorization':
        return store.authorizations.end(nth(authorizations, asked.nth))
      case 'sign in': {
        const session = await store.platformSessions.signIn({
          ...(await checked(asked)),
          clientId: clientId(asked.which),
          lifetime: seconds(86_400),
          reuseWithin: seconds(3600),
          candidate: candidateOf(),
        })
        return session && { ...session, id: numberOf(sessions, session.id) }
      }
      case 'bridge': {
        const session = await store.platformSessions.bridge({
          authorizationId: nth(authorizations, asked.nth),
          lifetime: seconds(86_400),
          candidate: candidateOf(),
        })
        return (
          session && {
            ...session,
            id: numberOf(sessions, session.id),
            authorizationId: numberOf(authorizations, session.authorizationId!),
          }
        )
      }
      case 'end session':
        return store.platformSessions.end(nth(sessions, asked.nth))
      case 'rotate': {
        const id = nth(authorizations, asked.nth)
        const rotation = await store.authorizations.rotate({
          id,
          generation: Math.max(0, (generations.get(id) ?? 0) - asked.back),
          idle: seconds(100_000),
          window: seconds(60),
          replays: 2,
        })
        if (rotation === undefined || rotation.outcome === 'reused') return rotation
        generations.set(id, rotation.authorization.generation)
        return { ...rotation, authorization: numbered(rotation.authorization) }
      }
      case 'begin browser session': {
        const session = await store.browserSessions.begin({
          ...(await checked(asked)),
          methods: ['pwd'],
          seed: Buffer.from(`seed ${run} ${step}`),
          lifetime: seconds(80_000),
          renews: asked.renews === undefined ? undefined : nth(browserSessions, asked.renews),
        })
        return session && { ...session, id: numberOf(browserSessions, session.id) }
      }
      case 'sign out':
        return store.browserSessions.signOut(nth(browserSessions, asked.nth))
      case 'sign out everywhere':
        return store.browserSessions.endAll(idOf(asked.who))
      case 'issue': {
        const code = await store.authorizationCodes.issue({
          browserSessionId: nth(browserSessions, asked.nth),
          clientId: clientId(asked.which),
          audience: 'https://api.example.com/',
          scopes: SCOPES[asked.scopes]!,
          organizations: asked.organizations,
          salt: Buffer.from(`salt ${run} ${step}`),
          redirectUri: asked.scopes === 0 ? undefined : 'https://client.example.com/',
          codeChallenge: asked.scopes === 1 ? undefined : 'challenge',
          nonce: asked.scopes === 2 ? undefined : 'nonce',
          claims: asked.scopes === 0 ? undefined : { userinfo: ['name'], idToken: [] },
          decidedScopes: [...SCOPES[asked.scopes]!, ...(asked.scopes === 0 ? [] : ['profile'])],
          dpopJkt: asked.scopes === 1 ? 'thumbprint' : undefined,
          lifetime: seconds(60),
          consent: asked.consent,
        })
        if (code !== undefined) codes.push(code)
        return code && numberedCode(code)
      }
      case 'spend': {
        const spent = await store.authorizationCodes.spend({
          id: codeAt(asked.nth).id,
          clientId: ownerOf(asked.nth, asked.which),
          offline: true,
          salt: Buffer.from(`salt ${run} ${step}`),
          dpopJkt: asked.nth % 2 === 0 ? 'thumbprint' : undefined,
          lifetime: { idle: seconds(100_000), absolute: seconds(300_000) },
        })
        if (spent.outcome !== 'spent') return spent
        return { ...spent, authorization: numbered(spent.authorization), code: numberedCode(spent.code) }
      }
      case 'ruin':
        return store.authorizationCodes.ruin(codeAt(asked.nth).id, ownerOf(asked.nth, asked.which))
      case 'spend one-time value':
        return store.oneTimeValues.spend({
          kind: asked.kind,
          digest: digest(`value ${run} ${asked.value}`),
          until: epochSeconds(Math.floor(moment / 1000) + asked.lifetime),
        })
      case 'end grants':
        return store.grants.end(idOf(asked.who), clientId(asked.which))
      case 'reserve':
        return store.attempts.reserve(attemptOf(asked))
      case 'refund':
        return store.attempts.refund(attemptOf(asked), seconds(50_000))
      case 'set password':
        return store.accounts.setPassword(idOf(asked.who), `hash ${step}`)
      case 'disable account':
        return store.accounts.disable(idOf(asked.who))
      case 'disable client':
        return store.clients.disable(clientId(asked.which))
      case 'wait':
        return undefined
      case 'sweep':
        return store.sweep().then(() => undefined)
    }
  }

  return {
    answers,
    step: async (asked: Verb) => {
      step++
      answers.push(
        await act(asked).catch((error: unknown) =>
          error instanceof Error && error.name.startsWith('Store') ? String(error) : 'refused by the database',
        ),
      )
    },
    /** All that can be seen from outside. */
    look: async () => ({
      accounts: await store.accounts.list({ limit: 100, offset: 0 }),
      clients: await Promise.all([0, 1, 2].map((which) => store.clients.find(clientId(which)))),
      byKey: await Promise.all(
        [0, 1, 2].map((n) => store.clients.findByApiKey(clientId(n), digest(`key ${run} ${n}`))),
      ),
      authorizations: (await Promise.all(authorizations.map((id) => store.authorizations.findLive(id)))).map(
        (live) => live && { ...live, authorization: numbered(live.authorization) },
      ),
      grants: (await Promise.all([0, 1, 2].map((who) => store.grants.list(idOf(who))))).map((all) =>
        all.map(numberedGrant),
      ),
      lists: (await Promise.all([0, 1, 2].map((who) => store.authorizations.list(idOf(who))))).map((all) =>
        all.map(numbered),
      ),
      codes: (await Promise.all(codes.map(({ id }) => store.authorizationCodes.find(id)))).map(
        (code) => code && numberedCode(code),
      ),
      browserSessions: (await Promise.all(browserSessions.map((id) => store.browserSessions.findLive(id)))).map(
        (live) => live && { ...live, session: { ...live.session, id: 0 } },
      ),
      sessions: (await Promise.all(digests.map((of) => store.platformSessions.findLive(digest(of))))).map(
        (live) =>
          live && {
            account: live.account,
            session: numberOf(sessions, live.session.id),
            expiresAt: live.session.expiresAt,
            authorization: live.authorization && numberOf(authorizations, live.authorization.id),
          },
      ),
      expired: (await Promise.all(digests.map((of) => store.platformSessions.findExpired(digest(of))))).map(
        (session) => session && numberOf(sessions, session.id),
      ),
    }),
  }
}

/** Buckets count in milliseconds, of which the two clocks differ by some: to the second they agree, and what is between is not a case. */
const compare = (actual: unknown, expected: unknown, asked: string): void => {
  const waits = [actual, expected].map((each) => (each as { retryAfter?: number } | undefined)?.retryAfter ?? 0)
  fc.pre(waits[0] === waits[1] || Math.max(...waits) > 1)
  assert.ok(Math.abs(waits[0]! - waits[1]!) <= 1, `${asked}: ${waits.join(' and ')}`)
  const withoutWait = (each: unknown) =>
    typeof each === 'object' && each !== null && 'retryAfter' in each ? { ...each, retryAfter: 0 } : each
  assert.deepEqual(withoutWait(actual), withoutWait(expected), asked)
}

test('whatever is asked for, in whatever order, both stores answer the same', { skip: noPostgres }, async () => {
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(verb, { minLength: 10, maxLength: 80 }), async (verbs) => {
      run++
      // Every history begins with somebody to act for.
      const setUp: readonly Verb[] = [0, 1].flatMap((n): Verb[] => [
        { verb: 'create account', who: n, twin: false },
        { verb: 'create client', which: n, key: n },
        { verb: 'begin browser session', who: n, behind: 0, renews: undefined },
        { verb: 'issue', nth: n, which: n, scopes: 2, organizations: 'all', consent: 'add' },
        { verb: 'spend', nth: n, which: 0 },
        { verb: 'issue', nth: n, which: n, scopes: 1, organizations: [1], consent: n === 0 ? 'add' : 'replace' },
      ])
      const [sqlite, postgres] = stores.map((store) => history(store, run)) as [
        ReturnType<typeof history>,
        ReturnType<typeof history>,
      ]
      for (const asked of [...setUp, ...verbs]) {
        if (asked.verb === 'wait') moment += asked.leap * 1000
        await Promise.all([sqlite.step(asked), postgres.step(asked)])
        compare(postgres.answers.at(-1), sqlite.answers.at(-1), JSON.stringify(asked))
        moment += 1000
      }
      assert.deepEqual(await postgres.look(), await sqlite.look())
    }),
    { numRuns: 60 },
  )
})
