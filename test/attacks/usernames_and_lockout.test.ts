import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { RegistrationError } from '#accounts/register.ts'
import { StoreConflictError } from '#stores/store.ts'
import { createTestDatabase, noPostgres } from '../support/postgres.ts'
import { PASSWORD, startPostern, type RunningPostern, type TokenAnswer } from '../support/running_postern.ts'
import {
  assertGranted,
  assertRefused,
  auditsOf,
  bridge,
  callPlatform,
  countHashes,
  credentials,
  file,
  logIn,
  PASSWORD_REALM,
  startSecondNode,
  tally,
  type PlatformAnswer,
} from './attacking.ts'

// Names that look alike, answers that tell too much, and guessing in every rhythm.
//
// Not here:
// - J10, J11 · there is no reset, no registration by users, no identifier-first page (the page asks for name and password at once), no
//   passkey, no WebFinger.
// - The kill in the middle of J13 is a test of test/app/crash.test.ts: what is acknowledged survives it.

const wide = { account_burst: 1000, account_total_burst: 10_000, address_burst: 100_000 }
const postern = await startPostern(file, { config: { throttling: wide } })
const client = await postern.makeClient()

const signIn = (username: string, password = PASSWORD): Promise<TokenAnswer> =>
  postern.signIn(client, username, { password })

/** Signs in from an address, as a trusted proxy tells it. */
const signInFrom = (at: RunningPostern, app: typeof client, address: string, username: string, password: string) =>
  at.token({ grant_type: 'password', username, password, ...credentials(app) }, { 'x-forwarded-for': address })

const behindProxy = { listen: { trusted_proxies: ['127.0.0.1'] } }

test('J01 · a name composed in two ways is one name (RFC 8265 §3.3)', async () => {
  const composed = 'ren\u00e9@example.com'
  const decomposed = 'rene\u0301@example.com'
  assert.notEqual(composed, decomposed)
  const account = await postern.makeAccount({ username: composed })
  for (const username of [composed, decomposed, composed.toUpperCase()]) {
    const { access_token } = assertGranted(await signIn(username))
    const { text } = await callPlatform(postern, '/api/v2.0/session', { bearer: access_token })
    assert.match(text, new RegExp(`"id":${account.id}\\b`))
    assert.equal((await logIn(postern, client.client.id, username, PASSWORD)).status, 200)
  }
  for (const username of [decomposed, composed.toUpperCase()]) {
    await assert.rejects(postern.makeAccount({ username }), StoreConflictError)
  }
  assertRefused(await signIn('rene@example.com'), 400, 'invalid_grant')
  await postern.makeAccount({ username: 'rene@example.com' })
})

test('J02 · a name that other case rules take for yours neither signs you in nor can be registered (RFC 8265)', async () => {
  for (const [name, double] of [
    ['jessica', 'je\u017f\u017fica'],
    ['strasse', 'stra\u00dfe'],
    ['istanbul', '\u0130stanbul'],
    ['\u0130zmir', 'izmir'],
    ['admin', '\uff41\uff44\uff4d\uff49\uff4e'],
    ['finance', '\ufb01nance'],
    ['number1', 'number\u00b9'],
    ['soft', 'so\u00adft'],
    ['zero', 'ze\u200bro'],
    ['marked', 'marked\u200e'],
    ['\u03bf\u03b4\u03bf\u03c2', '\u03bf\u03b4\u03bf\u03c3'],
  ] as const) {
    await postern.makeAccount({ username: `${name}@example.com` })
    const looksAlike = `${double}@example.com`
    assertRefused(await signIn(looksAlike), 400, 'invalid_grant')
    assert.equal((await logIn(postern, client.client.id, looksAlike, PASSWORD)).status, 401, double)
    await assert.rejects(
      postern.makeAccount({ username: looksAlike }),
      (error) => error instanceof RegistrationError || error instanceof StoreConflictError,
      double,
    )
    assertGranted(await signIn(`${name}@example.com`))
  }
})

