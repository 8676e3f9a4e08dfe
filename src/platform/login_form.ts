import { isUtf8 } from 'node:buffer'
import { encodeBytes } from '#base/base62.ts'
import { random } from '#base/secrets.ts'
import { invalidRequest } from '#protocol/errors.ts'
import { readBodyParameters, type Parameters } from '#protocol/parameters.ts'

const MULTIPART = /^\s*multipart\/form-data\s*(?:;|$)/i
const MOST_PARTS = 100

/**
 * Reads the body of a sign-in: form-encoded or JSON as at the token endpoint, or multipart/form-data, as the platform's PHP library sends it.
 * @throws {OAuthError} `invalid_request` for a repeated field, a file, or what cannot be read
 * @see RFC 7578
 */
export const readLoginForm = async (contentType: string | undefined, body: Buffer): Promise<Parameters> =>
  contentType !== undefined && MULTIPART.test(contentType)
    ? fieldsOf(await readMultipart(contentType, body))
    : readBodyParameters(contentType, body)

/** @see RFC 2046 §5.1.1: 1 to 70 characters, in quotes if there are some that a token cannot have */
const BOUNDARY = /;\s*boundary=(?:"([^"]{1,70})"|([^\s";]{1,70}))\s*(?:;|$)/i

const readMultipart = async (contentType: string, body: Buffer): Promise<FormData> => {
  const [, inQuotes, bare] = BOUNDARY.exec(contentType) ?? []
  const boundary = inQuotes ?? bare
  if (boundary === undefined) throw invalidRequest('the multipart body has no boundary')
  // The parser would put U+FFFD in place of a bad byte, and two different passwords become one.
  if (!isUtf8(body)) throw invalidRequest('the body is not valid UTF-8')
  // It takes fewer boundaries than RFC 2046 allows and mail libraries make, so it gets one of ours.
  const ours = encodeBytes(random(32))
  const delimited = `\r\n${body.toString('latin1')}`.split(`\r\n--${boundary}`).join(`\r\n--${ours}`).slice(2)
  try {
    const headers = { 'content-type': `multipart/form-data; boundary=${ours}` }
    return await new Response(Buffer.from(delimited, 'latin1'), { headers }).formData()
  } catch {
    throw invalidRequest('the multipart body cannot be read')
  }
}

const fieldsOf = (form: FormData): Parameters => {
  const fields = new Map<string, string>()
  const seen = new Set<string>()
  for (const [name, value] of form) {
    if (seen.has(name)) throw invalidRequest(`parameter ${name.slice(0, 64)} is repeated`)
    seen.add(name)
    if (seen.size > MOST_PARTS) throw invalidRequest('there are too many parameters')
    if (typeof value !== 'string') throw invalidRequest('a file is not taken here')
    if (name.includes('\0') || value.includes('\0')) throw invalidRequest('a parameter holds U+0000')
    if (value !== '') fields.set(name, value)
  }
  return fields
}
