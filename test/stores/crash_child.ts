// A process that works on a store until it is killed, and says over IPC what was acknowledged. `crash.ts` starts it.
//
//   node crash_child.ts sqlite <file> | postgres <url>
//
// It waits for the number of its life, so that starting up is not part of what is measured.
import { once } from 'node:events'
import { days, hours } from '#base/time.ts'
import { openPostgresStore } from '#stores/postgres/store.ts'
import type { Account } from '#stores/records.ts'
import { openSqliteStore } from '#stores/sqlite/store.ts'
import { StoreUnavailableError, type Store } from '#stores/store.ts'
import { SHARED_ATTEMPTS, type Acknowledged } from './crash.ts'
import {
  attempt,
  authorizePassword,
  beginBrowserSession,
  bridgeOf,
  codeOf,
  issueCode,
  newAccount,
  newClient,
  passwordAuthorization,
  rotationOf,
  signIn,
  signInOf,
  spendingOf,
  times,
} from './fixtures.ts'

const IN_FLIGHT = 25

const tell = (acknowledged: Acknowledged): void => {
  process.send?.(acknowledged)
}

const work = async (store: Store, life: number): Promise<void> => {
  const clientId = `life ${life}`
  await store.clients.create(newClient(clientId))
  tell({ kind: 'client', id: clientId })
  let made = 0
  /** A decision, its code, and what the code brings: now and then the code is used twice, and the family rotates. */
  const allow = async (n: number, account: Account, staysLive: boolean): Promise<void> => {
    const session = await beginBrowserSession(store, account)
    const code = await issueCode(store, codeOf(session, clientId, { lifetime: hours(1) }))
    tell({ kind: 'code', id: code.id, clientId, staysLive })
    if (n % 4 === 0) return
    const uses = times(n % 4 === 1 ? 2 : 1, () => store.authorizationCodes.spend(spendingOf(code)))
    const answers = await Promise.all(uses)
    const spent = answers.filter((each) => each.outcome === 'spent')
    const [id] = spent.map(({ authorization }) => authorization.id)
    const isOnce = spent.length === 1 && answers.length === 1
    tell({
      kind: 'spent',
      code: code.id,
      clientId,
      uses: uses.length,
      times: spent.length,
      authorizationId: id!,
      staysLive: isOnce && staysLive,
    })
    if (isOnce) {
      const rotations = await Promise.all(
        times(2, () => store.authorizations.rotate(rotationOf({ id: id!, generation: 0 }))),
      )
      const outcomes = rotations.map((each) => each?.outcome ?? 'undefined').toSorted()
      tell({ kind: 'rotated', id: id!, generation: 1, outcomes, staysLive })
    }
    if (n % 5 === 0) {
      await store.grants.end(account.id, clientId)
      tell({ kind: 'ended', accountId: account.id, clientId })
    }
  }
  const cycle = async (): Promise<void> => {
    const n = ++made
    const staysLive = n % 3 !== 0 && n % 5 !== 0
    const username = `person ${life} ${n}`
    const account = await store.accounts.create(newAccount(username))
    tell({ kind: 'account', id: account.id, username })
    const asked = () => authorizePassword(store, passwordAuthorization(account, clientId))
    const [authorization, same] = await Promise.all([asked(), asked()])
    tell({ kind: 'authorization', id: authorization.id, same: same.id, accountId: account.id, staysLive })
    const bridges = [bridgeOf(authorization.id), bridgeOf(authorization.id)]
    const signIns = [signInOf({ account, clientId }), signInOf({ account, clientId })]
    const sessions = await Promise.all([
      ...bridges.map((each) => store.platformSessions.bridge(each)),
      ...signIns.map((each) => signIn(store, each)),
      store.authorizations.use(authorization.id, days(30)),
    ])
    const seeds = sessions.slice(0, 4).map((each) => (each && 'seed' in each ? each.seed.toString('hex') : ''))
    tell({ kind: 'sessions', seeds, accountId: account.id, stayLive: staysLive })
    await allow(n, account, staysLive)
    const reserved = await store.attempts.reserve({ ...attempt(), address: SHARED_ATTEMPTS })
    if (reserved.admitted) tell({ kind: 'admitted' })
    if (n % 3 === 0) {
      await Promise.all([
        store.accounts.setPassword(account.id, `$argon2id$${life}`),
        // With the old one: before it they are ended with the others, after it they begin nothing.
        store.authorizations.authorizePassword(passwordAuthorization(account, clientId, { scopes: ['late'] })),
        store.platformSessions.signIn(signInOf({ account, clientId })),
      ])
      tell({ kind: 'password', accountId: account.id, hash: `$argon2id$${life}`, authorizationId: authorization.id })
    }
  }
  const worker = async (): Promise<never> => {
    for (;;) {
      try {
        await cycle()
      } catch (error) {
        // PostgreSQL is killed too, now and then: what was asked for then is not acknowledged.
        if (!(error instanceof StoreUnavailableError)) throw error
        tell({ kind: 'unavailable' })
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }
  await Promise.all(times(IN_FLIGHT, worker))
}

if (process.send !== undefined && process.argv[2] !== undefined) {
  const [, , kind, where] = process.argv
  process.once('disconnect', () => process.exit())
  process.send({ kind: 'ready' })
  const [life] = (await once(process, 'message')) as [number]
  const store = await (kind === 'postgres' ? openPostgresStore(where!) : openSqliteStore(where!))
  await store.check()
  await work(store, life)
}
