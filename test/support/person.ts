import assert from 'node:assert/strict'

// A person at a browser without scripts, by HTTP: follows links and redirects, keeps cookies, and sends the forms of pages as they came.

export type Form = {
  readonly action: string
  /** Fields that would be sent as the page stands: hidden ones, boxes that are switched on, what is filled in already. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** All inputs and buttons, as `name=value`. */
  readonly offered: ReadonlySet<string>
}

export type Shown = {
  /** Where the browser ended. */
  readonly url: URL
  /** `undefined` where it left the server for: nobody was asked there. */
  readonly status: number | undefined
  readonly text: string
  readonly forms: readonly Form[]
}

export type Choice = {
  readonly username: string
  readonly password: string
  /** Scopes that are switched off on the consent page. All others are switched on. */
  readonly without?: readonly string[]
  /** Ids of the organizations that are chosen; all if left out. */
  readonly organizations?: readonly number[]
  readonly decision?: 'allow' | 'deny'
}

export type Person = {
  readonly open: (url: string | URL) => Promise<Shown>
  readonly send: (shown: Shown, form: Form, fields: Form['fields']) => Promise<Shown>
  /** Opens the address, signs in and decides as far as they are asked. */
  readonly passThrough: (url: string | URL, choice: Choice) => Promise<Shown>
  /** Opens the address that a device shows, sends its code, and goes on in the same way. */
  readonly connect: (url: string | URL, choice: Choice) => Promise<Shown>
  /** The same as `passThrough`, and tells where the browser left for. */
  readonly authorize: (url: string | URL, choice: Choice) => Promise<URL>
}

const MOST_REDIRECTS = 10

/** @param home - the origins that are opened; at any other the browser has left. */
export const makePerson = (...home: readonly string[]): Person => {
  const cookies = new Map<string, string>()

  const go = async (start: URL, body?: URLSearchParams, from?: URL): Promise<Shown> => {
    let url = start
    let form = body
    for (let redirects = 0; redirects < MOST_REDIRECTS; redirects++) {
      if (!home.includes(url.origin)) return { url, status: undefined, text: '', forms: [] }
      const response = await fetch(url, {
        redirect: 'manual',
        headers: {
          accept: 'text/html',
          cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          ...(form === undefined ? {} : { origin: (from ?? url).origin }),
        },
        ...(form === undefined ? {} : { method: 'POST', body: form }),
      })
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        if (value === '' || /;\s*max-age=0\b/i.test(line)) cookies.delete(name)
        else cookies.set(name, value)
      }
      const text = await response.text()
      const location = response.headers.get('location')
      if (location === null) return { url, status: response.status, text, forms: formsOf(text) }
      url = new URL(location, url)
      form = undefined
    }
    throw new Error(`the browser was sent on and on, at last to ${url.href}`)
  }

  const open: Person['open'] = (url) => go(new URL(url))
  const send: Person['send'] = (shown, { action }, fields) =>
    go(new URL(action, shown.url), new URLSearchParams(fields.map(([name, value]) => [name, value])), shown.url)

  const passOn = async (from: Shown, choice: Choice): Promise<Shown> => {
    let shown = from
    const password = findForm(shown, 'password=')
    if (password !== undefined) {
      shown = await send(shown, password, [
        ...password.fields.filter(([name]) => name === 'request'),
        ...([
          ['username', choice.username],
          ['password', choice.password],
        ] as const),
      ])
    }
    const decision = `decision=${choice.decision ?? 'allow'}`
    const consent = findForm(shown, decision)
    if (consent !== undefined) {
      const { without = [], organizations } = choice
      for (const scope of without) assert.ok(consent.offered.has(`scope=${scope}`), `${scope} can be switched off`)
      shown = await send(shown, consent, [
        ...consent.fields.filter(
          ([name]) =>
            name !== 'scope' && !(organizations !== undefined && (name === 'organizations' || name === 'organization')),
        ),
        ...(organizations === undefined
          ? []
          : [['organizations', 'some'] as const, ...organizations.map((id) => ['organization', String(id)] as const)]),
        ...[...consent.offered]
          .filter((each) => each.startsWith('scope='))
          .map((each) => ['scope', each.slice('scope='.length)] as const)
          .filter(([, scope]) => !without.includes(scope)),
        ['decision', choice.decision ?? 'allow'],
      ])
    }
    return shown
  }
  const passThrough: Person['passThrough'] = async (url, choice) => passOn(await open(url), choice)
  const connect: Person['connect'] = async (url, choice) => {
    const shown = await open(url)
    const code = findForm(shown, `user_code=${new URL(url).searchParams.get('user_code')}`)
    assert.ok(code !== undefined, titleOf(shown))
    return passOn(await send(shown, code, code.fields), choice)
  }
  const authorize: Person['authorize'] = async (url, choice) => {
    const shown = await passThrough(url, choice)
    assert.equal(shown.status, undefined, `the browser stays at ${shown.url.href}: ${titleOf(shown)}`)
    return shown.url
  }
  return { open, send, passThrough, connect, authorize }
}

export const titleOf = ({ text }: Shown): string => /<title>(.*?)<\/title>/s.exec(text)?.[1] ?? text.slice(0, 200)

/** The form that has this field or button, given as `name=value`, or `name=` for any value that is not filled in. */
export const findForm = ({ forms }: Shown, offered: string): Form | undefined =>
  forms.find((form) => form.offered.has(offered))

const unescape = (text: string): string =>
  text
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')

const attribute = (tag: string, name: string): string | undefined => {
  const [, value] = new RegExp(`\\s${name}="([^"]*)"`).exec(tag) ?? []
  return value === undefined ? undefined : unescape(value)
}

const formsOf = (html: string): readonly Form[] =>
  [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)].map(([, head = '', inside = '']) => {
    const tags = [...inside.matchAll(/<(input|button)\b[^>]*>/g)].map(([tag, kind]) => ({
      kind,
      name: attribute(tag, 'name') ?? '',
      value: attribute(tag, 'value') ?? '',
      isSent: !/\stype="(?:checkbox|radio)"/.test(tag) || /\schecked\b/.test(tag),
    }))
    const named = tags.filter(({ name }) => name !== '')
    return {
      action: attribute(head, 'action') ?? '',
      fields: named.filter(({ kind, isSent }) => kind === 'input' && isSent).map(({ name, value }) => [name, value]),
      offered: new Set(named.map(({ name, value }) => `${name}=${value}`)),
    }
  })
