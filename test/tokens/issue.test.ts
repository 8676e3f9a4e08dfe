import { hash } from 'node:crypto'
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { epochSeconds, hours } from '#base/time.ts'
import { findParsedJwt, isSignedBy, type ParsedJwt } from '#protocol/jwt.ts'
import type { UserTokens } from '#tokens/issue.ts'
import {
  account,
  authorization,
  authorizationIds,
  client,
  ISSUER,
  issuer,
  keys,
  NAMESPACE,
  refreshTokens,
  resource,
  setClock,
  START,
  subjects,
} from './tokens.ts'

beforeEach(() => setClock(START))

const forAccount = (more: Partial<UserTokens> = {}) =>
  issuer.forAccount({
    client: client(),
    account: account(),
    authorization: authorization(),
    resource: resource(),
    scopes: ['read'],
    obtainedBy: 'password',
    withRefreshToken: false,
    dpopJkt: undefined,
    ...more,
  })

const parsed = (token: string | undefined): ParsedJwt => {
  const jwt = findParsedJwt(token ?? '')
  assert.ok(jwt !== undefined)
  const key = keys.find(jwt.header.kid)!
  assert.equal(isSignedBy(jwt, key.algorithm, key.publicKey), true)
  return jwt
}

test('an access token of an account has the claims of RFC 9068 §2.2, and of the platform, and no others', async () => {
  const answer = await forAccount({ scopes: ['openid', 'read'] })
  const { header, claims } = parsed(answer.access_token)
  const { jti, ...rest } = claims
  assert.deepEqual(rest, {
    iss: ISSUER,
    sub: 'people|4711',
    aud: 'https://api.example.com/',
    iat: START,
    exp: START + 86_400,
    client_id: 'the-client',
    azp: 'the-client',
    scope: 'openid read',
    gty: 'password',
    authorization_id: authorizationIds.show(99),
    [`${NAMESPACE}user_id`]: 4711,
    [`${NAMESPACE}nickname`]: 'zoe@example.com',
  })
  assert.match(String(jti), /^[A-Za-z0-9_-]{22}$/)
  assert.equal(header.typ, 'at+jwt')
})

test('the answer says what was granted and for how long (RFC 6749 §5.1)', async () => {
  const { access_token: _token, ...answer } = await forAccount({ scopes: ['read', 'write'] })
  assert.deepEqual(answer, { scope: 'read write', expires_in: 86_400, token_type: 'Bearer' })
})

test('times are numbers, and a whole second', async () => {
  const { claims } = parsed((await forAccount()).access_token)
  for (const name of ['iat', 'exp']) assert.ok(Number.isInteger(claims[name]), name)
})

test('no two tokens have one jti, even of one second', async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, () => forAccount()))
  assert.equal(new Set(answers.map(({ access_token }) => parsed(access_token).claims.jti)).size, 50)
})

test('a token never outlives its authorization: to the second', async () => {
  for (const [left, lives] of [
    [31_536_000, 86_400],
    [86_401, 86_400],
    [86_400, 86_400],
    [86_399, 86_399],
    [1, 1],
  ] as const) {
    const answer = await forAccount({
      authorization: authorization({ absoluteExpiresAt: epochSeconds(START + left) }),
    })
    assert.equal(answer.expires_in, lives)
    assert.equal(parsed(answer.access_token).claims.exp, START + lives)
  }
})

test('how long it lives is a property of the API, and it is not bounded by the idle time of the refresh token', async () => {
  const short = await forAccount({ resource: resource({ accessTokenLifetime: hours(1) }) })
  assert.equal(short.expires_in, 3600)
  const idle = await forAccount({ authorization: authorization({ expiresAt: epochSeconds(START + 10) }) })
  assert.equal(idle.expires_in, 86_400)
})

test('the algorithm is that of the API, and a token that others verify is a plain JWT', async () => {
  for (const signingAlgorithm of ['ES256', 'RS256'] as const)
    for (const verifiedByOthers of [false, true]) {
      const answer = await forAccount({ resource: resource({ signingAlgorithm, verifiedByOthers }) })
      const { header } = parsed(answer.access_token)
      assert.equal(header.alg, signingAlgorithm)
      assert.equal(header.typ, verifiedByOthers ? 'JWT' : 'at+jwt')
    }
})

test('there is an ID token if and only if openid was granted, and a refresh token only if it is asked for', async () => {
  assert.deepEqual(Object.keys(await forAccount()).toSorted(), ['access_token', 'expires_in', 'scope', 'token_type'])
  const both = await forAccount({ scopes: ['openid'], withRefreshToken: true, dpopJkt: undefined })
  assert.ok('id_token' in both)
  assert.equal(both.refresh_token, refreshTokens.of(authorization()))
  assert.ok(!('id_token' in (await forAccount({ scopes: ['profile', 'email'] }))))
})

test('an ID token has the claims of OpenID Connect Core 1.0 §2, for the client and not for an API', async () => {
  const { id_token, access_token } = await forAccount({ scopes: ['openid'] })
  const { claims, header } = parsed(id_token)
  assert.deepEqual(claims, {
    // §3.1.3.6: the left half of the hash of the access token
    at_hash: hash('sha256', access_token, 'buffer').subarray(0, 16).toString('base64url'),
    iss: ISSUER,
    sub: 'people|4711',
    aud: 'the-client',
    iat: START,
    exp: START + 36_000,
    auth_time: START - 300,
  })
  assert.deepEqual([header.typ, header.alg], ['JWT', 'RS256'])
  const asked = { scopes: ['openid'], client: client({ idTokenSigningAlgorithm: 'ES256' }) }
  assert.equal(parsed((await forAccount(asked)).id_token).header.alg, 'ES256')
})

