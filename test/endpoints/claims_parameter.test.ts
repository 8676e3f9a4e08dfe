import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import type { RegisteredClient } from '#clients/register.ts'
import { PASSWORD_ACR } from '#tokens/issue.ts'
import {
  allowAt,
  assertConsent,
  assertSignIn,
  assertTold,
  authorizePath,
  boxesOf,
  makeSite as makeSiteWith,
  openBrowser,
  readCode,
  redeem,
  refreshWith,
  signInAt,
  signInHere,
} from '../support/browser_like.ts'
import { claimsOf, startPostern } from '../support/running_postern.ts'

// The parameter `claims` from the request to what the client is told (OpenID Connect Core 1.0 §5.5), `acr_values` and the rest of the basic plan.

const postern = await startPostern({ after: after as TestContext['after'] })
const profile = {
  name: 'Zoe Example',
  nickname: 'zoe',
  given_name: 'Zoe',
  email: 'zoe@example.com',
  email_verified: true,
  locale: 'nl',
}
const account = await postern.makeAccount({ profile })

/** Without scopes that it is given unasked. */
const makeSite: typeof makeSiteWith = (node, policy = {}) => makeSiteWith(node, { defaultScopes: [], ...policy })

const asking = (claims: unknown, more: Record<string, string> = {}) => ({
  scope: 'openid',
  claims: JSON.stringify(claims),
  ...more,
})

const userinfo = async (accessToken: string): Promise<Record<string, unknown>> => {
  const answer = await fetch(`${postern.origin}/userinfo`, { headers: { authorization: `Bearer ${accessToken}` } })
  assert.equal(answer.status, 200)
  return (await answer.json()) as Record<string, unknown>
}

/** A person at their browser, signed in, whom `client` asks. */
const openFor = async (client: RegisteredClient, who = account) => {
  const browser = openBrowser(postern)
  await signInHere(browser, who)
  return {
    browser,
    ask: (parameters: Record<string, string>) => browser.get(authorizePath(client, parameters)),
    client,
  }
}

const tokensOf = async (client: RegisteredClient, code: string) => {
  const { status, body } = await redeem(postern, { code, verifier: undefined, client })
  assert.equal(status, 200, JSON.stringify(body))
  return { ...body, access: body.access_token ?? '', id: claimsOf(body.id_token ?? '') }
}

test('a claim that was asked for by name is told where it was asked for, and the rest of its scope is not', async () => {
  const { browser, ask, client } = await openFor(await makeSite(postern))
  const page = await ask(
    asking({ userinfo: { name: { essential: true }, locale: null }, id_token: { email: null, phone_number: null } }),
  )
  // The person is asked about the scopes that hold them.
  assertConsent(page)
  assert.deepEqual(boxesOf(page, 'scope'), ['profile', 'email'])
  const { access, id, scope } = await tokensOf(client, readCode(await allowAt(browser, page)))
  assert.equal(scope, 'openid')
  const { sub, ...told } = await userinfo(access)
  assert.equal(sub, `platform|${account.id}`)
  assert.deepEqual(told, { name: 'Zoe Example', locale: 'nl' })
  assert.equal(id['email'], 'zoe@example.com')
  for (const name of ['name', 'nickname', 'locale', 'email_verified', 'phone_number'])
    assert.equal(id[name], undefined, name)
  // What is remembered is the scopes: the next request for them, or for another claim of them, goes through.
  readCode(await ask(asking({ userinfo: { nickname: null } }, { prompt: 'none' })))
  readCode(await ask({ scope: 'openid profile', prompt: 'none' }))
  const grant = await postern.store.grants.find(account.id, client.client.id, 'https://api.mediamath.com/')
  assert.deepEqual(grant?.scopes, ['email', 'openid', 'profile'])
})

