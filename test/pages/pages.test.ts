import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prepareBrand } from '#pages/brand.ts'
import { english } from '#pages/texts/en.ts'
import { elementsOf, readMarkup, textOf, type Element } from './markup.ts'
import { markedTexts, withoutMarked } from './marked_texts.ts'
import { statesOf } from './states.ts'

const { brand, assets } = prepareBrand({ name: 'Postern' })
const states = Object.entries(statesOf({ brand, texts: english })).map(([name, state]) => ({
  name,
  ...state,
  elements: elementsOf(readMarkup(state.page.html)),
}))

const isA =
  (...names: readonly string[]) =>
  ({ name }: Element): boolean =>
    names.includes(name)
const attribute = (element: Element, name: string): string | undefined => element.attributes.get(name)

test('no page has a style, a script or a handler in it, and all that it loads are our own files', () => {
  const paths = assets.map(({ path }) => path)
  for (const { name, page, elements } of states) {
    for (const element of elements) {
      assert.notEqual(element.name, 'style', name)
      for (const [key, value] of element.attributes) {
        assert.doesNotMatch(key, /^(?:style|on.*|srcdoc|http-equiv)$/, name)
        if (key === 'src') assert.ok(paths.includes(value), `${name}: ${value}`)
      }
    }
    const scripts = elements.filter(isA('script'))
    const expected = { 'form-post': brand.formPostScript, 'web-message': brand.webMessageScript }[name]
    assert.equal(scripts.length, expected === undefined ? 0 : 1, name)
    assert.equal(page.hasScript, scripts.length > 0)
    for (const script of scripts) {
      assert.equal(attribute(script, 'src'), expected)
      assert.equal(textOf(script), '')
    }
  }
})

test('no two elements of a page have one id, and what refers to an id finds it', () => {
  for (const { name, elements } of states) {
    const ids = elements.map((element) => attribute(element, 'id')).filter((id) => id !== undefined)
    assert.deepEqual(ids, [...new Set(ids)], name)
    for (const element of elements) {
      for (const key of ['for', 'aria-describedby', 'aria-labelledby']) {
        for (const id of attribute(element, key)?.split(' ') ?? []) assert.ok(ids.includes(id), `${name}: ${key}=${id}`)
      }
    }
  }
})

const isHidden = (element: Element): boolean =>
  element.attributes.has('hidden') || attribute(element, 'type') === 'hidden'

test('every field has a label, every button a name, and every group of fields says what it is about', () => {
  for (const { name, elements } of states) {
    const labelled = new Set(elements.filter(isA('label')).map((label) => attribute(label, 'for')))
    for (const element of elements.filter((each) => isA('input', 'button', 'a')(each) && !isHidden(each))) {
      if (element.name === 'input') {
        const label = element.parent?.name === 'label' ? textOf(element.parent) : undefined
        assert.ok(label === undefined ? labelled.has(attribute(element, 'id')) : label.trim() !== '', name)
      } else assert.notEqual(textOf(element).trim(), '', name)
    }
    for (const fieldset of elements.filter(isA('fieldset'))) {
      assert.equal(fieldset.children.filter((child) => typeof child !== 'string' && child.name === 'legend').length, 1)
    }
  }
})

test('every page has a language, a title of its own, one main heading and no step left out below it', () => {
  for (const { name, elements } of states) {
    assert.equal(attribute(elements[0]!, 'lang'), 'en')
    const title = textOf(elements.find(isA('title'))!)
    assert.match(title, /^\S.* · Postern$/, name)
    const levels = elements.filter(({ name }) => /^h\d$/.test(name)).map(({ name }) => Number(name[1]))
    assert.equal(levels[0], 1, name)
    assert.equal(levels.filter((level) => level === 1).length, 1, name)
    levels.forEach((level, index) => assert.ok(level <= (levels[index - 1] ?? 0) + 1, `${name}: h${level}`))
    assert.equal(elements.filter(isA('main')).length, 1)
    const problem = elements.some((element) => attribute(element, 'role') === 'alert')
    assert.equal(title.startsWith('Problem: '), problem, name)
  }
})

test('a problem is where the page begins to be read, and nothing else is', () => {
  for (const { name, elements } of states) {
    const focused = elements.filter((element) => element.attributes.has('autofocus'))
    assert.ok(focused.length <= 1, name)
    const box = elements.find((element) => ['alert', 'status'].includes(attribute(element, 'role') ?? ''))
    if (box !== undefined) assert.deepEqual(focused, [box], name)
  }
})