test('an ID token has what is known of the person and was asked for; the rest is left out, never null', async () => {
  const someone = account({
    profile: {
      name: 'Zoë',
      email: 'z@example.com',
      email_verified: false,
      phone_number: '+1',
      address: { country: 'DE' },
    },
  })
  const claimsOf = async (...scopes: string[]) => {
    const { id_token } = await forAccount({ scopes: ['openid', ...scopes], account: someone })
    const { iss: _1, sub: _2, aud: _3, iat: _4, exp: _5, auth_time: _6, at_hash: _7, ...rest } = parsed(id_token).claims
    return rest
  }
  assert.deepEqual(await claimsOf('profile'), { name: 'Zoë', nickname: 'zoe@example.com', updated_at: START - 500 })
  assert.deepEqual(await claimsOf('email'), { email: 'z@example.com', email_verified: false })
  assert.deepEqual(await claimsOf('phone', 'address'), { phone_number: '+1', address: { country: 'DE' } })
  assert.deepEqual(await claimsOf('read'), {})
})

test('name and nickname fall back to the username', async () => {
  const { id_token } = await forAccount({ scopes: ['openid', 'profile'] })
  const { name, nickname } = parsed(id_token).claims
  assert.deepEqual([name, nickname], ['zoe@example.com', 'zoe@example.com'])
})

test('the access token tells the nickname to a client that has the password, or that was granted profile', async () => {
  const nicknameOf = async (more: Partial<UserTokens>) =>
    parsed((await forAccount({ account: account({ profile: { nickname: 'zo' } }), ...more })).access_token).claims[
      `${NAMESPACE}nickname`
    ]
  assert.equal(await nicknameOf({}), 'zo')
  // A refresh is not how it began.
  assert.equal(await nicknameOf({ obtainedBy: 'refresh_token' }), 'zo')
  assert.equal(await nicknameOf({ scopes: ['profile'] }), 'zo')
})

test('no profile, whatever is in it, changes a claim of the protocol', async () => {
  const profile = { sub: 'people|1', iss: 'x', aud: 'x', exp: 9e9, nickname: 'n', updated_at: 1 }
  const { access_token, id_token } = await forAccount({
    scopes: ['openid', 'profile', 'email'],
    account: account({ profile }),
  })
  for (const token of [access_token, id_token]) {
    const { sub, iss, exp } = parsed(token).claims
    assert.deepEqual([sub, iss, Number(exp) < START + 100_000], ['people|4711', ISSUER, true])
  }
  assert.equal(parsed(id_token).claims.updated_at, START - 500)
})

test('neither token tells a secret, a permission or the number of the authorization', async () => {
  const { access_token, id_token } = await forAccount({ scopes: ['openid', 'profile', 'email', 'read'] })
  for (const token of [access_token, id_token]) {
    const text = JSON.stringify(parsed(token).claims)
    assert.doesNotMatch(text, /password hash|ADMIN|GLOBAL|0123456789abcdef/)
    assert.doesNotMatch(text, /:99[,}]/)
  }
})

test('a token of a client alone is of nobody else: its subject is the client, and there is no account in it', async () => {
  const answer = await issuer.forClient({
    client: client(),
    resource: resource(),
    scopes: ['read'],
    dpopJkt: undefined,
  })
  const { jti: _, ...claims } = parsed(answer.access_token).claims
  assert.deepEqual(claims, {
    iss: ISSUER,
    sub: 'the-client',
    aud: 'https://api.example.com/',
    iat: START,
    exp: START + 86_400,
    client_id: 'the-client',
    azp: 'the-client',
    scope: 'read',
    gty: 'client-credentials',
  })
  const { access_token: _token, ...rest } = answer
  assert.deepEqual(rest, { scope: 'read', expires_in: 86_400, token_type: 'Bearer' })
})

test('how a token was obtained is told in the words of gty', async () => {
  for (const obtainedBy of ['password', 'refresh_token'] as const)
    assert.equal(parsed((await forAccount({ obtainedBy })).access_token).claims.gty, obtainedBy)
})

test('the tokens of a pairwise client name the person by its subject alone (OpenID Connect Core 1.0 §8)', async () => {
  const pairwise = client({ subjectType: 'pairwise', redirectUris: ['https://site.example.com/callback'] })
  const asked = {
    scopes: ['openid', 'read'],
    authorization: authorization({ browserSessionId: 12, grantType: 'authorization_code' }),
  }
  const hidden = await forAccount({ ...asked, client: pairwise })
  const access = parsed(hidden.access_token).claims
  const id = parsed(hidden.id_token).claims
  assert.equal(access.sub, subjects.subjectFor(pairwise, account()))
  assert.equal(id.sub, access.sub)
  assert.equal(id.sid, subjects.sidFor(pairwise, 12))
  assert.ok(!JSON.stringify([access, id]).includes('4711'))
  const shown = await forAccount(asked)
  assert.equal(parsed(shown.access_token).claims[`${NAMESPACE}user_id`], 4711)
  assert.equal(parsed(shown.id_token).claims.sub, 'people|4711')
})
