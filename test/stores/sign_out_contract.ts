import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { days, hours, minutes, seconds } from '#base/time.ts'
import type { BrowserSession, ClientPolicy, LogoutDelivery } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'
import { MOST_LOGOUT_DELIVERIES } from '#stores/tables.ts'
import type { Bench } from './contract.ts'
import {
  authorizePassword,
  beginBrowserSession,
  bridgeOf,
  browserSessionOf,
  codeOf,
  issueCode,
  makeWorld,
  newAccount,
  newClient,
  passwordAuthorization,
  spendingOf,
  times,
  uniqueName,
} from './fixtures.ts'

/** Signing out, and the logout tokens that become due with it. */
export const signOutContract = ({ promise, clock, either, query, withOwnDatabase }: Bench): void => {
  const first = either(0)
  const second = either(1)

  /** A client, told of sign-outs unless said otherwise. */
  const makeClient = async (
    more: Partial<ClientPolicy> = { backchannelLogoutUri: 'https://client.example.com/logout' },
    store: Store = first,
  ): Promise<string> => {
    const id = uniqueName('client')
    const client = newClient(id)
    await store.clients.create({ ...client, policy: { ...client.policy, ...more } })
    return id
  }
  const makePerson = async (store: Store = first) => {
    const account = await store.accounts.create(newAccount(uniqueName('person')))
    return { account, session: await beginBrowserSession(store, account) }
  }
  const authorize = async (
    session: Pick<BrowserSession, 'id'>,
    clientId: string,
    { offline = false, scopes = ['openid'], store = first } = {},
  ) => {
    const code = await issueCode(store, codeOf(session, clientId, { scopes }))
    const spent = await store.authorizationCodes.spend({ ...spendingOf(code), offline })
    assert.ok(spent.outcome === 'spent')
    return spent.authorization
  }
  const isLive = async ({ id }: { readonly id: number }) => (await second.authorizations.findLive(id)) !== undefined
  /** What is due of these clients, as `client` and `session`. */
  const dueOf = async (...clientIds: readonly string[]) => {
    const rows = await query(
      `select client_id, account_id, browser_session_id from logout_deliveries
       where client_id in (${clientIds.map((id) => `'${id}'`).join(', ')}) order by id`,
    )
    return rows.map((row) => ({
      clientId: row['client_id'],
      accountId: Number(row['account_id']),
      sessionId: row['browser_session_id'] === null ? undefined : Number(row['browser_session_id']),
    }))
  }
  const clear = () => query('delete from logout_deliveries')
  const take = async (store: Store, most = 100, lease = minutes(1)) => store.logoutDeliveries.take(most, lease)

  promise('a sign-out ends what was made in the session and has no refresh token; what has one goes on', async () => {
    const [dead, alive, both, told] = [
      await makeClient({}),
      await makeClient({}),
      await makeClient({}),
      await makeClient(),
    ]
    const { account, session } = await makePerson()
    const other = await beginBrowserSession(first, account)
    const ended = await authorize(session, dead)
    const goesOn = await authorize(session, alive, { offline: true, scopes: ['offline_access', 'openid'] })
    const mixed = [await authorize(session, both), await authorize(session, both, { offline: true })] as const
    const announced = await authorize(session, told)
    const elsewhere = await authorize(other, dead)
    const byPassword = await authorizePassword(first, passwordAuthorization(account, dead))
    const [bridged, kept] = [bridgeOf(ended.id), bridgeOf(goesOn.id)]
    await first.platformSessions.bridge(bridged)
    await first.platformSessions.bridge(kept)
    const onItsWay = await issueCode(first, codeOf(session, alive))

    assert.deepEqual(await second.browserSessions.signOut(session.id), {
      ended: [dead, told].toSorted(),
      goOn: [alive, both].toSorted(),
      told: [told],
    })
    assert.equal(await first.browserSessions.findLive(session.id), undefined)
    for (const each of [ended, mixed[0], announced]) assert.equal(await isLive(each), false)
    for (const each of [goesOn, mixed[1], elsewhere, byPassword]) assert.equal(await isLive(each), true)
    assert.equal(await first.platformSessions.findLive(bridged.candidate.digest), undefined)
    assert.notEqual(await first.platformSessions.findLive(kept.candidate.digest), undefined)
    assert.deepEqual(await first.authorizationCodes.spend(spendingOf(onItsWay)), { outcome: 'gone' })
    assert.equal(await first.authorizationCodes.issue(codeOf(session, alive)), undefined)
    assert.notEqual(await first.browserSessions.findLive(other.id), undefined)
    // What was allowed stays remembered.
    assert.equal((await first.grants.list(account.id)).length, 4)
    assert.deepEqual(await dueOf(dead, alive, both, told), [
      { clientId: told, accountId: account.id, sessionId: session.id },
    ])
  })

  promise('of many sign-outs of one session at once one tells what ended, and each client is told once', async () => {
    for (let round = 0; round < 5; round++) {
      const clientId = await makeClient()
      const { session } = await makePerson()
      await authorize(session, clientId)
      await authorize(session, clientId)
      const answers = await Promise.all(times(20, (n) => either(n).browserSessions.signOut(session.id)))
      assert.deepEqual(
        answers.filter((each) => each !== undefined),
        [{ ended: [clientId], goOn: [], told: [clientId] }],
      )
      assert.equal((await dueOf(clientId)).length, 1)
    }
  })

  promise('a session that is over, or was none, ends nothing and tells nobody: time is no sign-out', async () => {
    const clientId = await makeClient()
    const { account } = await makePerson()
    const session = await beginBrowserSession(first, account, hours(1))
    const authorization = await authorize(session, clientId)
    clock.pass(hours(1))
    assert.equal(await first.browserSessions.signOut(session.id), undefined)
    assert.equal(await first.browserSessions.signOut(4_000_000_000), undefined)
    assert.equal(await isLive(authorization), true)
    assert.deepEqual(await dueOf(clientId), [])
  })

  promise(
    'of codes that are issued and spent while the session is signed out nothing without a refresh token is left',
    async () => {
      for (let round = 0; round < 10; round++) {
        const clientId = await makeClient()
        const { account, session } = await makePerson()
        const allow = async (n: number) => {
          await sleep(Math.random() * 3)
          const code = await either(n).authorizationCodes.issue(codeOf(session, clientId))
          await sleep(Math.random() * 3)
          await (code && either(n + 1).authorizationCodes.spend({ ...spendingOf(code), offline: n % 4 === 0 }))
        }
        const end = async () => {
          await sleep(Math.random() * 5)
          return second.browserSessions.signOut(session.id)
        }
        await Promise.all([Promise.all(times(30, allow)), end()])
        const left = await first.authorizations.list(account.id)
        assert.ok(left.every(({ offline }) => offline))
        const unspent = `select id from authorization_codes where account_id = ${account.id} and spent_at is null`
        assert.deepEqual(await query(unspent), [])
        assert.ok((await dueOf(clientId)).length <= 1)
      }
    },
  )

  promise(
    'a client is told if it wants to be, is not disabled, and was told who the person is, even if its access has ended',
    async () => {
      const { account, session } = await makePerson()
      const [told, deaf, blind, disabled, revoked] = [
        await makeClient(),
        await makeClient({}),
        ...[await makeClient(), await makeClient(), await makeClient()],
      ] as const
      for (const clientId of [told, deaf, disabled, revoked]) await authorize(session, clientId)
      await authorize(session, blind, { scopes: ['read:entities'] })
      await first.clients.disable(disabled)
      await first.grants.end(account.id, revoked)
      const signedOut = await first.browserSessions.signOut(session.id)
      assert.deepEqual(signedOut?.told, [told, revoked].toSorted())
      assert.deepEqual(
        (await dueOf(told, deaf, blind, disabled, revoked)).map(({ clientId }) => clientId).toSorted(),
        [told, revoked].toSorted(),
      )
    },
  )

  const everywhere: readonly (readonly [string, (id: number) => Promise<unknown>])[] = [
    ['a sign-out everywhere', (id) => second.browserSessions.endAll(id)],
    ['a new password', (id) => second.accounts.setPassword(id, '$argon2id$new')],
    ['a disabled account', (id) => second.accounts.disable(id)],
  ]
  for (const [how, end] of everywhere) {
    promise(`${how} tells each client once of all, and of each session where it must be told which`, async () => {
      const logout = { backchannelLogoutUri: 'https://client.example.com/logout' }
      const [plain, strict] = [
        await makeClient(),
        await makeClient({ ...logout, backchannelLogoutSessionRequired: true }),
      ]
      const [byPassword, silent] = [await makeClient(), await makeClient({})]
      const { account, session } = await makePerson()
      const other = await beginBrowserSession(first, account)
      const expired = await beginBrowserSession(first, account, hours(1))
      const bystander = await makePerson()
      for (const clientId of [plain, strict, silent]) {
        for (const each of [session, other, expired, bystander.session]) await authorize(each, clientId)
      }
      for (const clientId of [byPassword, strict]) {
        await authorizePassword(first, passwordAuthorization(account, clientId))
      }
      clock.pass(hours(1))
      await end(account.id)
      const due = await dueOf(plain, strict, byPassword, silent)
      const of = (clientId: string) => due.filter((each) => each.clientId === clientId)
      assert.deepEqual(of(plain), [{ clientId: plain, accountId: account.id, sessionId: undefined }])
      assert.deepEqual(of(byPassword), [{ clientId: byPassword, accountId: account.id, sessionId: undefined }])
      assert.deepEqual(
        of(strict).map(({ sessionId }) => sessionId),
        [session.id, other.id, expired.id],
      )
      assert.equal(due.length, 5)
      // There is nothing left to tell of.
      await end(account.id)
      assert.equal((await dueOf(plain, strict, byPassword, silent)).length, 5)
      assert.notEqual(await first.browserSessions.findLive(bystander.session.id), undefined)
    })
  }

  promise('what is undone with its sign-out makes nothing due, and what is done does', async () => {
    const clientId = await makeClient()
    const { account, session } = await makePerson()
    await authorize(session, clientId)
    assert.equal(await first.accounts.setPassword(4_000_000_000, 'x'), false)
    await first.grants.end(account.id, 'nobody')
    assert.deepEqual(await dueOf(clientId), [])
    await first.browserSessions.signOut(session.id)
    assert.equal((await dueOf(clientId)).length, 1)
  })

  // ── Signing in again in the same browser ─────────────────────────────────────────────────────────────────────────────────

  promise(
    'a sign-in that renews a session keeps its id and all that was made in it, and nothing of its secret',
    async () => {
      const clientId = await makeClient()
      const { account, session } = await makePerson()
      const authorization = await authorize(session, clientId)
      clock.pass(hours(5))
      const asked = browserSessionOf(account)
      const renewed = await second.browserSessions.begin({ ...asked, renews: session.id })
      assert.ok(renewed !== undefined)
      const { authenticatedAt } = renewed
      assert.ok(authenticatedAt >= session.authenticatedAt + hours(5))
      assert.deepEqual(renewed, {
        ...session,
        seed: asked.seed,
        authenticatedAt,
        expiresAt: authenticatedAt + hours(12),
      })
      assert.deepEqual((await first.browserSessions.findLive(session.id))?.session, renewed)
      assert.deepEqual((await first.browserSessions.signOut(session.id))?.ended, [clientId])
      assert.equal(await isLive(authorization), false)
    },
  )

  promise('a session of somebody else, or one that is over, is not renewed: a new one begins', async () => {
    const { account } = await makePerson()
    const other = await makePerson()
    const over = await beginBrowserSession(first, account)
    await first.browserSessions.signOut(over.id)
    for (const renews of [other.session.id, over.id, 4_000_000_000, 0, -1]) {
      const begun = await first.browserSessions.begin({ ...browserSessionOf(account), renews })
      assert.ok(begun !== undefined && begun.id !== renews)
    }
    assert.deepEqual((await first.browserSessions.findLive(other.session.id))?.session, other.session)
  })

  promise(
    'of sign-ins that renew one session at once each is live only under the seed that was written last',
    async () => {
      const { account, session } = await makePerson()
      const renewed = await Promise.all(
        times(20, (n) => either(n).browserSessions.begin({ ...browserSessionOf(account), renews: session.id })),
      )
      assert.ok(renewed.every((each) => each?.id === session.id))
      const { seed } = (await first.browserSessions.findLive(session.id))!.session
      assert.equal(renewed.filter((each) => each!.seed.equals(seed)).length, 1)
    },
  )

  // ── Delivery ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** As many sign-outs of one client, each of a person of its own. */
  const fill = async (clientId: string, count: number): Promise<void> => {
    await Promise.all(
      times(count, async () => {
        const { session } = await makePerson()
        await authorize(session, clientId)
        await first.browserSessions.signOut(session.id)
      }),
    )
  }
  const ofClients = (all: readonly LogoutDelivery[]) => all.map(({ clientId }) => clientId)

  promise(
    'a delivery is taken with all that it needs, by one of many at once, and one of each client at a time',
    async () => {
      await clear()
      const [one, other] = [await makeClient(), await makeClient()]
      await fill(one, 3)
      await fill(other, 2)
      const now = await first.now()
      const taken = (await Promise.all(times(20, (n) => take(either(n))))).flat()
      assert.deepEqual(ofClients(taken).toSorted(), [one, other].toSorted())
      for (const { attempt, takenAt, createdAt, browserSessionId } of taken) {
        assert.equal(attempt, 1)
        assert.ok(Math.abs(takenAt - now) <= 2 && Math.abs(createdAt - now) <= 2)
        assert.ok(browserSessionId !== undefined)
      }
      assert.deepEqual(await take(first), [])
      const [done] = taken.filter(({ clientId }) => clientId === one)
      await Promise.all(times(3, (n) => either(n).logoutDeliveries.finish(done!.id)))
      const next = (await Promise.all(times(20, (n) => take(either(n))))).flat()
      assert.deepEqual(ofClients(next), [one])
      assert.notEqual(next[0]!.id, done!.id)
      assert.equal((await dueOf(one)).length, 2)
    },
  )

  promise('no more are taken than asked for, those first that are due for the longest time', async () => {
    await clear()
    const clients = await Promise.all(times(5, () => makeClient()))
    for (const clientId of clients) {
      await fill(clientId, 1)
      clock.pass(seconds(1))
    }
    assert.deepEqual(ofClients(await take(first, 2)).toSorted(), clients.slice(0, 2).toSorted())
    assert.deepEqual(ofClients(await take(second, 2)).toSorted(), clients.slice(2, 4).toSorted())
    assert.deepEqual(ofClients(await take(first, 2)), clients.slice(4))
  })

  promise('what is postponed is due again then, and counts its attempts', async () => {
    await clear()
    const clientId = await makeClient()
    await fill(clientId, 1)
    const [delivery] = await take(first)
    await second.logoutDeliveries.postpone(delivery!, minutes(10))
    assert.deepEqual(await take(first), [])
    clock.pass(minutes(10))
    const [again] = await take(second)
    assert.deepEqual([again?.id, again?.attempt], [delivery!.id, 2])
    // Whoever comes late with the first attempt changes nothing.
    await first.logoutDeliveries.postpone(delivery!, seconds(0))
    assert.deepEqual(await take(first), [])
  })

  promise('a postponed delivery keeps no other of its client waiting', async () => {
    await clear()
    const clientId = await makeClient()
    await fill(clientId, 2)
    const [one] = await take(first)
    await first.logoutDeliveries.postpone(one!, hours(1))
    const [other] = await take(first)
    assert.notEqual(other?.id, one!.id)
    assert.equal(other?.clientId, clientId)
  })

  promise('a lease that ran out makes it due again, and who finishes late has finished it', async () => {
    await clear()
    const clientId = await makeClient()
    await fill(clientId, 1)
    const [delivery] = await take(first, 1, seconds(30))
    clock.pass(seconds(30))
    const again = (await Promise.all(times(10, (n) => take(either(n), 1, seconds(30))))).flat()
    assert.deepEqual(
      again.map(({ id, attempt }) => [id, attempt]),
      [[delivery!.id, 2]],
    )
    await first.logoutDeliveries.finish(delivery!.id)
    await second.logoutDeliveries.postpone(again[0]!, seconds(0))
    clock.pass(minutes(1))
    assert.deepEqual(await take(first), [])
    assert.deepEqual(await dueOf(clientId), [])
  })

  promise('what nobody delivers is swept after two days', () =>
    withOwnDatabase(async (store) => {
      const clientId = await makeClient(undefined, store)
      const { session } = await makePerson(store)
      await authorize(session, clientId, { store })
      await store.browserSessions.signOut(session.id)
      clock.pass(hours(47))
      await store.sweep()
      assert.deepEqual(ofClients(await store.logoutDeliveries.take(1, seconds(1))), [clientId])
      clock.pass(hours(1))
      await store.sweep()
      clock.pass(seconds(2))
      assert.deepEqual(await store.logoutDeliveries.take(1, seconds(1)), [])
    }),
  )

  promise('of a client that has been away for too long no more are kept, and others are told as before', () =>
    withOwnDatabase(async (store, own) => {
      const [away, here] = [await makeClient(undefined, store), await makeClient(undefined, store)]
      const { account, session } = await makePerson(store)
      const now = await store.now()
      const numbers = `with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ${MOST_LOGOUT_DELIVERIES})`
      await own.query(
        `insert into logout_deliveries (client_id, account_id, created_at, due_at, forget_at)
         ${numbers} select '${away}', ${account.id}, ${now}, ${now}, ${now + days(2)} from numbers`,
      )
      for (const clientId of [away, here]) await authorize(session, clientId, { store })
      assert.deepEqual((await store.browserSessions.signOut(session.id))?.told, [here])
      const begun = performance.now()
      assert.deepEqual(
        ofClients(await store.logoutDeliveries.take(10, seconds(30))).toSorted(),
        [away, here].toSorted(),
      )
      assert.ok(performance.now() - begun < 5000, 'what waits is not read through')
    }),
  )

  promise('a world without logout URIs has none to deliver', async () => {
    await clear()
    const { account, clientId } = await makeWorld(first)
    const session = await beginBrowserSession(first, account)
    await authorize(session, clientId)
    await first.browserSessions.signOut(session.id)
    assert.deepEqual(await take(first), [])
  })
}
