import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, isLoopback, parseConfig, type ConfigFile } from '#config.ts'

const problemsOf = (file: unknown): readonly string[] => {
  try {
    parseConfig(file)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    assert.ok(error.problems.length > 0)
    for (const problem of error.problems) {
      assert.doesNotMatch(problem, /\n/)
      assert.ok(error.message.includes(problem))
    }
    return error.problems
  }
  return []
}

/** The one thing that is wrong with it. */
const problemOf = (file: unknown): string => {
  const problems = problemsOf(file)
  assert.equal(problems.length, 1, `${JSON.stringify(file)}: ${problems.join(' | ') || 'accepted'}`)
  return problems[0]!
}

const api = (more: Record<string, unknown> = {}) => ({
  audience: 'https://api.mediamath.com/',
  name: 'An API',
  scopes: [{ name: 'read', description: 'Read.' }],
  ...more,
})

test('an empty configuration is complete: these are the defaults', () => {
  assert.deepEqual(parseConfig({}), {
    database: './data',
    listen: { host: '127.0.0.1', port: 9400, trusted_proxies: [] },
    urls: { auth: 'http://localhost:9400/', api: 'http://localhost:9400/', auth_aliases: [], api_aliases: [] },
    platform: {
      name: 'Postern',
      audience: 'https://api.mediamath.com/',
      claims_namespace: 'https://api.mediamath.com/',
      session_cookie: 'adama_session',
      subject_prefix: 'platform',
      realms: ['T1DB-Production', 'MediaMathActiveDirectory', 'Staff'],
      default_realm: 'T1DB-Production',
      media_type: 'application/vnd.mediamath.v1+json',
      session_lifetime: 86_400,
      session_reuse: 3600,
    },
    api_resources: [
      {
        audience: 'https://api.mediamath.com/',
        name: 'Execution & Management API',
        scopes: [
          { name: 'read:entities', description: 'See your organizations, agencies, advertisers and campaigns.' },
          {
            name: 'write:entities',
            description: 'Create and change your organizations, agencies, advertisers and campaigns.',
          },
          { name: 'read:users', description: 'See the users that you can see, and what they may do.' },
          { name: 'manage:users', description: 'Create and change users.' },
          { name: 'manage:permissions', description: 'Decide which users may see and change which entities.' },
          {
            name: 'manage:services',
            description: 'See and change everything about your organizations, agencies, advertisers and campaigns.',
            includes: ['read:entities', 'write:entities'],
          },
        ],
        signingAlgorithm: 'ES256',
        verifiedByOthers: false,
        accessTokenLifetime: 86_400,
      },
    ],
    tokens: {
      access_token_lifetime: 86_400,
      id_token_lifetime: 36_000,
      refresh_token_idle: 2_592_000,
      refresh_token_absolute: 31_536_000,
      public_refresh_token_absolute: 7_776_000,
      authorization_code_lifetime: 60,
      device_code_lifetime: 600,
      browser_session_lifetime: 43_200,
    },
    throttling: {
      account_burst: 10,
      account_refill: 60,
      account_total_burst: 100,
      account_total_refill: 60,
      address_burst: 100,
      address_refill: 6,
    },
    outbound: { allow: [] },
    limits: {
      body_bytes: 65_536,
      request_timeout: 10,
      answer_timeout: 60,
      device_codes_of_address: 100,
      device_codes_of_client: 5000,
      passwords_waiting: 200,
    },
    log: { level: 'info' },
  })
})

test('what is given takes the place of the default, and of nothing else', () => {
  const config = parseConfig({
    listen: { port: 8080 },
    tokens: { id_token_lifetime: '1 h' },
    log: { level: 'debug' },
  })
  assert.equal(config.listen.port, 8080)
  assert.equal(config.listen.host, '127.0.0.1')
  assert.equal(config.tokens.id_token_lifetime, 3600)
  assert.equal(config.tokens.access_token_lifetime, 86_400)
  assert.equal(config.log.level, 'debug')
})

