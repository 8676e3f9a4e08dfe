import assert from 'node:assert/strict'
import type { ClientPolicy } from '#stores/records.ts'
import { pkce } from '../../support/browser_like.ts'
import {
  asserted,
  goodClaims,
  makeKey,
  signAssertion,
  withKeys,
  type AssertionParts,
} from '../../support/client_keys.ts'
import { athOf, makeDpopKey, proofClaims, type DpopKey, type ProofClaims } from '../../support/dpop_key.ts'
import type { Person, Shown } from '../../support/person.ts'
import type { TokenAnswer } from '../../support/running_postern.ts'
import { readAuthorizationAnswer, type AuthorizationAnswer } from '../authorization_answer.ts'
import type { Provider } from '../provider.ts'
import type { Claims, Parameters } from '../relying_party.ts'

// A client as the FAPI 2.0 Security Profile §5.3.3 wants it: it pushes its requests, signs its assertions, and proves that it has its key.

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Claims }

/** What a test changes in a request of the client; a parameter or claim that is `undefined` is left out. */
export type Changes = {
  readonly parameters?: Parameters
  /** `undefined`: no assertion at all. */
  readonly assertion?: AssertionParts | undefined
  /** `undefined`: no proof at all. */
  readonly proof?: ProofClaims | undefined
  readonly proofHeader?: ProofClaims
  readonly proofKey?: DpopKey
}

export type Request = { readonly sent: Parameters; readonly verifier: string }
export type Obtained = Request & { readonly code: string }

export type Fapi2Party = {
  readonly clientId: string
  readonly redirectUri: string
  readonly dpopKey: DpopKey
  /** A request with fresh `state`, `nonce` and PKCE. */
  readonly ask: (parameters?: Parameters) => Request
  readonly push: (request: Request, changes?: Changes) => Promise<Answer>
  /** Where the browser is sent with what was pushed: `client_id` and `request_uri` alone, unless a test adds to it. */
  readonly urlOf: (pushed: Answer, more?: Parameters) => URL
  readonly read: (request: Pick<Request, 'sent'>, shown: Shown) => AuthorizationAnswer
  readonly obtain: (visitor: Person, parameters?: Parameters, changes?: Changes) => Promise<Obtained>
  readonly redeem: (obtained: Obtained, changes?: Changes) => Promise<TokenAnswer>
  readonly refresh: (refreshToken: string, changes?: Changes) => Promise<TokenAnswer>
  /** A call of the resource of the plan. @param scheme - as it is written before the token */
  readonly call: (accessToken: string, changes?: Changes, scheme?: string) => Promise<Answer>
}

let made = 0

