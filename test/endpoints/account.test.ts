import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  authorize,
  isSignIn,
  makeSite,
  openBrowser,
  plainText,
  signInHere,
  type Stop,
} from '../support/browser_like.ts'
import { PASSWORD, startPostern } from '../support/running_postern.ts'
import { file } from '../attacks/attacking.ts'

// What the account page says, and what it says after something was done there.

const postern = await startPostern(file)

/** The entry of each client, as text. */
const entriesOf = ({ text }: Stop): readonly string[] =>
  [...text.matchAll(/<article\b[\s\S]*?<\/article>/g)].map(([entry]) => plainText(entry))

const newsOf = ({ text }: Stop): string | undefined => {
  const [, news] = /role="status"[^>]*>([\s\S]*?)<\/div>/.exec(text) ?? []
  return news === undefined ? undefined : plainText(news)
}

test('the page lists every client with all that it may do, also what it learns of the person', async () => {
  const person = await postern.makeAccount()
  const browser = openBrowser(postern)
  await authorize(postern, await makeSite(postern), person, {
    browser,
    parameters: { scope: 'openid profile email offline_access read:entities write:entities' },
    decided: { scopes: ['profile', 'read:entities', 'offline_access'] },
  })
  const [entry = '', ...others] = entriesOf(await browser.get('/account'))
  assert.deepEqual(others, [])
  for (const words of [
    /Made by a third party/,
    /Keeps access when you are away/,
    /See your organizations, agencies/,
    /Recognise you/,
    /See your name/,
    /All that you can see/,
    /Since \d+ \w+ \d{4}/,
    /Last used \d+ \w+ \d{4} at \d\d:\d\d UTC/,
  ]) {
    assert.match(entry, words)
  }
  // Switched off on the consent page, and not here either.
  assert.doesNotMatch(entry, /Create and change|e-mail/)
})

test('a client that signs in with the password is listed as that, and ends with one click', async () => {
  const person = await postern.makeAccount()
  const client = await postern.makeClient()
  const signedIn = await postern.token({
    grant_type: 'password',
    ...{ username: person.username, password: PASSWORD, scope: 'openid read:entities' },
    ...{ client_id: client.client.id, client_secret: client.secret },
  })
  assert.equal(signedIn.status, 200)
  const browser = openBrowser(postern)
  const page = await signInHere(browser, person)
  assert.match(entriesOf(page).join(), /Signs in with your password.*See your organizations.*Last used \d/)
  const after = await browser.submit(page, '/account/end-access', { client_id: client.client.id })
  assert.deepEqual(entriesOf(after), [])
  const answer = await fetch(`${postern.origin}/userinfo`, {
    headers: { authorization: `Bearer ${signedIn.body.access_token}` },
  })
  assert.equal(answer.status, 401)
})

test('what was done is said first: that access has ended, and whose; that the password is changed', async () => {
  const person = await postern.makeAccount()
  const client = await makeSite(postern)
  const browser = openBrowser(postern)
  await authorize(postern, client, person, { browser })
  const page = await browser.get('/account')
  assert.equal(newsOf(page), undefined)
  const ended = await browser.submit(page, '/account/end-access', { client_id: client.client.id })
  assert.equal(newsOf(ended), `Access has ended ${client.client.name} can do nothing in your name any more.`)
  const changed = await browser.submit(await browser.get('/account/password'), '/account/password', {
    current_password: PASSWORD,
    new_password: 'a new horse battery',
    new_password_again: 'a new horse battery',
  })
  assert.match(newsOf(changed) ?? '', /Your password is changed/)
  assert.equal(newsOf(await browser.get('/account')), undefined)
})

test('no link makes the page say what was not done by the one who looks at it', async () => {
  const person = await postern.makeAccount()
  const client = await makeSite(postern)
  const here = openBrowser(postern)
  await authorize(postern, client, person, { browser: here })
  const { path } = await here.submit(await here.get('/account'), '/account/end-access', { client_id: client.client.id })
  assert.match(path, /^\/account\?notice=/)
  assert.match(newsOf(await here.get(path)) ?? '', /Access has ended/)

  const there = openBrowser(postern)
  assert.ok(isSignIn(await there.get(path)))
  await signInHere(there, person)
  for (const link of [path, `${path}x`, '/account?notice=', '/account?notice=access_ended']) {
    const page = await there.get(link)
    assert.deepEqual([page.status, newsOf(page)], [200, undefined], link)
  }
})

test('a client that holds nothing now is listed as that, for what was allowed is remembered', async () => {
  const person = await postern.makeAccount()
  const browser = openBrowser(postern)
  await authorize(postern, await makeSite(postern), person, { browser })
  await browser.submit(await browser.get('/account'), '/account/sign-out-everywhere')
  assert.match(entriesOf(await signInHere(browser, person)).join(), /Last used Not in use now/)
})
