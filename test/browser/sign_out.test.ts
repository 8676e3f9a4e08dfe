import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test, type TestContext } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { RegisteredClient } from '#clients/register.ts'
import { eventually } from '../backchannel_logout/receiver.ts'
import { claimsOf, PASSWORD, startPostern, type RunningPostern } from '../support/running_postern.ts'
import { launchChromium, noChromium } from './support/chromium.ts'

// A person at a real browser signs in at two clients and out at one. The clients are other origins of the same site (localhost), so the browser
// sends our cookie with whatever their pages ask for: what holds here is not held by SameSite.

let launched: Promise<Browser> | undefined
after(async () => (await launched)?.close())

const USERNAME = 'zoe@example.com'

type Site = {
  readonly origin: string
  /** Addresses at which the browser came back. */
  readonly visits: readonly URL[]
  readonly logoutTokens: readonly string[]
  /** The page at `/`. */
  content: string
}

const startSite = async (t: TestContext): Promise<Site> => {
  const visits: URL[] = []
  const logoutTokens: string[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const body = Buffer.concat(await request.toArray()).toString()
      const url = new URL(request.url ?? '/', site.origin)
      if (url.pathname === '/backchannel-logout') {
        logoutTokens.push(new URLSearchParams(body).get('logout_token') ?? '')
        return response.writeHead(200).end()
      }
      visits.push(url)
      return response
        .writeHead(200, { 'content-type': 'text/html' })
        .end(url.pathname === '/' ? site.content : '<title>Back at the client</title><link rel="icon" href="data:,">')
    })()
  }).listen(0, 'localhost')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const site: Site = {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    visits,
    logoutTokens,
    content: '',
  }
  return site
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, 'localhost')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

type Scene = {
  readonly postern: RunningPostern
  readonly origin: string
  readonly context: BrowserContext
  readonly page: Page
  readonly blocked: readonly string[]
  /** How often a request brought a cookie of ours. */
  readonly sessionsAskedFor: () => number
}

const makeScene = async (t: TestContext, javaScript: boolean): Promise<Scene> => {
  const port = await freePort()
  const origin = `http://localhost:${port}`
  let sessionsAskedFor = 0
  const postern = await startPostern(t, {
    wrapStore: (store) => ({
      ...store,
      browserSessions: {
        ...store.browserSessions,
        findLive: (id) => {
          sessionsAskedFor++
          return store.browserSessions.findLive(id)
        },
      },
    }),
    config: { listen: { port }, urls: { auth: `${origin}/` }, outbound: { allow: ['localhost'] } },
  })
  await postern.makeAccount({ username: USERNAME })
  const context = await (await (launched ??= launchChromium())).newContext({ javaScriptEnabled: javaScript })
  t.after(() => context.close())
  context.setDefaultTimeout(30_000)
  const blocked: string[] = []
  context.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) blocked.push(message.text())
  })
  return { postern, origin, context, page: await context.newPage(), blocked, sessionsAskedFor: () => sessionsAskedFor }
}

const makeClient = ({ postern }: Scene, { origin }: Site, name: string): Promise<RegisteredClient> =>
  postern.makeClient(
    {
      grantTypes: ['authorization_code', 'refresh_token'],
      redirectUris: [`${origin}/callback`],
      postLogoutRedirectUris: [`${origin}/bye`],
      backchannelLogoutUri: `${origin}/backchannel-logout`,
    },
    { name },
  )

/** Signs in at a client, where the browser asks for it, and exchanges the code. */
const signInAt = async (
  { postern, origin, page }: Scene,
  site: Site,
  { client, secret }: RegisteredClient,
  scope: string,
) => {
  const redirectUri = `${site.origin}/callback`
  const query = new URLSearchParams({ response_type: 'code', client_id: client.id, redirect_uri: redirectUri, scope })
  await page.goto(`${origin}/authorize?${query.toString()}`)
  if (!page.url().startsWith(redirectUri)) {
    await page.getByLabel('User name').fill(USERNAME)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL((url) => url.href.startsWith(redirectUri))
  }
  const { body } = await postern.token({
    grant_type: 'authorization_code',
    code: new URL(page.url()).searchParams.get('code') ?? '',
    redirect_uri: redirectUri,
    client_id: client.id,
    client_secret: secret,
  })
  assert.ok(body.id_token !== undefined && body.access_token !== undefined, JSON.stringify(body))
  return { idToken: body.id_token, accessToken: body.access_token, refreshToken: body.refresh_token }
}

const isSignedIn = async ({ origin, context }: Scene): Promise<boolean> => {
  const page = await context.newPage()
  await page.goto(`${origin}/account`)
  const found = (await page.getByRole('heading', { name: 'Your account' }).count()) === 1
  await page.close()
  return found
}

const works = async ({ postern }: Scene, accessToken: string): Promise<boolean> => {
  const headers = { authorization: `Bearer ${accessToken}`, accept: 'application/json' }
  return (await fetch(`${postern.origin}/api/v3.0/organizations`, { headers })).status === 200
}

