import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after } from 'node:test'
import type { ConfigFile } from '#config.ts'

// The command `postern serve --demo` as a person starts it, in a process of its own, on a free port and with data of its own.

export type StartedServer = {
  /** `http://localhost:port` without a slash at its end. */
  readonly origin: string
  readonly port: number
  /** Another `postern` command on the same data; answers with what it prints on standard output. */
  readonly postern: (parameters: readonly string[], standardInput?: string) => Promise<string>
}

const root = join(import.meta.dirname, '../..')
const PATIENCE_MS = 60_000

/** Run first in the server: it ends when the test does, however that ends. */
const endWithParent = `data:text/javascript,${encodeURIComponent(`
  const parent = process.ppid
  setInterval(() => process.ppid !== parent && process.kill(process.pid, 'SIGTERM'), 500).unref()
`)}`

/** Starts the demo, and stops it when the tests of the file are done. */
export const startServer = async (config: ConfigFile = {}): Promise<StartedServer> => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-libraries-'))
  const file = join(folder, 'postern.json')
  writeFileSync(file, JSON.stringify({ log: { level: 'warn' }, ...config }))
  const { POSTERN_MASTER_KEY: _, ...environment } = process.env
  const start = (parameters: readonly string[]) =>
    spawn(
      process.execPath,
      ['--import', endWithParent, 'src/cli/main.ts', ...parameters, '--config', file, '--data', join(folder, 'data')],
      {
        cwd: root,
        env: environment,
        stdio: 'pipe',
      },
    )

  const server = start(['serve', '--demo', '--port', '0'])
  server.stderr.pipe(process.stderr)
  after(async () => {
    if (server.exitCode === null && server.signalCode === null) {
      const ended = once(server, 'exit')
      server.kill('SIGTERM')
      await ended
    }
    rmSync(folder, { recursive: true, force: true })
  })
  const origin = await readyUrl(server)
  return {
    origin,
    port: Number(new URL(origin).port),
    postern: async (parameters, standardInput = '') => {
      const command = start(parameters)
      let [printed, said] = ['', '']
      command.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
      command.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
      command.stdin.end(standardInput)
      const [status] = (await once(command, 'close')) as [number | null]
      if (status !== 0) throw new Error(`postern ${parameters.join(' ')} ended with status ${status}: ${said}`)
      return printed
    },
  }
}

/** What stands behind the word `ready`, without the slash at its end. */
const readyUrl = (server: ChildProcess & { readonly stdout: NonNullable<ChildProcess['stdout']> }): Promise<string> =>
  new Promise((resolve, reject) => {
    const giveUp = setTimeout(() => reject(new Error('the server was not ready in time')), PATIENCE_MS)
    server.once('exit', (code, signal) => reject(new Error(`the server ended with ${signal ?? `status ${code}`}`)))
    createInterface(server.stdout).on('line', (line) => {
      const [, url] = /^ready (http:\/\/\S+?)\/$/.exec(line) ?? []
      if (url === undefined) return
      clearTimeout(giveUp)
      resolve(url)
    })
  })
