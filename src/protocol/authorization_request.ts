import { seconds, type Seconds } from '#base/time.ts'
import { AuthorizationError } from '#protocol/authorization_error.ts'
import { parseClaims, type ClaimsRequest } from '#protocol/claims_request.ts'
import { isThumbprint } from '#protocol/dpop.ts'
import { invalidRequest, OAuthError } from '#protocol/errors.ts'
import { parseAudience, readFormLoosely, type Parameters } from '#protocol/parameters.ts'
import { allowedOriginsOf } from '#protocol/origin.ts'
import { isCodeChallenge } from '#protocol/pkce.ts'
import { matchesRedirectUri } from '#protocol/redirect_uri.ts'
import { parseScope } from '#protocol/scope.ts'

export const PROMPTS = ['none', 'login', 'consent', 'select_account'] as const
export type Prompt = (typeof PROMPTS)[number]

export const RESPONSE_MODES = ['query', 'form_post', 'web_message'] as const
export type ResponseMode = (typeof RESPONSE_MODES)[number]

/** Parameters of an authorization request, and which of them came more than once. */
export type AuthorizationParameters = { readonly values: Parameters; readonly repeated: ReadonlySet<string> }

/** Where the answer goes, and how: known before anything else is judged, and the only thing that an error is sent to. */
export type ResponseTarget = {
  /** One of the client's. */
  readonly redirectUri: string
  readonly mode: ResponseMode
  readonly state: string | undefined
  /** Nobody is asked anything (`prompt=none`), so the request may have been made in a frame of the client's page. */
  readonly isSilent: boolean
}

/** Where answers may go: what support registered for the client. */
export type RegisteredTargets = {
  readonly redirectUris: readonly string[]
  readonly allowedOrigins?: readonly string[]
}

/** An authorization request, read once. @see RFC 6749 §4.1.1, OpenID Connect Core 1.0 §3.1.2.1, RFC 7636 §4.3, RFC 8707 §2 */
export type AuthorizationRequest = {
  readonly clientId: string
  readonly target: ResponseTarget
  /** The redirect URI as the request had it: the token request must repeat it, or leave it out as well (RFC 6749 §4.1.3). */
  readonly redirectUri: string | undefined
  readonly scopes: readonly string[]
  readonly audience: string | undefined
  readonly nonce: string | undefined
  readonly codeChallenge: string | undefined
  /** The thumbprint of the key that the code is to be bound to (RFC 9449 §10). */
  readonly dpopJkt: string | undefined
  readonly prompts: ReadonlySet<Prompt>
  readonly maxAge: Seconds | undefined
  readonly loginHint: string | undefined
  readonly idTokenHint: string | undefined
  readonly claims: ClaimsRequest
  /** The realm that the user name is of. */
  readonly connection: string | undefined
}

/** What these parameters can hold at most: above it they are no request of a client. */
const LONGEST = { state: 4096, nonce: 1024, login_hint: 320, id_token_hint: 8192 } as const

/** @throws {OAuthError} `invalid_request` if it cannot be read at all: then there is nobody to send an error to */
export const readAuthorizationParameters = (encoded: string): AuthorizationParameters => readFormLoosely(encoded)

/**
 * Finds where the answer goes. What fails here is shown to the person: a redirect could send them, and what they allowed, to anybody.
 * @throws {OAuthError} `invalid_request`: no redirect
 * @see RFC 6749 §3.1.2.4
 */
export const findResponseTarget = (
  { values, repeated }: AuthorizationParameters,
  client: RegisteredTargets,
): ResponseTarget => {
  const registered = client.redirectUris
  if (repeated.has('redirect_uri')) throw invalidRequest('redirect_uri is repeated')
  const given = values.get('redirect_uri')
  // Repeated, it would be echoed in one of two ways: then it is not echoed.
  const state = repeated.has('state') ? undefined : values.get('state')
  const asked = repeated.has('response_mode') ? undefined : values.get('response_mode')
  const isSilent = !repeated.has('prompt') && parseWords(values.get('prompt')).has('none')
  const at = (redirectUri: string): ResponseTarget => {
    const takes =
      (asked === 'form_post' && takesForms(redirectUri)) ||
      (asked === 'web_message' && takesMessages(redirectUri, allowedOriginsOf(client)))
    return { redirectUri, mode: takes ? asked : 'query', state, isSilent }
  }
  if (given !== undefined) {
    if (!registered.some((each) => matchesRedirectUri(given, each))) {
      throw invalidRequest('The redirect URI is not one that the client has registered')
    }
    return at(given)
  }
  // OpenID Connect Core 1.0 §3.1.2.1 requires it; plain OAuth may leave it out where there is no choice.
  const isOpenId = (values.get('scope') ?? '').split(' ').includes('openid')
  const [only] = registered
  if (only === undefined || registered.length > 1 || isOpenId)
    throw invalidRequest('Missing required parameter: redirect_uri')
  return at(only)
}

