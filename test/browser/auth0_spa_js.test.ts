import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import type { ClientPolicy } from '#stores/records.ts'
import {
  applicationPage,
  AUDIENCE,
  errorOf,
  LIBRARY,
  LIBRARY_PATH,
  signInByPopUp,
  token,
  type Auth0Client,
} from './support/auth0_application.ts'
import { noChromium } from './support/chromium.ts'
import { makeScene, signIn, startSite, type Scene } from './support/scene.ts'

// npm's @auth0/auth0-spa-js 2.28.3 in a real browser, as its authors built it. Of what an application gives it, only `domain` is changed.

declare const client: Auth0Client

type Application = { readonly origin: string; readonly open: () => Promise<Page> }

/** An application of one page. Its client is the platform's own unless said otherwise: others are asked each time on this machine. */
const startApplication = async (
  t: TestContext,
  { postern, origin: domain, context }: Scene,
  options: Readonly<Record<string, unknown>> = {},
  policy: Partial<ClientPolicy> = {},
): Promise<Application> => {
  let page = ''
  const origin = await startSite(t, (request, response) => {
    const isLibrary = request.url === LIBRARY_PATH
    response.writeHead(200, { 'content-type': isLibrary ? 'text/javascript' : 'text/html' })
    response.end(isLibrary ? LIBRARY : page)
  })
  const client = await postern.makeClient({
    tokenEndpointAuthMethod: 'none',
    grantTypes: ['authorization_code', 'refresh_token'],
    party: 'first',
    redirectUris: [origin],
    postLogoutRedirectUris: [origin],
    scopes: ['openid', 'profile', 'email', 'offline_access', 'read:entities'],
    defaultScopes: [],
    ...policy,
  })
  const settings = {
    domain,
    clientId: client.client.id,
    ...options,
    authorizationParams: { redirect_uri: origin, audience: AUDIENCE, scope: 'openid profile email read:entities' },
  }
  page = applicationPage(settings)
  return {
    origin,
    open: async () => {
      const opened = await context.newPage()
      await opened.goto(origin)
      return opened
    },
  }
}

/** What a page does with a token: asks who this is, across origins. */
const userinfo = (page: Page, { origin }: Scene, bearer: string) =>
  page.evaluate(
    async ([url, held]) => {
      const response = await fetch(url, { headers: { authorization: `Bearer ${held}` } })
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    },
    [`${origin}/userinfo`, bearer] as const,
  )

test('signs in by redirect, and knows who it is after a reload', { skip: noChromium }, async (t) => {
  const scene = await makeScene(t)
  const application = await startApplication(t, scene)
  const page = await application.open()
  assert.equal(await page.evaluate(() => client.isAuthenticated()), false)
  await page.evaluate(() => void client.loginWithRedirect())
  await page.waitForURL(`${scene.origin}/**`)
  await signIn(page)
  await page.waitForURL(`${application.origin}/?code=*`)
  await page.evaluate(() => client.handleRedirectCallback())
  const user = await page.evaluate(() => client.getUser())
  assert.deepEqual([user?.['name'], String(user?.['sub']).split('|')[0]], ['Zoe Example', 'platform'])

  const bearer = await page.evaluate(() => client.getTokenSilently())
  const { status, body } = await userinfo(page, scene, bearer)
  assert.deepEqual([status, body['sub']], [200, user?.['sub']])

  // It keeps nothing: a page that is opened anew asks in a frame.
  await page.goto(application.origin)
  assert.equal(await page.evaluate(() => client.isAuthenticated()), false)
  await page.evaluate(() => client.checkSession())
  assert.equal((await page.evaluate(() => client.getUser()))?.['sub'], user?.['sub'])
  assert.deepEqual(scene.blocked, [])
})

