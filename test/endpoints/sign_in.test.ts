import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  allowAt,
  assertConsent,
  authorizePath,
  assertErrorPage,
  boxesOf,
  fieldsOf,
  isConsent,
  isSignIn,
  makeSite,
  openBrowser,
  plainText,
  readCode,
  redeem,
  signInAt,
} from '../support/browser_like.ts'
import { claimsOf, startPostern } from '../support/running_postern.ts'
import { assertGranted, file } from '../attacks/attacking.ts'

// Signing in and deciding where nobody attacks anything: directories, pages that were left open, requests that are long.

const DIRECTORY = 'MediaMathActiveDirectory'
const postern = await startPostern(file)
const HOUR = 3600

test('the directory that a request names is on the page from the start, and is where the account is looked for', async () => {
  const site = await makeSite(postern)
  const person = await postern.makeAccount({ realm: DIRECTORY, username: 'zoe' })
  const browser = openBrowser(postern)
  const page = await browser.get(authorizePath(site, { connection: DIRECTORY }))
  assert.match(plainText(page.text), /Directory MediaMathActiveDirectory/)
  const wrong = await signInAt(browser, page, person, 'not the password')
  assert.match(plainText(wrong.text), /That did not work.*Directory MediaMathActiveDirectory/)
  assertConsent(await signInAt(browser, wrong, person))

  // Without it, or with a name that is none, it is the default.
  for (const connection of [undefined, 'google-oauth2']) {
    const other = openBrowser(postern)
    const plain = await other.get(authorizePath(site, { connection }))
    assert.doesNotMatch(plainText(plain.text), /Directory/)
    assert.equal((await signInAt(other, plain, person)).status, 400)
  }
})

test('a sign-in page that was open for more than an hour signs nobody in, and is there again', async () => {
  const site = await makeSite(postern)
  const person = await postern.makeAccount()
  for (const path of [authorizePath(site, { state: 'kept' }), '/account']) {
    const browser = openBrowser(postern)
    const page = await browser.get(path)
    postern.travel(HOUR + 1)
    const again = await signInAt(browser, page, person)
    assert.deepEqual([again.status, browser.cookies.size], [400, 0])
    assert.match(plainText(again.text), /Please sign in again/)
    const goesOn = await signInAt(browser, again, person)
    assert.equal(goesOn.status, 200)
    assert.equal(isConsent(goesOn), path !== '/account')
    if (isConsent(goesOn)) assert.match((await allowAt(browser, goesOn)).location ?? '', /[?&]state=kept(&|$)/)
  }
})

test('a consent page that was open for more than an hour allows nothing, and is there again as it was left', async () => {
  const site = await makeSite(postern)
  const person = await postern.makeAccount()
  const browser = openBrowser(postern)
  const page = await signInAt(browser, await browser.get(authorizePath(site)), person)
  postern.travel(HOUR + 1)
  const again = await allowAt(browser, page, { scopes: ['read:entities'] })
  assert.deepEqual([again.status, again.location], [400, undefined])
  assert.match(plainText(again.text), /Please look at this again/)
  assert.deepEqual(boxesOf(again, 'scope'), ['read:entities', 'write:entities'])
  assert.deepEqual(fieldsOf(again, '/consent')['scope'], ['read:entities'])
  assert.deepEqual(await postern.store.grants.list(person.id), [])

  // In another browser, or signed in anew, it is nobody's page; and saying no needs no second look.
  const stranger = openBrowser(postern)
  await signInAt(stranger, await stranger.get('/account'), person)
  assertErrorPage(await stranger.submit(page, '/consent', { decision: 'allow' }), 403)
  const code = readCode(await allowAt(browser, again))
  const tokens = assertGranted(await redeem(postern, { code, verifier: undefined, client: site }))
  assert.equal(claimsOf(tokens.access_token)['scope'], 'read:entities')
  postern.travel(HOUR + 1)
  const denied = await browser.submit(again, '/consent', { decision: 'deny' })
  assert.match(denied.location ?? '', /error=access_denied/)
})

test('a request that is as long as may be comes through signing in, and a longer one is refused before', async () => {
  const site = await makeSite(postern)
  const person = await postern.makeAccount()
  const padded = (length: number): string => {
    const path = authorizePath(site, { padding: '' })
    return path + 'x'.repeat(length - path.slice('/authorize?'.length).length)
  }
  const browser = openBrowser(postern)
  assert.ok(isConsent(await signInAt(browser, await browser.get(padded(8192)), person)))
  assertErrorPage(await openBrowser(postern).get(padded(8193)))
  const form = padded(8192).slice('/authorize?'.length)
  for (const [body, isTaken] of [
    [form, true],
    [`${form}x`, false],
  ] as const) {
    const answer = await fetch(`${postern.origin}/authorize`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
    })
    assert.equal(answer.status, isTaken ? 303 : 400)
  }
  assert.ok(isSignIn(await openBrowser(postern).get(padded(8192))))
})
