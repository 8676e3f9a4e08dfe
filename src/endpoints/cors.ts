import { NO_STORE, type Headers, type Reply, type Request, type Route, type Surface } from '#http/message.ts'
import { readPresentedClient } from '#protocol/client_authentication.ts'
import { findParsedJwt } from '#protocol/jwt.ts'
import { allowedOriginsOf } from '#protocol/origin.ts'
import { readBodyParameters } from '#protocol/parameters.ts'
import type { ClientStore } from '#stores/store.ts'

/** Whose pages may read the answers of a path: everybody's, or those of the client that this finds in the request, if it finds one. */
export type Readers = 'everybody' | ((request: Request) => string | undefined)

const REQUEST_HEADERS = 'Authorization, Content-Type, Auth0-Client, DPoP'
const RESPONSE_HEADERS = 'DPoP-Nonce, WWW-Authenticate, Retry-After'
/** In seconds: for how long a browser need not ask again. */
const PREFLIGHT_FRESH_FOR = '3600'

const TO_EVERYBODY: Headers = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': RESPONSE_HEADERS,
}
const TO_NOBODY: Headers = { vary: 'Origin' }
const toOrigin = (origin: string): Headers => ({
  'access-control-allow-origin': origin,
  'access-control-expose-headers': RESPONSE_HEADERS,
  vary: 'Origin',
})

/**
 * Lets pages of other origins read what these paths answer, their errors too: without the headers a page would not even learn which error it is.
 * Cookies are never part of it (there is no `Access-Control-Allow-Credentials`), so no page is told what it could not have asked for by itself.
 * @see Fetch §3.3 (CORS protocol)
 */
export const withCors = (
  surface: Surface,
  readers: Readonly<Record<string, Readers>>,
  clients: Pick<ClientStore, 'find'>,
): Surface => {
  // Found before the endpoint is asked: an error is answered elsewhere, and without waiting.
  const found = new WeakMap<Request, Headers>()

  const findFor = async (request: Request, findClientId: Exclude<Readers, 'everybody'>): Promise<Headers> => {
    const { origin } = request.headers
    const clientId = origin === undefined ? undefined : findClientId(request)
    if (origin === undefined || clientId === undefined) return TO_NOBODY
    const client = await clients.find(clientId)
    if (client === undefined || !allowedOriginsOf(client.policy).includes(origin)) return TO_NOBODY
    const headers = toOrigin(origin)
    found.set(request, headers)
    return headers
  }

  const share = (route: Route): readonly Route[] => {
    const of = readers[route.path]
    if (of === undefined) return [route]
    return [
      {
        ...route,
        endpoint: async (request, segments) => {
          const headers = of === 'everybody' ? TO_EVERYBODY : await findFor(request, of)
          return withHeaders(await route.endpoint(request, segments), headers)
        },
      },
      { methods: ['OPTIONS'], path: route.path, endpoint: preflight(route.methods) },
    ]
  }

  return {
    ...surface,
    routes: surface.routes.flatMap(share),
    answerError: (error, request) => {
      const reply = surface.answerError(error, request)
      const of = readers[request.path]
      if (of === undefined) return reply
      return withHeaders(reply, of === 'everybody' ? TO_EVERYBODY : (found.get(request) ?? TO_NOBODY))
    },
  }
}

const withHeaders = (reply: Reply, headers: Headers): Reply => ({ ...reply, headers: { ...reply.headers, ...headers } })

/**
 * A preflight names no client, so every origin may go on to ask. Nothing is lost by it: a program that is no browser asks without one, and the
 * answer itself can be read by the client's own pages alone.
 * @see Fetch §3.3.2 (CORS-preflight request)
 */
const preflight = (methods: Route['methods']): Route['endpoint'] => {
  const reply: Reply = {
    status: 204,
    headers: {
      ...NO_STORE,
      'access-control-allow-origin': '*',
      'access-control-allow-methods': methods.join(', '),
      'access-control-allow-headers': REQUEST_HEADERS,
      'access-control-max-age': PREFLIGHT_FRESH_FOR,
    },
    body: '',
  }
  return () => reply
}

/** The client that a token or revocation request names, whether or not it proves it. */
export const findNamedClient = ({ headers, body }: Request): string | undefined => {
  try {
    return readPresentedClient(headers.authorization, readBodyParameters(headers['content-type'], body)).clientId
  } catch {
    return undefined
  }
}

/** The client that an access token names. A forged one shows its maker nothing but the refusal. */
export const findClientOfToken = ({ headers }: Request): string | undefined => {
  const clientId = findParsedJwt(headers.authorization?.split(' ').at(-1) ?? '')?.claims['client_id']
  return typeof clientId === 'string' ? clientId : undefined
}
