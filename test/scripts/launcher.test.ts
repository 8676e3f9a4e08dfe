// The launcher in a copy of its own, with an npm that installs nothing but a link to the Node.js that runs these tests.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

const repository = join(import.meta.dirname, '../..')
const posixOnly = process.platform === 'win32' ? 'Windows has no signals' : false

/** What npm would do: count itself, take its time, bring Node.js. Told what else to do by files that the test puts beside it. */
const npm = `
const { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } = require('node:fs')
const [, builds] = /builds = (\\{[^}]*\\})/.exec(readFileSync('scripts/run.mjs', 'utf8'))
const build = eval('(' + builds + ')')[process.platform + '-' + process.arch]
appendFileSync('npm.log', process.argv.slice(2).join(' ') + '\\n')
process.on('SIGTERM', () => { appendFileSync('npm.log', 'SIGTERM\\n'); process.exit(143) })
if (existsSync('npm.fails')) process.exit(3)
rmSync('node_modules', { recursive: true, force: true })
setTimeout(() => {
  const path = 'node_modules/' + build
  mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true })
  if (!existsSync('npm.brings_no_node')) symlinkSync(process.execPath, path)
}, existsSync('npm.delay') ? Number(readFileSync('npm.delay', 'utf8')) : 0)
`

const program = `
console.log(JSON.stringify({ arguments: process.argv.slice(2), node: process.argv0, cwd: process.cwd() }))
const [how] = process.argv.slice(2)
if (how === 'exit') process.exit(Number(process.argv[3]))
if (how === 'die') process.kill(process.pid, 'SIGKILL')
if (how === 'serve') {
  const timer = setInterval(() => {}, 1000)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => { console.log('got ' + signal); clearInterval(timer) })
  console.log('ready ' + process.pid)
}
`

const homes: string[] = []
const running = new Set<ChildProcess>()
after(() => {
  for (const child of running) child.kill('SIGKILL')
  for (const home of homes) rmSync(home, { recursive: true, force: true })
})

const fakeProject = (): string => {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'postern-launcher-')))
  homes.push(home)
  for (const path of ['scripts/run.mjs', 'bin/postern.mjs']) cpSync(join(repository, path), join(home, path))
  mkdirSync(join(home, 'src/cli'), { recursive: true })
  writeFileSync(join(home, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(home, 'package-lock.json'), '{ "packages": {} }')
  writeFileSync(join(home, 'src/cli/main.ts'), program)
  mkdirSync(join(home, 'npm'))
  writeFileSync(join(home, 'npm/npm-cli.js'), npm)
  writeFileSync(join(home, 'npm/package.json'), '{ "type": "commonjs" }')
  return home
}

type Started = { child: ChildProcess; output: () => string; ended: Promise<number | NodeJS.Signals | null> }
type StartOptions = { cwd?: string; env?: NodeJS.ProcessEnv; nodeOptions?: string[]; command?: [string, ...string[]] }

const start = (
  home: string,
  parameters: string[],
  { cwd, env, nodeOptions = [], command }: StartOptions = {},
): Started => {
  const [file, ...rest] = command ?? [process.execPath, ...nodeOptions, join(home, 'scripts/run.mjs'), ...parameters]
  const child = spawn(file, rest, {
    cwd: cwd ?? home,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      npm_execpath: join(home, 'npm/npm-cli.js'),
      npm_node_execpath: process.execPath,
      ...env,
    },
  })
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = new Promise<number | NodeJS.Signals | null>((done) =>
    child.on('close', (code, signal) => {
      running.delete(child)
      done(signal ?? code)
    }),
  )
  return { child, output: () => output, ended }
}

const until = async (what: string, holds: () => boolean): Promise<void> => {
  for (const deadline = Date.now() + 20_000; !holds(); await sleep(20))
    assert.ok(Date.now() < deadline, `in vain waited for: ${what}`)
}
const npmRuns = (home: string): number =>
  existsSync(join(home, 'npm.log'))
    ? readFileSync(join(home, 'npm.log'), 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('ci ')).length
    : 0
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
const cli = 'src/cli/main.ts'

test('the first start installs, the second does not, a changed lock file installs again', async () => {
  const home = fakeProject()
  const first = start(home, [cli, 'one', 'two words'])
  assert.equal(await first.ended, 0)
  assert.match(first.output(), /installing what is missing \(npm ci\)/)
  assert.match(first.output(), /"arguments":\["one","two words"\]/)
  assert.match(first.output(), /"node":"[^"]*node_modules/)
  const flags = readFileSync(join(home, 'npm.log'), 'utf8')
  assert.match(flags, /--include=dev --include=optional/)

  const second = start(home, [cli])
  assert.equal(await second.ended, 0)
  assert.doesNotMatch(second.output(), /installing/)
  assert.equal(npmRuns(home), 1)

  writeFileSync(join(home, 'package-lock.json'), '{ "packages": {}, "changed": true }')
  assert.equal(await start(home, [cli]).ended, 0)
  assert.equal(npmRuns(home), 2)
  assert.equal(existsSync(join(home, '.installing')), false)
})

