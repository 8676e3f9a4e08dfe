import { after } from 'node:test'
import { createPasswordHashing } from '#base/password_hashing.ts'
import { DEMO } from '#cli/demo_data.ts'
import { seedDemo } from '#cli/demo.ts'
import type { ConfigFile } from '#config.ts'
import { startPostern, type RunningPostern } from '../support/running_postern.ts'
import { send, type RawAnswer, type RawRequest } from './raw_http.ts'

export const JSON_TYPE = 'application/vnd.mediamath.v1+json'
export const SESSION_COOKIE = 'adama_session'
export const AUDIENCE = 'https://api.mediamath.com/'
export const TOKEN_PATH = '/oauth/token'
export const LOGIN_PATH = '/api/v2.0/login'
export const CLIENT = { client_id: DEMO.clientId, client_secret: DEMO.clientSecret } as const
export const USER = { username: DEMO.username, password: DEMO.password } as const
export const LOGIN = { user: DEMO.username, password: DEMO.password, api_key: DEMO.apiKey } as const
export { DEMO }

export type TokenBody = {
  readonly access_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly scope: string
  readonly refresh_token?: string
  readonly id_token?: string
}

export type ErrorBody = {
  readonly errors: readonly { readonly message: string; readonly field?: string; readonly code?: string }[]
  readonly meta: { readonly status: string; readonly called_on?: string }
}

export type SessionBody = {
  readonly data: {
    readonly session: { readonly sessionid: string; readonly current_time: string; readonly expires: string }
    readonly entity_type: string
    readonly name: string
    readonly id: number
  }
  readonly meta: { readonly status: string }
}

export type EntityBody = Readonly<Record<string, unknown>> & { readonly id: number; readonly name: string }

export type PageBody = {
  readonly data: readonly EntityBody[]
  readonly meta: {
    readonly status: string
    readonly count: number
    readonly total_count: number
    readonly offset: number
    readonly next_page?: string
    readonly called_on?: string
    readonly etag?: string
  }
}

export type DemoPlatform = RunningPostern & {
  readonly ask: (path: string, request?: RawRequest) => Promise<RawAnswer>
  /** The demo client's password grant for the demo user. */
  readonly tokens: (parameters?: Readonly<Record<string, string>>) => Promise<TokenBody>
  /** The value of the session cookie that a bridge from this token gives. */
  readonly bridged: (accessToken: string) => Promise<string>
}

/** A server with the demo's data, for all tests of one file. */
export const startDemoPlatform = async (config: ConfigFile = {}): Promise<DemoPlatform> => {
  const postern = await startPostern({ after: (hook) => after(hook as () => void) }, { config })
  const hashing = createPasswordHashing()
  await seedDemo(postern.store, postern.config, hashing)
  await hashing.close()
  const ask: DemoPlatform['ask'] = (path, request) => send(postern.origin, path, request)
  return {
    ...postern,
    ask,
    tokens: async (parameters = {}) => {
      const answer = await ask(TOKEN_PATH, { body: { grant_type: 'password', ...USER, ...CLIENT, ...parameters } })
      if (answer.status !== 200) throw new Error(`no token: ${answer.status} ${answer.text}`)
      return answer.json<TokenBody>()
    },
    bridged: async (accessToken) => {
      const answer = await ask('/api/v2.0/session', { headers: { ...bearer(accessToken), Accept: JSON_TYPE } })
      if (answer.status !== 200) throw new Error(`no session: ${answer.status} ${answer.text}`)
      return answer.json<SessionBody>().data.session.sessionid
    },
  }
}

export const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
export const cookie = (value: string) => ({ Cookie: `${SESSION_COOKIE}=${value}` })
export const accept = (type: string) => ({ Accept: type })
