import { createRouter, type Router } from '#http/router.ts'
import type { Surface } from '#http/message.ts'

/** What is served under some host names (RFC 9110 §7.2), whatever the port. */
export type Site = {
  /** In lower case; `any` for a server that does not look. */
  readonly names: readonly string[] | 'any'
  readonly surfaces: readonly Surface[]
}

export type Hosts = {
  /** @param host - the `Host` header; HTTP/1.0 may leave it out, and is then at the first site. */
  readonly find: (host: string | undefined) => Router | undefined
  /** The first site: it words what is refused under a name that nobody has. */
  readonly first: Router
}

/** @throws {Error} if there is no site, or two share a name */
export const createHosts = (sites: readonly Site[]): Hosts => {
  const byName = new Map<string, Router>()
  const routers = sites.map(({ names, surfaces }) => {
    const router = createRouter(surfaces)
    for (const name of names === 'any' ? [] : names) {
      if (byName.has(name)) throw new Error(`two sites have the host name ${name}`)
      byName.set(name, router)
    }
    return router
  })
  const [first] = routers
  if (first === undefined) throw new Error('there is no site')
  const any = routers[sites.findIndex(({ names }) => names === 'any')]
  return {
    first,
    find: (host) => {
      if (host === undefined) return first
      return byName.get(host) ?? byName.get(hostName(host)) ?? any
    },
  }
}

const hostName = (host: string): string => host.replace(/:\d*$/, '').toLowerCase()
