import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findPresentedToken } from '#access/bearer.ts'
import { AccessError } from '#access/caller.ts'

const refusal = (authorization: string | undefined, query = ''): AccessError => {
  try {
    findPresentedToken(authorization, query)
  } catch (error) {
    assert.ok(error instanceof AccessError, String(error))
    return error
  }
  assert.fail(`taken: ${authorization}`)
}

const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.AA-_'

test('the token stands behind the word Bearer or DPoP, in any case and after any number of spaces, or alone, which is Bearer', () => {
  for (const header of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER   ${TOKEN}`, TOKEN])
    assert.deepEqual(findPresentedToken(header, ''), { scheme: 'Bearer', text: TOKEN }, header)
  for (const header of [`DPoP ${TOKEN}`, `dpop ${TOKEN}`, `DPOP   ${TOKEN}`])
    assert.deepEqual(findPresentedToken(header, ''), { scheme: 'DPoP', text: TOKEN }, header)
  assert.equal(findPresentedToken(undefined, ''), undefined)
})

test('every token of RFC 6750 §2.1 (b64token) is taken as it is', () => {
  const b64 = fc.string({
    unit: fc.constantFrom(...'ABCXYZabcxyz019-._~+/'),
    minLength: 1,
    maxLength: 40,
  })
  fc.assert(
    fc.property(b64, fc.constantFrom('', '=', '=='), (text, padding) => {
      assert.equal(findPresentedToken(`Bearer ${text}${padding}`, '')?.text, text + padding)
    }),
  )
})

test('another scheme, several tokens and junk are an invalid_token, never nobody', () => {
  for (const header of [
    ...[
      '',
      ' ',
      'Bearer ',
      'Basic YTpi',
      'Digest username="x"',
      'DPoP ',
      `Bearer DPoP ${TOKEN}`,
      `Bearer Bearer ${TOKEN}`,
    ],
    ...[`Bearer ${TOKEN} ${TOKEN}`, `Bearer ${TOKEN},${TOKEN}`, `Bearer ${TOKEN}, Basic YTpi`, `Bearer "${TOKEN}"`],
    ...[`Bearer\t${TOKEN}`, ` Bearer ${TOKEN}`, `Bearer ${TOKEN} `, `Bearer: ${TOKEN}`, `Bearer=${TOKEN}`, 'Bearer =x'],
    ...[`Bearer ${TOKEN}\n`, `Bearer ${TOKEN}é`, `DPoP ${TOKEN} ${TOKEN}`, '{}', '\0'],
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
    assert.equal(findPresentedToken(`Bearer ${TOKEN}`, query)?.text, TOKEN, query)
})
