// `node scripts/run.mjs test/browser/support/take_screenshots.ts [folder] [accent] [states]`: the pictures of docs/pages, or all states in another
// folder, to look at them.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { prepareBrand } from '#pages/brand.ts'
import { pageReply } from '#pages/page.ts'
import { english } from '#pages/texts/en.ts'
import { statesOf } from '../../pages/states.ts'
import { launchChromium } from './chromium.ts'
import { servePages } from './page_server.ts'
import { shrinkPng } from './png.ts'

const DOCUMENTED = [
  'sign-in light 1280',
  'sign-in dark 320',
  'sign-in-wrong light 320',
  'consent light 1280',
  'consent-some dark 320',
  'consent-hundred light 320',
  'consent-imposter dark 1280',
  'account light 1280',
  'account dark 320',
  'account-access-ended dark 1280',
  'password-change-unfit light 320',
  'error-request light 1280',
]

const [folder, accent, ...wanted] = process.argv.slice(2)
const target = folder ?? join(import.meta.dirname, '../../../docs/pages')
const { brand, assets } = prepareBrand({ name: 'Postern', ...(accent === undefined ? {} : { accent }) })
const states = statesOf({ brand, texts: english })
const shots =
  folder === undefined
    ? DOCUMENTED
    : (wanted.length > 0 ? wanted : Object.keys(states)).flatMap((name) =>
        ['light 1280', 'light 320', 'dark 1280', 'dark 320'].map((how) => `${name} ${how}`),
      )

mkdirSync(target, { recursive: true })
const replies = Object.entries(states).map(([name, { page }]) => [`/${name}`, pageReply(page, 200)] as const)
const server = await servePages(new Map(replies), assets)
const browser = await launchChromium()
try {
  for (const shot of shots) {
    const [name = '', scheme = '', width = ''] = shot.split(' ')
    const page = await browser.newPage({
      colorScheme: scheme === 'dark' ? 'dark' : 'light',
      viewport: { width: Number(width), height: width === '320' ? 568 : 720 },
    })
    if (name === 'form-post') await page.route('**/*.js', (route) => route.abort())
    await page.goto(`${server.origin}/${name}`)
    const picture = shrinkPng(await page.screenshot({ fullPage: true }))
    writeFileSync(join(target, `${name}_${scheme}_${width}.png`), picture)
    console.log(`${name} ${scheme} ${width}: ${picture.length} bytes`)
    await page.close()
  }
} finally {
  await browser.close()
  await server.close()
}
