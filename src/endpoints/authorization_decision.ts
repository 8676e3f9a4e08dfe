import type { LiveBrowserSession } from '#accounts/browser_session.ts'
import { between, type Clock } from '#base/time.ts'
import type { Asked } from '#endpoints/authorization_request.ts'
import { AuthorizationError } from '#protocol/authorization_error.ts'
import { isOfNativeProgram } from '#protocol/redirect_uri.ts'
import type { Confinement, Grant } from '#stores/records.ts'
import type { NewAuthorizationCode, Store } from '#stores/store.ts'
import { findHintedSubject } from '#tokens/id_token.ts'
import { PASSWORD_ACR } from '#tokens/issue.ts'
import type { SigningKeys } from '#tokens/signing_keys.ts'
import type { Subjects } from '#tokens/subject.ts'

/** What comes next. */
export type Decision =
  | { readonly next: 'sign_in' }
  | { readonly next: 'consent'; readonly live: LiveBrowserSession; readonly grant: Grant | undefined }
  | {
      readonly next: 'code'
      readonly live: LiveBrowserSession
      readonly organizations: Confinement
      readonly consent: NewAuthorizationCode['consent']
    }

export type DecisionTools = {
  readonly store: Pick<Store, 'grants'>
  readonly keys: SigningKeys
  readonly clock: Clock
  readonly issuer: string
  readonly subjects: Subjects
}

/**
 * Decides who is asked what: whether somebody must sign in first, whether they must be asked, or whether the client can have its code.
 * @param newSession - the browser session of the sign-in that the request asked for, 0 if there was none yet
 * @throws {AuthorizationError} `login_required`, `consent_required` for `prompt=none`; `invalid_request` for a bad `id_token_hint`;
 *   `unmet_authentication_requirements`
 * @see OpenID Connect Core 1.0 §3.1.2.1, §3.1.2.3, §3.1.2.4
 */
export const decide = async (
  asked: Asked,
  live: LiveBrowserSession | undefined,
  newSession: number,
  tools: DecisionTools,
): Promise<Decision> => {
  const { request, client, resource, decidable } = asked
  const { subjects, essentialAcrs } = request.claims
  // Whoever signs in, and however often, would not meet it.
  if (essentialAcrs !== undefined && !essentialAcrs.includes(PASSWORD_ACR)) {
    throw new AuthorizationError(
      'unmet_authentication_requirements',
      `acr is essential, and people sign in with ${PASSWORD_ACR} alone`,
    )
  }
  const mustBeSilent = request.prompts.has('none')
  const hinted = readHint(asked, tools)
  const subject = live === undefined ? undefined : tools.subjects.subjectFor(client, live.account)
  const isMeant = [hinted === undefined ? undefined : [hinted], subjects].every(
    (meant) => meant === undefined || (subject !== undefined && meant.includes(subject)),
  )
  if (live === undefined || !isMeant || needsNewSignIn(asked, live, newSession, tools.clock)) {
    if (mustBeSilent) throw new AuthorizationError('login_required', 'The person must sign in')
    return { next: 'sign_in' }
  }
  const grant = await tools.store.grants.find(live.account.id, client.id, resource.audience)
  const isCovered = grant !== undefined && decidable.every((scope) => grant.scopes.includes(scope))
  const isFirstParty = client.policy.party === 'first'
  // A program on this machine may be any program, so what was allowed to one is not remembered for the next (RFC 8252 §8.6).
  const isAnonymous = client.policy.tokenEndpointAuthMethod === 'none' && isOfNativeProgram(request.target.redirectUri)
  const needsConsent = request.prompts.has('consent') || (!isFirstParty && (!isCovered || isAnonymous))
  if (needsConsent) {
    if (mustBeSilent) throw new AuthorizationError('consent_required', 'The person has not allowed this yet')
    return { next: 'consent', live, grant }
  }
  return {
    next: 'code',
    live,
    organizations: grant?.organizations ?? 'all',
    consent: isCovered ? 'remembered' : 'add',
  }
}

const readHint = ({ request, client }: Asked, { issuer, keys }: DecisionTools): string | undefined => {
  if (request.idTokenHint === undefined) return undefined
  const subject = findHintedSubject(request.idTokenHint, issuer, client.id, keys)
  if (subject === undefined)
    throw new AuthorizationError('invalid_request', 'id_token_hint is not an ID token of this client')
  return subject
}

const needsNewSignIn = (
  { request: { prompts, maxAge } }: Asked,
  { session }: LiveBrowserSession,
  newSession: number,
  clock: Clock,
): boolean => {
  if (session.id === newSession) return false
  if (prompts.has('login') || prompts.has('select_account')) return true
  return maxAge !== undefined && between(session.authenticatedAt, clock()) >= maxAge
}
