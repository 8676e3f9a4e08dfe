/** In which form v2.0 answers. */
export type Format = { readonly kind: 'xml' } | { readonly kind: 'json'; readonly contentType: string }

const isRefused = (parameters: readonly string[]): boolean =>
  parameters.some((parameter) => /^\s*q\s*=\s*0(?:\.0{0,3})?\s*$/i.test(parameter))

/**
 * JSON if `Accept` names it, in whatever company; XML otherwise, since programs that send nothing or any type were written for XML.
 * The platform's own media type unless only another was named: its libraries compare it byte for byte, so it has no charset.
 * @see RFC 9110 §12.5.1: a weight of 0 means "not acceptable"
 */
export const formatFor = (accept: string | undefined, mediaType: string): Format => {
  const named = (accept ?? '')
    .toLowerCase()
    .split(',')
    .map((range) => range.split(';'))
    .filter(([type = '', ...parameters]) => type.includes('json') && !isRefused(parameters))
    .map(([type = '']) => type.trim())
  if (named.length === 0) return { kind: 'xml' }
  const isPlainJson = !named.includes(mediaType.toLowerCase()) && named.includes('application/json')
  return { kind: 'json', contentType: isPlainJson ? 'application/json' : mediaType }
}
