import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalisePassword } from '#accounts/password.ts'
import { registerAccount, RegistrationError } from '#accounts/register.ts'
import { createSignIn, type PasswordSignIn, type SignInOutcome } from '#accounts/sign_in.ts'
import { createPasswordHashing, OverloadedError, type PasswordHashing } from '#base/password_hashing.ts'
import { epochSeconds, minutes, seconds } from '#base/time.ts'
import { createVerifiedSecrets } from '#base/verified_secrets.ts'
import type { Account, Permission } from '#stores/records.ts'
import { StoreConflictError } from '#stores/store.ts'
import { createAttempts, type ThrottlingSettings } from '#throttling/attempts.ts'
import { testClock, times, uniqueName } from '../stores/fixtures.ts'
import { countedHashing } from '../support/counted_hashing.ts'
import { embeddedStore } from '../support/embedded_store.ts'

const clock = testClock()
const { store } = await embeddedStore(clock.offset)
const now = () => epochSeconds(Date.now() / 1000 + clock.offset() / 1000)

const REALM = 'Tests'
const RIGHT = 'the right password'
const WRONG = 'a wrong password'
/** As in the default configuration. */
const SETTINGS: ThrottlingSettings = {
  pair: { burst: 10, refill: seconds(60) },
  subject: { burst: 100, refill: seconds(60) },
  address: { burst: 100, refill: seconds(6) },
  waiting: 200,
}

let addresses = 0
/** One that nobody has used. */
const newAddress = (): string => `10.${++addresses >> 8}.${addresses & 255}.1`

const signInWith = (settings: Partial<ThrottlingSettings> = {}, hashing: PasswordHashing = countedHashing()) => {
  const verified = createVerifiedSecrets(minutes(5), now)
  const attempts = createAttempts(store.attempts, { ...SETTINGS, ...settings })
  const signIn = createSignIn({ accounts: store.accounts, attempts, hashing, verified })
  return (asked: Partial<PasswordSignIn> & Pick<PasswordSignIn, 'username'>) =>
    signIn({ realm: REALM, password: RIGHT, address: '192.0.2.1', ...asked })
}

/** A server with an account. */
const server = async (settings: Partial<ThrottlingSettings> = {}) => {
  const hashing = countedHashing()
  const username = uniqueName('Person')
  const account = await register(username, hashing)
  const address = newAddress()
  const ask = signInWith(settings, hashing)
  const signIn = (more: Partial<PasswordSignIn> = {}) => ask({ username, address, ...more })
  return { hashing, username, account, address, signIn }
}

const register = (
  username: string,
  hashing: PasswordHashing,
  more: { readonly password?: string; readonly realm?: string; readonly permissions?: readonly Permission[] } = {},
): Promise<Account> =>
  registerAccount(store.accounts, hashing, {
    realm: REALM,
    username,
    password: RIGHT,
    abilities: { role: 'USER', scope: 'SELECT', type: 'AGENCY', flags: [] },
    profile: {},
    ...more,
  })

const word = ({ outcome }: SignInOutcome): string => outcome
const reasonOf = (outcome: SignInOutcome): string => {
  assert.ok(outcome.outcome === 'refused', outcome.outcome)
  return outcome.reason
}

// ── Who is signed in ──────────────────────────────────────────────────────────────────────────────────────────────────────────

test('the right password signs in, under any spelling of the name and of the password', async () => {
  const hashing = countedHashing()
  const username = uniqueName('Zoë')
  const account = await register(username, hashing, { password: 'Grüße und Küsse' })
  const signIn = signInWith({}, hashing)
  for (const [name, password] of [
    [username, 'Grüße und Küsse'],
    [username.toUpperCase(), 'Grüße und Küsse'],
    [username.normalize('NFD'), 'Grüße und Küsse'.normalize('NFD')],
    [username, 'Grüße\u00a0und\u3000Küsse'],
  ] as const) {
    const signedIn = await signIn({ username: name, password })
    assert.ok(signedIn.outcome === 'signed_in')
    assert.equal(signedIn.account.id, account.id)
  }
  for (const password of ['grüße und küsse', ' Grüße und Küsse', 'Grüße und Küsse ', 'Grüsse und Küsse', ''])
    assert.equal(word(await signIn({ username, password })), 'refused', password)
})

