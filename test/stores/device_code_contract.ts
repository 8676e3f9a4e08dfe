import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { days, hours, seconds } from '#base/time.ts'
import type { DeviceCode } from '#stores/records.ts'
import type { PolledDeviceCode, SpentDeviceCode } from '#stores/store.ts'
import { EXPIRED_DEVICE_CODES_KEPT } from '#stores/tables.ts'
import type { Bench } from './contract.ts'
import {
  allowingOf,
  beginBrowserSession,
  beginDeviceCode,
  codeOf,
  deviceCodeOf,
  digest,
  issueCode,
  makeWorld,
  pollOf,
  spendCode,
  spendingOf,
  times,
  uniqueName,
} from './fixtures.ts'

const AUDIENCE = 'https://api.example.com/'

/** Device codes. */
export const deviceCodeContract = ({ promise, clock, either, query, withOwnDatabase }: Bench): void => {
  const first = either(0)
  const second = either(1)
  const withCode = async (more: Parameters<typeof deviceCodeOf>[1] = {}) => {
    const world = await makeWorld(first)
    const session = await beginBrowserSession(first, world.account)
    const asked = deviceCodeOf(world.clientId, more)
    return { ...world, session, asked, code: await beginDeviceCode(first, asked) }
  }
  const poll = (code: Pick<DeviceCode, 'id' | 'clientId'>, n = 0) => either(n).deviceCodes.poll(pollOf(code))
  const trySpending = (code: Pick<DeviceCode, 'id' | 'clientId'>, n = 0) =>
    either(n).deviceCodes.spend(spendingOf(code))
  const spend = async (code: Pick<DeviceCode, 'id' | 'clientId'>) => {
    const spent = await trySpending(code)
    assert.ok(spent.outcome === 'spent', spent.outcome)
    return spent.authorization
  }
  const outcomes = (all: readonly (PolledDeviceCode | SpentDeviceCode)[]) =>
    all.map(({ outcome }) => outcome).toSorted()
  const isLive = async (id: number) => (await second.authorizations.findLive(id)) !== undefined

  promise('a device code is found as it was begun, by its user code until it is decided or has expired', async () => {
    const { clientId, asked, code } = await withCode()
    assert.ok(Math.abs(code.createdAt - (await first.now())) <= 2)
    assert.deepEqual(code, {
      id: code.id,
      clientId,
      audience: AUDIENCE,
      scopes: asked.scopes,
      salt: asked.salt,
      state: 'pending',
      interval: 5,
      accountId: undefined,
      methods: [],
      createdAt: code.createdAt,
      expiresAt: code.createdAt + 600,
    })
    assert.deepEqual(await second.deviceCodes.find(code.id), code)
    assert.deepEqual(await second.deviceCodes.findPending(asked.userCodeDigest), code)
    assert.equal(await second.deviceCodes.findPending(digest(uniqueName('nobody’s'))), undefined)
    assert.equal(await second.deviceCodes.find(4_000_000_000), undefined)
    clock.pass(seconds(600))
    assert.equal(await second.deviceCodes.findPending(asked.userCodeDigest), undefined)
    assert.deepEqual(await second.deviceCodes.find(code.id), code)
    clock.pass(seconds(EXPIRED_DEVICE_CODES_KEPT))
    assert.equal(await second.deviceCodes.find(code.id), undefined)
  })

  promise('of many that begin with one user code at once one does', async () => {
    const { clientId } = await makeWorld(first)
    const userCodeDigest = digest(uniqueName('one user code'))
    const all = await Promise.all(
      times(30, (n) => either(n).deviceCodes.begin(deviceCodeOf(clientId, { userCodeDigest }))),
    )
    assert.deepEqual(all.map(({ outcome }) => outcome).toSorted(), ['begun', ...times(29, () => 'taken')])
    assert.equal((await query(`select id from device_codes where client_id = '${clientId}'`)).length, 1)
  })

  promise('a client that is disabled begins nothing, and what it had begun is nobody’s to decide', async () => {
    const { clientId, asked, code, session } = await withCode()
    const allowed = await beginDeviceCode(first, deviceCodeOf(clientId))
    await first.deviceCodes.allow(allowingOf(allowed, session))
    await second.clients.disable(clientId)
    assert.deepEqual(await first.deviceCodes.begin(deviceCodeOf(clientId)), { outcome: 'gone' })
    assert.deepEqual(await first.deviceCodes.begin(deviceCodeOf('nobody')), { outcome: 'gone' })
    assert.equal(await first.deviceCodes.findPending(asked.userCodeDigest), undefined)
    assert.equal(await first.deviceCodes.allow(allowingOf(code, session)), undefined)
    assert.equal(await first.deviceCodes.deny(code.id, session.id), false)
    for (const each of [code, allowed]) {
      assert.deepEqual([await poll(each), await trySpending(each)], [{ outcome: 'gone' }, { outcome: 'gone' }])
    }
  })

  promise('an allowed device code brings an authorization with all that was decided, once', async () => {
    const { account, clientId, session, code, asked } = await withCode()
    clock.pass(seconds(20))
    const allowing = allowingOf(code, session, { scopes: ['openid'], organizations: [2] })
    const allowed = await second.deviceCodes.allow(allowing)
    const decided = { ...code, state: 'allowed', scopes: ['openid'], accountId: account.id, methods: ['pwd'] } as const
    assert.deepEqual(allowed, decided)
    assert.equal(await first.deviceCodes.findPending(asked.userCodeDigest), undefined)
    const grant = await first.grants.find(account.id, clientId, AUDIENCE)
    assert.deepEqual([grant?.scopes, grant?.organizations], [['openid'], [2]])
    assert.deepEqual(await poll(code), { outcome: 'allowed', code: decided })
    const spending = { ...spendingOf(code), dpopJkt: 'the-thumbprint' }
    const spent = await second.deviceCodes.spend(spending)
    assert.ok(spent.outcome === 'spent')
    const { authorization } = spent
    const { id, lastUsedAt } = authorization
    assert.deepEqual(spent, { outcome: 'spent', authorization, account })
    assert.deepEqual(authorization, {
      id,
      accountId: account.id,
      clientId,
      grantType: 'device_code',
      grantId: grant?.id,
      audience: AUDIENCE,
      scopes: ['openid'],
      organizations: [2],
      offline: true,
      salt: spending.salt,
      generation: 0,
      authenticatedAt: session.authenticatedAt,
      lastUsedAt,
      expiresAt: lastUsedAt + days(30),
      absoluteExpiresAt: lastUsedAt + days(365),
      browserSessionId: undefined,
      claims: undefined,
      dpopJkt: 'the-thumbprint',
    })
    assert.ok(lastUsedAt >= session.authenticatedAt + 20)
    assert.deepEqual(await first.authorizations.findLive(id), { authorization, account })
    assert.deepEqual([await poll(code), await trySpending(code)], [{ outcome: 'replayed' }, { outcome: 'replayed' }])
    assert.ok(await isLive(id))
    const short = await withCode()
    await first.deviceCodes.allow(allowingOf(short.code, short.session))
    const brief = { ...spendingOf(short.code), offline: false, lifetime: { idle: hours(9), absolute: hours(3) } }
    const once = await first.deviceCodes.spend(brief)
    assert.ok(once.outcome === 'spent' && !once.authorization.offline)
    assert.equal(once.authorization.expiresAt, once.authorization.lastUsedAt + hours(3))
  })

  promise('consent at a device adds to what was allowed before, or replaces it', async () => {
    const { account, clientId, session, code } = await withCode()
    await spendCode(first, await issueCode(first, codeOf(session, clientId, { scopes: ['read:users'] })))
    await first.deviceCodes.allow(allowingOf(code, session, { scopes: ['openid'], consent: 'add' }))
    const scopes = async () => (await second.grants.find(account.id, clientId, AUDIENCE))?.scopes
    assert.deepEqual(await scopes(), ['openid', 'read:users'])
    const next = await beginDeviceCode(first, deviceCodeOf(clientId))
    await first.deviceCodes.allow(allowingOf(next, session, { scopes: ['email'], consent: 'replace' }))
    assert.deepEqual(await scopes(), ['email'])
  })

  promise('of many that spend an allowed device code at once one does, and what it was given goes on', async () => {
    for (let round = 0; round < 10; round++) {
      const { session, code } = await withCode()
      await first.deviceCodes.allow(allowingOf(code, session))
      const all = await Promise.all(times(50, (n) => trySpending(code, n)))
      assert.deepEqual(outcomes(all), [...times(49, () => 'replayed'), 'spent'])
      const rows = await query(`select id, ended_at from authorizations where client_id = '${code.clientId}'`)
      assert.deepEqual(
        rows.map(({ ended_at: endedAt }) => endedAt),
        [null],
      )
    }
  })

  promise('each poll that comes too early makes the interval longer, however many come at once', async () => {
    const { code } = await withCode()
    assert.deepEqual(await poll(code), { outcome: 'pending', interval: 5 })
    assert.deepEqual(await poll(code, 1), { outcome: 'slow_down', interval: 10 })
    clock.pass(seconds(9))
    assert.deepEqual(await poll(code), { outcome: 'slow_down', interval: 15 })
    clock.pass(seconds(15))
    assert.deepEqual(await poll(code), { outcome: 'pending', interval: 15 })
    clock.pass(seconds(15))
    const all = await Promise.all(times(20, (n) => poll(code, n)))
    assert.deepEqual(outcomes(all), ['pending', ...times(19, () => 'slow_down')])
    assert.equal((await first.deviceCodes.find(code.id))?.interval, 15 + 19 * 5)
    assert.equal(new Set(all.map((each) => ('interval' in each ? each.interval : 0))).size, 20)
  })

  promise('another client polls for nothing, and the device is not slowed down by it', async () => {
    const { code, session } = await withCode()
    const other = await makeWorld(first)
    const strange = { id: code.id, clientId: other.clientId }
    assert.deepEqual(
      outcomes(await Promise.all(times(5, (n) => poll(strange, n)))),
      times(5, () => 'gone'),
    )
    assert.deepEqual(await poll(code), { outcome: 'pending', interval: 5 })
    await first.deviceCodes.allow(allowingOf(code, session))
    assert.deepEqual([await poll(strange), await trySpending(strange)], [{ outcome: 'gone' }, { outcome: 'gone' }])
    assert.deepEqual(await poll({ id: 4_000_000_000, clientId: code.clientId }), { outcome: 'gone' })
    await spend(code)
  })

  promise('of people who decide at once the first one does, and nothing is written for the others', async () => {
    for (let round = 0; round < 10; round++) {
      const { code } = await withCode()
      const people = await Promise.all(
        times(10, async () => {
          const { account } = await makeWorld(first)
          return { account, session: await beginBrowserSession(first, account) }
        }),
      )
      const decisions = await Promise.all(
        people.map(async ({ session }, n) => {
          await sleep(Math.random() * 2)
          return n % 2 === 0
            ? (await either(n).deviceCodes.allow(allowingOf(code, session))) !== undefined
            : either(n).deviceCodes.deny(code.id, session.id)
        }),
      )
      assert.equal(decisions.filter(Boolean).length, 1)
      const winner = decisions.indexOf(true)
      const { accountId, state } = (await first.deviceCodes.find(code.id))!
      assert.deepEqual([accountId, state], [people[winner]!.account.id, winner % 2 === 0 ? 'allowed' : 'denied'])
      for (const [n, { account }] of people.entries()) {
        const isAllowed = n === winner && winner % 2 === 0
        assert.equal((await second.grants.list(account.id)).length, isAllowed ? 1 : 0)
      }
      assert.equal((await poll(code)).outcome, winner % 2 === 0 ? 'allowed' : 'denied')
      assert.equal((await trySpending(code)).outcome, winner % 2 === 0 ? 'spent' : 'gone')
    }
  })

  promise('a denied device code stays denied', async () => {
    const { code, session } = await withCode()
    assert.equal(await second.deviceCodes.deny(code.id, session.id), true)
    assert.equal(await first.deviceCodes.deny(code.id, session.id), false)
    assert.equal(await first.deviceCodes.allow(allowingOf(code, session)), undefined)
    assert.deepEqual([await poll(code), await poll(code)], [{ outcome: 'denied' }, { outcome: 'denied' }])
    assert.deepEqual(await trySpending(code), { outcome: 'gone' })
  })

  promise('an expired device code is decided and spent by nobody, and its device is told so for a while', async () => {
    const { code, session, clientId } = await withCode()
    const allowed = await beginDeviceCode(first, deviceCodeOf(clientId))
    clock.pass(seconds(500))
    assert.notEqual(await first.deviceCodes.allow(allowingOf(allowed, session)), undefined)
    clock.pass(seconds(100))
    assert.equal(await first.deviceCodes.allow(allowingOf(code, session)), undefined)
    assert.equal(await first.deviceCodes.deny(code.id, session.id), false)
    assert.deepEqual([await poll(code), await poll(allowed)], [{ outcome: 'expired' }, { outcome: 'expired' }])
    assert.deepEqual(await trySpending(allowed), { outcome: 'gone' })
    clock.pass(seconds(EXPIRED_DEVICE_CODES_KEPT))
    assert.deepEqual(await poll(code), { outcome: 'gone' })
  })

  promise('only a live browser session of an account that is not disabled decides', async () => {
    const { account, code, session } = await withCode()
    const ended = await beginBrowserSession(first, account)
    await second.browserSessions.signOut(ended.id)
    const short = await beginBrowserSession(first, account, seconds(60))
    clock.pass(seconds(60))
    const away = await makeWorld(first)
    const disabled = await beginBrowserSession(first, away.account)
    await second.accounts.disable(away.account.id)
    for (const { id } of [ended, short, disabled, { id: 4_000_000_000 }, { id: 0 }]) {
      assert.equal(await first.deviceCodes.allow(allowingOf(code, { id })), undefined)
      assert.equal(await first.deviceCodes.deny(code.id, id), false)
    }
    assert.deepEqual(await first.grants.list(account.id), [])
    assert.notEqual(await first.deviceCodes.allow(allowingOf(code, session)), undefined)
  })

  promise(
    'what is allowed and not spent ends with the grant, the password, the account and a sign-out everywhere',
    async () => {
      const ends: readonly (readonly [string, (of: { accountId: number; clientId: string }) => Promise<unknown>])[] = [
        ['the grant', ({ accountId, clientId }) => second.grants.end(accountId, clientId)],
        ['a new password', ({ accountId }) => second.accounts.setPassword(accountId, '$argon2id$new')],
        ['a disabled account', ({ accountId }) => second.accounts.disable(accountId)],
        ['a sign-out everywhere', ({ accountId }) => second.browserSessions.endAll(accountId)],
      ]
      for (const [how, end] of ends) {
        const { account, clientId, session, code } = await withCode()
        await first.deviceCodes.allow(allowingOf(code, session))
        const spent = await beginDeviceCode(first, deviceCodeOf(clientId))
        await first.deviceCodes.allow(allowingOf(spent, session))
        const authorization = await spend(spent)
        const undecided = await beginDeviceCode(first, deviceCodeOf(clientId))
        const bystander = await withCode()
        await first.deviceCodes.allow(allowingOf(bystander.code, bystander.session))
        await end({ accountId: account.id, clientId })
        assert.deepEqual([await poll(code), await trySpending(code)], [{ outcome: 'gone' }, { outcome: 'gone' }], how)
        assert.deepEqual(await poll(spent), { outcome: 'replayed' }, how)
        assert.equal(await isLive(authorization.id), false, how)
        assert.equal((await poll(undecided)).outcome, 'pending', how)
        await spend(bystander.code)
      }
    },
  )

  promise('a sign-out ends what was allowed in the session and is not spent; what came of it goes on', async () => {
    const { session, code, clientId } = await withCode()
    await first.deviceCodes.allow(allowingOf(code, session))
    const { id } = await spend(code)
    const late = await beginDeviceCode(first, deviceCodeOf(clientId))
    await first.deviceCodes.allow(allowingOf(late, session))
    assert.deepEqual((await second.browserSessions.signOut(session.id))?.ended, [])
    assert.ok(await isLive(id))
    assert.deepEqual([await poll(late), await trySpending(late)], [{ outcome: 'gone' }, { outcome: 'gone' }])
  })

  promise('of what is spent while its account signs out everywhere nothing is live afterwards', async () => {
    for (let round = 0; round < 15; round++) {
      const { account, clientId, session } = await withCode()
      const codes = await Promise.all(times(10, () => beginDeviceCode(first, deviceCodeOf(clientId))))
      for (const code of codes) await first.deviceCodes.allow(allowingOf(code, session))
      const hesitate = () => sleep(Math.random() * 3)
      await Promise.all([
        ...codes.map(async (code, n) => {
          await hesitate()
          await trySpending(code, n)
        }),
        hesitate().then(() => either(round).browserSessions.endAll(account.id)),
      ])
      assert.deepEqual(await first.authorizations.list(account.id), [])
      assert.ok(outcomes(await Promise.all(codes.map((code) => trySpending(code)))).every((each) => each !== 'spent'))
    }
  })

  promise('device codes are swept when they are no longer known', async () => {
    await withOwnDatabase(async (store, own) => {
      const { clientId } = await makeWorld(store)
      await Promise.all(times(20, () => store.deviceCodes.begin(deviceCodeOf(clientId))))
      const count = async () => Number((await own.query('select count(*) as count from device_codes'))[0]!['count'])
      clock.pass(seconds(500 + EXPIRED_DEVICE_CODES_KEPT))
      await store.sweep()
      assert.equal(await count(), 20)
      clock.pass(seconds(100))
      await store.sweep()
      assert.equal(await count(), 0)
      clock.pass(hours(1))
    })
  })
}
