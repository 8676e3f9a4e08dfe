// `npm test [-- options] [-- files]`: every check and every test, one last line with the counts of all.
//
//   --quick         what finishes in 20 s: no lint, no PostgreSQL, no browser, no client libraries, no conformance plans
//   --soak          only the files that read POSTERN_SOAK, with POSTERN_SOAK=1
//   --name <regex>  only the tests whose name matches
//   files           only these, without the checks: a path, a folder, a glob or any part of a path
//
// Which test runs where is told by its path:
//
//   test/**/*.test.ts            a test file
//   below a folder of `pure`     shares one process with the other pure ones: no server, no database, no child process, no change to
//                                anything global. `*.isolated.test.ts` is the exception to the folder
//   all the others               a process each, two at a time, and PostgreSQL in TEST_POSTGRES (test/support/postgres.ts)
//   below a folder of `slow`, or `*.slow.test.ts`
//                                not in --quick
//
// In --quick POSTERN_QUICK=1 is set, and what needs PostgreSQL skips itself (`noPostgres`).
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkFloors } from './floors.ts'
import type { Report } from './test_reporter.ts'

const pure = [
  'test/base/',
  'test/protocol/',
  'test/pages/',
  'test/config.test.ts',
  'test/config/',
  'test/scripts/floors',
]
const slow = [
  'test/browser/',
  'test/client_libraries/',
  'test/conformance/',
  'test/stores/postgres',
  'test/scripts/launcher',
  'test/scripts/test_runner',
]

const isPure = (file: string): boolean =>
  pure.some((start) => file.startsWith(start)) && !file.endsWith('.isolated.test.ts')
const isSlow = (file: string): boolean => slow.some((start) => file.startsWith(start)) || file.endsWith('.slow.test.ts')

const root = join(import.meta.dirname, '..')
process.chdir(root)

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    soak: { type: 'boolean', default: false },
    name: { type: 'string' },
  },
})
const wantsChecks = wanted.length === 0 && !options.soak && options.name === undefined

/** How long a run may be silent, in milliseconds, before it counts as stuck. */
const patience = Number(process.env.POSTERN_TEST_PATIENCE ?? (options.soak ? 3_600_000 : 180_000))
/** How long a run may take to end after its last test. What takes longer has left something open. */
const farewell = Math.min(patience, 15_000)

const totals = { passed: 0, failed: 0, skipped: 0 }
const failures: string[] = []
const skips = new Map<string, string[]>()