test('J02 · the Kelvin sign is the letter K in every normal form, so it is one name with one account', async () => {
  assert.equal('\u212a'.normalize('NFC'), 'K')
  await postern.makeAccount({ username: 'kevin@example.com' })
  assertGranted(await signIn('\u212aevin@example.com'))
  await assert.rejects(postern.makeAccount({ username: '\u212aevin@example.com' }), StoreConflictError)
})

test('J04 · a name that borrows letters of another alphabet to look like yours is not registered (Unicode TS 39 §5.1)', async () => {
  for (const [name, double] of [
    ['administrator', '\u0430dministrator'],
    ['paypal', 'p\u0430yp\u0430l'],
    ['operator', '\u03bfperator'],
    ['\u0430\u043d\u043d\u0430', 'a\u043d\u043d\u0430'],
    ['supp\u00f6rt', 'supp\u04e7rt'],
    ['house', '\u0570ouse'],
  ] as const) {
    await postern.makeAccount({ username: `${name}@example.com` })
    await assert.rejects(postern.makeAccount({ username: `${double}@example.com` }), RegistrationError, double)
    assertRefused(await signIn(`${double}@example.com`), 400, 'invalid_grant')
    assertGranted(await signIn(`${name}@example.com`))
  }
  // One alphabet for each word is nobody's double.
  for (const honest of [
    '\u0438\u0432\u0430\u043d.petrov@example.com',
    '\u5f20\u4f1fwei@example.com',
    'z\u0308oe@example.com',
  ]) {
    await postern.makeAccount({ username: honest })
    assertGranted(await signIn(honest))
  }
})

test('J05 · a password is compared composed, and otherwise to the last space (RFC 8265 §4.2)', async () => {
  const password = '  p\u00e4ss \u{1f511}  word '
  const { username } = await postern.makeAccount({ password })
  assertGranted(await signIn(username, password))
  assertGranted(await signIn(username, password.normalize('NFD')))
  assertGranted(await signIn(username, password.replace('ss ', 'ss\u00a0')))
  for (const wrong of [
    password.trim(),
    password.trimEnd(),
    password.trimStart(),
    password.replace('  w', ' w'),
    password.toUpperCase(),
    password.replace('\u00e4', 'a'),
    `${password} `,
    `${password}\n`,
    password.replace('\u{1f511}', '\ufffd'),
  ]) {
    assertRefused(await signIn(username, wrong), 400, 'invalid_grant')
    assert.equal((await logIn(postern, client.client.id, username, wrong)).status, 401)
  }
  assert.equal((await logIn(postern, client.client.id, username, password)).status, 200)
})

test('J05 · the longest password that can be registered signs in, however it is spelled', async () => {
  for (const character of ['a', '\u00e9', '\u{1f511}']) {
    const password = character.repeat(1024)
    const { username } = await postern.makeAccount({ password })
    assertGranted(await signIn(username, password))
    assertGranted(await signIn(username, password.normalize('NFD')))
    assertRefused(await signIn(username, password.slice(0, -character.length)), 400, 'invalid_grant')
    await assert.rejects(postern.makeAccount({ password: password + character }), RegistrationError)
  }
})

test('J07 · a password is not cut at U+0000', async () => {
  const { username } = await postern.makeAccount({ password: 'password a' })
  for (const password of ['password a\0b', 'password a\0', '\0password a']) {
    assertRefused(await signIn(username, password), 400, 'invalid_request')
    assert.equal((await logIn(postern, client.client.id, username, password)).status, 400)
  }
  await assert.rejects(postern.makeAccount({ password: 'password a\0b' }), RegistrationError)
  assertGranted(await signIn(username, 'password a'))
})

