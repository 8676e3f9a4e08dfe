import { digestOf } from '#base/secrets.ts'
import type { Request, Route } from '#http/message.ts'
import { answerV2, DEVELOPER_INACTIVE, handingOut } from '#platform/answer.ts'
import { auditFields } from '#platform/audit.ts'
import { PlatformError } from '#platform/errors.ts'
import { readLoginForm } from '#platform/login_form.ts'
import { refuseOtherSites } from '#platform/same_origin.ts'
import { viewSession } from '#platform/session_view.ts'
import type { PlatformTools } from '#platform/tools.ts'
import { readForm, type Parameters } from '#protocol/parameters.ts'
import type { Account, Client, PlatformSession } from '#stores/records.ts'

/** `POST /api/v2.0/login`: a user name, a password and an API key for a platform session. */
export const loginEndpoint =
  (tools: PlatformTools): Route['endpoint'] =>
  async (request) => {
    refuseOtherSites(request, tools.publicOrigins)
    const query = readForm(request.query)
    const form = await readLoginForm(request.headers['content-type'], request.body)
    // Before the password: without a key nobody learns anything about accounts, and no hash is spent.
    const client = await findDeveloper(tools, apiKeyOf(query, form))
    if (client === undefined) {
      tools.log.audit('sign_in_refused', { reason: 'no such API key, or it is inactive', ...auditFields(request) })
      return DEVELOPER_INACTIVE
    }
    const { account, session } = await signIn(tools, request, client, form)
    tools.log.audit('signed_in', {
      account: account.id,
      client: client.id,
      session: session.id,
      ...auditFields(request),
    })
    const now = tools.clock()
    const document = { kind: 'session', session: viewSession(tools.cookies, account, session, now) } as const
    return answerV2(tools, request, 200, document, handingOut({ setCookie: tools.cookies.set(session, now) }))
  }

/** A key may stand in the URL, where the platform's clients have it, or in the body; never two. */
const apiKeyOf = (query: Parameters, form: Parameters): string | undefined => {
  const inQuery = query.get('api_key')
  const inBody = form.get('api_key')
  if (inQuery !== undefined && inBody !== undefined && inQuery !== inBody) {
    throw new PlatformError('bad-request', 'api_key is given twice, with different values')
  }
  return inQuery ?? inBody
}

const findDeveloper = async ({ store }: PlatformTools, apiKey: string | undefined): Promise<Client | undefined> =>
  apiKey === undefined ? undefined : store.clients.findByApiKey(apiKey, digestOf(apiKey))

const signIn = async (
  tools: PlatformTools,
  request: Request,
  client: Client,
  form: Parameters,
): Promise<{ readonly account: Account; readonly session: PlatformSession }> => {
  const { store, cookies, log, defaultRealm: realm, sessionLifetime: lifetime, sessionReuse: reuseWithin } = tools
  const username = form.get('user')
  const password = form.get('password')
  if (username === undefined || password === undefined) throw new PlatformError('login-incomplete', 'Login Incorrect')

  const refuse = (reason: string, account: number | undefined): PlatformError => {
    log.audit('sign_in_refused', { reason, account, client: client.id, ...auditFields(request) })
    return new PlatformError('login-failed', 'Authentication error')
  }
  const signedIn = await tools.signIn({ realm, username, password, address: request.address })
  if (signedIn.outcome === 'refused') throw refuse(signedIn.reason, signedIn.accountId)
  if (signedIn.outcome === 'blocked') {
    const { retryAfter } = signedIn
    log.audit('sign_in_refused', {
      reason: 'too many failures from this address',
      client: client.id,
      ...auditFields(request),
    })
    const message = `Too many attempts failed from this address: wait ${retryAfter} s`
    throw new PlatformError('rate-limit-exceeded', message, { retryAfter })
  }
  const { account } = signedIn
  const session = await store.platformSessions.signIn({
    accountId: account.id,
    accountVersion: account.version,
    clientId: client.id,
    lifetime,
    reuseWithin,
    candidate: cookies.candidate(),
  })
  if (session === undefined) throw refuse('the account or the client was changed meanwhile', account.id)
  return { account, session }
}
