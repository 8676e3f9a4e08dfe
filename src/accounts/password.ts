/**
 * One form for a password however a keyboard or a library composed it: NFC, and every kind of space a plain one. Nothing is trimmed, cut or
 * folded.
 * @see RFC 8265 §4.2.1 (OpaqueString)
 */
export const normalisePassword = (password: string): string => password.replace(/\p{Zs}/gu, ' ').normalize('NFC')

const SHORTEST = 8
const LONGEST = 1024

/**
 * Why `password` cannot be a new one; `undefined` if it can. Length is all that is asked, as NIST SP 800-63B §3.1.1.2 recommends.
 */
export const findPasswordDefect = (password: string): string | undefined => {
  const normalised = normalisePassword(password)
  const length = [...normalised].length
  if (length < SHORTEST) return `a password has at least ${SHORTEST} characters`
  if (length > LONGEST) return `a password has at most ${LONGEST} characters`
  return /\p{Cc}/u.test(normalised) ? 'a password has no control characters, such as a line break' : undefined
}
