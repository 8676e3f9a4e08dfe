import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import express from 'express'
import library from 'express-openid-connect'
import { DEMO } from '#cli/demo_data.ts'
import { makePerson } from '../support/person.ts'
import { startThirdPartyServer, SUBJECT, USER_CHOICE } from './third_party_server.ts'

// npm's express-openid-connect 3.4.0 over https: it discovers, sends people to the authorization endpoint, takes the answer, keeps a session of its
// own, renews tokens and revokes nothing. Of what an application gives it, only `issuerBaseURL` is changed.

const { auth, requiresAuth } = library
const postern = await startThirdPartyServer()

type Options = Parameters<typeof auth>[0]

/** An application that shows who is there, at a free port. Its client is registered for just this address. */
const startApplication = async (options: Options = {}) => {
  const app = express()
  const server = createServer(app).listen(0, 'localhost')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`
  const registered = JSON.parse(
    await postern.postern([
      ...['clients', 'create', '--json', '--name', 'Express', '--first-party'],
      ...['--grant-type', 'authorization_code', 'refresh_token'],
      ...['--scope', 'openid', 'profile', 'email', 'offline_access', 'read:entities'],
      ...['--redirect-uri', `${origin}/callback`, '--post-logout-redirect-uri', origin],
    ]),
  ) as { readonly client_id: string; readonly client_secret: string }
  app.use(
    auth({
      issuerBaseURL: postern.origin,
      baseURL: origin,
      clientID: registered.client_id,
      clientSecret: registered.client_secret,
      secret: randomBytes(32).toString('hex'),
      authRequired: false,
      authorizationParams: { response_type: 'code', scope: 'openid profile email offline_access read:entities' },
      ...options,
    }),
  )
  app.get('/', ({ oidc }, response) => {
    response.json({ isAuthenticated: oidc.isAuthenticated() })
  })
  app.get('/profile', requiresAuth(), async ({ oidc }, response) => {
    const userinfo = await oidc.fetchUserInfo()
    response.json({ claims: oidc.idTokenClaims, userinfo, token: oidc.accessToken?.access_token })
  })
  app.get('/renewed', requiresAuth(), async ({ oidc }, response) => {
    const before = oidc.accessToken
    const renewed = await before?.refresh()
    response.json({ before: before?.access_token, after: renewed?.access_token })
  })
  return { origin, clientId: registered.client_id }
}

const jsonOf = <T>({ text }: { readonly text: string }): T => JSON.parse(text) as T

test('a protected page sends people to sign in and shows who came back; tokens are renewed', async () => {
  const { origin, clientId } = await startApplication()
  const person = makePerson(postern.origin, origin)
  assert.deepEqual(jsonOf(await person.open(origin)), { isAuthenticated: false })
  const shown = await person.passThrough(`${origin}/profile`, USER_CHOICE)
  assert.equal(shown.url.href, `${origin}/profile`)
  const { claims, userinfo, token } = jsonOf<{
    claims: Record<string, unknown>
    userinfo: Record<string, unknown>
    token: string
  }>(shown)
  assert.deepEqual(
    [claims['iss'], claims['aud'], claims['sub'], userinfo['sub'], userinfo['email']],
    [postern.issuer, clientId, SUBJECT, SUBJECT, DEMO.username],
  )
  assert.ok(Array.isArray(await postern.organizationsOf(token)))
  const renewed = jsonOf<{ before: string; after: string }>(await person.open(`${origin}/renewed`))
  assert.notEqual(renewed.before, renewed.after)
  assert.ok(Array.isArray(await postern.organizationsOf(renewed.after)))
  assert.deepEqual(jsonOf(await person.open(origin)), { isAuthenticated: true })
})

test('an answer by form; and where somebody is signed in already, nobody is asked anything', async () => {
  const { origin } = await startApplication({
    authorizationParams: { response_type: 'code', response_mode: 'form_post', scope: 'openid' },
  })
  const silent = await startApplication({ attemptSilentLogin: true, session: { name: 'silent' } })
  const person = makePerson(postern.origin, origin, silent.origin)
  const page = await person.passThrough(`${origin}/login`, USER_CHOICE)
  const [form] = page.forms
  assert.equal(form?.action, `${origin}/callback`)
  assert.deepEqual(jsonOf(await person.send(page, form, form.fields)), { isAuthenticated: true })

  assert.deepEqual(jsonOf(await person.open(silent.origin)), { isAuthenticated: true })
  const stranger = makePerson(postern.origin, silent.origin)
  assert.deepEqual(jsonOf(await stranger.open(silent.origin)), { isAuthenticated: false })
})

test('signing out ends its own session, and with idpLogout that at the server as well', async () => {
  for (const idpLogout of [false, true]) {
    const { origin } = await startApplication({ idpLogout })
    const person = makePerson(postern.origin, origin)
    const { token } = jsonOf<{ token: string }>(await person.passThrough(`${origin}/profile`, USER_CHOICE))
    const left = await person.open(`${origin}/logout`)
    assert.equal(left.url.origin, origin)
    assert.deepEqual(jsonOf(left), { isAuthenticated: false })
    const again = await person.open(`${origin}/profile`)
    assert.equal(again.url.origin, idpLogout ? postern.origin : origin, 'whether the server knows the person still')
    // It has a refresh token, which lives on without a browser: what was allowed for that goes on.
    assert.ok(Array.isArray(await postern.organizationsOf(token)))
  }
})