test('a pinned Node.js that has gone missing is installed again', async () => {
  const home = fakeProject()
  await start(home, [cli]).ended
  const stamp = readFileSync(join(home, 'node_modules/.installed'), 'utf8')
  rmSync(join(home, 'node_modules'), { recursive: true })
  mkdirSync(join(home, 'node_modules'))
  writeFileSync(join(home, 'node_modules/.installed'), stamp)
  assert.equal(await start(home, [cli]).ended, 0)
  assert.equal(npmRuns(home), 2)
})

test('what the person installed by hand is not installed again, unless it is not what the lock file wants', async () => {
  const home = fakeProject()
  await start(home, [cli]).ended
  const installed = (version: string) => {
    rmSync(join(home, 'node_modules/.installed'), { force: true })
    const packages = { 'node_modules/a': { version, integrity: 'sha512-x' } }
    writeFileSync(join(home, 'node_modules/.package-lock.json'), JSON.stringify({ packages }))
  }
  const packages = {
    '': {},
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-x' },
    'node_modules/elsewhere': { version: '1.0.0', integrity: 'sha512-y', optional: true, os: ['aix'], cpu: ['x64'] },
  }
  writeFileSync(join(home, 'package-lock.json'), JSON.stringify({ packages }))
  installed('1.0.0')
  assert.equal(await start(home, [cli]).ended, 0)
  assert.equal(npmRuns(home), 1)
  assert.ok(existsSync(join(home, 'node_modules/.installed')))

  installed('0.9.0')
  assert.equal(await start(home, [cli]).ended, 0)
  assert.equal(npmRuns(home), 2)
})

test('the command works from any folder and keeps it as its own', async () => {
  const home = fakeProject()
  const elsewhere = realpathSync(mkdtempSync(join(tmpdir(), 'postern-launcher-cwd-')))
  homes.push(elsewhere)
  const command: [string, ...string[]] = [
    process.execPath,
    join(home, 'bin/postern.mjs'),
    'serve-not',
    '--data',
    'here',
  ]
  // npx names itself where npm names itself; the npm beside it is the one to use.
  const env = { npm_execpath: join(home, 'npm/npx-cli.js') }
  const started = start(home, [], { cwd: elsewhere, command, env })
  assert.equal(await started.ended, 0)
  const line =
    started
      .output()
      .split('\n')
      .find((each) => each.startsWith('{')) ?? ''
  const { arguments: parameters, cwd } = JSON.parse(line) as { arguments: string[]; cwd: string }
  assert.deepEqual(parameters, ['serve-not', '--data', 'here'])
  assert.equal(cwd, elsewhere)
  assert.equal(npmRuns(home), 1)
})

test('it ends as the program ends: with its status', async () => {
  assert.equal(await start(fakeProject(), [cli, 'exit', '7']).ended, 7)
})

test('it ends as the program ends: by its signal', { skip: posixOnly }, async () => {
  assert.equal(await start(fakeProject(), [cli, 'die']).ended, 'SIGKILL')
})

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
  test(`${signal} reaches the program, which may end in its own time`, { skip: posixOnly }, async () => {
    const server = start(fakeProject(), [cli, 'serve'])
    await until('ready', () => server.output().includes('ready'))
    server.child.kill(signal)
    assert.equal(await server.ended, 0)
    assert.equal(server.output().split(`got ${signal}`).length, 2, 'once, not twice')
  })

test('when npm and its shell are gone, the program gets one SIGTERM', { skip: posixOnly }, async () => {
  const home = fakeProject()
  // As npm does it: a shell that does not pass signals on, between it and us.
  const command: [string, ...string[]] = ['/bin/sh', '-c', `"${process.execPath}" scripts/run.mjs ${cli} serve; true`]
  const server = start(home, [], { command, env: { npm_lifecycle_event: 'start' } })
  await until('ready', () => server.output().includes('ready'))
  const pid = Number(/ready (\d+)/.exec(server.output())?.[1])
  server.child.kill('SIGTERM')
  await until('the program to end', () => !isAlive(pid))
  await server.ended
  assert.equal(server.output().split('got SIGTERM').length, 2)
})

test('without npm a program outlives the shell that started it', { skip: posixOnly }, async () => {
  const command: [string, ...string[]] = ['/bin/sh', '-c', `"${process.execPath}" scripts/run.mjs ${cli} serve; true`]
  const server = start(fakeProject(), [], { command })
  await until('ready', () => server.output().includes('ready'))
  const pid = Number(/ready (\d+)/.exec(server.output())?.[1])
  server.child.kill('SIGKILL')
  await sleep(1500)
  assert.ok(isAlive(pid))
  process.kill(pid, 'SIGTERM')
  await server.ended
})