test('what the person switches off is not told, by whatever name it was asked for', async () => {
  const { browser, ask, client } = await openFor(await makeSite(postern))
  const page = await ask(asking({ userinfo: { name: { essential: true }, email: { essential: true } } }))
  const { access } = await tokensOf(client, readCode(await allowAt(browser, page, { scopes: ['email'] })))
  const { sub: _, ...told } = await userinfo(access)
  assert.deepEqual(told, { email: 'zoe@example.com' })
  assertTold(await ask(asking({ userinfo: { name: null } }, { prompt: 'none' })), 'consent_required')
})

test('nobody is told what they were not allowed: consent is asked for a claim as for its scope', async () => {
  const { browser, ask } = await openFor(await makeSite(postern))
  readCode(await allowAt(browser, await ask({ scope: 'openid' })))
  readCode(await ask({ scope: 'openid', prompt: 'none' }))
  assertTold(await ask(asking({ id_token: { email: null } }, { prompt: 'none' })), 'consent_required')
  assertConsent(await ask(asking({ id_token: { email: null } })))
})

test('a client that may not have a scope has none of its claims, and a claims parameter without openid asks for nothing', async () => {
  const narrow = await openFor(await makeSite(postern, { scopes: ['openid', 'email', 'read:entities'] }))
  const page = await narrow.ask(asking({ userinfo: { name: { essential: true }, email: null } }))
  assert.deepEqual(boxesOf(page, 'scope'), ['email'])
  const { access } = await tokensOf(narrow.client, readCode(await allowAt(narrow.browser, page)))
  const { sub: _, ...told } = await userinfo(access)
  assert.deepEqual(told, { email: 'zoe@example.com' })
  const plain = await narrow.ask(asking({ userinfo: { email: null } }, { scope: 'read:entities', prompt: 'consent' }))
  assert.deepEqual(boxesOf(plain, 'scope'), ['read:entities'])
})

test('claims live as long as their authorization: at userinfo with a new access token, and in the ID token of a refresh', async () => {
  const { browser, ask, client } = await openFor(await makeSite(postern))
  const asked = asking({ userinfo: { name: null }, id_token: { email: null } }, { scope: 'openid offline_access' })
  const first = await tokensOf(client, readCode(await allowAt(browser, await ask(asked))))
  const { body } = await refreshWith(postern, client, first.refresh_token ?? '')
  assert.equal((await userinfo(body.access_token ?? ''))['name'], 'Zoe Example')
  assert.equal(claimsOf(body.id_token ?? '')['email'], 'zoe@example.com')
  assert.equal(claimsOf(body.id_token ?? '')['name'], undefined)
})

test('a first party gets what it asks for without a page', async () => {
  const { ask, client } = await openFor(await makeSite(postern, { party: 'first' }))
  const { access, id } = await tokensOf(
    client,
    readCode(await ask(asking({ userinfo: { given_name: null } }, { prompt: 'none' }))),
  )
  assert.equal((await userinfo(access))['given_name'], 'Zoe')
  assert.equal(id['given_name'], undefined)
})

test('sub with a value is about one person: another is never answered for (OpenID Connect Core 1.0 §3.1.2.2)', async () => {
  const other = await postern.makeAccount()
  for (const subjectType of ['public', 'pairwise'] as const) {
    const { ask, client, browser } = await openFor(await makeSite(postern, { party: 'first', subjectType }))
    const { id } = await tokensOf(client, readCode(await ask({ scope: 'openid' })))
    const mine = String(id['sub'])
    for (const where of ['id_token', 'userinfo']) {
      const about = (sub: unknown) => asking({ [where]: { sub } }, { prompt: 'none' })
      readCode(await ask(about({ value: mine })))
      readCode(await ask(about({ values: ['platform|1', mine] })))
      readCode(await ask(about({ essential: true })))
      for (const sub of [
        { value: `platform|${other.id}` },
        { values: [] },
        { value: mine.toUpperCase() },
        { value: `${mine} ` },
      ]) {
        assertTold(await ask(about(sub)), 'login_required')
      }
    }
    // Without prompt=none the one who is meant can sign in, and nobody else gets through.
    const page = await ask(asking({ id_token: { sub: { value: mine } } }))
    readCode(page)
    const stranger = openBrowser(postern)
    await signInHere(stranger, other)
    const asked = await stranger.get(authorizePath(client, asking({ id_token: { sub: { value: mine } } })))
    assertSignIn(asked)
    assertSignIn(await signInAt(stranger, asked, other))
    readCode(await signInAt(browser, asked, account))
  }
})

