import { epochSeconds } from '#base/time.ts'
import { ENTITY_COLUMNS } from '#stores/entity_filters.ts'
import type { EntityFilter } from '#stores/store.ts'
import type { EntityValue } from '#stores/records.ts'

/** What a field of an entity may hold. This one table is read when entities are shown, filtered, saved and described. */
export type Field = {
  readonly type: 'text' | 'integer' | 'number' | 'flag' | 'list' | 'time'
  /** Texts that it may have, or that each item of the list may have. */
  readonly choices?: readonly string[]
  /** A number from here to there. */
  readonly range?: readonly [least: number, most: number]
  /** Must be given when an entity is made. */
  readonly isRequired?: true
  /** Set by the platform. Clients send back what they read, so the same value is taken and changes nothing. */
  readonly isReadOnly?: true
  /** For the platform's own staff alone, to see and to set. */
  readonly isInternal?: true
}

export type Fields = Readonly<Record<string, Field>>

/** Characters of a text. */
export const LONGEST_TEXT = 1000
export const MOST_ITEMS = 100

/** A value that a field cannot have; the message says what it takes. */
export class FieldError extends Error {
  override readonly name = 'FieldError'
}

const TRUE = new Set(['1', 'true', 'on'])
const FALSE = new Set(['0', 'false', 'off'])
const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:Z|[+-]00:?00)?$/

/** How values of the field are compared by the store. Times are texts of one form in `fields`, and numbers in the columns of their own. */
export const filterTypeOf = (name: string, { type }: Field): EntityFilter['type'] => {
  if (name in ENTITY_COLUMNS) return name === 'name' ? 'text' : 'integer'
  return type === 'integer' ? 'number' : type === 'time' ? 'text' : type
}

/** The time as entities have it in JSON: UTC, no fraction, `+0000`. */
const timeText = (text: string): string => {
  const [, day, time] = TIME.exec(text) ?? []
  const wanted = `${day}T${time}`
  if (
    day === undefined ||
    Number.isNaN(Date.parse(`${wanted}Z`)) ||
    !new Date(`${wanted}Z`).toISOString().startsWith(wanted)
  )
    throw new FieldError('must be a time in UTC such as 2026-05-01T00:00:00+0000')
  return `${wanted}+0000`
}

/** @throws {FieldError} */
const numberOf = (text: string, { type, range }: Field): number => {
  const value = /^-?\d{1,15}(?:\.\d{1,10})?$/.test(text) ? Number(text) : NaN
  if (Number.isNaN(value) || (type === 'integer' && !Number.isSafeInteger(value)))
    throw new FieldError(`must be a ${type === 'integer' ? 'whole ' : ''}number`)
  if (range !== undefined && (value < range[0] || value > range[1]))
    throw new FieldError(`must be from ${range[0]} to ${range[1]}`)
  return value
}

const textOf = (text: string, { choices }: Field): string => {
  if (text.length > LONGEST_TEXT) throw new FieldError(`must have at most ${LONGEST_TEXT} characters`)
  if (/\p{Cc}/u.test(text.replaceAll(/[\t\n\r]/g, ''))) throw new FieldError('must not have control characters')
  if (choices !== undefined && !choices.includes(text)) throw new FieldError(`must be one of ${choices.join(', ')}`)
  return text
}

/**
 * The value that forms and queries write as text; a list is written item by item.
 * @throws {FieldError}
 */
export const valueOfText = (text: string, field: Field): Exclude<EntityValue, readonly string[]> => {
  switch (field.type) {
    case 'text':
    case 'list':
      return textOf(text, field)
    case 'integer':
    case 'number':
      return numberOf(text, field)
    case 'time':
      return timeText(text)
    case 'flag':
      if (TRUE.has(text)) return true
      if (FALSE.has(text)) return false
      throw new FieldError('must be 1 or 0')
  }
}

/**
 * The value that JSON has: of the field's own type, or as a form would write it.
 * @throws {FieldError}
 */
export const valueOfJson = (json: unknown, field: Field): EntityValue => {
  if (field.type === 'list') {
    if (!Array.isArray(json) || json.length > MOST_ITEMS || !json.every((item) => typeof item === 'string'))
      throw new FieldError(`must be a list of at most ${MOST_ITEMS} texts`)
    return [...new Set(json.map((item) => textOf(item, field)))]
  }
  if (field.type === 'flag' && typeof json === 'boolean') return json
  if (typeof json === 'string') return valueOfText(json, field)
  if (typeof json === 'number' && (field.type === 'integer' || field.type === 'number'))
    return numberOf(String(json), field)
  if (typeof json === 'number' && field.type === 'flag') return valueOfText(String(json), field)
  throw new FieldError(
    `must be a ${{ text: 'text', integer: 'whole number', number: 'number', flag: 'boolean', time: 'time' }[field.type]}`,
  )
}

/** A time that a column has, in epoch seconds. @throws {FieldError} */
export const columnTimeOf = (text: string): number =>
  epochSeconds(Date.parse(timeText(text).replace('+0000', 'Z')) / 1000)
