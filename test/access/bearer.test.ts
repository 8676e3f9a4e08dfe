import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findBearerToken } from '#access/bearer.ts'
import { AccessError } from '#access/caller.ts'

const refusal = (authorization: string | undefined, query = ''): AccessError => {
  try {
    findBearerToken(authorization, query)
  } catch (error) {
    assert.ok(error instanceof AccessError, String(error))
    return error
  }
  assert.fail(`taken: ${authorization}`)
}

const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.AA-_'

test('the token stands behind the word Bearer, in any case and after any number of spaces, or alone', () => {
  for (const header of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER   ${TOKEN}`, TOKEN])
    assert.equal(findBearerToken(header, ''), TOKEN, header)
  assert.equal(findBearerToken(undefined, ''), undefined)
})

test('every token of RFC 6750 §2.1 (b64token) is taken as it is', () => {
  const b64 = fc.string({
    unit: fc.constantFrom(...'ABCXYZabcxyz019-._~+/'),
    minLength: 1,
    maxLength: 40,
  })
  fc.assert(
    fc.property(b64, fc.constantFrom('', '=', '=='), (text, padding) => {
      assert.equal(findBearerToken(`Bearer ${text}${padding}`, ''), text + padding)
    }),
  )
})

test('another scheme, several tokens and junk are an invalid_token, never nobody', () => {
  for (const header of [
    ...['', ' ', 'Bearer ', 'Basic YTpi', 'Digest username="x"', `DPoP ${TOKEN}`, `Bearer Bearer ${TOKEN}`],
    ...[`Bearer ${TOKEN} ${TOKEN}`, `Bearer ${TOKEN},${TOKEN}`, `Bearer ${TOKEN}, Basic YTpi`, `Bearer "${TOKEN}"`],
    ...[`Bearer\t${TOKEN}`, ` Bearer ${TOKEN}`, `Bearer ${TOKEN} `, `Bearer: ${TOKEN}`, `Bearer=${TOKEN}`, 'Bearer =x'],
    ...[`Bearer ${TOKEN}\n`, `Bearer ${TOKEN}é`, '{}', '\0'],
  ])
    assert.equal(refusal(header).code, 'invalid_token', JSON.stringify(header))
})

test('a token in the URL is refused, whatever it is and whatever else is sent (RFC 9700 §2.4)', () => {
  for (const query of [`access_token=${TOKEN}`, 'a=b&access_token=', `access_token=${TOKEN}&a=b`])
    for (const header of [undefined, `Bearer ${TOKEN}`, 'junk']) {
      const error = refusal(header, query)
      assert.equal(error.code, 'invalid_request')
      assert.match(error.message, /Authorization header/)
      assert.ok(!error.message.includes(TOKEN))
    }
  for (const query of ['', 'a=b', 'my_access_token=x', 'access_tokens=x', 'a=access_token=x', 'access_token'])
    assert.equal(findBearerToken(`Bearer ${TOKEN}`, query), TOKEN, query)
})
