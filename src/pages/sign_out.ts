import { href, html, type Child } from '#base/html.ts'
import { layout, nameOfClient, type Look } from '#pages/layout.ts'
import type { Page } from '#pages/page.ts'
import { clientLists, type ClientNames } from '#pages/signed_out.ts'

export type SignOutData = Look &
  ClientNames & {
    /** Where the form is sent. Fields: `request`, `decision` (`sign_out`, `stay`). */
    readonly action: string
    /** Opaque: comes back as it is. */
    readonly request: string
    readonly username: string
    /** Where to afterwards: the client, and the host of its registered URI. */
    readonly back?: { readonly clientName: string; readonly host: string } | undefined
  }

/** Asks before it ends anything: any site can send a browser here. */
export const signOutPage = (data: SignOutData): Page => {
  const { brand, texts, action, request, username, back } = data
  const words = texts.signOut
  const lead: Child = words.lead(html`<bdi>${username}</bdi>`, brand.name)
  return layout({
    ...data,
    title: words.title,
    width: 'narrow',
    content: html`
      <h1>${words.title}</h1>
      <p class="lead">${lead}</p>
      ${clientLists(data, words)}
      ${
        back !== undefined &&
        html`<p>${words.back(nameOfClient(back.clientName, data), html`<bdi class="host">${back.host}</bdi>`)}</p>`
      }
      <form method="post" action="${href(action)}">
        <input type="hidden" name="request" value="${request}" />
        <p class="actions">
          <button type="submit" name="decision" value="sign_out" class="primary">${words.signOut}</button>
          <button type="submit" name="decision" value="stay">${words.stay}</button>
        </p>
      </form>
    `,
  })
}

export type StillSignedInData = Look & {
  readonly account: string
  /** A link to where the person came from, if it is known and a browser follows it. */
  readonly back?: { readonly clientName: string; readonly url: string } | undefined
}

/** After "stay signed in". */
export const stillSignedInPage = (data: StillSignedInData): Page => {
  const { texts, account, back } = data
  const words = texts.signOut.stayed
  return layout({
    ...data,
    title: words.title,
    width: 'narrow',
    content: html`
      <h1>${words.title}</h1>
      <p class="lead">${words.text}</p>
      <p class="actions">
        ${
          back !== undefined &&
          html`<a class="button" href="${href(back.url)}">${words.back(nameOfClient(back.clientName, data))}</a>`
        }
        <a class="button" href="${href(account)}">${words.account}</a>
      </p>
    `,
  })
}
