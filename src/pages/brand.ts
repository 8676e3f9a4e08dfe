import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { assetReply, formPostScript, markOf, styleSheet, webMessageScript } from '#pages/assets.ts'
import { parseColor } from '#pages/colors.ts'
import type { PageReply } from '#pages/page.ts'

/** How the pages look, as the configuration says it. */
export type BrandSettings = {
  /** The platform's name for people. */
  readonly name: string
  /** `#rrggbb`. Whatever it is, text on it and in it stays readable. Default: a deep blue. */
  readonly accent?: string
  /** A local file, read once at start: .svg, .png, .webp or .jpg, at most 64 KiB. */
  readonly logoFile?: string
}

/** What every page needs of it, made once at start by `prepareBrand`. */
export type Brand = {
  readonly name: string
  readonly logo?: { readonly src: string }
  readonly styleSheet: string
  readonly icon: string
  readonly formPostScript: string
  readonly webMessageScript: string
}

/** A file that pages load: its path has its digest in it, so that a browser may keep it for good. */
export type Asset = { readonly path: string; readonly reply: PageReply }

export const DEFAULT_ACCENT = '#1f4e79'
const LARGEST_LOGO = 65_536

const LOGO_TYPES: Readonly<Record<string, string>> = {
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
}

/**
 * Reads and computes all that does not change while the server runs.
 * @throws {Error} that names what is wrong with the colour or the logo
 */
export const prepareBrand = (settings: BrandSettings): { readonly brand: Brand; readonly assets: readonly Asset[] } => {
  const accent = parseColor(settings.accent ?? DEFAULT_ACCENT)
  const style = asset('css', 'text/css; charset=utf-8', styleSheet(accent))
  const icon = asset('svg', 'image/svg+xml', markOf(accent))
  const [formPost, webMessage] = [formPostScript(), webMessageScript()].map((text) =>
    asset('js', 'text/javascript; charset=utf-8', text),
  ) as [Asset, Asset]
  const logo = settings.logoFile === undefined ? undefined : readLogo(settings.logoFile)
  return {
    brand: {
      name: settings.name,
      styleSheet: style.path,
      icon: icon.path,
      formPostScript: formPost.path,
      webMessageScript: webMessage.path,
      ...(logo === undefined ? {} : { logo: { src: logo.path } }),
    },
    assets: [style, icon, formPost, webMessage, ...(logo === undefined ? [] : [logo])],
  }
}

const asset = (extension: string, contentType: string, content: string | Buffer): Asset => {
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 16)
  return { path: `/assets/${digest}.${extension}`, reply: assetReply(contentType, content) }
}

const readLogo = (file: string): Asset => {
  const extension = extname(file).toLowerCase()
  const contentType = LOGO_TYPES[extension]
  if (contentType === undefined) throw new Error(`the logo ${file} is not .svg, .png, .webp or .jpg`)
  const content = readFileSync(file)
  if (content.length > LARGEST_LOGO) throw new Error(`the logo ${file} is larger than ${LARGEST_LOGO} bytes`)
  return asset(extension.slice(1), contentType, content)
}
