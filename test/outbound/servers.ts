import { createServer as createPlainServer, type RequestListener } from 'node:http'
import { createServer } from 'node:https'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createLog } from '#base/log.ts'
import { createOutbound, type Outbound, type OutboundSettings } from '#outbound/outbound.ts'
import { makeCertificate } from '../client_libraries/certificates.ts'

// Servers on this machine that outbound requests are sent to, and what counts their connections.

type Ending = Pick<TestContext, 'after'>

/** Names that no name server knows: tests resolve them themselves. */
export const HOSTS = ['localhost', '127.0.0.1', 'one.example', 'two.example'] as const

const { key, chain, authority } = makeCertificate(HOSTS)
export const wrongName = makeCertificate(['elsewhere.example'])

export const authorityFile = (t: Ending, pem = authority): string => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-ca-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'authority.pem')
  writeFileSync(file, pem)
  return file
}

export type TestServer = {
  readonly port: number
  readonly connections: () => number
  readonly mostAtOnce: () => number
}

const listen = async (t: Ending, server: Server, port = 0): Promise<TestServer> => {
  const open = new Set<Socket>()
  let [connections, mostAtOnce] = [0, 0]
  server.on('connection', (socket: Socket) => {
    connections++
    mostAtOnce = Math.max(mostAtOnce, open.add(socket).size)
    socket.on('error', () => undefined)
    socket.on('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  t.after(async () => {
    for (const socket of open) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    mostAtOnce: () => mostAtOnce,
  }
}

/** With a certificate for `HOSTS`, unless another is given. */
export const startTlsServer = (t: Ending, answer: RequestListener, certificate = { key, chain }): Promise<TestServer> =>
  listen(t, createServer({ key: certificate.key, cert: certificate.chain }, answer))

export const startPlainServer = (t: Ending, answer: RequestListener): Promise<TestServer> =>
  listen(t, createPlainServer(answer))

/** Takes connections, and never says a word. */
export const startBlackHole = (t: Ending): Promise<TestServer> =>
  listen(
    t,
    createTcpServer((socket) => socket.resume()),
  )

/** A port on which nobody listens. */
export const findClosedPort = async (): Promise<number> => {
  const ends: (() => unknown)[] = []
  const { port } = await startBlackHole({ after: (end) => void ends.push(end as () => unknown) })
  for (const end of ends) await end()
  return port
}

export const answerJson =
  (value: unknown): RequestListener =>
  (_, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
  }

/** Trusts the certificates of these servers. @returns what was logged too */
export const outboundWith = (
  t: Ending,
  settings: Partial<OutboundSettings> = {},
): Outbound & { readonly logged: readonly string[] } => {
  const logged: string[] = []
  const log = createLog({ level: 'debug', destination: { write: (line) => void logged.push(line) } })
  const ca = authorityFile(t)
  return { ...createOutbound({ allow: [], ca, log, connectTimeoutMs: 1000, ...settings }), logged }
}
