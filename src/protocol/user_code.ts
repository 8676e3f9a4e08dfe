import { hmac, random, type Digest, type Key } from '#base/secrets.ts'

/**
 * Letters that nobody takes for one another, or for a digit; and no vowels, so that they spell nothing. Eight of them are 34 bits: with some
 * tries a minute for each account, one in a hundred million finds a code before it expires.
 * @see RFC 8628 §6.1, §5.1
 */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ'
const LENGTH = 8

/** Bytes from here on would favour the first letters. */
const FAIR = 256 - (256 % ALPHABET.length)

/** A new user code, without its hyphen. */
export const makeUserCode = (): string => {
  let code = ''
  while (code.length < LENGTH) {
    for (const byte of random(LENGTH)) {
      if (byte < FAIR && code.length < LENGTH) code += ALPHABET[byte % ALPHABET.length]
    }
  }
  return code
}

/** As the device shows it: `WDJB-MJHT`. */
export const showUserCode = (code: string): string => `${code.slice(0, LENGTH / 2)}-${code.slice(LENGTH / 2)}`

/** Reads what a person has typed: in any case, with or without hyphens, spaces and dots. `undefined` if it is no code. */
export const findUserCode = (typed: string): string | undefined => {
  const code = typed.replace(/[\s.\-_\u2010-\u2015\u2212]/g, '').toUpperCase()
  return code.length === LENGTH && [...code].every((letter) => ALPHABET.includes(letter)) ? code : undefined
}

/** What is stored of it. Under a key: all user codes can be tried in a second. */
export const digestOfUserCode = (key: Key, code: string): Digest => hmac(key, code) as Digest
