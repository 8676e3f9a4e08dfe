// A server with one person, a browser, and what flows between them: what the tests of whole ways share.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, type TestContext } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { addOrganizations, PASSWORD, startPostern, type RunningPostern } from '../../support/running_postern.ts'
import { launchChromium } from './chromium.ts'

export const USERNAME = 'zoe@example.com'
export const PATIENCE_MS = 20_000

let launched: Promise<Browser> | undefined
after(async () => (await launched)?.close())

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, 'localhost')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export type Scene = {
  readonly postern: RunningPostern
  /** As the browser writes it; ends without a slash. */
  readonly origin: string
  readonly context: BrowserContext
  /** What the browser refused by a Content-Security-Policy. */
  readonly blocked: readonly string[]
}

export const makeScene = async (t: TestContext, { javaScript = true } = {}): Promise<Scene> => {
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const postern = await startPostern(t, { config: { listen: { port }, urls: { auth: `${origin}/` } } })
  await addOrganizations(postern.store, 5)
  await postern.makeAccount({ username: USERNAME, profile: { name: 'Zoe Example' } })
  const browser = await (launched ??= launchChromium())
  const context = await browser.newContext({ javaScriptEnabled: javaScript })
  t.after(() => context.close())
  context.setDefaultTimeout(PATIENCE_MS)
  const blocked: string[] = []
  context.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) blocked.push(message.text())
  })
  return { postern, origin, context, blocked }
}

export const signIn = async (page: Page, password = PASSWORD): Promise<void> => {
  await page.getByLabel('User name').fill(USERNAME)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** A server of another origin, until the test ends. @returns its origin */
export const startSite = async (
  t: Pick<TestContext, 'after'>,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> => {
  const server = createServer(answer).listen(0, 'localhost')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://localhost:${(server.address() as AddressInfo).port}`
}
