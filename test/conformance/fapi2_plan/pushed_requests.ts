import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findForm } from '../../support/person.ts'
import { accessTokenOf, assertRefused, type Fapi2Plan } from './plan.ts'

/** How often, for how long and for whom a pushed request is good (RFC 9126 §2, §4, §7). */
export const walkPushedRequests = ({ provider, party, second, named }: Fapi2Plan): void => {
  const { metadata, makeVisitor, choice, travel } = provider

  test(named('par-ensure-reused-request-uri-prior-to-auth-completion-succeeds'), async () => {
    const request = party.ask()
    const url = party.urlOf(await party.push(request))
    // Loaded twice, by a person who has not signed in yet.
    const visitor = makeVisitor()
    assert.ok(findForm(await visitor.open(url), 'password=') !== undefined)
    const answer = party.read(request, await visitor.passThrough(url, choice))
    assert.ok('code' in answer)
    accessTokenOf(await party.redeem({ ...request, code: answer.code }))
  })

  test(named('par-attempt-reuse-request_uri'), async () => {
    const request = party.ask()
    const url = party.urlOf(await party.push(request))
    const visitor = makeVisitor()
    party.read(request, await visitor.passThrough(url, choice))
    assert.equal((await visitor.passThrough(url, choice)).status, 400)
  })

  test(named('par-attempt-to-use-expired-request_uri'), async () => {
    const pushed = await party.push(party.ask())
    const url = party.urlOf(pushed)
    travel(Number(pushed.body['expires_in']) + 1)
    assert.equal((await makeVisitor().passThrough(url, choice)).status, 400)
  })

  test(named('par-attempt-to-use-request_uri-for-different-client'), async () => {
    const url = party.urlOf(await party.push(party.ask()), { client_id: second.clientId })
    assert.equal((await makeVisitor().passThrough(url, choice)).status, 400)
  })

  test(named('par-authorization-request-containing-request_uri-form-param'), async () => {
    const pushed = await party.push(party.ask())
    const again = party.ask({ request_uri: String(pushed.body['request_uri']) })
    assertRefused(await party.push(again), ['invalid_request', 'invalid_request_object'])
  })

  test(named('par-attempt-invalid-http-method'), async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const response = await fetch(String(metadata['pushed_authorization_request_endpoint']), { method })
      assert.ok([404, 405].includes(response.status), `${method}: ${response.status}`)
    }
  })

  test(named('par-without-duplicate-parameters'), async () => {
    const request = party.ask()
    const url = party.urlOf(await party.push(request))
    assert.deepEqual([...url.searchParams.keys()], ['client_id', 'request_uri'])
    assert.ok('code' in party.read(request, await makeVisitor().passThrough(url, choice)))
  })
}
