import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { addOrganizations, PASSWORD, startPostern } from '../support/running_postern.ts'
import { findForm, makePerson, titleOf, type Form, type Person, type Shown } from '../support/person.ts'

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, 'localhost')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const USERNAME = 'zoe@example.com'

/** The site as it stands, for a client of its own: the one that is registered in the demo has a port that is not free everywhere. */
const startSite = async (t: TestContext) => {
  const [port, authPort] = [await freePort(), await freePort()]
  const issuer = `http://localhost:${authPort}/`
  const postern = await startPostern(t, {
    config: { listen: { port: authPort }, urls: { auth: issuer }, outbound: { allow: ['localhost'] } },
  })
  await addOrganizations(postern.store, 5)
  await postern.makeAccount({ username: USERNAME, profile: { name: 'Zoe <Example>' } })
  const { client, secret = '' } = await postern.makeClient({
    grantTypes: ['authorization_code', 'refresh_token'],
    party: 'third',
    redirectUris: [`http://localhost:${port}/callback`],
    postLogoutRedirectUris: [`http://localhost:${port}/`],
    backchannelLogoutUri: `http://localhost:${port}/backchannel-logout`,
  })
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../examples/third_party_site/main.ts')], {
    env: { ...process.env, PORT: String(port), ISSUER: issuer, CLIENT_ID: client.id, CLIENT_SECRET: secret },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(async () => {
    const exited = once(child, 'exit')
    child.kill()
    await exited
  })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const site = `http://localhost:${port}`
  assert.equal(line, `ready ${site}/`)
  return { postern, client, site, person: makePerson(site, issuer.slice(0, -1)) }
}

const push = (person: Person, shown: Shown, action: string): Promise<Shown> => {
  const form = shown.forms.find((each) => each.action === action)
  assert.ok(form, `${titleOf(shown)} has a button for ${action}`)
  return person.send(shown, form, form.fields)
}

/** Connects as far as the consent page. */
const toConsent = async (person: Person, site: string): Promise<readonly [Shown, Form]> => {
  const start = await person.open(`${site}/`)
  assert.match(start.text, /href="\/connect"/)
  const signIn = await person.open(`${site}/connect`)
  const password = findForm(signIn, 'password=')!
  const consent = await person.send(signIn, password, [
    ...password.fields.filter(([name]) => name === 'request'),
    ...([
      ['username', USERNAME],
      ['password', PASSWORD],
    ] as const),
  ])
  return [consent, findForm(consent, 'decision=allow')!]
}

