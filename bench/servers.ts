/** Starts a server program for one visit, and asks it what it costs. */
import { get } from 'node:http'
import { fileURLToPath } from 'node:url'
import { startChild } from './child.ts'
import type { Credentials, Making, ServerReply, ServerRequest, Usage } from './probe.ts'
import type { Milliseconds } from './units.ts'

export type ServerProgram = {
  /** Relative to `bench/`. */
  file: string
  parameters: readonly string[]
}

export type RunningServer = {
  port: number
  /** From the start of the process to the last byte of its first answer, which is the discovery document. */
  firstAnswer: Milliseconds
  prepare(signIns: number): Promise<Credentials>
  make(what: Making, count: number): Promise<string[]>
  usage(): Promise<Usage>
  stop(): Promise<void>
}

const fetchDiscovery = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/.well-known/openid-configuration', agent: false }, (response) => {
      response.resume()
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`discovery answered ${response.statusCode}`))
      })
    }).on('error', reject)
  })

const expect = <Kind extends ServerReply['kind']>(
  answer: ServerReply,
  kind: Kind,
): Extract<ServerReply, { kind: Kind }> => {
  if (answer.kind === kind) return answer as Extract<ServerReply, { kind: Kind }>
  throw new Error(answer.kind === 'failed' ? answer.reason : `expected ${kind}, the server said ${answer.kind}`)
}

export const startServer = async (program: ServerProgram): Promise<RunningServer> => {
  const started = performance.now()
  const child = startChild<ServerRequest, ServerReply>(
    fileURLToPath(new URL(program.file, import.meta.url)),
    program.parameters,
  )
  try {
    const { port } = expect(await child.next(), 'ready')
    await fetchDiscovery(port)
    return {
      port,
      firstAnswer: performance.now() - started,
      prepare: async (signIns) => expect(await child.ask({ kind: 'prepare', signIns }), 'prepared').credentials,
      make: async (what, count) => expect(await child.ask({ kind: 'make', what, count }), 'made').values,
      usage: async () => expect(await child.ask({ kind: 'usage' }), 'usage').usage,
      async stop() {
        // A server that cannot close by itself is ended by `end`; the visit has its figures already.
        const patience = new Promise((resolve) => setTimeout(resolve, 3000).unref())
        await Promise.race([child.ask({ kind: 'stop' }).catch(() => undefined), patience])
        await child.end()
      },
    }
  } catch (error) {
    await child.end()
    throw error
  }
}
