import { html } from '#base/html.ts'
import { layout, nameOfClient, type Look } from '#pages/layout.ts'
import type { Page } from '#pages/page.ts'

export type WebMessageData = Look & {
  /** Of the **validated** redirect URI, and one that is allowed for the client. Nothing is sent to any other. */
  readonly origin: string
  /** The authorization response. */
  readonly response: Readonly<Record<string, string>>
  readonly clientName: string
}

/**
 * Hands an authorization response to the client's page that opened this window or has it in a frame. There is always a script on that side, so
 * there is nothing for a person without one to press.
 * @see OAuth 2.0 Web Message Response Mode (draft-sakimura-oauth-wmrm-00), simple mode
 */
export const webMessagePage = (data: WebMessageData): Page => {
  const words = data.texts.webMessage
  return layout({
    ...data,
    title: words.title,
    width: 'narrow',
    script: data.brand.webMessageScript,
    content: html`
      <h1>${words.title}</h1>
      <p class="lead">${words.text(nameOfClient(data.clientName, data))}</p>
      <p id="web-message" data-origin="${data.origin}" data-response="${JSON.stringify(data.response)}">
        ${words.whatToDo}
      </p>
    `,
  })
}
