import type { Surface } from '#http/message.ts'
import { advertisers } from '#platform/advertisers.ts'
import { agencies } from '#platform/agencies.ts'
import { campaigns } from '#platform/campaigns.ts'
import { entityRoutes } from '#platform/entity_routes.ts'
import { createErrorAnswers } from '#platform/error_answers.ts'
import { loginEndpoint } from '#platform/login.ts'
import { logoutEndpoint } from '#platform/logout.ts'
import { organizations } from '#platform/organizations.ts'
import { sessionEndpoint } from '#platform/session.ts'
import type { PlatformTools } from '#platform/tools.ts'

const MIGRATED = [organizations, agencies, advertisers] as const

/** The Execution & Management API: sessions at v2.0, and entities in two versions. */
export const platformSurface = (tools: PlatformTools): Surface => ({
  prefix: '/api/',
  routes: [
    { methods: ['POST'], path: '/api/v2.0/login', endpoint: loginEndpoint(tools) },
    { methods: ['GET', 'POST'], path: '/api/v2.0/session', endpoint: sessionEndpoint(tools) },
    { methods: ['GET', 'POST'], path: '/api/v2.0/logout', endpoint: logoutEndpoint(tools) },
    ...MIGRATED.flatMap((kind) => [
      ...entityRoutes(tools, 'v2.0', kind, 'either'),
      // The platform describes v3.0 with bearer tokens alone.
      ...entityRoutes(tools, 'v3.0', kind, 'token'),
    ]),
    ...entityRoutes(tools, 'v2.0', campaigns, 'both'),
  ],
  answerError: createErrorAnswers(tools),
})
