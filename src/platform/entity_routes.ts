import type { Admission, Caller } from '#access/caller.ts'
import type { Headers, Reply, Request, Route } from '#http/message.ts'
import { sightOf, type Ability, type Sight } from '#platform/abilities.ts'
import { answerV2, answerV3, handingOut } from '#platform/answer.ts'
import { viewEntity, type EntityKind, type EntityView, type Page } from '#platform/entities.ts'
import {
  readChangedEntity,
  readNewEntity,
  readSaveForm,
  readSaveJson,
  versionConflict,
  type SaveBody,
} from '#platform/entity_save.ts'
import { invalidField, notFound, PlatformError } from '#platform/errors.ts'
import {
  findNextPage,
  readEntityParameters,
  readListParameters,
  type ListParameters,
} from '#platform/list_parameters.ts'
import { findRelated } from '#platform/related.ts'
import { refuseOtherSitesWithoutToken } from '#platform/same_origin.ts'
import { auditFields } from '#platform/audit.ts'
import { auditBridge } from '#platform/session.ts'
import type { PlatformTools } from '#platform/tools.ts'
import type { Entity } from '#stores/records.ts'
import type { SavedBy } from '#stores/store.ts'

export type ApiVersion = 'v2.0' | 'v3.0'

/** What a request must come with: how far its API has been moved from sessions to OAuth2. */
export type Credentials =
  /** A bearer token, a platform session, or both. */
  | 'either'
  /** A bearer token; a session beside it changes nothing. */
  | 'token'
  /** Both: not moved yet. */
  | 'both'

/** How one version words what was read, and reads what is saved. */
type Wording = {
  readonly page: (request: Request, page: Page, asked: ListParameters, headers: Headers) => Reply
  readonly entity: (request: Request, status: number, entity: EntityView, headers: Headers) => Reply
  readonly readBody: (contentType: string | undefined, body: Buffer) => SaveBody
  readonly created: number
}

/** Who asks, checked for what they ask: they may, and this is what they see. */
type Asking = { readonly caller: Caller; readonly sight: Sight; readonly headers: Headers }

/**
 * Lists, details and saves of one kind of entity: `GET` and `POST /api/<version>/<collection>` and `…/:id`, at v2.0 also
 * `GET …/limit/<branch>`.
 */
