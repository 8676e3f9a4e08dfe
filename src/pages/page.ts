import type { Html } from '#base/html.ts'

/** A page as data. `pageReply` makes an answer of it. */
export type Page = {
  readonly html: string
  /** Whether it loads a script of ours (`form_post.ts`, `web_message.ts`); every other page runs none. */
  readonly hasScript: boolean
}

/** An answer as `#http/message.ts` takes it. Pages are beside that room, and only agree with it on the shape. */
export type PageReply = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
}

export type PageReplyOptions = {
  /**
   * The **validated** redirect URI, if the form of the page can end there. With `'self'` alone a browser silently stays where it is, after the
   * code has been issued.
   */
  readonly formAction?: URL
  /** The origin whose pages may show it in a frame. No other page of ours is in one, ever: what a person clicks there could lie under something else. */
  readonly framedBy?: URL
  readonly headers?: Readonly<Record<string, string>>
}

export const page = (document: Html, hasScript = false): Page => ({ html: document.toString(), hasScript })

/** The answer that shows a page: no store keeps it, no other page frames it unless one is named, and it loads nothing but our own style and logo. */
export const pageReply = (
  { html, hasScript }: Page,
  status: number,
  { formAction, framedBy, headers = {} }: PageReplyOptions = {},
): PageReply => ({
  status,
  headers: {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': contentSecurityPolicy(hasScript, formAction, framedBy),
    'cache-control': 'no-store',
    pragma: 'no-cache',
    // With no-referrer a browser writes `Origin: null` into our own forms (Fetch §3.2), and they would be refused as another site's.
    'referrer-policy': hasScript ? 'strict-origin' : 'same-origin',
    // It cannot name an origin, and browsers that know frame-ancestors do not read it.
    ...(framedBy === undefined ? { 'x-frame-options': 'DENY' } : {}),
    ...headers,
  },
  body: html,
})

const contentSecurityPolicy = (hasScript: boolean, formAction: URL | undefined, framedBy: URL | undefined): string => {
  const target = formAction === undefined ? undefined : findSource(formAction)
  return [
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self' data:",
    ...(hasScript ? ["script-src 'self'"] : []),
    target === undefined ? "form-action 'self'" : `form-action 'self' ${target}`,
    `frame-ancestors ${findHostSource(framedBy) ?? "'none'"}`,
    "base-uri 'none'",
  ].join('; ')
}

/** Schemes that a browser handles by itself, by running or showing what is in the URL. Nobody registers them; nor are they let through. */
const NEVER = new Set(['javascript:', 'data:', 'blob:', 'about:', 'file:', 'filesystem:', 'vbscript:', 'view-source:'])

/** That of one site alone: a scheme would be every site. */
const findHostSource = (url: URL | undefined): string | undefined => {
  const source = url === undefined ? undefined : findSource(url)
  return source?.includes('//') === true ? source : undefined
}

/**
 * The source expression of a redirect URI, from its parsed parts only: a URL may hold `;` and `,`, and these would begin a new directive.
 * `undefined` if there is none that is safe.
 * @see Content Security Policy Level 3 §2.3.1
 */
const findSource = ({ protocol, host }: URL): string | undefined => {
  if (NEVER.has(protocol) || !/^[a-z][a-z0-9+.-]*:$/.test(protocol)) return undefined
  if (protocol !== 'https:' && protocol !== 'http:') return protocol
  // The grammar of sources has no IPv6 addresses: a browser ignores one, and blocks the redirect.
  if (host.startsWith('[')) return protocol
  return /^[a-z0-9._-]+(?::\d{1,5})?$/.test(host) ? `${protocol}//${host}` : undefined
}
