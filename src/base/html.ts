import { html as template } from 'hono/html'

/** A piece of HTML that was made by `html`: everything in it that came from outside is escaped. */
export type Html = { readonly isEscaped: true; toString(): string }

/** What may stand in a template. Text and numbers are escaped, `undefined` and `false` leave nothing behind, an array is its parts. */
export type Child = Html | string | number | false | undefined | readonly Child[]

/**
 * HTML from a template literal, with every value in it escaped for text and for **quoted** attributes. A value may stand nowhere else: not
 * unquoted, not as a name, not in a script or a style. URLs go through `href` as well.
 */
export const html = (strings: TemplateStringsArray, ...children: readonly Child[]): Html => {
  children.forEach(refuseStrangers)
  const made = template(strings, ...children)
  if (made instanceof Promise) throw new TypeError('a template has no promises in it')
  return made
}

/** Types are erased: what was parsed from JSON could call itself escaped, and cannot be made of this class. */
const refuseStrangers = (child: Child): void => {
  if (Array.isArray(child)) child.forEach(refuseStrangers)
  else if (typeof child === 'object' && !(child instanceof String)) {
    throw new TypeError('a template takes text, numbers and other templates')
  }
}

/**
 * A URL for an attribute: https, http, or a path of our own. Everything else is a defect of the caller: a browser would run `javascript:`, and
 * would take `//host` and `/\host` for another site.
 * @throws {TypeError}
 */
export const href = (url: string): string => {
  // A browser drops tabs and line breaks, and spaces at both ends, before it reads a URL.
  const isClean = !/[\s\p{Cc}]/u.test(url)
  if (isClean && (/^https?:\/\/[^/]/i.test(url) ? URL.canParse(url) : /^\/(?![/\\])/.test(url))) return url
  throw new TypeError('a link leads to https, http, or a path of our own')
}

/** Attributes of a tag, quoted: those that are `undefined` or `false` are left out, `true` is one without a value. */
export const attributes = (given: Readonly<Record<string, string | number | boolean | undefined>>): Html =>
  html`${Object.entries(given).map(([name, value]) => {
    if (!/^[a-z][a-z-]*$/.test(name) || name.startsWith('on')) throw new TypeError('not the name of an attribute')
    if (value === undefined || value === false) return undefined
    return verbatim(value === true ? [` ${name}`] : [` ${name}="`, '"'], value === true ? [] : [value])
  })}`

/** `html` with strings that were put together here. */
const verbatim = (strings: readonly string[], children: readonly Child[]): Html =>
  html(Object.assign([...strings], { raw: strings }), ...children)
