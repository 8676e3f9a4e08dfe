import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFromAnotherSite } from '#http/same_origin.ts'

const OURS = ['https://api.example.com', 'https://auth.example.com']

test('a program that sends neither Origin nor Sec-Fetch-Site is no browser', () => {
  assert.equal(isFromAnotherSite({ headers: {} }, OURS), false)
})

for (const [headers, isForeign] of [
  [{ origin: 'https://api.example.com' }, false],
  [{ origin: 'https://auth.example.com', 'sec-fetch-site': 'same-origin' }, false],
  [{ 'sec-fetch-site': 'none' }, false],
  [{ origin: 'null' }, true],
  [{ origin: '' }, true],
  [{ origin: 'https://evil.example' }, true],
  [{ origin: 'http://api.example.com' }, true],
  [{ origin: 'https://api.example.com:8443' }, true],
  [{ origin: 'https://api.example.com.evil.example' }, true],
  [{ 'sec-fetch-site': 'cross-site' }, true],
  [{ 'sec-fetch-site': 'same-site' }, true],
  [{ origin: 'https://api.example.com', 'sec-fetch-site': 'cross-site' }, true],
  [{ origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }, true],
] as const) {
  test(`${JSON.stringify(headers)} is ${isForeign ? 'refused' : 'ours'}`, () => {
    assert.equal(isFromAnotherSite({ headers }, OURS), isForeign)
  })
}
