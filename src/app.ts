import { createAdmission } from '#access/admission.ts'
import { createSessionBridge } from '#access/session_bridge.ts'
import { createSessionCookies } from '#access/session_cookie.ts'
import { createBrowserSessions } from '#accounts/browser_session.ts'
import { createSignIn } from '#accounts/sign_in.ts'
import { createDerivedTokens } from '#base/derived_token.ts'
import { createIdPermutation } from '#base/id_permutation.ts'
import type { Log } from '#base/log.ts'
import { createPasswordHashing } from '#base/password_hashing.ts'
import { deriveKey, type Key } from '#base/secrets.ts'
import { hours, minutes, systemClock, type Clock } from '#base/time.ts'
import { createVerifiedSecrets } from '#base/verified_secrets.ts'
import type { ClientAuthenticationTools } from '#clients/authenticate.ts'
import type { Config } from '#config.ts'
import {
  accountEndpoint,
  endAccessEndpoint,
  passwordChangeEndpoint,
  passwordPageEndpoint,
  signOutEndpoint,
  signOutEverywhereEndpoint,
} from '#endpoints/account.ts'
import {
  authorizeByFormEndpoint,
  authorizeEndpoint,
  continueEndpoint,
  legacyAuthorizeEndpoint,
} from '#endpoints/authorize.ts'
import { consentEndpoint } from '#endpoints/consent.ts'
import { documentEndpoint, metadata } from '#endpoints/discovery.ts'
import { frontPageEndpoint } from '#endpoints/front_page.ts'
import { healthEndpoint, readinessEndpoint } from '#endpoints/health.ts'
import { createInteractions } from '#endpoints/interaction.ts'
import { createOAuthErrorAnswers } from '#endpoints/oauth_surface.ts'
import { createPageErrorAnswers } from '#endpoints/pages_surface.ts'
import { createPersonPages } from '#endpoints/person_pages.ts'
import { revokeEndpoint } from '#endpoints/revoke.ts'
import { signInEndpoint } from '#endpoints/sign_in.ts'
import { legacyTokenEndpoint, tokenEndpoint, type TokenTools } from '#endpoints/token.ts'
import { userinfoEndpoint } from '#endpoints/userinfo.ts'
import type { Surface } from '#http/message.ts'
import { createHttpServer } from '#http/server.ts'
import { prepareBrand } from '#pages/brand.ts'
import { english } from '#pages/texts/en.ts'
import { platformSurface } from '#platform/surface.ts'
import type { Store } from '#stores/store.ts'
import { createAttempts } from '#throttling/attempts.ts'
import { createAccessTokenVerification } from '#tokens/access_token.ts'
import { createTokenIssuer } from '#tokens/issue.ts'
import { createRefreshTokens } from '#tokens/refresh_token.ts'
import { openSigningKeys } from '#tokens/signing_keys.ts'

export type AppOptions = {
  readonly config: Config
  /** Stays the caller's: it closes it after the app. */
  readonly store: Store
  readonly masterKey: Key
  readonly log: Log
  readonly clock?: Clock
}

export type App = {
  /** @returns the port, which is a free one if the configuration says 0 */
  readonly listen: () => Promise<{ readonly port: number }>
  /** Lets requests under way finish, and resolves when the last has. */
  readonly close: () => Promise<void>
}

/** Each kind of id is shown under a permutation of its own: the same number looks unrelated elsewhere. */
const ID_DOMAINS = {
  refreshToken: 1,
  authorizationClaim: 2,
  generation: 3,
  code: 4,
  sid: 5,
  browserSession: 6,
} as const

/** For how long a right secret is not hashed again: that of a person, and that of a program. */
const PASSWORD_REMEMBERED = minutes(5)
const CLIENT_SECRET_REMEMBERED = hours(1)

/**
 * Puts the rooms together.
 * @throws {SealedKeyError} if the master key is not the one that the database was begun with
 */
