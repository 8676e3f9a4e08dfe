import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request, type RequestOptions } from 'node:https'
import { after, test } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { startTlsFront } from '../client_libraries/tls_front.ts'
import { startPostern } from '../support/running_postern.ts'
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
import { launchChromium, noChromium } from './support/chromium.ts'
import { PATIENCE_MS, signIn, startSite, USERNAME } from './support/scene.ts'

// As it is deployed: TLS ends at a proxy, pages and API have a host name each, and applications have names of their own, of the same site or another.

const AUTH = 'auth.example.test'
const API = 'api.example.test'
const NAMES = [AUTH, API, 'app.example.test', 'app.other.test', 'frames.other.test'] as const

let browser: Browser | undefined
after(async () => browser?.close())

const file = { after: after as (work: () => Promise<void>) => void }
const front = await startTlsFront(NAMES)
const SAME_SITE = `https://app.example.test:${front.port}`
const OTHER_SITE = `https://app.other.test:${front.port}`
const issuer = `https://${AUTH}:${front.port}/`
const apiUrl = `https://${API}:${front.port}/`
const postern = await startPostern(file, {
  config: { urls: { auth: issuer, api: apiUrl }, listen: { trusted_proxies: ['127.0.0.1'] } },
})
front.forwardTo(postern.port)
await postern.makeAccount({ username: USERNAME, profile: { name: 'Zoe Example' } })

declare const client: Auth0Client

/** A program that finds these names there too, and verifies the certificate. */
const get = (url: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const options: RequestOptions = {
      ca: readFileSync(front.authorityFile),
      headers,
      lookup: (_host, { all }, found) =>
        all === true ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4),
    }
    request(url, options, (answer) => {
      answer.resume()
      resolve(answer)
    })
      .on('error', reject)
      .end()
  })

/** A browser that finds these names at our proxy. What stands at the applications' names is put there by the test. */
const openContext = async (): Promise<BrowserContext> => {
  browser ??= await launchChromium(['--host-resolver-rules=MAP *.test 127.0.0.1'])
  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  context.setDefaultTimeout(PATIENCE_MS)
  return context
}

/** An application of a third party at this origin. */
const openApplication = async (context: BrowserContext, origin: string, options: object = {}): Promise<Page> => {
  const { client } = await postern.makeClient({
    tokenEndpointAuthMethod: 'none',
    grantTypes: ['authorization_code', 'refresh_token'],
    party: 'third',
    redirectUris: [origin],
    scopes: ['openid', 'profile', 'offline_access', 'read:entities'],
    defaultScopes: [],
  })
  const page = applicationPage({
    domain: new URL(issuer).host,
    clientId: client.id,
    ...options,
    authorizationParams: { redirect_uri: origin, audience: AUDIENCE, scope: 'openid profile read:entities' },
  })
  const served = await startSite(file, (request, response) => {
    const isLibrary = request.url === LIBRARY_PATH
    response.writeHead(200, { 'content-type': isLibrary ? 'text/javascript' : 'text/html' })
    response.end(isLibrary ? LIBRARY : page)
  })
  front.forwardTo(Number(new URL(served).port), new URL(origin).hostname)
  const opened = await context.newPage()
  await opened.goto(`${origin}/`)
  return opened
}

const allowIn = async (popUp: Page): Promise<void> => {
  await signIn(popUp)
  await popUp.getByRole('button', { name: 'Allow', exact: true }).click()
}

test(
  'a third party of the same site signs in and renews in a frame; its token opens the API at its own host',
  { skip: noChromium },
  async (t) => {
    const context = await openContext()
    t.after(() => context.close())
    const page = await openApplication(context, SAME_SITE)
    await page.evaluate(() => void client.loginWithRedirect())
    await page.waitForURL(`${issuer}**`)
    await allowIn(page)
    await page.waitForURL(`${SAME_SITE}/?code=*`)
    await page.evaluate(() => client.handleRedirectCallback())
    assert.equal((await page.evaluate(() => client.getUser()))?.['name'], 'Zoe Example')
    const renewed = await token(page)
    assert.notEqual(renewed, await page.evaluate(() => client.getTokenSilently({ cacheMode: 'off' })))

    const cookies = await context.cookies(issuer)
    assert.deepEqual(
      cookies.map(({ name, domain, path, secure, httpOnly, sameSite }) => ({
        name,
        domain,
        path,
        secure,
        httpOnly,
        sameSite,
      })),
      [{ name: '__Host-postern_session', domain: AUTH, path: '/', secure: true, httpOnly: true, sameSite: 'Lax' }],
    )
    assert.deepEqual(await context.cookies(apiUrl), [])

    const tab = await context.newPage()
    const discovery = await tab.goto(`${issuer}.well-known/openid-configuration`)
    assert.equal(((await discovery?.json()) as { issuer?: string }).issuer, issuer)
    assert.equal(discovery?.headers()['strict-transport-security'], 'max-age=31536000')
    const bearer = { authorization: `Bearer ${renewed}`, accept: 'application/json' }
    assert.equal((await get(`${apiUrl}api/v3.0/organizations`, bearer)).statusCode, 200)
    const bridged = await get(`${apiUrl}api/v2.0/session`, bearer)
    assert.match(bridged.headers['set-cookie']?.[0] ?? '', /^adama_session=[0-9a-f]{40}; .*; SameSite=Lax; Secure$/)
    for (const url of [`${apiUrl}account`, `${apiUrl}authorize`, `${issuer}api/v3.0/organizations`]) {
      assert.equal((await tab.goto(url))?.status(), 404, url)
    }
  },
)

test(
  'from another site no frame finds the session: people sign in by pop-up, and tokens are refreshed',
  { skip: noChromium },
  async (t) => {
    const context = await openContext()
    t.after(() => context.close())
    const page = await openApplication(context, OTHER_SITE, { useRefreshTokens: true })
    await signInByPopUp(page, allowIn)
    assert.equal((await page.evaluate(() => client.getUser()))?.['name'], 'Zoe Example')
    const tokens = [await token(page), await token(page)]
    assert.equal(new Set(tokens).size, 2)

    const framed = await openApplication(context, `https://frames.other.test:${front.port}`)
    await signInByPopUp(framed, (popUp) => popUp.getByRole('button', { name: 'Allow', exact: true }).click())
    assert.match(await errorOf(token(framed)), /The person must sign in/)
  },
)