test('a name is one in its realm: in another it is another person, or nobody', async () => {
  const { username, signIn, hashing } = await server()
  await register(username, hashing, { realm: 'Elsewhere', password: 'another password' })
  assert.equal(word(await signIn({ realm: 'Elsewhere' })), 'refused')
  assert.equal(word(await signIn({ realm: 'Elsewhere', password: 'another password' })), 'signed_in')
  assert.equal(word(await signIn({ password: 'another password' })), 'refused')
  assert.equal(word(await signIn({ realm: 'Nowhere' })), 'refused')
  assert.equal(word(await signIn()), 'signed_in')
})

// ── One answer, one price ─────────────────────────────────────────────────────────────────────────────────────────────────────

test('every refusal has one form and costs one hash: unknown, impossible, wrong, disabled, not admitted', async () => {
  const { signIn, hashing } = await server()
  const disabled = await server()
  await store.accounts.disable(disabled.account.id)
  const cases: readonly [SignInOutcome, number][] = [
    [await signIn({ username: 'nobody' }), hashing.compared()],
    [await signIn({ username: 'not a name' }), hashing.compared()],
    [await signIn({ username: 'x'.repeat(100_000) }), hashing.compared()],
    [await signIn({ username: 'a\0b' }), hashing.compared()],
    [await signIn({ password: WRONG }), hashing.compared()],
    [await signIn({ password: '' }), hashing.compared()],
    [await disabled.signIn(), disabled.hashing.compared()],
    [await disabled.signIn({ password: WRONG }), disabled.hashing.compared()],
    [await signIn({ admits: () => Promise.resolve(false) }), hashing.compared()],
    [await signIn({ admits: () => Promise.resolve(false), password: WRONG }), hashing.compared()],
  ]
  for (const [outcome, hashes] of cases) {
    assert.deepEqual(Object.keys(outcome), ['outcome', 'reason', 'accountId'])
    assert.equal(outcome.outcome, 'refused')
    assert.equal(hashes, 1, JSON.stringify(outcome))
  }
  assert.deepEqual(
    cases.map(([outcome]) => reasonOf(outcome)),
    [
      ...['no such account', 'no such account', 'no such account', 'no such account'],
      ...['wrong password', 'wrong password', 'the account is disabled', 'wrong password'],
      ...['the client may not sign this account in', 'wrong password'],
    ],
  )
})

test('a success costs one hash, and for five minutes none', async () => {
  const { signIn, hashing } = await server()
  await signIn()
  assert.equal(hashing.compared(), 1)
  await signIn()
  assert.equal(hashing.compared(), 0)
  clock.pass(minutes(5))
  await signIn()
  assert.equal(hashing.compared(), 1)
})

test('a password that was right a moment ago is refused at the same price once it must be: nobody hears that it is right', async () => {
  const { signIn, hashing, account } = await server()
  assert.equal(word(await signIn()), 'signed_in')
  hashing.compared()
  assert.equal(word(await signIn({ admits: () => Promise.resolve(false) })), 'refused')
  assert.equal(hashing.compared(), 1)
  await store.accounts.disable(account.id)
  assert.equal(word(await signIn()), 'refused')
  assert.equal(hashing.compared(), 1)
})

test('whether an account is admitted is asked only when its password is right', async () => {
  const { signIn, account } = await server()
  const asked: number[] = []
  const admits = (found: Account): Promise<boolean> => {
    asked.push(found.id)
    return Promise.resolve(true)
  }
  await signIn({ password: WRONG, admits })
  await signIn({ username: 'nobody', admits })
  assert.deepEqual(asked, [])
  await signIn({ admits })
  await signIn({ admits })
  assert.deepEqual(asked, [account.id, account.id])
})

test('a refused right password is not remembered as right', async () => {
  const { signIn, hashing } = await server()
  await signIn({ admits: () => Promise.resolve(false) })
  hashing.compared()
  assert.equal(word(await signIn()), 'signed_in')
  assert.equal(hashing.compared(), 1)
})

