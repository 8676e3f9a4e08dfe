import { attributes, href, html, type Child, type Html } from '#base/html.ts'
import type { EpochSeconds } from '#base/time.ts'
import { dateElement } from '#pages/dates.ts'
import {
  layout,
  MESSAGE_ID,
  messageBox,
  nameOfClient,
  plainNameOfClient,
  warningBox,
  type Look,
} from '#pages/layout.ts'
import { findDisplayName, resemblesBrand } from '#pages/names.ts'
import type { Page } from '#pages/page.ts'
import type { StandardScope } from '#pages/texts/catalogue.ts'

/** Whether a line is switched on, and why it cannot be switched off, if it cannot. */
export type Choice = {
  readonly isOn: boolean
  /** The reason in the client's words: the line is then fixed and not a field of the form. */
  readonly required?: string | undefined
}

export type OrganizationChoice = { readonly id: number; readonly name: string; readonly isOn: boolean }

export type ConsentData = Look & {
  /**
   * Where the form is sent. Fields: `request`; `decision` = `allow`, `deny` or `switch`; `scope` for each that is switched on (those that are
   * required are not sent); `organizations` = `all` or `some`, and `organization` = an id for each that is switched on.
   */
  readonly action: string
  readonly request: string
  readonly account: { readonly name?: string | undefined; readonly username: string }
  readonly client: {
    readonly name: string
    /** Of the redirect URI: host and port, or the scheme of a program's own (`com.example.app:`). Shown in full. */
    readonly host?: string | undefined
    /** In place of a host: the code that the device shows on which it waits. */
    readonly deviceCode?: string | undefined
    /** A loopback address or a program's own scheme: whoever waits there is not known by its host. */
    readonly isOnThisDevice?: boolean | undefined
    readonly isThirdParty: boolean
    readonly since: EpochSeconds
  }
  /** What it learns of the person, in this order. `openid` is fixed always. The words are the catalogue's. */
  readonly identity: readonly (Choice & { readonly name: Exclude<StandardScope, 'offline_access'> })[]
  /** What it may do at the API. */
  readonly scopes: readonly (Choice & { readonly name: string; readonly description: string })[]
  /** `offline_access`, if it was asked for. */
  readonly offline?: Choice | undefined
  /** Absent if tokens of this API are not confined. */
  readonly organizations?:
    | {
        readonly choice: 'all' | 'some'
        readonly list: readonly OrganizationChoice[]
        /** How many the account sees; more than are listed if there are very many. */
        readonly total: number
      }
    | undefined
  readonly problem?: 'no_scope' | 'no_organization' | 'expired' | undefined
}

export const consentPage = (data: ConsentData): Page => {
  const { brand, texts, action, request, client, problem } = data
  const words = texts.consent
  const title = words.title(plainNameOfClient(client.name, texts))
  return layout({
    ...data,
    title,
    width: 'wide',
    hasProblem: problem !== undefined,
    content: html`
      <h1>${words.asks(nameOfClient(client.name, data), brand.name)}</h1>
      ${whoAsks(data)} ${messageBox('problem', problem && words.problems[problem])} ${whoIsAsked(data)}
      <form method="post" action="${href(action)}">
        <input type="hidden" name="request" value="${request}" />
        ${NO_DEFAULT_BUTTON} ${identityLines(data)} ${scopeLines(data)} ${offlineLine(data)} ${organizationLines(data)}
        <p class="fine">${words.canBeEnded}</p>
        <p class="actions decision">
          <button type="submit" name="decision" value="deny">${words.deny}</button>
          <button type="submit" name="decision" value="allow">${words.allow}</button>
        </p>
      </form>
    `,
  })
}

/**
 * Enter in a box presses the first button of its form (HTML §4.10.21.2). This one belongs to a dialog that is not there, and does nothing: a
 * decision is a press of its own. A button that is switched off would not do, Chromium goes on to the next one.
 */
const NO_DEFAULT_BUTTON = html`<button type="submit" formmethod="dialog" hidden></button>`

const whoAsks = ({ brand, texts, client }: ConsentData): Html => {
  const words = texts.consent
  const looksLikeUs = client.isThirdParty && resemblesBrand(client.name, brand.name)
  return html`<p class="lead">${client.isThirdParty ? words.thirdParty(brand.name) : words.firstParty(brand.name)}</p>
    ${looksLikeUs && warningBox(words.notUs(brand.name))}
    ${client.deviceCode !== undefined && warningBox(words.mindTheDevice)}
    <dl class="facts">
      <div>
        ${
          client.deviceCode === undefined
            ? html`<dt>${words.returnsTo}</dt>
                <dd>
                  <bdi class="host">${client.host}</bdi>
                  ${client.isOnThisDevice && html`<span class="hint">${words.onThisDevice}</span>`}
                </dd>`
            : html`<dt>${words.shownOnDevice}</dt>
                <dd><span class="user-code">${client.deviceCode}</span></dd>`
        }
      </div>
      <div>
        <dt>${words.since}</dt>
        <dd>${dateElement(client.since, texts)}</dd>
      </div>
    </dl>`
}

