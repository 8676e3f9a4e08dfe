/**
 * The part that every measured server program has in common: it tells the bench its port, obtains tokens for it, and answers
 * for its own CPU time and memory. Only the process itself knows these exactly, its worker threads included.
 */
import type { Bytes, Microseconds } from './units.ts'

/** What the load generator sends with every request, and the refresh tokens that it spends. */
export type Credentials = {
  clientId: string
  /** Absent for a public client. */
  clientSecret?: string
  /** What the client asks for when it acts for itself (`client_credentials`). */
  scope: string
  refreshTokens: string[]
}

export type Usage = { cpu: Microseconds; resident: Bytes }

export type ServerRequest = { kind: 'prepare'; signIns: number } | { kind: 'usage' } | { kind: 'stop' }

export type ServerReply =
  | { kind: 'ready'; port: number }
  | { kind: 'prepared'; credentials: Credentials }
  | { kind: 'usage'; usage: Usage }
  | { kind: 'stopped' }
  | { kind: 'failed'; reason: string }

export type ProbedServer = {
  port: number
  /** Obtains one refresh token for each of `signIns` sign-ins. Not part of the measured start. */
  prepare(signIns: number): Promise<Credentials>
  close(): Promise<void>
}

const reply = (message: ServerReply): void => {
  process.send?.(message)
}

const answer = async (server: ProbedServer, message: ServerRequest): Promise<ServerReply> => {
  switch (message.kind) {
    case 'prepare':
      return { kind: 'prepared', credentials: await server.prepare(message.signIns) }
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
