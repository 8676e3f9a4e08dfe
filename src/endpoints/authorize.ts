import type { BrowserSessions, LiveBrowserSession } from '#accounts/browser_session.ts'
import { random } from '#base/secrets.ts'
import type { DerivedTokens } from '#base/derived_token.ts'
import type { Log } from '#base/log.ts'
import { seconds, type Seconds } from '#base/time.ts'
import { isFapi2 } from '#clients/profile.ts'
import { decide, type DecisionTools } from '#endpoints/authorization_decision.ts'
import {
  checkAuthorizationRequest,
  ToldError,
  type Asked,
  type AuthorizationRequestTools,
} from '#endpoints/authorization_request.ts'
import type { Interactions } from '#endpoints/interaction.ts'
import { unusable } from '#endpoints/pushed_requests.ts'
import type { PersonPages } from '#endpoints/person_pages.ts'
import type { Endpoint, Reply, Request } from '#http/message.ts'
import { AuthorizationError } from '#protocol/authorization_error.ts'
import { readAuthorizationParameters, type ResponseTarget } from '#protocol/authorization_request.ts'
import { redirectTo, type AuthorizationResponse } from '#protocol/authorization_response.ts'
import { claimsWithin } from '#protocol/claims.ts'
import { invalidRequest } from '#protocol/errors.ts'
import { decodeFormText, readForm } from '#protocol/parameters.ts'
import type { Client, Confinement } from '#stores/records.ts'
import type { NewAuthorizationCode, Store } from '#stores/store.ts'

export type AuthorizeTools = AuthorizationRequestTools &
  DecisionTools & {
    readonly store: Pick<Store, 'authorizationCodes' | 'clients' | 'entities' | 'grants'>
    readonly browserSessions: BrowserSessions
    readonly interactions: Interactions
    readonly codes: DerivedTokens
    readonly codeLifetime: Seconds
    readonly pages: PersonPages
    readonly realms: readonly string[]
    readonly log: Log
  }

/** `GET /authorize` (RFC 6749 §3.1): the way of a person's browser to a code for a client. */
export const authorizeEndpoint =
  (tools: AuthorizeTools): Endpoint =>
  async (request) => {
    refuseLong(request.query)
    await tools.pushedRequests.resolve(request.query, 'beginning')
    return proceed(request, request.query, 0, tools)
  }

/**
 * `POST /authorize` (OpenID Connect Core 1.0 §3.1.2.1): the same by form. A form of another site comes without our cookie, so the browser is
 * sent on to ask by itself.
 */
export const authorizeByFormEndpoint: Endpoint = ({ headers, body }) => {
  const query = body.toString('latin1')
  const [type = ''] = (headers['content-type'] ?? '').split(';', 1)
  if (type.trim().toLowerCase() !== 'application/x-www-form-urlencoded' || !/^[\x21-\x7e]*$/.test(query)) {
    throw invalidRequest('Send the parameters as a form')
  }
  refuseLong(query)
  return seeOther(`/authorize?${query}`)
}

/** Sealed, and with its cookies, it must still fit into the headers of the request that comes back from signing in. */
const LONGEST_QUERY = 8192

/** FAPI 2.0 Security Profile §5.3.2.1, in seconds. */
const FAPI2_LONGEST_CODE = 60

const refuseLong = (query: string): void => {
  if (query.length > LONGEST_QUERY) throw invalidRequest('The request is too long')
}

/**
 * `GET /oauth2/v1.0/authorize`, where the platform's older libraries send browsers: on to `/authorize`, every parameter as it came. Their
 * `access_type=offline` asks for a refresh token.
 */
export const legacyAuthorizeEndpoint =
  (issuer: string): Endpoint =>
  ({ query }) => {
    const { values, repeated } = readAuthorizationParameters(query)
    // What is repeated stays so, and is refused there.
    const asksForRefreshToken =
      values.get('access_type') === 'offline' && !repeated.has('access_type') && !repeated.has('scope')
    if (!asksForRefreshToken) return seeOther(`${issuer}authorize?${query}`)
    const scope = new URLSearchParams({ scope: `${values.get('scope') ?? ''} offline_access`.trim() })
    const others = query.split('&').filter((pair) => !['scope', 'access_type'].includes(nameOf(pair)))
    return seeOther(`${issuer}authorize?${[...others, scope.toString()].join('&')}`)
  }

const nameOf = (pair: string): string => decodeFormText(pair.split('=', 1)[0] ?? '')

/** `GET /authorize/continue`: where a browser comes back to after signing in. */
export const continueEndpoint =
  (tools: AuthorizeTools): Endpoint =>
  async (request) => {
    const interaction = tools.interactions.find('authorization', readForm(request.query).get('request'))
    if (interaction === undefined) return tools.pages.error('expired', 400, request)
    return proceed(request, interaction.query, interaction.newSession, tools)
  }

/** Takes an authorization request one step further: to a page, or to the client. */
export const proceed = async (
  request: Request,
  query: string,
  newSession: number,
  tools: AuthorizeTools,
): Promise<Reply> => {
  try {
    const asked = await checkAuthorizationRequest(query, tools)
    try {
      return await takeStep(request, asked, query, newSession, tools)
    } catch (error) {
      if (!(error instanceof AuthorizationError)) throw error
      // Spent already if it failed at the very end.
      if (asked.pushedId !== undefined) await tools.pushedRequests.spend(asked.pushedId)
      throw new ToldError(asked.request.target, error, asked.client)
    }
  } catch (error) {
    if (error instanceof ToldError) return tellError(request, error, tools)
    throw error
  }
}

