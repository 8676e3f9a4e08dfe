import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OAuthError } from '#protocol/errors.ts'
import {
  decodeFormText,
  readBodyParameters,
  readForm,
  requireParameter,
  type Parameters,
} from '#protocol/parameters.ts'

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'

const form = (body: string | Uint8Array): Parameters => readBodyParameters(FORM, Buffer.from(body))
const json = (body: unknown): Parameters =>
  readBodyParameters(JSON_TYPE, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
const plain = (parameters: Parameters) => Object.fromEntries(parameters)

const refuses = (read: () => unknown, why: RegExp): void => {
  assert.throws(read, (error) => {
    assert.ok(error instanceof OAuthError, String(error))
    assert.equal(error.code, 'invalid_request')
    assert.match(error.description, why)
    return true
  })
}

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((one) => !one.includes('\0'))
const anyName = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'toString', 'a=b', 'a&b', '+', '%41'))
const anyMap = fc.uniqueArray(fc.tuple(anyName, text), { selector: ([name]) => name, maxLength: 20 })

test('what is form-encoded is read as it was, whatever it is', () => {
  fc.assert(
    fc.property(anyMap, (pairs) => {
      const encoded = new URLSearchParams(pairs.map(([name, value]) => [name, value])).toString()
      assert.deepEqual([...form(encoded)], pairs)
      // Percent-encoding alone, without "+" for spaces.
      const other = pairs.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')
      assert.deepEqual([...readForm(other)], pairs)
    }),
  )
})

test('what is sent as JSON is read as it was, whatever it is', () => {
  fc.assert(
    fc.property(anyMap, fc.constantFrom(undefined, 2), (pairs, indent) => {
      const members = pairs.map((pair) => pair.map((part) => JSON.stringify(part)).join(indent ? ' : ' : ':'))
      const read = json(`{${members.join(',')}}`)
      assert.deepEqual(new Map(read), new Map(pairs))
    }),
  )
})

test('no body at all is a request or an invalid_request: nothing else is thrown', () => {
  const types = fc.constantFrom(FORM, JSON_TYPE, `${FORM}; charset=utf-8`, 'text/plain', '', undefined)
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.string({ unit: fc.constantFrom(...'{}[]":,\\u00d8 \0%+&=a1'), maxLength: 40 }).map((body) => Buffer.from(body)),
    fc.json({ maxDepth: 2 }).map((body) => Buffer.from(body)),
  )
  fc.assert(
    fc.property(types, bodies, (type, body) => {
      try {
        for (const [name, value] of readBodyParameters(type, body)) {
          assert.ok(value !== '' && !value.includes('\0') && value.isWellFormed())
          assert.ok(!name.includes('\0') && name.isWellFormed())
        }
      } catch (error) {
        assert.ok(error instanceof OAuthError && error.code === 'invalid_request', String(error))
      }
    }),
    { numRuns: 2000 },
  )
})

test('a plus is a space, a %2B is a plus, and a pair is split at its first "="', () => {
  assert.deepEqual(plain(form('a=1+2&b=1%2B2&c=x=y==')), { a: '1 2', b: '1+2', c: 'x=y==' })
  assert.deepEqual(plain(form('na%6De=%E2%82%AC+%e2%82%ac')), { name: '€ €' })
})

test('"not given", empty and null are the same', () => {
  assert.deepEqual(plain(form('a=&b&=&&c=1&')), { c: '1' })
  assert.deepEqual(plain(json({ a: '', b: null, c: '1' })), { c: '1' })
  assert.deepEqual(plain(form('')), {})
  assert.deepEqual(plain(json({})), {})
  assert.deepEqual(plain(readBodyParameters(undefined, Buffer.alloc(0))), {})
})

test('a parameter that stands twice is refused, whether or not it is empty, and however it is spelled', () => {
  for (const body of ['a=1&a=1', 'a=1&a=2', 'a=&a=1', 'a=1&a', 'a&a', 'a=1&%61=2', 'a+b=1&a%20b=2', 'b=&c=&b='])
    refuses(() => form(body), /is repeated/)
})

