import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFor } from '#platform/content_negotiation.ts'

const TYPE = 'application/vnd.Example.v1+json'

test('v2.0 is XML unless Accept names JSON', () => {
  for (const accept of [
    undefined,
    '',
    '*/*',
    'application/xml',
    'text/xml, */*;q=0.8',
    'text/html',
    'application/json;q=0',
    'application/json; q=0.000, */*',
  ]) {
    assert.deepEqual(formatFor(accept, TYPE), { kind: 'xml' }, String(accept))
  }
})

test('JSON has the type that was asked for, else that of the platform, and never a charset', () => {
  for (const [accept, contentType] of [
    [TYPE, TYPE],
    [TYPE.toLowerCase(), TYPE],
    [`application/json, ${TYPE}`, TYPE],
    ['application/json', 'application/json'],
    ['application/json; charset=utf-8', 'application/json'],
    ['APPLICATION/JSON, text/plain, */*', 'application/json'],
    ['application/json, */*;q=0.5', 'application/json'],
    ['text/json', TYPE],
    ['application/hal+json;q=0.1', TYPE],
  ] as const) {
    assert.deepEqual(formatFor(accept, TYPE), { kind: 'json', contentType }, accept)
  }
})
