import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { DEMO } from '#cli/demo_data.ts'
import { claimsOf } from '../support/running_postern.ts'
import { startThirdPartyServer, THIRD_PARTY, USER_CHOICE } from './third_party_server.ts'

// npm's simple-oauth2 5.1.0, over https: with the parameters that the platform's JavaScript library hands to it, and as a third party's.

type Token = {
  readonly access_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly expires_at: Date
  readonly scope: string
  readonly refresh_token?: string
  readonly id_token?: string
}
type AccessToken = {
  readonly token: Token
  readonly expired: (withinSeconds?: number) => boolean
  readonly refresh: (parameters?: Readonly<Record<string, string>>) => Promise<AccessToken>
  readonly revoke: (type: 'access_token' | 'refresh_token') => Promise<void>
  readonly revokeAll: () => Promise<void>
}
type Options = {
  readonly client: { readonly id: string; readonly secret: string }
  readonly auth: {
    readonly tokenHost: string
    readonly tokenPath: string
    readonly authorizePath?: string
    readonly revokePath?: string
  }
  readonly options: { readonly authorizationMethod: 'body' | 'header'; readonly bodyFormat: 'form' | 'json' }
}
type GrantType = new (options: Options) => {
  readonly getToken: (parameters: Readonly<Record<string, string>>) => Promise<AccessToken>
}

type CodeGrantType = new (options: Options) => InstanceType<GrantType> & {
  readonly authorizeURL: (parameters: Readonly<Record<string, string>>) => string
  readonly createToken: (token: Token) => AccessToken
}

const { AuthorizationCode, ResourceOwnerPassword, ClientCredentials } = createRequire(import.meta.url)(
  'simple-oauth2',
) as {
  readonly AuthorizationCode: CodeGrantType
  readonly ResourceOwnerPassword: GrantType
  readonly ClientCredentials: GrantType
}

const { origin, issuer, postern, makeVisitor } = await startThirdPartyServer()
const auth = { tokenHost: origin, tokenPath: '/oauth/token' }
const demoClient = { id: DEMO.clientId, secret: DEMO.clientSecret }
const USER = { username: DEMO.username, password: DEMO.password }

const listOrganizations = (accessToken: string): Promise<Response> =>
  fetch(`${origin}/api/v3.0/organizations?page_limit=1`, { headers: { Authorization: `Bearer ${accessToken}` } })

/** What the library rejects with: the status and the parsed answer. */
const refusalOf = async (promise: Promise<unknown>) => {
  try {
    await promise
  } catch (error) {
    const { output, data } = error as { output?: { statusCode: number }; data?: { payload?: { error?: string } } }
    return { status: output?.statusCode, code: data?.payload?.error }
  }
  throw new assert.AssertionError({ message: 'it was not refused' })
}

for (const authorizationMethod of ['body', 'header'] as const) {
  for (const bodyFormat of ['form', 'json'] as const) {
    const client = new ResourceOwnerPassword({
      client: demoClient,
      auth,
      options: { authorizationMethod, bodyFormat },
    })

    test(`the password grant, client in the ${authorizationMethod}, as ${bodyFormat}: scope openid profile, no audience, no realm`, async () => {
      const { token, expired } = await client.getToken({ ...USER, scope: 'openid profile' }).then((accessToken) => ({
        token: accessToken.token,
        expired: accessToken.expired(60),
      }))
      assert.deepEqual([token.token_type, token.expires_in, expired], ['Bearer', 86_400, false])
      assert.ok(token.expires_at.getTime() > Date.now() + 86_000_000)
      assert.equal(token.refresh_token, undefined)
      assert.equal(claimsOf(token.id_token ?? '').aud, DEMO.clientId)
      assert.ok('nickname' in claimsOf(token.id_token ?? ''), 'a claim of the scope profile')
      assert.equal((await listOrganizations(token.access_token)).status, 200)
    })

    test(`its AccessToken.refresh, client in the ${authorizationMethod}, as ${bodyFormat}, brings a new token each time`, async () => {
      const first = await client.getToken({ ...USER, scope: 'openid profile offline_access' })
      const { refresh_token = '', access_token } = first.token
      assert.notEqual(refresh_token, '')
      // The library forgets a refresh token that is not in the answer, so its user keeps the first AccessToken: the token stays as it is.
      const [second, third] = [await first.refresh(), await first.refresh()]
      for (const { token } of [second, third]) {
        assert.equal(token.refresh_token, undefined)
        assert.equal(token.token_type, 'Bearer')
        assert.notEqual(token.id_token, undefined)
        assert.equal((await listOrganizations(token.access_token)).status, 200)
      }
      assert.equal(new Set([access_token, second.token.access_token, third.token.access_token]).size, 3)
      const narrowed = await first.refresh({ scope: 'manage:services' })
      assert.equal(narrowed.token.scope, 'manage:services')
    })
  }
}

const options = { authorizationMethod: 'body', bodyFormat: 'form' } as const

