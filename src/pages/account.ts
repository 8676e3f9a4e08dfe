import { attributes, href, html, type Child, type Html } from '#base/html.ts'
import type { EpochSeconds } from '#base/time.ts'
import { dateElement, timeOfDayElement } from '#pages/dates.ts'
import { layout, messageBox, nameOfClient, plainNameOfClient, type Look } from '#pages/layout.ts'
import { findDisplayName } from '#pages/names.ts'
import type { Page } from '#pages/page.ts'
import type { Message } from '#pages/texts/catalogue.ts'

/** What one client has. */
export type ClientLine = {
  readonly id: string
  readonly name: string
  readonly isThirdParty: boolean
  /** Plain sentences: descriptions of the API's registry, then `texts.scopes` for the standard ones. */
  readonly scopes: readonly string[]
  readonly organizations: 'all' | readonly string[]
  readonly since: EpochSeconds
  readonly lastUsed: EpochSeconds | undefined
  /** It has a refresh token. */
  readonly keepsAccess: boolean
  readonly withPassword: boolean
}

export type AccountNotice =
  { readonly kind: 'access_ended'; readonly clientName?: string | undefined } | { readonly kind: 'password_changed' }

export type AccountData = Look & {
  /** Paths. Every form has `csrf`; that of `endAccess` has `client_id` too. */
  readonly actions: {
    readonly endAccess: string
    readonly signOut: string
    readonly signOutEverywhere: string
    /** A link, not a form. */
    readonly changePassword: string
  }
  /** Opaque: comes back as it is. */
  readonly csrf: string
  readonly account: { readonly name?: string | undefined; readonly username: string }
  readonly clients: readonly ClientLine[]
  readonly notice?: AccountNotice | undefined
}

export const accountPage = (data: AccountData): Page => {
  const { brand, texts, account, clients, notice, actions } = data
  const words = texts.account
  const name = account.name === undefined ? undefined : findDisplayName(account.name)
  return layout({
    ...data,
    title: words.title,
    width: 'broad',
    content: html`
      <h1>${words.title}</h1>
      <p class="lead">
        ${name !== undefined && html`<bdi class="person">${name}</bdi>`}
        <span>${words.signedInAs(html`<bdi>${account.username}</bdi>`)}</span>
      </p>
      ${messageBox('news', notice && noticeOf(notice, data))}
      <section aria-labelledby="access">
        <h2 id="access">${words.access}</h2>
        ${
          clients.length === 0
            ? html`<div class="empty">
                <p class="message-title">${words.noAccess}</p>
                <p>${words.noAccessHint(brand.name)}</p>
              </div>`
            : html`<p class="hint">${words.accessHint}</p>
                <ul class="clients">
                  ${clients.map((client) => html`<li>${clientLine(client, data)}</li>`)}
                </ul>`
        }
      </section>
      <section aria-labelledby="password">
        <h2 id="password">${words.password}</h2>
        <p>${words.passwordHint}</p>
        <p class="actions"><a class="button" href="${href(actions.changePassword)}">${words.changePassword}</a></p>
      </section>
      <section aria-labelledby="sign-out">
        <h2 id="sign-out">${words.signOutTitle}</h2>
        ${signOutForm(data, actions.signOut, words.signOutHint, words.signOut)}
        ${signOutForm(data, actions.signOutEverywhere, words.signOutEverywhereHint, words.signOutEverywhere)}
      </section>
    `,
  })
}

const noticeOf = (notice: AccountNotice, { texts }: Look): Message => {
  const { accessEnded, passwordChanged } = texts.account.notices
  if (notice.kind === 'password_changed') return passwordChanged
  return accessEnded(notice.clientName === undefined ? undefined : plainNameOfClient(notice.clientName, texts))
}

const signOutForm = ({ csrf }: AccountData, action: string, hint: string, button: string): Html =>
  html`<form method="post" action="${href(action)}" class="row">
    <input type="hidden" name="csrf" value="${csrf}" />
    <p>${hint}</p>
    <button type="submit">${button}</button>
  </form>`

const clientLine = (client: ClientLine, data: AccountData): Html => {
  const { brand, texts, csrf, actions } = data
  const words = texts.account
  return html`<article class="client">
    <header>
      <h3>${nameOfClient(client.name, data)}</h3>
      <p class="party">${client.isThirdParty ? words.thirdParty(brand.name) : words.firstParty(brand.name)}</p>
    </header>
    ${
      (client.withPassword || client.keepsAccess) &&
      html`<ul class="marks">
        ${client.withPassword && html`<li class="caution">${words.withPassword}</li>`}
        ${client.keepsAccess && html`<li>${words.keepsAccess}</li>`}
      </ul>`
    }
    <dl class="facts">
      ${fact(words.may, listOf(client.scopes) ?? words.mayNothing)}
      ${fact(words.organizations, organizationsOf(client, data))} ${fact(words.since, dateElement(client.since, texts))}
      ${fact(
        words.lastUsed,
        client.lastUsed === undefined ? words.neverUsed : timeOfDayElement(client.lastUsed, texts),
      )}
    </dl>
    <form method="post" action="${href(actions.endAccess)}">
      <input type="hidden" name="csrf" value="${csrf}" />
      <input type="hidden" name="client_id" value="${client.id}" />
      <button type="submit" class="danger">
        ${words.endAccess}<span class="visually-hidden"
          >${words.endAccessOf(plainNameOfClient(client.name, texts))}</span
        >
      </button>
    </form>
  </article>`
}

const fact = (term: string, value: Child): Html =>
  html`<div>
    <dt>${term}</dt>
    <dd>${value}</dd>
  </div>`

const listOf = (sentences: readonly string[]): Html | undefined =>
  sentences.length === 0
    ? undefined
    : html`<ul>
        ${sentences.map((sentence) => html`<li>${sentence}</li>`)}
      </ul>`

const LONGEST_ORGANIZATION = 120

const organizationsOf = ({ organizations }: ClientLine, { texts }: Look): Child => {
  const words = texts.account
  if (organizations === 'all') return words.allOrganizations
  const names = organizations.map((name) => findDisplayName(name, LONGEST_ORGANIZATION) ?? '?')
  // Very many scroll in a box of their own, which the keyboard must reach.
  const isLong = names.length > 12
  return names.length === 0
    ? words.noOrganizations
    : html`<ul
        ${attributes({
          class: isLong && 'scrolls',
          tabindex: isLong && 0,
          role: isLong && 'list',
          'aria-label': isLong && words.organizations,
        })}
      >
        ${names.map((name) => html`<li><bdi>${name}</bdi></li>`)}
      </ul>`
}