/** Everything of an answer that a stranger can compare. */
const comparable = (headers: Headers, status: number, body: unknown) => ({
  status,
  body,
  headers: [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id'),
})

const comparableToken = ({ headers, status, body }: TokenAnswer) => comparable(headers, status, body)
const comparableLogin = ({ headers, status, text }: PlatformAnswer) =>
  comparable(headers, status, text.replace(/called_on":"[^"]*"|called_on="[^"]*"/, 'called_on'))

test('J08 · an unknown, a disabled and a foreign account are answered as a wrong password is, at the price of one hash', async (t) => {
  const known = await postern.makeAccount()
  const disabled = await postern.makeAccount()
  await postern.store.accounts.disable(disabled.id)
  const confined = await postern.makeClient({ passwordAccounts: { ids: [known.id] } })
  const foreign = await postern.makeAccount()
  const unknown = (name: string) => `${name}-nobody@example.com`
  const hashes = countHashes(t)
  const tokenOf = async (username: string, password: string, app = client, parameters = {}) => {
    const before = hashes()
    const answer = comparableToken(await postern.signIn(app, username, { password, ...parameters }))
    return { ...answer, hashes: hashes() - before }
  }
  const wrong = await tokenOf(known.username, 'a wrong password')
  assert.deepEqual([wrong.status, wrong.hashes], [400, 1])
  for (const answer of [
    await tokenOf(unknown('a'), 'a wrong password'),
    await tokenOf(unknown('b'), PASSWORD),
    await tokenOf('\u{fdfa}', 'a wrong password'),
    await tokenOf('not a name at all', 'a wrong password'),
    await tokenOf(disabled.username, PASSWORD),
    await tokenOf(disabled.username, 'a wrong password'),
    await tokenOf(foreign.username, PASSWORD, confined),
    await tokenOf(foreign.username, 'a wrong password', confined),
    await tokenOf(known.username, PASSWORD, client, { grant_type: PASSWORD_REALM, realm: 'Staff' }),
  ]) {
    assert.deepEqual(answer, wrong)
  }
  for (const accept of ['application/json', 'application/xml']) {
    const loginOf = async (user: string, password: string) => {
      const before = hashes()
      const answer = comparableLogin(await logIn(postern, client.client.id, user, password, { accept }))
      return { ...answer, hashes: hashes() - before }
    }
    const wrongLogin = await loginOf(known.username, 'a wrong password')
    assert.deepEqual([wrongLogin.status, wrongLogin.hashes], [401, 1])
    for (const [user, password] of [
      [unknown('c'), PASSWORD],
      [disabled.username, PASSWORD],
      [disabled.username, 'a wrong password'],
      ['not a name at all', PASSWORD],
    ] as const) {
      assert.deepEqual(await loginOf(user, password), wrongLogin)
    }
  }
  assertGranted(await signIn(known.username))
  assertGranted(await postern.signIn(confined, known.username))
})

/** Guesses of which one is right, at a place that nobody knows. */
const guessesAt = (count: number): readonly string[] => {
  const right = randomInt(count)
  return Array.from({ length: count }, (_, n) => (n === right ? PASSWORD : `guess number ${n}`))
}

const assertBounded = (
  t: TestContext,
  answers: readonly TokenAnswer[],
  { hashes, burst }: { readonly hashes: number; readonly burst: number },
): void => {
  const succeeded = answers.filter(({ status }) => status === 200).length
  t.diagnostic(`answers ${JSON.stringify(tally(answers.map(({ status }) => status)))}; ${hashes} guesses evaluated`)
  assert.ok(succeeded <= 1)
  assert.ok(hashes - succeeded <= burst, `${hashes - succeeded} wrong guesses were evaluated, ${burst} may be`)
  assert.ok(hashes > 0)
  for (const { status } of answers) assert.ok([200, 400, 429, 503].includes(status), String(status))
}

test('J12 · of 500 guesses at once at one account no more are evaluated than the budget holds (CVE-2025-64102)', async (t) => {
  const at = await startPostern(t, { config: { throttling: { account_burst: 7 } } })
  const app = await at.makeClient()
  const victim = await at.makeAccount()
  const hashes = countHashes(t)
  const answers = await Promise.all(
    guessesAt(500).map((password, n) =>
      at.signIn(app, victim.username, n % 2 === 0 ? { password } : { password, grant_type: PASSWORD_REALM }),
    ),
  )
  assertBounded(t, answers, { hashes: hashes(), burst: 7 })
  assertRefused(await at.signIn(app, victim.username), 400, 'invalid_grant')
  at.travel(8 * 60)
  assertGranted(await at.signIn(app, victim.username))
})

test('J12 · nor of guesses from 100 addresses at once', async (t) => {
  const at = await startPostern(t, { config: { ...behindProxy, throttling: { account_total_burst: 12 } } })
  const app = await at.makeClient()
  const victim = await at.makeAccount()
  const hashes = countHashes(t)
  const answers = await Promise.all(
    guessesAt(200).map((password, n) => signInFrom(at, app, `198.51.100.${n % 100}`, victim.username, password)),
  )
  assertBounded(t, answers, { hashes: hashes(), burst: 12 })
  at.travel(13 * 60)
  assertGranted(await at.signIn(app, victim.username))
})

test('J13 · two servers on one database share the budget', { skip: noPostgres }, async (t) => {
  const database = await createTestDatabase()
  t.after(() => database.drop())
  const first = await startPostern(t, { postgresUrl: database.url, config: { throttling: { account_burst: 7 } } })
  const second = await startSecondNode(t, first, database.url)
  const app = await first.makeClient()
  const victim = await first.makeAccount()
  const hashes = countHashes(t)
  const guess = async (origin: string, password: string): Promise<TokenAnswer> => {
    const response = await fetch(`${origin}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'password',
        username: victim.username,
        password,
        ...credentials(app),
      }),
    })
    return { status: response.status, headers: response.headers, body: (await response.json()) as TokenAnswer['body'] }
  }
  const answers = await Promise.all(
    guessesAt(120).map((password, n) => guess(n % 2 === 0 ? first.origin : second.origin, password)),
  )
  assertBounded(t, answers, { hashes: hashes(), burst: 7 })
  assertRefused(await guess(second.origin, PASSWORD), 400, 'invalid_grant')
  const another = await first.makeAccount()
  assertGranted(await first.signIn(app, another.username))
})

test('J14 · one password tried at many accounts from one address ends in 429, and others are not held up', async (t) => {
  const at = await startPostern(t, { config: { ...behindProxy, throttling: { address_burst: 6 } } })
  const app = await at.makeClient()
  const owner = await at.makeAccount()
  const hashes = countHashes(t)
  const answers: TokenAnswer[] = []
  for (let n = 0; n < 30; n++) {
    answers.push(await signInFrom(at, app, '203.0.113.5', `user${n}@example.com`, 'Password123'))
  }
  assert.equal(hashes(), 6)
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 400: 6, 429: 24 })
  for (const answer of answers.slice(6)) {
    assert.equal(answer.body.error, 'too_many_attempts')
    // J23: how long to wait, and not from a cache (RFC 6585 §4).
    assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
  }
  assert.equal((await signInFrom(at, app, '203.0.113.5', owner.username, PASSWORD)).status, 429)
  const atLogin = await logIn(at, app.client.id, owner.username, PASSWORD, { 'x-forwarded-for': '203.0.113.5' })
  assert.equal(atLogin.status, 429)
  assert.match(atLogin.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  assert.match(atLogin.headers.get('cache-control') ?? '', /no-store/)
  assertGranted(await signInFrom(at, app, '203.0.113.6', owner.username, PASSWORD))
  at.travel(7)
  assertGranted(await signInFrom(at, app, '203.0.113.5', owner.username, PASSWORD))
})

test('J14 · X-Forwarded-For gives nobody a new budget who is no trusted proxy, nor what stands left of the proxy’s entry', async (t) => {
  const direct = await startPostern(t, { config: { throttling: { address_burst: 3 } } })
  const proxied = await startPostern(t, { config: { ...behindProxy, throttling: { address_burst: 3 } } })
  for (const [at, forwarded] of [
    [direct, (n: number) => `203.0.113.${n}`],
    [proxied, (n: number) => `198.51.100.${n}, 203.0.113.9`],
  ] as const) {
    const app = await at.makeClient()
    const statuses: number[] = []
    for (let n = 0; n < 6; n++) {
      statuses.push((await signInFrom(at, app, forwarded(n), `user${n}@example.com`, 'wrong password')).status)
    }
    assert.deepEqual(statuses, [400, 400, 400, 429, 429, 429])
  }
  const app = await proxied.makeClient()
  const owner = await proxied.makeAccount()
  assertGranted(await signInFrom(proxied, app, '203.0.113.10', owner.username, PASSWORD))
})

test('J16 · an owner who signed in from an address before does so again while 100 others guess (NIST SP 800-63B §5.2.2)', async (t) => {
  const at = await startPostern(t, { config: { ...behindProxy, throttling: { account_total_burst: 10 } } })
  const app = await at.makeClient()
  const owner = await at.makeAccount()
  const home = '192.0.2.44'
  const before = assertGranted(
    await at.token(
      {
        grant_type: 'password',
        username: owner.username,
        password: PASSWORD,
        scope: 'offline_access manage:services',
        ...credentials(app),
      },
      { 'x-forwarded-for': home },
    ),
  )
  const session = await bridge(at, before.access_token)
  const hashes = countHashes(t)
  const storm = (round: number) =>
    Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        signInFrom(at, app, `198.51.100.${n}`, owner.username, `guess ${round} from ${n}`),
      ),
    )
  const first = storm(1)
  assertGranted(await signInFrom(at, app, home, owner.username, PASSWORD))
  const answers = [...(await first), ...(await storm(2))]
  t.diagnostic(`answers to the storm ${JSON.stringify(tally(answers.map(({ status }) => status)))}, ${hashes()} hashes`)
  assert.ok(answers.every(({ status }) => status === 400 || status === 503))
  assert.ok(hashes() <= 10 + 1)
  assertGranted(await signInFrom(at, app, home, owner.username, PASSWORD))
  const atLogin = await logIn(at, app.client.id, owner.username, PASSWORD, { 'x-forwarded-for': home })
  assert.equal(atLogin.status, 200)
  // From a new address the account's own budget counts, which is back within 15 minutes of the storm's end.
  assertRefused(await signInFrom(at, app, '192.0.2.99', owner.username, PASSWORD), 400, 'invalid_grant')
  // J17: what was signed in goes on.
  assert.equal((await callPlatform(at, '/api/v2.0/session', { session })).status, 200)
  assertGranted(
    await at.token({ grant_type: 'refresh_token', refresh_token: before.refresh_token, ...credentials(app) }),
  )
  at.travel(15 * 60)
  assertGranted(await signInFrom(at, app, '192.0.2.99', owner.username, PASSWORD))
})

test('J17 · a locked account keeps its sessions and tokens', async (t) => {
  const at = await startPostern(t, { config: { throttling: { account_burst: 3 } } })
  const app = await at.makeClient()
  const owner = await at.makeAccount()
  const scope = 'offline_access manage:services'
  const granted = assertGranted(await at.signIn(app, owner.username, { scope }))
  const session = await bridge(at, granted.access_token)
  for (let n = 0; n < 5; n++) await at.signIn(app, owner.username, { password: 'wrong password' })
  assertRefused(await at.signIn(app, owner.username), 400, 'invalid_grant')
  assert.equal((await callPlatform(at, '/api/v2.0/session', { session })).status, 200)
  assert.equal((await callPlatform(at, '/api/v2.0/session', { bearer: granted.access_token })).status, 200)
  assertGranted(
    await at.token({ grant_type: 'refresh_token', refresh_token: granted.refresh_token, ...credentials(app) }),
  )
})

test('J19 · signing in with an account of one’s own does not refill the budget for guessing at others', async (t) => {
  const at = await startPostern(t, { config: { throttling: { address_burst: 5, account_burst: 3 } } })
  const app = await at.makeClient()
  const attacker = await at.makeAccount()
  const victim = await at.makeAccount()
  const statuses: number[] = []
  for (let n = 0; n < 8; n++) {
    statuses.push((await at.signIn(app, `${n}-${victim.username}`, { password: 'a wrong guess' })).status)
    await at.signIn(app, attacker.username)
  }
  assert.deepEqual(statuses, [400, 400, 400, 400, 400, 429, 429, 429])
  at.travel(3600)
  const guesses: string[] = []
  for (let n = 0; n < 4; n++) {
    assertGranted(await at.signIn(app, attacker.username))
    const events = await auditsOf(at, () => at.signIn(app, victim.username, { password: `wrong guess ${n}` }))
    guesses.push(String(events[0]?.['reason']))
  }
  assert.deepEqual(tally(guesses.slice(0, 3)), { 'wrong password': 3 })
  assert.match(guesses[3]!, /too many/)
})

test('J20 · a locked account answers the right password as it does a wrong one', async (t) => {
  const at = await startPostern(t, { config: { throttling: { account_burst: 2 } } })
  const app = await at.makeClient()
  const owner = await at.makeAccount()
  const [first, , locked] = [
    await at.signIn(app, owner.username, { password: 'wrong 1' }),
    await at.signIn(app, owner.username, { password: 'wrong 2' }),
    await at.signIn(app, owner.username, { password: 'wrong 3' }),
  ]
  const hashes = countHashes(t)
  const right = await at.signIn(app, owner.username)
  assert.equal(hashes(), 0)
  assert.deepEqual(comparableToken(right), comparableToken(first))
  assert.deepEqual(comparableToken(right), comparableToken(locked))
  const apiKey = app.client.id
  const wrongLogin = await logIn(at, apiKey, owner.username, 'wrong 4')
  assert.deepEqual(comparableLogin(await logIn(at, apiKey, owner.username, PASSWORD)), comparableLogin(wrongLogin))
  at.travel(61)
  assertGranted(await at.signIn(app, owner.username))
})

test('a remembered password is no way around the lock', async (t) => {
  const at = await startPostern(t, { config: { throttling: { account_burst: 2 } } })
  const app = await at.makeClient()
  const owner = await at.makeAccount()
  assertGranted(await at.signIn(app, owner.username))
  for (let n = 0; n < 2; n++) await at.signIn(app, owner.username, { password: 'wrong password' })
  const hashes = countHashes(t)
  assertRefused(await at.signIn(app, owner.username), 400, 'invalid_grant')
  assert.equal(hashes(), 0)
  at.travel(61)
  assertGranted(await at.signIn(app, owner.username))
})

test('a client secret that a person chose is guessed at a bounded rate too, and one that we made needs no bound', async (t) => {
  const at = await startPostern(t, { config: { ...behindProxy, throttling: { account_burst: 4 } } })
  const chosen = await at.makeClient({}, { importedSecret: 'CLIENT_SECRET' })
  const ours = await at.makeClient()
  const ask = (id: string, client_secret: string, address = '203.0.113.5') =>
    at.token({ grant_type: 'client_credentials', client_id: id, client_secret }, { 'x-forwarded-for': address })
  assertGranted(await ask(chosen.client.id, 'CLIENT_SECRET', '203.0.113.77'))
  const hashes = countHashes(t)
  const statuses = await Promise.all(
    Array.from({ length: 30 }, (_, n) => ask(chosen.client.id, `CLIENT_SECRET${n}`).then(({ status }) => status)),
  )
  assert.deepEqual(tally(statuses), { 401: 30 })
  assert.equal(hashes(), 4)
  assertRefused(await ask(chosen.client.id, 'CLIENT_SECRET'), 401, 'invalid_client')
  assertGranted(await ask(chosen.client.id, 'CLIENT_SECRET', '203.0.113.77'))
  for (let n = 0; n < 20; n++) assertRefused(await ask(ours.client.id, 'x'), 401, 'invalid_client')
  assertGranted(await ask(ours.client.id, ours.secret!))
  assert.equal(hashes(), 4)
})

test('J22 · what the limiter remembers of names and addresses goes away by itself', async (t) => {
  const at = await startPostern(t, { config: behindProxy })
  const app = await at.makeClient()
  await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      signInFrom(at, app, `198.51.100.${n}`, `nobody${n}@example.com`, 'wrong password'),
    ),
  )
  assert.equal(await at.store.sweep(), 0)
  at.travel(3600)
  // For each its pair, its account and its address.
  assert.equal(await at.store.sweep(), 3 * 8)
  assert.equal(await at.store.sweep(), 0)
})

test('J25 · all addresses of one IPv6 network have one budget, and the mapped form of an IPv4 address is that address', async (t) => {
  const at = await startPostern(t, {
    config: { ...behindProxy, throttling: { address_burst: 3, address_refill: '1 h' } },
  })
  const app = await at.makeClient()
  const from = async (address: string): Promise<number> =>
    (await signInFrom(at, app, address, 'nobody@example.com', 'wrong password')).status
  const statuses: number[] = []
  for (const address of ['2001:db8:1:2::1', '2001:DB8:1:2:ffff::2', '2001:db8:1:2:0:0:0:3', '2001:0db8:0001:0002::4']) {
    statuses.push(await from(address))
  }
  assert.deepEqual(statuses, [400, 400, 400, 429])
  assert.equal(await from('2001:db8:1:3::1'), 400)
  const mapped: number[] = []
  for (const address of ['203.0.113.8', '::ffff:203.0.113.8', '203.0.113.8:4711', '::ffff:203.0.113.8']) {
    mapped.push(await from(address))
  }
  assert.deepEqual(mapped, [400, 400, 400, 429])
  const owner = await at.makeAccount()
  assertGranted(await signInFrom(at, app, '2001:db8:1:3::2', owner.username, PASSWORD))
  assert.equal((await signInFrom(at, app, '2001:db8:1:2::9', owner.username, PASSWORD)).status, 429)
})

test('J26 · wildcards and quotes in a name are themselves', async () => {
  const plain = await postern.makeAccount({ username: 'wild_card@example.com' })
  for (const username of [
    '%',
    'wild%card@example.com',
    'wild*card@example.com',
    'wild?card@example.com',
    'wildXcard@example.com',
    'wild\\_card@example.com',
    "wild_card@example.com' or '1'='1",
    "' or 1=1--",
    'wild_card@example.com"',
    'wild_card@example.com ',
    ' wild_card@example.com',
    'wild_card@example.com\t',
  ]) {
    assertRefused(await signIn(username), 400, 'invalid_grant')
    assert.equal((await logIn(postern, client.client.id, username, PASSWORD)).status, 401, username)
  }
  for (const username of ["o'brien@example.com", '100%@example.com', 'back\\slash@example.com', 'st*r@example.com']) {
    const account = await postern.makeAccount({ username })
    const { access_token } = assertGranted(await signIn(username))
    const { text } = await callPlatform(postern, '/api/v2.0/session', { bearer: access_token })
    assert.match(text, new RegExp(`"id":${account.id}\\b`))
  }
  assertGranted(await signIn(plain.username))
})
