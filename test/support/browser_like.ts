import assert from 'node:assert/strict'
import { hash, randomBytes } from 'node:crypto'
import { request as requestPlain } from 'node:http'
import type { RegisteredClient } from '#clients/register.ts'
import type { Account, ClientPolicy } from '#stores/records.ts'
import { PASSWORD, type RunningPostern, type TokenAnswer, type TokenParameters } from './running_postern.ts'

// What a browser does at our pages, without a browser: one jar of cookies, forms as they stand, our own redirects followed. It never goes to a
// client: what would go there is what a test looks at.

/** Of the pages, as the configuration of the tests has it; whatever port the server listens at. */
export const PUBLIC_ORIGIN = 'http://localhost:9400'
export const ISSUER = `${PUBLIC_ORIGIN}/`
export const REDIRECT_URI = 'https://app.example/cb'

/** Where a walk ended: at a page of ours, or on the way to a client. */
export type Stop = {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** `Location`, if it leads away from us. */
  readonly location: string | undefined
  /** The status of each answer on the way, this one included. */
  readonly statuses: readonly number[]
  /** The path and query that this one answers. */
  readonly path: string
}

export type FormFields = Readonly<Record<string, string | readonly string[] | undefined>>
export type SentHeaders = Readonly<Record<string, string | undefined>>

export type BrowserLike = {
  readonly cookies: Map<string, string>
  /** Every `Set-Cookie` that it was sent. */
  readonly received: readonly string[]
  readonly get: (path: string, headers?: SentHeaders) => Promise<Stop>
  /** A form as a page of ours sends it; headers that are `undefined` are left out. */
  readonly post: (path: string, fields: FormFields, headers?: SentHeaders) => Promise<Stop>
  /** The form of this page that is sent to `action`, with its fields as they stand and these over them. */
  readonly submit: (page: Stop, action: string, fields?: FormFields, headers?: SentHeaders) => Promise<Stop>
}

export const openBrowser = (postern: Pick<RunningPostern, 'origin'>): BrowserLike => {
  const cookies = new Map<string, string>()
  const received: string[] = []

  const ask = async (path: string, init: RequestInit, headers: SentHeaders): Promise<Response> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const all = Object.entries({ ...(cookie === '' ? {} : { cookie }), ...headers }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    )
    const response =
      'sec-fetch-mode' in headers
        ? await visit(postern.origin + path, all)
        : await fetch(postern.origin + path, { ...init, redirect: 'manual', headers: all })
    for (const line of response.headers.getSetCookie()) {
      received.push(line)
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (/; Max-Age=0/i.test(line)) cookies.delete(name)
      else cookies.set(name, value)
    }
    return response
  }

  const walk = async (path: string, init: RequestInit, headers: SentHeaders): Promise<Stop> => {
    const statuses: number[] = []
    let response = await ask(path, init, headers)
    for (let steps = 0; steps < 10; steps++) {
      statuses.push(response.status)
      const location = response.headers.get('location') ?? undefined
      const own = location === undefined ? undefined : ownPath(location)
      if (own === undefined) {
        return {
          status: response.status,
          headers: response.headers,
          text: await response.text(),
          location,
          statuses,
          path,
        }
      }
      await response.arrayBuffer()
      path = own
      response = await ask(path, {}, {})
    }
    throw new Error(`too many redirects: ${path}`)
  }

  const post: BrowserLike['post'] = (path, fields, headers = {}) => {
    const body = new URLSearchParams()
    for (const [name, value] of Object.entries(fields)) {
      for (const each of value === undefined ? [] : [value].flat()) body.append(name, each)
    }
    return walk(path, { method: 'POST', body }, { origin: PUBLIC_ORIGIN, 'sec-fetch-site': 'same-origin', ...headers })
  }

  return {
    cookies,
    received,
    get: (path, headers = {}) => walk(path, {}, headers),
    post,
    submit: (page, action, fields = {}, headers = {}) =>
      post(action, { ...fieldsOf(page, action), ...fields }, headers),
  }
}

