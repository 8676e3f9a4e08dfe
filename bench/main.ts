/**
 * `npm run bench`: Postern against its peers, interleaved on the machine at hand, as a table of ratios with goals.
 * `bench/README.md` says how to read it. Exits with 1 when a row could not be measured; a goal that is missed is no failure.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { arch, cpus, platform } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startChild } from './child.ts'
import { contendersFor, rows } from './contenders.ts'
import type { Row } from './contenders.ts'
import type { LoadPlan, LoadReply } from './load.ts'
import { firstStart, visit } from './measure.ts'
import type { LoadProcess, Pace } from './measure.ts'
import { compareAll, markdown, medianVisit } from './report.ts'
import type { Outcome, RowOutcome } from './report.ts'

const usage = `npm run bench -- [options]

  --rounds N        how often each contender is visited (3)
  --seconds N       seconds under load in each visit (3)
  --warm-up N       seconds of load before that (2)
  --connections N   connections of the load generator (32)
  --rate N          requests per second of the open loop (200)
  --row TEXT        only rows whose name contains TEXT; may be given more than once
  --contender TEXT  only contenders whose name contains TEXT; may be given more than once
  --json            print JSON instead of Markdown
  --out FILE        also write the Markdown to FILE
  --data FOLDER     where databases go while measuring (.cache/bench); it should be a real disk
`

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    'warm-up': { type: 'string', default: '2' },
    connections: { type: 'string', default: '32' },
    rate: { type: 'string', default: '200' },
    row: { type: 'string', multiple: true, default: [] },
    contender: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
    data: { type: 'string', default: fileURLToPath(new URL('../.cache/bench/', import.meta.url)) },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  process.stdout.write(usage)
  process.exit(0)
}

const bounded = (name: string, value: string, least: number, most: number): number => {
  const number = Number(value)
  if (value !== '' && number >= least && number <= most) return number
  process.stderr.write(`--${name} takes a number from ${least} to ${most}\n\n${usage}`)
  process.exit(2)
}
const rounds = Math.floor(bounded('rounds', options.rounds, 1, 100))
const pace: Pace = {
  seconds: bounded('seconds', options.seconds, 0.5, 300),
  warmUp: bounded('warm-up', options['warm-up'], 0.1, 60),
  connections: Math.floor(bounded('connections', options.connections, 1, 256)),
  rate: bounded('rate', options.rate, 1, 10_000),
}

const say = (words: string): void => {
  process.stderr.write(`${words}\n`)
}
const matches = (name: string, wanted: readonly string[]): boolean =>
  wanted.length === 0 || wanted.some((each) => name.includes(each))
const chosen = rows.filter(({ name }) => matches(name, options.row))
if (chosen.length === 0) {
  say(`no row matches; the rows are: ${rows.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}

mkdirSync(options.data, { recursive: true })
const folder = mkdtempSync(join(options.data, 'run-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

/** A file system in memory makes `fsync` free, and a durable store with it. */
const tmpfsMagic = 0x01021994
const inMemory = statfsSync(folder).type === tmpfsMagic
const peerPackage = new URL('../node_modules/oidc-provider/package.json', import.meta.url)
const { version: peerVersion } = JSON.parse(readFileSync(peerPackage, 'utf8')) as { version: string }
const facts = [
  `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown processor'}, ${platform()} ${arch()}, Node.js ${process.version}`,
  `oidc-provider ${peerVersion}`,
  `${rounds} rounds, interleaved; ${pace.warmUp} s warm-up and ${pace.seconds} s under load in each; medians`,
  ...(inMemory ? ['**The databases were on a file system in memory: the durable figures are worth nothing.**'] : []),
]

const measureRow = async (row: Row, load: LoadProcess): Promise<RowOutcome> => {
  const outcomes = contendersFor(row)
    .filter(({ name }) => matches(name, options.contender))
    .map((contender): Outcome & { folder: string } => ({
      contender,
      visits: [],
      folder: mkdtempSync(join(folder, 'data-')),
    }))
  const attempt = async (outcome: Outcome, work: () => Promise<void>): Promise<void> => {
    if (outcome.failure !== undefined) return
    try {
      await work()
    } catch (error) {
      outcome.failure = error instanceof Error ? error.message : String(error)
      say(`  ${outcome.contender.name}: failed: ${outcome.failure}`)
    }
  }
  for (const outcome of outcomes) await attempt(outcome, () => firstStart(outcome.contender, row, outcome.folder))
  for (let round = 1; round <= rounds; round += 1) {
    for (const outcome of outcomes) {
      await attempt(outcome, async () => {
        const seen = await visit(outcome.contender, row, outcome.folder, load, pace)
        outcome.visits.push(seen)
        const figures = `${seen.cpuPerRequest.toFixed(0)} µs/request, ${seen.requestsPerSecond.toFixed(0)} requests/s`
        say(`  ${row.name}, round ${round}: ${outcome.contender.name}: ${figures}`)
      })
    }
  }
  return { row, outcomes: outcomes.map(({ folder: _, ...outcome }) => outcome) }
}

const results: RowOutcome[] = []
const load = startChild<LoadPlan, LoadReply>(fileURLToPath(new URL('load.ts', import.meta.url)), [])
for (const row of chosen) {
  say(row.name)
  results.push(await measureRow(row, load))
}
await load.end()

const report = markdown(facts, results, pace)
if (options.out !== undefined) writeFileSync(options.out, report)
const asData = {
  facts,
  pace,
  rounds,
  rows: results.map(({ row, outcomes }) => ({
    ...row,
    contenders: outcomes.map(({ contender: { name, store, refresh, policy }, visits, failure }) => ({
      ...{ name, store, refresh, policy, visits },
      ...(failure === undefined ? { median: medianVisit(visits) } : { failure }),
    })),
  })),
  comparisons: compareAll(results),
}
process.stdout.write(options.json ? `${JSON.stringify(asData, undefined, 2)}\n` : report)
process.exitCode = results.some(({ outcomes }) => outcomes.some(({ failure }) => failure !== undefined)) ? 1 : 0
