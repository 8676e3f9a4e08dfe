import {
  accountEndpoint,
  endAccessEndpoint,
  passwordChangeEndpoint,
  passwordPageEndpoint,
  signOutEndpoint,
  signOutEverywhereEndpoint,
  type AccountTools,
} from '#endpoints/account.ts'
import {
  authorizeByFormEndpoint,
  authorizeEndpoint,
  continueEndpoint,
  legacyAuthorizeEndpoint,
} from '#endpoints/authorize.ts'
import { consentEndpoint, type ConsentTools } from '#endpoints/consent.ts'
import {
  deviceCodeEndpoint,
  deviceContinueEndpoint,
  deviceDecisionEndpoint,
  devicePageEndpoint,
  type DevicePageTools,
} from '#endpoints/device.ts'
import {
  confirmLogoutEndpoint,
  continueLogoutEndpoint,
  logoutByFormEndpoint,
  logoutEndpoint,
  v2LogoutEndpoint,
  type LogoutTools,
} from '#endpoints/logout.ts'
import { createPageErrorAnswers } from '#endpoints/page_errors.ts'
import { signInEndpoint, type SignInPageTools } from '#endpoints/sign_in.ts'
import type { Reply, Surface } from '#http/message.ts'

export type PeopleTools = ConsentTools &
  SignInPageTools &
  AccountTools &
  LogoutTools &
  DevicePageTools & {
    /** What the pages load: the style sheet, the logo, a script. */
    readonly assets: readonly { readonly path: string; readonly reply: Reply }[]
  }

/** What people see: signing in and out, deciding, and their account. */
export const peopleSurface = (tools: PeopleTools): Surface => ({
  prefix: '/',
  routes: [
    { methods: ['GET'], path: '/authorize', endpoint: authorizeEndpoint(tools) },
    { methods: ['POST'], path: '/authorize', endpoint: authorizeByFormEndpoint },
    { methods: ['GET'], path: '/authorize/continue', endpoint: continueEndpoint(tools) },
    { methods: ['GET'], path: '/oauth2/v1.0/authorize', endpoint: legacyAuthorizeEndpoint(tools.issuer) },
    { methods: ['POST'], path: '/sign-in', endpoint: signInEndpoint(tools) },
    { methods: ['POST'], path: '/consent', endpoint: consentEndpoint(tools) },
    { methods: ['GET'], path: '/device', endpoint: devicePageEndpoint(tools) },
    { methods: ['POST'], path: '/device', endpoint: deviceCodeEndpoint(tools) },
    { methods: ['GET'], path: '/device/continue', endpoint: deviceContinueEndpoint(tools) },
    { methods: ['POST'], path: '/device/decision', endpoint: deviceDecisionEndpoint(tools) },
    { methods: ['GET'], path: '/account', endpoint: accountEndpoint(tools) },
    { methods: ['POST'], path: '/account/end-access', endpoint: endAccessEndpoint(tools) },
    { methods: ['POST'], path: '/account/sign-out', endpoint: signOutEndpoint(tools) },
    { methods: ['POST'], path: '/account/sign-out-everywhere', endpoint: signOutEverywhereEndpoint(tools) },
    { methods: ['GET'], path: '/account/password', endpoint: passwordPageEndpoint(tools) },
    { methods: ['POST'], path: '/account/password', endpoint: passwordChangeEndpoint(tools) },
    { methods: ['GET'], path: '/oidc/logout', endpoint: logoutEndpoint(tools) },
    { methods: ['POST'], path: '/oidc/logout', endpoint: logoutByFormEndpoint(tools) },
    { methods: ['GET'], path: '/oidc/logout/continue', endpoint: continueLogoutEndpoint(tools) },
    { methods: ['POST'], path: '/oidc/logout/confirm', endpoint: confirmLogoutEndpoint(tools) },
    { methods: ['GET'], path: '/v2/logout', endpoint: v2LogoutEndpoint(tools) },
    ...tools.assets.map(({ path, reply }) => ({ methods: ['GET'] as const, path, endpoint: () => reply })),
  ],
  answerError: createPageErrorAnswers(tools.pages, tools.log),
})