/** A GET with exactly these headers: `fetch` writes a Sec-Fetch-Mode of its own. */
const visit = (url: string, headers: readonly (readonly [string, string])[]): Promise<Response> =>
  new Promise((resolve, reject) => {
    requestPlain(url, { headers: Object.fromEntries(headers) }, (incoming) => {
      void incoming.toArray().then((parts: Buffer[]) => {
        const raw = incoming.rawHeaders
        const pairs = raw.flatMap((name, n) => (n % 2 === 0 ? [[name, raw[n + 1] ?? ''] as [string, string]] : []))
        resolve(new Response(Buffer.concat(parts), { status: incoming.statusCode ?? 0, headers: pairs }))
      }, reject)
    })
      .on('error', reject)
      .end()
  })

/** Only what a browser would resolve to us too. */
const ownPath = (location: string): string | undefined => {
  const url = URL.parse(location, ISSUER)
  return url?.origin === PUBLIC_ORIGIN ? url.pathname + url.search : undefined
}

export const unescapeHtml = (text: string): string =>
  text.replace(/&(?:lt|gt|quot|amp|#39|#x27);/g, (entity) => ENTITIES[entity] ?? entity)

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&amp;': '&',
  '&#39;': "'",
  '&#x27;': "'",
}

/** The fields of the last form of a page with this action, as a browser sends them untouched; without buttons. */
export const fieldsOf = ({ text, status }: Pick<Stop, 'text' | 'status'>, action: string): Record<string, string[]> => {
  const forms = [...text.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)]
  const [, , content] = forms.findLast(([, head = '']) => attributeOf(head, 'action') === action) ?? []
  assert.ok(content !== undefined, `no form is sent to ${action} in this answer ${status}: ${plainText(text)}`)
  const fields: Record<string, string[]> = {}
  for (const [, head = ''] of content.matchAll(/<input\b([^>]*)>/g)) {
    const name = attributeOf(head, 'name')
    const isBox = /type="(?:checkbox|radio)"/.test(head)
    if (name === undefined || (isBox && !/\bchecked\b/.test(head))) continue
    ;(fields[name] ??= []).push(attributeOf(head, 'value') ?? '')
  }
  return fields
}

/** The values of all boxes of this name, switched on or not. */
export const boxesOf = ({ text }: Stop, name: string): readonly string[] =>
  [...text.matchAll(/<input\b([^>]*)>/g)]
    .map(([, head = '']) => head)
    .filter((head) => /type="checkbox"/.test(head) && attributeOf(head, 'name') === name)
    .map((head) => attributeOf(head, 'value') ?? '')

const attributeOf = (head: string, name: string): string | undefined => {
  const [, value] = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(head) ?? []
  return value === undefined ? undefined : unescapeHtml(value)
}

export const plainText = (text: string): string =>
  unescapeHtml(text.replace(/<(style|script)[\s\S]*?<\/\1>/g, '').replace(/<[^>]*>/g, ' '))
    .replace(/\s+/g, ' ')
    .trim()

// ── What each page is ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const has = (stop: Stop, action: string): boolean => stop.status < 400 && stop.text.includes(`action="${action}"`)
export const isSignIn = (stop: Stop): boolean => has(stop, '/sign-in')
export const isConsent = (stop: Stop): boolean => has(stop, '/consent')

export const assertSignIn = (stop: Stop): void => assert.ok(isSignIn(stop), `${stop.status} ${plainText(stop.text)}`)
export const assertConsent = (stop: Stop): void => assert.ok(isConsent(stop), `${stop.status} ${plainText(stop.text)}`)

