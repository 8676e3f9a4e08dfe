// Names that others gave themselves: what a name shows must be what it is, and no more than a name.

/** As many characters, as people count them, as a client's name may have on a page. */
const LONGEST_NAME = 80

const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' })

/**
 * A name as one line of visible text: no control, bidirectional or invisible characters (Unicode TR 36 §3.2, TR 9 §2), no towers of accents,
 * and cut to `longest` characters. Nothing is left of some; then it is `undefined`.
 */
export const findDisplayName = (name: string, longest = LONGEST_NAME): string | undefined => {
  const visible = name
    // Ten times over, so that long junk is not measured character by character.
    .slice(0, longest * 10)
    .replace(/[\s\p{Z}]+/gu, ' ')
    .replace(/[\p{C}\p{Default_Ignorable_Code_Point}\u2800\ufffd]/gu, '')
    .replace(/(\p{M}{3})\p{M}+/gu, '$1')
    .trim()
  if (!/[\p{L}\p{N}\p{P}\p{S}]/u.test(visible)) return undefined
  const characters = Array.from(segmenter.segment(visible), ({ segment }) => segment)
  return characters.length <= longest
    ? visible
    : `${characters
        .slice(0, longest - 1)
        .join('')
        .trimEnd()}…`
}

/** Letters and digits alone, without case, accents and typography, and with the digits that are drawn like letters. */
const bareName = (name: string): string =>
  name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '')
    .replace(/0/g, 'o')
    .replace(/[1|]/g, 'l')

/** Whether somebody could take the name for one of the platform's own. */
export const resemblesBrand = (name: string, brand: string): boolean => {
  const ours = bareName(brand)
  return ours !== '' && bareName(name).includes(ours)
}
