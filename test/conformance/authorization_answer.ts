import assert from 'node:assert/strict'
import { titleOf, type Shown } from '../support/person.ts'

// What a browser brings to the redirect URI, and what a relying party checks there before it looks at the code.

/** In the query of the redirect URI (RFC 6749 §4.1.2), or as a form (OAuth 2.0 Form Post Response Mode §2). */
export type ResponseMode = 'query' | 'form_post'

export type AuthorizationAnswer =
  { readonly code: string } | { readonly error: string; readonly description: string | undefined }

export type ExpectedAnswer = {
  readonly redirectUri: string
  readonly responseMode: ResponseMode
  readonly issuer: string
  /** As it was sent; `undefined` if none was, and then none comes back. */
  readonly state: string | undefined
}

export const readAuthorizationAnswer = (shown: Shown, expected: ExpectedAnswer): AuthorizationAnswer => {
  const values = expected.responseMode === 'query' ? readQuery(shown, expected) : readForm(shown, expected)
  for (const name of new Set(values.keys())) assert.equal(values.getAll(name).length, 1, `${name} comes once`)
  assert.equal(values.get('state') ?? undefined, expected.state)
  // RFC 9207 §2.4: the answer is that of the provider that was asked.
  assert.equal(values.get('iss'), expected.issuer)
  // Of the implicit grant, nothing.
  for (const name of ['access_token', 'id_token', 'token_type']) assert.equal(values.get(name), null, name)
  const [code, error] = [values.get('code'), values.get('error')]
  assert.ok((code === null) !== (error === null), values.toString())
  if (code === null) {
    // RFC 6749 §4.1.2.1.
    const description = values.get('error_description') ?? undefined
    for (const text of [error ?? '', description ?? 'none']) assert.match(text, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
    return { error: error ?? '', description }
  }
  // At least 128 bits (RFC 6749 §10.10), of letters that say at most 6 each.
  assert.match(code, /^[\x20-\x7e]{22,}$/)
  return { code }
}

const readQuery = ({ url, status, ...shown }: Shown, { redirectUri }: ExpectedAnswer): URLSearchParams => {
  assert.equal(status, undefined, `the browser stays at ${url.href}: ${titleOf({ url, status, ...shown })}`)
  const { searchParams, hash } = url
  const registered = new URL(redirectUri)
  assert.equal(hash, '')
  assert.equal(`${url.origin}${url.pathname}`, `${registered.origin}${registered.pathname}`)
  for (const [name, value] of registered.searchParams) assert.equal(searchParams.get(name), value, name)
  return new URLSearchParams([...searchParams].filter(([name]) => !registered.searchParams.has(name)))
}

/** The page whose form goes to the redirect URI as it is: nothing is added to its query. */
const readForm = (shown: Shown, { redirectUri }: ExpectedAnswer): URLSearchParams => {
  assert.equal(shown.status, 200, `${shown.url.href}: ${titleOf(shown)}`)
  const forms = shown.forms.filter(({ action }) => action === redirectUri)
  assert.equal(forms.length, 1, titleOf(shown))
  const [head = ''] = /<form\b[^>]*>/.exec(shown.text) ?? []
  assert.match(head, /\smethod="post"/)
  return new URLSearchParams(forms[0]!.fields.map(([name, value]) => [name, value]))
}
