import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import type { RegisteredClient } from '#clients/register.ts'
import type { Account, ClientPolicy } from '#stores/records.ts'
import { findClosedPort, startTlsServer } from '../outbound/servers.ts'
import { authorize, ISSUER, makeSite, openBrowser, signInHere, type BrowserLike } from '../support/browser_like.ts'
import { claimsOf, PASSWORD, startPostern } from '../support/running_postern.ts'
import { linesOf } from '../attacks/attacking.ts'
import { eventually, startReceiver, type Receiver } from './receiver.ts'

// From a sign-out to the client that is told of it: the whole server, and a client that listens.

const file = { after: (await import('node:test')).after } as Parameters<typeof startPostern>[0]
const postern = await startPostern(file, { config: { outbound: { allow: ['127.0.0.1'] } } })
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

const makeTold = (uri: string, policy: Partial<ClientPolicy> = {}): Promise<RegisteredClient> =>
  makeSite(postern, { backchannelLogoutUri: uri, ...policy })

type Visit = { readonly account: Account; readonly browser: BrowserLike; readonly idToken: string }
const visit = async (...clients: readonly RegisteredClient[]): Promise<Visit> => {
  const account = await postern.makeAccount()
  const browser = openBrowser(postern)
  let idToken = ''
  for (const client of clients) {
    const parameters = { scope: 'openid offline_access read:entities', nonce: 'n-123' }
    idToken = (await authorize(postern, client, account, { browser, parameters })).id_token ?? ''
  }
  return { account, browser, idToken }
}
const signOut = async ({ browser }: Visit): Promise<void> => {
  assert.equal((await browser.submit(await browser.get('/account'), '/account/sign-out')).status, 200)
}
const verify = async (token: string, client: RegisteredClient) => {
  const keys = (await (await fetch(`${postern.origin}/.well-known/jwks.json`)).json()) as JSONWebKeySet
  const expected = { issuer: ISSUER, audience: client.client.id, typ: 'logout+jwt' }
  return jwtVerify(token, createLocalJWKSet(keys), expected)
}
/** Audit events about deliveries to this client. */
const eventsOf = ({ client }: RegisteredClient) =>
  linesOf(postern)
    .filter((line) => String(line['audit']).startsWith('logout_token_') && line['client'] === client.id)
    .map(({ audit, attempt, status }) => [audit, attempt, status])
const waits = async ({ client }: RegisteredClient): Promise<boolean> => {
  const all = await postern.store.logoutDeliveries.take(0, 1 as never)
  assert.deepEqual(all, [])
  return eventsOf({ client } as RegisteredClient).every(([audit]) => audit === 'logout_token_postponed')
}

test('K28 · a logout token is what a client can check, and nothing that passes for an ID token (BCL §2.4, §2.6; RFC 8725 §3.11)', async (t) => {
  for (const algorithm of ['RS256', 'ES256'] as const) {
    const receiver = await startReceiver(t)
    const client = await makeTold(receiver.uri, { idTokenSigningAlgorithm: algorithm })
    const visited = await visit(client)
    await signOut(visited)
    await eventually(() => receiver.received.length > 0)
    const [{ token, contentType, path }] = receiver.received as readonly [(typeof receiver.received)[number]]
    assert.equal(contentType, 'application/x-www-form-urlencoded')
    assert.equal(path, '/backchannel-logout')
    const { payload, protectedHeader } = await verify(token, client)
    const { iat, exp, jti, ...rest } = payload
    const hinted = claimsOf(visited.idToken)
    assert.deepEqual(Object.keys(protectedHeader).toSorted(), ['alg', 'kid', 'typ'])
    assert.equal(protectedHeader.alg, algorithm)
    assert.deepEqual(rest, {
      iss: ISSUER,
      sub: hinted['sub'],
      aud: client.client.id,
      events: { [EVENT]: {} },
      sid: hinted['sid'],
    })
    assert.equal(exp, iat! + 120)
    assert.ok(Math.abs(iat! - Date.now() / 1000) < 30)
    assert.match(jti!, /^[\w-]{22}$/)
    assert.ok(!('nonce' in payload))
    await eventually(() => eventsOf(client).length > 0)
    assert.deepEqual(eventsOf(client), [['logout_token_delivered', 1, undefined]])

    // It is none of our other tokens, wherever it is shown.
    const browser = openBrowser(postern)
    await signInHere(browser, visited.account)
    const hint = await browser.get(`/oidc/logout?${new URLSearchParams({ id_token_hint: token }).toString()}`)
    assert.equal(hint.status, 400)
    const userinfo = await fetch(`${postern.origin}/userinfo`, { headers: { authorization: `Bearer ${token}` } })
    assert.equal(userinfo.status, 401)
  }
})