test('a change of the password cuts what was remembered: the old one is wrong at once', async () => {
  const { signIn, hashing, account } = await server()
  await signIn()
  await store.accounts.setPassword(account.id, await hashing.hash(normalisePassword('a new password')))
  assert.equal(reasonOf(await signIn()), 'wrong password')
  assert.equal(word(await signIn({ password: 'a new password' })), 'signed_in')
})

test('with argon2id, right and wrong and unknown are told apart', async () => {
  const hashing = createPasswordHashing()
  try {
    const username = uniqueName('person')
    await register(username, hashing)
    const signIn = signInWith({}, hashing)
    assert.equal(word(await signIn({ username })), 'signed_in')
    assert.equal(word(await signIn({ username, password: WRONG })), 'refused')
    assert.equal(word(await signIn({ username: `${username}x` })), 'refused')
  } finally {
    await hashing.close()
  }
})

// ── Guessing ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('after ten failures from one address even the right password is refused there, as a wrong one is, without a hash', async () => {
  const { signIn, hashing } = await server()
  for (let n = 0; n < 10; n++) assert.equal(reasonOf(await signIn({ password: `${WRONG} ${n}` })), 'wrong password')
  hashing.compared()
  const refused = await signIn()
  assert.equal(reasonOf(refused), 'too many attempts at this account')
  assert.equal(hashing.compared(), 0)
  clock.pass(seconds(60))
  assert.equal(word(await signIn()), 'signed_in')
})

test('a right password that is remembered does not help: it is counted before it is looked at', async () => {
  const { signIn } = await server()
  await signIn()
  for (let n = 0; n < 10; n++) await signIn({ password: WRONG })
  assert.equal(word(await signIn()), 'refused')
})

test('guessing at a name that nobody has is slowed down just the same', async () => {
  const { signIn, hashing } = await server()
  for (let n = 0; n < 10; n++) assert.equal(reasonOf(await signIn({ username: 'Nobody-1' })), 'no such account')
  hashing.compared()
  // Another case of it is the same name.
  assert.equal(reasonOf(await signIn({ username: 'NOBODY-1' })), 'too many attempts at this account')
  assert.equal(hashing.compared(), 0)
  for (let n = 0; n < 10; n++) await signIn({ username: 'no name' })
  assert.equal(reasonOf(await signIn({ username: 'no name' })), 'too many attempts at this account')
})

test('a refusal of the client counts as a failure', async () => {
  const { signIn } = await server()
  const admits = () => Promise.resolve(false)
  for (let n = 0; n < 10; n++) assert.match(reasonOf(await signIn({ admits })), /may not sign this account in/)
  assert.equal(reasonOf(await signIn()), 'too many attempts at this account')
})

test('a disabled account counts as a failure', async () => {
  const { signIn, account } = await server()
  await store.accounts.disable(account.id)
  for (let n = 0; n < 10; n++) assert.match(reasonOf(await signIn()), /disabled/)
  assert.equal(reasonOf(await signIn()), 'too many attempts at this account')
})

test('successes never count: fifty in a row, and one typing error among each, keep nobody out', async () => {
  const { signIn } = await server()
  for (let n = 0; n < 50; n++) assert.equal(word(await signIn()), 'signed_in')
  for (let n = 0; n < 9; n++) assert.equal(word(await signIn({ password: WRONG })), 'refused')
  for (let n = 0; n < 50; n++) assert.equal(word(await signIn()), 'signed_in')
})

test('twenty-five right sign-ins at once all succeed, from one address as from many', async () => {
  const { signIn } = await server()
  assert.deepEqual(new Set((await Promise.all(times(25, () => signIn()))).map(word)), new Set(['signed_in']))
  const elsewhere = await Promise.all(times(25, () => signIn({ address: newAddress() })))
  assert.deepEqual(new Set(elsewhere.map(word)), new Set(['signed_in']))
})

test('of many guesses at once no more are looked at than one by one', async () => {
  const { signIn, hashing } = await server()
  const outcomes = await Promise.all(times(60, (n) => signIn({ password: `${WRONG} ${n}` })))
  assert.equal(hashing.compared(), 10)
  assert.equal(outcomes.filter((outcome) => reasonOf(outcome) === 'wrong password').length, 10)
})

