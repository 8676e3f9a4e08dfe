import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet, type JWTPayload } from 'jose'
import { authorize, ISSUER, makeSite, openBrowser, refreshWith, signInHere } from '../support/browser_like.ts'
import { startPostern } from '../support/running_postern.ts'
import { assertGranted, file } from '../attacks/attacking.ts'

// ID tokens of the code grant, read by another implementation (jose) with the published keys (OpenID Connect Core 1.0 §2, §3.1.3.6, §12.2).

const postern = await startPostern(file)
const person = await postern.makeAccount()
const jwks = createLocalJWKSet((await (await fetch(`${postern.origin}/.well-known/jwks.json`)).json()) as JSONWebKeySet)
const ID_TOKEN_LIFETIME = 36_000

let ahead = 0
const travel = (seconds: number): void => {
  ahead += seconds
  postern.travel(seconds)
}
const now = (): number => Math.floor(Date.now() / 1000) + ahead

const verify = async (idToken: string | undefined, clientId: string, algorithm: string): Promise<JWTPayload> => {
  const currentDate = new Date(now() * 1000)
  const { payload, protectedHeader } = await jwtVerify(idToken ?? '', jwks, {
    ...{ issuer: ISSUER, audience: clientId, algorithms: [algorithm], typ: 'JWT', currentDate },
    requiredClaims: ['sub', 'iat', 'exp', 'auth_time'],
  })
  assert.ok(typeof protectedHeader.kid === 'string')
  return payload
}

/** §3.1.3.6: the left half of the hash that the `alg` of the ID token names, here SHA-256 for both. */
const atHash = (accessToken: string): string =>
  createHash('sha256').update(accessToken, 'ascii').digest().subarray(0, 16).toString('base64url')

for (const algorithm of ['RS256', 'ES256'] as const) {
  test(`${algorithm}: who signed in, when, how and for which request; of a refresh only who and when`, async () => {
    const site = await makeSite(postern, { idTokenSigningAlgorithm: algorithm })
    const clientId = site.client.id
    const browser = openBrowser(postern)
    const began = now()
    await signInHere(browser, person)
    const signedIn = now()
    travel(100)

    const parameters = { scope: 'openid offline_access', nonce: 'n-0S6_WzA2Mj' }
    const tokens = await authorize(postern, site, person, { browser, parameters })
    const claims = await verify(tokens.id_token, clientId, algorithm)
    const { auth_time: authTime, iat = 0, exp, sid } = claims
    assert.ok(typeof authTime === 'number' && authTime >= began && authTime <= signedIn, String(authTime))
    assert.ok(iat >= authTime + 100)
    assert.ok(typeof sid === 'string' && sid.length >= 11)
    assert.deepEqual(claims, {
      ...{ iss: ISSUER, sub: `platform|${person.id}`, aud: clientId, iat, exp: iat + ID_TOKEN_LIFETIME },
      ...{ auth_time: authTime, nonce: 'n-0S6_WzA2Mj', at_hash: atHash(tokens.access_token), sid },
      ...{ acr: 'urn:postern:acr:password', amr: ['pwd'] },
    })
    assert.equal(exp, iat + ID_TOKEN_LIFETIME)

    travel(100)
    const refreshed = assertGranted(await refreshWith(postern, site, tokens.refresh_token))
    const later = await verify(refreshed.id_token, clientId, algorithm)
    assert.ok((later.iat ?? 0) >= iat + 100)
    assert.deepEqual(
      [later.sub, later.aud, later['auth_time'], later['sid'], later['nonce']],
      [claims.sub, clientId, authTime, sid, undefined],
    )
    assert.equal(later['at_hash'], atHash(refreshed.access_token))
    assert.notEqual(later['at_hash'], claims['at_hash'])
  })
}

test('`sid` is one for all clients of a browser session, and another for another session', async () => {
  const sites = [await makeSite(postern), await makeSite(postern)] as const
  const sidOf = async (browser: ReturnType<typeof openBrowser>, site: (typeof sites)[number]) => {
    const tokens = await authorize(postern, site, person, { browser, parameters: { scope: 'openid' } })
    const { sid, nonce } = await verify(tokens.id_token, site.client.id, 'RS256')
    assert.equal(nonce, undefined, 'none was sent')
    return sid
  }
  const [here, there] = [openBrowser(postern), openBrowser(postern)]
  const first = await sidOf(here, sites[0])
  assert.equal(await sidOf(here, sites[1]), first)
  assert.notEqual(await sidOf(there, sites[0]), first)
})

test('without openid there is none, and the answer says so by its scope', async () => {
  const tokens = await authorize(postern, await makeSite(postern), person, { parameters: { scope: 'read:entities' } })
  assert.deepEqual([tokens.id_token, tokens.scope], [undefined, 'read:entities'])
})
