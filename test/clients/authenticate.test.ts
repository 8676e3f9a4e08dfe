import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OverloadedError, type PasswordHashing } from '#base/password_hashing.ts'
import { digestOf } from '#base/secrets.ts'
import { epochSeconds, hours, later, seconds } from '#base/time.ts'
import { createVerifiedSecrets } from '#base/verified_secrets.ts'
import { authenticateClient } from '#clients/authenticate.ts'
import { isClientSecret, makeClientSecret } from '#clients/client_secret.ts'
import { registerClient, type ClientRegistration } from '#clients/register.ts'
import { BASIC_CHALLENGE, type PresentedClient } from '#protocol/client_authentication.ts'
import { OAuthError } from '#protocol/errors.ts'
import type { ClientPolicy, ClientSecret } from '#stores/records.ts'
import { StoreConflictError } from '#stores/store.ts'
import { createAttempts } from '#throttling/attempts.ts'
import { newClient, testClock, times, uniqueName } from '../stores/fixtures.ts'
import { countedHashing } from '../support/counted_hashing.ts'
import { embeddedStore } from '../support/embedded_store.ts'

const clock = testClock()
const { store } = await embeddedStore(clock.offset)
const now = () => epochSeconds(Date.now() / 1000 + clock.offset() / 1000)

const CONFIDENTIAL: ClientPolicy = newClient('x').policy
const PUBLIC: ClientPolicy = { ...CONFIDENTIAL, tokenEndpointAuthMethod: 'none' }

let addresses = 0
const newAddress = (): string => `10.${++addresses >> 8}.${addresses & 255}.2`

const toolsWith = (hashing: PasswordHashing) => ({
  clients: store.clients,
  hashing,
  verified: createVerifiedSecrets(hours(1), now),
  assertions: { findDefect: () => Promise.resolve('no client here signs') },
  attempts: createAttempts(store.attempts, {
    pair: { burst: 10, refill: seconds(60) },
    subject: { burst: 100, refill: seconds(60) },
    address: { burst: 100, refill: seconds(6) },
    waiting: 200,
  }),
})

/** A server that knows one client. */
const server = async (registration: Partial<ClientRegistration> = {}) => {
  const hashing = countedHashing()
  const tools = toolsWith(hashing)
  const { client, secret } = await registerClient(store.clients, hashing, {
    name: 'A client',
    policy: CONFIDENTIAL,
    ...registration,
  })
  const address = newAddress()
  const present = (presented: PresentedClient, from = address) => authenticateClient(presented, from, tools)
  const post = (given: string, from = address) =>
    present({ method: 'client_secret_post', clientId: client.id, secret: given }, from)
  const basic = (given: string, raw = given) =>
    present({ method: 'client_secret_basic', clientId: client.id, secret: given, rawSecret: raw })
  return { client, secret, hashing, present, post, basic, none: () => present({ method: 'none', clientId: client.id }) }
}

const refusal = async (asked: Promise<unknown>): Promise<OAuthError> => {
  const [outcome] = await Promise.allSettled([asked])
  assert.equal(outcome.status, 'rejected')
  assert.ok(outcome.reason instanceof OAuthError, String(outcome.reason))
  return outcome.reason
}

test('a secret that we made works by Basic and in the body, without a hash', async () => {
  const { client, secret = '', post, basic, hashing } = await server()
  assert.ok(isClientSecret(secret))
  assert.equal((await post(secret)).id, client.id)
  assert.equal((await basic(secret)).id, client.id)
  assert.equal(hashing.compared(), 0)
})

test('every refusal has one code and one description: unknown, disabled, wrong, missing, not expected', async () => {
  const { client, secret = '', none, post, basic, present } = await server()
  const open = await server({ policy: PUBLIC })
  const imported = await server({ importedSecret: 'hunter2' })
  const disabled = await server()
  await store.clients.disable(disabled.client.id)
  const unknown = { method: 'client_secret_post', clientId: 'nobody', secret } as const
  const refusals = [
    await refusal(present(unknown)),
    await refusal(present({ method: 'none', clientId: 'nobody' })),
    await refusal(present({ method: 'none', clientId: 'no\0body' })),
    await refusal(none()),
    await refusal(post('wrong')),
    await refusal(post('')),
    await refusal(post(makeClientSecret())),
    await refusal(post(secret.slice(0, -1))),
    await refusal(basic(makeClientSecret())),
    await refusal(disabled.post(disabled.secret!)),
    await refusal(disabled.post('wrong')),
    await refusal(imported.post('hunter3')),
    await refusal(imported.none()),
    await refusal(open.post('anything')),
    await refusal(open.basic('')),
  ]
  for (const { code, description, status } of refusals)
    assert.deepEqual(
      { code, description, status },
      { code: 'invalid_client', description: 'Unauthorized', status: 401 },
    )
  // The operator learns more, but not the secret.
  for (const { message } of refusals) assert.ok(!message.includes(secret) && !message.includes('hunter'))
  assert.equal(refusals[4]!.details.client, client.id)
  const reasons = new Set(refusals.map(({ details }) => details.reason))
  assert.deepEqual([...reasons].toSorted(), [
    'a public client has no secret',
    'no such client',
    'the client is disabled',
    'the secret is missing',
    'wrong secret',
  ])
})

