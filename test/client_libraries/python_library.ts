import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TlsFront } from './tls_front.ts'

// PyPI's TerminalOne, unmodified, driven by `terminalone_driver.py` in a Python of this machine.

const requirements = join(import.meta.dirname, 'requirements.txt')
const driver = join(import.meta.dirname, 'terminalone_driver.py')
const cache = join(import.meta.dirname, '../../.cache/python')

type Result = { readonly status: number | null; readonly output: string; readonly errors: string }

const run = (
  command: string,
  parameters: readonly string[],
  { input = '', environment = {} }: { readonly input?: string; readonly environment?: Record<string, string> } = {},
): Promise<Result> =>
  new Promise((resolve) => {
    const child = spawn(command, parameters, { env: { ...process.env, ...environment }, stdio: 'pipe' })
    let [output, errors] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
    child.on('error', (error) => resolve({ status: null, output, errors: error.message }))
    child.on('close', (status) => resolve({ status, output, errors }))
    // Whoever has ended already reads nothing.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1)?.trim() ?? ''

export type PythonLibrary =
  | { readonly kind: 'there'; readonly command: string; readonly folder: string }
  | { readonly kind: 'absent'; readonly reason: string }

/** Installs the library beside the repository's other caches, once for each Python and list of requirements; never globally. */
export const findPythonLibrary = async (): Promise<PythonLibrary> => {
  for (const command of ['python3', 'python']) {
    const { status, output } = await run(command, ['-c', 'import sys; print(*sys.version_info[:3], sep=".")'])
    const version = output.trim()
    if (status !== 0 || !version.startsWith('3.')) continue
    const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 16)
    const folder = join(cache, `${version}-${digest}`)
    if (existsSync(folder)) return { kind: 'there', command, folder }
    return installInto(folder, command)
  }
  return { kind: 'absent', reason: 'there is no Python 3' }
}

const installInto = async (folder: string, command: string): Promise<PythonLibrary> => {
  // Elsewhere first: a folder of that name is a whole installation.
  const aside = `${folder}.${randomBytes(4).toString('hex')}`
  mkdirSync(cache, { recursive: true })
  const parameters = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check']
  const pip = await run(command, [...parameters, '--target', aside, '--requirement', requirements])
  try {
    if (pip.status !== 0) return { kind: 'absent', reason: `pip cannot install TerminalOne: ${lastLine(pip.errors)}` }
    if (!existsSync(folder)) renameSync(aside, folder)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
  return { kind: 'there', command, folder }
}

/** How the library is told where the servers are. */
export type Pointing =
  /** Its own options name this host and port. */
  | 'by its options'
  /** The names that it has built in lead here, as with an entry in the hosts file. */
  | 'by the names of the platform'

export type Work = {
  /** Arguments of the constructor `T1`. */
  readonly arguments: Readonly<Record<string, unknown>>
  /** Arguments of `get`, for each call. */
  readonly gets?: readonly Readonly<Record<string, unknown>>[]
}

export type Failure = { readonly type: string; readonly message: string; readonly code: string | null }
export type Outcome<T> = { readonly value: T } | { readonly error: Failure }

export type Seen = {
  readonly username?: string
  readonly userId?: number
  readonly sessionId?: string
  readonly accessToken?: string
}

export type Found = {
  /** As the library has converted them; dates by Python's isoformat. */
  readonly entities: readonly (Readonly<Record<string, unknown>> & { readonly class: string })[]
  readonly count: number | null
}

export type Report = { readonly signIn: Outcome<Seen>; readonly gets: readonly Outcome<Found>[] }

/** Does some work with the library against the server behind the front. */
export const driveTerminalOne = async (
  { command, folder }: Extract<PythonLibrary, { readonly kind: 'there' }>,
  front: TlsFront,
  pointing: Pointing,
  work: Work,
): Promise<Report> => {
  const result = await run(command, [driver], {
    input: JSON.stringify({ port: front.port, by_options: pointing === 'by its options', gets: [], ...work }),
    environment: {
      PYTHONPATH: folder,
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONIOENCODING: 'utf-8',
      REQUESTS_CA_BUNDLE: front.authorityFile,
      // A proxy of the machine would not know these names.
      NO_PROXY: '*',
      no_proxy: '*',
    },
  })
  if (result.status !== 0) throw new Error(`the driver ended with status ${result.status}: ${result.errors}`)
  return JSON.parse(result.output) as Report
}

/** The value, or a failure of the test that says what the library said. */
export const valueOf = <T>(outcome: Outcome<T> | undefined): T => {
  if (outcome === undefined) throw new Error('the library was not asked')
  if ('error' in outcome) throw new Error(`${outcome.error.type}: ${outcome.error.message}`)
  return outcome.value
}

export const errorOf = <T>(outcome: Outcome<T> | undefined): Failure => {
  if (outcome === undefined || !('error' in outcome)) throw new Error(`no error but ${JSON.stringify(outcome)}`)
  return outcome.error
}
