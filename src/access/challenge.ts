import { DPOP_ALGORITHMS } from '#protocol/dpop.ts'

/** The `error` of a challenge. @see RFC 6750 §3.1, RFC 9449 §7.1 and §9 */
export const BEARER_ERRORS = [
  'invalid_request',
  'invalid_token',
  'insufficient_scope',
  'invalid_dpop_proof',
  'use_dpop_nonce',
] as const
export type BearerError = (typeof BEARER_ERRORS)[number]

export const isBearerError = (code: string): code is BearerError => (BEARER_ERRORS as readonly string[]).includes(code)

export type TokenProblem = {
  readonly error: BearerError
  readonly description: string
  /** The scope that would be enough. */
  readonly scope?: string | undefined
}

/** What RFC 6750 §3 lets stand in a description, and no text of a request can leave: no quotes, no backslash, no control bytes. */
const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, '?')}"`

export const usesDpop = (authorization: string | undefined): boolean => /^dpop /i.test(authorization ?? '')

/**
 * `WWW-Authenticate` of a resource: how to get in. A request without a token is told both ways and no error; one with a token is told what is
 * wrong with it, in the scheme that it used or must use.
 * @see RFC 6750 §3, RFC 9449 §7.1
 */
export const tokenChallenges = (realm: string, problem: TokenProblem | undefined, needsDpop: boolean): string => {
  const parameters = [`realm=${quoted(realm)}`]
  if (problem !== undefined) {
    const { error, description, scope } = problem
    parameters.push(`error="${error}"`, `error_description=${quoted(description)}`)
    if (scope !== undefined) parameters.push(`scope=${quoted(scope)}`)
  }
  const bearer = `Bearer ${parameters.join(', ')}`
  const dpop = `DPoP ${[...parameters, `algs="${DPOP_ALGORITHMS.join(' ')}"`].join(', ')}`
  if (needsDpop) return dpop
  return problem === undefined ? `${bearer}, ${dpop}` : bearer
}