test('a JSON member that stands twice is refused, where JSON.parse would silently keep the last', () => {
  for (const body of [
    '{"a":"1","a":"1"}',
    '{"a":"1","a":"2"}',
    '{"a":null,"a":"2"}',
    '{"a":"1","\\u0061":"2"}',
    '{"a":{"x":1},"a":"2"}',
    '{"a":["x"],"a":"2"}',
    '{"a":{},"a":"2"}',
    '{"__proto__":"1","__proto__":"2"}',
    '{"a":"\\"}","a":"2"}',
    '{"a\\\\":"1","a\\\\":"2"}',
    '{"1":"1","1":"2"}',
    '{ "a" : "1" ,\n "a"\t: "2" }',
  ])
    refuses(() => json(body), /repeated|must be text/)
})

test('colons, braces, quotes and backslashes inside of JSON texts count for nothing', () => {
  for (const value of [':', '::', '":"', '\\', '\\"', '\\\\":', '{"a":"b"}', '{:}', ',"a":'])
    assert.deepEqual(plain(json({ a: value, [`${value} b`]: value })), { a: value, [`${value} b`]: value })
})

test('numbers and booleans of JSON are their text, objects and arrays are refused', () => {
  assert.deepEqual(plain(json('{"a":1,"b":true,"c":false,"d":1.5,"e":0}')), {
    a: '1',
    b: 'true',
    c: 'false',
    d: '1.5',
    e: '0',
  })
  for (const body of ['{"a":{}}', '{"a":[]}', '{"a":["x"]}', '{"a":{"b":"c"}}'])
    refuses(() => json(body), /must be text/)
  for (const body of ['[]', '["a"]', '"a"', '1', 'null', 'true']) refuses(() => json(body), /must be an object/)
  for (const body of ['', '{', '{"a":}', "{'a':'b'}", '{"a":"b",}', '{"a":"b"} x', '{"a":NaN}', 'a=b'])
    refuses(() => json(body), /not valid JSON/)
})

test('U+0000 is refused in names and values, in every spelling', () => {
  for (const body of ['a=%00', 'a=x%00y', '%00=x', 'a=x\0', '\0=x', 'a%00b=x', 'a\0&b=1'])
    refuses(() => form(body), /U\+0000/)
  for (const body of ['{"a":"\\u0000"}', '{"a":"x\\u0000y"}', '{"a\\u0000":"x"}', '{"a\\u0000":null}'])
    refuses(() => json(body), /U\+0000/)
  refuses(() => json('{"a":"\0"}'), /not valid JSON/)
})

test('half a surrogate pair, which only JSON can spell, is refused in names and values', () => {
  for (const body of ['{"a":"\\ud800"}', '{"a":"x\\udc00"}', '{"a":"\\udc00\\ud800"}', '{"\\ud800":"x"}'])
    refuses(() => json(body), /surrogate/)
  assert.deepEqual(plain(json('{"a":"\\ud83d\\ude00"}')), { a: '😀' })
})

test('bytes that are no UTF-8 are refused, raw and in %-escapes', () => {
  for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xf8, 0x88, 0x80, 0x80, 0x80]]) {
    const raw = Buffer.from(bytes)
    refuses(() => form(Buffer.concat([Buffer.from('a='), raw])), /not valid UTF-8/)
    refuses(
      () => readBodyParameters(JSON_TYPE, Buffer.concat([Buffer.from('{"a":"'), raw, Buffer.from('"}')])),
      /UTF-8/,
    )
    const escaped = bytes.map((byte) => `%${byte.toString(16)}`).join('')
    refuses(() => form(`a=${escaped}`), /UTF-8/)
    refuses(() => form(`${escaped}=a`), /UTF-8/)
  }
})