export const entityRoutes = (
  tools: PlatformTools,
  version: ApiVersion,
  kind: EntityKind,
  credentials: Credentials,
): readonly Route[] => {
  const path = `/api/${version}/${kind.collection}`
  const wording = version === 'v2.0' ? wordingV2(tools) : wordingV3
  const { entities } = tools.store

  const admit = async (request: Request, ability: Ability): Promise<Asking> => {
    const admission = await tools.admit(request)
    requireCredentials(tools, credentials, admission.caller)
    auditRenewal(tools, request, admission)
    const { caller } = admission
    return { caller, sight: sightOf(caller, ability), headers: handingOut(admission) }
  }

  const list: Route['endpoint'] = async (request, { limit }) => {
    const { sight, headers } = await admit(request, kind.abilities.read)
    const asked = readListParameters(request.query, kind, sight.seesInternalFields, limit)
    const found = await entities.list(kind.type, sight.visibility, asked)
    const related = await findRelated(found.entities, asked.related, sight, entities)
    const views = found.entities.map((entity) =>
      viewEntity(kind, entity, sight.seesInternalFields, asked.shown, related(entity)),
    )
    return wording.page(request, { entities: views, offset: asked.offset, total: found.total }, asked, headers)
  }

  const answer = (request: Request, { sight, headers }: Asking, entity: Entity, status = 200): Reply =>
    wording.entity(request, status, viewEntity(kind, entity, sight.seesInternalFields, { kind: 'all' }), headers)

  const find = async (text: string, { visibility }: Sight): Promise<Entity> => {
    const id = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : undefined
    const entity =
      id === undefined || !Number.isSafeInteger(id) ? undefined : await entities.find(kind.type, id, visibility)
    if (entity === undefined) throw notFound()
    return entity
  }

  const detail: Route['endpoint'] = async (request, { id = '' }) => {
    const { sight, headers } = await admit(request, kind.abilities.read)
    const asked = readEntityParameters(request.query, kind)
    const entity = await find(id, sight)
    const related = await findRelated([entity], asked.related, sight, entities)
    const view = viewEntity(kind, entity, sight.seesInternalFields, { kind: 'all' }, related(entity))
    return wording.entity(request, 200, view, headers)
  }

  const create =
    (ability: Ability): Route['endpoint'] =>
    async (request) => {
      refuseOtherSitesWithoutToken(request, tools.publicOrigins)
      const asking = await admit(request, ability)
      const { sight, caller } = asking
      const body = wording.readBody(request.headers['content-type'], request.body)
      const made = readNewEntity(body, kind, sight.seesInternalFields)
      const visibility = { ...sight.visibility, access: 'w' } as const
      const entity = await entities.create({ ...made, type: kind.type, visibility, by: savedBy(caller) })
      if (entity === undefined) {
        const field = kind.parent?.field ?? 'id'
        throw invalidField(field, `${field} names no ${kind.parent?.type ?? kind.type} that you may change`)
      }
      auditSave(tools, request, 'entity_created', caller, entity)
      return answer(request, asking, entity, wording.created)
    }

  const change =
    (ability: Ability): Route['endpoint'] =>
    async (request, { id = '' }) => {
      refuseOtherSitesWithoutToken(request, tools.publicOrigins)
      const asking = await admit(request, ability)
      const { sight, caller } = asking
      const body = wording.readBody(request.headers['content-type'], request.body)
      const before = await find(id, sight)
      const changed = readChangedEntity(body, kind, before, sight.seesInternalFields)
      const saved = await entities.save({
        ...changed,
        type: kind.type,
        id: before.id,
        visibility: { ...sight.visibility, access: 'w' },
        by: savedBy(caller),
      })
      if (saved === undefined)
        throw new PlatformError('permission-denied', `This user may see this ${kind.type}, not change it`)
      if (saved.outcome === 'conflict') throw versionConflict(saved.version)
      auditSave(tools, request, 'entity_changed', caller, saved.entity)
      return answer(request, asking, saved.entity)
    }

  const { abilities } = kind
  return [
    { methods: ['GET'], path, endpoint: list },
    { methods: ['GET'], path: `${path}/:id`, endpoint: detail },
    ...(version === 'v2.0' ? [{ methods: ['GET'], path: `${path}/limit/:limit`, endpoint: list } as const] : []),
    ...(abilities.create === undefined
      ? []
      : [{ methods: ['POST'], path, endpoint: create(abilities.create) } as const]),
    ...(abilities.change === undefined
      ? []
      : [{ methods: ['POST'], path: `${path}/:id`, endpoint: change(abilities.change) } as const]),
  ]
}

const wordingV2 = (tools: PlatformTools): Wording => ({
  page: (request, page, asked, headers) => {
    const nextPage = findNextPage(tools.apiUrl + request.path.slice(1), asked, page.total)
    return answerV2(tools, request, 200, { kind: 'page', page, nextPage }, headers)
  },
  entity: (request, status, entity, headers) => answerV2(tools, request, status, { kind: 'entity', entity }, headers),
  readBody: readSaveForm,
  created: 200,
})

const wordingV3: Wording = {
  page: (_request, page, _asked, headers) => answerV3(200, { kind: 'page', page }, headers),
  entity: (_request, status, entity, headers) => answerV3(status, { kind: 'entity', entity }, headers),
  readBody: readSaveJson,
  created: 201,
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

/** Whoever may save is somebody (`judge`): this only tells the compiler. */
const savedBy = ({ account, clientId }: Caller): SavedBy => {
  if (account === undefined) throw new PlatformError('insufficient-scope', 'A client alone saves nothing')
  return { accountId: account.id, clientId }
}

const auditSave = (
  { log }: PlatformTools,
  request: Request,
  event: 'entity_created' | 'entity_changed',
  { account, clientId }: Caller,
  { type, id, version }: Entity,
): void =>
  log.audit(event, {
    account: account?.id,
    client: clientId,
    entity: type,
    entity_id: id,
    version,
    ...auditFields(request),
  })
