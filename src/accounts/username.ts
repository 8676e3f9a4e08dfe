/** That of a mail address (RFC 5321 §4.5.3.1: 64 + 1 + 255). */
const LONGEST_USERNAME = 320

/**
 * What a username is compared by: composed (NFC) and in lower case. `undefined` for what cannot be a username: spaces, control and
 * invisible characters, and characters that are only another way to write one (NFKC would change them), such as full-width letters.
 * @see Unicode TR 36 §2 (visual spoofing), RFC 8265 §3.3 (the idea; ours is narrower)
 */
export const findUsernameKey = (username: string): string | undefined => {
  const composed = username.normalize('NFC')
  if (composed === '' || composed.length > LONGEST_USERNAME || composed !== composed.normalize('NFKC')) return undefined
  if (/[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u.test(composed)) return undefined
  // Composed again: ẗ is one character, and T̈ is two.
  return composed.toLowerCase().normalize('NFC')
}

/** Alphabets that have letters which look like those of another of them. */
const ALIKE = ['Latin', 'Greek', 'Cyrillic', 'Armenian', 'Coptic', 'Cherokee'].map(
  (script) => new RegExp(`\\p{Script=${script}}`, 'u'),
)

/**
 * Whether one word of the name has letters of two alphabets that look alike, as `аdmin` with a Cyrillic `а` has. Two words of one name may:
 * `иван.petrov`.
 * @see Unicode TS 39 §5.1
 */
export const mixesAlphabets = (usernameKey: string): boolean =>
  (usernameKey.match(/[\p{L}\p{M}]+/gu) ?? []).some((word) => ALIKE.filter((script) => script.test(word)).length > 1)

/**
 * What two usernames share that are one to a careless reader or to another system's case rules (`ß` and `ss`, Turkish `İ` and `i`); unique in
 * a realm, so that nobody registers another's double.
 */
export const usernameSkeleton = (usernameKey: string): string =>
  usernameKey
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC')
    .replace(/i\u0307+/g, 'i')
    .normalize('NFKC')
