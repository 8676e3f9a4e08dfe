import { AccessError, type AccessRefusal, type Caller } from '#access/caller.ts'
import type { Request, Route } from '#http/message.ts'
import { answerV2, handingOut } from '#platform/answer.ts'
import { auditFields } from '#platform/audit.ts'
import { refuseOtherSitesWithoutToken } from '#platform/same_origin.ts'
import type { PlatformTools } from '#platform/tools.ts'

/**
 * `GET|POST /api/v2.0/logout`: ends the session that the cookie names, and makes a browser forget it. Whoever has none, or an old one, is
 * logged out already and gets the same answer. A bearer token alone names no session, so nothing ends; a wrong one is refused here too,
 * and so is one that belongs to another user than the cookie.
 */
export const logoutEndpoint =
  (tools: PlatformTools): Route['endpoint'] =>
  async (request) => {
    // A GET as well: it ends something.
    refuseOtherSitesWithoutToken(request, tools.publicOrigins)
    const { account, clientId, session } = (await findCaller(tools, request)) ?? {}
    if (session !== undefined) {
      await tools.store.platformSessions.end(session.id)
      tools.log.audit('signed_out', {
        account: account?.id,
        client: clientId,
        session: session.id,
        ...auditFields(request),
      })
    }
    return answerV2(tools, request, 200, { kind: 'done' }, handingOut({ setCookie: tools.cookies.clear() }))
  }

const LOGGED_OUT: ReadonlySet<AccessRefusal> = new Set([
  'authentication_required',
  'unknown_session',
  'expired_session',
])

const findCaller = async ({ admit }: PlatformTools, request: Request): Promise<Partial<Caller> | undefined> => {
  try {
    return (await admit(request)).caller
  } catch (error) {
    if (error instanceof AccessError && LOGGED_OUT.has(error.code)) return undefined
    throw error
  }
}
