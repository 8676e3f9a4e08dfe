import type { BrowserSessions } from '#accounts/browser_session.ts'
import type { SignIn } from '#accounts/sign_in.ts'
import type { Log } from '#base/log.ts'
import { findRealm, seeOther } from '#endpoints/authorize.ts'
import type { Interaction, Interactions } from '#endpoints/interaction.ts'
import { endSession, type SessionEndTools } from '#endpoints/session_end.ts'
import type { PersonPages } from '#endpoints/person_pages.ts'
import type { PushedRequests } from '#endpoints/pushed_requests.ts'
import type { Endpoint, Reply, Request } from '#http/message.ts'
import { findResponseTarget, readAuthorizationParameters } from '#protocol/authorization_request.ts'
import { readBodyParameters, type Parameters } from '#protocol/parameters.ts'
import type { Client } from '#stores/records.ts'

export type SignInPageTools = SessionEndTools & {
  readonly browserSessions: BrowserSessions
  readonly interactions: Interactions
  readonly pushedRequests: PushedRequests
  readonly signIn: SignIn
  readonly pages: PersonPages
  readonly log: Log
  readonly realms: readonly string[]
  readonly defaultRealm: string
}

/**
 * `POST /sign-in`: the form of the sign-in page. A sign-in always makes a new cookie and ends the one that this browser had: who planted one
 * has nothing from it. The same person's session goes on under it, with what was begun in it; anybody else's is signed out.
 */
export const signInEndpoint =
  (tools: SignInPageTools): Endpoint =>
  async (request) => {
    tools.pages.refuseOtherPages(request)
    const form = readBodyParameters(request.headers['content-type'], request.body)
    const purpose = findPurpose(form.get('request'), tools)
    if (purpose === undefined) return tools.pages.error('expired', 400, request)

    const { way } = purpose
    const about = way.kind === 'authorization' ? await findAbout(way.query, tools) : undefined
    const signedIn: Outcome = purpose.isExpired
      ? { problem: 'expired', status: 400 }
      : await trySignIn(request, form, about?.realm ?? tools.defaultRealm, tools)
    if ('problem' in signedIn) {
      return tools.pages.signIn({
        request: tools.interactions.seal(way),
        target: about?.target,
        clientName: about?.client.name,
        isForDevice: way.kind === 'device',
        realm: about?.realm,
        username: form.get('username'),
        ...signedIn,
      })
    }
    const headers = { 'set-cookie': signedIn.setCookie }
    if (way.kind === 'account') return seeOther('/account', headers)
    // Only this session is the answer to `prompt=login` and `max_age`: whoever has the page alone has signed in nobody.
    const goesOn = tools.interactions.seal({ ...way, newSession: signedIn.sessionId })
    return seeOther(`/${way.kind === 'device' ? 'device' : 'authorize'}/continue?request=${goesOn}`, headers)
  }

/** What somebody signs in for: an authorization request, a device, or their account page. Nobody has signed in for it yet. */
type Purpose = {
  readonly way: Extract<Interaction, { kind: 'authorization' | 'device' | 'account' }>
  readonly isExpired: boolean
}

const findPurpose = (sealed: string | undefined, { interactions }: SignInPageTools): Purpose | undefined => {
  for (const [find, isExpired] of [
    [interactions.find, false],
    [interactions.findExpired, true],
  ] as const) {
    const authorization = find('authorization', sealed)
    if (authorization !== undefined) {
      return { way: { kind: 'authorization', query: authorization.query, newSession: 0 }, isExpired }
    }
    const device = find('device', sealed)
    if (device !== undefined) return { way: { kind: 'device', userCode: device.userCode, newSession: 0 }, isExpired }
    if (find('account', sealed) !== undefined) return { way: { kind: 'account', sessionId: 0 }, isExpired }
  }
  return undefined
}

/** What the page around the form shows. The request is checked for good when it goes on. */
const findAbout = async (query: string, tools: SignInPageTools) => {
  const resolved = await tools.pushedRequests.resolve(query, 'going on')
  const parameters = readAuthorizationParameters(resolved.query)
  const client: Client | undefined = await tools.store.clients.find(parameters.values.get('client_id') ?? '')
  if (client === undefined) return undefined
  return {
    client,
    target: findResponseTarget(parameters, client.policy),
    realm: findRealm(parameters.values.get('connection'), tools),
  }
}

type Outcome =
  | { readonly setCookie: string; readonly sessionId: number }
  | { readonly problem: 'wrong' | 'busy' | 'expired'; readonly status: number; readonly headers?: Reply['headers'] }

const trySignIn = async (
  request: Request,
  form: Parameters,
  realm: string,
  tools: SignInPageTools,
): Promise<Outcome> => {
  const { address, id, headers } = request
  const signedIn = await tools.signIn({
    realm,
    username: form.get('username') ?? '',
    password: form.get('password') ?? '',
    address,
  })
  if (signedIn.outcome === 'blocked') {
    return { problem: 'busy', status: 429, headers: { 'retry-after': String(signedIn.retryAfter) } }
  }
  if (signedIn.outcome === 'refused') {
    tools.log.audit('sign_in_refused', { reason: signedIn.reason, realm, address, request: id })
    return { problem: 'wrong', status: 400 }
  }
  const before = await tools.browserSessions.find(headers.cookie)
  const begun = await tools.browserSessions.begin(signedIn.account, ['pwd'], before)
  if (begun === undefined) return { problem: 'wrong', status: 400 }
  if (before !== undefined && before.session.id !== begun.live.session.id) await endSession(request, before, tools)
  tools.log.audit('browser_signed_in', { account: signedIn.account.id, realm, address, request: id })
  return { setCookie: begun.setCookie, sessionId: begun.live.session.id }
}
