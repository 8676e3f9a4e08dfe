// Reads the HTML of our own pages as strictly as no browser would: every attribute quoted, every tag closed, nothing that begins a tag by
// accident. What this reads, every browser reads in the same way.
import assert from 'node:assert/strict'

export type Element = {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly (Element | string)[]
  readonly parent: Element | undefined
}

const VOID = new Set(['meta', 'link', 'input', 'img', 'path', 'br'])
const TAG = /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-z][a-zA-Z-]*(?:="[^"<>]*")?)*)\s*(\/?)>/gy

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }

const decode = (text: string): string => {
  assert.doesNotMatch(text, /[<>]/, `a bare < or > in ${JSON.stringify(text.slice(0, 80))}`)
  assert.doesNotMatch(text, /&(?!(?:amp|lt|gt|quot|#39);)/, `a bare & in ${JSON.stringify(text.slice(0, 80))}`)
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ENTITIES[name]!)
}

const readAttributes = (text: string): ReadonlyMap<string, string> => {
  const attributes = new Map<string, string>()
  for (const [, name = '', value = ''] of text.matchAll(/([a-z][a-zA-Z-]*)(?:="([^"<>]*)")?/g)) {
    assert.ok(!attributes.has(name), `${name} is there twice`)
    attributes.set(name, decode(value))
  }
  return attributes
}

type Open = Element & { readonly children: (Element | string)[] }

/** @throws {AssertionError} for anything that could be read in two ways */
export const readMarkup = (html: string): Element => {
  const doctype = '<!doctype html>'
  assert.ok(html.startsWith(doctype))
  const root: Open = { name: '#document', attributes: new Map(), children: [], parent: undefined }
  let inside: Open = root
  let place = doctype.length
  while (place < html.length) {
    const next = html.indexOf('<', place)
    const text = html.slice(place, next < 0 ? html.length : next)
    if (text !== '') inside.children.push(decode(text))
    if (next < 0) break
    TAG.lastIndex = next
    const tag = TAG.exec(html)
    assert.ok(tag, `not a tag: ${JSON.stringify(html.slice(next, next + 80))}`)
    const [whole, closes, name = '', attributes = '', closesItself] = tag
    if (closes === '/') {
      assert.equal(name, inside.name, `</${name}> closes <${inside.name}>`)
      inside = inside.parent as Open
    } else {
      const element: Open = { name, attributes: readAttributes(attributes), children: [], parent: inside }
      inside.children.push(element)
      if (!VOID.has(name) && closesItself !== '/') inside = element
    }
    place = next + whole.length
  }
  assert.equal(inside, root, `<${inside.name}> is not closed`)
  return root
}

export const elementsOf = (root: Element): readonly Element[] =>
  root.children.flatMap((child) => (typeof child === 'string' ? [] : [child, ...elementsOf(child)]))

export const textOf = (element: Element | string): string =>
  typeof element === 'string' ? element : element.children.map(textOf).join('')

/** The names of all elements in their order: what a hostile text must not change. */
export const shapeOf = (root: Element): string =>
  elementsOf(root)
    .map(({ name, attributes }) => `${name}[${[...attributes.keys()].join(' ')}]`)
    .join(' ')
