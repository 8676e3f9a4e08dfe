import type { Log } from '#base/log.ts'
import { OverloadedError } from '#base/password_hashing.ts'
import { OtherSiteError, type PersonPages } from '#endpoints/person_pages.ts'
import { HttpError, type Surface } from '#http/message.ts'
import { OAuthError } from '#protocol/errors.ts'
import { StoreUnavailableError, StoreValueError } from '#stores/store.ts'

/** Words every error of the pages for the person who looks at them. Nobody is redirected, and nothing unchecked is linked to. */
export const createPageErrorAnswers =
  (pages: PersonPages, log: Log): Surface['answerError'] =>
  (error, request) => {
    const audit = (event: string, reason: string): void =>
      log.audit(event, { reason, path: request.path, address: request.address, request: request.id })
    if (error instanceof OAuthError) {
      audit('refused', error.description)
      return pages.error('request', 400, request, error.description)
    }
    if (error instanceof OtherSiteError) {
      audit('other_site_refused', error.message)
      return pages.error('other_site', 403, request)
    }
    if (error instanceof HttpError) {
      return pages.error(
        error.status === 404 ? 'not_found' : 'request',
        error.status,
        request,
        undefined,
        error.headers,
      )
    }
    if (error instanceof OverloadedError) {
      return pages.error('busy', 503, request, undefined, { 'retry-after': String(error.retryAfter) })
    }
    if (error instanceof StoreUnavailableError) {
      log.warn('the store is not available', { error, request: request.id })
      return pages.error('busy', 503, request, undefined, { 'retry-after': '1' })
    }
    if (error instanceof StoreValueError) return pages.error('request', 400, request)
    return pages.error('defect', 500, request)
  }
