// Just enough of an XML reader to look at answers of v2.0 as the platform's libraries do: elements in order, attributes, text.

export type XmlElement = {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly XmlElement[]
  readonly text: string
}

const TOKEN = /<\?[^>]*\?>|<\/([\w-]+)\s*>|<([\w-]+)((?:\s+[\w-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/gy
const ATTRIBUTE = /([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

const unescape = (text: string): string =>
  text.replaceAll(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (_, decimal?: string, hex?: string, name = '') => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
    return ENTITIES[name] ?? `&${name};`
  })

/** The root element. Throws for what is not well-formed. */
export const parseXml = (text: string): XmlElement => {
  type Open = { name: string; attributes: Record<string, string>; children: XmlElement[]; text: string }
  const document: Open = { name: '', attributes: {}, children: [], text: '' }
  const open: Open[] = [document]
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(text)
    if (match === null) throw new Error(`not well-formed at ${at}: ${text.slice(at, at + 40)}`)
    const [, closed, opened, attributes = '', isEmpty, content] = match
    const innermost = open.at(-1)!
    if (content !== undefined) innermost.text += unescape(content)
    else if (opened !== undefined) {
      const found = [...attributes.matchAll(ATTRIBUTE)].map(
        ([, name = '', double, single]) => [name, unescape(double ?? single ?? '')] as const,
      )
      if (new Set(found.map(([name]) => name)).size !== found.length) throw new Error(`an attribute twice at ${at}`)
      const element: Open = { name: opened, attributes: Object.fromEntries(found), children: [], text: '' }
      innermost.children.push(element)
      if (isEmpty === '') open.push(element)
    } else if (closed !== undefined) {
      if (open.length === 1 || innermost.name !== closed) throw new Error(`</${closed}> is out of place`)
      open.pop()
    }
  }
  const [root] = document.children
  if (open.length !== 1 || root === undefined || document.children.length !== 1 || document.text.trim() !== '')
    throw new Error('not one root element')
  return root
}

export const childOf = (element: XmlElement, name: string): XmlElement => {
  const found = element.children.filter((child) => child.name === name)
  if (found.length !== 1) throw new Error(`expected one <${name}> in <${element.name}>, got ${found.length}`)
  return found[0]!
}
