import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BASIC_CHALLENGE, invalidClient, readPresentedClient } from '#protocol/client_authentication.ts'
import { OAuthError } from '#protocol/errors.ts'

const body = (parameters: Record<string, string> = {}) => new Map(Object.entries(parameters))
const basicOf = (text: string | Uint8Array): string => `Basic ${Buffer.from(text).toString('base64')}`
const formEncoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1)

const refuses = (run: () => unknown, code: string): OAuthError => {
  let thrown: unknown
  assert.throws(run, (error) => {
    thrown = error
    return error instanceof OAuthError && error.code === code
  })
  return thrown as OAuthError
}

test('a client id alone in the body is a public client, with a secret it is client_secret_post', () => {
  assert.deepEqual(readPresentedClient(undefined, body({ client_id: 'c' })), { method: 'none', clientId: 'c' })
  assert.deepEqual(readPresentedClient(undefined, body({ client_id: 'c', client_secret: 's' })), {
    method: 'client_secret_post',
    clientId: 'c',
    secret: 's',
  })
})

test('without a client id it is an invalid_request that names the parameter', () => {
  for (const parameters of [body(), body({ client_secret: 's' })]) {
    const error = refuses(() => readPresentedClient(undefined, parameters), 'invalid_request')
    assert.match(error.description, /client_id/)
  }
})

test('any id and secret come through HTTP Basic when both were form-encoded first (RFC 6749 §2.3.1)', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((one) => !/[\0\ufffd]/.test(one))
  fc.assert(
    fc.property(text, text, (clientId, secret) => {
      const presented = readPresentedClient(basicOf(`${formEncoded(clientId)}:${formEncoded(secret)}`), body())
      assert.deepEqual(presented, {
        method: 'client_secret_basic',
        clientId,
        secret,
        rawSecret: formEncoded(secret),
      })
    }),
  )
})

test('a secret that was not encoded is kept raw beside its decoding, and the pair is split at the first colon', () => {
  const secretOf = (text: string) => {
    const presented = readPresentedClient(basicOf(text), body())
    assert.ok(presented.method === 'client_secret_basic')
    return { id: presented.clientId, secret: presented.secret, raw: presented.rawSecret }
  }
  assert.deepEqual(secretOf('c:a:b:c'), { id: 'c', secret: 'a:b:c', raw: 'a:b:c' })
  assert.deepEqual(secretOf('c:a+b%3Ac'), { id: 'c', secret: 'a b:c', raw: 'a+b%3Ac' })
  assert.deepEqual(secretOf('c:100%'), { id: 'c', secret: '100%', raw: '100%' })
  assert.deepEqual(secretOf('c:'), { id: 'c', secret: '', raw: '' })
  assert.deepEqual(secretOf('c%3Ad:s'), { id: 'c:d', secret: 's', raw: 's' })
  assert.deepEqual(secretOf('ü:ß'), { id: 'ü', secret: 'ß', raw: 'ß' })
})

test('the scheme is known in any case, with several spaces, and in base64 with or without padding', () => {
  const encoded = Buffer.from('client:s').toString('base64')
  for (const header of [`basic ${encoded}`, `BASIC  ${encoded}`, `Basic ${encoded.replace(/=+$/, '')}`]) {
    assert.equal(readPresentedClient(header, body()).clientId, 'client', header)
  }
})

test('a broken header is invalid_client with a challenge, even beside a good body', () => {
  const junk = [
    ...['', ' ', 'Basic', 'Basic ', 'Basic\tYTpi', 'Basic !!!!', 'Basic YTpi YTpi', 'Basic YTpi,YTpi', 'Basic=YTpi'],
    ...['Bearer YTpi', 'Digest username="a"', 'YTpi', 'Basic YTpi\n', 'Basic YTpi===', 'BasicYTpi'],
    ...[basicOf(''), basicOf('a'), basicOf(':'), basicOf(':secret'), basicOf('a\0:b'), basicOf('a:b\0')],
    ...[basicOf(Buffer.from([0xff, 0x3a, 0x61])), basicOf(Buffer.from([0x61, 0x3a, 0xc3]))],
    ...[basicOf(Buffer.from('ü:ß', 'latin1'))],
  ]
  for (const header of junk)
    for (const parameters of [body(), body({ client_id: 'a', client_secret: 'b' })]) {
      const error = refuses(() => readPresentedClient(header, parameters), 'invalid_client')
      assert.equal(error.details.challenge, BASIC_CHALLENGE, JSON.stringify(header))
      assert.equal(error.status, 401)
    }
})

test('two ways at once are refused, even when they agree', () => {
  for (const secret of ['s', 'other'])
    refuses(
      () => readPresentedClient(basicOf('c:s'), body({ client_id: 'c', client_secret: secret })),
      'invalid_request',
    )
  refuses(() => readPresentedClient(basicOf('c:s'), body({ client_secret: 's' })), 'invalid_request')
})

test('a client id in the body beside HTTP Basic must be the same one', () => {
  const agreed = readPresentedClient(basicOf('c:s'), body({ client_id: 'c' }))
  assert.equal(agreed.method, 'client_secret_basic')
  refuses(() => readPresentedClient(basicOf('c:s'), body({ client_id: 'd' })), 'invalid_request')
  // It is the decoded id that counts.
  assert.equal(readPresentedClient(basicOf('a%20b:s'), body({ client_id: 'a b' })).clientId, 'a b')
  refuses(() => readPresentedClient(basicOf('a%20b:s'), body({ client_id: 'a%20b' })), 'invalid_request')
})

test('half of a client assertion is refused, whatever else is there: it is never passed over', () => {
  for (const name of ['client_assertion', 'client_assertion_type'])
    for (const header of [undefined, basicOf('c:s')]) {
      const error = refuses(() => readPresentedClient(header, body({ client_id: 'c', [name]: 'x' })), 'invalid_request')
      assert.match(error.description, header === undefined ? /^client_assertion_type must be/ : /authenticates twice/)
    }
})

test('any header and body are read or refused as the protocol says: nothing else is thrown', () => {
  const header = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }).map(basicOf),
    fc.uint8Array({ maxLength: 20 }).map(basicOf),
    fc.string({ unit: fc.constantFrom(...'a:%+4 \0ü') }).map(basicOf),
  )
  fc.assert(
    fc.property(header, (text) => {
      try {
        const presented = readPresentedClient(text, body())
        assert.ok(presented.clientId !== '')
        assert.ok(!presented.clientId.includes('\0'))
      } catch (error) {
        assert.ok(error instanceof OAuthError && error.code === 'invalid_client', String(error))
      }
    }),
    { numRuns: 1000 },
  )
})

test('the refusal of a client says the same whatever the reason, and asks for Basic only who tried it', () => {
  const one = invalidClient('no such client', true, 'c')
  const two = invalidClient('wrong secret', true, 'd')
  assert.equal(one.description, two.description)
  assert.doesNotMatch(one.description, /secret|such/)
  assert.equal(one.details.challenge, BASIC_CHALLENGE)
  assert.equal(invalidClient('wrong secret', false).details.challenge, undefined)
})
