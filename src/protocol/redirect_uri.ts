/** The one part of a loopback redirect URI that may differ: a native program gets its port from the system. */
const LOOPBACK = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]))(?::(\d{1,5}))?(\/.*)?$/

const HIGHEST_PORT = 65_535

/**
 * Whether the client registered this redirect URI: the same characters, except for the port of a loopback address. Nothing is parsed or
 * normalised, so nothing can be read in two ways.
 * @see RFC 9700 §2.1, RFC 8252 §7.3, RFC 3986 §6.2.1
 */
export const matchesRedirectUri = (given: string, registered: string): boolean => {
  if (given === registered) return true
  const [, host, , rest = ''] = LOOPBACK.exec(registered) ?? []
  if (host === undefined) return false
  const [, givenHost, port = '0', givenRest = ''] = LOOPBACK.exec(given) ?? []
  return givenHost === host && givenRest === rest && Number(port) <= HIGHEST_PORT
}

/**
 * Whether anybody on this machine could be waiting there: a loopback address or a scheme of a program's own. The browser tells the client
 * nothing about who that is, so consent is asked each time.
 * @see RFC 8252 §8.6
 */
export const isOfNativeProgram = (redirectUri: string): boolean =>
  /^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)[:/]/i.test(redirectUri) || !/^https?:/i.test(redirectUri)

/** @see RFC 6749 §4.1.2, RFC 9207 §2 */
const OF_ANSWERS = new Set(['code', 'state', 'iss', 'error', 'error_description', 'error_uri'])

/** Hosts that are this machine alone: what is sent there by http crosses no network. */
export const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]']

/**
 * Why `uri` cannot be registered; `undefined` if it can.
 * @see RFC 6749 §3.1.2 (absolute, no fragment), RFC 9700 §2.6 (https), RFC 8252 §7.1 (schemes with a dot) and §7.3 (loopback)
 */
export const findRedirectUriDefect = (uri: string): string | undefined => {
  if (!/^[\x21-\x7e]+$/.test(uri) || uri.includes('\\'))
    return 'a redirect URI is printable ASCII without spaces and backslashes'
  if (uri.includes('#')) return 'a redirect URI has no fragment'
  const url = URL.parse(uri)
  if (url === null) return 'a redirect URI is an absolute URI'
  const taken = [...url.searchParams.keys()].find((name) => OF_ANSWERS.has(name))
  // The client would read one of two, and a code that is not of this answer could be the one.
  if (taken !== undefined) return `a redirect URI has no parameter ${taken}: the answer has it`
  if (url.username !== '' || url.password !== '') return 'a redirect URI has no user name'
  if (url.protocol === 'https:' || url.protocol === 'http:') {
    // One spelling: what a browser would write is what is compared.
    if (!uri.startsWith(url.origin)) return `write the redirect URI as browsers do: ${url.href}`
    return url.protocol === 'https:' || LOCAL_HOSTS.includes(url.hostname)
      ? undefined
      : 'a redirect URI is https; http is for localhost, 127.0.0.1 and [::1] alone'
  }
  // A name that its owner reversed, as in com.example.app: nobody owns one without a dot.
  return /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:/.test(uri)
    ? undefined
    : 'the scheme of a redirect URI is https, or a name in reverse such as com.example.app'
}
