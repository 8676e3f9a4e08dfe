import type { Request } from '#http/message.ts'

/**
 * Whether a page of another site made a browser send this. Programs send neither header and are never taken for one; a browser tells the
 * truth in both, and `Origin: null` is a page that hides where it is from.
 * @see Fetch §3.2 (Origin), Fetch Metadata §2.4 (Sec-Fetch-Site; `none`: a person typed the address)
 */
export const isFromAnotherSite = ({ headers }: Pick<Request, 'headers'>, publicOrigins: readonly string[]): boolean => {
  const { origin, 'sec-fetch-site': site } = headers
  return (
    (origin !== undefined && !publicOrigins.includes(origin)) ||
    (site !== undefined && site !== 'same-origin' && site !== 'none')
  )
}

/**
 * Whether a page of ours made a browser send this form. A browser says so in one of the headers at least; what says nothing is no browser,
 * and has no business with our pages.
 */
export const isFromOwnPage = (request: Pick<Request, 'headers'>, publicOrigins: readonly string[]): boolean => {
  const { origin, 'sec-fetch-site': site } = request.headers
  return (origin !== undefined || site !== undefined) && !isFromAnotherSite(request, publicOrigins)
}
