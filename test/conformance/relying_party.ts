import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createRemoteJWKSet, type JWTVerifyGetKey } from 'jose'
import { asserted, goodClaims, signAssertion, type SigningClientKey } from '../support/client_keys.ts'
import type { Choice, Person, Shown } from '../support/person.ts'
import type { TokenAnswer } from '../support/running_postern.ts'
import { validateIdToken, type IdTokenClaims } from './id_token.ts'
import { readAuthorizationAnswer, type AuthorizationAnswer, type ResponseMode } from './authorization_answer.ts'

// A relying party that knows the provider by its metadata alone, and believes nothing that it has not validated.

/** How the client proves that it is the one. */
export type Proof =
  | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly secret: string }
  | { readonly method: 'private_key_jwt'; readonly key: SigningClientKey }

export type Registration = {
  readonly clientId: string
  readonly proof: Proof
  readonly redirectUri: string
  readonly responseMode: ResponseMode
  readonly idTokenAlgorithm: 'RS256' | 'ES256'
}

export type Parameters = Readonly<Record<string, string | undefined>>

/** An authorization request that was sent, as the client remembers it until the answer. */
export type Attempt = { readonly url: URL; readonly sent: Parameters }

export type Tokens = {
  readonly accessToken: string
  readonly refreshToken: string | undefined
  readonly idToken: string
  readonly claims: IdTokenClaims
  readonly scopes: readonly string[]
}

/** How the access token is sent to userinfo (OpenID Connect Core 1.0 §5.3.1, RFC 6750 §2.1 and §2.2). */
export type UserinfoRequest = 'get' | 'post_header' | 'post_body'

export type UserinfoAnswer = { readonly status: number; readonly headers: Headers; readonly body: Claims }
export type Claims = Readonly<Record<string, unknown>>

export type RelyingParty = {
  readonly registration: Registration
  /** A request with a fresh `state` and `nonce`; parameters that are `undefined` are left out. */
  readonly ask: (parameters?: Parameters) => Attempt
  /** Validates what came to the redirect URI, a code or an error. */
  readonly read: (attempt: Attempt, shown: Shown) => AuthorizationAnswer
  /** The same, and it must be a code. */
  readonly readCode: (attempt: Attempt, shown: Shown) => string
  /** A request to the token endpoint, as this client; a parameter that is given again as `undefined` is left out. */
  readonly token: (parameters: Parameters) => Promise<TokenAnswer>
  readonly redeem: (code: string, parameters?: Parameters) => Promise<TokenAnswer>
  /** Validates a good answer to a request for a code, its ID token included. */
  readonly accept: (attempt: Attempt, answer: TokenAnswer) => Promise<Tokens>
  /** From the first redirect to validated tokens. */
  readonly signIn: (person: Person, choice: Choice, parameters?: Parameters) => Promise<Tokens>
  readonly refresh: (refreshToken: string, parameters?: Parameters) => Promise<TokenAnswer>
  /** What userinfo answers, whatever it is. */
  readonly askUserinfo: (accessToken: string, how?: UserinfoRequest) => Promise<UserinfoAnswer>
  /** The validated claims: those of the person whom the ID token names (§5.3.2). */
  readonly userinfo: (tokens: Tokens, how?: UserinfoRequest) => Promise<Claims>
}

export type Metadata = Readonly<Record<string, unknown>> & {
  readonly issuer: string
  readonly authorization_endpoint: string
  readonly token_endpoint: string
  readonly userinfo_endpoint: string
  readonly jwks_uri: string
}

/** Reads the metadata of this issuer, which must say that it is that of this issuer (OpenID Connect Discovery 1.0 §4.3). */
export const discover = async (issuer: string): Promise<Metadata> => {
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-type') ?? '', /^application\/json\b/)
  const metadata = (await response.json()) as Metadata
  assert.equal(metadata.issuer, issuer)
  return metadata
}

const random = (): string => randomBytes(24).toString('base64url')

