import assert from 'node:assert/strict'
import { after, type TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'
import { createApp } from '#app.ts'
import { createLog } from '#base/log.ts'
import { openPostgresStore } from '#stores/postgres/store.ts'
import type { RegisteredClient } from '#clients/register.ts'
import { exchange, type RawReply } from '../http/serving.ts'
import type { RunningPostern, TokenAnswer } from '../support/running_postern.ts'

// What the attacks have in common: requests as bytes, and ways to count what the server did instead of how long it took.

/** For what one file uses as a whole: it ends with the last of its tests. */
export const file: Pick<TestContext, 'after'> = { after: after as TestContext['after'] }

export const FORM = 'application/x-www-form-urlencoded'
export const VENDOR_JSON = 'application/vnd.mediamath.v1+json'
export const PASSWORD_REALM = 'http://auth0.com/oauth/grant-type/password-realm'

export const encodeForm = (parameters: Readonly<Record<string, string>>): string =>
  new URLSearchParams(parameters).toString()

export const basic = (id: string, secret = ''): string =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`

/** A POST as it goes over the wire. `body` is sent byte by byte as it stands: characters up to U+00FF are bytes. */
export const post = (path: string, body: string, headers: readonly string[] = [`Content-Type: ${FORM}`]): string =>
  [`POST ${path} HTTP/1.1`, 'Host: localhost', ...headers, `Content-Length: ${body.length}`, '', body].join('\r\n')

export const get = (path: string, headers: readonly string[] = []): string =>
  [`GET ${path} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n')

export type OAuthBody = TokenAnswer['body']

/** The body of an answer of the authorization server, which is always JSON and never kept. */
export const readOAuth = (reply: RawReply): OAuthBody => {
  assert.equal(reply.headers.get('content-type'), 'application/json')
  assert.equal(reply.headers.get('cache-control'), 'no-store')
  return JSON.parse(reply.body) as OAuthBody
}

/** A request to the token endpoint, as bytes, and what it was answered: the status, and the error if it is one. */
export const askForToken = async (
  { port }: RunningPostern,
  body: string,
  headers?: readonly string[],
): Promise<{ readonly status: number; readonly error: string | undefined; readonly reply: RawReply }> => {
  const reply = await exchange(port, post('/oauth/token', body, headers))
  return { status: reply.status, error: readOAuth(reply).error, reply }
}

export const assertRefused = (answer: TokenAnswer, status: number, error: string): void => {
  assert.deepEqual([answer.status, answer.body.error], [status, error], JSON.stringify(answer.body))
  assert.equal(answer.body.access_token, undefined)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
}

export const assertGranted = (answer: TokenAnswer): OAuthBody & { readonly access_token: string } => {
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  assert.ok(answer.body.access_token !== undefined)
  return { ...answer.body, access_token: answer.body.access_token }
}

/** What proves the client in a body. */
export const credentials = ({ client, secret }: RegisteredClient) => ({
  client_id: client.id,
  ...(secret === undefined ? {} : { client_secret: secret }),
})

export type PlatformCall = {
  readonly bearer?: string | undefined
  readonly session?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly method?: string
  readonly body?: string | URLSearchParams
}

export type PlatformAnswer = {
  readonly status: number
  readonly headers: Headers
  /** The value of the session cookie that was set. */
  readonly setSession: string | undefined
  readonly text: string
}

/** A call of the platform API, answered as JSON. */
export const callPlatform = async (
  { origin }: RunningPostern,
  path: string,
  { bearer, session, headers = {}, method = 'GET', body }: PlatformCall = {},
): Promise<PlatformAnswer> => {
  const response = await fetch(origin + path, {
    method,
    headers: {
      accept: VENDOR_JSON,
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(session === undefined ? {} : { cookie: `adama_session=${session}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  })
  const [setCookie] = response.headers.getSetCookie()
  return {
    status: response.status,
    headers: response.headers,
    setSession: /^adama_session=([^;]+)/.exec(setCookie ?? '')?.[1],
    text: await response.text(),
  }
}

/** The platform session of a bearer token. */
export const bridge = async (postern: RunningPostern, bearer: string): Promise<string> => {
  const { status, setSession, text } = await callPlatform(postern, '/api/v2.0/session', { bearer })
  assert.equal(status, 200, text)
  assert.ok(setSession !== undefined)
  return setSession
}

export const logIn = (
  postern: RunningPostern,
  apiKey: string,
  user: string,
  password: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<PlatformAnswer> =>
  callPlatform(postern, '/api/v2.0/login', {
    method: 'POST',
    headers,
    body: new URLSearchParams({ user, password, api_key: apiKey }),
  })

export type AuditEvent = Readonly<Record<string, unknown>> & { readonly audit: string }

/** Every line that was logged is one JSON object: input that broke out of its field would show here. */
export const linesOf = ({ logged }: RunningPostern): readonly Readonly<Record<string, unknown>>[] =>
  logged.map((line) => JSON.parse(line) as Record<string, unknown>)

/** The audit events that `work` left. */
export const auditsOf = async (
  postern: RunningPostern,
  work: () => Promise<unknown>,
): Promise<readonly AuditEvent[]> => {
  const before = postern.logged.length
  await work()
  return linesOf(postern)
    .slice(before)
    .filter((line): line is AuditEvent => typeof line['audit'] === 'string')
}

/** Counts the password hashes that this process asks of its workers from now on: steps, where time would tell nothing reliable. */
export const countHashes = (t: TestContext): (() => number) => {
  const { mock } = t.mock.method(Worker.prototype, 'postMessage')
  return () =>
    mock.calls.filter(({ arguments: [task] }) => typeof task === 'object' && task !== null && 'passes' in task).length
}

/** A second server over the PostgreSQL database of the first, with the same master key. */
export const startSecondNode = async (t: Pick<TestContext, 'after'>, first: RunningPostern, url: string) => {
  const store = await openPostgresStore(url)
  const logged: string[] = []
  const log = createLog({ level: 'debug', destination: { write: (line) => void logged.push(line) } })
  const app = await createApp({ config: first.config, store, masterKey: first.masterKey, log })
  const { port } = await app.listen()
  t.after(async () => {
    await app.close()
    await store.close()
  })
  return { ...first, port, origin: `http://127.0.0.1:${port}`, logged, store } as const
}

/** How many of these have each outcome, for `t.diagnostic` and for messages. */
export const tally = (outcomes: readonly (string | number)[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

/** `text` with one character replaced by another of the same alphabet. */
export const withCharacterChanged = (text: string, at: number): string =>
  text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