test('without urls, the issuer is localhost and the port; the platform API is where the issuer is', () => {
  const urlsOf = (file: ConfigFile) => {
    const { auth, api } = parseConfig(file).urls
    return [auth, api]
  }
  assert.deepEqual(urlsOf({ listen: { port: 8080 } }), ['http://localhost:8080/', 'http://localhost:8080/'])
  const auth = 'https://auth.example.com'
  assert.deepEqual(urlsOf({ urls: { auth } }), [`${auth}/`, `${auth}/`])
  assert.deepEqual(urlsOf({ urls: { auth, api: 'https://b.example:8443' } }), [`${auth}/`, 'https://b.example:8443/'])
  assert.match(problemOf({ urls: { auth, api: 'http://localhost' } }), /^urls\.api: expected the scheme of urls\.auth/)
})

test('an alias is a host name, and is that of one host', () => {
  const urls = { auth: 'https://a.example', api: 'https://b.example' }
  assert.deepEqual(parseConfig({ urls: { ...urls, auth_aliases: ['old.example'] } }).urls.auth_aliases, ['old.example'])
  for (const alias of ['https://old.example', 'old.example:443', 'OLD.example', '*.example', '', 'a..b', '[::1]']) {
    assert.match(problemOf({ urls: { ...urls, auth_aliases: [alias] } }), /expected a host name in lower case/, alias)
  }
  for (const more of [
    { auth_aliases: ['b.example'] },
    { api_aliases: ['a.example'] },
    { auth_aliases: ['x.example'], api_aliases: ['x.example'] },
  ]) {
    assert.match(problemOf({ urls: { ...urls, ...more } }), /is a name of both auth and api/)
  }
  parseConfig({ urls: { auth: 'https://a.example', auth_aliases: ['x.example'], api_aliases: ['x.example'] } })
})

test('a public URL becomes one origin with a slash, however it is written', () => {
  for (const [written, url] of [
    ['https://Auth.Example.com', 'https://auth.example.com/'],
    ['https://auth.example.com:443/', 'https://auth.example.com/'],
    ['http://localhost:9400', 'http://localhost:9400/'],
    ['http://127.0.0.1:1/', 'http://127.0.0.1:1/'],
    ['http://[::1]:9400', 'http://[::1]:9400/'],
  ])
    assert.equal(parseConfig({ urls: { auth: written } }).urls.auth, url)
})

test('http is for this machine alone', () => {
  for (const auth of [
    ...['http://auth.example.com', 'http://localhost.example.com', 'http://localhost.', 'http://127.0.0.2'],
    ...['http://0.0.0.0', 'http://[::]', 'http://192.168.0.1', 'http://localhost@evil.example'],
  ])
    assert.match(problemOf({ urls: { auth } }), /^urls\.auth: expected https: http is only for localhost/)
  assert.match(problemOf({ urls: { api: 'http://api.example.com' } }), /^urls\.api: /)
  for (const host of ['localhost', '127.0.0.1', '[::1]']) assert.equal(isLoopback(host), true)
  for (const host of ['::1', 'localhost:80', 'LOCALHOST', '', 'example.com']) assert.equal(isLoopback(host), false)
})

test('a public URL is an origin and nothing more, not even an empty query', () => {
  for (const auth of [
    ...[
      'https://a.example/x',
      'https://a.example//',
      'https://a.example/?',
      'https://a.example/?x',
      'https://a.example?',
    ],
    ...['https://a.example/#', 'https://a.example/#x', 'https://a.example#'],
    ...['https://u@a.example/', 'https://u:p@a.example/', 'https://:p@a.example/'],
  ])
    assert.match(problemOf({ urls: { auth } }), /^urls\.auth: expected an origin alone/, auth)
  for (const auth of ['', 'a.example', '/x', 'ftp://a.example', 'javascript:alert(1)', 'https://', 'https:/'])
    assert.match(problemOf({ urls: { auth } }), /^urls\.auth: expected an absolute https URL/, auth)
})

test('a duration has its unit; a number without one is refused by name', () => {
  for (const wrong of ['10', '', '10 m', '10 weeks', '-1 h', '0 s', '0 d', '1.5 h'])
    assert.match(
      problemOf({ tokens: { id_token_lifetime: wrong } }),
      /^tokens\.id_token_lifetime: expected a duration with its unit, such as "90 s"/,
      wrong,
    )
  for (const wrong of [3600, null, true, ['1 h'], { s: 1 }])
    assert.match(problemOf({ tokens: { id_token_lifetime: wrong } }), /^tokens\.id_token_lifetime: expected string/)
  for (const wrong of ['1', '0 h', '1 hour', ''])
    assert.match(
      problemOf({ api_resources: [api({ access_token_lifetime: wrong })] }),
      /^api_resources\[0\]\.access_token_lifetime: expected a duration/,
    )
})

