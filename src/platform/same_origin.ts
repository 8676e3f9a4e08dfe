import type { Request } from '#http/message.ts'
import { isFromAnotherSite } from '#http/same_origin.ts'
import { PlatformError } from '#platform/errors.ts'

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
