import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Plan } from './plan.ts'

/** What codes and refresh tokens are good for, and how often (RFC 6749 §4.1.2 and §6, OpenID Connect Core 1.0 §12). */
export const walkCodes = ({ provider, party, responseMode }: Plan): void => {
  const { makeVisitor, choice, travel, register } = provider

  const walkReuse = (module: string, later: number): void => {
    test(module, async () => {
      const attempt = party.ask()
      const code = party.readCode(attempt, await makeVisitor().passThrough(attempt.url, choice))
      const tokens = await party.accept(attempt, await party.redeem(code))
      travel(later)
      await party.userinfo(tokens)
      const { status, body } = await party.redeem(code)
      assert.deepEqual([status, body.error, body.access_token], [400, 'invalid_grant', undefined])
      // Who has the code twice may not be the client: what the first use brought ends as well.
      assert.equal((await party.askUserinfo(tokens.accessToken)).status, 401)
    })
  }
  walkReuse('oidcc-codereuse', 0)
  walkReuse('oidcc-codereuse-30seconds', 30)

  test('oidcc-refresh-token', async () => {
    const attempt = party.ask({ scope: 'openid email offline_access', prompt: 'consent' })
    const code = party.readCode(attempt, await makeVisitor().passThrough(attempt.url, choice))
    const first = await party.accept(attempt, await party.redeem(code))
    assert.ok(first.refreshToken !== undefined)
    travel(30)

    // The same person, the same sign-in, a later token, and no nonce: nothing was asked of a person (§12.2).
    const answer = await party.refresh(first.refreshToken)
    const second = await party.accept({ ...attempt, sent: { ...attempt.sent, nonce: undefined } }, answer)
    for (const name of ['iss', 'sub', 'aud', 'auth_time', 'azp'] as const) {
      assert.deepEqual(second.claims[name], first.claims[name], name)
    }
    assert.ok(second.claims.iat > first.claims.iat)
    assert.notEqual(second.accessToken, first.accessToken)
    assert.deepEqual(await party.userinfo(second), await party.userinfo(first))

    // It is the client's own: another that authenticates as itself gets nothing for it, and ends nothing.
    const other = await register({ responseMode })
    const foreign = await other.refresh(first.refreshToken)
    assert.deepEqual([foreign.status, foreign.body.error], [400, 'invalid_grant'])
    const kept = second.refreshToken ?? first.refreshToken
    assert.equal((await party.refresh(kept)).status, 200)
    const unknown = await party.refresh(`${kept}x`)
    assert.deepEqual([unknown.status, unknown.body.error], [400, 'invalid_grant'])
  })
}
