import assert from 'node:assert/strict'
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

// The real command as a child process, in a folder of its own.

const main = join(import.meta.dirname, '../../src/cli/main.ts')

export type Outcome = { readonly status: number | string; readonly stdout: string; readonly stderr: string }

export type RunOptions = {
  /** What comes on standard input; nothing if left out. */
  readonly input?: string | Uint8Array
  readonly environment?: Readonly<Record<string, string>>
  readonly spawn?: Pick<SpawnOptions, 'uid' | 'gid'>
}

export type ServeOptions = RunOptions & { readonly command?: readonly string[] }

export type Server = {
  readonly child: ChildProcess
  /** As the first line says. */
  readonly url: string
  readonly stdout: () => string
  readonly ended: Promise<Outcome>
  readonly stop: (signal?: NodeJS.Signals) => Promise<Outcome>
}

export type Place = {
  readonly folder: string
  readonly path: (...names: readonly string[]) => string
  readonly write: (name: string, content: string | object) => string
  readonly run: (parameters: readonly string[], options?: RunOptions) => Promise<Outcome>
  /** Runs a command that succeeds, with `--json`, and reads its document. */
  readonly json: (parameters: readonly string[], options?: RunOptions) => Promise<unknown>
  /** `serve` with these parameters, once it is ready. */
  readonly serve: (parameters: readonly string[], options?: RunOptions) => Promise<Server>
  /** A child that nobody waits for yet. */
  readonly start: (parameters: readonly string[], options?: RunOptions) => Started
}

export type Started = {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  readonly ended: Promise<Outcome>
}

/** A folder that goes with the test, and with it every child that still runs. */
export const makePlace = (t: Pick<TestContext, 'after'>): Place => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-cli-'))
  const running = new Set<ChildProcess>()
  t.after(async () => {
    await Promise.all(
      [...running].map((child) => {
        child.kill('SIGKILL')
        return new Promise((done) => child.once('close', done))
      }),
    )
    rmSync(folder, { recursive: true, force: true })
  })

  const start: Place['start'] = (parameters, { input = '', environment = {}, spawn: more = {} } = {}) => {
    const { POSTERN_MASTER_KEY: _, ...env } = process.env
    const child = spawn(process.execPath, [main, ...parameters], {
      cwd: folder,
      env: { ...env, ...environment },
      stdio: 'pipe',
      ...more,
    })
    running.add(child)
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
    // Whoever has read enough may have gone.
    child.stdin.on('error', () => {}).end(input)
    const ended = new Promise<Outcome>((done, failed) => {
      child.on('error', failed)
      child.on('close', (code, signal) => {
        running.delete(child)
        done({ status: code ?? signal ?? '', stdout, stderr })
      })
    })
    return { child, stdout: () => stdout, stderr: () => stderr, ended }
  }

  const run: Place['run'] = (parameters, options) => start(parameters, options).ended

  return {
    folder,
    path: (...names) => join(folder, ...names),
    write: (name, content) => {
      writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
      return join(folder, name)
    },
    run,
    start,
    json: async (parameters, options) => {
      const { status, stdout, stderr } = await run([...parameters, '--json'], options)
      assert.equal(status, 0, stderr)
      return JSON.parse(stdout) as unknown
    },
    serve: async (parameters, options) => {
      const started = start(['serve', ...parameters], options)
      const url = await untilReady(started)
      return {
        ...started,
        url,
        stop: (signal = 'SIGTERM') => {
          started.child.kill(signal)
          return started.ended
        },
      }
    },
  }
}

export const untilReady = ({ child, stdout, stderr, ended }: Started): Promise<string> =>
  new Promise((done, failed) => {
    const look = () => {
      const url = /^ready (\S+)\n/.exec(stdout())?.[1]
      if (url !== undefined) done(url)
    }
    child.stdout!.on('data', look)
    look()
    void ended.then(({ status }) =>
      failed(new Error(`ended with ${status} before it was ready:\n${stdout()}${stderr()}`)),
    )
  })

/** A port that something listens on until the test ends. */
export const busyPort = (t: Pick<TestContext, 'after'>): Promise<number> =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      done(typeof address === 'object' && address !== null ? address.port : 0)
    })
    t.after(() => server.close())
  })

/** Expected failures are one sentence, never a stack. */
export const assertRefused = (
  { status, stdout, stderr }: Outcome,
  expected: 1 | 2,
  ...words: readonly RegExp[]
): void => {
  assert.equal(status, expected, stderr)
  assert.equal(stdout, '')
  assert.match(stderr, /^postern: /)
  assert.doesNotMatch(stderr, /\n\s+at |defect/)
  for (const each of words) assert.match(stderr, each)
}
