import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { prepareBrand } from '#pages/brand.ts'
import { formPostPage } from '#pages/form_post.ts'
import { pageReply, type PageReply } from '#pages/page.ts'
import { signInPage } from '#pages/sign_in.ts'
import { english } from '#pages/texts/en.ts'
import { signInData, statesOf } from '../pages/states.ts'
import { accessibilityFindings } from './support/axe.ts'
import { launchChromium, noChromium } from './support/chromium.ts'
import { servePages, type PageServer } from './support/page_server.ts'

const { brand, assets } = prepareBrand({ name: 'Postern' })
const look = { brand, texts: english }
const states = statesOf(look)
const names = Object.keys(states)

const WIDTHS = [1280, 320]
const SCHEMES = ['light', 'dark'] as const

suite('the pages in a real browser', { skip: noChromium }, () => {
  let browser: Browser
  let client: PageServer
  let server: PageServer

  before(async () => {
    browser = await launchChromium()
    client = await servePages(new Map([['/callback', text('arrived at the client')]]), [])
    server = await servePages(answers(`${client.origin}/callback`), assets)
  })
  after(async () => {
    await browser.close()
    await Promise.all([server.close(), client.close()])
  })

  const withPage = async (
    path: string,
    options: BrowserContextOptions,
    run: (page: Page) => Promise<void>,
  ): Promise<void> => {
    const context = await browser.newContext(options)
    try {
      const page = await context.newPage()
      // The one page that leaves by itself is to be looked at.
      if (path === '/state/form-post') await page.route('**/*.js', (route) => route.abort())
      await page.goto(`${server.origin}${path}`)
      await run(page)
    } finally {
      await context.close()
    }
  }

  for (const name of names) {
    test(`axe-core finds nothing on ${name}, in both schemes, at both widths`, async () => {
      await withPage(`/state/${name}`, {}, async (page) => {
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 720 })
          for (const colorScheme of SCHEMES) {
            await page.emulateMedia({ colorScheme })
            assert.deepEqual(await accessibilityFindings(page), [], `${colorScheme}, ${width} px`)
          }
        }
      })
    })
  }

  test('nothing is wider than the window: at 320 px, at 200 % zoom, and with the text spaced out', async () => {
    const spaced = `for (const each of document.querySelectorAll('body, body *')) {
      Object.assign(each.style, { lineHeight: '1.5', letterSpacing: '0.12em', wordSpacing: '0.16em' })
    }`
    for (const name of names) {
      await withPage(`/state/${name}`, {}, async (page) => {
        const overflow = async (width: number) => {
          await page.setViewportSize({ width, height: 512 })
          return page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
        }
        // 1280 px at 200 % are 640 of CSS; at 400 % they are 320.
        for (const width of [640, 320]) assert.ok((await overflow(width)) <= 0, `${name} at ${width} px`)
        await page.evaluate(spaced)
        assert.ok((await overflow(320)) <= 0, `${name} spaced out`)
      })
    }
  })

  test('every state is shown without one violation of its policy', async () => {
    const context = await browser.newContext()
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    for (const name of names.filter((each) => each !== 'form-post')) {
      await page.goto(`${server.origin}/state/${name}`)
      assert.deepEqual(complaints, [], name)
    }
    await context.close()
  })

  test('a problem has the focus when the page opens, so it is read out first', async () => {
    await withPage('/state/sign-in-wrong', {}, async (page) => {
      assert.equal(await page.evaluate<string>('document.activeElement.id'), 'message')
    })
    await withPage('/state/sign-in', {}, async (page) => {
      assert.equal(await page.evaluate<string>('document.activeElement.id'), 'username')
    })
    await withPage('/state/sign-in-known', {}, async (page) => {
      assert.equal(await page.evaluate<string>('document.activeElement.id'), 'password')
    })
  })

  test('the keyboard alone goes through consent in the order of the page, and Enter in a box decides nothing', async () => {
    await withPage('/state/consent', { javaScriptEnabled: false }, async (page) => {
      const visited: string[] = []
      const focused = page.locator(':focus')
      for (let step = 0; step < 12; step++) {
        await page.keyboard.press('Tab')
        if ((await focused.count()) === 0) break
        const [name, value] = [await focused.getAttribute('name'), await focused.getAttribute('value')]
        visited.push(`${name}=${value}`)
        const seen = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle')
        assert.equal(seen, 'solid', 'the focus is seen')
        if (name === 'scope') await page.keyboard.press('Enter')
      }
      assert.deepEqual(visited, [
        'decision=switch',
        'scope=profile',
        'scope=email',
        'scope=write:entities',
        'scope=read:users',
        'scope=offline_access',
        'organizations=all',
        'decision=deny',
        'decision=allow',
      ])
      assert.equal(new URL(page.url()).pathname, '/state/consent')
    })
  })

  test('the list of organizations is there when it is wanted, without a script, and scrolls by itself', async () => {
    await withPage('/state/consent', { javaScriptEnabled: false }, async (page) => {
      const box = page.getByLabel('Contoso Outdoor')
      assert.equal(await box.isVisible(), false)
      await page.getByLabel('Only these').check()
      assert.equal(await box.isVisible(), true)
      await page.getByLabel('All that I can see').check()
      assert.equal(await box.isVisible(), false)
    })
    await withPage('/state/consent-hundred', { viewport: { width: 320, height: 640 } }, async (page) => {
      const list = page.locator('.chosen .choices')
      const height = (await list.boundingBox())!.height
      assert.ok(height < 400, `${height} px`)
      await page.getByLabel('Humongous Energy').check()
      assert.ok(await page.getByRole('button', { name: 'Don’t allow' }).isVisible())
    })
  })

  test('to allow and to refuse look alike and are as large', async () => {
    for (const width of WIDTHS) {
      await withPage('/state/consent', { viewport: { width, height: 720 } }, async (page) => {
        const looks = await page.evaluate<
          readonly string[]
        >(`[...document.querySelectorAll('.decision button')].map((each) => {
          const { width, height } = each.getBoundingClientRect()
          const { color, backgroundColor, border, font } = getComputedStyle(each)
          return [Math.round(width), Math.round(height), color, backgroundColor, border, font].join(', ')
        })`)
        assert.equal(looks.length, 2)
        assert.deepEqual(looks[0], looks[1])
      })
    }
  })

  for (const javaScriptEnabled of [true, false]) {
    const script = javaScriptEnabled ? 'with' : 'without'

    test(`a form that ends at the client gets there, ${script} a script, and is known as our own page's`, async () => {
      await withPage('/sign-in', { javaScriptEnabled }, async (page) => {
        await page.getByLabel('User name').fill('anna')
        await page.getByLabel('Password').fill('correct horse')
        await page.getByRole('button', { name: 'Sign in' }).click()
        await page.getByText('arrived at the client').waitFor()
      })
      const sent = server.received.findLast(({ method }) => method === 'POST')!
      assert.equal(sent.headers.origin, server.origin)
      assert.equal(sent.headers['sec-fetch-site'], 'same-origin')
      const fields = new URLSearchParams(sent.body)
      assert.deepEqual(
        [...fields.entries()],
        [
          ['request', signInData.request],
          ['username', 'anna'],
          ['password', 'correct horse'],
        ],
      )
      const arrived = client.received.at(-1)!
      assert.equal(arrived.headers.referer, undefined, 'the client learns nothing of our page')
    })

    test(`the answer by form_post arrives, ${script} a script`, async () => {
      await withPage('/form-post', { javaScriptEnabled }, async (page) => {
        if (!javaScriptEnabled) await page.getByRole('button', { name: 'Continue' }).click()
        await page.getByText('arrived at the client').waitFor()
      })
      const arrived = client.received.at(-1)!
      assert.equal(arrived.method, 'POST')
      assert.equal(arrived.headers.origin, server.origin)
      assert.deepEqual(Object.fromEntries(new URLSearchParams(arrived.body)), FIELDS)
    })
  }

  test('a form that was not allowed to end at the client stays where it is', async () => {
    await withPage('/sign-in-for-us', {}, async (page) => {
      const count = client.received.length
      const blocked = page.waitForEvent('console')
      await page.getByLabel('User name').fill('anna')
      await page.getByLabel('Password').fill('correct horse')
      await page.getByRole('button', { name: 'Sign in' }).click()
      assert.match((await blocked).text(), /form-action/)
      assert.equal(client.received.length, count)
    })
  })
})

const FIELDS = { code: 'c_7hG2', state: '"><script>alert(1)</script>\u2028 é', iss: 'http://localhost:9400/' }

const text = (body: string): PageReply => ({ status: 200, headers: { 'content-type': 'text/html' }, body })

/** Every state below /state/, and two pages whose forms end at the client. */
const answers = (redirectUri: string): ReadonlyMap<string, PageReply> => {
  const formAction = new URL(redirectUri)
  const signIn = signInPage({ ...look, ...signInData, action: '/decide' })
  return new Map<string, PageReply>([
    ...Object.entries(states).map(
      ([name, { page, formAction: target }]) =>
        [`/state/${name}`, pageReply(page, 200, target === undefined ? {} : { formAction: target })] as const,
    ),
    ['/sign-in', pageReply(signIn, 200, { formAction })],
    ['/sign-in-for-us', pageReply(signIn, 200)],
    ['POST /decide', { status: 303, headers: { location: redirectUri, 'cache-control': 'no-store' }, body: '' }],
    [
      '/form-post',
      pageReply(formPostPage({ ...look, action: redirectUri, fields: FIELDS, clientName: 'Lumen' }), 200, {
        formAction,
      }),
    ],
  ])
}
