import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { days, hours, seconds } from '#base/time.ts'
import type { AuthorizationCode } from '#stores/records.ts'
import type { SpentCode, Store } from '#stores/store.ts'
import type { Bench } from './contract.ts'
import {
  authorizePassword,
  beginBrowserSession,
  bridgeOf,
  browserSessionOf,
  codeOf,
  issueCode,
  makeWorld,
  passwordAuthorization,
  rotationOf,
  signIn,
  signInOf,
  spendCode,
  spendingOf,
  times,
} from './fixtures.ts'

const AUDIENCE = 'https://api.example.com/'
const OTHER_AUDIENCE = 'https://other.example.com/'

/** Browser sessions, grants and authorization codes. */
export const codeContract = ({ promise, clock, either, query, withOwnDatabase }: Bench): void => {
  const first = either(0)
  const second = either(1)
  const people = async () => {
    const world = await makeWorld(first)
    return { ...world, session: await beginBrowserSession(first, world.account) }
  }
  const withCode = async (more: Parameters<typeof codeOf>[2] = {}) => {
    const world = await people()
    return { ...world, code: await issueCode(first, codeOf(world.session, world.clientId, more)) }
  }
  const isLive = async (id: number) => (await second.authorizations.findLive(id)) !== undefined
  const outcomes = (all: readonly SpentCode[]) => all.map(({ outcome }) => outcome)
  const authorizationsOf = ({ accountId }: Pick<AuthorizationCode, 'accountId'>) =>
    query(`select id, ended_at from authorizations where account_id = ${accountId}`)

  // ── Browser sessions ──────────────────────────────────────────────────────────────────────────────────────────────────

  promise('a browser session is found as it was begun, until it ends, expires or its account is disabled', async () => {
    const { account } = await makeWorld(first)
    const asked = browserSessionOf(account)
    const session = await first.browserSessions.begin(asked)
    assert.ok(session !== undefined)
    const { id, createdAt } = session
    assert.ok(Math.abs(createdAt - (await first.now())) <= 2)
    assert.deepEqual(session, {
      id,
      accountId: account.id,
      seed: asked.seed,
      authenticatedAt: createdAt,
      methods: ['pwd'],
      createdAt,
      expiresAt: createdAt + hours(12),
    })
    assert.deepEqual(await second.browserSessions.findLive(id), { session, account })
    const next = await beginBrowserSession(second, account)
    assert.notEqual(next.id, id)
    await Promise.all(times(3, (n) => either(n).browserSessions.signOut(id)))
    assert.equal(await second.browserSessions.findLive(id), undefined)
    assert.equal((await first.browserSessions.findLive(next.id))?.session.id, next.id)
    clock.pass(hours(12))
    assert.equal(await first.browserSessions.findLive(next.id), undefined)
    const last = await beginBrowserSession(first, account)
    await second.accounts.disable(account.id)
    assert.equal(await first.browserSessions.findLive(last.id), undefined)
    assert.equal(await first.browserSessions.findLive(4_000_000_000), undefined)
  })

  promise(
    'what is done in the name of an account ends everywhere by a new password, a disabled account or a sign-out',
    async () => {
      const ends: readonly (readonly [string, (id: number) => Promise<unknown>])[] = [
        ['a new password', (id) => second.accounts.setPassword(id, '$argon2id$new')],
        ['a disabled account', (id) => second.accounts.disable(id)],
        ['a sign-out everywhere', (id) => second.browserSessions.endAll(id)],
      ]
      for (const [how, end] of ends) {
        const made = await withCode()
        const bystander = await withCode()
        const { account, clientId, session, code } = made
        const spent = await issueCode(first, codeOf(session, clientId))
        const authorization = await spendCode(first, spent)
        const byPassword = await authorizePassword(first, passwordAuthorization(account, clientId))
        const [bridged, signedIn] = [bridgeOf(authorization.id), signInOf({ account, clientId })]
        await first.platformSessions.bridge(bridged)
        await signIn(first, signedIn)
        await end(account.id)
        assert.equal(await first.browserSessions.findLive(session.id), undefined, how)
        assert.equal(await first.authorizationCodes.find(code.id), undefined, how)
        assert.deepEqual(await first.authorizationCodes.spend(spendingOf(code)), { outcome: 'gone' }, how)
        assert.deepEqual(await first.authorizationCodes.spend(spendingOf(spent)), { outcome: 'replayed' }, how)
        assert.equal(await first.authorizationCodes.issue(codeOf(session, clientId)), undefined, how)
        assert.deepEqual([await isLive(authorization.id), await isLive(byPassword.id)], [false, false], how)
        for (const { candidate } of [bridged, signedIn]) {
          assert.equal(await first.platformSessions.findLive(candidate.digest), undefined, how)
        }
        assert.equal((await first.grants.list(account.id)).length, 1, how)
        assert.notEqual(await first.browserSessions.findLive(bystander.session.id), undefined, how)
        await spendCode(first, bystander.code)
      }
    },
  )

  promise('after a sign-out everywhere the same password signs in again', async () => {
    const { account, clientId } = await people()
    await first.browserSessions.endAll(account.id)
    const session = await beginBrowserSession(second, account)
    await spendCode(first, await issueCode(second, codeOf(session, clientId, { consent: 'add' })))
  })

  promise('disabling a client ends its unspent codes and no browser session', async () => {
    const { account, clientId, session, code } = await withCode()
    const other = await makeWorld(first)
    const elsewhere = await issueCode(first, codeOf(session, other.clientId))
    await second.clients.disable(clientId)
    assert.equal(await first.authorizationCodes.find(code.id), undefined)
    assert.deepEqual(await first.authorizationCodes.spend(spendingOf(code)), { outcome: 'gone' })
    assert.equal(await first.authorizationCodes.issue(codeOf(session, clientId)), undefined)
    assert.equal((await second.browserSessions.findLive(session.id))?.account.id, account.id)
    await spendCode(second, elsewhere)
  })

  promise(
    'of codes that are issued while their browser session ends none works, nor was one refused that left a decision',
    async () => {
      for (let round = 0; round < 10; round++) {
        const { session, clientId, account } = await people()
        const issue = async (n: number) => {
          await sleep(Math.random() * 3)
          return either(n).authorizationCodes.issue(codeOf(session, clientId, { scopes: [`s${n}`] }))
        }
        const end = async () => {
          await sleep(Math.random() * 3)
          await second.browserSessions.signOut(session.id)
        }
        const [codes] = await Promise.all([Promise.all(times(20, issue)), end()])
        const issued = codes.flatMap((code) => code ?? [])
        for (const code of issued)
          assert.equal((await second.authorizationCodes.spend(spendingOf(code))).outcome, 'gone')
        // One that was not issued has left no decision either.
        const allowed = (await first.grants.list(account.id)).flatMap(({ scopes }) => scopes)
        assert.deepEqual(allowed, issued.flatMap(({ scopes }) => scopes).toSorted())
        assert.equal(await first.authorizationCodes.issue(codeOf(session, clientId)), undefined)
      }
    },
  )

  // ── Grants ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  promise('a decision becomes a grant and a code, with all that was asked for', async () => {
    const { account, clientId, session } = await people()
    clock.pass(seconds(100))
    const asked = codeOf(session, clientId, { organizations: [7, 3] })
    const code = await first.authorizationCodes.issue(asked)
    assert.ok(code !== undefined)
    const { id, grantId, expiresAt } = code
    const { consent: _consent, lifetime: _lifetime, decidedScopes: _decided, ...kept } = asked
    const { authenticatedAt, methods } = session
    assert.deepEqual(code, { ...kept, id, accountId: account.id, grantId, expiresAt, authenticatedAt, methods })
    const now = await first.now()
    assert.ok(Math.abs(expiresAt - 60 - now) <= 2 && authenticatedAt < now - 90)
    assert.deepEqual(await second.authorizationCodes.find(id), code)
    const grant = await second.grants.find(account.id, clientId, AUDIENCE)
    const createdAt = expiresAt - 60
    const { audience, scopes } = asked
    assert.deepEqual(grant, {
      ...{ id: grantId, accountId: account.id, clientId, audience, scopes, organizations: [7, 3] },
      ...{ createdAt, updatedAt: createdAt },
    })
    const bare = await issueCode(
      first,
      codeOf(session, clientId, {
        ...{ audience: OTHER_AUDIENCE, scopes: [], organizations: [] },
        ...{ redirectUri: undefined, codeChallenge: undefined, nonce: undefined, dpopJkt: undefined },
      }),
    )
    assert.deepEqual(await second.authorizationCodes.find(bare.id), bare)
    assert.deepEqual(
      [bare.scopes, bare.organizations, bare.redirectUri, bare.codeChallenge, bare.nonce, bare.dpopJkt],
      [[], [], undefined, undefined, undefined, undefined],
    )
    assert.deepEqual((await second.grants.find(account.id, clientId, OTHER_AUDIENCE))?.organizations, [])
  })

  promise(
    'what is added is kept beside what was there, what replaces stands alone, and what is remembered changes nothing',
    async () => {
      const { account, clientId, session } = await people()
      const decide = (
        consent: 'add' | 'replace' | 'remembered',
        scopes: string[],
        organizations: 'all' | number[] = 'all',
      ) => either(scopes.length).authorizationCodes.issue(codeOf(session, clientId, { consent, scopes, organizations }))
      const grant = () => second.grants.find(account.id, clientId, AUDIENCE)
      assert.equal(await decide('remembered', []), undefined)
      assert.equal(await grant(), undefined)
      const begun = await decide('add', ['b', 'd'])
      clock.pass(seconds(10))
      assert.equal((await decide('add', ['a', 'd', 'e'], [5]))?.grantId, begun!.grantId)
      const added = (await grant())!
      assert.deepEqual([added.id, added.scopes, added.organizations], [begun!.grantId, ['a', 'b', 'd', 'e'], [5]])
      assert.ok(added.updatedAt >= added.createdAt + 10)
      clock.pass(seconds(10))
      assert.equal((await decide('remembered', ['a', 'e'], [5]))?.grantId, added.id)
      assert.equal((await decide('remembered', [], []))?.grantId, added.id)
      assert.equal(await decide('remembered', ['a', 'c'], [5]), undefined)
      assert.equal(await decide('remembered', ['a'], [5, 6]), undefined)
      assert.equal(await decide('remembered', ['a'], 'all'), undefined)
      assert.deepEqual(await grant(), added)
      await decide('replace', ['c', 'a'], [1, 2, 3])
      const replaced = (await grant())!
      assert.deepEqual([replaced.id, replaced.scopes, replaced.organizations], [added.id, ['a', 'c'], [1, 2, 3]])
      assert.notEqual(await decide('remembered', ['c'], [3, 1]), undefined)
      assert.equal(await decide('remembered', ['b'], [1]), undefined)
      await decide('replace', ['a'], 'all')
      assert.notEqual(await decide('remembered', ['a'], [9]), undefined)
      assert.notEqual(await decide('remembered', ['a'], 'all'), undefined)
    },
  )

  promise(
    'claims that were asked for by name go from the code to what it brings, and their scopes into the grant',
    async () => {
      const { account, clientId, session } = await people()
      const claims = { userinfo: ['email', 'name'], idToken: ['name'] }
      const decide = (more: Parameters<typeof codeOf>[2]) =>
        first.authorizationCodes.issue(codeOf(session, clientId, { scopes: ['openid'], claims, ...more }))
      const decidedScopes = ['openid', 'profile', 'email']
      assert.equal(await decide({ consent: 'remembered', decidedScopes }), undefined)
      const code = await decide({ consent: 'add', decidedScopes })
      assert.deepEqual([code?.claims, code?.scopes], [claims, ['openid']])
      assert.deepEqual((await second.authorizationCodes.find(code!.id))?.claims, claims)
      assert.deepEqual((await second.grants.find(account.id, clientId, AUDIENCE))?.scopes, [
        'email',
        'openid',
        'profile',
      ])
      const brought = await spendCode(second, code!)
      assert.deepEqual([brought.claims, brought.scopes], [claims, ['openid']])
      assert.deepEqual((await first.authorizations.findLive(brought.id))?.authorization.claims, claims)
      const rotation = await second.authorizations.rotate(rotationOf(brought))
      assert.deepEqual(rotation?.outcome === 'rotated' && rotation.authorization.claims, claims)
      // What is remembered is remembered by scope, whether all of it or a claim of it is asked for.
      assert.notEqual(await decide({ consent: 'remembered', decidedScopes }), undefined)
      assert.notEqual(await decide({ consent: 'remembered', scopes: ['openid', 'profile'] }), undefined)
      assert.equal(await decide({ consent: 'remembered', decidedScopes: ['openid', 'phone'] }), undefined)
      await decide({ consent: 'replace', decidedScopes: ['openid'], claims: undefined })
      assert.deepEqual((await second.grants.find(account.id, clientId, AUDIENCE))?.scopes, ['openid'])
      const without = await authorizePassword(first, passwordAuthorization(account, clientId))
      assert.equal(without.claims, undefined)
    },
  )

  promise('of many decisions at once, at many APIs, none is lost, and there is one grant for each API', async () => {
    const { account, clientId, session } = await people()
    const codes = await Promise.all(
      times(60, (n) =>
        issueCode(
          either(n),
          codeOf(session, clientId, {
            audience: n % 3 ? AUDIENCE : OTHER_AUDIENCE,
            scopes: [`s${n}`, 'openid'].toSorted(),
          }),
        ),
      ),
    )
    for (const audience of [AUDIENCE, OTHER_AUDIENCE]) {
      const those = codes.filter((code) => code.audience === audience)
      const grant = await first.grants.find(account.id, clientId, audience)
      assert.deepEqual(grant?.scopes, [...new Set(those.flatMap(({ scopes }) => scopes))].toSorted())
      assert.deepEqual(new Set(those.map(({ grantId }) => grantId)), new Set([grant.id]))
    }
    assert.equal(new Set(codes.map(({ id }) => id)).size, 60)
  })

  promise('the grants and the live authorizations of an account are listed, newest first', async () => {
    const { account, clientId, session } = await people()
    const other = await makeWorld(first)
    const codes = [
      await issueCode(first, codeOf(session, clientId)),
      await issueCode(first, codeOf(session, clientId, { audience: OTHER_AUDIENCE })),
      await issueCode(first, codeOf(session, other.clientId)),
    ]
    await issueCode(first, codeOf(await beginBrowserSession(first, other.account), clientId))
    const made = []
    for (const code of codes) made.push(await spendCode(first, code))
    made.push(await authorizePassword(first, passwordAuthorization(account, clientId)))
    const grants = await second.grants.list(account.id)
    assert.deepEqual(
      grants.map(({ id }) => id),
      codes.map(({ grantId }) => grantId).toReversed(),
    )
    assert.deepEqual(grants[2], await second.grants.find(account.id, clientId, AUDIENCE))
    assert.deepEqual(await second.authorizations.list(account.id), made.toReversed())
    await first.authorizations.end(made[1]!.id)
    await first.clients.disable(other.clientId)
    assert.deepEqual(await second.authorizations.list(account.id), [made[3], made[0]])
    assert.equal((await second.grants.list(account.id)).length, 3)
    clock.pass(days(31))
    assert.deepEqual(await second.authorizations.list(account.id), [])
    assert.deepEqual(await second.authorizations.list(other.account.id), [])
  })

  promise('ending what was allowed a client ends all of that pair, at every API, and nothing of another', async () => {
    const { account, clientId, session } = await people()
    const other = await people()
    const of = async (by: typeof session, client: string, who = account) => {
      const spent = await issueCode(first, codeOf(by, client))
      const authorization = await spendCode(first, spent)
      const byPassword = await authorizePassword(first, passwordAuthorization(who, client))
      const sessions = [
        bridgeOf(authorization.id),
        bridgeOf(byPassword.id),
        signInOf({ account: who, clientId: client }),
      ]
      for (const each of sessions) {
        await ('authorizationId' in each ? first.platformSessions.bridge(each) : signIn(first, each))
      }
      const codes = [
        await issueCode(first, codeOf(by, client)),
        await issueCode(first, codeOf(by, client, { audience: OTHER_AUDIENCE })),
      ]
      return { spent, ids: [authorization.id, byPassword.id], sessions, codes }
    }
    const ended = await of(session, clientId)
    const bystanders = [await of(session, other.clientId), await of(other.session, clientId, other.account)]
    await Promise.all(times(4, (n) => either(n).grants.end(account.id, clientId)))
    for (const audience of [AUDIENCE, OTHER_AUDIENCE]) {
      assert.equal(await first.grants.find(account.id, clientId, audience), undefined)
    }
    for (const id of ended.ids) {
      assert.equal(await first.authorizations.findLive(id), undefined)
      assert.equal(await first.authorizations.use(id, days(1)), undefined)
      assert.equal(await first.authorizations.rotate(rotationOf({ id, generation: 0 })), undefined)
      assert.equal(await first.platformSessions.bridge(bridgeOf(id)), undefined)
    }
    for (const { candidate } of ended.sessions) {
      assert.equal(await first.platformSessions.findLive(candidate.digest), undefined)
    }
    for (const code of ended.codes) {
      assert.equal(await first.authorizationCodes.find(code.id), undefined)
      assert.deepEqual(await first.authorizationCodes.spend(spendingOf(code)), { outcome: 'gone' })
    }
    assert.deepEqual(await first.authorizationCodes.spend(spendingOf(ended.spent)), { outcome: 'replayed' })
    assert.equal(await first.authorizationCodes.issue(codeOf(session, clientId, { consent: 'remembered' })), undefined)
    assert.notEqual(await first.browserSessions.findLive(session.id), undefined)
    for (const { ids, sessions, codes } of bystanders) {
      for (const id of ids) assert.ok(await isLive(id))
      for (const { candidate } of sessions) {
        assert.notEqual(await first.platformSessions.findLive(candidate.digest), undefined)
      }
      for (const code of codes) await spendCode(first, code)
    }
    const anew = await issueCode(first, codeOf(session, clientId, { scopes: ['openid'] }))
    assert.notEqual(anew.grantId, ended.spent.grantId)
    assert.deepEqual((await first.grants.find(account.id, clientId, AUDIENCE))?.scopes, ['openid'])
  })

  promise('of what is spent, used or bridged while its grant ends nothing is live afterwards', async () => {
    for (let round = 0; round < 20; round++) {
      const { account, clientId, session } = await people()
      const codes = await Promise.all(times(20, () => issueCode(first, codeOf(session, clientId))))
      const hesitate = () => (round % 3 === 0 ? Promise.resolve() : sleep(Math.random() * 2 * (round % 3)))
      const use = async (code: AuthorizationCode, n: number) => {
        await hesitate()
        const spent = await either(n).authorizationCodes.spend(spendingOf(code))
        if (spent.outcome !== 'spent') return undefined
        const { id } = spent.authorization
        await Promise.all([
          either(n + 1).authorizations.rotate(rotationOf(spent.authorization)),
          either(n).platformSessions.bridge(bridgeOf(id)),
        ])
        return id
      }
      const end = async () => {
        await hesitate()
        await either(round).grants.end(account.id, clientId)
      }
      const remember = async (n: number) => {
        await hesitate()
        return either(n).authorizationCodes.issue(codeOf(session, clientId, { consent: 'remembered' }))
      }
      const [spent, , remembered] = await Promise.all([
        Promise.all(codes.map(use)),
        end(),
        Promise.all(times(10, remember)),
      ])
      for (const id of spent) if (id !== undefined) assert.ok(!(await isLive(id)))
      for (const code of [...codes, ...remembered]) {
        const again = code && (await first.authorizationCodes.spend(spendingOf(code)))
        assert.notEqual(again?.outcome, 'spent')
      }
      assert.deepEqual(await first.authorizations.list(account.id), [])
      assert.deepEqual(await first.grants.list(account.id), [])
      const sessions = `select id from platform_sessions where account_id = ${account.id}`
      assert.deepEqual(await query(sessions), [])
    }
  })

  // ── Codes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

  promise('a code brings an authorization with all that was decided', async () => {
    const { account, code } = await withCode({ organizations: [2] })
    clock.pass(seconds(20))
    const asked = spendingOf(code)
    const spent = await second.authorizationCodes.spend(asked)
    assert.ok(spent.outcome === 'spent')
    const { authorization } = spent
    const { id, lastUsedAt } = authorization
    assert.deepEqual(spent, { outcome: 'spent', authorization, account, code })
    assert.deepEqual(authorization, {
      id,
      accountId: account.id,
      clientId: code.clientId,
      grantType: 'authorization_code',
      grantId: code.grantId,
      audience: code.audience,
      scopes: code.scopes,
      organizations: [2],
      claims: undefined,
      offline: true,
      salt: asked.salt,
      generation: 0,
      authenticatedAt: code.authenticatedAt,
      lastUsedAt,
      expiresAt: lastUsedAt + days(30),
      absoluteExpiresAt: lastUsedAt + days(365),
      browserSessionId: code.browserSessionId,
      dpopJkt: asked.dpopJkt,
    })
    assert.ok(lastUsedAt >= code.authenticatedAt + 20)
    assert.deepEqual(await first.authorizations.findLive(id), { authorization, account })
    const short = await withCode()
    const brief = {
      ...spendingOf(short.code),
      offline: false,
      dpopJkt: undefined,
      lifetime: { idle: hours(9), absolute: hours(3) },
    }
    const once = await first.authorizationCodes.spend(brief)
    assert.ok(once.outcome === 'spent' && !once.authorization.offline)
    assert.equal(once.authorization.expiresAt, once.authorization.absoluteExpiresAt)
    assert.equal(once.authorization.expiresAt, once.authorization.lastUsedAt + hours(3))
  })

  promise('each code brings an authorization of its own, also under one grant', async () => {
    const { session, clientId } = await people()
    const codes = await Promise.all(times(30, (n) => issueCode(either(n), codeOf(session, clientId))))
    const made = await Promise.all(codes.map((code, n) => spendCode(either(n), code)))
    assert.equal(new Set(made.map(({ id }) => id)).size, 30)
    for (const { id } of made) assert.ok(await isLive(id))
  })

  promise('of many that spend one code at once one succeeds, and all the others end what it was given', async () => {
    for (let round = 0; round < 10; round++) {
      const { code } = await withCode()
      const all = await Promise.all(times(50, (n) => either(n).authorizationCodes.spend(spendingOf(code))))
      assert.deepEqual(outcomes(all).toSorted(), [...times(49, () => 'replayed'), 'spent'])
      const rows = await authorizationsOf(code)
      assert.ok(rows.length === 1 && rows[0]!['ended_at'] !== null)
      for (const each of all) if (each.outcome === 'spent') assert.ok(!(await isLive(each.authorization.id)))
    }
  })

  promise(
    'a second use ends what the first one brought, with its sessions, a day later too, and no longer',
    async () => {
      for (const [wait, is] of [
        [seconds(0), 'replayed'],
        [seconds(61), 'replayed'],
        [seconds(86_400 + 50), 'replayed'],
        [seconds(86_400 + 60), 'gone'],
      ] as const) {
        const { code, account } = await withCode()
        const authorization = await spendCode(first, code)
        const bridged = bridgeOf(authorization.id, days(20))
        await first.platformSessions.bridge(bridged)
        clock.pass(wait)
        const isKnown = is === 'replayed'
        assert.deepEqual(await second.authorizationCodes.find(code.id), isKnown ? code : undefined)
        assert.ok(await isLive(authorization.id))
        assert.deepEqual(await second.authorizationCodes.spend(spendingOf(code)), { outcome: is }, `${wait}`)
        assert.equal(await isLive(authorization.id), !isKnown)
        assert.equal((await first.platformSessions.findLive(bridged.candidate.digest)) === undefined, isKnown)
        assert.equal((await first.grants.list(account.id)).length, 1)
      }
    },
  )

  promise('a code that was ruined brings nothing, and one that was spent before is ended by it', async () => {
    const ruined = await withCode()
    await Promise.all(times(3, (n) => either(n).authorizationCodes.ruin(ruined.code.id, ruined.clientId)))
    for (const store of [first, second]) {
      assert.deepEqual(await store.authorizationCodes.spend(spendingOf(ruined.code)), { outcome: 'replayed' })
    }
    assert.deepEqual(await authorizationsOf(ruined.code), [])
    assert.deepEqual(await first.authorizationCodes.find(ruined.code.id), ruined.code)
    const spent = await withCode()
    const authorization = await spendCode(first, spent.code)
    await second.authorizationCodes.ruin(spent.code.id, spent.clientId)
    assert.ok(!(await isLive(authorization.id)))
    assert.deepEqual(await first.authorizationCodes.spend(spendingOf(spent.code)), { outcome: 'replayed' })
  })

  promise('of a code that is spent and ruined at once nothing is live afterwards', async () => {
    let spent = 0
    for (let round = 0; round < 20; round++) {
      const { code } = await withCode()
      const spend = (store: Store) => store.authorizationCodes.spend(spendingOf(code))
      const ruin = async (store: Store) => {
        await sleep(Math.random() * 3)
        await store.authorizationCodes.ruin(code.id, code.clientId)
      }
      const hurry = () => (round % 2 ? Promise.resolve() : sleep(Math.random() * 3))
      const [one] = await Promise.all([hurry().then(() => spend(first)), ruin(second)])
      spent += one.outcome === 'spent' ? 1 : 0
      assert.ok((await authorizationsOf(code)).every((row) => row['ended_at'] !== null))
    }
    assert.ok(spent > 0, 'no spend came first')
  })

  promise('another client neither spends nor ruins a code, nor ends what it brought', async () => {
    const { code } = await withCode()
    const { clientId } = await makeWorld(first)
    const foreign = { ...code, clientId }
    const trying = () =>
      Promise.all(
        times(10, async (n) => {
          assert.deepEqual(await either(n).authorizationCodes.spend(spendingOf(foreign)), { outcome: 'gone' })
          await either(n).authorizationCodes.ruin(code.id, clientId)
        }),
      )
    await trying()
    const authorization = await spendCode(first, code)
    await trying()
    assert.ok(await isLive(authorization.id))
  })

  promise('a code works until the very second of its expiry, by the clock of the store', async () => {
    const { code: early } = await withCode()
    clock.pass(seconds(55))
    await spendCode(second, early)
    const { code: late } = await withCode()
    const { code: ruined } = await withCode()
    clock.pass(seconds(60))
    for (const code of [late, ruined]) assert.equal(await second.authorizationCodes.find(code.id), undefined)
    await first.authorizationCodes.ruin(ruined.id, ruined.clientId)
    for (const code of [late, ruined]) {
      assert.deepEqual(await second.authorizationCodes.spend(spendingOf(code)), { outcome: 'gone' })
    }
    assert.deepEqual(await authorizationsOf(late), [])
  })

  promise('what does not exist is gone, and a code is issued for nobody who is not there', async () => {
    const { session, clientId, account } = await people()
    assert.equal(await first.authorizationCodes.find(4_000_000_000), undefined)
    const unknown = spendingOf({ id: 4_000_000_000, clientId })
    assert.deepEqual(await first.authorizationCodes.spend(unknown), { outcome: 'gone' })
    await first.authorizationCodes.ruin(4_000_000_000, clientId)
    await first.grants.end(4_000_000_000, clientId)
    await first.grants.end(account.id, 'no such client')
    assert.equal(await first.authorizationCodes.issue(codeOf(session, 'no such client')), undefined)
    assert.equal(await first.authorizationCodes.issue(codeOf({ id: 4_000_000_000 }, clientId)), undefined)
    clock.pass(hours(12))
    assert.equal(await first.authorizationCodes.issue(codeOf(session, clientId)), undefined)
    assert.deepEqual(await second.grants.list(account.id), [])
  })

  promise('codes are numbered on, so that no id of one that is gone is given out again', async () => {
    await withOwnDatabase(async (store) => {
      const { account, clientId } = await makeWorld(store)
      const ids: number[] = []
      for (let round = 0; round < 3; round++) {
        const session = await beginBrowserSession(store, account)
        const code = await issueCode(store, codeOf(session, clientId))
        ids.push(session.id, code.id, code.grantId)
        await store.grants.end(account.id, clientId)
        await store.browserSessions.endAll(account.id)
      }
      assert.deepEqual(ids, [1, 1, 1, 2, 2, 2, 3, 3, 3])
    })
  })
}
