import { isUtf8 } from 'node:buffer'
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

const readMultipart = async (contentType: string, body: Buffer): Promise<FormData> => {
  // The parser would put U+FFFD in place of a bad byte, and two different passwords become one.
  if (!isUtf8(body)) throw invalidRequest('the body is not valid UTF-8')
  try {
    return await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData()
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
