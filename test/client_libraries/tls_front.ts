import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { makeCertificate } from './certificates.ts'

/** A request as it came over TLS, and the status that it was answered with. */
export type SeenRequest = {
  readonly method: string
  readonly host: string
  /** With its query. */
  readonly target: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly status: number
}

/** What stands before a server in production: it ends TLS, and tells the server so. */
export type TlsFront = {
  readonly port: number
  /** `https://localhost:port/` */
  readonly url: string
  /** PEM, for clients that are told whom to trust. */
  readonly authorityFile: string
  /** The port of the server behind it: of all that have no other, or of one host name. */
  readonly forwardTo: (port: number, hostName?: string) => void
  /** The requests since this was last asked. */
  readonly seen: () => readonly SeenRequest[]
}

/** The host names that the platform's libraries have built in: whoever resolves them to here gets a certificate for them. */
export const PLATFORM_HOSTS = ['api.mediamath.com', 'auth.mediamath.com', 'mediamath.auth0.com'] as const

/** Starts it on a free port, and stops it when the tests of the file are done. @param more - host names besides the platform's */
export const startTlsFront = async (more: readonly string[] = []): Promise<TlsFront> => {
  const { key, chain, authority } = makeCertificate(['localhost', ...PLATFORM_HOSTS, ...more])
  const folder = mkdtempSync(join(tmpdir(), 'postern-tls-'))
  const authorityFile = join(folder, 'authority.pem')
  writeFileSync(authorityFile, authority)

  let behind = 0
  const behindName = new Map<string, number>()
  let seen: SeenRequest[] = []
  const forward = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body = Buffer.concat(await incoming.toArray())
    const headers = [
      ...incoming.rawHeaders,
      ...['X-Forwarded-For', incoming.socket.remoteAddress ?? ''],
      ...['X-Forwarded-Proto', 'https'],
    ]
    const { method = '', url: target = '' } = incoming
    const port = behindName.get((incoming.headers.host ?? '').replace(/:\d+$/, '')) ?? behind
    const upstream = request({ host: '127.0.0.1', port, method, path: target, headers, agent: false })
    upstream.on('error', () => outgoing.destroy())
    upstream.on('response', (answer) => {
      const status = answer.statusCode ?? 0
      const { host = '' } = incoming.headers
      seen.push({ method, host, target, headers: incoming.headers, body: body.toString('utf8'), status })
      outgoing.writeHead(status, answer.rawHeaders)
      answer.pipe(outgoing)
    })
    upstream.end(body)
  }
  const server = createServer({ key, cert: chain }, (incoming, outgoing) => void forward(incoming, outgoing))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    rmSync(folder, { recursive: true, force: true })
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `https://localhost:${port}/`,
    authorityFile,
    forwardTo: (to, hostName) => {
      if (hostName === undefined) behind = to
      else behindName.set(hostName, to)
    },
    seen: () => {
      const requests = seen
      seen = []
      return requests
    },
  }
}
