import { mkdirSync, writeFileSync } from 'node:fs'
import { prepareBrand } from '#pages/brand.ts'
import { english } from '#pages/texts/en.ts'
import { pageReply } from '#pages/page.ts'
import { statesOf } from '../pages/states.ts'
import { launchChromium } from './support/chromium.ts'
import { accessibilityFindings } from './support/axe.ts'
import { servePages } from './support/page_server.ts'
const out = '/tmp/pages_deps/shots'
mkdirSync(out, { recursive: true })
const { brand, assets } = prepareBrand({
  name: process.env.BRAND ?? 'Postern',
  ...(process.env.ACCENT ? { accent: process.env.ACCENT } : {}),
})
const states = statesOf({ brand, texts: english })
const only = process.argv.slice(2)
const replies = new Map(assets.map(({ path, reply }) => [path, reply]))
for (const [name, { page, formAction }] of Object.entries(states))
  replies.set(`/${name}`, pageReply(page, 200, formAction ? { formAction } : {}))
const server = await servePages(replies)
const browser = await launchChromium()
for (const scheme of ['light', 'dark'] as const)
  for (const width of [1280, 320]) {
    const context = await browser.newContext({
      colorScheme: scheme,
      viewport: { width, height: width === 320 ? 640 : 800 },
      javaScriptEnabled: true,
    })
    const page = await context.newPage()
    page.on('console', (m) => console.log('console', m.text()))
    for (const name of Object.keys(states)) {
      if (only.length && !only.includes(name)) continue
      if (name === 'form-post') await page.route('**/*.js', (r) => r.abort())
      await page.goto(`${server.origin}/${name}`)
      const over = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
      if (over > 0) console.log(name, width, 'overflows by', over)
      const found = await accessibilityFindings(page)
      if (found.length) console.log(name, scheme, width, found.join('\n'))
      await page.screenshot({ path: `${out}/${name}-${scheme}-${width}.png`, fullPage: true })
    }
    await context.close()
  }
console.log(
  Object.fromEntries(Object.entries(states).map(([n, s]) => [n, s.page.html.length])),
  assets.map((a) => [a.path, a.reply.body.length]),
)
await browser.close()
await server.close()