test('every form is posted to where its data says, and sends what the endpoints expect', () => {
  const fieldsOf = (stateName: string): readonly (readonly string[])[] => {
    const { elements } = states.find(({ name }) => name === stateName)!
    return elements.filter(isA('form')).map((form) => {
      assert.equal(attribute(form, 'method'), 'post')
      const fields = elementsOf(form).filter((each) => isA('input', 'button')(each) && each.attributes.has('name'))
      return [
        attribute(form, 'action')!,
        ...new Set(
          fields.map((field) =>
            ['decision', 'organizations'].includes(attribute(field, 'name')!)
              ? `${attribute(field, 'name')}=${attribute(field, 'value')}`
              : attribute(field, 'name')!,
          ),
        ),
      ]
    })
  }
  assert.deepEqual(fieldsOf('sign-in'), [['/sign-in', 'request', 'username', 'password']])
  assert.deepEqual(fieldsOf('consent'), [
    ['/consent', 'request', 'decision=switch'],
    [
      '/consent',
      'request',
      'scope',
      'organizations=all',
      'organizations=some',
      'organization',
      'decision=deny',
      'decision=allow',
    ],
  ])
  assert.deepEqual(fieldsOf('device-code-brought'), [['/device', 'user_code']])
  assert.deepEqual(fieldsOf('device-allowed'), [])
  assert.deepEqual(fieldsOf('account-access-ended'), [
    ['/account/end-access', 'csrf', 'client_id'],
    ['/account/sign-out', 'csrf'],
    ['/account/sign-out-everywhere', 'csrf'],
  ])
  assert.deepEqual(fieldsOf('password-change'), [
    ['/account/password', 'csrf', 'current_password', 'new_password', 'new_password_again'],
  ])
  assert.deepEqual(fieldsOf('form-post'), [['http://localhost:9401/callback', 'code', 'state', 'iss']])
  for (const { name, elements } of states) {
    if (name.startsWith('error')) assert.deepEqual(elements.filter(isA('a', 'form')), [], 'an error page leads nowhere')
  }
})

test('what is required on the consent page is not a field, and what is optional is as it was', () => {
  const { elements } = states.find(({ name }) => name === 'consent')!
  const boxes = elements
    .filter((element) => attribute(element, 'type') === 'checkbox')
    .map((box) => [attribute(box, 'name'), attribute(box, 'value'), box.attributes.has('checked')])
  assert.deepEqual(boxes, [
    ['scope', 'profile', true],
    ['scope', 'email', false],
    ['scope', 'write:entities', true],
    ['scope', 'read:users', false],
    ['scope', 'offline_access', true],
    ['organization', '100048', false],
    ['organization', '100112', false],
    ['organization', '100377', false],
  ])
})

test('Enter in a box decides nothing: the first button of the form leads nowhere', () => {
  for (const { elements } of states.filter(({ name }) => name.startsWith('consent'))) {
    const form = elements.filter(isA('form')).at(-1)!
    const [first] = elementsOf(form).filter(isA('button'))
    assert.ok(attribute(first!, 'formmethod') === 'dialog' && first!.attributes.has('hidden'))
  }
})

test('a wrong sign-in does not say which of the two was wrong', () => {
  const { elements } = states.find(({ name }) => name === 'sign-in-wrong')!
  const of = (id: string) => elements.find((element) => attribute(element, 'id') === id)!
  for (const key of ['aria-invalid', 'aria-describedby']) {
    assert.ok(attribute(of('username'), key))
    assert.equal(attribute(of('username'), key), attribute(of('password'), key))
  }
  assert.equal(attribute(of('password'), 'value'), undefined)
})

test('every word on every page is from the catalogue or from the data', () => {
  const marked = statesOf({ brand, texts: markedTexts(english) })
  for (const [name, { page, data }] of Object.entries(marked)) {
    const root = readMarkup(page.html)
    const attributes = elementsOf(root).flatMap((element) =>
      ['aria-label', 'alt', 'title', 'placeholder'].map((key) => attribute(element, key) ?? ''),
    )
    const dates = elementsOf(root).filter(isA('time')).map(textOf)
    const left = withoutMarked([brand.name, ...dates], data)
    for (const text of [textOf(root).replace(/\s+/g, ' '), ...new Set(attributes)]) {
      assert.doesNotMatch(left(text), /\p{L}|\p{N}/u, `${name}: ${text}`)
    }
  }
})

test('the sign-in page with all that it loads is under 20 KB', () => {
  const loaded = assets.filter(({ path }) => [brand.styleSheet, brand.icon].includes(path))
  for (const { name, page } of states.filter(({ name }) => name.startsWith('sign-in'))) {
    const bytes = Buffer.byteLength(page.html) + loaded.reduce((sum, { reply }) => sum + reply.body.length, 0)
    assert.ok(bytes < 20_000, `${name}: ${bytes}`)
  }
})
