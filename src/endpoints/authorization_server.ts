import type { Log } from '#base/log.ts'
import { findClientOfToken, findNamedClient, withCors, type Readers } from '#endpoints/cors.ts'
import { deviceAuthorizationEndpoint, type DeviceAuthorizationTools } from '#endpoints/device_authorization.ts'
import { documentEndpoint, metadata } from '#endpoints/discovery.ts'
import { frontPageEndpoint } from '#endpoints/front_page.ts'
import { healthEndpoint, readinessEndpoint } from '#endpoints/health.ts'
import { introspectEndpoint, type IntrospectTools } from '#endpoints/introspect.ts'
import { createOAuthErrorAnswers } from '#endpoints/oauth_errors.ts'
import { parEndpoint, type ParTools } from '#endpoints/par.ts'
import { revokeEndpoint, type RevokeTools } from '#endpoints/revoke.ts'
import { legacyTokenEndpoint, tokenEndpoint, type TokenTools } from '#endpoints/token.ts'
import { userinfoEndpoint, type UserinfoTools } from '#endpoints/userinfo.ts'
import type { Surface } from '#http/message.ts'
import type { ApiResource } from '#stores/records.ts'

export type AuthorizationServerTools = TokenTools &
  IntrospectTools &
  ParTools &
  RevokeTools &
  UserinfoTools &
  DeviceAuthorizationTools & {
    readonly apiUrl: string
    readonly platformName: string
    readonly resources: readonly ApiResource[]
    /** Resolves if the database answers and can be written. */
    readonly check: () => Promise<void>
    readonly log: Log
  }

/** What pages of other origins may read. People are taken to `/authorize`; no page asks there by itself (RFC 9700 §2.6). */
const READERS: Readonly<Record<string, Readers>> = {
  '/oauth/token': findNamedClient,
  '/oauth/revoke': findNamedClient,
  '/userinfo': findClientOfToken,
  '/.well-known/openid-configuration': 'everybody',
  '/.well-known/oauth-authorization-server': 'everybody',
  '/.well-known/jwks.json': 'everybody',
}

/** What programs ask of the authorization server: tokens, what it says about itself, and whether it is well. */
export const authorizationServer = (tools: AuthorizationServerTools): Surface => {
  const { issuerUrl, apiUrl, platformName, resources, keys, check, log } = tools
  const discovery = documentEndpoint(metadata(issuerUrl, resources))
  const surface: Surface = {
    prefix: '/',
    routes: [
      { methods: ['GET'], path: '/', endpoint: frontPageEndpoint(platformName, issuerUrl, apiUrl) },
      { methods: ['POST'], path: '/oauth/token', endpoint: tokenEndpoint(`${issuerUrl}oauth/token`, tools) },
      { methods: ['POST'], path: '/oauth/par', endpoint: parEndpoint(`${issuerUrl}oauth/par`, tools) },
      { methods: ['POST'], path: '/oauth/device/code', endpoint: deviceAuthorizationEndpoint(tools) },
      { methods: ['POST'], path: '/oauth/introspect', endpoint: introspectEndpoint(tools) },
      { methods: ['POST'], path: '/oauth/revoke', endpoint: revokeEndpoint(tools) },
      { methods: ['GET', 'POST'], path: '/userinfo', endpoint: userinfoEndpoint(`${issuerUrl}userinfo`, tools) },
      {
        methods: ['POST'],
        path: '/oauth2/v1.0/token',
        endpoint: legacyTokenEndpoint(`${apiUrl}oauth2/v1.0/token`, tools),
      },
      { methods: ['GET'], path: '/.well-known/openid-configuration', endpoint: discovery },
      { methods: ['GET'], path: '/.well-known/oauth-authorization-server', endpoint: discovery },
      { methods: ['GET'], path: '/.well-known/jwks.json', endpoint: documentEndpoint(keys.jwks) },
      { methods: ['GET'], path: '/healthz', endpoint: healthEndpoint },
      { methods: ['GET'], path: '/readyz', endpoint: readinessEndpoint(check) },
    ],
    answerError: createOAuthErrorAnswers(log),
  }
  return withCors(surface, READERS, tools.store.clients)
}
