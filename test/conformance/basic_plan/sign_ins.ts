import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findForm, titleOf } from '../../support/person.ts'
import type { Parameters, Tokens } from '../relying_party.ts'
import type { Plan } from './plan.ts'

/** Who is asked to sign in and when, and what the person is asked with (OpenID Connect Core 1.0 §3.1.2.1). */
export const walkSignIns = ({ provider, party }: Plan): void => {
  const { makeVisitor, choice, travel } = provider

  /** Signs in, and a minute later asks again with these parameters: whether the person was asked to sign in, and both answers. */
  const signInTwice = async (parameters: (first: Tokens) => Parameters, minutes = 1, atFirst: Parameters = {}) => {
    const visitor = makeVisitor()
    const first = await party.signIn(visitor, choice, atFirst)
    travel(60 * minutes)
    const attempt = party.ask(parameters(first))
    const shown = await visitor.open(attempt.url)
    const isAsked = findForm(shown, 'password=') !== undefined
    const done = isAsked ? await visitor.passThrough(attempt.url, choice) : shown
    const second = await party.accept(attempt, await party.redeem(party.readCode(attempt, done)))
    assert.equal(second.claims.sub, first.claims.sub)
    return { first, second, isAsked }
  }
  const timeOf = ({ claims }: Tokens): number => {
    assert.ok(claims.auth_time !== undefined)
    return claims.auth_time
  }

  test('oidcc-prompt-login', async () => {
    const { first, second, isAsked } = await signInTwice(() => ({ prompt: 'login' }))
    assert.ok(isAsked, 'a person who is signed in signs in again')
    assert.ok(timeOf(second) > timeOf(first))
  })

  test('oidcc-prompt-none-not-logged-in', async () => {
    const attempt = party.ask({ prompt: 'none' })
    const answer = party.read(attempt, await makeVisitor().open(attempt.url))
    assert.ok('error' in answer)
    assert.equal(answer.error, 'login_required')
  })

  test('oidcc-prompt-none-logged-in', async () => {
    const { first, second, isAsked } = await signInTwice(() => ({ prompt: 'none' }))
    assert.ok(!isAsked)
    assert.equal(timeOf(second), timeOf(first))
  })

  test('oidcc-max-age-1', async () => {
    const { first, second, isAsked } = await signInTwice(() => ({ max_age: '1' }))
    assert.ok(isAsked, 'the sign-in is too long ago')
    assert.ok(timeOf(second) > timeOf(first))
  })

  test('oidcc-max-age-10000', async () => {
    const { first, second, isAsked } = await signInTwice(() => ({ max_age: '10000' }))
    assert.ok(!isAsked, 'the sign-in is recent enough')
    assert.equal(timeOf(second), timeOf(first))
  })

  test('oidcc-id-token-hint', async () => {
    const silently = await signInTwice(({ idToken }) => ({ prompt: 'none', id_token_hint: idToken }))
    assert.ok(!silently.isAsked)
    // Where another is meant than the one who is here, nobody is told that somebody else is.
    const stranger = await provider.postern.makeAccount()
    const theirs = await party.signIn(makeVisitor(), { ...choice, username: stranger.username })
    const attempt = party.ask({ prompt: 'none', id_token_hint: theirs.idToken })
    const visitor = makeVisitor()
    await party.signIn(visitor, choice)
    const answer = party.read(attempt, await visitor.open(attempt.url))
    assert.ok('error' in answer)
    assert.equal(answer.error, 'login_required')
  })

  test('oidcc-login-hint', async () => {
    const attempt = party.ask({ login_hint: choice.username })
    const visitor = makeVisitor()
    const page = await visitor.open(attempt.url)
    assert.ok(findForm(page, `username=${choice.username}`) !== undefined, titleOf(page))
    await party.accept(
      attempt,
      await party.redeem(party.readCode(attempt, await visitor.passThrough(attempt.url, choice))),
    )
  })

  /** What the provider may do nothing about, and must not stumble over. */
  const walkHints = (module: string, parameters: Parameters): void => {
    test(module, async () => {
      await party.userinfo(await party.signIn(makeVisitor(), choice, parameters))
    })
  }
  walkHints('oidcc-display-page', { display: 'page' })
  walkHints('oidcc-display-popup', { display: 'popup' })
  walkHints('oidcc-ui-locales', { ui_locales: 'se fr-CA en' })
  walkHints('oidcc-claims-locales', { claims_locales: 'se de' })

  test('oidcc-ensure-request-with-acr-values-succeeds', async () => {
    const [known = ''] = provider.metadata['acr_values_supported'] as readonly string[]
    const { claims } = await party.signIn(makeVisitor(), choice, { acr_values: `urn:example:unknown ${known}` })
    assert.equal(claims.acr, known)
    // It is a wish: where it cannot be fulfilled, the token says what was done instead.
    const other = await party.signIn(makeVisitor(), choice, { acr_values: 'urn:example:unknown' })
    assert.equal(other.claims.acr, known)
  })
}
