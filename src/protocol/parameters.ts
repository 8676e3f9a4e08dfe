import { invalidRequest, OAuthError } from '#protocol/errors.ts'
import { hasRepeatedMember } from '#protocol/json_members.ts'

/** The parameters of a request, each present once and not empty: "not given", `""` and `null` are the same (RFC 6749 §3.2). */
export type Parameters = ReadonlyMap<string, string>

/** More parameters than any request needs: what is above is not read. */
const MOST_PARAMETERS = 100

const decoder = new TextDecoder('utf-8', { fatal: true })
const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'

/**
 * Reads the body of a request as parameters, form-encoded or as one flat JSON object (as the platform's libraries send it).
 * @throws {OAuthError} `invalid_request` for a repeated parameter, bad UTF-8, a broken %-escape, U+0000, a value that is no text,
 *   or another content type
 * @see RFC 6749 §3.2 and appendix B
 */
export const readBodyParameters = (contentType: string | undefined, body: Uint8Array): Parameters => {
  const [type = ''] = (contentType ?? '').split(';', 1)
  switch (type.trim().toLowerCase()) {
    case FORM:
      return readForm(decodeUtf8(body))
    case JSON_TYPE:
      return readJson(decodeUtf8(body))
    case '':
      if (body.length === 0) return new Map()
      throw invalidRequest(`Content-Type is missing: send ${FORM} or ${JSON_TYPE}`)
    default:
      throw invalidRequest(`Content-Type must be ${FORM} or ${JSON_TYPE}`)
  }
}

/**
 * Reads a form-encoded body or a query string.
 * @throws {OAuthError} `invalid_request`, as `readBodyParameters`
 */
export const readForm = (text: string): Parameters => {
  const { values, repeated } = readFormLoosely(text)
  const [name] = repeated
  if (name !== undefined) throw invalidRequest(`parameter ${JSON.stringify(name.slice(0, 64))} is repeated`)
  return values
}

/**
 * As `readForm`, for a reader that must know more before it refuses a repeated parameter: of each the first value that is not empty.
 * @throws {OAuthError} `invalid_request`, as `readBodyParameters` but for repetition
 */
export const readFormLoosely = (
  text: string,
): { readonly values: Parameters; readonly repeated: ReadonlySet<string> } => {
  const values = new Map<string, string>()
  const repeated = new Set<string>()
  for (const [name, all] of readFormValues(text)) {
    // Repetition is judged before emptiness: `scope=&scope=x` is a repeated parameter too.
    if (all.length > 1) repeated.add(name)
    const value = all.find((each) => each !== '')
    if (value !== undefined) values.set(name, value)
  }
  return { values, repeated }
}

/**
 * All values of each name, as a form with several boxes of one name sends them.
 * @throws {OAuthError} `invalid_request`, as `readBodyParameters` but for repetition
 */
export const readFormValues = (text: string, most = MOST_PARAMETERS): ReadonlyMap<string, readonly string[]> => {
  const values = new Map<string, string[]>()
  const pairs = text === '' ? [] : text.split('&', most + 1)
  if (pairs.length > most) throw invalidRequest('there are too many parameters')
  for (const pair of pairs) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeFormText(equals < 0 ? pair : pair.slice(0, equals))
    const value = equals < 0 ? '' : decodeFormText(pair.slice(equals + 1))
    const before = values.get(name)
    if (before === undefined) values.set(name, [value])
    else before.push(value)
  }
  return values
}

const readJson = (text: string): Parameters => {
  const parameters = new Map<string, string>()
  for (const [name, member] of parseFlatObject(text)) {
    if (member === null || member === '') continue
    if (typeof member === 'object') throw invalidRequest(`parameter ${JSON.stringify(name.slice(0, 64))} must be text`)
    parameters.set(name, refuseNonText(String(member)))
  }
  return parameters
}

/** What a member of a JSON body may be: a value, or a list of such. */
export type JsonMember = string | number | boolean | null | readonly (string | number | boolean | null)[]

/**
 * Reads a body that is one JSON object of values and lists of values.
 * @throws {OAuthError} `invalid_request` for a repeated member, an object or a list inside a list, bad UTF-8, U+0000, or another content type
 */
export const readJsonObject = (contentType: string | undefined, body: Uint8Array): ReadonlyMap<string, JsonMember> => {
  const [type = ''] = (contentType ?? '').split(';', 1)
  if (type.trim().toLowerCase() !== JSON_TYPE) throw invalidRequest(`Content-Type must be ${JSON_TYPE}`)
  return parseFlatObject(decodeUtf8(body))
}

const parseFlatObject = (text: string): ReadonlyMap<string, JsonMember> => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalidRequest('the body is not valid JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidRequest('the JSON body must be an object')
  const entries = Object.entries(value) as [string, unknown][]
  if (entries.length > MOST_PARAMETERS) throw invalidRequest('there are too many parameters')
  for (const [name, member] of entries) {
    refuseNonText(name)
    for (const item of Array.isArray(member) ? (member as unknown[]) : [member]) {
      if (typeof item === 'object' && item !== null)
        throw invalidRequest(`parameter ${JSON.stringify(name.slice(0, 64))} must be text`)
      if (typeof item === 'string') refuseNonText(item)
    }
  }
  if (hasRepeatedMember(text, value)) throw invalidRequest('a member of the JSON body is repeated')
  return new Map(entries as [string, JsonMember][])
}

const decodeUtf8 = (bytes: Uint8Array): string => {
  try {
    return decoder.decode(bytes)
  } catch {
    throw invalidRequest('the body is not valid UTF-8')
  }
}

/** Undoes form encoding: `+` is a space, `%XX` a byte of UTF-8. @throws {OAuthError} `invalid_request` */
export const decodeFormText = (encoded: string): string => {
  if (!/[%+\0]/.test(encoded)) return encoded
  try {
    return refuseNul(decodeURIComponent(encoded.replaceAll('+', ' ')))
  } catch {
    throw invalidRequest('a parameter has a broken %-escape, is not valid UTF-8, or holds U+0000')
  }
}

/** U+0000 ends a text in some readers and not in others, and PostgreSQL refuses it. */
const refuseNul = (text: string): string => {
  if (text.includes('\0')) throw invalidRequest('a parameter holds U+0000')
  return text
}

/** JSON can spell half a surrogate pair (`"\\ud800"`), which UTF-8 cannot: every store and hash would take it for U+FFFD. */
const refuseNonText = (text: string): string => {
  if (!text.isWellFormed()) throw invalidRequest('a parameter holds half a surrogate pair')
  return refuseNul(text)
}

/** @throws {OAuthError} `invalid_request` if it is not given */
export const requireParameter = (parameters: Parameters, name: string): string => {
  const value = parameters.get(name)
  if (value === undefined) throw invalidRequest(`Missing required parameter: ${name}`)
  return value
}

/**
 * The API that is asked for: `audience`, or `resource` (RFC 8707 §2).
 * @throws {OAuthError} `invalid_target` if they name different APIs
 */
export const parseAudience = (parameters: Parameters): string | undefined => {
  const audience = parameters.get('audience')
  const resource = parameters.get('resource')
  if (audience !== undefined && resource !== undefined && audience !== resource) {
    throw new OAuthError('invalid_target', 'audience and resource name different APIs')
  }
  return audience ?? resource
}
