import { z } from 'zod'
import { findDuration, hours, type Seconds } from '#base/time.ts'

// The configuration as a schema. Its descriptions are the reference (docs/reference/configuration.md is printed from them), and
// every refusal names the key and what was expected there.

const duration = (text: string) =>
  z
    .string()
    .transform((given, context): Seconds => {
      const found = findDuration(given)
      if (found !== undefined && found > 0) return found
      context.addIssue({
        code: 'custom',
        message: 'expected a duration with its unit, such as "90 s", "15 min", "24 h" or "30 d"',
      })
      return z.NEVER
    })
    .prefault(text)
    .meta({ kind: 'duration' })

export const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]']

/** Whether a URL's host is this machine alone (RFC 8252 §7.3 names the addresses). */
export const isLoopback = (host: string): boolean => LOOPBACK_HOSTS.includes(host)

const publicUrl = z
  .string()
  .transform((text, context) => {
    const url = URL.parse(text)
    const refuse = (message: string) => {
      context.addIssue({ code: 'custom', message })
      return z.NEVER
    }
    if (url === null || !['https:', 'http:'].includes(url.protocol)) return refuse('expected an absolute https URL')
    if (url.protocol === 'http:' && !isLoopback(url.hostname))
      return refuse('expected https: http is only for localhost, 127.0.0.1 and [::1]')
    if (url.href !== `${url.origin}/`) {
      return refuse('expected an origin alone, such as "https://auth.example.com/": no path, query, fragment or user')
    }
    // `href` of an origin ends in a slash: these bytes are the issuer, everywhere (RFC 8414 §2).
    return url.href
  })
  .meta({ kind: 'URL' })

const hostNames = z
  .array(z.string().regex(/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/, 'expected a host name in lower case, without a port'))
  .default([])

const httpsOrLoopbackAudience = z
  .string()
  .refine(
    (text) => URL.canParse(text) && !/[#\s]/.test(text),
    'expected an absolute URI without spaces and fragment (RFC 8707 §2)',
  )

/** Dots between labels (RFC 1123 §2.1), with a letter in the last one: what has none there is an address to a URL parser. */
const HOST_NAME = /^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?\.)*[a-z](?:[a-z0-9-]*[a-z0-9])?$/

const scope = z.strictObject({
  name: z
    .string()
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'expected one scope token (RFC 6749 §3.3)')
    .describe('What clients ask for.'),
  description: z.string().min(1).describe('One plain sentence for the person who is asked to allow it.'),
  includes: z.array(z.string()).optional().describe('Scopes of the same API that this one stands for.'),
})

const apiResource = z.strictObject({
  audience: httpsOrLoopbackAudience.describe(
    'The identifier that clients ask for as `audience` or `resource`, and the `aud` of its access tokens.',
  ),
  name: z.string().min(1).describe('Its name for people.'),
  scopes: z.array(scope).min(1).describe('What can be allowed at this API.'),
  signing_algorithm: z
    .enum(['ES256', 'RS256'])
    .optional()
    .describe('How its access tokens are signed. Default: ES256; RS256 if others verify them.'),
  verified_by_others: z
    .boolean()
    .default(false)
    .describe('Others verify its tokens: they are then RS256, `typ: JWT`, and live 1 h unless said otherwise.'),
  access_token_lifetime: z
    .string()
    .refine((text) => (findDuration(text) ?? 0) > 0, 'expected a duration with its unit, such as "1 h"')
    .optional()
    .describe('How long its access tokens live. Default: `tokens.access_token_lifetime`; 1 h if others verify them.'),
})

export const PLATFORM_AUDIENCE = 'https://api.mediamath.com/'

const PLATFORM_API: z.input<typeof apiResource> = {
  audience: PLATFORM_AUDIENCE,
  name: 'Execution & Management API',
  scopes: [
    { name: 'read:entities', description: 'See your organizations, agencies, advertisers and campaigns.' },
    {
      name: 'write:entities',
      description: 'Create and change your organizations, agencies, advertisers and campaigns.',
    },
    { name: 'read:users', description: 'See the users that you can see, and what they may do.' },
    { name: 'manage:users', description: 'Create and change users.' },
    { name: 'manage:permissions', description: 'Decide which users may see and change which entities.' },
    {
      name: 'manage:services',
      description: 'See and change everything about your organizations, agencies, advertisers and campaigns.',
      includes: ['read:entities', 'write:entities'],
    },
  ],
}

