import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { policyOf, type PolicyOptions } from '#cli/client_options.ts'
import { demoAccounts, demoEntities } from '#cli/demo_data.ts'
import { UsageError } from '#cli/failures.ts'
import { parseConfig } from '#config.ts'
import { openSqliteStore } from '#stores/sqlite/store.ts'
import type { Store } from '#stores/store.ts'

const config = parseConfig({})
let folder: string
let store: Store
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-policy-'))
  store = await openSqliteStore(join(folder, 'postern.sqlite'))
  await store.entities.add(demoEntities.slice(0, 2))
  const { id, realm, username, abilities, profile } = demoAccounts(config)[0]!
  const keys = { usernameKey: username, usernameSkeleton: username }
  await store.accounts.create({ id, realm, username, abilities, profile, passwordHash: 'x', ...keys })
})
after(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

const policy = (options: Partial<PolicyOptions>) =>
  policyOf({ grantType: ['password'], idTokenAlg: 'RS256', ...options }, store, config)

test('what is not said is as narrow as it can be', async () => {
  assert.deepEqual(await policy({}), {
    tokenEndpointAuthMethod: 'client_secret',
    grantTypes: ['password'],
    scopes: [],
    audiences: ['https://api.mediamath.com/'],
    defaultScopes: [],
    party: 'third',
    redirectUris: [],
    idTokenSigningAlgorithm: 'RS256',
  })
})

test('what is said is taken, once each', async () => {
  assert.deepEqual(
    await policy({
      grantType: ['client_credentials', 'password', 'password'],
      scope: ['openid', 'read:users', 'openid'],
      defaultScope: ['read:users'],
      actsAs: 22_612,
      passwordAccount: [22_612],
      passwordOrganization: [100_001],
      firstParty: true,
    }),
    {
      tokenEndpointAuthMethod: 'client_secret',
      grantTypes: ['client_credentials', 'password'],
      scopes: ['openid', 'read:users'],
      audiences: ['https://api.mediamath.com/'],
      defaultScopes: ['read:users'],
      party: 'first',
      redirectUris: [],
      idTokenSigningAlgorithm: 'RS256',
      passwordAccounts: { ids: [22_612], organizations: [100_001] },
      actsAs: 22_612,
    },
  )
})

test('a policy that names what is not there, or contradicts itself, is refused with what is allowed', async () => {
  const credentials = ['client_credentials'] as const
  for (const [options, words] of [
    [{ scope: ['read:all'] }, /--scope: there is no read:all\. Expected openid, .*manage:services/],
    [{ audience: ['https://other.example/'] }, /--audience: there is no .*Expected https:\/\/api\.mediamath\.com\//],
    [{ scope: ['read:users'], defaultScope: ['manage:users'] }, /--default-scope: .*Expected read:users/],
    [{ scope: ['openid'], defaultScope: ['openid'] }, /--default-scope: .*Expected none/],
    [{ passwordRealm: ['Nowhere'] }, /--password-realm: there is no Nowhere\. Expected T1DB-Production/],
    [{ passwordAccount: [77] }, /--password-account: there is no account 77/],
    [{ passwordOrganization: [77] }, /--password-organization: there is no organization 77/],
    [{ actsAs: 22_612 }, /--acts-as: only for a client with --grant-type client_credentials/],
    [{ grantType: credentials, actsAs: 77 }, /--acts-as: there is no account 77/],
    [
      { grantType: credentials, passwordRealm: ['Staff'] },
      /--password-realm: only for a client with --grant-type password/,
    ],
    [{ grantType: credentials, public: true }, /cannot have client_credentials/],
    [{ grantType: ['password', 'refresh_token'], public: true }, /must rotate/],
  ] as const) {
    await assert.rejects(policy(options), (error: Error) => {
      assert.ok(error instanceof UsageError)
      assert.match(error.message, words)
      return true
    })
  }
})