test('a broken %-escape is refused, never taken for itself', () => {
  for (const broken of ['%', '%4', '%zz', '%%41', '%u0041', '100%', '%2', '% 41'])
    for (const body of [`a=${broken}`, `${broken}=a`, `x=1&a=b${broken}`]) refuses(() => form(body), /%-escape/)
})

test('names of members that every object has are names like others', () => {
  for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length']) {
    assert.equal(form(`${name}=1`).get(name), '1')
    assert.equal(json(`{"${name}":"1"}`).get(name), '1')
    assert.equal(form('a=1').get(name), undefined)
    assert.equal(json('{"a":"1"}').get(name), undefined)
  }
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
})

test('a hundred parameters are read, one more is refused', () => {
  const names = (count: number) => Array.from({ length: count }, (_, n) => `p${n}`)
  assert.equal(
    form(
      names(100)
        .map((name) => `${name}=1`)
        .join('&'),
    ).size,
    100,
  )
  refuses(
    () =>
      form(
        names(101)
          .map((name) => `${name}=1`)
          .join('&'),
      ),
    /too many/,
  )
  refuses(() => form('&'.repeat(1_000_000)), /too many/)
  assert.equal(json(Object.fromEntries(names(100).map((name) => [name, '1']))).size, 100)
  refuses(() => json(Object.fromEntries(names(101).map((name) => [name, '1']))), /too many/)
})

test('a JSON text of 16 MiB, the most that can be configured, is read', () => {
  const long = 'x"\\'.repeat(2 ** 22)
  assert.equal(json({ long }).get('long'), long)
})

test('the content type is read without regard to case, blanks and parameters', () => {
  const body = Buffer.from('a=1')
  for (const type of [FORM, FORM.toUpperCase(), `${FORM};charset=UTF-8`, ` ${FORM} ; charset="utf-8"; x=y`])
    assert.deepEqual(plain(readBodyParameters(type, body)), { a: '1' })
  for (const type of [JSON_TYPE, 'Application/JSON', `${JSON_TYPE}; charset=utf-8`, `${JSON_TYPE};`])
    assert.deepEqual(plain(readBodyParameters(type, Buffer.from('{"a":"1"}'))), { a: '1' })
})

test('the body is UTF-8 whatever charset is named', () => {
  assert.deepEqual(plain(readBodyParameters(`${FORM}; charset=ISO-8859-1`, Buffer.from('a=é'))), { a: 'é' })
  refuses(() => readBodyParameters(`${FORM}; charset=ISO-8859-1`, Buffer.from('a=é', 'latin1')), /UTF-8/)
})

test('another content type is refused, and so is a body without one', () => {
  for (const type of [
    ...['text/plain', 'multipart/form-data; boundary=x', 'application/xml', 'application/jsonx', 'application/json+x'],
    ...['text/json', 'application/x-www-form-urlencoded2', 'x', `${FORM},${JSON_TYPE}`],
  ])
    refuses(() => readBodyParameters(type, Buffer.from('a=1')), /Content-Type must be/)
  for (const type of [undefined, '', '  ', ';charset=utf-8'])
    refuses(() => readBodyParameters(type, Buffer.from('a=1')), /Content-Type is missing/)
})

test('a parameter that is not given is missed by its name', () => {
  assert.equal(requireParameter(form('a=1'), 'a'), '1')
  refuses(() => requireParameter(form('a='), 'a'), /Missing required parameter: a$/)
  refuses(() => requireParameter(form(''), '__proto__'), /Missing required parameter: __proto__/)
})

test('what a refusal repeats of the request is short', () => {
  const long = 'x'.repeat(10_000)
  for (const read of [() => form(`${long}=1&${long}=1`), () => json(`{"${long}":[]}`)])
    assert.throws(read, (error) => error instanceof OAuthError && error.description.length < 200)
})

test('to decode a form text undoes what a browser did to it', () => {
  fc.assert(
    fc.property(text, (value) => {
      assert.equal(decodeFormText(new URLSearchParams([['', value]]).toString().slice(1)), value)
    }),
  )
})
