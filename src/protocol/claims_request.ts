import { AuthorizationError } from '#protocol/authorization_error.ts'
import { findScopeOfClaim, type AskedClaims } from '#protocol/claims.ts'

/** What a `claims` parameter comes to. Claims that are not known here are left out of it, as §5.5 wants. */
export type ClaimsRequest = {
  readonly claims: AskedClaims
  /** The subjects of which the person must be one. @see OpenID Connect Core 1.0 §3.1.2.2 */
  readonly subjects: readonly string[] | undefined
  /** Of these classes of authentication one must be met, or the request fails. @see OpenID Connect Core 1.0 §5.5.1.1 */
  readonly essentialAcrs: readonly string[] | undefined
}

/** What is asked of one claim. `essential` alone changes nothing: a claim that is known is told, whether it was asked for as essential or not. */
type Wish = { readonly isEssential: boolean; readonly values: readonly unknown[] | undefined }

/** More than all claims take, so whoever sends more wants something else. It bounds how deep the JSON can be as well. */
const LONGEST_CLAIMS = 4096

const NOTHING: ClaimsRequest = {
  claims: { userinfo: [], idToken: [] },
  subjects: undefined,
  essentialAcrs: undefined,
}

/**
 * Reads the parameter `claims`. A value that is wished for counts for `sub` and `acr`; other claims have the one value that they have.
 * @throws {AuthorizationError} `invalid_request` if it is too long or has not the shape of §5.5
 * @see OpenID Connect Core 1.0 §5.5, §5.5.1
 */
export const parseClaims = (text: string | undefined): ClaimsRequest => {
  if (text === undefined) return NOTHING
  if (text.length > LONGEST_CLAIMS) throw invalid(`is longer than ${LONGEST_CLAIMS} characters`)
  const members = new Map(membersOf(parseJson(text), 'the parameter'))
  const userinfo = parseWishes(members.get('userinfo'), 'userinfo')
  const idToken = parseWishes(members.get('id_token'), 'id_token')
  const acr = idToken.get('acr')
  return {
    claims: { userinfo: knownNames(userinfo), idToken: knownNames(idToken) },
    subjects: bothOf(textsOf(userinfo.get('sub'), 'sub'), textsOf(idToken.get('sub'), 'sub')),
    essentialAcrs: acr?.isEssential === true ? textsOf(acr, 'acr') : undefined,
  }
}

const invalid = (defect: string): AuthorizationError => new AuthorizationError('invalid_request', `claims ${defect}`)

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid('is not valid JSON')
  }
}

const membersOf = (value: unknown, what: string): readonly (readonly [string, unknown])[] => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`: ${what} must be an object`)
  const members = Object.entries(value)
  // Nobody asks for it in good faith, and a later reader may assign by name.
  if (members.some(([name]) => name === '__proto__')) throw invalid('has a member __proto__')
  return members
}

const parseWishes = (value: unknown, where: string): ReadonlyMap<string, Wish> =>
  new Map(
    value === undefined ? [] : membersOf(value, where).map(([name, wish]) => [name, parseWish(wish, name)] as const),
  )

const parseWish = (wish: unknown, name: string): Wish => {
  if (wish === null) return { isEssential: false, values: undefined }
  const members = new Map(membersOf(wish, `what is asked of ${name.slice(0, 64)}`))
  const essential = members.get('essential') ?? false
  const values = members.get('values')
  if (typeof essential !== 'boolean') throw invalid(': essential must be true or false')
  if (values !== undefined && !Array.isArray(values)) throw invalid(': values must be an array')
  if (members.has('value') && values !== undefined) throw invalid(': value and values exclude each other')
  return { isEssential: essential, values: members.has('value') ? [members.get('value')] : values }
}

/** The values of a claim that is a text. */
const textsOf = (wish: Wish | undefined, name: string): readonly string[] | undefined => {
  const texts = wish?.values?.filter((value) => typeof value === 'string')
  if (texts?.length !== wish?.values?.length) throw invalid(`: a value of ${name} must be a text`)
  return texts
}

const bothOf = <T>(one: readonly T[] | undefined, other: readonly T[] | undefined): readonly T[] | undefined =>
  one === undefined || other === undefined ? (one ?? other) : one.filter((each) => other.includes(each))

const knownNames = (wishes: ReadonlyMap<string, Wish>): readonly string[] =>
  [...wishes.keys()].filter((name) => findScopeOfClaim(name) !== undefined).toSorted()
