/**
 * Whether some object of a JSON text has two members of one name. `JSON.parse` keeps the last of them and says nothing, while another reader may
 * keep the first (RFC 8259 §4): so what was parsed is counted, and the colons outside strings are too.
 *
 * @param value - what `JSON.parse` made of the text
 */
export const hasRepeatedMember = (json: string, value: unknown): boolean => countColons(json) !== countMembers(value)

const countMembers = (value: unknown): number => {
  let members = 0
  // No recursion: the depth is whatever somebody sent.
  const waiting: unknown[] = [value]
  for (let next = waiting.pop(); next !== undefined || waiting.length > 0; next = waiting.pop()) {
    if (typeof next !== 'object' || next === null) continue
    const parts = Object.values(next) as unknown[]
    if (!Array.isArray(next)) members += parts.length
    for (const part of parts) waiting.push(part)
  }
  return members
}

const countColons = (json: string): number => {
  let colons = 0
  let isInString = false
  // No regular expression: on a text of many megabytes it runs out of stack.
  for (let at = 0; at < json.length; at++) {
    const character = json[at]
    if (character === '"') isInString = !isInString
    else if (!isInString) colons += character === ':' ? 1 : 0
    else if (character === '\\') at++
  }
  return colons
}
