import { issueCode, proceed, spendPushed, tellError, type AuthorizeTools } from '#endpoints/authorize.ts'
import { checkAuthorizationRequest, ToldError, type Asked } from '#endpoints/authorization_request.ts'
import { endSession, type SessionEndTools } from '#endpoints/session_end.ts'
import { visibilityOf } from '#access/visibility.ts'
import type { LiveBrowserSession } from '#accounts/browser_session.ts'
import type { Endpoint, Reply, Request } from '#http/message.ts'
import { AuthorizationError } from '#protocol/authorization_error.ts'
import { invalidRequest } from '#protocol/errors.ts'
import { readFormValues } from '#protocol/parameters.ts'
import type { Account, Confinement } from '#stores/records.ts'
import type { Store } from '#stores/store.ts'

export type ConsentTools = AuthorizeTools &
  SessionEndTools & {
    /** The API whose tokens can be confined to organizations. */
    readonly platformAudience: string
  }

/** More boxes than a page has. */
const MOST_FIELDS = 5000

/**
 * `POST /consent`: what the person decided. Nothing in it makes the client's request wider: the request is read again from what was sealed, and
 * the boxes only take away. Another browser, or the same one signed in anew, has not seen the page and cannot decide.
 */
export const consentEndpoint =
  (tools: ConsentTools): Endpoint =>
  async (request) => {
    tools.pages.refuseOtherPages(request)
    const form = readFormValues(request.body.toString('utf8'), MOST_FIELDS)
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
  const scopes = chosenScopes(asked, form.get('scope') ?? [])
  const organizations =
    asked.resource.audience === tools.platformAudience
      ? await chosenOrganizations(live.account, form, tools.store)
      : 'all'
  // As the person left it: what they switched off stays off.
  const again = (problem: 'no_scope' | 'no_organization' | 'expired') => {
    const sealed = tools.interactions.seal({ kind: 'consent', query, sessionId: live.session.id })
    return tools.pages.consent(asked, live, { scopes, organizations }, sealed, problem)
  }
  if (isExpired) return again('expired')
  if (scopes.length === 0) return again('no_scope')
  if (organizations !== 'all' && organizations.length === 0) return again('no_organization')
  await endWhatIsWider(asked, live.account, scopes, organizations, tools)
  try {
    return await issueCode(request, asked, { live, organizations, consent: 'replace', decided: scopes }, tools)
  } catch (error) {
    if (error instanceof AuthorizationError) throw new ToldError(asked.request.target, error, asked.client)
    throw error
  }
}

/**
 * Ends what was allowed before where this decision allows less: an older token would go on with what the person has just taken back. It ends
 * before the code is issued, so whatever happens in between, nothing wider is left.
 */
const endWhatIsWider = async (
  { client, resource }: Asked,
  account: Account,
  scopes: readonly string[],
  organizations: Confinement,
  { store }: ConsentTools,
): Promise<void> => {
  const grant = await store.grants.find(account.id, client.id, resource.audience)
  if (grant === undefined) return
  const before = grant.organizations
  const isConfinedMore =
    organizations !== 'all' && (before === 'all' || before.some((id) => !organizations.includes(id)))
  if (isConfinedMore || grant.scopes.some((scope) => !scopes.includes(scope))) {
    await store.grants.end(account.id, client.id)
  }
}

/** Those that stayed switched on, and those that cannot be switched off: who signs in, and what the client cannot work without. */
const chosenScopes = ({ decidable, client }: Asked, switchedOn: readonly string[]): readonly string[] =>
  decidable.filter(
    (scope) => scope === 'openid' || client.policy.requiredScopes?.[scope] !== undefined || switchedOn.includes(scope),
  )

/** Of the organizations that were chosen, those that the person sees: an id that was written into the form is none. */
const chosenOrganizations = async (
  account: Account,
  form: ReadonlyMap<string, readonly string[]>,
  { entities }: Pick<Store, 'entities'>,
): Promise<Confinement> => {
  if (form.get('organizations')?.[0] === 'all') return 'all'
  const ids = new Set((form.get('organization') ?? []).filter((text) => /^[1-9]\d{0,14}$/.test(text)).map(Number))
  if (ids.size === 0) return []
  const visibility = visibilityOf(account, [...ids])
  const { entities: seen } = await entities.list('organization', visibility, {
    limit: ids.size,
    offset: 0,
    sort: { field: 'id', descending: false },
  })
  return seen.map(({ id }) => id)
}