/** @param resource - what the access tokens are for */
export const makeFapi2Party = async (
  provider: Provider,
  scope: string,
  resource: string,
  query = '',
  policy: Partial<ClientPolicy> = {},
  algorithm = 'ES256',
): Promise<Fapi2Party> => {
  const { metadata, postern, now, choice } = provider
  const { issuer } = metadata
  const redirectUri = `https://fapi-${++made}.example/callback${query}`
  const key = makeKey(algorithm)
  const dpopKey = makeDpopKey()
  const { client } = await postern.makeClient({
    ...withKeys(key),
    profile: 'fapi2',
    grantTypes: ['authorization_code', 'refresh_token'],
    scopes: ['openid', 'profile', 'email', 'offline_access', 'read:entities'],
    defaultScopes: [],
    party: 'third',
    redirectUris: [redirectUri],
    idTokenSigningAlgorithm: 'ES256',
    pkce: 'required',
    dpop: 'required',
    requirePushedAuthorizationRequests: true,
    ...policy,
  })
  const clientId = client.id

  const prove = (method: string, url: string, changes: Changes, more: ProofClaims = {}): Record<string, string> => {
    if ('proof' in changes && changes.proof === undefined) return {}
    const claims = proofClaims(method, url, { iat: now(), ...more, ...changes.proof })
    return { dpop: (changes.proofKey ?? dpopKey).prove(claims, changes.proofHeader) }
  }

  const send = async (url: string, parameters: Parameters, changes: Changes): Promise<Answer> => {
    const isSilent = 'assertion' in changes && changes.assertion === undefined
    const { claims = {}, header = {} } = changes.assertion ?? {}
    const base = { ...goodClaims(clientId, now() * 1000), aud: issuer, ...claims }
    const proof = isSilent ? {} : asserted(await signAssertion(clientId, key, { claims: base, header }))
    const all: Parameters = { client_id: clientId, ...parameters, ...proof, ...changes.parameters }
    const response = await fetch(url, {
      method: 'POST',
      headers: prove('POST', url, changes),
      body: new URLSearchParams(
        Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ),
    })
    assert.match(response.headers.get('content-type') ?? '', /^application\/json\b/)
    assert.equal(response.headers.get('cache-control'), 'no-store')
    return { status: response.status, headers: response.headers, body: (await response.json()) as Claims }
  }
  const token = (parameters: Parameters, changes: Changes) =>
    send(metadata.token_endpoint, parameters, changes) as Promise<TokenAnswer>

  const ask: Fapi2Party['ask'] = (parameters = {}) => {
    const { verifier, challenge } = pkce()
    return {
      verifier,
      sent: {
        response_type: 'code',
        redirect_uri: redirectUri,
        scope,
        state: pkce().verifier,
        ...(scope.includes('openid') ? { nonce: pkce().verifier } : {}),
        code_challenge: challenge,
        code_challenge_method: 'S256',
        ...parameters,
      },
    }
  }
  // Without a proof unless a test wants one: a code can be bound to the key, and need not be (RFC 9449 §10).
  const push: Fapi2Party['push'] = ({ sent }, changes = {}) =>
    send(String(metadata['pushed_authorization_request_endpoint']), sent, { proof: undefined, ...changes })

  const urlOf: Fapi2Party['urlOf'] = ({ status, body }, more = {}) => {
    assert.equal(status, 201, JSON.stringify(body))
    const { request_uri: requestUri, expires_in: expiresIn } = body
    assert.match(String(requestUri), /^urn:ietf:params:oauth:request_uri:[\w.-]{22,}$/)
    // FAPI 2.0 Security Profile §5.3.2.2.
    assert.ok(Number.isInteger(expiresIn) && Number(expiresIn) > 0 && Number(expiresIn) < 600)
    const url = new URL(metadata.authorization_endpoint)
    for (const [name, value] of Object.entries({ client_id: clientId, request_uri: String(requestUri), ...more })) {
      if (value !== undefined) url.searchParams.set(name, value)
    }
    return url
  }
  const read: Fapi2Party['read'] = ({ sent }, shown) =>
    readAuthorizationAnswer(shown, { redirectUri, responseMode: 'query', issuer, state: sent['state'] })

  return {
    ...{ clientId, redirectUri, dpopKey, ask, push, urlOf, read },
    obtain: async (visitor, parameters, changes) => {
      const request = ask(parameters)
      const answer = read(request, await visitor.passThrough(urlOf(await push(request, changes)), choice))
      assert.ok('code' in answer, JSON.stringify(answer))
      return { ...request, code: answer.code }
    },
    redeem: ({ code, verifier }, changes = {}) =>
      token({ grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier }, changes),
    refresh: (refreshToken, changes = {}) =>
      token({ grant_type: 'refresh_token', refresh_token: refreshToken }, changes),
    call: async (accessToken, changes = {}, scheme = 'DPoP') => {
      const response = await fetch(resource, {
        headers: {
          accept: 'application/json',
          authorization: `${scheme} ${accessToken}`,
          ...prove('GET', resource, changes, { ath: athOf(accessToken) }),
        },
      })
      return { status: response.status, headers: response.headers, body: (await response.json()) as Claims }
    },
  }
}