test('a wrong password and a wrong secret are rejected with the status and code of RFC 6749', async () => {
  const right = new ResourceOwnerPassword({ client: demoClient, auth, options })
  const wrong = new ResourceOwnerPassword({ client: { ...demoClient, secret: 'wrong' }, auth, options })
  assert.deepEqual(await refusalOf(right.getToken({ ...USER, password: 'wrong' })), {
    status: 400,
    code: 'invalid_grant',
  })
  assert.deepEqual(await refusalOf(wrong.getToken(USER)), { status: 401, code: 'invalid_client' })
})

const createClient = async (...parameters: readonly string[]): Promise<{ id: string; secret: string }> => {
  const create = ['clients', 'create', '--name', 'Reports', '--grant-type', 'client_credentials', '--json']
  const printed = JSON.parse(await postern([...create, ...parameters])) as { client_id: string; client_secret: string }
  return { id: printed.client_id, secret: printed.client_secret }
}

test('client_credentials: a client alone gets a token, and sees no entities with it', async () => {
  const client = await createClient('--scope', 'read:entities')
  for (const authorizationMethod of ['body', 'header'] as const) {
    const grant = new ClientCredentials({ client, auth, options: { ...options, authorizationMethod } })
    const { token } = await grant.getToken({ scope: 'read:entities' })
    assert.deepEqual([token.token_type, token.expires_in, token.scope], ['Bearer', 86_400, 'read:entities'])
    assert.deepEqual([token.refresh_token, token.id_token], [undefined, undefined])
    assert.equal(claimsOf(token.access_token).sub, client.id)
    const answer = await listOrganizations(token.access_token)
    assert.equal(answer.status, 403)
    assert.match(answer.headers.get('www-authenticate') ?? '', /error="insufficient_scope"/)
  }
})

test('client_credentials: a client that acts as a user sees what the user sees', async () => {
  const client = await createClient('--scope', 'read:entities', '--acts-as', '22613')
  const { token } = await new ClientCredentials({ client, auth, options }).getToken({ scope: 'read:entities' })
  const answer = await listOrganizations(token.access_token)
  assert.equal(answer.status, 200)
  assert.equal(((await answer.json()) as { meta: { total_count: number } }).meta.total_count, 3)
})

test('the demo client may not use client_credentials', async () => {
  const grant = new ClientCredentials({ client: demoClient, auth, options })
  assert.deepEqual(await refusalOf(grant.getToken({})), { status: 400, code: 'unauthorized_client' })
})

// ── As a third party's ────────────────────────────────────────────────────────────────────────────────────────────────────────

for (const authorizationMethod of ['body', 'header'] as const) {
  for (const bodyFormat of ['form', 'json'] as const) {
    test(`the code grant with PKCE, refresh and revocation, client in the ${authorizationMethod}, as ${bodyFormat}`, async () => {
      const client = new AuthorizationCode({
        client: { id: THIRD_PARTY.id, secret: THIRD_PARTY.secret },
        auth: { ...auth, authorizePath: '/authorize', revokePath: '/oauth/revoke' },
        options: { authorizationMethod, bodyFormat },
      })
      const { redirectUri: redirect_uri } = THIRD_PARTY
      const [state, nonce, verifier] = [1, 2, 3].map(() => randomBytes(32).toString('hex')) as [string, string, string]
      const arrived = await makeVisitor().authorize(
        client.authorizeURL({
          redirect_uri,
          scope: 'openid offline_access read:entities',
          ...{ state, nonce },
          code_challenge: createHash('sha256').update(verifier).digest('base64url'),
          code_challenge_method: 'S256',
        }),
        USER_CHOICE,
      )
      const { state: returned, iss, code = '' } = Object.fromEntries(arrived.searchParams)
      assert.deepEqual([returned, iss], [state, issuer])

      const first = await client.getToken({ code, redirect_uri, code_verifier: verifier })
      assert.equal(claimsOf(first.token.id_token ?? '').nonce, nonce)
      const seen = await listOrganizations(first.token.access_token)
      assert.equal(((await seen.json()) as { meta: { total_count: number } }).meta.total_count, 1)

      // A program that keeps the token between two runs.
      const kept = client.createToken(JSON.parse(JSON.stringify(first.token)) as Token)
      const second = await kept.refresh()
      assert.notEqual(second.token.access_token, first.token.access_token)
      assert.equal((await listOrganizations(second.token.access_token)).status, 200)
      assert.deepEqual(
        await refusalOf(client.getToken({ code: `${code.slice(0, -1)}x`, redirect_uri, code_verifier: verifier })),
        { status: 400, code: 'invalid_grant' },
      )

      await (authorizationMethod === 'body' ? kept.revokeAll() : kept.revoke('refresh_token'))
      assert.equal((await listOrganizations(second.token.access_token)).status, 401)
      assert.deepEqual(await refusalOf(kept.refresh()), { status: 400, code: 'invalid_grant' })
    })
  }
}
