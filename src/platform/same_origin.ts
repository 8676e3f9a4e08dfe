import type { Request } from '#http/message.ts'
import { isFromAnotherSite } from '#http/same_origin.ts'
import { PlatformError } from '#platform/errors.ts'

/**
 * Guards what changes something in the name of a cookie, which browsers send unasked. An `Authorization` header is never sent unasked, so
 * a request with one needs no guard.
 * @throws {PlatformError} `cross-site-request`
 */
export const refuseOtherSites = (request: Pick<Request, 'headers'>, publicOrigins: readonly string[]): void => {
  if (request.headers.authorization === undefined && isFromAnotherSite(request, publicOrigins)) {
    throw new PlatformError('cross-site-request', 'A page of another site cannot send this request')
  }
}
