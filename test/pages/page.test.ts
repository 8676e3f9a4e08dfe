import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pageReply, type Page } from '#pages/page.ts'

const plain: Page = { html: '<!doctype html>', hasScript: false }
const policyOf = (formAction?: URL, page = plain): string =>
  pageReply(page, 200, formAction === undefined ? {} : { formAction }).headers['content-security-policy']!
const formActionOf = (uri: string): string =>
  policyOf(new URL(uri))
    .split('; ')
    .find((directive) => directive.startsWith('form-action '))!

test('a page is HTML that nobody keeps, frames or adds to', () => {
  assert.deepEqual(pageReply(plain, 400, { headers: { 'retry-after': '5' } }), {
    status: 400,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy':
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      'cache-control': 'no-store',
      pragma: 'no-cache',
      'referrer-policy': 'same-origin',
      'x-frame-options': 'DENY',
      'retry-after': '5',
    },
    body: '<!doctype html>',
  })
})

test('only the page with our script may run scripts, and only from us', () => {
  assert.doesNotMatch(policyOf(), /script/)
  assert.match(policyOf(undefined, { ...plain, hasScript: true }), /; script-src 'self';/)
  assert.doesNotMatch(policyOf(undefined, { ...plain, hasScript: true }), /unsafe/)
})

test('a page is framed by the one origin that is named, and by no scheme and no other', () => {
  const framedBy = (uri: string) => pageReply(plain, 200, { framedBy: new URL(uri) }).headers
  for (const [uri, source] of [
    ['https://client.example', 'https://client.example'],
    ['http://localhost:9402', 'http://localhost:9402'],
    ['https://client.example/a;b,c?d', 'https://client.example'],
    ['http://[::1]:9402', "'none'"],
    ['com.example.app:/cb', "'none'"],
    ['data:text/html,x', "'none'"],
  ] as const) {
    const headers = framedBy(uri)
    assert.ok(headers['content-security-policy']!.includes(`; frame-ancestors ${source}; base-uri 'none'`), uri)
    assert.equal('x-frame-options' in headers, false)
  }
})

test('a form may end at the redirect URI of its request, and at no other site', () => {
  const sources: readonly (readonly [string, string])[] = [
    ['https://client.example/callback?a=b;c,d', 'https://client.example'],
    ['https://client.example:8443/', 'https://client.example:8443'],
    ['http://localhost:9401/callback', 'http://localhost:9401'],
    ['http://127.0.0.1:51234/x', 'http://127.0.0.1:51234'],
    ['http://[::1]:51234/x', 'http:'],
    ['com.example.app:/callback', 'com.example.app:'],
    ['com.example.app://callback;/x', 'com.example.app:'],
    ['https://bücher.example/', 'https://xn--bcher-kva.example'],
  ]
  for (const [uri, source] of sources) assert.equal(formActionOf(uri), `form-action 'self' ${source}`)
})

test('what a browser would run or show by itself is no source', () => {
  for (const uri of [
    'javascript:alert(1)',
    'data:text/html,x',
    'blob:https://a.example/x',
    'file:///etc/passwd',
    'about:blank',
  ]) {
    assert.equal(formActionOf(uri), "form-action 'self'", uri)
  }
})

test('no URL writes a directive of its own', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.constantFrom(
      ';',
      ',',
      ' ',
      "'",
      '*',
      "; script-src 'unsafe-inline'",
      '%3b',
      '\n',
      '.example',
      'a',
      ':',
      '@',
      '[',
      ']',
    ),
  )
  const text = fc.array(piece, { maxLength: 5 }).map((parts) => parts.join(''))
  const scheme = fc.constantFrom('https://', 'http://', 'com.example.app:', 'x-y+z:', 'javascript:')
  fc.assert(
    fc.property(scheme, text, text, (start, host, path) => {
      const url = URL.parse(`${start}${host}/${path}`)
      if (url === null) return
      const policy = policyOf(url)
      assert.match(
        policy,
        /^[^;]+; [^;]+; [^;]+; form-action 'self'(?: [a-z][a-z0-9+.-]*:(?:\/\/[a-z0-9._-]+(?::\d+)?)?)?; [^;]+; [^;]+$/,
      )
    }),
    { numRuns: 1000 },
  )
})