test('who tried Basic is asked for Basic, and nobody else', async () => {
  const { post, basic, none } = await server()
  assert.equal((await refusal(basic('wrong'))).details.challenge, BASIC_CHALLENGE)
  assert.equal((await refusal(post('wrong'))).details.challenge, undefined)
  assert.equal((await refusal(none())).details.challenge, undefined)
})

test('a public client is one by its id alone, and only by that', async () => {
  const { client, none, post, basic, secret } = await server({ policy: PUBLIC })
  assert.equal(secret, undefined)
  assert.equal((await none()).id, client.id)
  await refusal(post('x'))
  await refusal(basic('x'))
})

test('a secret of another client is wrong', async () => {
  const [one, two] = [await server(), await server()]
  await refusal(one.post(two.secret!))
  await one.post(one.secret!)
})

test('secrets that we made are not throttled: a thousand wrong ones cost no hash and keep nobody out', async () => {
  const { secret = '', post, hashing } = await server()
  for (const wrong of times(1000, () => makeClientSecret())) await refusal(post(wrong))
  for (const wrong of ['a', 'b', '']) await refusal(post(wrong))
  assert.equal(hashing.compared(), 0)
  await post(secret)
})

test('an imported secret is kept as a password is, and works by Basic and in the body', async () => {
  const { client, secret, post, basic } = await server({ importedSecret: 'hunter2' })
  assert.equal(secret, 'hunter2')
  const [stored] = (await store.clients.find(client.id))!.secrets
  assert.equal(stored?.kind, 'argon2id')
  await post('hunter2')
  await basic('hunter2')
  await refusal(post('Hunter2'))
  await refusal(post('hunter2 '))
})

test('an imported secret is also taken by Basic as it came: some libraries forget to encode it', async () => {
  const { basic } = await server({ importedSecret: '100%+1' })
  await basic('100% 1', '100%+1')
  await basic('100%+1', '100%25%2B1')
  await refusal(basic('100% 1', '100% 1'))
})

test('a secret that we made is taken by Basic in its decoded form alone', async () => {
  const { secret = '', basic } = await server()
  await refusal(basic('x', secret))
})

test('an imported secret that another Postern made needs neither hash nor throttling', async () => {
  const made = makeClientSecret()
  const { client, post, hashing } = await server({ importedSecret: made })
  assert.equal((await store.clients.find(client.id))!.secrets[0]?.kind, 'sha256')
  await post(made)
  assert.equal(hashing.compared(), 0)
})

test('an imported secret is hashed once, and then remembered for an hour', async () => {
  const { post, hashing } = await server({ importedSecret: 'hunter2' })
  await post('hunter2')
  await post('hunter2')
  await post('hunter2')
  assert.equal(hashing.compared(), 1)
  clock.pass(hours(1))
  await post('hunter2')
  assert.equal(hashing.compared(), 1)
})

test('guessing at an imported secret is slowed down: after ten failures the right one is refused there too', async () => {
  const { post, hashing } = await server({ importedSecret: 'hunter2' })
  for (let n = 0; n < 10; n++) assert.equal((await refusal(post(`guess ${n}`))).details.reason, 'wrong secret')
  hashing.compared()
  const refused = await refusal(post('hunter2'))
  assert.equal(refused.code, 'invalid_client')
  assert.equal(refused.details.reason, 'too many attempts at this client')
  assert.equal(hashing.compared(), 0)
  await post('hunter2', newAddress())
})

test('what has the form of a secret that we made is no guess at an imported one', async () => {
  const { post, hashing } = await server({ importedSecret: 'hunter2' })
  for (let n = 0; n < 30; n++) await refusal(post(makeClientSecret()))
  assert.equal(hashing.compared(), 0)
  await post('hunter2')
})

