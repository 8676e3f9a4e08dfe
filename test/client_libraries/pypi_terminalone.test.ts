import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { DEMO } from '#cli/demo_data.ts'
import { claimsOf } from '../support/running_postern.ts'
import { driveTerminalOne, errorOf, findPythonLibrary, valueOf, type Pointing, type Work } from './python_library.ts'
import { startServer } from './started_server.ts'
import { PLATFORM_HOSTS, startTlsFront } from './tls_front.ts'

// PyPI's TerminalOne 1.9.20, the platform's Python library, unmodified, in all its four modes. It always speaks https, so a front that ends
// TLS stands before the server.

const library = await findPythonLibrary()
const skip = library.kind === 'absent' && library.reason

const USER = { username: DEMO.username, password: DEMO.password }
const COOKIE_MODE = { ...USER, api_key: DEMO.apiKey }
const OWNER_MODE = { ...USER, client_id: DEMO.clientId, client_secret: DEMO.clientSecret }
const EVERY_POINTING: readonly Pointing[] = ['by its options', 'by the names of the platform']
const SESSION_ID = /^[0-9a-f]{40}$/

suite("PyPI's TerminalOne", { skip }, () => {
  const started = start()

  for (const asJson of [false, true]) {
    const form = asJson ? 'JSON' : 'XML'

    test(`cookie mode signs in and reads organizations in ${form}`, async () => {
      const { drive, front } = await started
      for (const pointing of EVERY_POINTING) {
        front.seen()
        const { signIn, gets } = await drive(pointing, {
          arguments: { ...COOKIE_MODE, json: asJson },
          gets: [
            { collection: 'organizations', count: true },
            { collection: 'organizations', entity: 100_048 },
            { collection: 'organizations', page_limit: 3, page_offset: 98, sort_by: '-id', full: true, count: true },
          ],
        })
        const { username, userId, sessionId = '' } = valueOf(signIn)
        assert.deepEqual([username, userId], [DEMO.username, 22612])
        assert.match(sessionId, SESSION_ID)

        const all = valueOf(gets[0])
        assert.equal(all.count, 100)
        assert.equal(all.entities.length, 100)
        assert.deepEqual(
          all.entities.slice(0, 2).map((entity) => [entity.class, entity.id, entity.name]),
          [
            ['Organization', 100_000, 'Organization One'],
            ['Organization', 100_001, 'Organization Two'],
          ],
        )
        const [one] = valueOf(gets[1]).entities
        assert.equal(one?.id, 100_048)
        assert.equal(one.status, true)
        assert.notEqual(one.version, 0)
        assert.equal(typeof one.adx_seat_account_id, 'number')
        assert.match(String(one.created_on), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\+00:00)?$/)
        const page = valueOf(gets[2])
        assert.equal(page.count, 100)
        assert.deepEqual(
          page.entities.map(({ id }) => id),
          [100_001, 100_000],
        )
        assert.equal(page.entities[0]?.country, 'US')

        const [login, ...reads] = front.seen()
        assert.equal(login?.method, 'POST')
        assert.equal(login.target, `/api/v2.0/login?api_key=${DEMO.apiKey}`)
        for (const { headers } of reads) assert.match(headers.cookie ?? '', /adama_session=/)
      }
    })

    test(`get_all walks through all pages in ${form}`, async () => {
      const { drive } = await started
      const { signIn, gets } = await drive('by its options', {
        arguments: { ...COOKIE_MODE, json: asJson },
        gets: [{ collection: 'organizations', get_all: true, page_limit: 30 }],
      })
      valueOf(signIn)
      const ids = valueOf(gets[0]).entities.map(({ id }) => id)
      assert.deepEqual(
        ids,
        Array.from({ length: 100 }, (_, index) => 100_000 + index),
      )
    })

    test(`a session ID that is given to it opens the API in ${form}, and the server leaves its cookie alone`, async () => {
      const { drive, front, sessionId } = await started
      front.seen()
      // With a port in its options this mode never sends its cookie, whatever the server does.
      const { signIn, gets } = await drive('by the names of the platform', {
        arguments: { session_id: sessionId, api_key: DEMO.apiKey, json: asJson },
        gets: [{ collection: 'organizations', entity: 100_000 }],
      })
      assert.deepEqual(valueOf(signIn), {
        username: DEMO.username,
        userId: 22612,
        sessionId,
        accessToken: null,
      })
      assert.equal(valueOf(gets[0]).entities[0]?.name, 'Organization One')
      const [check] = front.seen()
      assert.equal(check?.target, `/api/v2.0/session?api_key=${DEMO.apiKey}`)
      assert.equal(check.headers.cookie, `adama_session=${sessionId}`)
    })

    test(`resource owner mode gets a token by the realm of its user name and reads with it alone in ${form}`, async () => {
      const { drive, front } = await started
      for (const pointing of EVERY_POINTING) {
        front.seen()
        const { signIn, gets } = await drive(pointing, {
          arguments: { ...OWNER_MODE, json: asJson },
          gets: [
            { collection: 'organizations', get_all: true },
            { collection: 'organizations', entity: 100_002 },
          ],
        })
        const { username, userId, sessionId, accessToken = '' } = valueOf(signIn)
        assert.equal(userId, 22612)
        assert.equal(username, claimsOf(accessToken)['https://api.mediamath.com/nickname'])
        assert.equal(sessionId, null)
        assert.equal(valueOf(gets[0]).entities.length, 100)
        assert.equal(valueOf(gets[1]).entities[0]?.name, 'Organization Three')

        const [grant, ...reads] = front.seen()
        assert.equal(grant?.target, '/oauth/token')
        const { realm, scope } = JSON.parse(grant.body) as Record<string, unknown>
        assert.deepEqual([realm, scope], ['T1DB-Production', 'openid'])
        for (const { target, headers } of reads) {
          assert.ok(!target.includes('/session') && !target.includes('api_key'), target)
          assert.equal(headers.cookie, undefined)
          assert.equal(headers.authorization, `Bearer ${accessToken}`)
        }
      }
    })

    test(`access token mode is bridged to a session and sends both, to what needs both as well, in ${form}`, async () => {
      const { drive, front } = await started
      const accessToken = valueOf((await drive('by its options', { arguments: OWNER_MODE })).signIn).accessToken
      for (const pointing of EVERY_POINTING) {
        front.seen()
        const { signIn, gets } = await drive(pointing, {
          arguments: { auth_method: 'oauth2-existingaccesstoken', access_token: accessToken, json: asJson },
          gets: [
            { collection: 'organizations', get_all: true },
            { collection: 'campaigns', full: true, count: true },
            { collection: 'campaigns', entity: 200_001 },
          ],
        })
        const { username, userId, sessionId = '' } = valueOf(signIn)
        assert.deepEqual([username, userId], [DEMO.username, 22612])
        assert.match(sessionId, SESSION_ID)
        assert.equal(valueOf(gets[0]).entities.length, 100)
        const campaigns = valueOf(gets[1])
        assert.equal(campaigns.count, campaigns.entities.length)
        const [first] = campaigns.entities
        assert.deepEqual([first?.class, first?.id, first?.name], ['Campaign', 200_001, 'Spring Launch'])
        assert.match(String(first?.start_date), /^2026-01-01T05:00:00/)
        assert.equal(valueOf(gets[2]).entities[0]?.name, 'Spring Launch')

        const [session, ...reads] = front.seen()
        assert.equal(session?.target, '/api/v2.0/session')
        for (const { headers } of reads) {
          assert.equal(headers.cookie, `adama_session=${sessionId}`)
          assert.equal(headers.authorization, `Bearer ${accessToken}`)
        }
      }
    })

    test(`refusals become the library's own errors in ${form}`, async () => {
      const { drive } = await started
      const wrongPassword = await drive('by its options', {
        arguments: { ...COOKIE_MODE, password: 'wrong', json: asJson },
      })
      const { type, message, code } = errorOf(wrongPassword.signIn)
      assert.deepEqual([type, message, code], ['AuthRequiredError', 'Authentication error', 'auth_error'])

      const wrongKey = await drive('by its options', {
        arguments: { ...COOKIE_MODE, api_key: 'no-such-key', json: asJson },
      })
      assert.equal(errorOf(wrongKey.signIn).type, 'T1Error')
      assert.match(errorOf(wrongKey.signIn).message, /<h1>Developer Inactive<\/h1>/)

      const unknownSession = await drive('by the names of the platform', {
        arguments: { session_id: '0'.repeat(40), api_key: DEMO.apiKey, json: asJson },
      })
      assert.equal(errorOf(unknownSession.signIn).type, 'AuthRequiredError')
      assert.equal(errorOf(unknownSession.signIn).code, 'auth_required')

      const { gets } = await drive('by its options', {
        arguments: { ...COOKIE_MODE, json: asJson },
        gets: [
          { collection: 'organizations', entity: 1 },
          { collection: 'organizations', query: 'nobody==X' },
          { collection: 'campaigns' },
        ],
      })
      assert.equal(errorOf(gets[0]).type, 'NotFoundError')
      assert.equal(errorOf(gets[1]).type, 'ValidationError')
      assert.match(errorOf(gets[1]).message, /^invalid\nq: /)
      assert.equal(errorOf(gets[2]).type, 'AuthRequiredError')
      assert.match(errorOf(gets[2]).message, /\/api\/v2\.0\/session .*Authorization/)
    })
  }

  test('a user of the company directory signs in by the name before @mediamath.com', async () => {
    const { drive, front, postern } = await started
    const realm = 'MediaMathActiveDirectory'
    const create = [
      'users',
      'create',
      '--username',
      'jsmith',
      '--realm',
      realm,
      '--role',
      'MANAGER',
      '--scope',
      'GLOBAL',
    ]
    await postern([...create, '--json'], `${DEMO.password}\n`)
    for (const username of ['jsmith@MediaMath.com', 'jsmith']) {
      front.seen()
      const { signIn } = await drive('by its options', { arguments: { ...OWNER_MODE, username } })
      assert.ok(valueOf(signIn).accessToken)
      const [grant] = front.seen()
      const sent = JSON.parse(grant?.body ?? '') as Record<string, unknown>
      assert.deepEqual([sent.realm, sent.username, sent.scope], [realm, 'jsmith', 'openid'])
    }
    // With a realm of one's own choice the library sends no scope: null.
    const { signIn } = await drive('by its options', { arguments: { ...OWNER_MODE, username: 'jsmith', realm } })
    assert.ok(valueOf(signIn).accessToken)
    assert.match(front.seen()[0]?.body ?? '', /"scope": null/)
  })

  test("a wrong password at the token endpoint is the library's ClientError, with the answer in it", async () => {
    const { drive } = await started
    const { signIn } = await drive('by its options', { arguments: { ...OWNER_MODE, password: 'wrong' } })
    const { type, message } = errorOf(signIn)
    assert.equal(type, 'ClientError')
    assert.match(message, /^Failed to get OAuth2 token\. Error: .*"invalid_grant"/)
    assert.match(message, /Wrong email or password\./)
  })

  test('a delayed sign-in asks nothing of the server', async () => {
    const { drive, front } = await started
    front.seen()
    const { signIn } = await drive('by its options', { arguments: { ...COOKIE_MODE, auth_method: 'delayed' } })
    valueOf(signIn)
    assert.deepEqual(front.seen(), [])
  })
})

async function start() {
  const front = await startTlsFront()
  const server = await startServer({
    urls: { auth: front.url, api: front.url, auth_aliases: [...PLATFORM_HOSTS] },
    listen: { trusted_proxies: ['127.0.0.1'] },
  })
  front.forwardTo(server.port)
  const drive = (pointing: Pointing, work: Work) => {
    assert.equal(library.kind, 'there')
    return driveTerminalOne(library, front, pointing, work)
  }
  const sessionId = valueOf((await drive('by its options', { arguments: COOKIE_MODE })).signIn).sessionId ?? ''
  return { ...server, front, drive, sessionId }
}