const takeStep = async (
  request: Request,
  asked: Asked,
  query: string,
  newSession: number,
  tools: AuthorizeTools,
): Promise<Reply> => {
  const { interactions, pages } = tools
  const live = await tools.browserSessions.find(request.headers.cookie)
  const decision = await decide(asked, live, newSession, tools)
  switch (decision.next) {
    case 'sign_in':
      return pages.signIn({
        request: interactions.seal({ kind: 'authorization', query, newSession: 0 }),
        target: asked.request.target,
        clientName: asked.client.name,
        realm: findRealm(asked.request.connection, tools),
        username: asked.request.loginHint,
      })
    case 'consent': {
      const sessionId = decision.live.session.id
      const sealed = interactions.seal({ kind: 'consent', query, sessionId })
      return pages.consent(asked, asked.request.target, decision.live, decision.grant, sealed)
    }
    case 'code':
      return issueCode(request, asked, decision, tools)
  }
}

/** The realm that `connection` names, if there is such a one; any other is of another platform, and ignored. */
export const findRealm = (
  connection: string | undefined,
  { realms }: { readonly realms: readonly string[] },
): string | undefined => realms.find((realm) => realm === connection)

export type Allowed = {
  readonly live: LiveBrowserSession
  readonly organizations: Confinement
  readonly consent: NewAuthorizationCode['consent']
  /** Of what was decidable, what the person allowed; all if they were not asked. */
  readonly decided?: readonly string[]
}

/** Sends the client its code. @throws {AuthorizationError} if what was allowed ended meanwhile */
export const issueCode = async (
  request: Request,
  asked: Asked,
  allowed: Allowed,
  tools: AuthorizeTools,
): Promise<Reply> => {
  const { client, resource, request: asking } = asked
  const decided = allowed.decided ?? asked.decidable
  const scopes = asked.scopes.filter((scope) => decided.includes(scope))
  // Before the code: of two answers to one pushed request the second is none (RFC 9126 §4).
  await spendPushed(asked, tools)
  const code = await tools.store.authorizationCodes.issue({
    clientId: client.id,
    audience: resource.audience,
    scopes,
    organizations: allowed.organizations,
    salt: Buffer.from(random(16)),
    redirectUri: asking.redirectUri,
    codeChallenge: asking.codeChallenge,
    nonce: asking.nonce,
    claims: claimsWithin(asked.claims, decided),
    decidedScopes: decided,
    dpopJkt: asking.dpopJkt,
    browserSessionId: allowed.live.session.id,
    lifetime: isFapi2(client.policy) ? seconds(Math.min(tools.codeLifetime, FAPI2_LONGEST_CODE)) : tools.codeLifetime,
    consent: allowed.consent,
  })
  if (code === undefined) throw new AuthorizationError('access_denied', 'What was allowed has been ended: try again')
  tools.log.audit('code_issued', {
    account: allowed.live.account.id,
    client: client.id,
    scope: decided.join(' '),
    organizations: allowed.organizations,
    consent: allowed.consent,
    address: request.address,
    request: request.id,
  })
  return tell(asking.target, { code: tools.codes.of(code) }, client, tools)
}

/** Whatever the client is answered, a pushed request is used up with it. @throws {OAuthError} if it was before */
export const spendPushed = async (
  { pushedId }: Pick<Asked, 'pushedId'>,
  { pushedRequests }: Pick<AuthorizeTools, 'pushedRequests'>,
): Promise<void> => {
  if (pushedId !== undefined && !(await pushedRequests.spend(pushedId))) throw unusable()
}

export const tellError = (request: Request, { target, told, client }: ToldError, tools: AuthorizeTools): Reply => {
  tools.log.audit('authorization_refused', {
    error: told.code,
    description: told.description,
    client: client.id,
    address: request.address,
    request: request.id,
  })
  const description = told.description.replace(/["\\]/g, "'").replace(/[^\x20-\x7e]/g, '?')
  return tell(target, { error: told.code, error_description: description }, client, tools)
}

/** Answers at the redirect URI, or to the page that waits at its origin, with `state` as it came and our `iss` (RFC 9207 §2). */
const tell = (
  target: ResponseTarget,
  response: AuthorizationResponse,
  client: Client,
  { issuer, pages }: AuthorizeTools,
): Reply => {
  const { redirectUri, mode, state } = target
  const whole = { ...response, ...(state === undefined ? {} : { state }), iss: issuer }
  switch (mode) {
    case 'query':
      return seeOther(redirectTo(redirectUri, whole))
    case 'form_post':
      return pages.formPost(redirectUri, whole, client.name)
    case 'web_message':
      return pages.webMessage(target, whole, client.name)
  }
}

/** 303: whatever the method was, the browser asks by GET, and sends no password on (RFC 9700 §4.12). */
export const seeOther = (location: string, headers: Reply['headers'] = {}): Reply => ({
  status: 303,
  headers: { location, 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', ...headers },
  body: '',
})