test('a storm of guesses from many addresses keeps strangers out, and not the owner at home', async () => {
  const { signIn, address, hashing } = await server()
  assert.equal(word(await signIn()), 'signed_in')
  for (let n = 0; n < 100; n++)
    assert.equal(reasonOf(await signIn({ password: WRONG, address: newAddress() })), 'wrong password')
  hashing.compared()
  // Not even with the right password: a stranger who had it would learn so.
  assert.equal(reasonOf(await signIn({ address: newAddress() })), 'too many attempts at this account')
  assert.equal(hashing.compared(), 0)
  for (let n = 0; n < 3; n++) assert.equal(word(await signIn({ address })), 'signed_in')
  // The owner's own successes give the storm nothing back.
  assert.equal(word(await signIn({ address: newAddress() })), 'refused')
})

test('an address that guesses at many accounts is told so, and how long to wait', async () => {
  const { signIn, address, hashing } = await server()
  for (let n = 0; n < 100; n++) await signIn({ username: `victim-${n}`, password: WRONG })
  hashing.compared()
  const blocked = await signIn()
  assert.ok(blocked.outcome === 'blocked')
  assert.ok(blocked.retryAfter > 0 && blocked.retryAfter <= 6, String(blocked.retryAfter))
  assert.equal(hashing.compared(), 0)
  assert.equal(word(await signIn({ address: newAddress() })), 'signed_in')
  clock.pass(blocked.retryAfter)
  assert.equal(word(await signIn({ address })), 'signed_in')
})

test('a hash that fails is an error, and the attempt stays taken: nobody guesses for free by breaking the server', async () => {
  const hashing = countedHashing()
  const username = uniqueName('person')
  await register(username, hashing)
  const address = newAddress()
  const broken = signInWith({}, { ...hashing, verify: () => Promise.reject(new Error('out of memory')) })
  for (let n = 0; n < 10; n++) await assert.rejects(broken({ username, address }), /out of memory/)
  assert.equal(reasonOf(await broken({ username, address })), 'too many attempts at this account')
})

test('when too many wait for a hash it is an OverloadedError, not a refusal', async () => {
  const hashing = countedHashing()
  const username = uniqueName('person')
  await register(username, hashing)
  const full = () => Promise.reject(new OverloadedError('full', seconds(2)))
  await assert.rejects(
    signInWith({}, { ...hashing, verify: full })({ username, address: newAddress() }),
    OverloadedError,
  )
})

// ── Registration ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('nobody registers a name that is taken, or that looks like one, in its realm', async () => {
  const hashing = countedHashing()
  const name = uniqueName('Strasse')
  await register(name, hashing)
  for (const double of [name, name.toUpperCase(), name.replace('ss', 'ß'), name.replace('ss', 'ẞ')])
    await assert.rejects(
      register(double, hashing),
      (error) => error instanceof StoreConflictError && error.what === 'username',
      double,
    )
  await register(name, hashing, { realm: 'Elsewhere' })
})

test('what cannot be a name or a password is refused with a sentence that says why', async () => {
  const hashing = countedHashing()
  for (const username of ['', 'two words', 'ａnna', 'a\u200bb'])
    await assert.rejects(register(username, hashing), (error) => {
      return error instanceof RegistrationError && /a username has no spaces/.test(error.message)
    })
  for (const [password, why] of [
    ['short', /at least 8/],
    ['x'.repeat(1025), /at most 1024/],
    ['line\nbreak', /control characters/],
  ] as const)
    await assert.rejects(register(uniqueName('person'), hashing, { password }), (error) => {
      return error instanceof RegistrationError && why.test(error.message) && !error.message.includes(password)
    })
})

test('the name is kept as it was written, and the password only as a hash', async () => {
  const account = await register(uniqueName('Zoë O’Brien'.replace(' ', '.')), countedHashing())
  assert.match(account.username, /^Zoë\.O’Brien/)
  assert.doesNotMatch(JSON.stringify(account), new RegExp(RIGHT))
  assert.match(account.passwordHash, /^\$/)
})
