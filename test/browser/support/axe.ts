// What a machine can say about accessibility. The rest is in docs/pages/accessibility.md.
import axe from 'axe-core'
import type { Page } from 'playwright-core'

const OPTIONS = {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  // WCAG 2.2 §2.5.8; axe leaves it out unless asked.
  rules: { 'target-size': { enabled: true } },
}

/** A box that scrolls hides what axe would judge. */
const UNSCROLL = `for (const each of document.querySelectorAll('body *')) {
  if (/auto|scroll/.test(getComputedStyle(each).overflowY)) each.style.maxHeight = 'none'
}`

type Finding = {
  readonly id: string
  readonly help: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
}

/**
 * What axe-core finds on the page as it is shown now, in words: nothing is an empty array. What it leaves for a person to judge counts as
 * found. It is evaluated by the debugger, which the Content-Security-Policy of the page does not concern.
 */
export const accessibilityFindings = async (page: Page): Promise<readonly string[]> => {
  await page.evaluate(axe.source)
  await page.evaluate(UNSCROLL)
  const found = await page.evaluate<{
    readonly violations: readonly Finding[]
    readonly incomplete: readonly Finding[]
  }>(`axe.run(document, ${JSON.stringify(OPTIONS)})`)
  return [...found.violations, ...found.incomplete].flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary = '' }) => `${id}: ${help}\n  ${html}\n  ${failureSummary}`),
  )
}
