/** What XML 1.0 §2.2 (Char) cannot hold at all, not even as a reference: control characters, U+FFFE, U+FFFF, half a surrogate pair. */
const IMPOSSIBLE = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu

const REFERENCES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  // As themselves they would be read as spaces or as one line feed (XML 1.0 §2.11, §3.3.3).
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

/** Text that can stand in an attribute or in content. What XML cannot hold becomes U+FFFD. */
export const escapeXml = (text: string): string =>
  text.replace(IMPOSSIBLE, '\ufffd').replace(/[&<>"'\t\n\r]/g, (character) => REFERENCES[character]!)

export type Attributes = Readonly<Record<string, string | number | undefined>>

/** Markup that is already escaped. */
export type Xml = string & { readonly is: 'markup' }

export const xmlText = (text: string): Xml => escapeXml(text) as Xml

export const xmlElement = (name: string, attributes: Attributes, ...content: readonly Xml[]): Xml => {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([attribute, value]) => ` ${attribute}="${escapeXml(String(value))}"`)
    .join('')
  const inside = content.join('')
  return (inside === '' ? `<${name}${written} />` : `<${name}${written}>${inside}</${name}>`) as Xml
}

/** The declaration is written as the platform's clients have always got it; without an encoding it is UTF-8 (XML 1.0 §4.3.3). */
export const xmlDocument = (root: Xml): string => `<?xml version='1.0' ?>\n${root}`
