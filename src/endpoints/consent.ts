import { issueCode, proceed, spendPushed, tellError, type AuthorizeTools } from '#endpoints/authorize.ts'
import { checkAuthorizationRequest, ToldError, type Asked } from '#endpoints/authorization_request.ts'
import { endSession, type SessionEndTools } from '#endpoints/session_end.ts'
import type { LiveBrowserSession } from '#accounts/browser_session.ts'
import {
  endWhatIsWider,
  MOST_CONSENT_FIELDS,
  readConsentChoice,
  type ConsentChoiceTools,
} from '#endpoints/consent_choice.ts'
import type { Endpoint, Reply, Request } from '#http/message.ts'
import { AuthorizationError } from '#protocol/authorization_error.ts'
import { invalidRequest } from '#protocol/errors.ts'
import { readFormValues } from '#protocol/parameters.ts'

export type ConsentTools = AuthorizeTools & ConsentChoiceTools & SessionEndTools

/**
 * `POST /consent`: what the person decided. Nothing in it makes the client's request wider: the request is read again from what was sealed, and
 * the boxes only take away. Another browser, or the same one signed in anew, has not seen the page and cannot decide.
 */
export const consentEndpoint =
  (tools: ConsentTools): Endpoint =>
  async (request) => {
    tools.pages.refuseOtherPages(request)
    const form = readFormValues(request.body.toString('utf8'), MOST_CONSENT_FIELDS)
    const sealed = form.get('request')?.[0]
    const fresh = tools.interactions.find('consent', sealed)
    const interaction = fresh ?? tools.interactions.findExpired('consent', sealed)
    if (interaction === undefined) return tools.pages.error('expired', 400, request)
    const live = await tools.browserSessions.find(request.headers.cookie)
    if (live?.session.id !== interaction.sessionId) return tools.pages.error('not_the_same', 403, request)
    const { query } = interaction

    switch (form.get('decision')?.[0]) {
      case 'switch': {
        await endSession(request, live, tools)
        const reply = await proceed({ ...request, headers: { ...request.headers, cookie: '' } }, query, 0, tools)
        return { ...reply, headers: { ...reply.headers, 'set-cookie': tools.browserSessions.clear() } }
      }
      case 'deny':
        return tellDenial(request, query, tools)
      case 'allow':
        break
      default:
        throw invalidRequest('There is no such decision')
    }
    try {
      const asked = await checkAuthorizationRequest(query, tools)
      return await allow({ request, query, form, live, isExpired: fresh === undefined }, asked, tools)
    } catch (error) {
      if (error instanceof ToldError) return tellError(request, error, tools)
      throw error
    }
  }

const tellDenial = async (request: Request, query: string, tools: ConsentTools): Promise<Reply> => {
  try {
    const asked = await checkAuthorizationRequest(query, tools)
    const { request: asking, client } = asked
    await spendPushed(asked, tools)
    const denial = new AuthorizationError('access_denied', 'The person did not allow this')
    return tellError(request, new ToldError(asking.target, denial, client), tools)
  } catch (error) {
    if (error instanceof ToldError) return tellError(request, error, tools)
    throw error
  }
}

/** The form as it was sent, by the browser that was shown it. */
type SentDecision = {
  readonly request: Request
  /** The authorization request that it is about. */
  readonly query: string
  readonly form: ReadonlyMap<string, readonly string[]>
  readonly live: LiveBrowserSession
  /** The page was open for too long: it is shown again, and nothing is allowed yet. */
  readonly isExpired: boolean
}

const allow = async (
  { request, query, form, live, isExpired }: SentDecision,
  asked: Asked,
  tools: ConsentTools,
): Promise<Reply> => {
  const choice = await readConsentChoice(asked, form, live.account, tools)
  const { scopes, organizations } = choice
  const problem = isExpired ? 'expired' : choice.problem
  if (problem !== undefined) {
    // As the person left it: what they switched off stays off.
    const sealed = tools.interactions.seal({ kind: 'consent', query, sessionId: live.session.id })
    return tools.pages.consent(asked, asked.request.target, live, choice, sealed, problem)
  }
  await endWhatIsWider(asked, live.account, choice, tools)
  try {
    return await issueCode(request, asked, { live, organizations, consent: 'replace', decided: scopes }, tools)
  } catch (error) {
    if (error instanceof AuthorizationError) throw new ToldError(asked.request.target, error, asked.client)
    throw error
  }
}
