import { AccessError } from '#access/caller.ts'
import type { Headers, Reply, Request, Surface } from '#http/message.ts'
import { answerV2, answerV3 } from '#platform/answer.ts'
import { auditFields } from '#platform/audit.ts'
import { findChallenge } from '#platform/challenge.ts'
import { PlatformError } from '#platform/errors.ts'
import { findRefusal } from '#platform/refusals.ts'
import type { PlatformTools } from '#platform/tools.ts'
import { StoreUnavailableError } from '#stores/store.ts'

/** Words every error in the format of the version that the path names: v3.0, or else v2.0. */
export const createErrorAnswers =
  (tools: PlatformTools): Surface['answerError'] =>
  (error, request) => {
    note(tools, error, request)
    return answer(tools, findRefusal(error) ?? defect(request), request)
  }

const answer = (tools: PlatformTools, error: PlatformError, request: Request): Reply => {
  const headers = headersOf(tools, error, request)
  const { status } = error.kind
  return /^\/api\/v3\.0(?:\/|$)/.test(request.path)
    ? answerV3(status, { kind: 'error', error }, headers)
    : answerV2(tools, request, status, { kind: 'error', error }, headers)
}

const headersOf = ({ resource }: PlatformTools, error: PlatformError, request: Request): Headers => {
  const challenge = findChallenge(error, request.headers.authorization, resource.audience)
  const { headers, retryAfter } = error.details
  return {
    ...headers,
    ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  }
}

const defect = ({ id }: Request): PlatformError =>
  new PlatformError('internal-error', `An error of the server. Name this request when you report it: ${id}`)

/**
 * Two refusals may be somebody who tries: a guessed session, and one that is used with another's token. A defect is not written here,
 * since the server logs it with its stack.
 */
const AUDITED: ReadonlySet<string> = new Set(['identity_mismatch', 'unknown_session'])

const note = ({ log }: PlatformTools, error: unknown, request: Request): void => {
  if (error instanceof StoreUnavailableError) log.warn('the store is not available', { error, ...auditFields(request) })
  if (error instanceof AccessError && AUDITED.has(error.code)) {
    log.audit(error.code, { ...error.details, path: request.path, ...auditFields(request) })
  }
}