export const createApp = async ({ config, store, masterKey, log, clock = systemClock }: AppOptions): Promise<App> => {
  const { platform, throttling, urls } = config
  await store.apiResources.register(config.api_resources)
  const resources = await store.apiResources.list()
  const resourceByAudience = new Map(resources.map((resource) => [resource.audience, resource]))
  const findResource = (audience: string) => resourceByAudience.get(audience)
  const platformResource = findResource(platform.audience)!

  const keys = await openSigningKeys(store.signingKeys, deriveKey(masterKey, 'signing keys'))
  const idKey = deriveKey(masterKey, 'ids')
  const refreshTokens = createRefreshTokens(
    deriveKey(masterKey, 'refresh tokens'),
    createIdPermutation(idKey, ID_DOMAINS.refreshToken),
    createIdPermutation(idKey, ID_DOMAINS.generation),
  )
  const authorizationIds = createIdPermutation(idKey, ID_DOMAINS.authorizationClaim)
  const codes = createDerivedTokens(
    'ac',
    deriveKey(masterKey, 'authorization codes'),
    createIdPermutation(idKey, ID_DOMAINS.code),
  )
  const hashing = createPasswordHashing({ queue: config.limits.passwords_waiting })
  const attempts = createAttempts(store.attempts, {
    pair: { burst: throttling.account_burst, refill: throttling.account_refill },
    subject: { burst: throttling.account_total_burst, refill: throttling.account_total_refill },
    address: { burst: throttling.address_burst, refill: throttling.address_refill },
    waiting: config.limits.passwords_waiting,
  })
  const signIn = createSignIn({
    accounts: store.accounts,
    attempts,
    hashing,
    verified: createVerifiedSecrets(PASSWORD_REMEMBERED, clock),
  })
  const issuer = createTokenIssuer({
    issuer: urls.auth,
    clock,
    keys,
    refreshTokens,
    authorizationIds,
    browserSessionIds: createIdPermutation(idKey, ID_DOMAINS.sid),
    subjectPrefix: platform.subject_prefix,
    claimsNamespace: platform.claims_namespace,
    idTokenLifetime: config.tokens.id_token_lifetime,
  })

  const authentication: ClientAuthenticationTools = {
    clients: store.clients,
    attempts,
    hashing,
    verified: createVerifiedSecrets(CLIENT_SECRET_REMEMBERED, clock),
  }
  const verifyAccessToken = createAccessTokenVerification({
    issuer: urls.auth,
    clock,
    keys,
    authorizationIds,
    findResource,
  })
  const tokenTools: TokenTools = {
    store,
    signIn,
    issuer,
    refreshTokens,
    codes,
    clock,
    log,
    findResource,
    defaultAudience: platform.audience,
    realms: platform.realms,
    defaultRealm: platform.default_realm,
    refreshTokenIdle: config.tokens.refresh_token_idle,
    refreshTokenAbsolute: config.tokens.refresh_token_absolute,
    publicRefreshTokenAbsolute: config.tokens.public_refresh_token_absolute,
    authentication,
  }
  const discovery = documentEndpoint(metadata(urls.auth, resources))
  const interactions = createInteractions(deriveKey(masterKey, 'interactions'), clock)
  const isAuthHttps = urls.auth.startsWith('https:')
  const browserSessions = createBrowserSessions({
    store: store.browserSessions,
    tokens: createDerivedTokens(
      'bs',
      deriveKey(masterKey, 'browser sessions'),
      createIdPermutation(idKey, ID_DOMAINS.browserSession),
    ),
    lifetime: config.tokens.browser_session_lifetime,
    isSecure: isAuthHttps,
    clock,
  })
  const { brand, assets } = prepareBrand({
    name: platform.name,
    ...(platform.accent_color === undefined ? {} : { accent: platform.accent_color }),
    ...(platform.logo_file === undefined ? {} : { logoFile: platform.logo_file }),
  })
  const pages = createPersonPages({
    brand,
    texts: english,
    store,
    publicOrigins: [new URL(urls.auth).origin],
    platformAudience: platform.audience,
  })
  const authorize = {
    store,
    findResource,
    defaultAudience: platform.audience,
    keys,
    clock,
    issuer: urls.auth,
    subjectPrefix: platform.subject_prefix,
    browserSessions,
    interactions,
    codes,
    codeLifetime: config.tokens.authorization_code_lifetime,
    pages,
    log,
  }
  const signInPage = {
    ...{ store, browserSessions, interactions, signIn, pages, log },
    realms: platform.realms,
    defaultRealm: platform.default_realm,
  }
  const account = { store, browserSessions, interactions, pages, signIn, hashing, findResource, log }
  const consent = { ...authorize, platformAudience: platform.audience }
  const pagesOfPeople: Surface = {
    prefix: '/',
    routes: [
      { methods: ['GET'], path: '/authorize', endpoint: authorizeEndpoint(authorize) },
      { methods: ['POST'], path: '/authorize', endpoint: authorizeByFormEndpoint },
      { methods: ['GET'], path: '/authorize/continue', endpoint: continueEndpoint(authorize) },
      { methods: ['POST'], path: '/sign-in', endpoint: signInEndpoint(signInPage) },
      { methods: ['POST'], path: '/consent', endpoint: consentEndpoint(consent) },
      { methods: ['GET'], path: '/account', endpoint: accountEndpoint(account) },
      { methods: ['POST'], path: '/account/end-access', endpoint: endAccessEndpoint(account) },
      { methods: ['POST'], path: '/account/sign-out', endpoint: signOutEndpoint(account) },
      { methods: ['POST'], path: '/account/sign-out-everywhere', endpoint: signOutEverywhereEndpoint(account) },
      { methods: ['GET'], path: '/account/password', endpoint: passwordPageEndpoint(account) },
      { methods: ['POST'], path: '/account/password', endpoint: passwordChangeEndpoint(account) },
      ...assets.map(({ path, reply }) => ({ methods: ['GET'] as const, path, endpoint: () => reply })),
    ],
    answerError: createPageErrorAnswers(pages, log),
  }
  const userinfo = userinfoEndpoint({
    ...{ store, verifyAccessToken, findResource, subjectPrefix: platform.subject_prefix },
  })
  const authorizationServer: Surface = {
    prefix: '/',
    routes: [
      { methods: ['GET'], path: '/', endpoint: frontPageEndpoint(platform.name, urls.auth, urls.api) },
      { methods: ['POST'], path: '/oauth/token', endpoint: tokenEndpoint(tokenTools) },
      {
        methods: ['POST'],
        path: '/oauth/revoke',
        endpoint: revokeEndpoint({ store, authentication, refreshTokens, verifyAccessToken, log }),
      },
      { methods: ['GET', 'POST'], path: '/userinfo', endpoint: userinfo },
      { methods: ['GET'], path: '/oauth2/v1.0/authorize', endpoint: legacyAuthorizeEndpoint(urls.auth) },
      { methods: ['POST'], path: '/oauth2/v1.0/token', endpoint: legacyTokenEndpoint(tokenTools) },
      { methods: ['GET'], path: '/.well-known/openid-configuration', endpoint: discovery },
      { methods: ['GET'], path: '/.well-known/oauth-authorization-server', endpoint: discovery },
      { methods: ['GET'], path: '/.well-known/jwks.json', endpoint: documentEndpoint(keys.jwks) },
      { methods: ['GET'], path: '/healthz', endpoint: healthEndpoint },
      { methods: ['GET'], path: '/readyz', endpoint: readinessEndpoint(store.check) },
    ],
    answerError: createOAuthErrorAnswers(log),
  }

  const isApiHttps = urls.api.startsWith('https:')
  const cookies = createSessionCookies(platform.session_cookie, deriveKey(masterKey, 'platform sessions'), isApiHttps)
  const bridge = createSessionBridge({
    platformSessions: store.platformSessions,
    cookies,
    resource: platformResource,
    lifetime: platform.session_lifetime,
    clock,
  })
  const admit = createAdmission({
    store,
    verifyAccessToken,
    cookies,
    bridge,
    resource: platformResource,
  })
  const platformApi = platformSurface({
    store,
    admit,
    bridge,
    cookies,
    signIn,
    resource: platformResource,
    clock,
    log,
    apiUrl: urls.api,
    publicOrigins: [new URL(urls.auth).origin, new URL(urls.api).origin],
    cookieName: platform.session_cookie,
    mediaType: platform.media_type,
    defaultRealm: platform.default_realm,
    sessionLifetime: platform.session_lifetime,
    sessionReuse: platform.session_reuse,
  })

  const server = createHttpServer({
    surfaces: [authorizationServer, pagesOfPeople, platformApi],
    limits: { bodyBytes: config.limits.body_bytes, requestTimeout: config.limits.request_timeout },
    trustedProxies: config.listen.trusted_proxies,
    isPublicUrlHttps: isAuthHttps,
    log,
  })
  return {
    listen: () => server.listen(config.listen),
    close: async () => {
      await server.close()
      await hashing.close()
    },
  }
}
