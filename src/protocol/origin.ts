import { LOCAL_HOSTS } from '#protocol/redirect_uri.ts'

/**
 * The origins (RFC 6454 §6.2) of the pages that are the client's: they may read our answers to it, and are sent messages for it. Those that
 * support named, or else where its redirect URIs are.
 */
export const allowedOriginsOf = ({
  allowedOrigins,
  redirectUris,
}: {
  readonly allowedOrigins?: readonly string[]
  readonly redirectUris: readonly string[]
}): readonly string[] =>
  allowedOrigins ?? redirectUris.filter((uri) => /^https?:/i.test(uri)).map((uri) => new URL(uri).origin)

/** Why `origin` cannot be allowed; `undefined` if it can. What a browser sends in `Origin` is compared byte for byte. */
export const findOriginDefect = (origin: string): string | undefined => {
  const url = URL.parse(origin)
  if (url === null || url.origin !== origin || origin.includes('*'))
    return 'an origin is written as browsers do, such as https://app.example.com: no path, no slash at its end, no pattern'
  return url.protocol === 'https:' || (url.protocol === 'http:' && LOCAL_HOSTS.includes(url.hostname))
    ? undefined
    : 'an origin is https; http is for localhost, 127.0.0.1 and [::1] alone'
}
