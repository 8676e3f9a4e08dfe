import type { EpochSeconds } from '#base/time.ts'
import { bareTime, spacedTime } from '#platform/dates.ts'
import { isMoment, type EntityView, type Page, type PropertyValue } from '#platform/entities.ts'
import type { PlatformError } from '#platform/errors.ts'
import { plainText, type DocumentV2 } from '#platform/document_v2.ts'
import type { SessionView } from '#platform/session_view.ts'
import { xmlDocument, xmlElement, xmlText, type Xml } from '#platform/xml.ts'

const OK = xmlElement('status', { code: 'ok' })

/** A time among the fields of an entity, as JSON has it. */
const WITH_OFFSET = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\+0000$/

/** One text for each value of a list: a form repeats its keys in the same way. */
const textsOf = (value: PropertyValue): readonly string[] => {
  if (typeof value === 'boolean') return [value ? '1' : '0']
  if (typeof value === 'string') return [value.replace(WITH_OFFSET, '$1')]
  if (typeof value === 'number') return [String(value)]
  return isMoment(value) ? [bareTime(value.at)] : value
}

const entityXml = ({ type, id, name, properties, related }: EntityView, rel?: string): Xml => {
  const version = properties.get('version')
  const props = [...properties]
    .filter(([property]) => property !== 'version')
    .flatMap(([property, value]) => textsOf(value).map((text) => xmlElement('prop', { name: property, value: text })))
  const attributes = { name, id, type, version: typeof version === 'number' ? version : undefined, rel }
  return xmlElement('entity', attributes, ...related.map((each) => entityXml(each, each.type)), ...props)
}

const pageXml = ({ entities, offset, total }: Page, now: EpochSeconds): Xml =>
  xmlElement(
    'result',
    { called_on: spacedTime(now) },
    // `count` is of all that there are: clients ask for one entity to learn it.
    xmlElement('entities', { count: total, start: offset }, ...entities.map((each) => entityXml(each))),
    OK,
  )

/** Scripts take the session as the second child. */
const sessionXml = ({ user, sessionId, currentTime, expiresAt }: SessionView): Xml =>
  xmlElement(
    'result',
    {},
    xmlElement('entity', { name: user.name, id: user.id, type: 'user' }),
    xmlElement('session', {
      current_time: bareTime(currentTime),
      expires: bareTime(expiresAt),
      sessionid: sessionId,
    }),
    OK,
  )

const errorXml = (error: PlatformError, now: EpochSeconds): Xml => {
  const { fields = [] } = error.details
  const message = plainText(error.message)
  const content =
    fields.length === 0
      ? [
          xmlElement('error', {}, xmlText(message)),
          xmlElement('errors', {}, xmlText(message)),
          xmlElement('status', { code: error.kind.word }, xmlText(message)),
        ]
      : [
          xmlElement(
            'errors',
            {},
            ...fields.map((each) => xmlElement('field-error', { name: each.field, error: plainText(each.message) })),
          ),
          xmlElement('status', { code: error.kind.word }, xmlText('Validation errors')),
        ]
  return xmlElement('result', { called_on: spacedTime(now) }, ...content)
}

const rootOf = (document: DocumentV2, now: EpochSeconds): Xml => {
  switch (document.kind) {
    case 'page':
      return pageXml(document.page, now)
    case 'entity':
      return xmlElement('result', { called_on: spacedTime(now) }, entityXml(document.entity), OK)
    case 'session':
      return sessionXml(document.session)
    case 'done':
      return xmlElement('result', {}, OK)
    case 'error':
      return errorXml(document.error, now)
  }
}

export const xmlOfV2 = (document: DocumentV2, now: EpochSeconds): string => xmlDocument(rootOf(document, now))
