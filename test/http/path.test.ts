import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpError } from '#http/message.ts'
import { readTarget } from '#http/path.ts'

const pathOf = (target: string): string => readTarget(target).path

const isRefused = (target: string): boolean => {
  try {
    readTarget(target)
    return false
  } catch (error) {
    assert.ok(error instanceof HttpError)
    assert.equal(error.code, 'malformed_request')
    assert.equal(error.status, 400)
    return true
  }
}

test('a plain path is taken as it is, and the query as it came', () => {
  assert.deepEqual(readTarget('/oauth/token'), { path: '/oauth/token', query: '' })
  assert.deepEqual(readTarget('/authorize?a=%20b&c=/../;?x'), { path: '/authorize', query: 'a=%20b&c=/../;?x' })
  assert.deepEqual(readTarget('/?'), { path: '/', query: '' })
  assert.equal(pathOf('/.well-known/openid-configuration'), '/.well-known/openid-configuration')
  assert.equal(pathOf('/users/...'), '/users/...')
  assert.equal(pathOf('/users/mail@example.com,b=1:2'), '/users/mail@example.com,b=1:2')
})

test('below /api/ runs of slashes become one and the last one goes, as the clients of the platform need it', () => {
  for (const [target, path] of [
    ['//api/v2.0/organizations', '/api/v2.0/organizations'],
    ['///api///v2.0//organizations//', '/api/v2.0/organizations'],
    ['/api/v2.0/session/', '/api/v2.0/session'],
    ['/api/', '/api'],
    ['//%61pi//v2.0', '/api/v2.0'],
  ] as const)
    assert.equal(pathOf(target), path)
})

test('elsewhere slashes stay, so that the path is another one', () => {
  for (const target of ['/oauth/token/', '//oauth/token', '/oauth//token', '/apis//x/', '//', '/api'])
    assert.equal(pathOf(target), target)
})

test('spellings that mean the same become one (RFC 3986 §6.2.2)', () => {
  assert.equal(pathOf('/%61dmin/%7Euser%2d1'), '/admin/~user-1')
  assert.equal(pathOf('/a%c3%a9%20'), '/a%C3%A9%20')
  assert.equal(pathOf('/users/platform|1'), '/users/platform%7C1')
})

for (const [why, ...targets] of [
  ['an encoded slash or backslash', '/a%2fb', '/a%2Fb', '/api/v2.0/%2F', '/a%5cb', '/a%5Cb'],
  ['an encoded second layer', '/%252e%252e/a', '/a%252fb', '/%2541', '/%25%34%31'],
  ['an encoded ";", "?" or "#"', '/a%3bb', '/a%3Fb', '/a%23b'],
  ['NUL and other control characters, encoded', '/a%00', '/a%0d%0aX', '/a%7f', '/%C2%85'],
  ['a dot segment', '/./a', '/a/..', '/a/../b', '/..', '/api/./v2.0', '//api/../x'],
  ['an encoded dot segment', '/%2e%2e/a', '/a/.%2E/b', '/a/%2e', '/api/%2e%2e//admin'],
  ['a path parameter', '/a;b', '/public/..;/admin', '/admin;/'],
  ['a backslash', '/a\\b', '/..\\a'],
  [
    'raw bytes that are no part of a URL',
    '/a\u0000',
    '/a\u001f',
    '/a\u007f',
    '/a\u00e9',
    '/a b',
    '/a"b',
    '/<a>',
    '/{a}',
    '/[a]',
    '/a^',
  ],
  ['a fragment', '/a#b', '/a?b#c'],
  ['raw bytes in the query', '/a?b\u00e9', '/a?b\u0001', '/a?b c'],
  ['a broken escape', '/%', '/a%2', '/a%zz', '/%%41', '/%2%35'],
  ['bytes that are no UTF-8, overlong ones too', '/%ff', '/%c0%ae%c0%ae/', '/%c0%af', '/%ed%a0%80'],
  ['what is no path', '', '*', 'a', 'http://localhost/a', 'localhost:443', '?a', 'https:///a'],
] as const)
  test(`${why} is refused`, () => {
    for (const target of targets) assert.ok(isRefused(target), JSON.stringify(target))
  })

// Few letters and all that matters, so that the cases meet each other.
const piece = fc.constantFrom(
  ...[
    '/',
    '//',
    'api',
    '/api/',
    'a',
    '.',
    '..',
    '%2e',
    '%2E',
    '%61',
    '%70',
    '%2f',
    '%5C',
    '%00',
    '%25',
    '%7c',
    '|',
    '%C3%A9',
  ],
  ...['%c3', '%', ';', '%3b', '\\', '?', '#', ' ', '\u00e9', '~', '%7E', '-', '@', '1', '%31'],
)
const anyTarget = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`)
const oneOf = (text: string) => fc.string({ unit: fc.constantFrom(...text), maxLength: 8 })

test('what is accepted is the one spelling of itself', () => {
  fc.assert(
    fc.property(anyTarget, (target) => {
      fc.pre(!isRefused(target))
      const { path, query } = readTarget(target)
      assert.deepEqual(readTarget(query === '' ? path : `${path}?${query}`), { path, query })
    }),
    { numRuns: 3000 },
  )
})

test('nothing that a server could read in another way comes through', () => {
  fc.assert(
    fc.property(anyTarget, (target) => {
      fc.pre(!isRefused(target))
      const { path } = readTarget(target)
      assert.match(path, /^\/[!-~]*$/)
      const decoded = decodeURIComponent(path)
      assert.doesNotMatch(decodeURIComponent(decoded.replace(/%(?![\dA-Fa-f]{2})/g, '%25')), /\\|;|[\u0000-\u001f]/)
      assert.equal(decoded.split('/').length, path.split('/').length)
      assert.ok(decoded.split('/').every((segment) => segment !== '.' && segment !== '..'))
      // A URL parser resolves dot segments and backslashes; it finds none.
      if (!path.startsWith('//')) assert.equal(new URL(path, 'http://localhost').pathname, path)
      if (path.startsWith('/api/')) assert.doesNotMatch(path, /\/\/|\/$/)
    }),
    { numRuns: 3000 },
  )
})

test('any bytes at all are read or refused, and nothing else is thrown', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => void isRefused(`/${text}`)),
    { numRuns: 3000 },
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii' }), (text) => void isRefused(text)),
    { numRuns: 3000 },
  )
})

test('slashes are all that the repair takes away', () => {
  fc.assert(
    fc.property(fc.array(oneOf('abc-1'), { minLength: 1, maxLength: 6 }), (segments) => {
      const words = segments.filter((segment) => segment !== '')
      assert.equal(pathOf(`/api/${segments.join('/')}`), ['/api', ...words].join('/'))
    }),
  )
})

test('a long path costs no more than its length', () => {
  for (const target of [
    `/${'a'.repeat(16_000)}!`,
    `/${'a/'.repeat(8000)}"`,
    `/api${'/'.repeat(16_000)}`,
    `/${'%61'.repeat(5000)}`,
  ]) {
    const begun = performance.now()
    isRefused(target)
    // Generous: it is about growth, and the machine may be busy.
    assert.ok(performance.now() - begun < 1000)
  }
})