test('every key that does not exist is named with its path, each in a line of its own', () => {
  assert.deepEqual(problemsOf({ databse: 'x', tokens: { lifetime: '1 h', ttl: 1 } }).toSorted(), [
    'databse: there is no such key',
    'tokens.lifetime: there is no such key',
    'tokens.ttl: there is no such key',
  ])
  assert.equal(problemOf({ Listen: {} }), 'Listen: there is no such key')
  assert.equal(
    problemOf({ api_resources: [api(), api({ audience: 'https://b/', lifetime: '1 h' })] }),
    'api_resources[1].lifetime: there is no such key',
  )
  assert.equal(
    problemOf({ api_resources: [api({ scopes: [{ name: 'a', description: 'b', include: [] }] })] }),
    'api_resources[0].scopes[0].include: there is no such key',
  )
  assert.equal(problemOf(JSON.parse('{"constructor":1}')), 'constructor: there is no such key')
})

test('a wrong value is named with its path and what was expected', () => {
  for (const [file, problem] of [
    [{ listen: { port: '9400' } }, /^listen\.port: expected number, received string$/],
    [{ listen: { port: 70_000 } }, /^listen\.port: .*65535/],
    [{ listen: { port: -1 } }, /^listen\.port: /],
    [{ listen: { port: 80.5 } }, /^listen\.port: expected int/],
    [{ listen: { host: '' } }, /^listen\.host: /],
    [
      { listen: { trusted_proxies: ['10.0.0.0/33'] } },
      /^listen\.trusted_proxies\[0\]: expected an IP address or a CIDR/,
    ],
    [{ listen: { trusted_proxies: ['::1', 'proxy'] } }, /^listen\.trusted_proxies\[1\]: expected an IP address/],
    [{ listen: { trusted_proxies: '::1' } }, /^listen\.trusted_proxies: expected array/],
    [{ listen: null }, /^listen: expected object/],
    [{ tokens: '1 h' }, /^tokens: expected object/],
    [{ database: '' }, /^database: /],
    [{ platform: { session_cookie: 'a;b' } }, /^platform\.session_cookie: expected a cookie name/],
    [{ platform: { session_cookie: 'a=b' } }, /^platform\.session_cookie: expected a cookie name/],
    [{ platform: { session_cookie: '' } }, /^platform\.session_cookie: expected a cookie name/],
    [{ platform: { subject_prefix: 'a|b' } }, /^platform\.subject_prefix: expected letters/],
    ...['', 'https://idp.internal', '10.0.0.0/33', 'a b', '*.internal', 'host:443', '10.0.0'].map(
      (entry): [unknown, RegExp] => [
        { outbound: { allow: ['idp.internal', '10.1.0.0/16', '::1', entry] } },
        /^outbound\.allow\[3\]: expected a host name/,
      ],
    ),
    [{ throttling: { account_burst: 0 } }, /^throttling\.account_burst: /],
    [{ throttling: { account_burst: 1001 } }, /^throttling\.account_burst: .*1000/],
    [{ limits: { body_bytes: 16_777_217 } }, /^limits\.body_bytes: /],
    [{ limits: { passwords_waiting: 0 } }, /^limits\.passwords_waiting: /],
    [{ log: { level: 'verbose' } }, /^log\.level: .*"trace"\|"debug"/],
    [{ api_resources: [] }, /^api_resources: /],
    [{ api_resources: [api({ scopes: [] })] }, /^api_resources\[0\]\.scopes: /],
    [{ api_resources: [api({ name: '' })] }, /^api_resources\[0\]\.name: /],
    [{ api_resources: [api({ signing_algorithm: 'HS256' })] }, /^api_resources\[0\]\.signing_algorithm: /],
    [{ api_resources: [api({ signing_algorithm: 'none' })] }, /^api_resources\[0\]\.signing_algorithm: /],
  ] as const)
    assert.match(problemOf(file), problem)
})

