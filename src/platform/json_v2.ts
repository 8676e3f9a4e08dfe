import { createHash } from 'node:crypto'
import type { EpochSeconds } from '#base/time.ts'
import { bareTime, timeWithOffset } from '#platform/dates.ts'
import { isMoment, type EntityView, type Page, type PropertyValue } from '#platform/entities.ts'
import type { PlatformError } from '#platform/errors.ts'
import { plainText, type DocumentV2 } from '#platform/document_v2.ts'
import type { SessionView } from '#platform/session_view.ts'

type Json = Readonly<Record<string, unknown>>

/** Names what `data` shows, so that it changes exactly when that does. */
const etagOf = (data: unknown): string => createHash('sha1').update(JSON.stringify(data)).digest('hex')

export const jsonValue = (value: PropertyValue): unknown => (isMoment(value) ? timeWithOffset(value.at) : value)

const entityData = ({ type, id, name, properties, related }: EntityView): Json => ({
  entity_type: type,
  name,
  id,
  ...Object.fromEntries([...properties].map(([property, value]) => [property, jsonValue(value)])),
  ...Object.fromEntries(related.map((each) => [each.type, entityData(each)])),
})

/** `meta` stays flat: one client cuts it out of the text, up to the first brace. */
const pageJson = ({ entities, offset, total }: Page, nextPage: string | undefined, now: EpochSeconds): Json => {
  const data = entities.map(entityData)
  return {
    data,
    meta: {
      ...(nextPage === undefined ? {} : { next_page: nextPage }),
      etag: etagOf(data),
      count: data.length,
      called_on: timeWithOffset(now),
      status: 'ok',
      offset,
      total_count: total,
    },
  }
}

const entityJson = (entity: EntityView, now: EpochSeconds): Json => {
  const data = entityData(entity)
  return { data, meta: { etag: etagOf(data), called_on: timeWithOffset(now), status: 'ok' } }
}

const sessionJson = ({ user, sessionId, currentTime, expiresAt }: SessionView): Json => ({
  data: {
    session: { current_time: bareTime(currentTime), sessionid: sessionId, expires: bareTime(expiresAt) },
    entity_type: 'user',
    name: user.name,
    id: user.id,
  },
  meta: { status: 'ok' },
})

const errorJson = (error: PlatformError, now: EpochSeconds): Json => {
  const { fields = [] } = error.details
  return {
    errors:
      fields.length === 0
        ? [{ message: plainText(error.message) }]
        : fields.map(({ field, message }) => ({ type: 'field-error', message: plainText(message), field })),
    meta: { called_on: timeWithOffset(now), status: error.kind.word },
  }
}

const documentJson = (document: DocumentV2, now: EpochSeconds): Json => {
  switch (document.kind) {
    case 'page':
      return pageJson(document.page, document.nextPage, now)
    case 'entity':
      return entityJson(document.entity, now)
    case 'session':
      return sessionJson(document.session)
    case 'done':
      return { meta: { status: 'ok' } }
    case 'error':
      return errorJson(document.error, now)
  }
}

export const jsonOfV2 = (document: DocumentV2, now: EpochSeconds): string => JSON.stringify(documentJson(document, now))
