import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { noChromium } from './support/chromium.ts'
import { makeScene, PATIENCE_MS, signIn, startSite, type Scene } from './support/scene.ts'

// A37 · Who gets the message with the code: the page of the client, and no other that frames us or opens our window, though the browser is signed
// in and sends its cookie (ports of one host are one site).

/** A page that keeps what it is told. */
const LISTENING = `<!doctype html><title>Listening</title><script>
  const messages = []
  addEventListener('message', ({ data, origin }) => {
    if (data?.type === 'authorization_response') messages.push({ ...data, from: origin })
  })
  const frame = (url) => document.body.append(Object.assign(document.createElement('iframe'), { src: url }))
</script><body></body>`

type Message = {
  readonly from: string
  readonly type: string
  readonly response: Readonly<Record<string, string>>
}
declare const messages: readonly Message[]
declare const frame: (url: string) => void
declare const open: (url: string, name: string, features: string) => unknown

const startListening = (t: TestContext): Promise<string> =>
  startSite(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end(LISTENING)
  })

const openAt = async ({ context }: Scene, origin: string): Promise<Page> => {
  const page = await context.newPage()
  await page.goto(origin)
  return page
}
const heardBy = (page: Page): Promise<readonly Message[]> => page.evaluate(() => messages)
const untilHeard = async (page: Page): Promise<Message> => {
  const patience = Date.now() + PATIENCE_MS
  for (;;) {
    const [first] = await heardBy(page)
    if (first !== undefined) return first
    assert.ok(Date.now() < patience, 'no message came')
    await sleep(20)
  }
}

/** A client with pages at `origin`, and a browser in which somebody has signed in. */
const makeSignedIn = async (t: TestContext) => {
  const scene = await makeScene(t)
  const origin = await startListening(t)
  const { client } = await scene.postern.makeClient({
    grantTypes: ['authorization_code'],
    party: 'first',
    redirectUris: [`${origin}/callback`],
  })
  const query = new URLSearchParams({
    response_type: 'code',
    response_mode: 'web_message',
    client_id: client.id,
    redirect_uri: `${origin}/callback`,
    scope: 'openid read:entities',
    state: '"><script>alert(1)</script>',
  })
  const account = await scene.context.newPage()
  await account.goto(`${scene.origin}/account`)
  await signIn(account)
  await account.getByRole('heading', { level: 1 }).waitFor()
  return { scene, origin, url: `${scene.origin}/authorize?${query.toString()}`, state: query.get('state') }
}

test(
  'A37 · a frame tells the client’s page alone; in any other page it stays empty',
  { skip: noChromium },
  async (t) => {
    const { scene, origin, url, state } = await makeSignedIn(t)
    const own = await openAt(scene, origin)
    await own.evaluate((silent) => frame(silent), `${url}&prompt=none`)
    const { from, type, response } = await untilHeard(own)
    assert.deepEqual(
      [from, type, response['state'], response['iss']],
      [scene.origin, 'authorization_response', state, `${scene.origin}/`],
    )
    assert.match(response['code'] ?? '', /^ac/)
    assert.deepEqual(scene.blocked, [])

    const evil = await openAt(scene, await startListening(t))
    await evil.evaluate((silent) => frame(silent), `${url}&prompt=none`)
    const patience = Date.now() + PATIENCE_MS
    while (scene.blocked.length === 0 && Date.now() < patience) await sleep(20)
    assert.match(scene.blocked[0] ?? '', /frame-ancestors/)
    assert.deepEqual(await heardBy(evil), [])

    // What asks somebody something is in no frame at all.
    await own.evaluate((asking) => frame(asking), `${url}&prompt=login`)
    while (scene.blocked.length === 1 && Date.now() < patience) await sleep(20)
    assert.match(scene.blocked[1] ?? '', /frame-ancestors/)
    assert.equal((await heardBy(own)).length, 1)
  },
)

test(
  'A37 · a window tells the page that opened it if that is the client’s, and no other',
  { skip: noChromium },
  async (t) => {
    const { scene, origin, url, state } = await makeSignedIn(t)
    const openFrom = async (page: Page): Promise<Page> => {
      const [popUp] = await Promise.all([
        page.waitForEvent('popup'),
        page.evaluate((address) => {
          open(address, 'pop-up', 'width=400,height=600')
        }, url),
      ])
      await popUp.getByRole('heading', { name: 'One moment' }).waitFor()
      return popUp
    }
    const evil = await openAt(scene, await startListening(t))
    const refused: string[] = []
    scene.context.on('console', (message) => refused.push(message.text()))
    await openFrom(evil)
    const patience = Date.now() + PATIENCE_MS
    while (!refused.some((text) => text.includes('postMessage')) && Date.now() < patience) await sleep(20)
    assert.ok(
      refused.some((text) => text.includes(`target origin provided ('${origin}')`)),
      refused.join('\n'),
    )
    assert.deepEqual(await heardBy(evil), [])

    const own = await openAt(scene, origin)
    await openFrom(own)
    const { from, response } = await untilHeard(own)
    assert.deepEqual([from, response['state']], [scene.origin, state])
    assert.deepEqual(scene.blocked, [])
  },
)