const section = <Shape extends z.ZodRawShape>(shape: Shape, description: string) =>
  z
    .strictObject(shape)
    .prefault({} as z.input<z.ZodObject<Shape>>)
    .describe(description)

const count = (most: number) => z.int().min(1).max(most)

export const configSchema = z.strictObject({
  database: z
    .string()
    .min(1)
    .default('./data')
    .describe('A folder for the embedded database, or a `postgres://` URL.')
    .meta({ kind: 'folder or URL' }),
  master_key_file: z
    .string()
    .optional()
    .describe(
      'Where the master key is kept if `POSTERN_MASTER_KEY` is not set. Default: beside the folder of the embedded database, `<folder>.key`.',
    )
    .meta({ kind: 'file' }),
  listen: section(
    {
      host: z.string().min(1).default('127.0.0.1').describe('The address to listen on.'),
      port: z.int().min(0).max(65_535).default(9400).describe('The port to listen on; 0 takes a free one.'),
      trusted_proxies: z
        .array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], 'expected an IP address or a CIDR range'))
        .default([])
        .describe('Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.'),
    },
    'Where the server listens.',
  ),
  urls: section(
    {
      auth: publicUrl
        .optional()
        .describe(
          'The public URL of the authorization server: the issuer. http only for loopback. Default: http://localhost and the port.',
        ),
      api: publicUrl.optional().describe('The public URL of the platform API. Default: the same as `urls.auth`.'),
      auth_aliases: hostNames.describe(
        'Other host names that the authorization server answers to, such as one that older clients know. The issuer and all links stay those of `urls.auth`.',
      ),
      api_aliases: hostNames.describe('Other host names that the platform API answers to.'),
    },
    'Under which names people and programs reach it. Never taken from a request.',
  ),
  platform: section(
    {
      name: z.string().min(1).default('Postern').describe('The name that people see.'),
      accent_color: z
        .string()
        .regex(/^#[0-9a-f]{6}$/i, 'expected a colour such as "#1f4e79"')
        .optional()
        .describe('The colour of buttons and links on our pages. Text stays readable whatever it is.'),
      logo_file: z
        .string()
        .optional()
        .describe('The logo on our pages: .svg, .png, .webp or .jpg, at most 64 KiB. Read once at start.')
        .meta({ kind: 'file' }),
      audience: httpsOrLoopbackAudience
        .default(PLATFORM_AUDIENCE)
        .describe('The API that is meant when a request names none, and that the platform API is.'),
      claims_namespace: z
        .string()
        .default(PLATFORM_AUDIENCE)
        .describe("Prefix of the platform's own claims in access tokens."),
      session_cookie: z
        .string()
        .regex(/^[A-Za-z0-9_-]+$/, 'expected a cookie name of letters, digits, "_" and "-"')
        .default('adama_session')
        .describe('The name of the platform session cookie.'),
      subject_prefix: z
        .string()
        .regex(/^[A-Za-z0-9_.-]+$/, 'expected letters, digits, "_", "." and "-"')
        .default('platform')
        .describe('`sub` is this, `|`, and the user id.'),
      realms: z
        .array(z.string().min(1))
        .min(1)
        .default(['T1DB-Production', 'MediaMathActiveDirectory', 'Staff'])
        .describe('Directories of accounts; a user name is unique in its realm.'),
      default_realm: z.string().default('T1DB-Production').describe('The realm of a password grant that names none.'),
      media_type: z
        .string()
        .regex(/^application\/[a-z0-9.+-]*json$/, 'expected a media type such as "application/vnd.example.v1+json"')
        .default('application/vnd.mediamath.v1+json')
        .describe('The JSON media type of the v2.0 API.'),
      session_lifetime: duration('24 h').describe('How long a platform session lives at most.'),
      session_reuse: duration('1 h').describe('For how long the same sign-in is handed the same platform session.'),
    },
    'Names of the platform, as its existing clients know them.',
  ),
  api_resources: z
    .array(apiResource)
    .min(1)
    .prefault([PLATFORM_API])
    .describe('The APIs that access tokens are made for.'),
  tokens: section(
    {
      access_token_lifetime: duration('24 h').describe('How long an access token lives.'),
      id_token_lifetime: duration('10 h').describe('How long an ID token lives.'),
      refresh_token_idle: duration('30 d').describe('A refresh token that is not used for so long expires.'),
      refresh_token_absolute: duration('365 d').describe('A refresh token expires after this, used or not.'),
      public_refresh_token_absolute: duration('90 d').describe(
        'That of a client that cannot authenticate expires after this.',
      ),
      authorization_code_lifetime: duration('60 s').describe('An authorization code must be exchanged by then.'),
      device_code_lifetime: duration('10 min').describe(
        'A person must have decided about a device, and the device must have fetched its tokens, by then.',
      ),
      browser_session_lifetime: duration('12 h').describe('How long a sign-in at our own pages lives.'),
    },
    'Lifetimes.',
  ),
  throttling: section(
    {
      account_burst: count(1000)
        .default(10)
        .describe('Failed sign-ins of one account from one address before it must wait.'),
      account_refill: duration('60 s').describe('After this, one more is allowed.'),
      account_total_burst: count(10_000)
        .default(100)
        .describe('Failed sign-ins of one account from all addresses that it has not used before.'),
      account_total_refill: duration('60 s').describe('After this, one more is allowed.'),
      address_burst: count(100_000)
        .default(100)
        .describe('Failed attempts from one address (IPv6: one /64), at any account or client.'),
      address_refill: duration('6 s').describe('After this, one more is allowed. Until then the answer is 429.'),
    },
    'How guessing is slowed down. Only failures count.',
  ),
  outbound: section(
    {
      allow: z
        .array(
          z.union(
            [z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6(), z.string().regex(HOST_NAME)],
            'expected a host name, an IP address or a CIDR range',
          ),
        )
        .default([])
        .describe(
          'Hosts and addresses that may be asked although they are not public, such as `idp.internal` or `10.1.0.0/16`. http is only for loopback.',
        ),
      ca: z
        .string()
        .optional()
        .describe('Certificates (PEM) of authorities that are trusted besides the usual ones. Read once at start.')
        .meta({ kind: 'file' }),
    },
    'Whom the server asks for what clients publish, and tells of sign-outs. Public https addresses need no entry.',
  ),
  limits: section(
    {
      body_bytes: count(16_777_216).default(65_536).describe('The largest request body, in bytes.'),
      request_timeout: duration('10 s').describe('A request that has not arrived whole by then is cut.'),
      answer_timeout: duration('60 s').describe(
        'A connection whose client has not taken an answer whole by then is closed.',
      ),
      device_codes_of_address: count(1_000_000)
        .default(100)
        .describe(
          'Devices of one address (IPv6: one /64) that may wait for a person; half of them may begin at once. Beyond it the answer is 429.',
        ),
      device_codes_of_client: count(10_000_000)
        .default(5000)
        .describe('Devices of one client that may wait for a person, in the same way.'),
      passwords_waiting: count(10_000)
        .default(200)
        .describe('Sign-ins that may wait for a password hash; beyond it the answer is 503.'),
    },
    'What one client may take of the server.',
  ),
  log: section(
    {
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('The least important thing that is logged, as JSON lines on standard error.'),
    },
    'What is logged.',
  ),
})