test('an audience is an absolute URI without fragment and blanks (RFC 8707 §2)', () => {
  for (const audience of ['urn:example:api', 'https://api.example.com/v1?x=y', 'http://api.example.com'])
    assert.equal(
      parseConfig({ platform: { audience }, api_resources: [api({ audience })] }).platform.audience,
      audience,
    )
  for (const audience of [
    '',
    'api',
    '/api',
    'https://a.example/#x',
    'https://a.example/#',
    ' https://a/',
    'https://a/ ',
  ])
    assert.match(problemOf({ api_resources: [api(), api({ audience })] }), /^api_resources\[1\]\.audience: expected an/)
})

test('a scope is one token of RFC 6749 §3.3', () => {
  for (const name of ['', 'a b', 'a"b', 'a\\b', 'ä', 'a\tb'])
    assert.match(
      problemOf({ api_resources: [api({ scopes: [{ name, description: 'x' }] })] }),
      /^api_resources\[0\]\.scopes\[0\]\.name: expected one scope token/,
    )
})

test('several problems are told at once', () => {
  assert.deepEqual(
    problemsOf({ urls: { auth: 'http://a.example' }, listen: { port: 'x' }, foo: 1 })
      .map((problem) => problem.split(':', 1)[0])
      .toSorted(),
    ['foo', 'listen.port', 'urls.auth'],
  )
  const both = problemsOf({ platform: { audience: 'https://other/', default_realm: 'Nowhere' } })
  assert.deepEqual(both, [
    'platform.audience: expected the audience of one of api_resources',
    'platform.default_realm: expected one of platform.realms',
  ])
})

test('what must agree is checked: audiences, realms, scopes and lifetimes', () => {
  assert.match(
    problemOf({ api_resources: [api({ audience: 'https://b/' })] }),
    /^platform\.audience: expected the audience/,
  )
  assert.match(problemOf({ platform: { realms: ['One'] } }), /^platform\.default_realm: expected one of/)
  assert.match(
    problemOf({ api_resources: [api(), api()] }),
    /^api_resources\[1\]\.audience: expected one that no other/,
  )
  const scopes = (...names: { name: string; includes?: string[] }[]) => ({
    api_resources: [api({ scopes: names.map((scope) => ({ description: 'x', ...scope })) })],
  })
  assert.match(
    problemOf(scopes({ name: 'a' }, { name: 'a' })),
    /^api_resources\[0\]\.scopes\[1\]\.name: expected one that/,
  )
  assert.match(
    problemOf(scopes({ name: 'all', includes: ['a'] })),
    /^api_resources\[0\]\.scopes: all includes a, expected/,
  )
  // One that includes itself, and one that includes another that includes.
  assert.match(problemOf(scopes({ name: 'all', includes: ['all'] })), /all includes all/)
  assert.match(
    problemOf(scopes({ name: 'a' }, { name: 'b', includes: ['a'] }, { name: 'c', includes: ['b'] })),
    /c includes b/,
  )
  // The same scope at two APIs is two scopes.
  assert.deepEqual(problemsOf({ api_resources: [api(), api({ audience: 'https://b/' })] }), [])
})

test('an access token lives shorter than any refresh token', () => {
  const expected = /^api_resources\[0\]\.access_token_lifetime: expected less than the lifetimes of refresh tokens$/
  assert.match(problemOf({ tokens: { refresh_token_idle: '24 h' } }), expected)
  assert.match(problemOf({ tokens: { refresh_token_absolute: '1 h' } }), expected)
  assert.match(problemOf({ tokens: { access_token_lifetime: '30 d' } }), expected)
  assert.match(problemOf({ api_resources: [api({ access_token_lifetime: '400 d' })] }), expected)
  assert.deepEqual(problemsOf({ tokens: { refresh_token_idle: '25 h' } }), [])
})

