/** What is sent to the redirect URI, as names and values: of a code, or of an error. */
export type AuthorizationResponse = Readonly<Record<string, string>>

/**
 * The redirect URI with the answer in its query; what is in its query already stays.
 * @see RFC 6749 §4.1.2 and appendix B
 */
export const redirectTo = (redirectUri: string, response: AuthorizationResponse): string =>
  `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${new URLSearchParams(response).toString()}`