/** An error that the person is shown: nobody is redirected, and nothing that was sent is linked to. */
export const assertErrorPage = (stop: Stop, status = 400, message = ''): void => {
  assert.equal(stop.status, status, `${message}: ${stop.location ?? plainText(stop.text)}`)
  assert.equal(stop.headers.get('location'), null, message)
  assert.equal(stop.headers.get('content-type'), 'text/html; charset=utf-8', message)
  assert.equal(stop.headers.get('cache-control'), 'no-store', message)
  assert.doesNotMatch(stop.text, /(?:href|action)="(?!\/(?!\/))/, message)
}

/** What the client is sent: the parameters, and where they go. */
export type ClientAnswer = { readonly to: string; readonly values: URLSearchParams }

/** @param redirectUri - where it must go */
export const readAnswer = (stop: Stop, redirectUri = REDIRECT_URI): ClientAnswer => {
  const { location } = stop
  assert.ok(location !== undefined, `${stop.status} ${plainText(stop.text)}`)
  assert.ok(stop.status === 303 || stop.status === 302, String(stop.status))
  const separator = redirectUri.includes('?') ? '&' : '?'
  assert.ok(location.startsWith(redirectUri + separator), location)
  assert.ok(!location.includes('#'), location)
  const values = new URLSearchParams(location.slice(redirectUri.length + 1))
  assert.deepEqual(values.getAll('iss'), [ISSUER])
  for (const name of ['code', 'state', 'error']) assert.ok(values.getAll(name).length <= 1, location)
  return { to: redirectUri, values }
}

export const readCode = (stop: Stop, redirectUri?: string): string => {
  const { values } = readAnswer(stop, redirectUri)
  const code = values.get('code')
  assert.ok(code !== null && !values.has('error'), values.toString())
  return code
}

/** An error at the redirect URI, with `state` once if it was sent. */
export const assertTold = (
  stop: Stop,
  error: string,
  { state, redirectUri, message = '' }: { state?: string; redirectUri?: string; message?: string } = {},
): void => {
  const { values } = readAnswer(stop, redirectUri)
  assert.equal(values.get('error'), error, `${message} ${values.toString()}`)
  assert.equal(values.get('code'), null, message)
  assert.deepEqual(values.getAll('state'), state === undefined ? [] : [state], message)
}

// ── The flow ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const PLATFORM = ['read:entities', 'write:entities']

/** A confidential third party with the code grant and refresh tokens, and one redirect URI. */
export const makeSite = (
  postern: Pick<RunningPostern, 'makeClient'>,
  policy: Partial<ClientPolicy> = {},
): Promise<RegisteredClient> =>
  postern.makeClient({
    grantTypes: ['authorization_code', 'refresh_token'],
    party: 'third',
    redirectUris: [REDIRECT_URI],
    scopes: ['openid', 'profile', 'email', 'offline_access', ...PLATFORM],
    defaultScopes: PLATFORM,
    ...policy,
  })

/** A public client: PKCE, and refresh tokens that rotate. */
export const makePublicSite = (
  postern: Pick<RunningPostern, 'makeClient'>,
  policy: Partial<ClientPolicy> = {},
): Promise<RegisteredClient> => makeSite(postern, { tokenEndpointAuthMethod: 'none', ...policy })

export const pkce = (): { readonly verifier: string; readonly challenge: string } => {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: hash('sha256', verifier, 'base64url') }
}

export type AskedParameters = Readonly<Record<string, string | undefined>>

/** `/authorize` of this client; what is `undefined` is left out. */
export const authorizePath = (
  { client }: Pick<RegisteredClient, 'client'>,
  parameters: AskedParameters = {},
): string => {
  const all = {
    response_type: 'code',
    client_id: client.id,
    redirect_uri: client.policy.redirectUris[0] ?? REDIRECT_URI,
    ...parameters,
  }
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return `/authorize?${new URLSearchParams(given).toString()}`
}

export const signInAt = (
  browser: BrowserLike,
  page: Stop,
  { username }: Pick<Account, 'username'>,
  password = PASSWORD,
): Promise<Stop> => browser.submit(page, '/sign-in', { username, password })

