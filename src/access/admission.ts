import { findPresentedToken, scopesOfCaller, type Bearer } from '#access/bearer.ts'
import { AccessError, type Admission, type Caller } from '#access/caller.ts'
import { findProvedBearer, type ProvedBearer, type ProvedBearerTools } from '#access/possession.ts'
import type { SentSession, SessionCookies } from '#access/session_cookie.ts'
import type { SessionBridge } from '#access/session_bridge.ts'
import { dpopHeader } from '#http/dpop_header.ts'
import type { Request } from '#http/message.ts'
import type { ApiResource } from '#stores/records.ts'
import type { LivePlatformSession, Store } from '#stores/store.ts'

/**
 * Finds the caller of a request to the platform API from its bearer token, its platform session, or both.
 *
 * - Neither: `authentication_required`.
 * - A bearer token that is not valid is refused, whatever comes with it.
 * - Both must be of one user; a session that was bridged, of one authorization or client at least. The authority is the token's alone.
 * - A session that comes from a DPoP-bound token is taken beside such a token alone: a cookie is bound to no key.
 * - A valid token with its own *expired* session is given a new one (`Admission.setCookie`); an unknown session is refused by name.
 *
 * @throws {AccessError}
 */
export type Admit = (request: Pick<Request, 'method' | 'path' | 'headers' | 'query'>) => Promise<Admission>

export type AdmissionTools = ProvedBearerTools & {
  readonly store: Pick<Store, 'platformSessions'>
  readonly cookies: SessionCookies
  readonly bridge: SessionBridge
  /** The platform API, as registered. */
  readonly resource: ApiResource
  /** Public URL of the API, ends in `/`. */
  readonly apiUrl: string
}

export const createAdmission = (tools: AdmissionTools): Admit => {
  const { store, cookies, bridge, resource, apiUrl } = tools
  const unknownSession = (bearer?: Bearer) =>
    new AccessError(
      'unknown_session',
      'The session cookie is not known, or has been ended: get a new one, or send no cookie',
      bearer && aboutBearer(bearer),
    )

  const callerOfSession = async ({ session, account, authorization }: LivePlatformSession): Promise<Caller> => {
    const client = await store.clients.find(session.clientId)
    if (client === undefined) throw unknownSession()
    if (authorization !== undefined && (authorization.dpopJkt !== undefined || client.policy.dpop === 'required')) {
      throw new AccessError(
        'token_required',
        'The session comes from a token that is bound to a key: send that token with it, and a proof of the key',
        { account: account.id, client: client.id, session: session.id, needsDpop: true },
      )
    }
    // A person who signed in by password is limited by what they may do themselves and by the client of the API key.
    const granted = authorization?.scopes ?? resource.scopes.map(({ name }) => name)
    return {
      account,
      clientId: session.clientId,
      scopes: scopesOfCaller(granted, client, resource),
      organizations: authorization?.organizations ?? 'all',
      hasBearer: false,
      session,
      authorizationId: session.authorizationId,
      isNarrowed: false,
    }
  }

  const bySession = async (sent: SentSession): Promise<Admission> => {
    if (sent.kind !== 'one') {
      throw new AccessError('authentication_required', 'Authentication required')
    }
    if (sent.digest === undefined) throw unknownSession()
    const live = await store.platformSessions.findLive(sent.digest)
    if (live !== undefined) return { caller: await callerOfSession(live), setCookie: undefined, dpopNonce: undefined }
    if ((await store.platformSessions.findExpired(sent.digest)) === undefined) throw unknownSession()
    throw new AccessError(
      'expired_session',
      'The session has expired: sign in again, or get a new one with your bearer token',
    )
  }

  const byBearer = async (bearer: ProvedBearer, sent: SentSession): Promise<Admission> => {
    const { account, scopes, organizations, isNarrowed, dpopNonce } = bearer
    const clientId = bearer.client.id
    const authorizationId = bearer.authorization?.id
    const caller: Caller = {
      ...{ account, clientId, scopes, organizations, authorizationId, isNarrowed },
      hasBearer: true,
      session: undefined,
    }
    if (sent.kind !== 'one') return { caller, setCookie: undefined, dpopNonce }
    if (sent.digest === undefined) throw unknownSession(bearer)
    const live = await store.platformSessions.findLive(sent.digest)
    const session = live?.session ?? (await store.platformSessions.findExpired(sent.digest))
    if (session === undefined) throw unknownSession(bearer)
    const isBridged = session.authorizationId !== undefined
    const belongsTogether =
      session.accountId === account?.id &&
      (!isBridged || session.authorizationId === authorizationId || session.clientId === clientId)
    if (!belongsTogether) {
      throw new AccessError(
        'identity_mismatch',
        'The bearer token and the session cookie belong to different users or clients: get the session with this token',
        {
          ...aboutBearer(bearer),
          session: session.id,
          sessionAccount: session.accountId,
          sessionClient: session.clientId,
        },
      )
    }
    if (live !== undefined) return { caller: { ...caller, session }, setCookie: undefined, dpopNonce }
    if (!isBridged)
      throw new AccessError('expired_session', 'The session has expired: sign in again, or send the token alone')
    const renewed = await bridge(caller)
    return { caller: { ...caller, session: renewed.session }, setCookie: renewed.setCookie, dpopNonce }
  }

  const findPlatform = (audience: string) => (audience === resource.audience ? resource : undefined)

  return async ({ method, path, headers, query }) => {
    const token = findPresentedToken(headers.authorization, query)
    const sent = cookies.read(headers.cookie)
    if (sent.kind === 'several') {
      throw new AccessError('invalid_request', 'There are two session cookies with different values: send one')
    }
    if (token === undefined) return bySession(sent)
    const proof = { proof: dpopHeader(headers), method, url: apiUrl + path.slice(1) }
    return byBearer(await findProvedBearer(token, proof, findPlatform, tools), sent)
  }
}

const aboutBearer = ({ account, client }: Bearer) => ({
  ...(account === undefined ? {} : { account: account.id }),
  client: client.id,
})
