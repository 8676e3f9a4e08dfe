import type { Admission, Caller } from '#access/caller.ts'
import type { Headers, Reply, Request, Route } from '#http/message.ts'
import { sightOf, type Sight } from '#platform/abilities.ts'
import { answerV2, answerV3, settingCookie } from '#platform/answer.ts'
import { viewEntity, type EntityKind, type EntityView, type Page } from '#platform/entities.ts'
import { notFound, PlatformError } from '#platform/errors.ts'
import {
  findNextPage,
  readEntityParameters,
  readListParameters,
  type ListParameters,
} from '#platform/list_parameters.ts'
import { auditBridge } from '#platform/session.ts'
import type { PlatformTools } from '#platform/tools.ts'

export type ApiVersion = 'v2.0' | 'v3.0'

/** What a request must come with: how far its API has been moved from sessions to OAuth2. */
export type Credentials =
  /** A bearer token, a platform session, or both. */
  | 'either'
  /** A bearer token; a session beside it changes nothing. */
  | 'token'
  /** Both: not moved yet. */
  | 'both'

/** How one version words what was read. */
type Wording = {
  readonly page: (request: Request, page: Page, asked: ListParameters, headers: Headers) => Reply
  readonly entity: (request: Request, entity: EntityView, headers: Headers) => Reply
}

/** `GET /api/<version>/<collection>` and `GET /api/<version>/<collection>/:id`. */
export const entityRoutes = (
  tools: PlatformTools,
  version: ApiVersion,
  kind: EntityKind,
  credentials: Credentials,
): readonly Route[] => {
  const path = `/api/${version}/${kind.collection}`
  const wording = version === 'v2.0' ? wordingV2(tools, tools.apiUrl + path.slice(1)) : wordingV3
  const { entities } = tools.store

  const look = async (request: Request): Promise<{ readonly sight: Sight; readonly headers: Headers }> => {
    const admission = await tools.admit(request)
    requireCredentials(tools, credentials, admission.caller)
    auditRenewal(tools, request, admission)
    return { sight: sightOf(admission.caller, kind.ability), headers: settingCookie(admission.setCookie) }
  }

  const list: Route['endpoint'] = async (request) => {
    const { sight, headers } = await look(request)
    const asked = readListParameters(request.query, kind.type)
    const found = await entities.list(kind.type, sight.visibility, asked)
    const views = found.entities.map((entity) => viewEntity(kind, entity, sight.seesInternalFields, asked.shown))
    return wording.page(request, { entities: views, offset: asked.offset, total: found.total }, asked, headers)
  }

  const detail: Route['endpoint'] = async (request, { id: text = '' }) => {
    const { sight, headers } = await look(request)
    readEntityParameters(request.query)
    const id = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : undefined
    const entity =
      id === undefined || !Number.isSafeInteger(id) ? undefined : await entities.find(kind.type, id, sight.visibility)
    if (entity === undefined) throw notFound()
    return wording.entity(request, viewEntity(kind, entity, sight.seesInternalFields, { kind: 'all' }), headers)
  }

  return [
    { methods: ['GET'], path, endpoint: list },
    { methods: ['GET'], path: `${path}/:id`, endpoint: detail },
  ]
}

const wordingV2 = (tools: PlatformTools, url: string): Wording => ({
  page: (request, page, asked, headers) => {
    const nextPage = findNextPage(url, asked, page.total)
    return answerV2(tools, request, 200, { kind: 'page', page, nextPage }, headers)
  },
  entity: (request, entity, headers) => answerV2(tools, request, 200, { kind: 'entity', entity }, headers),
})

const wordingV3: Wording = {
  page: (_request, page, _asked, headers) => answerV3(200, { kind: 'page', page }, headers),
  entity: (_request, entity, headers) => answerV3(200, { kind: 'entity', entity }, headers),
}

/** @throws {PlatformError} `token-required`, `both-required`: the message is the step that is missing */
const requireCredentials = (
  { apiUrl, cookieName }: PlatformTools,
  credentials: Credentials,
  { hasBearer, session }: Caller,
): void => {
  if (credentials === 'token' && !hasBearer) {
    throw new PlatformError('token-required', 'This API takes a bearer token in the Authorization header')
  }
  if (credentials === 'both' && !(hasBearer && session !== undefined)) {
    throw new PlatformError(
      'both-required',
      `This API is not fully migrated to OAuth2: make a request to ${apiUrl}api/v2.0/session with the header ` +
        `Authorization: Bearer ACCESS_TOKEN, copy the ${cookieName} cookie from the response, then send both the ` +
        `Authorization header and the ${cookieName} cookie`,
    )
  }
}

const auditRenewal = (tools: PlatformTools, request: Request, { caller, setCookie }: Admission): void => {
  if (setCookie !== undefined && caller.session !== undefined) auditBridge(tools, request, caller, caller.session)
}
