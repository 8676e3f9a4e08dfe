/** One visit: a contender is started, warmed up, measured and stopped. */
import type { Child } from './child.ts'
import { spendsWhatItSends } from './contenders.ts'
import type { Contender, Row, Task } from './contenders.ts'
import type { LoadPlan, LoadReply, LoadResult } from './load.ts'
import { weighPage } from './page_weight.ts'
import type { PageWeight } from './page_weight.ts'
import { CODE_CHALLENGE, CODE_VERIFIER, REDIRECT_URI } from './probe.ts'
import type { Credentials, Making } from './probe.ts'
import { startServer } from './servers.ts'
import type { RunningServer } from './servers.ts'
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
  /** Of the sign-in page. */
  page?: PageWeight
}

/** Sign-ins that take turns: more than connections, few enough for the peer's small cache in memory. */
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

type Request = Pick<LoadPlan, 'path' | 'form' | 'supply' | 'expects'>

/** What is asked in this row. What its requests carry one by one, if they do, is not made yet. */
const requestOf = (row: Row, { clientId, clientSecret, scope, refreshTokens }: Credentials): Request => {
  const token = (fields: Record<string, string>): Pick<LoadPlan, 'path' | 'form'> => ({
    path: '/oauth/token',
    form: {
      grant_type: row.task,
      client_id: clientId,
      ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
      ...fields,
    },
  })
  const tokens = (withIdToken: boolean): LoadPlan['expects'] => ({
    kind: 'tokens',
    algorithm: row.algorithm,
    withIdToken,
  })
  switch (row.task) {
    case 'refresh_token':
      return {
        ...token({}),
        supply: { as: 'refresh_token', values: refreshTokens, once: false },
        expects: tokens(true),
      }
    case 'client_credentials':
      return { ...token({ scope }), expects: tokens(false) }
    case 'authorization_code':
      return {
        ...token({ redirect_uri: REDIRECT_URI, code_verifier: CODE_VERIFIER }),
        supply: { as: 'code', values: [], once: true },
        expects: tokens(true),
      }
    case 'userinfo':
      return {
        path: '/userinfo',
        supply: { as: 'bearer', values: [], once: row.newTokens ?? false },
        expects: { kind: 'members', names: ['sub', 'name', 'email'] },
      }
    case 'introspection':
      return {
        path: '/oauth/introspect',
        form: { client_id: clientId, ...(clientSecret === undefined ? {} : { client_secret: clientSecret }) },
        supply: { as: 'token', values: [], once: false },
        // One that is not active has no subject.
        expects: { kind: 'members', names: ['active', 'sub', 'exp', 'scope'] },
      }
    case 'discovery':
      return {
        path: '/.well-known/openid-configuration',
        expects: { kind: 'members', names: ['issuer', 'token_endpoint', 'jwks_uri'] },
      }
    case 'JWKS':
      return { path: '/.well-known/jwks.json', expects: { kind: 'members', names: ['keys'] } }
    case 'sign-in page':
      return { path: authorizationPath(clientId, scope), expects: { kind: 'page' } }
  }
}

const authorizationPath = (clientId: string, scope: string): string => {
  const asked = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    scope: `openid ${scope}`,
    state: 'af0ifjsldkj',
    nonce: 'n-0S6_WzA2Mj',
    code_challenge: CODE_CHALLENGE,
    code_challenge_method: 'S256',
  })
  return `/authorize?${asked.toString()}`
}

/** What was just made leaves work behind, such as a log to be moved into the database: it is none of the requests'. */
const settle = async (server: RunningServer): Promise<void> => {
  const step: Milliseconds = 250
  const patience = performance.now() + 5000
  let before = await server.usage()
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, step))
    const now = await server.usage()
    const share = (now.cpu - before.cpu) / (step * 1000)
    if (share < 0.02 || performance.now() > patience) return
    before = now
  }
}

/** In which no person takes part. */
const TASKS_OF_NOBODY: readonly Task[] = ['client_credentials', 'discovery', 'JWKS', 'sign-in page']
const TASKS_WITH_ACCESS_TOKENS: readonly Task[] = ['userinfo', 'introspection']

/** Requests per second for which the first codes or tokens are made, before it is known how many the server answers. */
const FIRST_GUESS = 4000

export const visit = async (
  contender: Contender,
  row: Row,
  folder: string,
  load: LoadProcess,
  pace: Pace,
): Promise<Visit> => {
  const server = await startServer(contender.program(row, folder))
  try {
    const needsNobody = TASKS_OF_NOBODY.includes(row.task)
    const signIns = needsNobody ? 0 : signInsFor(pace.connections)
    const credentials = await server.prepare(signIns)
    const request = requestOf(row, credentials)
    const page = row.task === 'sign-in page' ? await weighPage(server.port, request.path) : undefined
    const making: Making = row.task === 'authorization_code' ? 'codes' : 'access tokens'
    const spends = spendsWhatItSends(row)

    let values =
      TASKS_WITH_ACCESS_TOKENS.includes(row.task) && !spends
        ? await server.make(making, signIns)
        : (request.supply?.values ?? [])
    /** `expected` is how many requests there may be: what is left of earlier runs is filled up to as many. */
    const runWith = async (part: Pick<LoadPlan, 'seconds' | 'connections' | 'rate'>, expected: number) => {
      const missing = spends ? Math.ceil(expected) + pace.connections - values.length : 0
      if (missing > 0) {
        values = [...values, ...(await server.make(making, missing))]
        await settle(server)
      }
      const supply = request.supply && { ...request.supply, values }
      const before = await server.usage()
      const result = await run(load, { port: server.port, ...request, ...(supply ? { supply } : {}), ...part })
      const after = await server.usage()
      values = result.left
      return { ...result, cpu: after.cpu - before.cpu, resident: after.resident, rate: result.answers / result.elapsed }
    }

    const { connections, seconds } = pace
    const warm = await runWith({ seconds: pace.warmUp, connections }, FIRST_GUESS * pace.warmUp)
    // It may still become faster.
    const full = await runWith({ seconds, connections }, 1.5 * warm.rate * seconds * 1000)
    if (full.elapsed < seconds * 500) throw new Error(`what requests carry ran out after ${full.elapsed.toFixed(0)} ms`)
    const brief = Math.max(1, seconds / 3)
    const one = await runWith({ seconds: brief, connections: 1 }, full.rate * brief * 1000)
    const open = await runWith({ seconds, connections, rate: pace.rate }, pace.rate * seconds)

    return {
      requestsPerSecond: (full.answers * 1000) / full.elapsed,
      cpuPerRequest: full.cpu / full.answers,
      p50: full.p50,
      p99: full.p99,
      unloadedP50: one.p50,
      openLoopP99: open.p99,
      resident: full.resident,
      firstAnswer: server.firstAnswer,
      rotated: full.rotations / full.answers,
      ...(page === undefined ? {} : { page }),
    }
  } finally {
    await server.stop()
  }
}
