import { attributes, href, html, type Child, type Html } from '#base/html.ts'
import type { Brand } from '#pages/brand.ts'
import { page, type Page } from '#pages/page.ts'
import { findDisplayName } from '#pages/names.ts'
import type { Message, Texts } from '#pages/texts/catalogue.ts'

/** What every page is given besides its own data. */
export type Look = { readonly brand: Brand; readonly texts: Texts }

export type Layout = Look & {
  readonly title: string
  /** `narrow` for a form, `wide` for a decision, `broad` for lists. */
  readonly width: 'narrow' | 'wide' | 'broad'
  readonly content: Child
  /** Said first in the title, where a screen reader begins. */
  readonly hasProblem?: boolean
  /** The path of the one script that it loads. */
  readonly script?: string
}

/** Everything around what a page has to say. */
export const layout = ({ brand, texts, title, width, content, hasProblem = false, script }: Layout): Page =>
  page(
    html`<!doctype html>
      <html lang="${texts.language}" dir="${texts.direction}">
        <head>
          <meta charset="utf-8" />
          <title>${texts.windowTitle(hasProblem ? texts.problemTitle(title) : title, brand.name)}</title>
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <meta name="robots" content="noindex" />
          <link rel="stylesheet" href="${href(brand.styleSheet)}" />
          <link rel="icon" href="${href(brand.icon)}" />
          ${script !== undefined && html`<script src="${href(script)}" defer></script>`}
        </head>
        <body class="${width}">
          <header>${brandMark(brand)}</header>
          <main>${content}</main>
        </body>
      </html> `,
    script !== undefined,
  )

const brandMark = ({ name, logo, icon }: Brand): Html =>
  // The name stands beside the logo, so the picture says nothing of its own.
  html`<p class="brand">
    <img src="${href(logo?.src ?? icon)}" alt="" ${attributes({ class: logo === undefined ? 'mark' : 'logo' })} />
    <span>${name}</span>
  </p>`

/** The id of the box that tells of a problem: fields point to it. There is one on a page at most. */
export const MESSAGE_ID = 'message'

/** A problem is focused when the page opens, without a script, so that it is read out and seen first. So is news of what was just done. */
export const messageBox = (kind: 'problem' | 'news', message: Message | undefined): Child =>
  message !== undefined &&
  html`<div
    id="${MESSAGE_ID}"
    class="message ${kind}"
    role="${kind === 'problem' ? 'alert' : 'status'}"
    tabindex="-1"
    autofocus
  >
    <p class="message-title">${message.title}</p>
    <p>${message.text}</p>
  </div>`

/** What to mind before going on. It is part of the page, and is read in its place. */
export const warningBox = ({ title, text }: Message): Html =>
  html`<div class="message warning">
    <p class="message-title">${title}</p>
    <p>${text}</p>
  </div>`

/** A client's own name, set apart from our words: whatever it says, it ends where the mark-up ends. */
export const nameOfClient = (name: string, { texts }: Pick<Look, 'texts'>): Html =>
  html`<bdi class="given-name">${plainNameOfClient(name, texts)}</bdi>`

/** The same for where no mark-up can be. First-strong isolates keep it from turning the rest around (Unicode TR 9 §2.4). */
export const plainNameOfClient = (name: string, texts: Texts): string => findDisplayName(name) ?? texts.unnamedClient
