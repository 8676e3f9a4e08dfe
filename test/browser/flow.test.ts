import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import type { RegisteredClient } from '#clients/register.ts'
import { claimsOf, type RunningPostern } from '../support/running_postern.ts'
import { noChromium } from './support/chromium.ts'
import { makeScene, PATIENCE_MS, signIn, startSite, USERNAME, type Scene } from './support/scene.ts'

// The whole way of a third party, with a person at a real browser: sign-in, consent, code, API, bridge, refresh, and the end.

type Arrival = { readonly method: string; readonly origin: string; readonly parameters: URLSearchParams }
/** A client as its browser sees it: a server of another origin that waits for what is brought to it. */
type ClientSite = { readonly redirectUri: string; readonly arrivals: readonly Arrival[] }

const startClientSite = async (t: TestContext): Promise<ClientSite> => {
  const arrivals: Arrival[] = []
  const origin = await startSite(t, (request, response) => {
    void (async () => {
      const body = Buffer.concat(await request.toArray()).toString()
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
      if (pathname === '/callback') {
        const parameters = request.method === 'POST' ? new URLSearchParams(body) : searchParams
        arrivals.push({ method: request.method ?? '', origin: request.headers.origin ?? '', parameters })
      }
      response.writeHead(200, { 'content-type': 'text/html' }).end('<title>Back at the client</title>')
    })()
  })
  return { redirectUri: `${origin}/callback`, arrivals }
}

const makeThirdParty = (postern: RunningPostern, name: string, { redirectUri }: ClientSite) =>
  postern.makeClient(
    {
      grantTypes: ['authorization_code', 'refresh_token'],
      party: 'third',
      scopes: ['openid', 'profile', 'offline_access', 'read:entities', 'write:entities'],
      defaultScopes: ['read:entities', 'write:entities'],
      redirectUris: [redirectUri],
      requiredScopes: { 'read:entities': 'It shows your campaigns.' },
    },
    { name },
  )

type Asking = { readonly url: string; readonly state: string; readonly nonce: string; readonly verifier: string }

const ask = (
  { origin }: Scene,
  { client }: RegisteredClient,
  { redirectUri }: ClientSite,
  more: Readonly<Record<string, string>> = {},
): Asking => {
  const [state, nonce, verifier] = [1, 2, 3].map(() => randomBytes(32).toString('base64url')) as [
    string,
    string,
    string,
  ]
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: client.id,
    redirect_uri: redirectUri,
    scope: 'openid profile offline_access read:entities write:entities',
    state,
    nonce,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...more,
  })
  return { url: `${origin}/authorize?${query.toString()}`, state, nonce, verifier }
}

/** Presses Allow and waits until the client has what it was waiting for. */
const allow = async (page: Page, { redirectUri, arrivals }: ClientSite): Promise<Arrival> => {
  const before = arrivals.length
  await page.getByRole('button', { name: 'Allow', exact: true }).click()
  await page.waitForURL((url) => url.href.startsWith(redirectUri))
  assert.equal(arrivals.length, before + 1)
  return arrivals.at(-1)!
}

const exchange = async (
  { postern, origin }: Scene,
  { client, secret }: RegisteredClient,
  { redirectUri }: ClientSite,
  { state, verifier, nonce }: Asking,
  { parameters }: Arrival,
) => {
  assert.deepEqual([parameters.get('state'), parameters.get('iss')], [state, `${origin}/`])
  const { status, body } = await postern.token({
    grant_type: 'authorization_code',
    code: parameters.get('code') ?? '',
    redirect_uri: redirectUri,
    code_verifier: verifier,
    client_id: client.id,
    client_secret: secret,
  })
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(claimsOf(body.id_token ?? '').nonce, nonce)
  return body
}

type OrganizationList = { readonly data: readonly { readonly id: number }[]; readonly meta: { total_count: number } }
const idsOf = async (response: Response) => {
  assert.equal(response.status, 200)
  const { data, meta } = (await response.json()) as OrganizationList
  return { ids: data.map(({ id }) => id), total: meta.total_count }
}

const JSON_PLEASE = { accept: 'application/json' }