test('each client of the session is told once, and those of other sessions and people are not', async (t) => {
  const [one, two, three, bystander] = await Promise.all([1, 2, 3, 4].map(() => startReceiver(t)))
  const clients = await Promise.all([one!, two!, three!, bystander!].map(({ uri }) => makeTold(uri)))
  const visited = await visit(clients[0]!, clients[1]!, clients[0]!)
  await visit(clients[3]!)
  await authorize(postern, clients[2]!, visited.account, { parameters: { scope: 'openid' } })
  await signOut(visited)
  await eventually(() => one!.received.length > 0 && two!.received.length > 0)
  await sleep(2500)
  assert.deepEqual(
    [one, two, three, bystander].map((each) => each!.received.length),
    [1, 1, 0, 0],
  )
})

const everywhere: readonly (readonly [string, (visited: Visit) => Promise<unknown>])[] = [
  [
    'a sign-out everywhere',
    async ({ browser }) => browser.submit(await browser.get('/account'), '/account/sign-out-everywhere'),
  ],
  [
    'a new password',
    async ({ browser }) =>
      browser.submit(await browser.get('/account/password'), '/account/password', {
        current_password: PASSWORD,
        new_password: 'another horse battery',
        new_password_again: 'another horse battery',
      }),
  ],
  ['support', ({ account }) => postern.store.browserSessions.endAll(account.id)],
  ['disabling the account', ({ account }) => postern.store.accounts.disable(account.id)],
]
for (const [how, end] of everywhere) {
  test(`${how} is told too: of all that the person has there, or of each session by name`, async (t) => {
    const [plain, strict] = [await startReceiver(t), await startReceiver(t)]
    const told = await makeTold(plain.uri)
    const toldWhich = await makeTold(strict.uri, { backchannelLogoutSessionRequired: true })
    const visited = await visit(told, toldWhich)
    await end(visited)
    await eventually(() => plain.received.length > 0 && strict.received.length > 0)
    const { sub, sid } = claimsOf(visited.idToken)
    const { payload } = await verify(plain.received[0]!.token, told)
    const { payload: named } = await verify(strict.received[0]!.token, toldWhich)
    assert.deepEqual([payload.sub, payload['sid']], [sub, undefined])
    assert.deepEqual([named.sub, named['sid']], [sub, sid])
    assert.deepEqual([plain.received.length, strict.received.length], [1, 1])
  })
}

test('time ends a session without a word', async (t) => {
  const receiver = await startReceiver(t)
  const client = await makeTold(receiver.uri)
  const { browser } = await visit(client)
  postern.travel(13 * 3600)
  await browser.get('/account')
  await sleep(1500)
  assert.deepEqual(receiver.received, [])
})

const outcomeOf = async (receiver: Receiver, answers: Receiver['answers']) => {
  receiver.answers = answers
  const client = await makeTold(receiver.uri)
  await signOut(await visit(client))
  await eventually(() => eventsOf(client).length > 0)
  return { client, events: eventsOf(client) }
}