test('P19 · no signal opens the debugger', { skip: posixOnly }, async () => {
  const debugged = async (server: Started): Promise<boolean> => {
    await until('ready', () => server.output().includes('ready'))
    const pid = Number(/ready (\d+)/.exec(server.output())?.[1])
    process.kill(pid, 'SIGUSR1')
    await sleep(1000)
    process.kill(pid, 'SIGTERM')
    await server.ended
    assert.ok(server.output().includes('got SIGTERM'), server.output())
    return server.output().includes('Debugger listening')
  }
  const home = fakeProject()
  assert.equal(await debugged(start(home, [cli, 'serve'])), false)
  // What it would be without the launcher, on a port of its own choice.
  const bare: [string, ...string[]] = [process.execPath, '--inspect-port=127.0.0.1:0', join(home, cli), 'serve']
  assert.equal(await debugged(start(home, [], { command: bare })), true)
})

test('of two starts at once one installs and both run', async () => {
  const home = fakeProject()
  writeFileSync(join(home, 'npm.delay'), '700')
  const both = [start(home, [cli]), start(home, [cli])]
  assert.deepEqual(await Promise.all(both.map(({ ended }) => ended)), [0, 0])
  assert.equal(npmRuns(home), 1)
  assert.equal(both.filter(({ output }) => output().includes('another process is installing')).length, 1)
})

test('the lock of a process that died does not hold up the next', async () => {
  const home = fakeProject()
  const dead = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await new Promise((done) => dead.on('exit', done))
  mkdirSync(join(home, '.installing'))
  writeFileSync(join(home, '.installing/pid'), String(dead.pid))
  const started = start(home, [cli])
  assert.equal(await started.ended, 0)
  assert.doesNotMatch(started.output(), /another process/)
  assert.equal(npmRuns(home), 1)
})

test('the lock of a living process is respected until it is gone', async () => {
  const home = fakeProject()
  mkdirSync(join(home, '.installing'))
  writeFileSync(join(home, '.installing/pid'), String(process.pid))
  const started = start(home, [cli])
  await until('it to wait', () => started.output().includes('another process is installing'))
  await sleep(300)
  assert.equal(npmRuns(home), 0)
  rmSync(join(home, '.installing'), { recursive: true })
  assert.equal(await started.ended, 0)
  assert.equal(npmRuns(home), 1)
})

test('a failed installation ends with the status of npm and is tried again', async () => {
  const home = fakeProject()
  writeFileSync(join(home, 'npm.fails'), '')
  const failed = start(home, [cli])
  assert.equal(await failed.ended, 3)
  assert.match(failed.output(), /npm ci failed with status 3/)
  assert.doesNotMatch(failed.output(), /"arguments"/)
  assert.equal(existsSync(join(home, '.installing')), false)
  rmSync(join(home, 'npm.fails'))
  assert.equal(await start(home, [cli]).ended, 0)
  assert.equal(npmRuns(home), 2)
})

test(
  'an installation that is broken off takes npm along and leaves neither stamp nor lock',
  { skip: posixOnly },
  async () => {
    const home = fakeProject()
    writeFileSync(join(home, 'npm.delay'), '60000')
    const started = start(home, [cli])
    await until('npm to run', () => npmRuns(home) === 1)
    await sleep(200)
    started.child.kill('SIGTERM')
    assert.equal(await started.ended, 143)
    assert.match(readFileSync(join(home, 'npm.log'), 'utf8'), /SIGTERM/)
    assert.equal(existsSync(join(home, 'node_modules/.installed')), false)
    assert.equal(existsSync(join(home, '.installing')), false)
  },
)

const pretend = (platform: string, version: string): string[] => [
  '--import',
  `data:text/javascript,${encodeURIComponent(
    `Object.defineProperty(process, 'platform', { value: '${platform}' })
     Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`,
  )}`,
]

test('where there is no pinned build, a Node.js that is new enough will do, and it is said', async () => {
  const started = start(fakeProject(), [cli], { nodeOptions: pretend('aix', '24.12.0') })
  assert.equal(await started.ended, 0)
  assert.match(started.output(), /runs under your Node\.js/)
  assert.match(started.output(), /"arguments":\[\]/)
})

test('where there is no pinned build, an older Node.js is told which one is needed, before anything is installed', async () => {
  const home = fakeProject()
  const started = start(home, [cli], { nodeOptions: pretend('aix', '24.11.9') })
  assert.equal(await started.ended, 1)
  assert.match(started.output(), /needs Node\.js 24\.12 or later/)
  assert.equal(npmRuns(home), 0)
})

test('a pinned build that npm could not bring is replaced by a Node.js that is new enough, or asked for again', async () => {
  const home = fakeProject()
  writeFileSync(join(home, 'npm.brings_no_node'), '')
  const old = start(home, [cli], { nodeOptions: pretend(process.platform, '20.1.0') })
  assert.equal(await old.ended, 1)
  assert.match(old.output(), /needs Node\.js 24\.12 or later/)
  const recent = start(home, [cli], { nodeOptions: pretend(process.platform, '26.0.0') })
  assert.equal(await recent.ended, 0)
  assert.equal(npmRuns(home), 2)
})

test('without a file to run it says how it is used', async () => {
  const home = fakeProject()
  const started = start(home, [])
  assert.equal(await started.ended, 2)
  assert.match(started.output(), /usage: node scripts\/run\.mjs <file>/)
  assert.equal(npmRuns(home), 0)
})
