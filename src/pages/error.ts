import { html } from '#base/html.ts'
import { layout, type Look } from '#pages/layout.ts'
import type { Page } from '#pages/page.ts'

export type ErrorData = Look & {
  readonly title: string
  /** What happened. */
  readonly text: string
  readonly whatToDo: string
  readonly requestId?: string | undefined
}

/** For what cannot be told to the client. It has no link: where the request wanted to go is not known to be anybody's. */
export const errorPage = (data: ErrorData): Page =>
  layout({
    ...data,
    width: 'narrow',
    content: html`
      <h1>${data.title}</h1>
      <p class="lead">${data.text}</p>
      <p>${data.whatToDo}</p>
      ${
        data.requestId !== undefined &&
        html`<p class="fine">${data.texts.error.requestId} <code>${data.requestId}</code></p>`
      }
    `,
  })