test('an API that others verify has RS256 and one hour, unless it says otherwise', () => {
  const resourceOf = (more: Record<string, unknown>) => {
    const { signingAlgorithm, accessTokenLifetime, verifiedByOthers } = parseConfig({ api_resources: [api(more)] })
      .api_resources[0]!
    return [signingAlgorithm, accessTokenLifetime, verifiedByOthers]
  }
  assert.deepEqual(resourceOf({}), ['ES256', 86_400, false])
  assert.deepEqual(resourceOf({ verified_by_others: true }), ['RS256', 3600, true])
  assert.deepEqual(resourceOf({ verified_by_others: true, signing_algorithm: 'ES256', access_token_lifetime: '2 h' }), [
    'ES256',
    7200,
    true,
  ])
  assert.deepEqual(resourceOf({ access_token_lifetime: '5 min' }), ['ES256', 300, false])
})

test('what is no object is refused as a whole', () => {
  for (const file of [undefined, null, 'x', 1, true, [], [{}], () => {}])
    assert.match(problemOf(file), /^\(the whole\): expected object/)
})

// ── Any single change ─────────────────────────────────────────────────────────────────────────────────────────────────────────

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

const COMPLETE: Json = {
  database: './data',
  master_key_file: './key',
  listen: { host: '::1', port: 1, trusted_proxies: ['10.0.0.0/8', '::1'] },
  urls: { auth: 'https://a.example/', api: 'https://b.example/', auth_aliases: ['c.example'] },
  platform: { name: 'x', realms: ['A', 'B'], default_realm: 'A', session_lifetime: '1 h' },
  api_resources: [
    {
      ...api(),
      verified_by_others: false,
      access_token_lifetime: '1 h',
      scopes: [
        { name: 'a', description: 'a' },
        { name: 'b', description: 'b', includes: ['a'] },
      ],
    },
  ] as unknown as Json,
  tokens: { access_token_lifetime: '1 h', refresh_token_idle: '2 d' },
  throttling: { account_burst: 1 },
  limits: { body_bytes: 1 },
  log: { level: 'silent' },
}

const pathsOf = (value: Json, path: readonly string[] = []): readonly (readonly string[])[] => [
  path,
  ...(value !== null && typeof value === 'object'
    ? Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))
    : []),
]

const replaced = (value: Json, [key, ...rest]: readonly string[], by: Json): Json => {
  if (key === undefined) return by
  const copy = structuredClone(value) as Record<string, Json>
  copy[key] = replaced(copy[key]!, rest, by)
  return copy
}

const added = (value: Json, path: readonly string[], key: string, by: Json): Json => {
  const at = path.reduce<Json>((inner, part) => (inner as Record<string, Json>)[part]!, value)
  const object = typeof at === 'object' && at !== null && !Array.isArray(at) ? at : {}
  return replaced(value, path, Object.fromEntries([...Object.entries(object), [key, by]]))
}

test('the configuration that is changed below is a good one', () => {
  assert.deepEqual(problemsOf(COMPLETE), [])
})

test('with any single value changed it is read, or refused with the name of a key: nothing else is thrown', () => {
  const paths = pathsOf(COMPLETE)
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
    fc.string(),
    fc.integer(),
    fc.constantFrom<Json>('0 s', '1 h', '999999999 d', 'http://', 'https://[', '%', '\0', '__proto__', -0, 1e308, 1e-7),
  )
  const key = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'includes', 'a.b', 'a\nb'))
  const changed = fc.oneof(
    fc.tuple(fc.constantFrom(...paths), value).map(([path, by]) => replaced(COMPLETE, path, by)),
    fc.tuple(fc.constantFrom(...paths), key, value).map(([path, name, by]) => added(COMPLETE, path, name, by)),
  )
  fc.assert(
    fc.property(changed, (file) => {
      try {
        const config = parseConfig(file)
        assert.ok(config.urls.auth.endsWith('/'))
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error))
        for (const problem of error.problems) assert.match(problem, /^(?:\(the whole\)|[^:]*)[^]*: [^]+/)
      }
    }),
    { numRuns: 2000 },
  )
})

test('a key left out is its default, or is missed by name', () => {
  for (const path of pathsOf(COMPLETE)) {
    if (path.length === 0) continue
    const copy = structuredClone(COMPLETE)
    const parent = path.slice(0, -1).reduce<Json>((inner, part) => (inner as Record<string, Json>)[part]!, copy)
    if (Array.isArray(parent)) continue
    delete (parent as Record<string, Json>)[path.at(-1)!]
    for (const problem of problemsOf(copy)) assert.match(problem, /^[a-z_.[\]0-9]+: /)
  }
})
