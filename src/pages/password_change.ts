import { attributes, href, html } from '#base/html.ts'
import { layout, MESSAGE_ID, messageBox, type Look } from '#pages/layout.ts'
import type { Page } from '#pages/page.ts'

export type PasswordChangeData = Look & {
  /** Where the form is sent. Fields: `csrf`, `current_password`, `new_password`, `new_password_again`. */
  readonly action: string
  readonly csrf: string
  /** Lets a password manager know whose password it keeps. */
  readonly username: string
  /** The account page. */
  readonly cancel: string
  /** `unfit`: too short, too long, or with control characters. The page says all the rules. */
  readonly problem?: 'wrong' | 'busy' | 'different' | 'unfit' | undefined
}

/** Which fields a problem is of. */
const FIELDS_OF = {
  wrong: ['current_password'],
  different: ['new_password', 'new_password_again'],
  unfit: ['new_password'],
  busy: [],
} as const satisfies Record<NonNullable<PasswordChangeData['problem']>, readonly string[]>

const HINT_ID = 'new-password-hint'

export const passwordChangePage = (data: PasswordChangeData): Page => {
  const { texts, action, csrf, username, cancel, problem } = data
  const words = texts.passwordChange
  const field = (name: string, label: string, isNew: boolean, hint?: string) => {
    const isWrong = problem !== undefined && (FIELDS_OF[problem] as readonly string[]).includes(name)
    const described = [hint !== undefined && HINT_ID, isWrong && MESSAGE_ID].filter((id) => id !== false).join(' ')
    return html`<div class="field">
      <label for="${name}">${label}</label>
      ${hint !== undefined && html`<p class="hint" id="${HINT_ID}">${hint}</p>`}
      <input
        id="${name}"
        name="${name}"
        type="password"
        autocomplete="${isNew ? 'new-password' : 'current-password'}"
        required
        ${attributes({ 'aria-invalid': isWrong && 'true', 'aria-describedby': described !== '' && described })}
      />
    </div>`
  }
  return layout({
    ...data,
    title: words.title,
    width: 'narrow',
    hasProblem: problem !== undefined,
    content: html`
      <h1>${words.title}</h1>
      <p class="lead"><bdi>${username}</bdi></p>
      ${messageBox('problem', problem && words.problems[problem])}
      <form method="post" action="${href(action)}">
        <input type="hidden" name="csrf" value="${csrf}" />
        <input type="text" autocomplete="username" value="${username}" readonly hidden />
        ${field('current_password', words.current, false)} ${field('new_password', words.new, true, words.newHint)}
        ${field('new_password_again', words.again, true)}
        <p class="fine">${words.consequence}</p>
        <p class="actions">
          <button type="submit" class="primary">${words.submit}</button>
          <a class="button" href="${href(cancel)}">${words.cancel}</a>
        </p>
      </form>
    `,
  })
}
