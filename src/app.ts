import { createAdmission } from '#access/admission.ts'
import { createSessionBridge } from '#access/session_bridge.ts'
import { createSessionCookies } from '#access/session_cookie.ts'
import { createBrowserSessions } from '#accounts/browser_session.ts'
import { createSignIn } from '#accounts/sign_in.ts'
import { createCourier } from '#backchannel_logout/courier.ts'
import { createDelivery } from '#backchannel_logout/delivery.ts'
import { createDerivedTokens } from '#base/derived_token.ts'
import { createIdPermutation } from '#base/id_permutation.ts'
import type { Log } from '#base/log.ts'
import { createPasswordHashing } from '#base/password_hashing.ts'
import { deriveKey, type Key } from '#base/secrets.ts'
import { hours, minutes, systemClock, type Clock } from '#base/time.ts'
import { createVerifiedSecrets } from '#base/verified_secrets.ts'
import type { ClientAuthenticationTools } from '#clients/authenticate.ts'
import { createClientAssertions } from '#clients/client_assertion.ts'
import { createJwksUris } from '#clients/jwks_uri.ts'
import { clientSecretsKey } from '#clients/register.ts'
import type { Config } from '#config.ts'
import { authorizationServer } from '#endpoints/authorization_server.ts'
import { createInteractions } from '#endpoints/interaction.ts'
import { peopleSurface } from '#endpoints/people.ts'
import { createPersonPages } from '#endpoints/person_pages.ts'
import { createPushedRequests } from '#endpoints/pushed_requests.ts'
import type { TokenTools } from '#endpoints/token.ts'
import { createHttpServer } from '#http/server.ts'
import { createOutbound } from '#outbound/outbound.ts'
import { prepareBrand } from '#pages/brand.ts'
import { english } from '#pages/texts/en.ts'
import { platformSurface } from '#platform/surface.ts'
import { sitesOf } from '#sites.ts'
import type { Store } from '#stores/store.ts'
import { createAttempts } from '#throttling/attempts.ts'
import { createDeviceRequests } from '#throttling/device_requests.ts'
import { createAccessTokenVerification } from '#tokens/access_token.ts'
import { createPossessionProof } from '#tokens/dpop.ts'
import { createDpopNonces } from '#tokens/dpop_nonce.ts'
import { createTokenIssuer } from '#tokens/issue.ts'
import { createLogoutTokens } from '#tokens/logout_token.ts'
import { createRefreshTokens } from '#tokens/refresh_token.ts'
import { openSigningKeys } from '#tokens/signing_keys.ts'
import { createSubjects } from '#tokens/subject.ts'

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
  deviceCode: 7,
  pushedRequest: 9,
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
  const deviceCodes = createDerivedTokens(
    'dc',
    deriveKey(masterKey, 'device codes'),
    createIdPermutation(idKey, ID_DOMAINS.deviceCode),
  )
  const userCodeKey = deriveKey(masterKey, 'user codes')
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
  const subjects = createSubjects({
    prefix: platform.subject_prefix,
    browserSessionIds: createIdPermutation(idKey, ID_DOMAINS.sid),
    pairwiseKey: deriveKey(masterKey, 'pairwise subjects'),
  })
  const issuer = createTokenIssuer({
    issuer: urls.auth,
    clock,
    keys,
    refreshTokens,
    authorizationIds,
    subjects,
    claimsNamespace: platform.claims_namespace,
    idTokenLifetime: config.tokens.id_token_lifetime,
  })

  const outbound = createOutbound({ ...config.outbound, log })
  const authentication: ClientAuthenticationTools = {
    clients: store.clients,
    attempts,
    hashing,
    verified: createVerifiedSecrets(CLIENT_SECRET_REMEMBERED, clock),
    assertions: createClientAssertions({
      issuer: urls.auth,
      endpoints: ['oauth/token', 'oauth/par'].map((path) => urls.auth + path),
      clock,
      oneTimeValues: store.oneTimeValues,
      jwksUris: createJwksUris(outbound, clock),
      sealingKey: clientSecretsKey(masterKey),
    }),
  }
  const verifyAccessToken = createAccessTokenVerification({
    issuer: urls.auth,
    clock,
    keys,
    authorizationIds,
    findResource,
  })
  const provePossession = createPossessionProof({
    oneTimeValues: store.oneTimeValues,
    nonces: createDpopNonces(deriveKey(masterKey, 'DPoP nonces'), clock),
    clock,
  })
  const tokenTools: TokenTools = {
    store,
    signIn,
    issuer,
    refreshTokens,
    codes,
    deviceCodes,
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
    provePossession,
  }
  const pushedRequests = createPushedRequests(
    store.pushedRequests,
    createDerivedTokens(
      'pr',
      deriveKey(masterKey, 'pushed requests'),
      createIdPermutation(idKey, ID_DOMAINS.pushedRequest),
    ),
  )
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
  const people = peopleSurface({
    ...{ store, findResource, keys, clock, browserSessions, interactions, codes, pages, signIn, hashing, assets, log },
    ...{ subjects, pushedRequests, attempts, userCodeKey },
    defaultAudience: platform.audience,
    platformAudience: platform.audience,
    issuer: urls.auth,
    codeLifetime: config.tokens.authorization_code_lifetime,
    realms: platform.realms,
    defaultRealm: platform.default_realm,
  })
  const programs = authorizationServer({
    ...tokenTools,
    ...{ store, verifyAccessToken, subjects, resources, keys, pushedRequests, userCodeKey },
    deviceCodeLifetime: config.tokens.device_code_lifetime,
    deviceRequests: createDeviceRequests(store.attempts, {
      ofAddress: config.limits.device_codes_of_address,
      ofClient: config.limits.device_codes_of_client,
      lifetime: config.tokens.device_code_lifetime,
    }),
    apiUrl: urls.api,
    platformName: platform.name,
    check: store.check,
    issuerUrl: urls.auth,
  })

  const makeLogoutToken = createLogoutTokens({
    ...{ clock, keys, subjects },
    issuer: urls.auth,
  })
  const courier = createCourier({
    store: store.logoutDeliveries,
    deliver: createDelivery({ store, makeLogoutToken, outbound, log }),
    log,
  })

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
    subjects,
    provePossession,
    cookies,
    bridge,
    resource: platformResource,
    apiUrl: urls.api,
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
    sites: sitesOf(urls, { programs, people, platformApi }),
    limits: {
      bodyBytes: config.limits.body_bytes,
      requestTimeout: config.limits.request_timeout,
      answerTimeout: config.limits.answer_timeout,
    },
    trustedProxies: config.listen.trusted_proxies,
    isPublicUrlHttps: isAuthHttps,
    log,
  })
  return {
    listen: async () => {
      const listening = await server.listen(config.listen)
      courier.start()
      return listening
    },
    close: async () => {
      await Promise.all([server.close(), courier.close()])
      await hashing.close()
    },
  }
}
