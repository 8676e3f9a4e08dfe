import { HttpError, type Route, type Surface } from '#http/message.ts'

type Segments = Readonly<Record<string, string>>

/** Who answers. A path without a route has an endpoint too: one that refuses. */
export type Destination = {
  readonly surface: Surface
  readonly endpoint: Route['endpoint']
  readonly segments: Segments
}

export type Router = {
  /** @param path - as `readTarget` answers it */
  readonly find: (method: string, path: string) => Destination
  /** The surface that words what is refused at a path that no route has. */
  readonly surfaceAt: (path: string) => Surface
}

/** What one path answers, by method; `refusal` to all others. */
type Place = { readonly methods: Map<string, Destination>; refusal: Destination }

/** A segment of the paths that have parameters. */
type Branch = { readonly literals: Map<string, Branch>; parameter?: Branch; place?: Place }

/**
 * Built once; a path without parameters is then found by one look into a map. In each segment a literal beats a parameter.
 * @throws {Error} if two routes would answer the same, a route is outside its surface, or no surface has the prefix `/`
 */
export const createRouter = (surfaces: readonly Surface[]): Router => {
  const byPrefix = surfaces.toSorted((a, b) => b.prefix.length - a.prefix.length)
  const last = byPrefix.at(-1)
  if (last?.prefix !== '/') throw new Error('no surface has the prefix /')
  const surfaceAt = (path: string): Surface =>
    byPrefix.find(({ prefix }) => path.startsWith(prefix) || path === prefix.slice(0, -1)) ?? last

  const literals = new Map<string, Place>()
  const root: Branch = { literals: new Map() }
  for (const surface of surfaces) {
    for (const route of surface.routes) addRoute(literals, root, surface, route)
  }

  return {
    surfaceAt,
    find: (method, path) => {
      const literal = literals.get(path)
      if (literal !== undefined) return destinationAt(literal, method)
      const values: string[] = []
      const place = findPlace(root, path.split('/'), 1, values)
      if (place === undefined) return { surface: surfaceAt(path), endpoint: refusePath, segments: {} }
      const { segments, ...destination } = destinationAt(place, method)
      return { ...destination, segments: nameSegments(segments, values) }
    },
  }
}

const refusePath: Route['endpoint'] = () => {
  throw new HttpError('not_found', 'Nothing is at this path.')
}

const refuseMethod = (methods: Iterable<string>): Route['endpoint'] => {
  const allow = [...methods].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ')
  return () => {
    throw new HttpError('method_not_allowed', `This path takes ${allow}.`, { allow })
  }
}

const addRoute = (literals: Map<string, Place>, root: Branch, surface: Surface, route: Route): void => {
  if (!route.path.startsWith(surface.prefix)) throw new Error(`${route.path} is outside of ${surface.prefix}`)
  const parts = route.path.split('/').slice(1)
  const names = parts.filter((part) => part.startsWith(':')).map((part) => part.slice(1))
  // The names in their order, until a request brings the values.
  const segments: Segments = Object.fromEntries(names.map((name) => [name, '']))
  const destination: Destination = { surface, endpoint: route.endpoint, segments }
  const place =
    names.length === 0 ? literalPlace(literals, route.path, destination) : branchPlace(root, parts, destination)
  for (const method of route.methods) {
    if (place.methods.has(method)) throw new Error(`two routes answer ${method} ${route.path}`)
    place.methods.set(method, destination)
  }
  place.refusal = { ...place.refusal, endpoint: refuseMethod(place.methods.keys()) }
}

const literalPlace = (literals: Map<string, Place>, path: string, refusal: Destination): Place => {
  const place = literals.get(path) ?? { methods: new Map(), refusal }
  literals.set(path, place)
  return place
}

const branchPlace = (root: Branch, parts: readonly string[], refusal: Destination): Place => {
  let branch = root
  for (const part of parts) {
    if (part.startsWith(':')) branch = branch.parameter ??= { literals: new Map() }
    else {
      const next: Branch = branch.literals.get(part) ?? { literals: new Map() }
      branch.literals.set(part, next)
      branch = next
    }
  }
  return (branch.place ??= { methods: new Map(), refusal })
}

const destinationAt = (place: Place, method: string): Destination =>
  // HEAD is GET, whose body the server leaves out (RFC 9110 §9.3.2).
  place.methods.get(method === 'HEAD' ? 'GET' : method) ?? place.refusal

/** Leaves the values of the parameters in `values`, decoded: a checked path has no encoded slash that this could let loose. */
const findPlace = (branch: Branch, parts: readonly string[], from: number, values: string[]): Place | undefined => {
  const part = parts[from]
  if (part === undefined) return branch.place
  const literal = branch.literals.get(part)
  const place = literal && findPlace(literal, parts, from + 1, values)
  if (place !== undefined || branch.parameter === undefined || part === '') return place
  values.push(decodeURIComponent(part))
  const found = findPlace(branch.parameter, parts, from + 1, values)
  if (found === undefined) values.pop()
  return found
}

const nameSegments = (names: Segments, values: readonly string[]): Segments =>
  Object.fromEntries(Object.keys(names).map((name, n) => [name, values[n]!]))