export type ConfigFile = z.input<typeof configSchema>

/** The configuration with all defaults filled in and everything checked. */
export type Config = Omit<z.output<typeof configSchema>, 'urls' | 'api_resources'> & {
  readonly urls: {
    readonly auth: string
    readonly api: string
    readonly auth_aliases: readonly string[]
    readonly api_aliases: readonly string[]
  }
  readonly api_resources: readonly {
    readonly audience: string
    readonly name: string
    readonly scopes: readonly {
      readonly name: string
      readonly description: string
      readonly includes?: readonly string[]
    }[]
    readonly signingAlgorithm: 'ES256' | 'RS256'
    readonly verifiedByOthers: boolean
    readonly accessTokenLifetime: Seconds
  }[]
}

/** The configuration is wrong. `problems` has one line for each key: its name, and what was expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`the configuration is wrong:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

const keyOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (name, part) =>
      typeof part === 'number' ? `${name}[${part}]` : name === '' ? String(part) : `${name}.${String(part)}`,
    '',
  )

/** The places of those that stand further up already. */
const repeatedOf = (names: readonly string[]): readonly number[] =>
  names.flatMap((name, index) => (names.indexOf(name) < index ? [index] : []))

/** @throws {ConfigError} with every problem at once */
export const parseConfig = (file: unknown): Config => {
  const parsed = configSchema.safeParse(file)
  if (!parsed.success) {
    throw new ConfigError(
      parsed.error.issues.flatMap((issue) =>
        issue.code === 'unrecognized_keys'
          ? issue.keys.map((key) => `${keyOf([...issue.path, key])}: there is no such key`)
          : `${keyOf(issue.path) || '(the whole)'}: ${issue.message.replace(/^Invalid input: /, '')}`,
      ),
    )
  }
  return complete(parsed.data)
}

