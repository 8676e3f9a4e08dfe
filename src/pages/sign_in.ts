import { attributes, href, html } from '#base/html.ts'
import { layout, MESSAGE_ID, messageBox, nameOfClient, type Look } from '#pages/layout.ts'
import type { Page } from '#pages/page.ts'

export type SignInData = Look & {
  /** Where the form is sent. Fields: `request`, `username`, `password`. */
  readonly action: string
  /** Opaque: comes back as it is. */
  readonly request: string
  /** Whom the sign-in is for; absent on the way to our own account page, or to a device. */
  readonly clientName?: string | undefined
  /** On the way to a device, whose client is not named before somebody has signed in. */
  readonly isForDevice?: boolean | undefined
  /** As it was typed before, or from `login_hint`. */
  readonly username?: string | undefined
  readonly problem?: 'wrong' | 'busy' | 'expired' | undefined
  /** The directory of accounts, if it is not the one that everybody is in. */
  readonly realm?: string | undefined
}

const LONGEST_USERNAME = 320

export const signInPage = (data: SignInData): Page => {
  const { brand, texts, action, request, clientName, problem, realm } = data
  const words = texts.signIn
  const username = (data.username ?? '').slice(0, LONGEST_USERNAME)
  // Both fields, always: which of the two was wrong is nobody's business.
  const state = {
    'aria-invalid': problem === 'wrong' && 'true',
    'aria-describedby': problem === 'wrong' && MESSAGE_ID,
  }
  // A problem is focused first. Without one the page is ready to be typed into; its title has said what it is.
  const isReady = problem === undefined
  return layout({
    ...data,
    title: words.title,
    width: 'narrow',
    hasProblem: problem !== undefined,
    content: html`
      <h1>${words.title}</h1>
      <p class="lead">
        ${
          clientName !== undefined
            ? words.toContinue(nameOfClient(clientName, data))
            : data.isForDevice === true
              ? words.toDevice
              : words.toAccount(brand.name)
        }
      </p>
      ${messageBox('problem', problem && words.problems[problem])}
      <form method="post" action="${href(action)}">
        <input type="hidden" name="request" value="${request}" />
        ${
          realm !== undefined &&
          html`<p class="field">
            <span class="label">${words.realm}</span>
            <span class="value"><bdi>${realm}</bdi></span>
          </p>`
        }
        <p class="field">
          <label for="username">${words.username}</label>
          <input
            id="username"
            name="username"
            type="text"
            autocomplete="username"
            autocapitalize="none"
            autocorrect="off"
            spellcheck="false"
            maxlength="${LONGEST_USERNAME}"
            required
            value="${username}"
            ${attributes({ ...state, autofocus: isReady && username === '' })}
          />
        </p>
        <p class="field">
          <label for="password">${words.password}</label>
          <input
            id="password"
            name="password"
            type="password"
            autocomplete="current-password"
            required
            ${attributes({ ...state, autofocus: isReady && username !== '' })}
          />
        </p>
        <p class="actions"><button type="submit" class="primary">${words.submit}</button></p>
      </form>
    `,
  })
}
