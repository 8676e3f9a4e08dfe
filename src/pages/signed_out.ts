import { href, html, type Child } from '#base/html.ts'
import { layout, nameOfClient, type Look } from '#pages/layout.ts'
import type { Page } from '#pages/page.ts'

/** Clients by their names: those that a sign-out ends, and those that go on without the session. */
export type ClientNames = { readonly ended: readonly string[]; readonly goOn: readonly string[] }

export type SignedOutData = Look &
  Partial<ClientNames> & {
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
      ${clientLists({ ...data, ended: data.ended ?? [], goOn: data.goOn ?? [] }, words)}
      <p>${words.shared}</p>
      ${
        data.signIn !== undefined &&
        html`<p class="actions"><a class="button" href="${href(data.signIn)}">${words.signIn}</a></p>`
      }
    `,
  })
}

type ListWords = { readonly ended: string; readonly goOn: string; readonly goOnHint: string }

/** What ends and what goes on. Of neither: nothing is said. */
export const clientLists = (data: Look & ClientNames, words: ListWords): Child => [
  list('ended', words.ended, data.ended, data),
  list('go-on', words.goOn, data.goOn, data, words.goOnHint),
]

const list = (id: string, title: string, names: readonly string[], look: Look, hint?: string): Child =>
  names.length > 0 &&
  html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    <ul class="names">
      ${names.map((name) => html`<li>${nameOfClient(name, look)}</li>`)}
    </ul>
    ${hint !== undefined && html`<p class="hint">${hint}</p>`}
  </section>`
