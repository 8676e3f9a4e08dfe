import { hash } from 'node:crypto'
import { equalInConstantTime } from '#base/secrets.ts'

/** A SHA-256 in base64url is 43 characters, the last of which has two bits to spare. */
export const isCodeChallenge = (text: string): boolean => /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/.test(text)

/** Whether `verifier` is the one behind `challenge`, by S256 alone. @see RFC 7636 §4.1 and §4.6 */
export const verifiesChallenge = (verifier: string, challenge: string): boolean =>
  /^[A-Za-z0-9._~-]{43,128}$/.test(verifier) &&
  equalInConstantTime(Buffer.from(hash('sha256', verifier, 'base64url')), Buffer.from(challenge))
