import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PROFILE } from '../provider.ts'
import type { Claims, UserinfoRequest } from '../relying_party.ts'
import type { Plan } from './plan.ts'

const { email, email_verified, address, phone_number, phone_number_verified, ...profile } = PROFILE

/** OpenID Connect Core 1.0 §5.4. */
const CLAIMS_OF_SCOPE: Readonly<Record<string, Claims>> = {
  profile,
  email: { email, email_verified },
  address: { address },
  phone: { phone_number, phone_number_verified },
}

/** What is told about the person, and how it is asked for (OpenID Connect Core 1.0 §5.3, §5.4). */
export const walkClaims = ({ provider, party }: Plan): void => {
  const { makeVisitor, choice, account } = provider

  const walkUserinfo = (module: string, how: UserinfoRequest): void => {
    test(module, async () => {
      const tokens = await party.signIn(makeVisitor(), choice)
      assert.deepEqual(await party.userinfo(tokens, how), { sub: tokens.claims.sub })
      // Without a token, and with one that was changed, nothing but how to ask (RFC 6750 §3).
      for (const token of ['', `${tokens.accessToken.slice(0, -4)}AAAA`]) {
        const refused = await party.askUserinfo(token, how)
        assert.equal(refused.status, 401)
        assert.equal(refused.body['sub'], undefined)
        assert.match(refused.headers.get('www-authenticate') ?? '', /^Bearer\b/)
      }
    })
  }
  walkUserinfo('oidcc-userinfo-get', 'get')
  walkUserinfo('oidcc-userinfo-post-header', 'post_header')
  walkUserinfo('oidcc-userinfo-post-body', 'post_body')

  /** @param scopes - besides openid */
  const walkScopes = (module: string, scopes: readonly string[], written = ['openid', ...scopes].join(' ')): void => {
    test(module, async () => {
      const tokens = await party.signIn(makeVisitor(), choice, { scope: written })
      assert.deepEqual([...tokens.scopes].sort(), ['openid', ...scopes].sort())
      const { updated_at: updatedAt, ...told } = await party.userinfo(tokens)
      const wanted = Object.assign({}, ...scopes.map((scope) => CLAIMS_OF_SCOPE[scope])) as Claims
      assert.deepEqual(told, { sub: tokens.claims.sub, ...wanted }, 'those of the scopes, and no others')
      // A number, not a text (§5.1).
      assert.equal(updatedAt, scopes.includes('profile') ? account.updatedAt : undefined)
    })
  }
  walkScopes('oidcc-scope-profile', ['profile'])
  walkScopes('oidcc-scope-email', ['email'])
  walkScopes('oidcc-scope-address', ['address'])
  walkScopes('oidcc-scope-phone', ['phone'])
  walkScopes('oidcc-scope-all', ['profile', 'email', 'address', 'phone'])
  walkScopes('oidcc-ensure-other-scope-order-succeeds', ['email'], 'email openid')

  test('oidcc-claims-essential', async () => {
    const claims = JSON.stringify({ userinfo: { name: { essential: true } } })
    const tokens = await party.signIn(makeVisitor(), choice, { claims, prompt: 'consent' })
    assert.deepEqual(await party.userinfo(tokens), { sub: tokens.claims.sub, name: PROFILE.name })
    assert.ok(!('name' in tokens.claims), 'it was asked for at userinfo')
  })
}
