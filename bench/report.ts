/** From visits to tables. */
import { goals, pageGoal } from './contenders.ts'
import type { Contender, Goal, Row } from './contenders.ts'
import type { Visit } from './measure.ts'

/** What one contender did in one row: a visit for each round, or the reason why it has none. */
export type Outcome = { contender: Contender; visits: Visit[]; failure?: string }
export type RowOutcome = { row: Row; outcomes: Outcome[] }

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const medianVisit = (visits: readonly Visit[]): Visit => {
  const of = (read: (visit: Visit) => number): number => median(visits.map(read))
  return {
    requestsPerSecond: of((each) => each.requestsPerSecond),
    cpuPerRequest: of((each) => each.cpuPerRequest),
    p50: of((each) => each.p50),
    p99: of((each) => each.p99),
    unloadedP50: of((each) => each.unloadedP50),
    openLoopP99: of((each) => each.openLoopP99),
    resident: of((each) => each.resident),
    firstAnswer: of((each) => each.firstAnswer),
    rotated: of((each) => each.rotated),
  }
}

export type Comparison = {
  goal: Goal
  ours: string
  theirs: string
  sameRefreshPolicy: boolean
  /** CPU time per request, theirs by ours; absent when one of the two was not measured. */
  ratio?: number
  lowest?: number
  highest?: number
  mark: 'met' | 'short' | 'no goal' | 'not measured'
}

/**
 * The machine drifts within minutes, so the two are compared round by round, where they ran one after the other; the median
 * of these ratios counts, not the ratio of the medians.
 */
const compare = (goal: Goal, row: Row, ours: Outcome | undefined, theirs: Outcome): Comparison => {
  const named = {
    goal,
    ours: ours?.contender.name ?? 'Postern',
    theirs: theirs.contender.name,
    sameRefreshPolicy:
      row.task !== 'refresh_token' || (ours?.contender.refresh ?? 'static') === theirs.contender.refresh,
  }
  if (!ours || ours.failure !== undefined || theirs.failure !== undefined) return { ...named, mark: 'not measured' }
  const ratios = ours.visits.map((visit, round) => theirs.visits[round]!.cpuPerRequest / visit.cpuPerRequest)
  const ratio = median(ratios)
  return {
    ...named,
    ratio,
    lowest: Math.min(...ratios),
    highest: Math.max(...ratios),
    mark: goal.factor === undefined ? 'no goal' : ratio >= goal.factor ? 'met' : 'short',
  }
}

/** Postern's usual policy against each of the peer's, and then like against like where both rotate. */
export const compareAll = (results: readonly RowOutcome[]): Comparison[] =>
  goals.flatMap((goal) => {
    const result = results.find(({ row }) => row.name === goal.row)
    if (!result) return []
    const ours = result.outcomes.filter(({ contender }) => contender.ours)
    const theirs = result.outcomes.filter(({ contender }) => !contender.ours && contender.store === goal.store)
    const usual = ours.find(({ contender }) => contender.refresh === 'static')
    const rotating = ours.find(({ contender }) => contender.refresh === 'rotating')
    return [
      ...theirs.map((each) => compare(goal, result.row, usual, each)),
      ...theirs
        .filter(({ contender }) => rotating && contender.refresh === 'rotating')
        .map((each) => compare(goal, result.row, rotating, each)),
    ]
  })

const table = (head: readonly string[], lines: readonly (readonly string[])[]): string =>
  [head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')

const measuredLine = ({ contender, visits, failure }: Outcome, withRotation: boolean): string[] => {
  if (failure !== undefined) return [contender.name, `failed: ${failure.split('\n')[0]!.replaceAll('|', '\\|')}`]
  const visit = medianVisit(visits)
  return [
    contender.name,
    visit.requestsPerSecond.toFixed(0),
    visit.cpuPerRequest.toFixed(0),
    `${visit.p50.toFixed(1)} / ${visit.p99.toFixed(1)}`,
    visit.unloadedP50.toFixed(2),
    visit.openLoopP99.toFixed(1),
    (visit.resident / 2 ** 20).toFixed(0),
    visit.firstAnswer.toFixed(0),
    ...(withRotation ? [`${(visit.rotated * 100).toFixed(0)} %`] : []),
  ]
}

const rowSection = ({ row, outcomes }: RowOutcome, connections: number, rate: number): string => {
  const withRotation = row.task === 'refresh_token'
  const head = [
    row.name,
    'requests/s',
    'CPU µs/request',
    `p50 / p99 ms, ${connections} connections`,
    'p50 ms, one connection',
    `p99 ms, ${rate}/s`,
    'RSS MB',
    'first answer ms',
    ...(withRotation ? ['token rotated'] : []),
  ]
  return table(
    head,
    outcomes.map((each) => measuredLine(each, withRotation)),
  )
}

const comparisonLine = (each: Comparison): string[] => [
  each.goal.row,
  each.ours,
  each.theirs,
  each.sameRefreshPolicy ? 'yes' : 'no',
  each.ratio === undefined
    ? ''
    : `${each.ratio.toFixed(2)} (${each.lowest!.toFixed(2)} to ${each.highest!.toFixed(2)})`,
  each.goal.factor === undefined ? '' : `≥ ${each.goal.factor}`,
  each.mark,
]

/** How much a browser fetches until the page is whole, the first time that it comes. */
const pageSection = (results: readonly RowOutcome[]): string | undefined => {
  const page = results
    .flatMap(({ outcomes }) => outcomes.flatMap(({ visits }) => visits))
    .find((each) => each.page)?.page
  if (!page) return undefined
  const total = page.parts.reduce((sum, { size }) => sum + size, 0)
  const lines = [
    ...page.parts.map(({ what, size }) => [what, String(size), '', '']),
    ['together', String(total), `< ${pageGoal}`, total < pageGoal ? 'met' : 'short'],
  ]
  return `## The size of the sign-in page\n\n${table(['part', 'bytes, uncompressed', 'goal', ''], lines)}`
}

export const markdown = (
  facts: readonly string[],
  results: readonly RowOutcome[],
  pace: { connections: number; rate: number },
): string => {
  const seen = new Map(results.flatMap(({ outcomes }) => outcomes).map(({ contender }) => [contender.name, contender]))
  const refreshes = results.some(({ row }) => row.task === 'refresh_token')
  const page = pageSection(results)
  const sections = [
    '# Postern against its peers',
    facts.map((fact) => `- ${fact}`).join('\n'),
    ...results.map((each) => rowSection(each, pace.connections, pace.rate)),
    ...(page === undefined ? [] : [page]),
    '## How many times cheaper (CPU time per request: theirs divided by ours; lowest and highest round)',
    table(
      ['row', 'ours', 'theirs', 'same refresh policy', 'times cheaper', 'goal', ''],
      compareAll(results).map(comparisonLine),
    ),
    ...(refreshes
      ? [
          'The goals for refresh_token were set against a peer that rotates. Where the policies differ, a part of the ratio is the policy.',
        ]
      : []),
    ...(refreshes
      ? [
          '## What happens to a refresh token',
          [...seen.values()].map(({ name, policy }) => `- **${name}**: ${policy}.`).join('\n'),
        ]
      : []),
  ]
  return `${sections.join('\n\n')}\n`
}