for (const javaScript of [true, false]) {
  const how = javaScript ? '' : ', without JavaScript'

  test(
    `signed in at two clients, out at one: both are told, and what works at night goes on${how}`,
    { skip: noChromium },
    async (t) => {
      const scene = await makeScene(t, javaScript)
      const { postern, origin, page } = scene
      const [here, there] = [await startSite(t), await startSite(t)]
      const [client, other] = [
        await makeClient(scene, here, 'Campaign Weather'),
        await makeClient(scene, there, 'Night Reports'),
      ]
      const online = await signInAt(scene, here, client, 'openid read:entities')
      const offline = await signInAt(scene, there, other, 'openid offline_access read:entities')

      const bye = { post_logout_redirect_uri: `${here.origin}/bye`, client_id: client.client.id, state: 'a b&c' }
      await page.goto(`${origin}/oidc/logout?${new URLSearchParams(bye).toString()}`)
      await page.getByRole('heading', { name: 'Sign out?' }).waitFor()
      await page
        .getByRole('region', { name: 'These lose their access with it' })
        .getByText('Campaign Weather')
        .waitFor()
      await page.getByRole('region', { name: 'These keep their access' }).getByText('Night Reports').waitFor()
      await page.getByRole('button', { name: 'Stay signed in' }).click()
      await page.getByRole('heading', { name: 'You are still signed in' }).waitFor()
      assert.ok((await isSignedIn(scene)) && (await works(scene, online.accessToken)))
      await page.goBack()
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.waitForURL((url) => url.href.startsWith(`${here.origin}/bye`))
      assert.equal(here.visits.at(-1)?.searchParams.get('state'), 'a b&c')

      assert.equal(await isSignedIn(scene), false)
      assert.equal(await works(scene, online.accessToken), false)
      assert.ok(await works(scene, offline.accessToken))
      const refreshed = await postern.token({
        grant_type: 'refresh_token',
        refresh_token: offline.refreshToken,
        client_id: other.client.id,
        client_secret: other.secret,
      })
      assert.equal(refreshed.status, 200)
      await eventually(() => here.logoutTokens.length === 1 && there.logoutTokens.length === 1)
      for (const [{ logoutTokens }, { idToken }] of [
        [here, online],
        [there, offline],
      ] as const) {
        const { sub, sid, aud, nonce } = claimsOf(logoutTokens[0]!)
        const signedIn = claimsOf(idToken)
        assert.deepEqual([sub, sid, aud, nonce], [signedIn['sub'], signedIn['sid'], signedIn['aud'], undefined])
      }
      assert.deepEqual(scene.blocked, [])
    },
  )

  test(
    `a client’s own sign-out comes back at once: by link, by form, and at /v2/logout${how}`,
    { skip: noChromium },
    async (t) => {
      const scene = await makeScene(t, javaScript)
      const { origin, page } = scene
      const site = await startSite(t)
      const client = await makeClient(scene, site, 'Campaign Weather')
      const bye = `${site.origin}/bye`
      const icon = '<link rel="icon" href="data:,">'
      const ways: readonly ((idToken: string) => string)[] = [
        (idToken) => {
          const query = new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: bye })
          return `${icon}<a href="${origin}/oidc/logout?${query.toString().replaceAll('&', '&amp;')}">Log out</a>`
        },
        (idToken) =>
          `${icon}<form method="post" action="${origin}/oidc/logout"><input type="hidden" name="id_token_hint" value="${idToken}">
         <input type="hidden" name="post_logout_redirect_uri" value="${bye}"><button>Log out</button></form>`,
        () => {
          const query = new URLSearchParams({ client_id: client.client.id, returnTo: bye })
          return `${icon}<a href="${origin}/v2/logout?${query.toString().replaceAll('&', '&amp;')}">Log out</a>`
        },
      ]
      for (const way of ways) {
        const { idToken, accessToken } = await signInAt(scene, site, client, 'openid read:entities')
        site.content = way(idToken)
        await page.goto(`${site.origin}/`)
        await page.getByText('Log out').click()
        await page.waitForURL(bye)
        assert.equal(await isSignedIn(scene), false)
        assert.equal(await works(scene, accessToken), false)
      }
    },
  )
}

test(
  'pictures, frames and scripts of a page of the same site sign nobody out, whatever they know (F14)',
  { skip: noChromium },
  async (t) => {
    const scene = await makeScene(t, true)
    const { origin, page } = scene
    const site = await startSite(t)
    const client = await makeClient(scene, site, 'Campaign Weather')
    const { idToken } = await signInAt(scene, site, client, 'openid read:entities')
    const bye = `${site.origin}/bye`
    const urls = [
      `${origin}/oidc/logout?${new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: bye }).toString()}`,
      `${origin}/v2/logout?${new URLSearchParams({ client_id: client.client.id, returnTo: bye }).toString()}`,
    ]
    const before = scene.sessionsAskedFor()
    site.content = urls
      .map((url) => url.replaceAll('&', '&amp;'))
      .map(
        (url) =>
          `<img src="${url}"><iframe src="${url}"></iframe><script src="${url}"></script><link rel="prefetch" href="${url}">`,
      )
      .join('')
    await page.goto(`${site.origin}/`)
    await page.evaluate(async (all) => {
      for (const url of all) await fetch(url, { mode: 'no-cors', credentials: 'include' }).catch(() => undefined)
    }, urls)
    // Each that came with our cookie: two frames, and at least the pictures and what a script fetched besides.
    await eventually(() => scene.sessionsAskedFor() >= before + 6)
    assert.ok(await isSignedIn(scene))
    await page.goto(urls[1]!)
    await page.waitForURL(bye)
    assert.equal(await isSignedIn(scene), false)
  },
)
