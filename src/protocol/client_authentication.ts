import { CLIENT_ASSERTION_TYPE, findParsedAssertion } from '#protocol/client_assertion.ts'
import { invalidRequest, OAuthError } from '#protocol/errors.ts'
import { decodeFormText, type Parameters } from '#protocol/parameters.ts'

/** What a client presents to prove that it is the one (RFC 6749 §2.3). Nothing of it is verified yet. */
export type PresentedClient =
  | { readonly method: 'none'; readonly clientId: string }
  | { readonly method: 'client_secret_post'; readonly clientId: string; readonly secret: string }
  | {
      readonly method: 'client_secret_basic'
      readonly clientId: string
      readonly secret: string
      /** As it came, not form-decoded: some libraries forget to encode (tried only for secrets that we did not make). */
      readonly rawSecret: string
    }
  /** A JWT that the client signed (RFC 7521 §4.2). `clientId` is whom it is about. */
  | { readonly method: 'client_assertion'; readonly clientId: string; readonly assertion: string }

/** The challenge for a client that tried HTTP Basic (RFC 6749 §5.2). */
export const BASIC_CHALLENGE = 'Basic realm="token endpoint", charset="UTF-8"'

/** The one answer for an unknown client, a wrong secret and a missing one. */
export const invalidClient = (reason: string, usedBasic: boolean, client?: string): OAuthError =>
  new OAuthError('invalid_client', 'Unauthorized', {
    reason,
    ...(client === undefined ? {} : { client }),
    ...(usedBasic ? { challenge: BASIC_CHALLENGE } : {}),
  })

/**
 * Reads what the client presents, in the `Authorization` header or in the body, never in two ways at once.
 * @throws {OAuthError} `invalid_request` for two ways at once or two different client ids; `invalid_client` for a broken header or assertion
 * @see RFC 6749 §2.3 and §2.3.1, RFC 7521 §4.2
 */
export const readPresentedClient = (authorization: string | undefined, parameters: Parameters): PresentedClient => {
  const bodyId = parameters.get('client_id')
  const bodySecret = parameters.get('client_secret')
  if (parameters.has('client_assertion') || parameters.has('client_assertion_type')) {
    if (authorization !== undefined || bodySecret !== undefined) throw twice()
    const assertion = readAssertion(parameters)
    if (bodyId !== undefined && bodyId !== assertion.clientId) {
      throw invalidClient('client_id is not whom the assertion is about', false, bodyId)
    }
    return assertion
  }
  if (authorization === undefined) {
    if (bodyId === undefined) throw invalidRequest('Missing required parameter: client_id')
    return bodySecret === undefined
      ? { method: 'none', clientId: bodyId }
      : { method: 'client_secret_post', clientId: bodyId, secret: bodySecret }
  }
  const basic = readBasic(authorization)
  if (bodySecret !== undefined) throw twice()
  if (bodyId !== undefined && bodyId !== basic.clientId) {
    throw invalidRequest('client_id in the body differs from that of HTTP Basic')
  }
  return basic
}

const twice = () => invalidRequest('The client authenticates twice: use HTTP Basic, the body or an assertion alone')

const readAssertion = (parameters: Parameters): PresentedClient => {
  const assertion = parameters.get('client_assertion')
  if (parameters.get('client_assertion_type') !== CLIENT_ASSERTION_TYPE) {
    throw invalidRequest(`client_assertion_type must be ${CLIENT_ASSERTION_TYPE}`)
  }
  if (assertion === undefined) throw invalidRequest('Missing required parameter: client_assertion')
  const subject = findParsedAssertion(assertion)?.claims['sub']
  if (typeof subject !== 'string' || subject === '') throw invalidClient('the assertion is no JWT with a sub', false)
  return { method: 'client_assertion', clientId: subject, assertion }
}

const readBasic = (authorization: string): PresentedClient => {
  const [, encoded] = /^basic +([A-Za-z0-9+/_-]+={0,2})$/i.exec(authorization) ?? []
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 1 || text.includes('\0') || text.includes('\ufffd'))
    throw invalidClient('malformed Authorization header', true)
  const rawId = text.slice(0, colon)
  const rawSecret = text.slice(colon + 1)
  const clientId = findDecoded(rawId) ?? rawId
  // A raw secret may hold a "%" that is no escape: then there is just the one reading of it.
  const secret = findDecoded(rawSecret) ?? rawSecret
  return { method: 'client_secret_basic', clientId, secret, rawSecret }
}

const findDecoded = (encoded: string): string | undefined => {
  try {
    return decodeFormText(encoded)
  } catch {
    return undefined
  }
}
