import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpError, textReply, type Request, type Route } from '#http/message.ts'
import { createRouter } from '#http/router.ts'
import { surface } from './serving.ts'

const REQUEST: Request = { method: 'GET', path: '', query: '', headers: {}, body: Buffer.alloc(0), address: '', id: '' }

const route = (path: string, methods: Route['methods'] = ['GET']): Route => ({
  methods,
  path,
  endpoint: (_, segments) => textReply(200, `${path} ${JSON.stringify(segments)}`),
})

const answer = async (router: ReturnType<typeof createRouter>, method: string, path: string): Promise<string> => {
  const { endpoint, segments } = router.find(method, path)
  try {
    return (await endpoint(REQUEST, segments)).body.toString()
  } catch (error) {
    assert.ok(error instanceof HttpError)
    return `${error.code} ${String(error.headers.allow ?? '')}`.trim()
  }
}

test('a literal beats a parameter, segment by segment, and a parameter takes what literals lead nowhere with', async () => {
  const routes = ['/users/me', '/users/:id', '/users/:id/roles', '/users/me/keys', '/:realm/users', '/files/:a/:b']
  const router = createRouter([
    surface(
      '/',
      routes.map((path) => route(path)),
    ),
  ])
  for (const [path, expected] of [
    ['/users/me', '/users/me {}'],
    ['/users/7', '/users/:id {"id":"7"}'],
    ['/users/me/roles', '/users/:id/roles {"id":"me"}'],
    ['/users/me/keys', '/users/me/keys {}'],
    ['/users/users', '/users/:id {"id":"users"}'],
    ['/staff/users', '/:realm/users {"realm":"staff"}'],
    ['/files/x%20y/%C3%A9', '/files/:a/:b {"a":"x y","b":"é"}'],
    ['/users/', 'not_found'],
    ['/users//roles', 'not_found'],
    ['/users', 'not_found'],
    ['/Users/me', 'not_found'],
    ['/users/7/roles/8', 'not_found'],
    ['/__proto__', 'not_found'],
    ['/users/__proto__', '/users/:id {"id":"__proto__"}'],
  ] as const)
    assert.equal(await answer(router, 'GET', path), expected, path)
})

test('another method is told which ones there are; HEAD is GET', async () => {
  const router = createRouter([surface('/', [route('/a'), route('/a', ['POST']), route('/:b/c', ['POST'])])])
  assert.equal(await answer(router, 'HEAD', '/a'), '/a {}')
  assert.equal(await answer(router, 'DELETE', '/a'), 'method_not_allowed GET, HEAD, POST')
  assert.equal(await answer(router, 'OPTIONS', '/a'), 'method_not_allowed GET, HEAD, POST')
  assert.equal(await answer(router, 'HEAD', '/x/c'), 'method_not_allowed POST')
  assert.equal(await answer(router, 'constructor', '/a'), 'method_not_allowed GET, HEAD, POST')
})

test('an unknown path belongs to the surface with the longest prefix, a known one to the surface that has it', () => {
  const rest = surface('/', [route('/'), route('/api/v2.0/odd')])
  const api = surface('/api/', [route('/api/v3.0/x')])
  const v2 = surface('/api/v2.0/', [route('/api/v2.0/session')])
  const router = createRouter([rest, api, v2])
  for (const [path, expected] of [
    ['/', rest],
    ['/nothing', rest],
    ['/apis', rest],
    ['/api', api],
    ['/api/v3.0/nothing', api],
    ['/api/v2.0', v2],
    ['/api/v2.0/nothing', v2],
    ['/api/v2.0/odd', rest],
  ] as const) {
    assert.equal(router.find('GET', path).surface, expected, path)
    assert.equal(router.find('DELETE', path).surface, expected, path)
  }
})

test('of two surfaces with one prefix the first answers for what neither has', () => {
  const [pages, oauth] = [surface('/', [route('/authorize')]), surface('/', [route('/oauth/token')])]
  const router = createRouter([pages, oauth])
  assert.equal(router.find('GET', '/oauth/token').surface, oauth)
  assert.equal(router.find('GET', '/oauth').surface, pages)
})

test('routes that contradict each other are a mistake at the start, not at the first request', () => {
  assert.throws(() => createRouter([surface('/', [route('/a'), route('/a', ['POST', 'GET'])])]), /GET \/a/)
  assert.throws(() => createRouter([surface('/', [route('/:a'), route('/:b')])]), /GET \/:b/)
  assert.throws(() => createRouter([surface('/', []), surface('/api/', [route('/a')])]), /outside/)
  assert.throws(() => createRouter([surface('/api/', [])]), /prefix/)
})
