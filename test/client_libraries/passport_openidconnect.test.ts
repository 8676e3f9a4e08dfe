import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { CHOSEN, startThirdPartyServer, SUBJECT, USER_CHOICE } from './third_party_server.ts'

// npm's passport-openidconnect 0.1.2 in passport 0.7.0, over https, as a site has it. It has state and nonce, and neither PKCE nor discovery;
// refreshing is done with the OAuth2 object that it lends to its subclasses, as passport-oauth2-refresh does.

type Profile = { readonly id: string; readonly displayName?: string; readonly emails?: readonly { value: string }[] }
type User = { readonly profile: Profile; readonly accessToken: string; readonly refreshToken: string }
type Done = (error: unknown, user?: unknown, info?: unknown) => void
type Options = Readonly<Record<string, unknown>>
/** As far as these tests use it: it has no types. */
type Strategy = {
  readonly _oauth2: {
    readonly getOAuthAccessToken: (
      code: string,
      parameters: Readonly<Record<string, string>>,
      done: (error: { statusCode: number } | null, accessToken?: string, refreshToken?: string) => void,
    ) => void
  }
}
type Verify = (
  ...parameters: [
    issuer: string,
    profile: Profile,
    context: object,
    idToken: string,
    accessToken: string,
    refreshToken: string,
    done: Done,
  ]
) => void
type SiteRequest = IncomingMessage & { query?: unknown; session?: unknown }

const require = createRequire(import.meta.url)
const Strategy = require('passport-openidconnect') as new (options: Options, verify: Verify) => Strategy
const { Passport } = require('passport') as {
  readonly Passport: new () => {
    readonly use: (strategy: Strategy) => void
    readonly authenticate: (
      name: string,
      options: Options,
      done: Done,
    ) => (request: SiteRequest, response: ServerResponse, next: (error: unknown) => void) => void
  }
}

const { issuer, origin, postern, makeVisitor, organizationsOf } = await startThirdPartyServer()

const listen = async (): Promise<{ server: Server; site: string }> => {
  const server = createServer().listen(0, 'localhost')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, site: `http://localhost:${(server.address() as AddressInfo).port}` }
}
const { server, site } = await listen()

const { client_id: clientID, client_secret: clientSecret } = JSON.parse(
  await postern([
    ...['clients', 'create', '--json', '--name', 'A passport site', '--redirect-uri', `${site}/callback`],
    ...['--grant-type', 'authorization_code', 'refresh_token'],
    ...['--scope', 'openid', 'profile', 'email', 'offline_access', 'read:entities'],
  ]),
) as { client_id: string; client_secret: string }

const verify: Verify = (_issuer, profile, _context, _idToken, accessToken, refreshToken, done) =>
  done(null, { profile, accessToken, refreshToken })
const strategy = new Strategy(
  {
    issuer,
    authorizationURL: `${issuer}authorize`,
    tokenURL: `${issuer}oauth/token`,
    userInfoURL: `${issuer}userinfo`,
    ...{ clientID, clientSecret },
    callbackURL: `${site}/callback`,
    scope: ['profile', 'email', 'offline_access', 'read:entities'],
    nonce: true,
    maxAge: 3600,
    skipUserProfile: false,
  },
  verify,
)
const passport = new Passport()
passport.use(strategy)

/** What came out of each return to the site: a user, or why there is none. */
let outcome: { error?: unknown; user?: User | false; info?: unknown } = {}
const sessions = new Map<string, object>()
server.on('request', (request: SiteRequest, response: ServerResponse) => {
  const [, known = randomUUID()] = /site=([\w-]+)/.exec(request.headers.cookie ?? '') ?? []
  if (!sessions.has(known)) sessions.set(known, {})
  request.session = sessions.get(known)
  request.query = Object.fromEntries(new URL(request.url ?? '/', site).searchParams)
  response.setHeader('set-cookie', `site=${known}; HttpOnly`)
  const finish: Done = (error, user, info) => {
    outcome = { error, user: user as User | false, info }
    response.end('done')
  }
  passport.authenticate('openidconnect', { session: false }, finish)(request, response, finish)
})

const refresh = (refreshToken: string): Promise<{ status: number; accessToken: string }> =>
  new Promise((resolve) => {
    strategy._oauth2.getOAuthAccessToken(refreshToken, { grant_type: 'refresh_token' }, (error, accessToken = '') =>
      resolve({ status: error?.statusCode ?? 200, accessToken }),
    )
  })

test('a visitor who does not allow it is no user, and neither is one whose answer was begun by somebody else', async () => {
  const visitor = makeVisitor(site)
  const denied = await visitor.passThrough(`${site}/login`, { ...USER_CHOICE, decision: 'deny' })
  assert.equal(denied.text, 'done')
  assert.deepEqual([outcome.error, outcome.user], [null, false])
  assert.deepEqual(outcome.info, { message: 'The person did not allow this' })

  const stranger = makeVisitor()
  const began = await fetch(`${site}/login`, { redirect: 'manual' })
  const arrived = await stranger.authorize(began.headers.get('location') ?? '', USER_CHOICE)
  assert.equal(arrived.origin, site)
  await visitor.open(arrived)
  assert.deepEqual([outcome.error, outcome.user], [null, false])
})

test('a visitor signs in at the site, which gets a profile from userinfo, calls the API and refreshes', async () => {
  const shown = await makeVisitor(site).passThrough(`${site}/login`, USER_CHOICE)
  assert.deepEqual([shown.status, shown.text, outcome.error], [200, 'done', null])
  const { user } = outcome
  assert.ok(user)
  assert.deepEqual([user.profile.id, user.profile.displayName], [SUBJECT, 'Jane Alex Example'])
  assert.equal(user.profile.emails?.[0]?.value, 'example@example.com')
  assert.deepEqual(await organizationsOf(user.accessToken), [CHOSEN])

  const refreshed = await refresh(user.refreshToken)
  assert.equal(refreshed.status, 200)
  assert.deepEqual(await organizationsOf(refreshed.accessToken), [CHOSEN])

  const revoked = await fetch(`${origin}/oauth/revoke`, {
    method: 'POST',
    body: new URLSearchParams({ token: user.refreshToken, client_id: clientID, client_secret: clientSecret }),
  })
  assert.equal(revoked.status, 200)
  assert.equal(await organizationsOf(refreshed.accessToken), 401)
  assert.equal((await refresh(user.refreshToken)).status, 400)
})
