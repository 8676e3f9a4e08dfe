import type { BrowserSessions, LiveBrowserSession } from '#accounts/browser_session.ts'
import type { Log } from '#base/log.ts'
import type { Key } from '#base/secrets.ts'
import {
  endWhatIsWider,
  MOST_CONSENT_FIELDS,
  readConsentChoice,
  type ConsentChoiceTools,
  type Wanted,
} from '#endpoints/consent_choice.ts'
import type { Interaction, Interactions } from '#endpoints/interaction.ts'
import type { PersonPages } from '#endpoints/person_pages.ts'
import { endSession, type SessionEndTools } from '#endpoints/session_end.ts'
import { resolveResource, scopesToAllow } from '#grant_types/token_exchange.ts'
import type { Endpoint, Reply, Request } from '#http/message.ts'
import { invalidRequest } from '#protocol/errors.ts'
import { readBodyParameters, readForm, readFormValues } from '#protocol/parameters.ts'
import { DEVICE_CODE } from '#protocol/token_request.ts'
import { digestOfUserCode, findUserCode, showUserCode } from '#protocol/user_code.ts'
import type { ApiResource, DeviceCode } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'
import type { Attempts } from '#throttling/attempts.ts'

export type DevicePageTools = ConsentChoiceTools &
  SessionEndTools & {
    readonly store: Pick<Store, 'deviceCodes'>
    readonly browserSessions: BrowserSessions
    readonly interactions: Interactions
    readonly attempts: Attempts
    readonly pages: PersonPages
    readonly userCodeKey: Key
    readonly findResource: (audience: string) => ApiResource | undefined
    readonly defaultAudience: string
    readonly log: Log
  }

/**
 * `GET /device` (RFC 8628 §3.3): where a person enters the code that their device shows. A code that the link brought is filled in, and the
 * person sends it (§3.3.1, §5.4).
 */
export const devicePageEndpoint =
  ({ pages }: DevicePageTools): Endpoint =>
  ({ query }) => {
    const given = readForm(query).get('user_code') ?? ''
    const userCode = findUserCode(given)
    return pages.deviceCode(userCode === undefined ? given : showUserCode(userCode))
  }

/** `POST /device`: a code was entered. It is looked up when it is known who asks, so nobody guesses unseen. */
export const deviceCodeEndpoint =
  (tools: DevicePageTools): Endpoint =>
  async (request) => {
    tools.pages.refuseOtherPages(request)
    const typed = readBodyParameters(request.headers['content-type'], request.body).get('user_code') ?? ''
    const userCode = findUserCode(typed)
    if (userCode === undefined) return tools.pages.deviceCode(typed, { problem: 'wrong', status: 400 })
    const live = await tools.browserSessions.find(request.headers.cookie)
    return live === undefined ? askToSignIn(userCode, tools) : showRequest(request, userCode, live, tools)
  }

/**
 * `GET /device/continue`: where a browser comes back to after signing in. In another browser, or later, it is a link like any other: the person
 * must send the code themselves.
 */
export const deviceContinueEndpoint =
  (tools: DevicePageTools): Endpoint =>
  async (request) => {
    const interaction = tools.interactions.find('device', readForm(request.query).get('request'))
    if (interaction === undefined) return tools.pages.error('expired', 400, request)
    const live = await tools.browserSessions.find(request.headers.cookie)
    return live?.session.id === interaction.newSession
      ? showRequest(request, interaction.userCode, live, tools)
      : tools.pages.deviceCode(showUserCode(interaction.userCode))
  }

/**
 * `POST /device/decision`: what the person decided on the consent page. The first decision about a code is the one that counts; another
 * browser, or the same one signed in anew, has not seen the page and cannot decide.
 */
export const deviceDecisionEndpoint =
  (tools: DevicePageTools): Endpoint =>
  async (request) => {
    tools.pages.refuseOtherPages(request)
    const form = readFormValues(request.body.toString('utf8'), MOST_CONSENT_FIELDS)
    const interaction = tools.interactions.find('device_consent', form.get('request')?.[0])
    if (interaction === undefined) return tools.pages.error('expired', 400, request)
    const live = await tools.browserSessions.find(request.headers.cookie)
    if (live?.session.id !== interaction.sessionId) return tools.pages.error('not_the_same', 403, request)
    switch (form.get('decision')?.[0]) {
      case 'switch': {
        await endSession(request, live, tools)
        const reply = askToSignIn(interaction.userCode, tools)
        return { ...reply, headers: { ...reply.headers, 'set-cookie': tools.browserSessions.clear() } }
      }
      case 'deny':
        return deny(request, interaction, live, tools)
      case 'allow':
        return allow(request, interaction, form, live, tools)
      default:
        throw invalidRequest('There is no such decision')
    }
  }

const askToSignIn = (userCode: string, { pages, interactions }: DevicePageTools): Reply =>
  pages.signIn({ request: interactions.seal({ kind: 'device', userCode, newSession: 0 }), isForDevice: true })