test('a visitor connects, sees what they chose, refreshes, and disconnects', async (t) => {
  const { person, site, postern } = await startSite(t)
  const [consent, form] = await toConsent(person, site)
  const fields = form.fields.filter(([name, value]) => name !== 'organizations' && value !== 'write:entities')
  const connected = await person.send(consent, form, [
    ...fields,
    ...([
      ['organizations', 'some'],
      ['organization', '100003'],
      ['decision', 'allow'],
    ] as const),
  ])
  assert.equal(connected.url.href, `${site}/`)
  assert.match(connected.text, /Hello, Zoe &#60;Example&#62;/)
  assert.match(connected.text, /We can see 1 of your organizations/)
  assert.match(connected.text, /<td>100003<\/td><td>Organization 004<\/td>/)
  assert.match(connected.text, /<code>[^<]*read:entities[^<]*<\/code>/)
  assert.doesNotMatch(connected.text, /write:entities/)

  const refreshed = await push(person, connected, '/refresh')
  assert.match(refreshed.text, /There is a new access token.*We can see 1 of.*refreshed once/s)
  const left = await push(person, refreshed, '/disconnect')
  assert.match(left.text, /our tokens are worth nothing now.*href="\/connect"/s)
  assert.ok(postern.logged.some((entry) => entry.includes('"revoked"')))
})

test('ended on the account page, the site is told and says so', async (t) => {
  const { person, site, postern, client } = await startSite(t)
  const [consent, form] = await toConsent(person, site)
  await person.send(consent, form, [...form.fields, ['decision', 'allow']])
  assert.match((await person.open(`${site}/`)).text, /We can see 5 of your organizations/)

  const account = await person.open(`${postern.config.urls.auth}account`)
  const end = findForm(account, `client_id=${client.id}`)!
  await person.send(account, end, end.fields)
  const refused = await person.open(`${site}/`)
  assert.match(refused.text, /does not take our token any more/)
  const noToken = await push(person, refused, '/refresh')
  assert.equal(noToken.status, 502)
  assert.match(noToken.text, /gave no token: Unknown or invalid refresh token\. \(invalid_grant\)/)
})

test('who signs out at the site is signed out at the platform, and comes back', async (t) => {
  const { person, site, postern } = await startSite(t)
  const [consent, form] = await toConsent(person, site)
  const connected = await person.send(consent, form, [...form.fields, ['decision', 'allow']])
  const left = await push(person, connected, '/sign-out')
  assert.equal(left.url.href, `${site}/`)
  assert.match(left.text, /You are signed out, here and at the platform\..*href="\/connect"/s)
  assert.ok(findForm(await person.open(`${postern.config.urls.auth}account`), 'password='))
})

test('who signs out at the platform is signed out at the site, and nobody else can make it so', async (t) => {
  const { person, site, postern } = await startSite(t)
  const [consent, form] = await toConsent(person, site)
  await person.send(consent, form, [...form.fields, ['decision', 'allow']])
  for (const token of ['', 'x', 'a.b.c', 'e30.e30.e30']) {
    const body = new URLSearchParams({ logout_token: token })
    const response = await fetch(`${site}/backchannel-logout`, { method: 'POST', body })
    assert.equal(response.status, 400)
  }
  assert.match((await person.open(`${site}/`)).text, /Hello, Zoe/)

  const account = await person.open(`${postern.config.urls.auth}account`)
  await push(person, account, '/account/sign-out')
  const latest = performance.now() + 20_000
  let shown = await person.open(`${site}/`)
  while (/Hello, Zoe/.test(shown.text) && performance.now() < latest) shown = await person.open(`${site}/`)
  assert.match(shown.text, /You were signed out, because you signed out at the platform/)
})

test('a refusal, an answer that nobody began, one of another issuer and a platform that is away are told in words', async (t) => {
  const { person, site, postern } = await startSite(t)
  const [consent, form] = await toConsent(person, site)
  const denied = await person.send(consent, form, [...form.fields, ['decision', 'deny']])
  assert.deepEqual([denied.status, denied.url.pathname], [400, '/callback'])
  assert.match(denied.text, /You did not allow it/)

  assert.match((await person.open(`${site}/callback?code=x&state=y`)).text, /belongs to no visit that began here/)
  const stranger = await fetch(`${site}/disconnect`, { method: 'POST', headers: { origin: 'https://evil.example' } })
  assert.equal(stranger.status, 403)

  const away = await fetch(`${site}/connect`, { redirect: 'manual' })
  const state = new URL(away.headers.get('location')!).searchParams.get('state')!
  const cookie = away.headers.getSetCookie()[0]!.split(';')[0]!
  const back = (query: string) => fetch(`${site}/callback?${query}`, { headers: { cookie } })
  assert.match(await (await back(`code=x&state=${state}&iss=https://evil.example/`)).text(), /not from the platform/)
  assert.match(await (await back(`code=x&state=${state}`)).text(), /belongs to no visit/)

  const again = await fetch(`${site}/connect`, { redirect: 'manual', headers: { cookie } })
  const query = new URLSearchParams({
    state: new URL(again.headers.get('location')!).searchParams.get('state')!,
    iss: postern.config.urls.auth,
    code: 'x',
  })
  await postern.close()
  const unreachable = await back(query.toString())
  assert.equal(unreachable.status, 502)
  assert.match(await unreachable.text(), /does not answer\. Is it running/)
})