test('an address that guesses at many clients is told too_many_attempts, and how long to wait', async () => {
  const address = newAddress()
  for (let client = 0; client < 10; client++) {
    const { post } = await server({ importedSecret: 'hunter2' })
    for (let n = 0; n < 10; n++) await refusal(post(`guess ${n}`, address))
  }
  const { post } = await server({ importedSecret: 'hunter2' })
  const blocked = await refusal(post('hunter2', address))
  assert.equal(blocked.code, 'too_many_attempts')
  assert.ok(blocked.details.retryAfter! > 0)
  await post('hunter2', newAddress())
})

test('twenty-five right authentications at once all succeed', async () => {
  const { post } = await server({ importedSecret: 'hunter2' })
  await Promise.all(times(25, () => post('hunter2')))
})

test('a secret that has expired is wrong, of either kind', async () => {
  const hashing = countedHashing()
  const tools = toolsWith(hashing)
  const made = makeClientSecret()
  const expiresAt = later(now(), seconds(100))
  const kinds: readonly (readonly [string, ClientSecret])[] = [
    [made, { kind: 'sha256', digest: digestOf(made), expiresAt }],
    ['hunter2', { kind: 'argon2id', hash: await hashing.hash('hunter2'), expiresAt }],
  ]
  const asked: (() => Promise<unknown>)[] = []
  for (const [given, secret] of kinds) {
    const id = uniqueName('client')
    await store.clients.create(newClient(id, { secret }))
    asked.push(() =>
      authenticateClient({ method: 'client_secret_post', clientId: id, secret: given }, newAddress(), tools),
    )
  }
  for (const ask of asked) await ask()
  clock.pass(seconds(101))
  for (const ask of asked) assert.equal((await refusal(ask())).code, 'invalid_client')
})

test('a client without any secret is refused, whatever is presented', async () => {
  const id = uniqueName('client')
  await store.clients.create(newClient(id, { secret: undefined }))
  const tools = toolsWith(countedHashing())
  for (const secret of ['', 'undefined', makeClientSecret()])
    await refusal(authenticateClient({ method: 'client_secret_post', clientId: id, secret }, newAddress(), tools))
})

test('a client that is disabled is refused at once, even if its secret is remembered', async () => {
  const { client, post } = await server({ importedSecret: 'hunter2' })
  await post('hunter2')
  await store.clients.disable(client.id)
  await refusal(post('hunter2'))
})

test('when too many wait for a hash it is an OverloadedError, not a refusal', async () => {
  const hashing = countedHashing()
  const { client } = await registerClient(store.clients, hashing, {
    name: 'x',
    policy: CONFIDENTIAL,
    importedSecret: 'hunter2',
  })
  const tools = toolsWith({ ...hashing, verify: () => Promise.reject(new OverloadedError('full', seconds(2))) })
  const presented = { method: 'client_secret_post', clientId: client.id, secret: 'hunter2' } as const
  await assert.rejects(authenticateClient(presented, newAddress(), tools), OverloadedError)
})

// ── Registration ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a client is given an id of 32 characters and a secret of which only the digest is kept', async () => {
  const { client, secret = '' } = await server()
  assert.match(client.id, /^[0-9A-Za-z]{32}$/)
  const [stored] = client.secrets
  assert.ok(stored?.kind === 'sha256')
  assert.deepEqual(Buffer.from(stored.digest), Buffer.from(digestOf(secret)))
  assert.equal((await store.clients.find(client.id))!.secrets.length, 1)
})

test('no two clients have one id, and one that is given and taken is a conflict', async () => {
  const ids = await Promise.all(times(20, async () => (await server()).client.id))
  assert.equal(new Set(ids).size, 20)
  const id = uniqueName('known')
  assert.equal((await server({ id })).client.id, id)
  await assert.rejects(server({ id }), (error) => error instanceof StoreConflictError && error.what === 'client id')
})

test('an API key finds its client; the client id counts as one unless it is told not to', async () => {
  const key = uniqueName('key')
  const { client } = await server({ apiKeys: [{ name: 'first', key }] })
  assert.equal((await store.clients.findByApiKey(key, digestOf(key)))?.id, client.id)
  assert.equal((await store.clients.findByApiKey(client.id, digestOf(client.id)))?.id, client.id)
  const strict = await server({ idIsApiKey: false })
  assert.equal(await store.clients.findByApiKey(strict.client.id, digestOf(strict.client.id)), undefined)
  await assert.rejects(
    server({ apiKeys: [{ name: 'again', key }] }),
    (error) => error instanceof StoreConflictError && error.what === 'api key',
  )
})
