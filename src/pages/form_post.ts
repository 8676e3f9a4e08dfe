import { href, html } from '#base/html.ts'
import { layout, nameOfClient, type Look } from '#pages/layout.ts'
import type { Page } from '#pages/page.ts'

export type FormPostData = Look & {
  /** The **validated** redirect URI, https or http: a program's own scheme takes no forms. Give it to `pageReply` as `formAction` too. */
  readonly action: string
  /** The authorization response. */
  readonly fields: Readonly<Record<string, string>>
  readonly clientName: string
}

/**
 * Takes an authorization response to the client by a form, which the script of the page sends, and the button where there is no script.
 * @see OAuth 2.0 Form Post Response Mode §2
 */
export const formPostPage = (data: FormPostData): Page => {
  const words = data.texts.formPost
  return layout({
    ...data,
    title: words.title,
    width: 'narrow',
    script: data.brand.formPostScript,
    content: html`
      <h1>${words.title}</h1>
      <p class="lead">${words.text(nameOfClient(data.clientName, data))}</p>
      <form method="post" action="${href(data.action)}" id="form-post">
        ${Object.entries(data.fields).map(
          ([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`,
        )}
        <p class="actions"><button type="submit" class="primary">${words.continue}</button></p>
      </form>
    `,
  })
}