test('renews in a frame without asking anybody, until the person has signed out', { skip: noChromium }, async (t) => {
  const scene = await makeScene(t)
  const application = await startApplication(t, scene)
  const page = await application.open()
  assert.match(await errorOf(token(page)), /The person must sign in/)
  await signInByPopUp(page)
  const tokens = [await page.evaluate(() => client.getTokenSilently()), await token(page), await token(page)]
  assert.equal(new Set(tokens).size, 3)
  for (const bearer of tokens) assert.equal((await userinfo(page, scene, bearer)).status, 200)

  const account = await scene.context.newPage()
  await account.goto(`${scene.origin}/account`)
  await account.getByRole('button', { name: 'Sign out', exact: true }).click()
  await account.getByRole('heading', { name: /signed out/i }).waitFor()
  assert.match(await errorOf(token(page)), /The person must sign in/)
  assert.deepEqual(scene.blocked, [])
})

test(
  'signs in by pop-up, where a third party asks for consent, and is told of a no',
  { skip: noChromium },
  async (t) => {
    const scene = await makeScene(t)
    const application = await startApplication(t, scene, {}, { party: 'third' })
    const page = await application.open()
    const refused = errorOf(
      signInByPopUp(page, async (popUp) => {
        await signIn(popUp)
        await popUp.getByRole('button', { name: 'Don’t allow' }).click()
      }),
    )
    assert.match(await refused, /The person did not allow this/)
    assert.equal(await page.evaluate(() => client.isAuthenticated()), false)
    await signInByPopUp(page, (popUp) => popUp.getByRole('button', { name: 'Allow', exact: true }).click())
    assert.equal(await page.evaluate(() => client.isAuthenticated()), true)
    // On this machine anybody may be the client, so nothing is given without asking.
    assert.match(await errorOf(token(page)), /has not allowed this yet/)
    assert.deepEqual(scene.blocked, [])
  },
)

test(
  'renews by refresh tokens that rotate, from its worker, and by a frame when it has lost them',
  { skip: noChromium },
  async (t) => {
    const scene = await makeScene(t)
    const options = { useRefreshTokens: true, useRefreshTokensFallback: true }
    const application = await startApplication(t, scene, options)
    const page = await application.open()
    let asked: string[] = []
    scene.context.on('request', (request) => {
      const { pathname } = new URL(request.url())
      if (request.url().startsWith(scene.origin) && request.method() === 'GET') asked.push(pathname)
    })
    await signInByPopUp(page)
    asked = []
    const tokens = [await page.evaluate(() => client.getTokenSilently()), await token(page), await token(page)]
    assert.equal(new Set(tokens).size, 3)
    assert.deepEqual(asked, [], 'no frame was needed')
    assert.equal((await userinfo(page, scene, tokens[2]!)).status, 200)

    await page.goto(application.origin)
    await page.evaluate(() => client.checkSession())
    assert.equal((await page.evaluate(() => client.getUser()))?.['name'], 'Zoe Example')
    assert.ok((asked as readonly string[]).includes('/authorize'))
    assert.deepEqual(scene.blocked, [])
  },
)

test('signs out at the server too, at once, and comes back', { skip: noChromium }, async (t) => {
  const scene = await makeScene(t)
  const application = await startApplication(t, scene)
  const page = await application.open()
  await signInByPopUp(page)
  const bearer = await token(page)
  const leave = (returnTo: string) =>
    page.evaluate((back) => void client.logout({ logoutParams: { returnTo: back } }), returnTo)

  // Not a place of the client: the person is asked, and stays signed in.
  await leave('http://localhost:1/elsewhere')
  await page.waitForURL(`${scene.origin}/v2/logout**`)
  await page.goto(application.origin)
  assert.notEqual(await token(page), bearer)

  await Promise.all([page.waitForEvent('load'), leave(application.origin)])
  assert.equal(page.url(), `${application.origin}/`)
  assert.equal(await page.evaluate(() => client.isAuthenticated()), false)
  assert.match(await errorOf(token(page)), /The person must sign in/)
  assert.equal((await userinfo(page, scene, bearer)).status, 401)
  assert.deepEqual(scene.blocked, [])
})
