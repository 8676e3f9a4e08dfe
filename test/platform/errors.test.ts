import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ACCESS_REFUSALS, AccessError, type AccessRefusal } from '#access/caller.ts'
import { OverloadedError } from '#base/password_hashing.ts'
import { seconds } from '#base/time.ts'
import { HTTP_ERRORS, HttpError, type HttpErrorCode, type Request } from '#http/message.ts'
import { PlatformError } from '#platform/errors.ts'
import { invalidRequest } from '#protocol/errors.ts'
import { StoreUnavailableError, StoreValueError } from '#stores/store.ts'
import { MEDIA_TYPE, openPlatform, readReply } from './fixture.ts'

const { surface, call } = await openPlatform()

const answer = (error: unknown, path = '/api/v2.0/x', accept: string | undefined = MEDIA_TYPE, bearer = false) => {
  const request: Request = {
    method: 'GET',
    path,
    query: '',
    headers: { ...(accept === undefined ? {} : { accept }), ...(bearer ? { authorization: 'Bearer x' } : {}) },
    body: Buffer.alloc(0),
    address: '192.0.2.1',
    id: 'the-request-id',
  }
  return readReply(surface.answerError(error, request))
}

test('everything that can be thrown has an answer of its kind', () => {
  for (const [error, status, word, code] of [
    [new PlatformError('permission-denied', 'x'), 403, 'denied', 'permission-denied'],
    [invalidRequest('x'), 400, 'bad_request', 'bad-request'],
    [new StoreValueError('x'), 400, 'bad_request', 'bad-request'],
    [new OverloadedError('x', seconds(7)), 503, 'error', 'service-overloaded'],
    [new StoreUnavailableError('x'), 503, 'error', 'service-overloaded'],
    [new Error('secret detail'), 500, 'error', 'internal-error'],
    ['a text', 500, 'error', 'internal-error'],
    [undefined, 500, 'error', 'internal-error'],
  ] as const) {
    const v2 = answer(error)
    assert.deepEqual([v2.status, v2.json().meta.status], [status, word])
    assert.equal(v2.json().errors!.length, 1)
    assert.equal(v2.contentType, MEDIA_TYPE)
    const v3 = answer(error, '/api/v3.0/x')
    assert.deepEqual([v3.status, v3.json().errors![0]!.code, v3.json().meta], [status, code, { status: 'error' }])
    assert.equal(v3.contentType, 'application/json')
    assert.equal(v2.header('cache-control'), 'no-store, private')
    assert.doesNotMatch(v2.text + v3.text, /secret/)
    assert.equal(v2.header('www-authenticate'), undefined)
  }
  assert.equal(answer(new OverloadedError('x', seconds(7))).header('retry-after'), '7')
  assert.equal(answer(new StoreUnavailableError('x')).header('retry-after'), '1')
  assert.match(answer(new Error('x')).text, /the-request-id/)
})

test('every refusal of the server and of admission is worded, with its own status and headers', () => {
  for (const code of Object.keys(HTTP_ERRORS) as HttpErrorCode[]) {
    const reply = answer(new HttpError(code, 'x', { allow: 'GET' }))
    assert.deepEqual([reply.status, reply.header('allow')], [HTTP_ERRORS[code].status, 'GET'], code)
  }
  for (const code of Object.keys(ACCESS_REFUSALS) as AccessRefusal[]) {
    const reply = answer(new AccessError(code, 'x', { reason: 'a reason for the log' }))
    const status = code === 'invalid_request' ? 400 : code === 'insufficient_scope' ? 403 : 401
    assert.equal(reply.status, status, code)
    assert.equal(reply.header('www-authenticate') !== undefined, status === 401)
    assert.doesNotMatch(reply.text, /a reason/)
  }
})

test('the path says the version: all that is not v3.0 is answered as v2.0', () => {
  for (const path of ['/api/v3.0', '/api/v3.0/', '/api/v3.0/organizations']) {
    assert.equal(answer(new Error(), path, '*/*').contentType, 'application/json')
  }
  for (const path of ['', '/api', '/api/v3.00/x', '/api/v3x0/x', '/api/v2.0/api/v3.0/x', '/api/v1/login']) {
    assert.equal(answer(new Error(), path, '*/*').contentType, 'text/xml; charset=UTF-8', path)
  }
})

test('unknown paths and methods below /api are answered in this API’s words', async () => {
  assert.equal((await call('/api/v2.0/nothing')).json().meta.status, 'not_found')
  assert.equal((await call('/api/v3.0/session')).json().errors![0]!.code, 'not-found')
  const reply = await call('/api/v2.0/login')
  assert.deepEqual([reply.status, reply.header('allow')], [405, 'POST'])
  assert.equal((await call('/api/v2.0/campaigns', { method: 'POST' })).status, 405)
})

test('a message at v2.0 has nothing that JSON would escape, and is well-formed XML whatever it says', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (message) => {
      const error = new PlatformError('bad-request', message)
      assert.doesNotMatch(answer(error).text, /\\/)
      const xml = answer(error, '/api/v2.0/x', 'text/xml').text
      assert.match(
        xml,
        /^<\?xml version='1\.0' \?>\n<result called_on="[^"<]*">(?:<error>[^<]*<\/error><errors>[^<]*<\/errors>|<error \/><errors \/>)<status code="bad_request"(?:>[^<]*<\/status>| \/>)<\/result>$/,
      )
    }),
  )
})