/** A form of its own: whoever is not this person changes nothing below. */
const whoIsAsked = ({ texts, action, request, account }: ConsentData): Html => {
  const words = texts.consent
  const name = account.name === undefined ? undefined : findDisplayName(account.name)
  return html`<form method="post" action="${href(action)}" class="account">
    <input type="hidden" name="request" value="${request}" />
    <p>
      <span class="hint">${words.signedInAs}</span>
      ${name !== undefined && html`<bdi class="person">${name}</bdi>`}
      <bdi>${account.username}</bdi>
    </p>
    <button type="submit" name="decision" value="switch" class="quiet">${words.switch}</button>
  </form>`
}

const fieldset = (legend: string, hint: string | undefined, lines: readonly Html[]): Html =>
  html`<fieldset>
    <legend>${legend}</legend>
    ${hint !== undefined && html`<p class="hint">${hint}</p>`}
    <ul class="choices">
      ${lines.map((line) => html`<li>${line}</li>`)}
    </ul>
  </fieldset>`

type Line = { readonly name: string; readonly text: string; readonly choice: Choice; readonly hint?: string }

/** A scope that can be switched off is a box; one that cannot is a line with its reason. */
const scopeLine = ({ name, text, choice, hint }: Line, reason: string | undefined): Html =>
  reason === undefined
    ? html`<label class="choice">
        <input type="checkbox" name="scope" value="${name}" ${attributes({ checked: choice.isOn })} />
        <span>${text}${hint !== undefined && html`<span class="hint">${hint}</span>`}</span>
      </label>`
    : html`<div class="choice fixed">
        ${TICK}
        <span
          >${text}${hint !== undefined && html`<span class="hint">${hint}</span>`}<span class="hint reason"
            >${reason}</span
          ></span
        >
      </div>`

const TICK = html`<svg class="tick" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">
  <path d="M4 10.5l4 4 8-9" fill="none" stroke="currentColor" stroke-width="2" />
</svg>`

const reasonOf = ({ required }: Choice, { texts }: Look): string | undefined =>
  required === undefined ? undefined : texts.consent.required(findDisplayName(required, LONGEST_REASON) ?? '')

const LONGEST_REASON = 300

const identityLines = (data: ConsentData): Child => {
  const words = data.texts.consent
  return (
    data.identity.length > 0 &&
    fieldset(
      words.identity,
      undefined,
      data.identity.map((choice) =>
        scopeLine(
          { name: choice.name, text: data.texts.scopes[choice.name], choice },
          reasonOf(choice, data) ?? (choice.name === 'openid' ? words.openidReason : undefined),
        ),
      ),
    )
  )
}

const scopeLines = (data: ConsentData): Child =>
  data.scopes.length > 0 &&
  fieldset(
    data.texts.consent.scopes,
    data.scopes.some(({ required }) => required === undefined) ? data.texts.consent.scopesHint : undefined,
    data.scopes.map((choice) =>
      scopeLine({ name: choice.name, text: choice.description, choice }, reasonOf(choice, data)),
    ),
  )

const offlineLine = (data: ConsentData): Child => {
  const { consent: words, scopes } = data.texts
  return (
    data.offline !== undefined &&
    fieldset(words.offline, undefined, [
      scopeLine(
        { name: 'offline_access', text: scopes.offline_access, choice: data.offline, hint: words.offlineHint },
        reasonOf(data.offline, data),
      ),
    ])
  )
}

const LONGEST_ORGANIZATION = 120

const organizationLines = ({ organizations, problem, texts }: ConsentData): Child => {
  const words = texts.consent
  if (organizations === undefined) return undefined
  const { choice, list, total } = organizations
  const radio = (value: 'all' | 'some', text: string, hint: string) =>
    html`<label class="choice">
      <input type="radio" name="organizations" value="${value}" ${attributes({ checked: choice === value })} />
      <span>${text}<span class="hint">${hint}</span></span>
    </label>`
  return html`<fieldset class="organizations">
    <legend>${words.organizations}</legend>
    <div class="choices">
      ${radio('all', words.allOrganizations, words.allOrganizationsHint(total))}
      ${radio('some', words.someOrganizations, words.someOrganizationsHint)}
    </div>
    <fieldset class="chosen" ${attributes({ 'aria-describedby': problem === 'no_organization' && MESSAGE_ID })}>
      <legend class="visually-hidden">${words.chooseOrganizations}</legend>
      <ul class="choices">
        ${list.map(
          ({ id, name, isOn }) =>
            html`<li>
              <label class="choice">
                <input type="checkbox" name="organization" value="${id}" ${attributes({ checked: isOn })} />
                <span><bdi>${findDisplayName(name, LONGEST_ORGANIZATION) ?? id}</bdi></span>
              </label>
            </li>`,
        )}
      </ul>
    </fieldset>
    ${total > list.length && html`<p class="hint">${words.moreOrganizations(list.length, total)}</p>`}
  </fieldset>`
}
