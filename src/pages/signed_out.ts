import { href, html } from '#base/html.ts'
import { layout, type Look } from '#pages/layout.ts'
import type { Page } from '#pages/page.ts'

export type SignedOutData = Look & {
  readonly isEverywhere?: boolean | undefined
  /** Where one can sign in again, if there is such a page. */
  readonly signIn?: string | undefined
}

export const signedOutPage = (data: SignedOutData): Page => {
  const words = data.texts.signedOut
  const title = data.isEverywhere ? words.everywhereTitle : words.title
  return layout({
    ...data,
    title,
    width: 'narrow',
    content: html`
      <h1>${title}</h1>
      <p class="lead">${data.isEverywhere ? words.everywhereText : words.text}</p>
      <p>${words.shared}</p>
      ${
        data.signIn !== undefined &&
        html`<p class="actions"><a class="button" href="${href(data.signIn)}">${words.signIn}</a></p>`
      }
    `,
  })
}