for (const javaScript of [true, false]) {
  const how = javaScript ? '' : ', without JavaScript'

  test(
    `a person signs in at the second try, allows less than was asked, and ends it again${how}`,
    { skip: noChromium },
    async (t) => {
      const scene = await makeScene(t, { javaScript })
      const { postern, origin, context, blocked } = scene
      const site = await startClientSite(t)
      const client = await makeThirdParty(postern, 'Campaign Weather', site)
      const page = await context.newPage()

      const asking = ask(scene, client, site)
      await page.goto(asking.url)
      await page.getByText('to continue to Campaign Weather').waitFor()
      await signIn(page, 'not the password')
      await page.getByRole('alert').getByText('That did not work').waitFor()
      assert.equal(await page.getByLabel('User name').inputValue(), USERNAME)
      assert.equal(await page.getByLabel('Password').inputValue(), '')
      assert.equal(site.arrivals.length, 0)
      await signIn(page)

      await page.getByRole('heading', { name: /Campaign Weather asks for access/ }).waitFor()
      assert.equal(await page.locator('input[name=scope][value="read:entities"]').count(), 0, 'it is required')
      await page.getByText('It shows your campaigns.').waitFor()
      await page.getByLabel('Create and change your organizations').uncheck()
      await page.getByLabel('Only these').check()
      await page.getByRole('button', { name: 'Allow', exact: true }).click()
      await page.getByRole('alert').getByText('No organization is chosen').waitFor()
      assert.equal(await page.getByLabel('Create and change your organizations').isChecked(), false)
      assert.equal(await page.getByLabel('Only these').isChecked(), true)
      await page.getByLabel('Organization 003').check()
      const arrival = await allow(page, site)
      assert.equal(arrival.method, 'GET')
      const tokens = await exchange(scene, client, site, asking, arrival)
      assert.equal(tokens.scope, 'offline_access openid profile read:entities')

      const api = (path: string, headers: Readonly<Record<string, string>>) =>
        fetch(`${origin}${path}`, { headers: { ...JSON_PLEASE, ...headers } })
      const bearer = { authorization: `Bearer ${tokens.access_token}` }
      const one = { ids: [100_002], total: 1 }
      assert.deepEqual(await idsOf(await api('/api/v3.0/organizations', bearer)), one)
      assert.equal((await api('/api/v2.0/organizations/100001', bearer)).status, 404)

      const bridged = await api('/api/v2.0/session', bearer)
      assert.equal(bridged.status, 200)
      const cookie = { cookie: bridged.headers.getSetCookie()[0]!.split(';')[0]! }
      assert.deepEqual(await idsOf(await api('/api/v2.0/organizations', cookie)), one)
      assert.equal((await api('/api/v2.0/organizations/100002', cookie)).status, 200)
      assert.equal((await api('/api/v2.0/organizations/100001', cookie)).status, 404)

      const refresh = () =>
        postern.token({
          grant_type: 'refresh_token',
          refresh_token: tokens.refresh_token,
          client_id: client.client.id,
          client_secret: client.secret,
        })
      const refreshed = await refresh()
      assert.deepEqual([refreshed.status, refreshed.body.scope], [200, tokens.scope])
      const newer = { authorization: `Bearer ${refreshed.body.access_token}` }
      assert.deepEqual(await idsOf(await api('/api/v3.0/organizations', newer)), one)

      await page.goto(`${origin}/account`)
      const entry = page.getByRole('article').filter({ hasText: 'Campaign Weather' })
      await entry.getByText('Organization 003').waitFor()
      assert.equal(await entry.getByText('Organization 002').count(), 0)
      assert.equal(await entry.getByText('Create and change').count(), 0)
      await entry.getByRole('button', { name: /^End access/ }).click()
      await page.getByRole('status').getByText('Access has ended').waitFor()
      assert.equal(await entry.count(), 0)

      const patience = Date.now() + 1000
      while ((await api('/api/v3.0/organizations', newer)).status !== 401 && Date.now() < patience) await sleep(50)
      for (const credentials of [bearer, newer, cookie]) {
        assert.equal((await api('/api/v2.0/organizations', credentials)).status, 401)
        assert.equal((await api('/api/v2.0/session', credentials)).status, 401)
      }
      const refused = await refresh()
      assert.deepEqual([refused.status, refused.body.error], [400, 'invalid_grant'])

      // What was ended is forgotten: the person is asked anew.
      await page.goto(ask(scene, client, site).url)
      await page.getByRole('heading', { name: /Campaign Weather asks for access/ }).waitFor()
      await page.getByRole('button', { name: 'Don’t allow' }).click()
      await page.waitForURL((url) => url.href.startsWith(site.redirectUri))
      assert.equal(site.arrivals.at(-1)!.parameters.get('error'), 'access_denied')
      assert.deepEqual(blocked, [])
    },
  )

  test(`two tabs, two clients: what was begun first is finished last${how}`, { skip: noChromium }, async (t) => {
    const scene = await makeScene(t, { javaScript })
    const { postern, context } = scene
    const sites = [await startClientSite(t), await startClientSite(t)] as const
    const clients = [
      await makeThirdParty(postern, 'First client', sites[0]),
      await makeThirdParty(postern, 'Second client', sites[1]),
    ] as const
    const pages = [await context.newPage(), await context.newPage()] as const

    // Both at the sign-in page: the second is finished, and then the first.
    let askings = [ask(scene, clients[0], sites[0]), ask(scene, clients[1], sites[1])] as const
    for (const [at, page] of pages.entries()) {
      await page.goto(askings[at]!.url)
      await page.getByLabel('Password').waitFor()
    }
    for (const at of [1, 0] as const) {
      await signIn(pages[at])
      await pages[at].getByLabel('Only these').check()
      await pages[at].getByLabel(`Organization 00${at + 1}`).check()
      const tokens = await exchange(scene, clients[at], sites[at], askings[at], await allow(pages[at], sites[at]))
      const { client_id, authorization_details } = claimsOf(tokens.access_token ?? '')
      assert.equal(client_id, clients[at].client.id)
      assert.deepEqual(authorization_details, [{ type: 'organizations', identifiers: [String(100_000 + at)] }])
    }

    // Both at the consent page: likewise.
    askings = [
      ask(scene, clients[0], sites[0], { prompt: 'consent' }),
      ask(scene, clients[1], sites[1], { prompt: 'consent' }),
    ]
    for (const [at, page] of pages.entries()) {
      await page.goto(askings[at]!.url)
      await page.getByRole('button', { name: 'Allow', exact: true }).waitFor()
    }
    for (const at of [1, 0] as const) {
      const tokens = await exchange(scene, clients[at], sites[at], askings[at], await allow(pages[at], sites[at]))
      assert.equal(claimsOf(tokens.access_token ?? '').client_id, clients[at].client.id)
    }
    assert.deepEqual(scene.blocked, [])
  })
}

