import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Profile } from '#stores/records.ts'
import { authorize, makeSite, openBrowser, refreshWith } from '../support/browser_like.ts'
import { claimsOf, PASSWORD, startPostern } from '../support/running_postern.ts'
import { assertGranted, file } from '../attacks/attacking.ts'

// `GET|POST /userinfo` (OpenID Connect Core 1.0 §5.3): what each scope tells, and what is refused.

const postern = await startPostern(file)

/** Every claim of §5.1 that has a scope. */
const PROFILE: Required<Profile> = {
  ...{ name: 'Zoe Marie Example', given_name: 'Zoe', middle_name: 'Marie', family_name: 'Example', nickname: 'zo' },
  ...{ preferred_username: 'zoe', profile: 'https://example.com/zoe', picture: 'https://example.com/zoe.png' },
  ...{
    website: 'https://zoe.example/',
    gender: 'female',
    birthdate: '1990-02-03',
    zoneinfo: 'Europe/Paris',
    locale: 'fr',
  },
  ...{
    email: 'zoe@example.com',
    email_verified: true,
    phone_number: '+33 1 23 45 67 89',
    phone_number_verified: false,
  },
  address: {
    ...{ formatted: '1 Rue X\n75001 Paris', street_address: '1 Rue X', locality: 'Paris', region: 'IDF' },
    ...{ postal_code: '75001', country: 'FR' },
  },
}
const { email, email_verified, phone_number, phone_number_verified, address, ...ofProfile } = PROFILE
const SCOPES = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access', 'read:entities', 'write:entities']
const person = await postern.makeAccount({ profile: PROFILE })
const site = await makeSite(postern, { scopes: SCOPES })
const everywhere = openBrowser(postern)
const SUB = `platform|${person.id}`

/** Each time all that is asked for is switched on: what was left out before is off when the page opens. */
const tokensFor = (asked: string) => {
  const scope = `${asked} read:entities offline_access`
  const parameters = { scope, prompt: 'consent' }
  return authorize(postern, site, person, { browser: everywhere, parameters, decided: { scopes: scope.split(' ') } })
}

const ask = async (init: RequestInit & { readonly bearer?: string } = {}, query = '') => {
  const { bearer, ...rest } = init
  const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }
  const answer = await fetch(`${postern.origin}/userinfo${query}`, { ...rest, headers })
  assert.equal(answer.headers.get('content-type'), 'application/json')
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  const body = (await answer.json()) as Readonly<Record<string, unknown>>
  return { status: answer.status, body, challenge: answer.headers.get('www-authenticate') ?? '' }
}

test('each scope tells its claims and no others, as the ID token does (OIDC §5.4)', async () => {
  const told: Readonly<Record<string, object>> = {
    profile: { ...ofProfile, updated_at: person.updatedAt },
    email: { email, email_verified },
    address: { address },
    phone: { phone_number, phone_number_verified },
  }
  for (const [scope, claims] of Object.entries(told)) {
    const tokens = await tokensFor(`openid ${scope}`)
    const { status, body } = await ask({ bearer: tokens.access_token })
    assert.deepEqual([status, body], [200, { sub: SUB, ...claims }], scope)
    const idToken = claimsOf(tokens.id_token ?? '')
    for (const [name, value] of Object.entries({ sub: SUB, ...claims })) assert.deepEqual(idToken[name], value, name)
  }
  const all = await ask({ bearer: (await tokensFor('openid profile email address phone')).access_token })
  assert.deepEqual(all.body, Object.assign({ sub: SUB }, ...Object.values(told)))
  assert.deepEqual((await ask({ bearer: (await tokensFor('openid')).access_token })).body, { sub: SUB })
})

test('what is not known of a person is left out, and never null (OIDC §5.3.2)', async () => {
  const other = await postern.makeAccount()
  const tokens = await authorize(postern, site, other, { parameters: { scope: 'openid profile email address phone' } })
  const { body } = await ask({ bearer: tokens.access_token })
  const { username, updatedAt } = other
  assert.deepEqual(body, { sub: `platform|${other.id}`, name: username, nickname: username, updated_at: updatedAt })
})

test('by GET and POST, in the header or in a form, and in one place alone (RFC 6750 §2)', async () => {
  const { access_token: bearer } = await tokensFor('openid')
  const form = () => new URLSearchParams({ access_token: bearer })
  for (const init of [{ bearer }, { bearer, method: 'POST' }, { method: 'POST', body: form() }]) {
    assert.deepEqual((await ask(init)).body, { sub: SUB })
  }
  const twice = await ask({ bearer, method: 'POST', body: form() })
  assert.deepEqual([twice.status, twice.body['error']], [400, 'invalid_request'])
  const inUrl = await ask({}, `?access_token=${bearer}`)
  assert.deepEqual([inUrl.status, inUrl.body['error']], [400, 'invalid_request'])
})

test('without a token, with a bad one, or one without openid, the answer says what is wrong (RFC 6750 §3)', async () => {
  const none = await ask()
  assert.equal(none.status, 401)
  assert.match(
    none.challenge,
    /^Bearer realm="[^"]+", DPoP realm="[^"]+", algs="[^"]+"$/,
    'both ways, and no error where no token came',
  )
  const plain = await tokensFor('')
  const insufficient = await ask({ bearer: plain.access_token })
  assert.equal(insufficient.status, 403)
  assert.match(insufficient.challenge, /^Bearer .*error="insufficient_scope"/)

  const tokens = await tokensFor('openid email')
  for (const bearer of ['x', tokens.id_token ?? '', tokens.refresh_token, `${tokens.access_token.slice(0, -4)}AAAA`]) {
    const { status, challenge } = await ask({ bearer })
    assert.deepEqual([status, /error="invalid_token"/.test(challenge)], [401, true], bearer)
  }
  // Narrowed at refresh, it tells less.
  const narrowed = assertGranted(await refreshWith(postern, site, tokens.refresh_token, { scope: 'openid' }))
  assert.deepEqual((await ask({ bearer: narrowed.access_token })).body, { sub: SUB })
  assert.deepEqual((await ask({ bearer: tokens.access_token })).body, { sub: SUB, email, email_verified })
})

test('a token of a client alone has nobody to tell about, even if it acts as a user', async () => {
  const machine = await postern.makeClient({ actsAs: person.id })
  const { body } = await postern.token({
    grant_type: 'client_credentials',
    ...{ client_id: machine.client.id, client_secret: machine.secret, scope: 'openid read:entities' },
  })
  assert.equal((await ask({ bearer: body.access_token ?? '' })).status, 403)
})

test('with the password grant as well, and no longer than the account lives', async () => {
  const client = await postern.makeClient()
  const other = await postern.makeAccount({ profile: { name: 'Before' } })
  const { body } = await postern.token({
    ...{ grant_type: 'password', username: other.username, password: PASSWORD, scope: 'openid profile read:entities' },
    ...{ client_id: client.client.id, client_secret: client.secret },
  })
  assert.equal((await ask({ bearer: body.access_token ?? '', method: 'POST' })).body['name'], 'Before')
  await postern.store.accounts.disable(other.id)
  assert.equal((await ask({ bearer: body.access_token ?? '' })).status, 401)
})
