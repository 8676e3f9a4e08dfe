/**
 * The part that every measured server program has in common: it tells the bench its port, obtains tokens for it, and answers
 * for its own CPU time and memory. Only the process itself knows these exactly, its worker threads included.
 */
import type { Bytes, Microseconds, Seconds } from './units.ts'

/** What the load generator sends with every request, and the refresh tokens that it sends in turn. */
export type Credentials = {
  clientId: string
  /** Absent for a public client. */
  clientSecret?: string
  /** What the client asks for when it acts for itself (`client_credentials`). */
  scope: string
  refreshTokens: string[]
}

/** Of each code that is made: the same for both sides, so that the load generator has one form for all. */
export const REDIRECT_URI = 'https://client.example.com/callback'
export const CODE_VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
export const CODE_CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
export const CODE_LIFETIME: Seconds = 600

/** Of a person, and what the scopes of `USERINFO_SCOPES` tell of them. */
export const PROFILE = { name: 'Ada Example', given_name: 'Ada', family_name: 'Example' }
export const USERINFO_SCOPES = ['openid', 'profile', 'email']

/**
 * - `codes`: for the scopes `openid` and those of the API, with a nonce and a PKCE challenge.
 * - `access tokens`: with `USERINFO_SCOPES`, of the kind that the server's userinfo endpoint takes.
 */
export type Making = 'codes' | 'access tokens'

export type Usage = { cpu: Microseconds; resident: Bytes }

export type ServerRequest =
  | { kind: 'prepare'; signIns: number }
  | { kind: 'make'; what: Making; count: number }
  | { kind: 'usage' }
  | { kind: 'stop' }

export type ServerReply =
  | { kind: 'ready'; port: number }
  | { kind: 'prepared'; credentials: Credentials }
  | { kind: 'made'; values: string[] }
  | { kind: 'usage'; usage: Usage }
  | { kind: 'stopped' }
  | { kind: 'failed'; reason: string }

export type ProbedServer = {
  port: number
  /** Obtains one refresh token for each of `signIns` sign-ins. Not part of the measured start. */
  prepare(signIns: number): Promise<Credentials>
  /** Makes what requests carry, taking turns among the sign-ins that `prepare` made. */
  make(what: Making, count: number): Promise<string[]>
  close(): Promise<void>
}

const reply = (message: ServerReply): void => {
  process.send?.(message)
}

const answer = async (server: ProbedServer, message: ServerRequest): Promise<ServerReply> => {
  switch (message.kind) {
    case 'prepare':
      return { kind: 'prepared', credentials: await server.prepare(message.signIns) }
    case 'make':
      return { kind: 'made', values: await server.make(message.what, message.count) }
    case 'usage': {
      const { user, system } = process.cpuUsage()
      return { kind: 'usage', usage: { cpu: user + system, resident: process.memoryUsage.rss() } }
    }
    case 'stop':
      await server.close()
      return { kind: 'stopped' }
  }
}

/** Starts a server and then answers the bench. The process ends when the bench does, however the bench ends. */
export const serveUnderProbe = async (start: () => Promise<ProbedServer>): Promise<void> => {
  process.on('disconnect', () => process.exit(0))
  try {
    const server = await start()
    process.on('message', (message: ServerRequest) => {
      answer(server, message)
        .catch((error: unknown): ServerReply => ({ kind: 'failed', reason: String(error) }))
        .then(reply, () => process.exit(1))
    })
    reply({ kind: 'ready', port: server.port })
  } catch (error) {
    reply({ kind: 'failed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}
