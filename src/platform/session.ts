import type { Caller } from '#access/caller.ts'
import type { Request, Route } from '#http/message.ts'
import { answerV2, handingOut } from '#platform/answer.ts'
import { auditFields } from '#platform/audit.ts'
import { PlatformError } from '#platform/errors.ts'
import { refuseOtherSitesWithoutToken } from '#platform/same_origin.ts'
import { viewSession } from '#platform/session_view.ts'
import type { PlatformTools } from '#platform/tools.ts'
import type { Account, PlatformSession } from '#stores/records.ts'

/**
 * `GET|POST /api/v2.0/session`: who I am, and until when. A bearer token alone is bridged: it is given the session of its authorization.
 * A request that came with a session is told about that one, and the cookie is set anew only if the session is.
 */
export const sessionEndpoint =
  (tools: PlatformTools): Route['endpoint'] =>
  async (request) => {
    if (request.method === 'POST') refuseOtherSitesWithoutToken(request, tools.publicOrigins)
    const { caller, setCookie: renewed, dpopNonce } = await tools.admit(request)
    const { session, setCookie } =
      caller.session === undefined ? await tools.bridge(caller) : { session: caller.session, setCookie: renewed }
    if (setCookie !== undefined) auditBridge(tools, request, caller, session)
    const view = viewSession(tools.cookies, accountOf(caller), session, tools.clock())
    return answerV2(tools, request, 200, { kind: 'session', session: view }, handingOut({ setCookie, dpopNonce }))
  }

/** Whoever has a session is somebody: this only tells the compiler. */
const accountOf = ({ account }: Caller): Account => {
  if (account === undefined) throw new PlatformError('insufficient-scope', 'A client alone has no platform session')
  return account
}

/** A session was handed out for a bearer token, now or in place of an expired one. */
export const auditBridge = (
  { log }: Pick<PlatformTools, 'log'>,
  request: Request,
  { account, clientId, authorizationId }: Caller,
  session: PlatformSession,
): void =>
  log.audit('session_bridged', {
    account: account?.id,
    client: clientId,
    authorization_id: authorizationId,
    session: session.id,
    ...auditFields(request),
  })
