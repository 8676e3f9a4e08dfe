import { kindFields, type EntityKind } from '#platform/entities.ts'
import { invalidField } from '#platform/errors.ts'
import { columnTimeOf, FieldError, filterTypeOf, valueOfText, type Field } from '#platform/fields.ts'
import type { EntityFilter } from '#stores/store.ts'

// The query language of lists: `field==value`, `!=`, `<`, `<=`, `>`, `>=`, `=:` (contains, or with `*` as a wildcard), `==(1,2,3)`, several
// joined by `&`; `(1,2,3)` alone means ids.

const CONDITION = /^([a-z][a-z0-9_]*)(==|!=|<=|>=|=:|<|>)([^]*)$/
const COMPARISONS: Readonly<Record<string, EntityFilter['comparison']>> = {
  '==': 'is',
  '!=': 'is not',
  '=:': 'is like',
}

export const MOST_CONDITIONS = 20
export const MOST_VALUES = 1000
/** Each makes the database try again at every character. */
const MOST_WILDCARDS = 5

const refuse = (message: string) => invalidField('q', message)

/**
 * @param seesInternalFields - to others such a field does not exist: by filters they could find out what it holds
 * @throws {PlatformError} `invalid-field`
 */
export const readFilters = (q: string, kind: EntityKind, seesInternalFields: boolean): readonly EntityFilter[] => {
  const parts = q.split('&').filter((part) => part !== '')
  if (parts.length > MOST_CONDITIONS) throw refuse(`q has more than ${MOST_CONDITIONS} conditions`)
  return parts.map((part) => readCondition(/^\(.*\)$/s.test(part) ? `id==${part}` : part, kind, seesInternalFields))
}

const readCondition = (text: string, kind: EntityKind, seesInternalFields: boolean): EntityFilter => {
  const [, name = '', operator = '', operand = ''] = CONDITION.exec(text) ?? []
  if (operator === '') throw refuse('q is made of conditions such as name==value, joined by &')
  const field = kindFields(kind).get(name)
  if (field === undefined || (field.isInternal === true && !seesInternalFields)) {
    throw refuse(`there is no field ${name.slice(0, 64)}`)
  }
  try {
    return conditionOn(name, field, operator, operand)
  } catch (error) {
    if (error instanceof FieldError) throw refuse(`${name} ${error.message}`)
    throw error
  }
}

const conditionOn = (name: string, field: Field, operator: string, operand: string): EntityFilter => {
  const type = filterTypeOf(name, field)
  const comparison = COMPARISONS[operator] ?? (operator as '<')
  if (comparison === 'is like') {
    if (type !== 'text') throw new FieldError('is not a text: =: compares texts alone')
    return { field: name, type, comparison, values: [patternOf(operand)] }
  }
  if (comparison === 'is' || comparison === 'is not') {
    const list = /^\(([^]*)\)$/.exec(operand)
    const operands = list === null ? [operand] : list[1]!.split(',').map((each) => each.trim())
    if (operands.length > MOST_VALUES) throw new FieldError(`is compared with more than ${MOST_VALUES} values`)
    return {
      field: name,
      type,
      comparison,
      values: operands.map((each) => (each === 'null' ? null : valueOf(name, each, field))),
    }
  }
  if (type === 'list' || type === 'flag') throw new FieldError(`has no order: ${operator} does not apply`)
  return { field: name, type, comparison, values: [valueOf(name, operand, field)] }
}

/** What is compared need not be what can be set: a text that no entity has is no mistake. */
const valueOf = (name: string, text: string, field: Field): string | number | boolean => {
  if (field.type === 'time' && filterTypeOf(name, field) === 'integer') return columnTimeOf(text)
  const { choices: _, range: __, ...any } = field
  return valueOfText(text, any)
}

const patternOf = (operand: string): string => {
  const text = valueOfText(operand, { type: 'text' }) as string
  const pieces = text.split('*').map((piece) => piece.replaceAll(/[\\%_]/g, '\\$&'))
  if (pieces.length - 1 > MOST_WILDCARDS) throw new FieldError(`is compared with more than ${MOST_WILDCARDS} wildcards`)
  return pieces.length === 1 ? `%${pieces[0]!}%` : pieces.join('%')
}
