import { kindFields, type EntityKind } from '#platform/entities.ts'
import { invalidField, invalidFields, PlatformError } from '#platform/errors.ts'
import { FieldError, MOST_ITEMS, valueOfJson, valueOfText, type Field } from '#platform/fields.ts'
import { invalidRequest } from '#protocol/errors.ts'
import { readFormValues, readJsonObject } from '#protocol/parameters.ts'
import type { Entity, EntityValue } from '#stores/records.ts'

/** What a client sent, by field: a value, null to unset it, or why it cannot be taken. What is not here stays as it is. */
type Sent = ReadonlyMap<string, EntityValue | null | FieldError>

/** A form or JSON, whatever wrote it. `read` turns what came under a name into a value of this field. */
export type SaveBody = {
  readonly names: Iterable<string>
  readonly read: (name: string, field: Field) => EntityValue | null
}

/** The form of v2.0: flags as 1 and 0, the items of a list under one name. @throws {OAuthError} `invalid_request` */
export const readSaveForm = (contentType: string | undefined, body: Buffer): SaveBody => {
  const [type = ''] = (contentType ?? '').split(';', 1)
  if (type.trim().toLowerCase() !== 'application/x-www-form-urlencoded') {
    throw invalidRequest('Content-Type must be application/x-www-form-urlencoded')
  }
  const values = readFormValues(body.toString('utf8'))
  return {
    names: values.keys(),
    read: (name, field) => {
      const sent = (values.get(name) ?? []).filter((text) => text !== '')
      if (sent.length === 0) return null
      if (field.type === 'list') {
        if (sent.length > MOST_ITEMS) throw new FieldError(`must have at most ${MOST_ITEMS} items`)
        return [...new Set(sent.map((text) => valueOfText(text, field) as string))]
      }
      if (sent.length > 1) throw new FieldError('is repeated')
      return valueOfText(sent[0]!, field)
    },
  }
}

/** The JSON of v3.0. @throws {OAuthError} `invalid_request` */
export const readSaveJson = (contentType: string | undefined, body: Buffer): SaveBody => {
  const members = readJsonObject(contentType, body)
  return {
    names: members.keys(),
    read: (name, field) => {
      const sent = members.get(name)
      return sent === null || sent === undefined || sent === '' ? null : valueOfJson(sent, field)
    },
  }
}

const readAll = (body: SaveBody, kind: EntityKind, seesInternalFields: boolean): Sent => {
  const sent = new Map<string, EntityValue | null | FieldError>()
  for (const name of body.names) {
    const field = kindFields(kind).get(name)
    // Clients send much that is meant for others: `api_key`, `entity_type`. To whom a field is not shown, it does not exist.
    if (field === undefined || (field.isInternal === true && !seesInternalFields)) continue
    try {
      sent.set(name, body.read(name, field))
    } catch (error) {
      if (!(error instanceof FieldError)) throw error
      sent.set(name, error)
    }
  }
  return sent
}

type Problems = { field: string; message: string }[]

/** Applies what was sent to what there is, and says everything that is wrong at once. */
const apply = (
  kind: EntityKind,
  sent: Sent,
  before: Pick<Entity, 'name' | 'fields'> | undefined,
  problems: Problems,
): Pick<Entity, 'name' | 'fields'> => {
  const own = new Map<string, EntityValue>(Object.entries(before?.fields ?? {}))
  let name = before?.name ?? ''
  for (const [field, { isRequired, isReadOnly }] of kindFields(kind)) {
    if (isReadOnly === true || field === kind.parent?.field) continue
    const value = sent.get(field)
    if (value instanceof FieldError) problems.push({ field, message: `${field} ${value.message}` })
    else if (isRequired === true && (value === null || (value === undefined && before === undefined)))
      problems.push({ field, message: `${field} is required` })
    else if (field === 'name') name = (value as string | undefined) ?? name
    else if (value === null) own.delete(field)
    else if (value !== undefined) own.set(field, value)
  }
  const shown = Object.keys(kind.fields).filter((field) => own.has(field))
  return { name, fields: Object.fromEntries([...shown, ...own.keys()].map((field) => [field, own.get(field)!])) }
}

/** @throws {PlatformError} `invalid-field`, with everything that is wrong */
export const readNewEntity = (
  body: SaveBody,
  kind: EntityKind,
  seesInternalFields: boolean,
): Pick<Entity, 'name' | 'fields'> & { readonly parentId: number | undefined } => {
  const sent = readAll(body, kind, seesInternalFields)
  const problems: Problems = []
  const parent = kind.parent === undefined ? undefined : sent.get(kind.parent.field)
  if (kind.parent !== undefined && typeof parent !== 'number') {
    const { field } = kind.parent
    problems.push({
      field,
      message: parent instanceof FieldError ? `${field} ${parent.message}` : `${field} is required`,
    })
  }
  const entity = apply(kind, sent, undefined, problems)
  if (problems.length > 0) throw invalidFields(problems)
  return { ...entity, parentId: typeof parent === 'number' ? parent : undefined }
}

/**
 * @param before - as the caller sees it now
 * @throws {PlatformError} `invalid-field`, with everything that is wrong; `version-conflict` if it is not the version that was read
 */
export const readChangedEntity = (
  body: SaveBody,
  kind: EntityKind,
  before: Entity,
  seesInternalFields: boolean,
): Pick<Entity, 'name' | 'fields' | 'version'> => {
  const sent = readAll(body, kind, seesInternalFields)
  const version = sent.get('version')
  if (version instanceof FieldError) throw invalidField('version', `version ${version.message}`)
  if (typeof version !== 'number') throw invalidField('version', 'version is required: send the one that you read')
  if (version !== before.version) throw versionConflict(before.version)
  const problems: Problems = []
  const fixed: Readonly<Record<string, number | undefined>> = {
    id: before.id,
    organization_id: before.organizationId,
    agency_id: before.agencyId,
    advertiser_id: before.advertiserId,
  }
  for (const [field, now] of Object.entries(fixed)) {
    const value = sent.get(field)
    if (value !== undefined && value !== null && value !== now)
      problems.push({ field, message: `${field} is not writable` })
  }
  const entity = apply(kind, sent, before, problems)
  if (problems.length > 0) throw invalidFields(problems)
  return { ...entity, version }
}

/** Existing programs look for these two words and try again. */
export const versionConflict = (version: number): PlatformError =>
  new PlatformError(
    'version-conflict',
    `Version Conflict: the version is ${version} now, read it again and send that one`,
  )