test(
  'the answer by form reaches the client: sent by the page’s script, or by its button',
  { skip: noChromium },
  async (t) => {
    for (const javaScript of [true, false]) {
      const scene = await makeScene(t, { javaScript })
      const site = await startClientSite(t)
      const client = await makeThirdParty(scene.postern, 'Campaign Weather', site)
      const page = await scene.context.newPage()
      const asking = ask(scene, client, site, { response_mode: 'form_post' })
      await page.goto(asking.url)
      await signIn(page)
      if (!javaScript) {
        await page.getByRole('button', { name: 'Allow', exact: true }).click()
        assert.equal(site.arrivals.length, 0)
        await page.getByRole('button', { name: 'Continue' }).click()
        await page.waitForURL(site.redirectUri)
      } else await allow(page, site)
      const [arrival] = site.arrivals
      assert.deepEqual([site.arrivals.length, arrival?.method, arrival?.origin], [1, 'POST', scene.origin])
      await exchange(scene, client, site, asking, arrival!)
      assert.deepEqual(scene.blocked, [])
    }
  },
)

test(
  'our Content-Security-Policy lets the redirect to the client through, and one without it would not',
  { skip: noChromium },
  async (t) => {
    for (const isNarrow of [false, true]) {
      const scene = await makeScene(t)
      const site = await startClientSite(t)
      const client = await makeThirdParty(scene.postern, 'Campaign Weather', site)
      // From the sign-in form straight to the client: what was allowed is remembered.
      const page = await scene.context.newPage()
      await page.goto(ask(scene, client, site).url)
      await signIn(page)
      await allow(page, site)
      await scene.context.clearCookies()

      const policies: string[] = []
      await page.route(`${scene.origin}/**`, async (route) => {
        const response = await route.fetch({ maxRedirects: 0 })
        const { 'content-security-policy': policy, ...headers } = response.headers()
        if (policy !== undefined) policies.push(policy)
        const narrowed = policy?.replace(/form-action [^;]*/, "form-action 'self'")
        await route.fulfill({
          response,
          headers:
            policy === undefined ? headers : { ...headers, 'content-security-policy': isNarrow ? narrowed! : policy },
        })
      })
      const asking = ask(scene, client, site)
      await page.goto(asking.url)
      const source = new URL(site.redirectUri).origin
      assert.match(policies[0] ?? '', new RegExp(`form-action 'self' ${source};`))
      await signIn(page)
      if (isNarrow) {
        const patience = Date.now() + PATIENCE_MS
        while (scene.blocked.length === 0 && Date.now() < patience) await sleep(20)
        assert.match(scene.blocked[0] ?? '', /form-action/)
        assert.equal(site.arrivals.length, 1)
      } else {
        await page.waitForURL((url) => url.href.startsWith(site.redirectUri))
        await exchange(scene, client, site, asking, site.arrivals[1]!)
        assert.deepEqual(scene.blocked, [])
      }
    }
  },
)