test('acr that is essential is met, or the request fails; that is not is told as it was (§5.5.1.1)', async () => {
  const { ask, client } = await openFor(await makeSite(postern, { party: 'first' }))
  const about = (acr: unknown) => asking({ id_token: { acr } })
  for (const acr of [
    { essential: true, values: ['urn:example:two-factor', PASSWORD_ACR] },
    { essential: true, value: PASSWORD_ACR },
    { essential: true },
    { values: ['urn:example:two-factor'] },
    null,
  ]) {
    const { id } = await tokensOf(client, readCode(await ask(about(acr))))
    assert.equal(id['acr'], PASSWORD_ACR)
    assert.deepEqual(id['amr'], ['pwd'])
  }
  for (const acr of [
    { essential: true, values: ['urn:example:two-factor'] },
    { essential: true, value: '0' },
  ]) {
    assertTold(await ask({ ...about(acr), state: 's' }), 'unmet_authentication_requirements', { state: 's' })
    assertTold(await ask({ ...about(acr), prompt: 'none' }), 'unmet_authentication_requirements')
  }
})

test('acr_values is a wish: whatever is in it, the ID token says how the person signed in (oidcc-ensure-request-with-acr-values-succeeds)', async () => {
  const { ask, client } = await openFor(await makeSite(postern, { party: 'first' }))
  for (const values of [PASSWORD_ACR, 'urn:example:two-factor', `0 1 2 ${PASSWORD_ACR}`]) {
    const { id } = await tokensOf(client, readCode(await ask({ scope: 'openid', acr_values: values })))
    assert.equal(id['acr'], PASSWORD_ACR)
  }
})

test('auth_time is there whether it is essential or not, and stays what it was (oidcc-claims-essential, oidcc-max-age)', async () => {
  const { ask, client } = await openFor(await makeSite(postern, { party: 'first' }))
  const { id } = await tokensOf(client, readCode(await ask(asking({ id_token: { auth_time: { essential: true } } }))))
  assert.ok(Number.isInteger(id['auth_time']))
  const again = await tokensOf(client, readCode(await ask({ scope: 'openid', max_age: '10000' })))
  assert.equal(again.id['auth_time'], id['auth_time'])
})

test('claims_locales, ui_locales and scopes in another order change nothing (oidcc-claims-locales, oidcc-ensure-other-scope-order-succeeds)', async () => {
  const { ask, client } = await openFor(await makeSite(postern, { party: 'first' }))
  for (const more of [{ claims_locales: 'se' }, { ui_locales: 'se nl ../../etc' }, { scope: 'email profile openid' }]) {
    const { access } = await tokensOf(client, readCode(await ask({ scope: 'openid profile email', ...more })))
    const { name, email } = await userinfo(access)
    assert.deepEqual([name, email], ['Zoe Example', 'zoe@example.com'])
  }
})

test('the metadata says what the claims parameter can do', async () => {
  const metadata = (await (await fetch(`${postern.origin}/.well-known/openid-configuration`)).json()) as Record<
    string,
    unknown
  >
  assert.equal(metadata['claims_parameter_supported'], true)
  assert.deepEqual(metadata['acr_values_supported'], [PASSWORD_ACR])
  assert.deepEqual(metadata['claim_types_supported'], ['normal'])
  for (const name of ['sub', 'name', 'email', 'acr', 'auth_time'])
    assert.ok((metadata['claims_supported'] as string[]).includes(name))
})
