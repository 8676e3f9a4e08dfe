import { LOOPBACK_HOSTS, type Config } from '#config.ts'
import type { Site } from '#http/hosts.ts'
import type { Surface } from '#http/message.ts'

export type Surfaces = {
  readonly programs: Surface
  readonly people: Surface
  readonly platformApi: Surface
}

/**
 * What is served under which host name. With one public host name that is everything; with two, each serves its own, so that pages and cookies of
 * the one are never at the origin of the other. Who asks by a name of this machine is on it, and gets everything.
 */
export const sitesOf = (urls: Config['urls'], { programs, people, platformApi }: Surfaces): readonly Site[] => {
  const everything = [programs, people, platformApi]
  const auth = [new URL(urls.auth).hostname, ...urls.auth_aliases]
  const api = [new URL(urls.api).hostname, ...urls.api_aliases]
  if (auth[0] === api[0]) return [{ names: [...new Set([...auth, ...api, ...LOOPBACK_HOSTS])], surfaces: everything }]
  const named = new Set([...auth, ...api])
  return [
    { names: LOOPBACK_HOSTS.filter((name) => !named.has(name)), surfaces: everything },
    {
      names: [...new Set(auth)],
      surfaces: [programs, people].map((surface) => only(surface, (path) => !LEGACY.has(path))),
    },
    {
      names: [...new Set(api)],
      surfaces: [...[programs, people].map((surface) => only(surface, (path) => AT_API_HOST.has(path))), platformApi],
    },
  ]
}

/** What the platform's older libraries look for beside the API. */
const LEGACY: ReadonlySet<string> = new Set(['/oauth2/v1.0/authorize', '/oauth2/v1.0/token'])
const AT_API_HOST: ReadonlySet<string> = new Set(['/', '/healthz', '/readyz', ...LEGACY])

const only = (surface: Surface, isServed: (path: string) => boolean): Surface => ({
  ...surface,
  routes: surface.routes.filter(({ path }) => isServed(path)),
})