/** Each try counts against the account and the address, as one at a password does, unless it finds something (RFC 8628 §5.1). */
const showRequest = async (
  request: Request,
  userCode: string,
  live: LiveBrowserSession,
  tools: DevicePageTools,
): Promise<Reply> => {
  const { store, interactions, pages, userCodeKey } = tools
  const subject = `user codes by account ${live.account.id}`
  const attempt = await tools.attempts.at({ subject, address: request.address }, async () => {
    const code = await store.deviceCodes.findPending(digestOfUserCode(userCodeKey, userCode))
    return code === undefined ? undefined : findWanted(code, tools)
  })
  const again = (problem: 'wrong' | 'busy', status: number, headers: Reply['headers'] = {}): Reply => {
    const reason = problem === 'busy' ? 'too many attempts' : 'no such user code'
    const { address, id } = request
    tools.log.audit('user_code_refused', { reason, account: live.account.id, address, request: id })
    return pages.deviceCode(showUserCode(userCode), { problem, status, headers })
  }
  switch (attempt.outcome) {
    case 'blocked':
      return again('busy', 429, { 'retry-after': String(attempt.retryAfter) })
    case 'failed':
      return attempt.wasThrottled ? again('busy', 429) : again('wrong', 400)
    case 'succeeded':
      break
  }
  const wanted = attempt.value
  const sealed = interactions.seal({ kind: 'device_consent', id: wanted.code.id, userCode, sessionId: live.session.id })
  const grant = await store.grants.find(live.account.id, wanted.client.id, wanted.resource.audience)
  return pages.consent(wanted, { userCode }, live, grant, sealed)
}

type WantedByDevice = Wanted & { readonly code: DeviceCode }

/** What the code stands for, checked anew: `undefined` if its client may no longer ask. */
const findWanted = async (code: DeviceCode, tools: DevicePageTools): Promise<WantedByDevice | undefined> => {
  const client = await tools.store.clients.find(code.clientId)
  if (client === undefined || client.disabledAt !== undefined) return undefined
  if (!client.policy.grantTypes.includes(DEVICE_CODE)) return undefined
  const resource = resolveResource(code.audience, client, tools)
  return { code, client, resource, decidable: scopesToAllow(client, resource, code.scopes) }
}

type DeviceConsent = Extract<Interaction, { kind: 'device_consent' }>

const findStillWanted = async (
  { id, userCode }: DeviceConsent,
  tools: DevicePageTools,
): Promise<WantedByDevice | undefined> => {
  const code = await tools.store.deviceCodes.findPending(digestOfUserCode(tools.userCodeKey, userCode))
  // The user code may be that of another device by now, which nobody has looked at.
  return code?.id === id ? findWanted(code, tools) : undefined
}

/** It has expired, somebody has decided already, or the client or the account has ended: there is nothing left to decide. */
const gone = ({ pages }: DevicePageTools): Reply => pages.deviceCode('', { problem: 'gone', status: 400 })

const deny = async (
  request: Request,
  interaction: DeviceConsent,
  live: LiveBrowserSession,
  tools: DevicePageTools,
): Promise<Reply> => {
  const wanted = await findStillWanted(interaction, tools)
  if (wanted === undefined || !(await tools.store.deviceCodes.deny(wanted.code.id, live.session.id))) return gone(tools)
  audit('device_denied', request, wanted, live, tools)
  return tools.pages.deviceAnswer('denied', wanted.client.name)
}

const allow = async (
  request: Request,
  interaction: DeviceConsent,
  form: ReadonlyMap<string, readonly string[]>,
  live: LiveBrowserSession,
  tools: DevicePageTools,
): Promise<Reply> => {
  const wanted = await findStillWanted(interaction, tools)
  if (wanted === undefined) return gone(tools)
  const { userCode } = interaction
  const choice = await readConsentChoice(wanted, form, live.account, tools)
  const { scopes, organizations, problem } = choice
  if (problem !== undefined) {
    return tools.pages.consent(wanted, { userCode }, live, choice, form.get('request')?.[0] ?? '', problem)
  }
  await endWhatIsWider(wanted, live.account, choice, tools)
  const allowed = await tools.store.deviceCodes.allow({
    id: wanted.code.id,
    browserSessionId: live.session.id,
    scopes,
    organizations,
    consent: 'replace',
  })
  if (allowed === undefined) return gone(tools)
  audit('device_allowed', request, wanted, live, tools, { scope: scopes.join(' '), organizations })
  return tools.pages.deviceAnswer('allowed', wanted.client.name)
}

const audit = (
  event: string,
  request: Request,
  { client }: Wanted,
  { account }: LiveBrowserSession,
  { log }: DevicePageTools,
  more: object = {},
): void =>
  log.audit(event, {
    account: account.id,
    client: client.id,
    ...more,
    address: request.address,
    request: request.id,
  })