/** Signs in at the account page, so that later requests find a session. */
export const signInHere = async (browser: BrowserLike, account: Pick<Account, 'username'>): Promise<Stop> => {
  const page = await signInAt(browser, await browser.get('/account'), account)
  assert.equal(page.status, 200)
  return page
}

export type Decided = {
  /** Those that stay switched on; default: as the page has them. */
  readonly scopes?: readonly string[]
  /** Default: as the page has them. */
  readonly organizations?: 'all' | readonly (number | string)[]
}

export const allowAt = (
  browser: BrowserLike,
  page: Stop,
  { scopes, organizations }: Decided = {},
  more: FormFields = {},
): Promise<Stop> =>
  browser.submit(page, '/consent', {
    decision: 'allow',
    ...(scopes === undefined ? {} : { scope: scopes }),
    ...(organizations === undefined
      ? {}
      : organizations === 'all'
        ? { organizations: 'all', organization: [] }
        : { organizations: 'some', organization: organizations.map(String) }),
    ...more,
  })

/** From the client's link to where the person ends up: signs in and allows where they are asked to. */
export const walkThrough = async (
  browser: BrowserLike,
  path: string,
  account: Pick<Account, 'username'>,
  decided: Decided = {},
): Promise<Stop> => {
  let stop = await browser.get(path)
  if (isSignIn(stop)) stop = await signInAt(browser, stop, account)
  if (isConsent(stop)) stop = await allowAt(browser, stop, decided)
  return stop
}

export type Obtained = {
  readonly code: string
  readonly verifier: string | undefined
  readonly client: RegisteredClient
}

/** A code as the client would get it; a public client sends PKCE. */
export const obtainCode = async (
  browser: BrowserLike,
  client: RegisteredClient,
  account: Pick<Account, 'username'>,
  parameters: AskedParameters = {},
  decided: Decided = {},
): Promise<Obtained> => {
  const proof = client.secret === undefined && parameters['code_challenge'] === undefined ? pkce() : undefined
  const asked = {
    ...(proof === undefined ? {} : { code_challenge: proof.challenge, code_challenge_method: 'S256' }),
    ...parameters,
  }
  const stop = await walkThrough(browser, authorizePath(client, asked), account, decided)
  return { code: readCode(stop, client.client.policy.redirectUris[0]), verifier: proof?.verifier, client }
}

/** The exchange of a code by the client that it is for. */
export const redeem = (
  postern: Pick<RunningPostern, 'token'>,
  { code, verifier, client: { client, secret } }: Obtained,
  parameters: TokenParameters = {},
): Promise<TokenAnswer> =>
  postern.token({
    grant_type: 'authorization_code',
    code,
    client_id: client.id,
    client_secret: secret,
    redirect_uri: client.policy.redirectUris[0],
    code_verifier: verifier,
    ...parameters,
  })

/** The whole way: an authorization with what the exchange answered. */
export const authorize = async (
  postern: Pick<RunningPostern, 'token' | 'origin'>,
  client: RegisteredClient,
  account: Pick<Account, 'username'>,
  {
    browser = openBrowser(postern),
    parameters = {},
    decided = {},
  }: {
    readonly browser?: BrowserLike
    readonly parameters?: AskedParameters
    readonly decided?: Decided
  } = {},
): Promise<TokenAnswer['body'] & { readonly access_token: string; readonly refresh_token: string }> => {
  const answer = await redeem(postern, await obtainCode(browser, client, account, parameters, decided))
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  const { access_token: accessToken = '', refresh_token: refreshToken = '' } = answer.body
  return { ...answer.body, access_token: accessToken, refresh_token: refreshToken }
}

/** A use of a refresh token by this client. */
export const refreshWith = (
  postern: Pick<RunningPostern, 'token'>,
  { client, secret }: RegisteredClient,
  refreshToken: string,
  parameters: TokenParameters = {},
): Promise<TokenAnswer> =>
  postern.token({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: client.id,
    client_secret: secret,
    ...parameters,
  })