/** @param now - the time, in seconds since 1970 */
export const createRelyingParty = (metadata: Metadata, registration: Registration, now: () => number): RelyingParty => {
  const { clientId, proof, redirectUri, responseMode, idTokenAlgorithm } = registration
  const { issuer } = metadata
  const keys: JWTVerifyGetKey = createRemoteJWKSet(new URL(metadata.jwks_uri))

  const ask: RelyingParty['ask'] = (parameters = {}) => {
    const sent: Parameters = {
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      scope: 'openid',
      state: random(),
      nonce: random(),
      ...(responseMode === 'query' ? {} : { response_mode: responseMode }),
      ...parameters,
    }
    const url = new URL(metadata.authorization_endpoint)
    for (const [name, value] of given(sent)) url.searchParams.append(name, value)
    return { url, sent }
  }

  const read: RelyingParty['read'] = ({ sent }, shown) =>
    readAuthorizationAnswer(shown, { redirectUri, responseMode, issuer, state: sent['state'] })

  const readCode: RelyingParty['readCode'] = (attempt, shown) => {
    const answer = read(attempt, shown)
    assert.ok('code' in answer, JSON.stringify(answer))
    return answer.code
  }

  const token: RelyingParty['token'] = async (parameters) => {
    const { headers, more } = await prove(clientId, proof, issuer, now())
    const response = await fetch(metadata.token_endpoint, {
      method: 'POST',
      headers: { accept: 'application/json', ...headers },
      body: new URLSearchParams(given({ ...more, ...parameters })),
    })
    assert.match(response.headers.get('content-type') ?? '', /^application\/json\b/)
    // Errors as well: nobody may keep what was said here (RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3).
    assert.equal(response.headers.get('cache-control'), 'no-store')
    return { status: response.status, headers: response.headers, body: (await response.json()) as TokenAnswer['body'] }
  }

  const redeem: RelyingParty['redeem'] = (code, parameters = {}) =>
    token({ grant_type: 'authorization_code', code, redirect_uri: redirectUri, ...parameters })

  const accept: RelyingParty['accept'] = async ({ sent }, answer) => {
    const { status, body } = answer
    assert.equal(status, 200, JSON.stringify(body))
    const { access_token: accessToken = '', refresh_token: refreshToken, id_token: idToken = '' } = body
    // RFC 6749 appendix A: what a client can store and send on as it is.
    for (const text of [accessToken, refreshToken ?? 'none']) assert.match(text, /^[\x20-\x7e]+$/)
    assert.equal(body.token_type?.toLowerCase(), 'bearer')
    assert.ok(Number.isInteger(body.expires_in) && body.expires_in! > 0)
    const asked = sent['scope']?.split(' ') ?? []
    const scopes = body.scope?.split(' ') ?? asked
    assert.ok(
      scopes.every((scope) => asked.includes(scope)),
      `more than was asked for: ${body.scope}`,
    )
    const claims = await validateIdToken(idToken, {
      ...{ issuer, clientId, algorithm: idTokenAlgorithm, keys, accessToken, now: now() },
      nonce: sent['nonce'],
      maxAge: sent['max_age'] === undefined ? undefined : Number(sent['max_age']),
    })
    return { accessToken, refreshToken, idToken, claims, scopes }
  }

  const askUserinfo: RelyingParty['askUserinfo'] = async (accessToken, how = 'get') => {
    const inHeader = how === 'post_body' ? {} : { authorization: `Bearer ${accessToken}` }
    const response = await fetch(metadata.userinfo_endpoint, {
      method: how === 'get' ? 'GET' : 'POST',
      headers: { accept: 'application/json', ...inHeader },
      ...(how === 'post_body' ? { body: new URLSearchParams({ access_token: accessToken }) } : {}),
    })
    assert.match(response.headers.get('content-type') ?? '', /^application\/json\b/)
    return { status: response.status, headers: response.headers, body: (await response.json()) as Claims }
  }

  return {
    registration,
    ask,
    read,
    readCode,
    token,
    redeem,
    accept,
    signIn: async (person, choice, parameters) => {
      const attempt = ask(parameters)
      const code = readCode(attempt, await person.passThrough(attempt.url, choice))
      return accept(attempt, await redeem(code))
    },
    refresh: (refreshToken, parameters = {}) =>
      token({ grant_type: 'refresh_token', refresh_token: refreshToken, ...parameters }),
    askUserinfo,
    userinfo: async ({ accessToken, claims }, how) => {
      const { status, body } = await askUserinfo(accessToken, how)
      assert.equal(status, 200, JSON.stringify(body))
      assert.equal(body['sub'], claims.sub)
      for (const [name, value] of Object.entries(body)) assert.ok(value !== null && value !== '', `${name} is empty`)
      return body
    },
  }
}

const given = (parameters: Parameters): [string, string][] =>
  Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)

/** What goes with a request of the client: RFC 6749 §2.3.1, RFC 7523 §2.2. */
const prove = async (
  clientId: string,
  proof: Proof,
  issuer: string,
  now: number,
): Promise<{ readonly headers: Readonly<Record<string, string>>; readonly more: Parameters }> => {
  switch (proof.method) {
    case 'client_secret_basic': {
      const pair = [clientId, proof.secret].map(encodeURIComponent).join(':')
      return { headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }, more: {} }
    }
    case 'client_secret_post':
      return { headers: {}, more: { client_id: clientId, client_secret: proof.secret } }
    case 'private_key_jwt': {
      const claims = { ...goodClaims(clientId, now * 1000), aud: issuer }
      return {
        headers: {},
        more: { client_id: clientId, ...asserted(await signAssertion(clientId, proof.key, { claims })) },
      }
    }
  }
}
