import type { Request } from '#http/message.ts'
import { PlatformError } from '#platform/errors.ts'

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
 * Guards what changes something in the name of a cookie, which browsers send unasked, or sets one: whoever is signed in by another's page
 * works in another's name.
 * @throws {PlatformError} `cross-site-request`
 */
export const refuseOtherSites = (request: Pick<Request, 'headers'>, publicOrigins: readonly string[]): void => {
  if (isFromAnotherSite(request, publicOrigins)) {
    throw new PlatformError('cross-site-request', 'A page of another site cannot send this request')
  }
}

/** As `refuseOtherSites`, where a bearer token may take the place of the cookie: a browser never sends an `Authorization` header unasked. */
export const refuseOtherSitesWithoutToken = (
  request: Pick<Request, 'headers'>,
  publicOrigins: readonly string[],
): void => {
  if (request.headers.authorization === undefined) refuseOtherSites(request, publicOrigins)
}
