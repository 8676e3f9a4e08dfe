import type { BrowserSessions, LiveBrowserSession } from '#accounts/browser_session.ts'
import { seeOther } from '#endpoints/authorize.ts'
import type { Interactions } from '#endpoints/interaction.ts'
import { checkLogoutRequest, type CheckedLogout, type LogoutRequestTools } from '#endpoints/logout_request.ts'
import type { PersonPages } from '#endpoints/person_pages.ts'
import { clientsOfSession, endSession, nameClients, type SessionEndTools } from '#endpoints/session_end.ts'
import type { Endpoint, Reply, Request } from '#http/message.ts'
import { kindOfNavigation } from '#http/navigation.ts'
import { invalidRequest } from '#protocol/errors.ts'
import { parseLogoutRequest, parseV2LogoutRequest, type LogoutRequest } from '#protocol/logout_request.ts'
import { readBodyParameters, readForm } from '#protocol/parameters.ts'
import type { Subjects } from '#tokens/subject.ts'

export type LogoutTools = LogoutRequestTools &
  SessionEndTools & {
    readonly browserSessions: BrowserSessions
    readonly interactions: Interactions
    readonly pages: PersonPages
    readonly subjects: Subjects
  }

/**
 * `GET /oidc/logout`: signs out at once if the request is the client's own, which an ID token of this very session proves; asks the person
 * otherwise.
 * @see OpenID Connect RP-Initiated Logout 1.0 §2
 */
export const logoutEndpoint =
  (tools: LogoutTools): Endpoint =>
  (request) =>
    proceed(request, parseLogoutRequest(request.query), isOfThisSession, tools)

/**
 * `POST /oidc/logout`: the same by form. A form of another site comes without our cookie, so what it says is sealed and the browser sent on
 * to ask by itself: in clear, the ID token would be in a URL.
 */
export const logoutByFormEndpoint =
  ({ interactions }: LogoutTools): Endpoint =>
  ({ headers, body }) => {
    const [type = ''] = (headers['content-type'] ?? '').split(';', 1)
    if (type.trim().toLowerCase() !== 'application/x-www-form-urlencoded' || body.length > LONGEST_FORM) {
      throw invalidRequest(`Send the parameters as a form of at most ${LONGEST_FORM} bytes`)
    }
    const asked = parseLogoutRequest(body.toString('utf8'))
    return seeOther(`/oidc/logout/continue?request=${interactions.seal({ kind: 'logout', asked })}`)
  }

/** Sealed, it must still fit into a URL. */
const LONGEST_FORM = 8192

/** `GET /oidc/logout/continue`: what came by form. */
export const continueLogoutEndpoint =
  (tools: LogoutTools): Endpoint =>
  (request) => {
    const interaction = tools.interactions.find('logout', readForm(request.query).get('request'))
    if (interaction === undefined) return tools.pages.error('expired', 400, request)
    return proceed(request, interaction.asked, isOfThisSession, tools)
  }

/** `GET /v2/logout`, where the platform's SDKs send browsers: at once, if a person's browser goes there and comes back to a registered URI. */
export const v2LogoutEndpoint =
  (tools: LogoutTools): Endpoint =>
  (request) =>
    proceed(request, parseV2LogoutRequest(request.query), isOnItsWayBack, tools)

/** `POST /oidc/logout/confirm`: what the person decided on our page. */
export const confirmLogoutEndpoint =
  (tools: LogoutTools): Endpoint =>
  async (request) => {
    const { pages, interactions, browserSessions } = tools
    pages.refuseOtherPages(request)
    const form = readBodyParameters(request.headers['content-type'], request.body)
    const interaction = interactions.find('sign_out', form.get('request'))
    if (interaction === undefined) return pages.error('expired', 400, request)
    const { back } = await checkLogoutRequest(interaction.asked, tools)
    const live = await browserSessions.find(request.headers.cookie)
    if (live === undefined) return leave({ ended: [], goOn: [] }, back, tools)
    if (live.session.id !== interaction.sessionId) return pages.error('not_the_same', 403, request)
    switch (form.get('decision')) {
      case 'sign_out':
        return signOut(request, live, back, tools)
      case 'stay':
        return pages.stillSignedIn(back)
      default:
        throw invalidRequest('There is no such decision')
    }
  }

type Judge = (request: Request, checked: CheckedLogout, live: LiveBrowserSession, tools: LogoutTools) => boolean

const isOfThisSession: Judge = (request, { hint, client }, { session, account }, { subjects }) =>
  hint !== undefined &&
  client !== undefined &&
  hint.subject === subjects.subjectFor(client, account) &&
  hint.sid === subjects.sidFor(client, session.id) &&
  kindOfNavigation(request) !== 'other'

const isOnItsWayBack: Judge = (request, { back }) => back !== undefined && kindOfNavigation(request) === 'top_level'

const proceed = async (
  request: Request,
  asked: LogoutRequest,
  mayAtOnce: Judge,
  tools: LogoutTools,
): Promise<Reply> => {
  const checked = await checkLogoutRequest(asked, tools)
  const live = await tools.browserSessions.find(request.headers.cookie)
  if (live === undefined) return leave({ ended: [], goOn: [] }, checked.back, tools)
  if (mayAtOnce(request, checked, live, tools)) return signOut(request, live, checked.back, tools)
  // The ID token has said what it can: it was not enough, and is not carried on.
  const { idTokenHint: _, ...rest } = { ...asked, clientId: checked.client?.id }
  const sealed = tools.interactions.seal({ kind: 'sign_out', asked: rest, sessionId: live.session.id })
  return tools.pages.signOut(live, await clientsOfSession(live, tools), checked.back, sealed)
}

const signOut = async (
  request: Request,
  live: LiveBrowserSession,
  back: CheckedLogout['back'],
  tools: LogoutTools,
): Promise<Reply> => {
  const signedOut = await endSession(request, live, tools, back === undefined ? {} : { client: back.client.id })
  return leave(signedOut, back, tools)
}

/** Back to the client, or to a page that says what has ended. */
const leave = async (
  signedOut: { readonly ended: readonly string[]; readonly goOn: readonly string[] },
  back: CheckedLogout['back'],
  tools: LogoutTools,
): Promise<Reply> => {
  const headers = { 'set-cookie': tools.browserSessions.clear() }
  if (back !== undefined) return seeOther(back.location, headers)
  return tools.pages.signedOut({ ...(await nameClients(signedOut, tools)), headers })
}
