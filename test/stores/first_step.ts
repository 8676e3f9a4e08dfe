import assert from 'node:assert/strict'
import type { Store } from '#stores/store.ts'
import type { TestDatabase } from './contract.ts'
import {
  authorizePassword,
  beginBrowserSession,
  codeOf,
  digest,
  issueCode,
  passwordAuthorization,
  rotationOf,
  spendCode,
} from './fixtures.ts'

// What a database of the first released schema holds must live on under a later one.

/** In statements that both stores read, but for bytes. */
export const fillFirstStep = async (query: TestDatabase['query'], bytes: (value: Buffer) => string): Promise<void> => {
  const end = 4_000_000_000
  const abilities = '{"role":"USER","scope":"SELECT","type":"AGENCY","flags":[]}'
  for (const statement of [
    `insert into accounts (id, realm, username, username_key, username_skeleton, password_hash, abilities, profile, version, created_at,
       updated_at) values (7, 'Tests', 'ana', 'ana', 'ana', 'hash', '${abilities}', '{}', 3, 1, 1)`,
    `insert into clients (id, name, policy, id_is_api_key, created_at, updated_at) values ('c', 'C', '{}', 1 = 0, 1, 1)`,
    `insert into authorizations (account_id, client_id, grant_type, audience, scope, offline, salt, generation, authenticated_at,
       created_at, last_used_at, expires_at, absolute_expires_at)
     values (7, 'c', 'password', 'https://api.example.com/', 'openid profile', 1 = 1, ${bytes(Buffer.from('salt'))}, 0, 1, 1, 1, ${end}, ${end})`,
    `insert into platform_sessions (digest, seed, account_id, client_id, authorization_id, created_at, expires_at, forget_at)
     values (${bytes(digest('cookie'))}, ${bytes(Buffer.from('seed'))}, 7, 'c', 1, 1, ${end}, ${end})`,
  ]) {
    await query(statement)
  }
}

export const livesAfterFirstStep = async (store: Store): Promise<void> => {
  const live = await store.authorizations.findLive(1)
  assert.ok(live !== undefined)
  const { account, authorization } = live
  assert.deepEqual([account.id, account.version], [7, 3])
  assert.deepEqual(authorization.salt, Buffer.from('salt'))
  const { organizations, grantId, browserSessionId, dpopJkt, generation } = authorization
  assert.deepEqual(
    [organizations, grantId, browserSessionId, dpopJkt, generation],
    ['all', undefined, undefined, undefined, 0],
  )
  const session = await store.platformSessions.findLive(digest('cookie'))
  assert.deepEqual(session?.authorization, authorization)
  assert.deepEqual(await store.authorizations.list(7), [authorization])
  // Signed in again, it is the same one; and a family that never rotated can.
  const again = await authorizePassword(store, passwordAuthorization(account, 'c'))
  assert.equal(again.id, 1)
  assert.equal((await store.authorizations.rotate(rotationOf(again)))?.outcome, 'rotated')
  assert.equal((await store.authorizations.rotate(rotationOf(again)))?.outcome, 'replayed')
  const browserSession = await beginBrowserSession(store, account)
  const brought = await spendCode(store, await issueCode(store, codeOf(browserSession, 'c')))
  assert.deepEqual(
    (await store.authorizations.list(7)).map(({ id }) => id),
    [brought.id, 1],
  )
  await store.accounts.setPassword(7, 'other')
  assert.deepEqual(await store.authorizations.list(7), [])
  assert.equal(await store.platformSessions.findLive(digest('cookie')), undefined)
  assert.equal(await store.browserSessions.findLive(browserSession.id), undefined)
}
