import type { AuthorizationParameters } from '#protocol/authorization_request.ts'

/** What the name of a pushed authorization request begins with (RFC 9126 §2.2). */
export const REQUEST_URI_PREFIX = 'urn:ietf:params:oauth:request_uri:'

/** The token in the `request_uri` of a request that was pushed; `undefined` if it names none, or another URI. */
export const findPushedToken = ({ values, repeated }: AuthorizationParameters): string | undefined => {
  const uri = repeated.has('request_uri') ? undefined : values.get('request_uri')
  return uri?.startsWith(REQUEST_URI_PREFIX) === true ? uri.slice(REQUEST_URI_PREFIX.length) : undefined
}
