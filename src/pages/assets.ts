import { readFileSync } from 'node:fs'
import { BLACK, mix, parseColor, printColor, readableOn, tellApart, WHITE, type Color } from '#pages/colors.ts'
import type { PageReply } from '#pages/page.ts'

/** What pages load never changes under its path, and does nothing by itself: a logo may be an SVG file, which could have a script in it. */
export const assetReply = (contentType: string, content: string | Buffer): PageReply => ({
  status: 200,
  headers: {
    'content-type': contentType,
    'cache-control': 'public, max-age=31536000, immutable',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
    'cross-origin-resource-policy': 'same-origin',
  },
  body: content,
})

const read = (file: URL): string => readFileSync(file, 'utf8')

/** Comments are for those who read the file. */
const withoutComments = (text: string): string =>
  text
    .replace(/\/\*[^]*?\*\//g, '')
    .replace(/\n\s*/g, '\n')
    .trim()

export const formPostScript = (): string => read(new URL('./form_post.js', import.meta.url))

export const webMessageScript = (): string => read(new URL('./web_message.js', import.meta.url))

/** What text and fields stand on, in both schemes: the same as in style.css, which a test compares. */
export const GROUNDS = {
  light: ['#ffffff', '#f4f5f7'],
  dark: ['#1c1f24', '#131519'],
} as const

/** The style sheet with the colours of the brand in front. */
export const styleSheet = (accent: Color): string =>
  withoutComments(
    `:root{${variablesOf(accent, GROUNDS.light, BLACK, 4.5)}}` +
      `@media (prefers-color-scheme:dark){:root{${variablesOf(accent, GROUNDS.dark, WHITE, 6.5)}}}\n` +
      read(new URL('./style.css', import.meta.url)),
  )

/** On a dark ground what is just readable looks dull, so more is asked for there. */
const variablesOf = (accent: Color, grounds: readonly string[], towards: Color, textContrast: number): string => {
  const colors = grounds.map(parseColor)
  const ink = readableOn(accent)
  const variables: Readonly<Record<string, Color>> = {
    accent,
    // Away from the letters on it, so that they gain.
    'accent-hover': mix(accent, ink === WHITE ? BLACK : WHITE, 0.14),
    'accent-ink': ink,
    'accent-edge': tellApart(accent, colors, 3, towards),
    'accent-text': tellApart(accent, colors, textContrast, towards),
  }
  return Object.entries(variables)
    .map(([name, color]) => `--${name}:${printColor(color)}`)
    .join(';')
}

/** A gate in a wall: the mark of a brand that has no logo, and the icon of the window. */
export const markOf = (accent: Color): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="${printColor(accent)}"/>` +
  `<path d="M10 25V14a6 6 0 0 1 12 0v11" fill="none" stroke="${printColor(readableOn(accent))}" stroke-width="2.5" stroke-linecap="round"/>` +
  `<circle cx="18" cy="18.5" r="1.4" fill="${printColor(readableOn(accent))}"/></svg>`
