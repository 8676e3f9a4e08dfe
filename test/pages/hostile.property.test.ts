import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accountPage } from '#pages/account.ts'
import { prepareBrand } from '#pages/brand.ts'
import { consentPage } from '#pages/consent.ts'
import { deviceAnswerPage, deviceCodePage } from '#pages/device_code.ts'
import { errorPage } from '#pages/error.ts'
import { formPostPage } from '#pages/form_post.ts'
import { passwordChangePage } from '#pages/password_change.ts'
import { webMessagePage } from '#pages/web_message.ts'
import { signInPage } from '#pages/sign_in.ts'
import { english } from '#pages/texts/en.ts'
import { elementsOf, readMarkup, shapeOf, type Element } from './markup.ts'
import { accountData, consentData, deviceData, passwordData, signInData } from './states.ts'

const { brand } = prepareBrand({ name: 'Postern' })
const look = { brand, texts: english }

/** Anything that a stranger could register, type or put into a link: with what HTML, URLs and terminals make something of. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom(
        '"><script>alert(1)</script>',
        "' onmouseover='alert(1)",
        '</title><img src=x onerror=alert(1)>',
        '<!--',
        ']]>',
        '{{7*7}}',
        '${7*7}',
        '&lt;b&gt;',
        '&#60;',
        '\u202e',
        '\u2066',
        '\u0000',
        '\u001b[31m',
        '\u2028',
        '\ud800',
        'javascript:alert(1)',
        '\r\nSet-Cookie: a=b',
      ),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => `x${parts.join('')}`)

const find = (root: Element, id: string): Element =>
  elementsOf(root).find(({ attributes }) => attributes.get('id') === id)!

/** The page has the same elements with the same attributes, whatever the texts are. */
const keepsShape = (make: (text: string) => { readonly html: string }): void => {
  const expected = shapeOf(readMarkup(make('x').html))
  fc.assert(
    fc.property(hostile, (text) => {
      assert.equal(shapeOf(readMarkup(make(text).html)), expected)
    }),
    { numRuns: 60 },
  )
}

test('no text changes the sign-in page, and the user name comes back as it was typed', () => {
  keepsShape((text) =>
    signInPage({
      ...look,
      ...signInData,
      request: text,
      clientName: text,
      username: text,
      realm: text,
      problem: 'wrong',
    }),
  )
  fc.assert(
    fc.property(hostile, (text) => {
      const root = readMarkup(signInPage({ ...look, ...signInData, username: text }).html)
      assert.equal(find(root, 'username').attributes.get('value'), text.slice(0, 320))
    }),
  )
})

test('no name and no description changes the consent page', () => {
  keepsShape((text) =>
    consentPage({
      ...look,
      ...consentData,
      request: text,
      account: { name: text, username: text },
      client: { ...consentData.client, name: text, host: text },
      scopes: [
        { name: text, description: text, isOn: true },
        { name: text, description: text, isOn: true, required: text },
      ],
      offline: { isOn: true, required: text },
      organizations: { choice: 'some', total: 1, list: [{ id: 7, name: text, isOn: true }] },
    }),
  )
})

test('no text changes the pages of a device, and the code comes back as it was typed', () => {
  keepsShape((text) =>
    consentPage({ ...look, ...consentData, client: { ...consentData.client, host: undefined, deviceCode: text } }),
  )
  keepsShape((text) => deviceCodePage({ ...look, ...deviceData, typed: text }))
  keepsShape((text) => deviceAnswerPage({ ...look, answer: 'allowed', clientName: text, account: '/account' }))
  fc.assert(
    fc.property(hostile, (text) => {
      const root = readMarkup(deviceCodePage({ ...look, ...deviceData, typed: text }).html)
      assert.equal(find(root, 'user_code').attributes.get('value'), text.slice(0, 32))
    }),
  )
})

test('no text changes the account page', () => {
  keepsShape((text) =>
    accountPage({
      ...look,
      ...accountData,
      csrf: text,
      account: { name: text, username: text },
      clients: accountData.clients.map((client) => ({
        ...client,
        id: text,
        name: text,
        scopes: [text],
        organizations: [text],
      })),
      notice: { kind: 'access_ended', clientName: text },
    }),
  )
})

test('no text changes the other pages', () => {
  keepsShape((text) => errorPage({ ...look, title: text, text, whatToDo: text, requestId: text }))
  keepsShape((text) => passwordChangePage({ ...look, ...passwordData, csrf: text, username: text }))
  keepsShape((text) =>
    formPostPage({
      ...look,
      action: 'https://client.example/cb',
      fields: { state: text, [text]: text },
      clientName: text,
    }),
  )
})

test('no text changes the page that hands over a message, and each arrives as it was', () => {
  const make = (text: string) =>
    webMessagePage({
      ...look,
      origin: 'https://client.example',
      response: { state: text, [text]: 'x' },
      clientName: text,
    })
  keepsShape(make)
  fc.assert(
    fc.property(hostile, (text) => {
      const given = find(readMarkup(make(text).html), 'web-message').attributes.get('data-response') ?? ''
      assert.deepEqual(JSON.parse(given), { state: text, [text]: 'x' })
    }),
  )
})

test('a brand is not trusted either', () => {
  keepsShape((text) => {
    const { brand } = prepareBrand({ name: text })
    return consentPage({ ...look, brand, ...consentData, client: { ...consentData.client, isThirdParty: false } })
  })
})
