import { malformedRequest } from '#http/message.ts'

/** What a request asks for: the one spelling that everything is decided on, and that is forwarded. */
export type Target = {
  readonly path: string
  /** Without `?`, as it came. */
  readonly query: string
}

/** Clients of the platform send `//api/…`, `api/v2.0//…` and trailing slashes; only they are forgiven. */
const REPAIRED = '/api/'

// Segments that need no second look: not empty, no leading dot, nothing encoded.
const PLAIN = /^(?:\/[\w~!$&'()*+,=:@-][\w~!$&'()*+,=:@.-]*)+$/
// RFC 3986 §3.3 without `;`, which some servers cut off with what follows, and with `|`, which browsers send as it is.
const PATH = /^[/\w~!$&'()*+,=:@|.%-]*$/
const QUERY = /^[!"$-~]*$/
const BROKEN_ESCAPE = /%(?![\dA-Fa-f]{2})/
const ESCAPE = /%[\dA-Fa-f]{2}/g
const UNRESERVED = /[\w~.-]/
// `/ \ ; ? #` and a second layer of encoding: a server that decodes before it splits would see another path than we did.
const ENCODED_DELIMITER = /%(?:2F|5C|3B|3F|23|25[\dA-Fa-f]{2})/
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/**
 * Reads the request target as it came over the wire. Spellings that mean the same (RFC 3986 §6.2.2) become one, slashes below `/api/`
 * are repaired, and what two servers could read in two ways is refused.
 *
 * @throws {HttpError} `malformed_request`
 * @see RFC 9112 §3.2.1
 */
export const readTarget = (target: string): Target => {
  if (!target.startsWith('/')) throw malformedRequest('The request target must begin with "/".')
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const query = mark < 0 ? '' : target.slice(mark + 1)
  if (query !== '' && !QUERY.test(query)) throw malformedRequest('The query must be percent-encoded ASCII.')
  return { path: PLAIN.test(path) ? path : repairSlashes(toOneSpelling(path)), query }
}

const toOneSpelling = (raw: string): string => {
  if (!PATH.test(raw)) throw malformedRequest('The path has a character that must be percent-encoded, or ";" or "\\".')
  const path = raw.includes('%') ? decodeUnreserved(raw) : raw
  if (DOT_SEGMENT.test(path)) throw malformedRequest('The path must not have segments "." or "..".')
  return path.replaceAll('|', '%7C')
}

const decodeUnreserved = (raw: string): string => {
  if (BROKEN_ESCAPE.test(raw)) throw malformedRequest('The path has a "%" without two hexadecimal digits.')
  const path = raw.replace(ESCAPE, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return UNRESERVED.test(character) ? character : escape.toUpperCase()
  })
  if (ENCODED_DELIMITER.test(path))
    throw malformedRequest('The path must not have an encoded "/", "\\", ";", "?", "#" or "%".')
  if (CONTROL.test(decodeUtf8(path))) throw malformedRequest('The path must not have encoded control characters.')
  return path
}

const decodeUtf8 = (path: string): string => {
  try {
    return decodeURIComponent(path)
  } catch {
    throw malformedRequest('The path must be UTF-8, percent-encoded.')
  }
}

const repairSlashes = (path: string): string => {
  const single = path.replace(/\/{2,}/g, '/')
  if (!single.startsWith(REPAIRED)) return path
  return single.endsWith('/') ? single.slice(0, -1) : single
}
