import { attributes, href, html } from '#base/html.ts'
import { layout, MESSAGE_ID, messageBox, nameOfClient, warningBox, type Look } from '#pages/layout.ts'
import type { Page } from '#pages/page.ts'

export type DeviceCodeData = Look & {
  /** Where the form is sent. Field: `user_code`. */
  readonly action: string
  /** What was typed before, or what the link brought; empty if neither. */
  readonly typed: string
  readonly problem?: 'wrong' | 'busy' | 'gone' | undefined
}

const LONGEST_CODE = 32

/** Where the code of a device is entered (RFC 8628 §3.3). One that a link brought is shown as well, and goes nowhere by itself. */
export const deviceCodePage = (data: DeviceCodeData): Page => {
  const { texts, action, problem } = data
  const words = texts.deviceCode
  const typed = data.typed.slice(0, LONGEST_CODE)
  const state = {
    'aria-invalid': problem !== undefined && 'true',
    'aria-describedby': problem === undefined ? 'code-hint' : `${MESSAGE_ID} code-hint`,
    autofocus: problem === undefined,
  }
  return layout({
    ...data,
    title: words.title,
    width: 'narrow',
    hasProblem: problem !== undefined,
    content: html`
      <h1>${words.title}</h1>
      <p class="lead">${typed === '' || problem !== undefined ? words.enter : words.compare}</p>
      ${messageBox('problem', problem && words.problems[problem])}
      <form method="post" action="${href(action)}">
        <p class="field">
          <label for="user_code">${words.label}</label>
          <input
            id="user_code"
            name="user_code"
            type="text"
            class="user-code"
            autocomplete="off"
            autocapitalize="characters"
            autocorrect="off"
            spellcheck="false"
            maxlength="${LONGEST_CODE}"
            required
            value="${typed}"
            ${attributes(state)}
          />
          <span class="hint" id="code-hint">${words.hint}</span>
        </p>
        ${warningBox(words.trap)}
        <p class="actions"><button type="submit" class="primary">${words.submit}</button></p>
      </form>
    `,
  })
}

export type DeviceAnswerData = Look & {
  readonly answer: 'allowed' | 'denied'
  readonly clientName: string
  /** Where what was allowed can be ended. */
  readonly account: string
}

/** After the decision: the device is told by itself. */
export const deviceAnswerPage = (data: DeviceAnswerData): Page => {
  const { texts, answer, clientName, account } = data
  const words = texts.deviceCode
  const isAllowed = answer === 'allowed'
  const title = isAllowed ? words.allowedTitle : words.deniedTitle
  const name = nameOfClient(clientName, data)
  return layout({
    ...data,
    title,
    width: 'narrow',
    content: html`
      <h1>${title}</h1>
      <p class="lead">${isAllowed ? words.allowed(name) : words.denied(name)}</p>
      <p>${words.goBack}</p>
      ${isAllowed && html`<p class="fine">${words.canBeEnded}</p>`}
      <p class="actions"><a class="button" href="${href(account)}">${words.account}</a></p>
    `,
  })
}
