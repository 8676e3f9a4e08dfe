/**
 * Postern as the bench starts it: the whole server on a free port, with a durable SQLite store in the given folder.
 *
 * `node bench/postern.ts --algorithm ES256 --refresh static --data FOLDER`
 */
import { parseArgs } from 'node:util'
import type { Algorithm, RefreshPolicy } from './contenders.ts'
import { type ProbedServer, serveUnderProbe } from './probe.ts'

const { values: options } = parseArgs({
  options: {
    algorithm: { type: 'string', default: 'ES256' },
    refresh: { type: 'string', default: 'static' },
    data: { type: 'string', default: '.' },
  },
})

/**
 * Starts Postern on 127.0.0.1 and a free port, over a database in `data` that may be new or from an earlier start.
 *
 * `algorithm` signs the access tokens of the default API and the client's ID tokens. `refresh` says which client
 * `prepare(signIns)` makes: `static`, a confidential one with a generated secret; `rotating`, a public one. `prepare` makes
 * as many accounts, and gets a refresh token for each by the password grant at `/oauth/token` with
 * `scope=openid offline_access`.
 */
const startPostern = (settings: {
  algorithm: Algorithm
  refresh: RefreshPolicy
  data: string
}): Promise<ProbedServer> =>
  Promise.reject(new Error(`Postern cannot be started here yet (${settings.algorithm}, ${settings.refresh})`))

await serveUnderProbe(() =>
  startPostern({
    algorithm: options.algorithm === 'RS256' ? 'RS256' : 'ES256',
    refresh: options.refresh === 'rotating' ? 'rotating' : 'static',
    data: options.data,
  }),
)