/** Names that would be of two hosts. Where both have one public name, all its aliases are names of both. */
const findSharedNames = ({ auth, api, auth_aliases, api_aliases }: Config['urls']): readonly string[] => {
  const [authHost, apiHost] = [new URL(auth).hostname, new URL(api).hostname]
  if (authHost === apiHost) return []
  const ofApi = new Set([apiHost, ...api_aliases])
  return [authHost, ...auth_aliases].filter((name) => ofApi.has(name))
}

const complete = ({ urls, api_resources, ...rest }: z.output<typeof configSchema>): Config => {
  const auth = urls.auth ?? `http://localhost:${rest.listen.port}/`
  const api = urls.api ?? auth
  const resources = api_resources.map(
    ({ signing_algorithm, verified_by_others, access_token_lifetime, scopes, ...resource }) => ({
      ...resource,
      scopes: scopes.map(({ includes, ...scope }) => ({ ...scope, ...(includes === undefined ? {} : { includes }) })),
      signingAlgorithm: signing_algorithm ?? (verified_by_others ? 'RS256' : 'ES256'),
      verifiedByOthers: verified_by_others,
      accessTokenLifetime:
        (access_token_lifetime === undefined ? undefined : findDuration(access_token_lifetime)) ??
        (verified_by_others ? hours(1) : rest.tokens.access_token_lifetime),
    }),
  )
  const problems = [
    ...(new URL(auth).protocol === new URL(api).protocol ? [] : ['urls.api: expected the scheme of urls.auth']),
    ...findSharedNames({ ...urls, auth, api }).map((name) => `urls: ${name} is a name of both auth and api`),
    ...(resources.some(({ audience }) => audience === rest.platform.audience)
      ? []
      : ['platform.audience: expected the audience of one of api_resources']),
    ...repeatedOf(resources.map(({ audience }) => audience)).map(
      (index) => `api_resources[${index}].audience: expected one that no other has`,
    ),
    ...resources.flatMap(({ scopes }, index) =>
      repeatedOf(scopes.map(({ name }) => name)).map(
        (place) => `api_resources[${index}].scopes[${place}].name: expected one that no other of the API has`,
      ),
    ),
    ...(rest.platform.realms.includes(rest.platform.default_realm)
      ? []
      : ['platform.default_realm: expected one of platform.realms']),
    ...resources.flatMap(({ scopes }, index) =>
      scopes.flatMap(({ name, includes = [] }) =>
        includes
          .filter((part) => !scopes.some((scope) => scope.name === part && scope.includes === undefined))
          .map(
            (part) =>
              `api_resources[${index}].scopes: ${name} includes ${part}, expected a scope of the same API that includes none`,
          ),
      ),
    ),
    ...resources.flatMap(({ accessTokenLifetime }, index) =>
      accessTokenLifetime < rest.tokens.refresh_token_idle && accessTokenLifetime < rest.tokens.refresh_token_absolute
        ? []
        : [`api_resources[${index}].access_token_lifetime: expected less than the lifetimes of refresh tokens`],
    ),
  ]
  if (problems.length > 0) throw new ConfigError(problems)
  return { ...rest, urls: { ...urls, auth, api }, api_resources: resources }
}
