/** One visit: a contender is started, warmed up, measured and stopped. */
import type { Child } from './child.ts'
import type { Contender, Row } from './contenders.ts'
import type { LoadPlan, LoadReply, LoadResult } from './load.ts'
import { startServer } from './servers.ts'
import type { Bytes, Microseconds, Milliseconds, Seconds } from './units.ts'

export type LoadProcess = Child<LoadPlan, LoadReply>

export type Pace = {
  warmUp: Seconds
  seconds: Seconds
  connections: number
  /** Requests per second of the open loop; the same for all, and low enough for the slowest. */
  rate: number
}

export type Visit = {
  requestsPerSecond: number
  cpuPerRequest: Microseconds
  p50: Milliseconds
  p99: Milliseconds
  unloadedP50: Milliseconds
  openLoopP99: Milliseconds
  resident: Bytes
  firstAnswer: Milliseconds
  /** Share of the answers that brought another refresh token: what the server did, whatever it was set up to do. */
  rotated: number
}

/** Sign-ins whose refresh tokens take turns: more than connections, few enough for the peer's small cache in memory. */
const signInsFor = (connections: number): number => Math.max(64, connections)

const run = async (load: LoadProcess, plan: LoadPlan): Promise<LoadResult> => {
  const answer = await load.ask(plan)
  if (answer.kind === 'failed') throw new Error(answer.reason)
  if (answer.result.answers === 0) throw new Error('no answers')
  return answer.result
}

/** Lets a server make its keys and tables, so that the measured starts are those of a server in service. */
export const firstStart = async (contender: Contender, row: Row, folder: string): Promise<void> => {
  const server = await startServer(contender.program(row, folder))
  await server.stop()
}

export const visit = async (
  contender: Contender,
  row: Row,
  folder: string,
  load: LoadProcess,
  pace: Pace,
): Promise<Visit> => {
  const server = await startServer(contender.program(row, folder))
  try {
    const refreshes = row.grantType === 'refresh_token'
    const { clientId, clientSecret, scope, refreshTokens } = await server.prepare(
      refreshes ? signInsFor(pace.connections) : 0,
    )
    const plan: LoadPlan = {
      port: server.port,
      path: '/oauth/token',
      seconds: pace.warmUp,
      connections: pace.connections,
      form: {
        grant_type: row.grantType,
        client_id: clientId,
        ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
        ...(refreshes ? {} : { scope }),
      },
      refreshTokens,
      algorithm: row.algorithm,
      expectsIdToken: refreshes,
    }
    const warm = await run(load, plan)

    const before = await server.usage()
    const full = await run(load, { ...plan, seconds: pace.seconds, refreshTokens: warm.refreshTokens })
    const after = await server.usage()

    const brief = Math.max(1, pace.seconds / 3)
    const one = await run(load, { ...plan, seconds: brief, connections: 1, refreshTokens: full.refreshTokens })
    const open = await run(load, { ...plan, seconds: pace.seconds, rate: pace.rate, refreshTokens: one.refreshTokens })

    return {
      requestsPerSecond: (full.answers * 1000) / full.elapsed,
      cpuPerRequest: (after.cpu - before.cpu) / full.answers,
      p50: full.p50,
      p99: full.p99,
      unloadedP50: one.p50,
      openLoopP99: open.p99,
      resident: after.resident,
      firstAnswer: server.firstAnswer,
      rotated: full.rotations / full.answers,
    }
  } finally {
    await server.stop()
  }
}