/**
 * Reads all the rest, when it is known where an error goes.
 * @throws {AuthorizationError}
 */
export const parseAuthorizationRequest = (
  { values, repeated }: AuthorizationParameters,
  clientId: string,
  target: ResponseTarget,
): AuthorizationRequest => {
  const [twice] = repeated
  if (twice !== undefined) throw invalid(`${twice.slice(0, 64)} is repeated`)
  if (values.has('request')) throw new AuthorizationError('request_not_supported', 'Request objects are not supported')
  if (values.has('request_uri'))
    throw new AuthorizationError('request_uri_not_supported', 'request_uri is not supported')
  if (values.has('registration'))
    throw new AuthorizationError('registration_not_supported', 'registration is not supported')
  for (const [name, longest] of Object.entries(LONGEST)) {
    if ((values.get(name)?.length ?? 0) > longest) throw invalid(`${name} is longer than ${longest} characters`)
  }
  const responseType = values.get('response_type')
  if (responseType === undefined) throw invalid('Missing required parameter: response_type')
  if (responseType !== 'code') throw new AuthorizationError('unsupported_response_type', 'response_type must be code')
  const mode = values.get('response_mode')
  if (mode !== undefined && !(RESPONSE_MODES as readonly string[]).includes(mode)) {
    throw invalid(`response_mode must be of: ${RESPONSE_MODES.join(', ')}`)
  }
  // What the target cannot take was turned into the plain mode, for this error too.
  if (mode === 'form_post' && target.mode !== mode) {
    throw invalid('response_mode form_post is for https and http redirect URIs')
  }
  if (mode === 'web_message' && target.mode !== mode) {
    throw invalid('response_mode web_message is for redirect URIs at an origin that is allowed for the client')
  }
  return {
    clientId,
    target,
    redirectUri: values.get('redirect_uri'),
    scopes: asAuthorizationError(() => parseScope(values.get('scope'))),
    audience: asAuthorizationError(() => parseAudience(values)),
    nonce: values.get('nonce'),
    codeChallenge: parseCodeChallenge(values),
    dpopJkt: parseThumbprint(values.get('dpop_jkt')),
    prompts: parsePrompts(values.get('prompt')),
    maxAge: parseMaxAge(values.get('max_age')),
    loginHint: values.get('login_hint'),
    idTokenHint: values.get('id_token_hint'),
    claims: parseClaims(values.get('claims')),
    connection: values.get('connection'),
  }
}

/** A program with a scheme of its own is started with a URL, and gets nothing else. */
const takesForms = (redirectUri: string): boolean => /^https?:/i.test(redirectUri)

/**
 * A message goes to one origin, and to whatever page is there: so it must be one of the client's. An IPv6 address cannot be named as the one that
 * may frame our answer (Content Security Policy Level 3 §2.3.1).
 */
const takesMessages = (redirectUri: string, allowedOrigins: readonly string[]): boolean =>
  /^https?:\/\/[^[]/i.test(redirectUri) && allowedOrigins.includes(new URL(redirectUri).origin)

const parseWords = (text = ''): ReadonlySet<string> => new Set(text.split(' ').filter((word) => word !== ''))

const invalid = (description: string): AuthorizationError => new AuthorizationError('invalid_request', description)

const asAuthorizationError = <T>(read: () => T): T => {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error
    throw new AuthorizationError(
      error.code === 'invalid_target' ? 'invalid_target' : 'invalid_request',
      error.description,
    )
  }
}

const parseCodeChallenge = (values: Parameters): string | undefined => {
  const challenge = values.get('code_challenge')
  const method = values.get('code_challenge_method')
  if (challenge === undefined && method === undefined) return undefined
  // Without a method it would be "plain" (RFC 7636 §4.3), which protects from nobody who reads the request.
  if (method !== 'S256') throw invalid('code_challenge_method must be S256')
  if (challenge === undefined || !isCodeChallenge(challenge)) {
    throw invalid('code_challenge must be the SHA-256 of the verifier in base64url: 43 characters')
  }
  return challenge
}

const parseThumbprint = (text: string | undefined): string | undefined => {
  if (text !== undefined && !isThumbprint(text)) {
    throw invalid('dpop_jkt must be the SHA-256 thumbprint of a key in base64url: 43 characters')
  }
  return text
}

const parsePrompts = (text: string | undefined): ReadonlySet<Prompt> => {
  const prompts = parseWords(text)
  for (const prompt of prompts) {
    if (!(PROMPTS as readonly string[]).includes(prompt)) throw invalid(`prompt must be of: ${PROMPTS.join(', ')}`)
  }
  if (prompts.has('none') && prompts.size > 1) throw invalid('prompt=none goes with no other')
  return prompts as ReadonlySet<Prompt>
}

const parseMaxAge = (text: string | undefined): Seconds | undefined => {
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw invalid('max_age must be a number of seconds')
  return seconds(Number(text))
}