test('200 and 204 are done, 400 is refused for good, all else is tried again, and no redirect is followed (BCL §2.8)', async (t) => {
  for (const status of [200, 204]) {
    const { events } = await outcomeOf(await startReceiver(t), status)
    assert.deepEqual(events, [['logout_token_delivered', 1, undefined]])
  }
  const refusing = await startReceiver(t)
  const { client, events } = await outcomeOf(refusing, 400)
  assert.deepEqual(events, [['logout_token_refused', 1, 400]])
  for (const status of [201, 302, 401, 404, 429, 500, 503]) {
    const receiver = await startReceiver(t)
    const outcome = await outcomeOf(receiver, status)
    assert.deepEqual(outcome.events, [['logout_token_postponed', 1, status]])
    assert.deepEqual(
      receiver.received.map(({ path }) => path),
      ['/backchannel-logout'],
    )
    assert.ok(await waits(outcome.client))
  }
  postern.travel(3600)
  await sleep(1500)
  assert.equal(refusing.received.length, 1)
  assert.equal(eventsOf(client).length, 1)
})

test('a client that is away is told when it is back, with a token made then; one that stays away is given up after a day', async (t) => {
  const receiver = await startReceiver(t)
  const { client } = await outcomeOf(receiver, 503)
  receiver.answers = 200
  postern.travel(10)
  await eventually(() => receiver.received.length === 2)
  await eventually(() => eventsOf(client).length === 2)
  assert.deepEqual(eventsOf(client), [
    ['logout_token_postponed', 1, 503],
    ['logout_token_delivered', 2, undefined],
  ])
  const [first, second] = receiver.received.map(({ token }) => claimsOf(token))
  assert.notEqual(first!['jti'], second!['jti'])
  assert.ok(Number(second!['iat']) >= Number(first!['iat']) + 10)

  const away = await makeTold(`http://127.0.0.1:${await findClosedPort()}/logout`)
  await signOut(await visit(away))
  for (let attempt = 1; eventsOf(away).at(-1)?.[0] !== 'logout_token_given_up'; attempt++) {
    await eventually(() => eventsOf(away).length >= attempt)
    assert.ok(attempt < 20)
    postern.travel(5 * 3600)
  }
  const events = eventsOf(away)
  assert.ok(events.length >= 4 && events.every(([, , status]) => status === undefined), JSON.stringify(events))
})

test('what may not be asked is not asked: an address that is not public, a certificate that is not trusted (RFC 9700 §4.12)', async (t) => {
  let asked = 0
  const tls = await startTlsServer(t, (_, response) => {
    asked++
    response.end()
  })
  for (const uri of [
    `https://127.0.0.1:${tls.port}/logout`,
    `http://[::1]:${tls.port}/logout`,
    'https://10.0.0.1/logout',
  ]) {
    const client = await makeTold(uri)
    await signOut(await visit(client))
    await eventually(() => eventsOf(client).length > 0)
    assert.deepEqual(eventsOf(client), [['logout_token_postponed', 1, undefined]])
  }
  assert.equal(asked, 0)
})

test('a client that never answers keeps no other waiting, and is asked by one request at a time', async (t) => {
  const silent = await startReceiver(t)
  silent.answers = 'never'
  const slow = await startReceiver(t, 30)
  const [never, well] = [await makeTold(silent.uri), await makeTold(slow.uri)]
  const visits = await Promise.all([1, 2, 3, 4, 5].map(() => visit(never, well)))
  await Promise.all(visits.map(signOut))
  await eventually(() => slow.received.length === 5)
  assert.ok(silent.mostAtOnce() <= 1)
  assert.equal(slow.mostAtOnce(), 1)
  assert.equal(new Set(slow.received.map(({ token }) => claimsOf(token)['sub'])).size, 5)
})

test('a client that was disabled since is not told', async (t) => {
  const receiver = await startReceiver(t)
  const { client } = await outcomeOf(receiver, 503)
  await postern.store.clients.disable(client.client.id)
  postern.travel(10)
  await eventually(() => eventsOf(client).length === 2)
  assert.deepEqual(eventsOf(client).at(-1), ['logout_token_dropped', 2, undefined])
  assert.equal(receiver.received.length, 1)
})
