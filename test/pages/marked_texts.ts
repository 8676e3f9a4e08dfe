// A catalogue that says of every word where it is from: the proof that a page has none of its own, and that a second language is one value.
import type { Texts } from '#pages/texts/catalogue.ts'
import { findDisplayName } from '#pages/names.ts'

const mark = (text: string): string => `«${text}»`

/** Not shown, but obeyed. */
const SETTINGS = new Set(['language', 'dates', 'direction'])

const markAll = (value: unknown, key = ''): unknown => {
  if (typeof value === 'string') return SETTINGS.has(key) ? value : mark(value)
  if (typeof value === 'function') {
    return (...given: readonly unknown[]) => {
      const said = (value as (...parts: readonly unknown[]) => unknown)(...given)
      // What was put in comes out as it was.
      return Array.isArray(said)
        ? said.map((part: unknown) => (typeof part === 'string' && !given.includes(part) ? mark(part) : part))
        : markAll(said)
    }
  }
  return Object.fromEntries(Object.entries(value as object).map(([name, part]) => [name, markAll(part, name)]))
}

export const markedTexts = (texts: Texts): Texts => markAll(texts) as Texts

const stringsIn = (data: unknown): readonly string[] => {
  if (typeof data === 'string') return [data, findDisplayName(data) ?? '', findDisplayName(data, 300) ?? '']
  if (typeof data === 'number') return [String(data)]
  return typeof data === 'object' && data !== null ? Object.values(data).flatMap(stringsIn) : []
}

/** What is left of a text of a page when the words of the catalogue, the data and `others` are taken out. */
export const withoutMarked = (others: readonly string[], data: unknown): ((text: string) => string) => {
  const known = [...new Set([...others, ...stringsIn(data)])]
    .filter((each) => each !== '')
    .map((each) => each.replace(/\s+/g, ' '))
    .toSorted((a, b) => b.length - a.length)
  return (text) => {
    let left = text
    for (let before = ''; before !== left;) {
      before = left
      left = left.replace(/«[^«»]*»/g, '')
    }
    return known.reduce((rest, each) => rest.replaceAll(each, ''), left)
  }
}
