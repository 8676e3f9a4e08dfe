import assert from 'node:assert/strict'
import { argon2Sync } from 'node:crypto'
import { after, test } from 'node:test'
import { createPasswordHashing, OverloadedError } from '#base/password_hashing.ts'

const hashing = createPasswordHashing()
after(() => hashing.close())

const bytes = (text: string): Buffer => Buffer.from(text, 'base64')

test('only the password that was hashed is right', async () => {
  const stored = await hashing.hash('correct horse')
  assert.equal(await hashing.verify('correct horse', stored), true)
  for (const wrong of ['', 'correct hors', 'correct horse ', 'Correct horse', 'correct horse\0'])
    assert.equal(await hashing.verify(wrong, stored), false, JSON.stringify(wrong))
})

test('a hash is a PHC string of argon2id with 19 MiB and two passes (OWASP), and a salt of its own', async () => {
  const [one, two] = await Promise.all([hashing.hash('the same'), hashing.hash('the same')])
  assert.notEqual(one, two)
  const [, salt = '', tag = ''] =
    /^\$argon2id\$v=19\$m=19456,t=2,p=1\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/.exec(one) ?? []
  const expected = argon2Sync('argon2id', {
    message: 'the same',
    nonce: bytes(salt),
    memory: 19_456,
    passes: 2,
    parallelism: 1,
    tagLength: 32,
  })
  assert.deepEqual(bytes(tag), expected)
})

test('hashes that the reference implementation made are verified, whatever their parameters', async () => {
  // github.com/P-H-C/phc-winner-argon2, src/test.c: argon2id, version 0x13
  for (const stored of [
    '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
    '$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc',
  ]) {
    assert.equal(await hashing.verify('password', stored), true, stored)
    assert.equal(await hashing.verify('differentpassword', stored), false, stored)
  }
})

test('with no stored hash the answer is false, and it hashes all the same', async () => {
  assert.equal(await hashing.verify('anything', undefined), false)
  // It takes a place in the queue as a real one does.
  const small = createPasswordHashing({ threads: 1, queue: 1 })
  const first = small.verify('a', undefined)
  const second = small.verify('b', undefined)
  await assert.rejects(small.verify('c', undefined), OverloadedError)
  assert.deepEqual(await Promise.all([first, second]), [false, false])
  await small.close()
})

test('a stored hash of another kind is an error of the server, never a wrong password', async () => {
  for (const stored of [
    '',
    'plain',
    '$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW',
    '$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
    '$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
    '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$',
    ' $argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
  ])
    await assert.rejects(hashing.verify('password', stored), /not argon2id/, stored)
})

test('beyond its queue it refuses at once and says when to ask again, and what waits is still answered', async () => {
  const small = createPasswordHashing({ threads: 1, queue: 3 })
  const asked = Array.from({ length: 10 }, () => small.verify('a', undefined))
  const outcomes = await Promise.allSettled(asked)
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
  // One is being hashed and three wait.
  assert.equal(refused.length, 6)
  assert.ok(outcomes.slice(0, 4).every(({ status }) => status === 'fulfilled'))
  for (const error of refused) {
    assert.ok(error instanceof OverloadedError)
    assert.ok(error.retryAfter > 0)
  }
  assert.equal(await small.verify('later', undefined), false)
  await small.close()
})

test('many at once are each told about their own password', async () => {
  const stored = await Promise.all(['one', 'two', 'three'].map((password) => hashing.hash(password)))
  const asked = ['one', 'two', 'three'].flatMap((password) => stored.map((hash) => hashing.verify(password, hash)))
  const right = [true, false, false, false, true, false, false, false, true]
  assert.deepEqual(await Promise.all(asked), right)
})

// argon2 takes no salt of fewer than 8 bytes: the thread dies of it.
const DEADLY = '$argon2id$v=19$m=256,t=2,p=1$c29t$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4'
const GOOD = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4'

test('a thread that dies takes its own task with it and no other, and the next one gets a new thread', async () => {
  const one = createPasswordHashing({ threads: 1 })
  assert.equal(await one.verify('password', GOOD), true)
  const outcomes = await Promise.allSettled([
    one.verify('password', DEADLY),
    one.verify('password', GOOD),
    one.verify('password', DEADLY),
    one.verify('password', DEADLY),
    one.verify('wrong', GOOD),
  ])
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 'died')),
    ['died', true, 'died', 'died', false],
  )
  assert.equal(await one.verify('password', GOOD), true)
  await one.close()
})

test('a close rejects what waits and what is being hashed, and all that comes later', async () => {
  const closing = createPasswordHashing({ threads: 1 })
  const asked = Array.from({ length: 3 }, () => closing.verify('a', undefined))
  const outcomes = Promise.allSettled(asked)
  await closing.close()
  for (const outcome of await outcomes) {
    assert.equal(outcome.status, 'rejected')
    assert.match(String(outcome.reason), /closed/)
  }
  await assert.rejects(closing.verify('a', undefined), /closed/)
  await assert.rejects(closing.hash('a'), /closed/)
  await closing.close()
})