const progress = (words: string): void => {
  process.stderr.write(`${words}\n`)
}
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`
const fail = (name: string, details?: string): void => {
  totals.failed++
  failures.push(name)
  console.log(`✗ ${name}${details === undefined ? '' : `\n${details.trimEnd().replaceAll(/^/gm, '    ')}`}`)
}

let running: ChildProcess | undefined
let interrupted: NodeJS.Signals | undefined
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    interrupted = signal
    // In a terminal Ctrl-C has reached the run already.
    if (signal === 'SIGTERM' || !process.stdin.isTTY) running?.kill(signal)
  })

const environment = (): NodeJS.ProcessEnv => {
  const env: NodeJS.ProcessEnv = { ...process.env, ...(options.quick && { POSTERN_QUICK: '1' }) }
  if (options.soak) env.POSTERN_SOAK = '1'
  if (options.quick) delete env.TEST_POSTGRES
  // Set when we are run by a test ourselves; with it node:test would run nothing and call it a success.
  delete env.NODE_TEST_CONTEXT
  return env
}

/** Counts as one test. */
const check = async (name: string, job: () => string | undefined | Promise<string | undefined>): Promise<void> => {
  if (interrupted) return
  const start = performance.now()
  const complaint = await job()
  if (complaint === undefined) totals.passed++
  else fail(name, complaint)
  progress(`${name}: ${complaint === undefined ? 'ok' : 'failed'} (${seconds(start)})`)
}

/** Runs a command that is quiet when all is well, and answers with what it said when it is not. */
const complaintOf = (script: string, ...parameters: string[]): Promise<string | undefined> =>
  new Promise((done) => {
    const child = spawn(process.execPath, [script, ...parameters], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment(),
    })
    running = child
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text))
    child.on('error', (error) => done(error.message))
    child.on('close', (code, signal) =>
      done(code === 0 ? undefined : `${said}\n${script} ended with ${signal ?? `status ${code}`}`),
    )
  })

/** One run of node:test in a process of its own, so that not even its crash passes for a success. */
const run = (name: string, files: string[], parameters: string[], eachReports: boolean): Promise<void> =>
  new Promise((done) => {
    if (interrupted || files.length === 0) return done()
    progress(`${name}: ${files.length} files …`)
    const start = performance.now()
    const before = { ...totals }
    const begun = new Set<string>()
    const reported = new Set<string>()
    let end: { success: boolean } | undefined
    let results = 0

    const child = spawn(
      process.execPath,
      [
        '--test',
        '--test-reporter=./scripts/test_reporter.ts',
        '--test-reporter-destination=stdout',
        ...(options.name === undefined ? [] : [`--test-name-pattern=${options.name}`]),
        ...parameters,
        ...files,
      ],
      { stdio: ['ignore', 2, 2, 'ipc'], env: environment() },
    )
    running = child

    let watch: NodeJS.Timeout
    let gaveUp = false
    const giveUp = (why: string) => {
      gaveUp = true
      fail(name, `${why}${begun.size > 0 ? `; begun and not ended:\n${[...begun].join('\n')}` : ''}`)
      child.kill('SIGTERM')
      watch = setTimeout(() => child.kill('SIGKILL'), 5000)
    }
    const expectSign = () => {
      if (gaveUp) return
      clearTimeout(watch)
      const isDone = end !== undefined || (results > 0 && begun.size === 0)
      watch = setTimeout(
        () =>
          giveUp(isDone ? 'all tests are done, but one has left something open' : `silent for ${patience / 1000} s`),
        isDone ? farewell : patience,
      )
    }
    expectSign()

    child.on('message', (message) => {
      const report = message as Report
      switch (report.kind) {
        case 'begun':
          begun.add(report.name)
          break
        case 'done':
          begun.delete(report.name)
          break
        case 'passed':
          results++
          totals.passed++
          break
        case 'failed':
          results++
          fail(report.name, report.error)
          break
        case 'skipped':
          results++
          totals.skipped++
          skips.set(report.reason, [...(skips.get(report.reason) ?? []), report.name])
          break
        case 'empty':
          results++
          reported.add(report.file)
          fail(report.file, 'has no test, or ended before its first one')
          break
        case 'output':
          process.stderr.write(report.text)
          break
        case 'file':
          reported.add(report.file)
          progress(`  ${report.file}: ${report.tests} tests (${(report.milliseconds / 1000).toFixed(1)} s)`)
          break
        case 'end':
          end = report
          break
      }
      expectSign()
    })
    child.on('error', (error) => fail(name, error.message))
    child.on('close', (code, signal) => {
      clearTimeout(watch)
      const silent = files.filter((file) => !reported.has(file) && !failures.some((failure) => failure === file))
      if (interrupted) fail(name, `ended by ${interrupted}`)
      else if (!end && !gaveUp)
        fail(name, `the run broke off with ${signal ?? `status ${code}`} before it could sum up`)
      else if (results === 0) fail(name, 'has run no test at all')
      else if (eachReports) for (const file of silent) fail(file, 'ended before its tests did')
      if ((code !== 0 || end?.success === false) && totals.failed === before.failed)
        fail(name, `ended with ${signal ?? `status ${code}`} although no test failed: an error outside of the tests`)
      const { passed, failed, skipped } = totals
      const counts = `${passed - before.passed} passed, ${failed - before.failed} failed, ${skipped - before.skipped} skipped`
      progress(`${name}: ${counts.replaceAll(',', ' ·')} (${seconds(start)})`)
      done()
    })
  })

/** The test files that a word of the command line means. */
const filesMeantBy = (word: string, all: readonly string[]): string[] => {
  const path = word.replaceAll('\\', '/').replace(/^\.\//, '')
  if (existsSync(path) && statSync(path).isFile()) return [path]
  if (existsSync(path)) return all.filter((file) => file.startsWith(`${path.replace(/\/$/, '')}/`))
  const globbed = globSync(path).map((file) => file.replaceAll('\\', '/'))
  return globbed.length > 0 ? globbed : all.filter((file) => file.includes(path))
}

const select = (): string[] => {
  const all = globSync('test/**/*.test.ts', { exclude: ['**/node_modules/**'] })
    .map((file) => file.replaceAll('\\', '/'))
    .sort()
  let files = all
  if (wanted.length > 0) {
    const meant = wanted.map((word) => filesMeantBy(word, all))
    meant.forEach((found, n) => found.length === 0 && fail(`no test file matches ${wanted[n]}`))
    files = [...new Set(meant.flat())]
  } else if (options.quick) files = files.filter((file) => !isSlow(file))
  return options.soak ? files.filter((file) => readFileSync(file, 'utf8').includes('POSTERN_SOAK')) : files
}

const start = performance.now()
const files = select()

if (wantsChecks) {
  await check('types', () => complaintOf('node_modules/@typescript/native/bin/tsc', '--project', '.'))
  await check('floors', () => {
    const problems = checkFloors(root)
    return problems.length === 0
      ? undefined
      : problems.map((each) => `${each.file}:${each.line} ${each.message}`).join('\n')
  })
  await check('format', () =>
    complaintOf(
      'node_modules/prettier/bin/prettier.cjs',
      '--check',
      '--log-level=warn',
      '--cache',
      '--cache-location=node_modules/.cache/formatted',
      '.',
    ),
  )
  if (existsSync('scripts/print_reference.ts'))
    await check('printed references', () => complaintOf('scripts/print_reference.ts', '--check'))
  if (!options.quick)
    await check('lint', () =>
      complaintOf(
        'node_modules/eslint/bin/eslint.js',
        '--max-warnings=0',
        '--cache',
        '--cache-strategy=content',
        '--cache-location=node_modules/.cache/linted',
        '.',
      ),
    )
}

await run('pure tests', files.filter(isPure), ['--test-isolation=none'], false)
await run(
  'tests',
  files.filter((file) => !isPure(file)),
  ['--test-concurrency=2', ...(options.quick ? [] : ['--test-global-setup=./test/support/global_setup.ts'])],
  true,
)
if (files.length === 0) fail('no test file to run')

if (options.quick && performance.now() - start > 20_000)
  progress(`--quick took ${seconds(start)}, and is meant to take under 20 s: name what is slow *.slow.test.ts`)
if (skips.size > 0) {
  console.log('\nSkipped:')
  for (const [reason, names] of skips)
    console.log(`- ${reason}: ${names.length === 1 ? names[0] : `${names.length} tests, the first is ${names[0]}`}`)
}
if (failures.length > 0) {
  console.log('\nFailed:')
  for (const name of failures) console.log(`- ${name}`)
}
progress(`all: ${seconds(start)}`)
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
process.exitCode = totals.failed > 0 ? 1 : 0
