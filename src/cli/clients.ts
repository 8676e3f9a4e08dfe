import { InvalidArgumentError, Option, type Command } from 'commander'
import { encodeBytes } from '#base/base62.ts'
import { createLog } from '#base/log.ts'
import { createPasswordHashing } from '#base/password_hashing.ts'
import { random } from '#base/secrets.ts'
import { minutes } from '#base/time.ts'
import { addPageOptions, collect, parseDuration, parseId, parseTime, type ListOptions } from '#cli/arguments.ts'
import {
  hasPasswordGrant,
  PASSWORD_REALM,
  parseOrigin,
  parseBackchannelLogoutUri,
  parseRedirectUri,
  parseRequiredScope,
  policyOf,
  type PolicyOptions,
} from '#cli/client_options.ts'
import { parseJwksFile, parseOutboundUrl } from '#cli/client_authentication_options.ts'
import { RefusedError } from '#cli/failures.ts'
import type { ConfigOptions } from '#cli/load_config.ts'
import { openMasterKey } from '#cli/master_key.ts'
import { withDatabase } from '#cli/open_database.ts'
import { details, isoTime, table, type Output } from '#cli/output.ts'
import { readSecret, refuseSecretOptions } from '#cli/secret_input.ts'
import { refuseForeignSector } from '#cli/sector_identifier.ts'
import { clientSecretsKey, registerClient } from '#clients/register.ts'
import { SHORTEST_SIGNING_SECRET } from '#clients/sealed_secret.ts'
import { createOutbound } from '#outbound/outbound.ts'
import { ASSERTION_ALGORITHMS } from '#protocol/client_assertion.ts'
import { DEVICE_CODE } from '#protocol/token_request.ts'
import {
  CLIENT_AUTHENTICATION_METHODS,
  GRANT_TYPES,
  SIGNING_ALGORITHMS,
  SUBJECT_TYPES,
  type Client,
  type GrantTypeName,
} from '#stores/records.ts'

type CreateOptions = ConfigOptions &
  PolicyOptions & {
    readonly name: string
    readonly id?: string
    readonly importSecret?: boolean
    readonly apiKey?: readonly string[]
    /** `false` with `--no-id-as-api-key`. */
    readonly idAsApiKey: boolean
  }

/** Beyond it a token that was stolen and one that was sent again look too much alike. */
const LONGEST_REFRESH_WINDOW = minutes(2)

export const addClientsCommands = (program: Command, outputOf: (command: Command) => Output): void => {
  const group = program
    .command('clients')
    .summary('programs that ask for tokens')
    .description('Programs that ask for tokens.')

  const create = group
    .command('create')
    .summary('register a client')
    .description(
      'Register a client, and print its id, its secret and its API keys. They are shown this one time: only digests are kept.',
    )
    .requiredOption('--name <name>', 'its name for people')
    .addOption(
      new Option(
        '--grant-type <type...>',
        `how it may obtain tokens: ${[...GRANT_TYPES, ...Object.keys(SHORT_GRANT_TYPES)].join(', ')}`,
      ).argParser(collect(parseGrantType)),
    )
    .option('--scope <scope...>', 'what it may ask for')
    .option('--default-scope <scope...>', 'what it is granted when it asks for no scope of the API')
    .option('--audience <audience...>', 'APIs that it may ask tokens for (default: platform.audience)')
    .option('--public', 'it runs where a secret cannot be kept, and has none')
    .addOption(
      new Option(
        '--auth-method <method>',
        'how it proves that it is the one (default: client_secret; private_key_jwt with keys)',
      ).choices(CLIENT_AUTHENTICATION_METHODS.filter((method) => method !== 'none')),
    )
    .option('--jwks <file>', 'its public keys, a JWK Set', parseJwksFile)
    .option('--jwks-uri <url>', 'where it publishes its public keys', parseOutboundUrl)
    .addOption(
      new Option(
        '--auth-alg <algorithm>',
        'what it signs its assertions with, and nothing else (default: any that its keys are for)',
      ).choices(ASSERTION_ALGORITHMS),
    )
    .addOption(
      new Option('--profile <name>', 'hold it to a profile: fapi2 is the FAPI 2.0 Security Profile').choices(['fapi2']),
    )
    .option('--first-party', "it is the platform's own, so people are not asked for their consent")
    .option('--redirect-uri <uri>', 'where people may be sent back to; repeatable', collect(parseRedirectUri))
    .option(
      '--allowed-origin <origin>',
      'an origin whose pages may call the token endpoint for it; repeatable (default: those of its redirect URIs)',
      collect(parseOrigin),
    )
    .option(
      '--post-logout-redirect-uri <uri>',
      'where people may be sent after signing out; repeatable',
      collect(parseRedirectUri),
    )
    .option('--backchannel-logout-uri <url>', 'where it is told that people have signed out', parseBackchannelLogoutUri)
    .option(
      '--backchannel-logout-session-required',
      'it must be told which session has ended, also where all of a person have',
    )
    .addOption(
      new Option(
        '--pkce <when>',
        'whether it must use PKCE (default: a public client must, another when it offers to)',
      ).choices(['required', 'when_offered']),
    )
    .addOption(
      new Option(
        '--dpop <when>',
        'whether its tokens must be bound to a key (RFC 9449; default: when it offers a proof)',
      ).choices(['required', 'when_offered']),
    )
    .addOption(
      new Option(
        '--dpop-nonce <when>',
        'whether its proofs must repeat a nonce of the server (default: those of a public client must)',
      ).choices(['required', 'when_offered']),
    )
    .addOption(
      new Option('--par <when>', 'whether it must push its authorization requests (RFC 9126)').choices(['required']),
    )
    .option(
      '--required-scope <scope=reason>',
      'a scope that people cannot switch off, and the reason that they read; repeatable',
      collect(parseRequiredScope),
    )
    .addOption(
      new Option(
        '--refresh-tokens <policy>',
        'whether each use of a refresh token replaces it (default: rotating for a public client, else static)',
      ).choices(['static', 'rotating']),
    )
    .option(
      '--refresh-window <duration>',
      'for how long a client that uses a rotating refresh token again is given the same next one (default: 60 s)',
      parseDuration(LONGEST_REFRESH_WINDOW),
    )
    .option('--api-key <name>', 'make an API key of this name; repeatable', collect(parseName))
    .option('--no-id-as-api-key', 'do not take the client id for an API key')
    .option('--password-account <id>', 'password grants only for this account; repeatable', collect(parseId))
    .option('--password-realm <name...>', 'password grants only for accounts of these realms')
    .option(
      '--password-organization <id>',
      'password grants only for accounts that may see this organization; repeatable',
      collect(parseId),
    )
    .option('--password-grant-ends-at <time>', 'after this, no more password grants', parseTime)
    .option('--acts-as <id>', 'the account in whose name client_credentials tokens act', parseId)
    .addOption(
      new Option(
        '--id-token-alg <algorithm>',
        'how its ID tokens are signed (default: RS256; ES256 with --profile fapi2)',
      ).choices(SIGNING_ALGORITHMS),
    )
    .option('--introspects <audience...>', 'APIs that it serves: it may ask about every access token made for them')
    .addOption(
      new Option(
        '--subject-type <type>',
        'whether people have the same sub as at other clients, or one that only clients of its host share (default: public)',
      ).choices(SUBJECT_TYPES),
    )
    .option(
      '--sector-identifier-uri <uri>',
      'an https URL of a JSON array of redirect URIs: clients that it lists share the sub of its host; it is looked at now',
      parseOutboundUrl,
    )
    .addOption(
      new Option(
        '--userinfo-alg <algorithm>',
        'answer it at userinfo with JWTs signed by this (default: with JSON)',
      ).choices(SIGNING_ALGORITHMS),
    )
    .option('--id <id>', 'the client id, if programs know it already', parseClientId)
    .option('--import-secret', 'keep a secret that programs know already: asked for, or one line of standard input')
    .addHelpText(
      'after',
      `
Examples:
  postern clients create --name Reports --grant-type client_credentials --scope read:entities --acts-as 22612
  postern clients create --name Dashboards --grant-type authorization_code refresh_token \\
    --scope openid offline_access read:entities --redirect-uri https://dashboards.example.com/callback \\
    --post-logout-redirect-uri https://dashboards.example.com/ \\
    --backchannel-logout-uri https://dashboards.example.com/backchannel-logout \\
    --required-scope "read:entities=Dashboards are drawn from your campaigns."
  postern clients create --name Television --public --grant-type device_code refresh_token \\
    --scope openid offline_access read:entities
  postern clients create --name Importer --grant-type password refresh_token \\
    --scope openid offline_access manage:services --default-scope manage:services --password-account 22612
  postern clients create --name "Reporting API" --introspects https://api.mediamath.com/
  postern clients create --name "Old program" --id GFg6CdBuibi1tk9y --import-secret --grant-type password < secret.txt`,
    )
    .action(async (_: unknown, self: Command) => createClient(self.optsWithGlobals<CreateOptions>(), outputOf(self)))
  refuseSecretOptions(create, 'secret', 'client-secret')

  addPageOptions(group.command('list'))
    .summary('list clients')
    .description('List clients in the order in which they were registered.')
    .addHelpText('after', '\nExamples:\n  postern clients list\n  postern clients list --limit 10 --offset 20 --json')
    .action(async (_: unknown, self: Command) =>
      listClients(self.optsWithGlobals<ConfigOptions & ListOptions>(), outputOf(self)),
    )

  group
    .command('show')
    .summary('print a client with its policy')
    .description('Print a client with its policy. Of its secrets only the kind and the end are known.')
    .argument('<client-id>')
    .addHelpText('after', '\nExamples:\n  postern clients show GFg6CdBuibi1tk9yOQk0wwlDU6vqwyoP --json')
    .action(async (id: string, _: unknown, self: Command) =>
      showClient(id, self.optsWithGlobals<ConfigOptions>(), outputOf(self)),
    )

  group
    .command('disable')
    .summary('end everything that a client has, for good')
    .description('End everything that a client has obtained, and let it obtain nothing more.')
    .argument('<client-id>')
    .addHelpText('after', '\nExamples:\n  postern clients disable GFg6CdBuibi1tk9yOQk0wwlDU6vqwyoP')
    .action(async (id: string, _: unknown, self: Command) =>
      disableClient(id, self.optsWithGlobals<ConfigOptions>(), outputOf(self)),
    )
}

/** Names that nobody types in full. */
const SHORT_GRANT_TYPES: Readonly<Record<string, GrantTypeName>> = {
  'password-realm': PASSWORD_REALM,
  device_code: DEVICE_CODE,
}

const parseGrantType = (text: string) => {
  const found = SHORT_GRANT_TYPES[text] ?? GRANT_TYPES.find((name) => name === text)
  if (found !== undefined) return found
  throw new InvalidArgumentError(`Expected ${[...GRANT_TYPES, 'password-realm'].join(', ')}.`)
}

const parseName = (text: string): string => {
  if (text.trim() !== '' && !/\p{C}/u.test(text)) return text
  throw new InvalidArgumentError('Expected a name.')
}

/** @see RFC 6749 Appendix A.1: visible ASCII; without the colon, at which Basic authentication divides */
const parseClientId = (text: string): string => {
  if (/^[\x21-\x39\x3b-\x7e]{1,255}$/.test(text)) return text
  throw new InvalidArgumentError('Expected visible ASCII characters without a colon, at most 255.')
}

const createClient = async (options: CreateOptions, output: Output): Promise<void> =>
  withDatabase(options, async (store, config) => {
    const { name, id, importSecret, apiKey = [], idAsApiKey } = options
    const policy = await policyOf(options, store, config)
    const log = createLog({ level: 'error', destination: process.stderr })
    await refuseForeignSector(policy, createOutbound({ ...config.outbound, log }))
    const signsWithSecret = policy.tokenEndpointAuthMethod === 'client_secret_jwt'
    if (importSecret === true && !signsWithSecret && policy.tokenEndpointAuthMethod !== 'client_secret') {
      const option = options.public === true ? '--public' : '--auth-method'
      throw new RefusedError(`${option}: such a client has no secret. Leave out --import-secret.`)
    }
    const importedSecret = importSecret === true ? await readSecret({ what: 'client secret', isNew: false }) : undefined
    if (
      signsWithSecret &&
      importedSecret !== undefined &&
      Buffer.byteLength(importedSecret) < SHORTEST_SIGNING_SECRET
    ) {
      throw new RefusedError(`the client secret signs, so it must have ${SHORTEST_SIGNING_SECRET} bytes at least.`)
    }
    const apiKeys = apiKey.map((keyName) => ({ name: keyName, key: encodeBytes(random(24)).slice(-32) }))
    const hashing = createPasswordHashing()
    try {
      const { client, secret } = await registerClient(store.clients, hashing, {
        name,
        policy,
        apiKeys,
        idIsApiKey: idAsApiKey,
        ...(id === undefined ? {} : { id }),
        ...(importedSecret === undefined ? {} : { importedSecret }),
        ...(signsWithSecret ? { sealingKey: clientSecretsKey(openMasterKey(config)) } : {}),
      })
      // The one that was given is known to whoever gave it.
      const shown = importedSecret === undefined ? secret : undefined
      output.result(
        {
          client_id: client.id,
          ...(shown === undefined ? {} : { client_secret: shown }),
          ...(apiKeys.length === 0 ? {} : { api_keys: apiKeys }),
        },
        details([
          ['client_id', client.id],
          ...(shown === undefined ? [] : [['client_secret', shown] as const]),
          ...apiKeys.map((each) => [`api_key ${each.name}`, each.key] as const),
        ]),
      )
      if (shown !== undefined || apiKeys.length > 0) output.words('Keep them safe: they are not shown again.')
      if (hasPasswordGrant(policy.grantTypes) && policy.passwordAccounts === undefined) {
        output.words(
          'It may sign in every account with its password. --password-account, --password-realm and --password-organization confine that.',
        )
      }
    } finally {
      await hashing.close()
    }
  })

const listClients = async (options: ConfigOptions & ListOptions, output: Output): Promise<void> =>
  withDatabase(options, async (store) => {
    const { limit, offset } = options
    const clients = await store.clients.list({ limit, offset })
    const rows = clients.map(({ id, name, policy, disabledAt }) => [
      ...[id, name, policy.tokenEndpointAuthMethod === 'none' ? 'public' : 'confidential', policy.party],
      ...[
        policy.grantTypes.map((name) => (name === PASSWORD_REALM ? 'password-realm' : name)).join(' '),
        disabledAt === undefined ? 'active' : 'disabled',
      ],
    ])
    output.result(
      clients.map(documentOf),
      rows.length === 0 ? '' : table(['CLIENT ID', 'NAME', 'KIND', 'PARTY', 'GRANT TYPES', 'STATE'], rows),
    )
    if (rows.length === 0) output.words(offset === 0 ? 'There are none.' : 'There are no more.')
  })

const showClient = async (id: string, options: ConfigOptions, output: Output): Promise<void> =>
  withDatabase(options, async (store) => {
    const client = await store.clients.find(id)
    if (client === undefined) throw noSuchClient(id)
    output.result(documentOf(client), describe(client))
  })

const disableClient = async (id: string, options: ConfigOptions, output: Output): Promise<void> =>
  withDatabase(options, async (store) => {
    if (!(await store.clients.disable(id))) throw noSuchClient(id)
    output.result({ client_id: id, active: false }, '')
    output.words(`${id} is disabled, and everything that it had obtained has ended.`)
  })

const noSuchClient = (id: string): RefusedError =>
  new RefusedError(`there is no client ${id}. \`postern clients list\` lists them.`)

/** Under the names of RFC 7591 §2 where it has one. */
const documentOf = ({ id, name, policy, disabledAt, idIsApiKey, secrets, createdAt, updatedAt }: Client) => ({
  client_id: id,
  client_name: name,
  active: disabledAt === undefined,
  id_is_api_key: idIsApiKey,
  token_endpoint_auth_method: policy.tokenEndpointAuthMethod,
  ...(policy.tokenEndpointAuthSigningAlgorithm === undefined
    ? {}
    : { token_endpoint_auth_signing_alg: policy.tokenEndpointAuthSigningAlgorithm }),
  ...(policy.jwks === undefined ? {} : { jwks: policy.jwks }),
  ...(policy.jwksUri === undefined ? {} : { jwks_uri: policy.jwksUri }),
  ...(policy.profile === undefined ? {} : { profile: policy.profile }),
  ...(policy.requirePushedAuthorizationRequests === true ? { require_pushed_authorization_requests: true } : {}),
  grant_types: policy.grantTypes,
  redirect_uris: policy.redirectUris,
  scopes: policy.scopes,
  default_scopes: policy.defaultScopes,
  audiences: policy.audiences,
  party: policy.party,
  ...(policy.pkce === undefined ? {} : { pkce: policy.pkce }),
  ...(policy.dpop === undefined ? {} : { dpop: policy.dpop }),
  ...(policy.dpopNonce === undefined ? {} : { dpop_nonce: policy.dpopNonce }),
  ...(policy.requiredScopes === undefined ? {} : { required_scopes: policy.requiredScopes }),
  ...(policy.refreshTokens === undefined ? {} : { refresh_tokens: policy.refreshTokens }),
  ...(policy.refreshWindow === undefined ? {} : { refresh_window: policy.refreshWindow }),
  id_token_signed_response_alg: policy.idTokenSigningAlgorithm,
  ...(policy.introspects === undefined ? {} : { introspects: policy.introspects }),
  ...(policy.userinfoSignedResponseAlg === undefined
    ? {}
    : { userinfo_signed_response_alg: policy.userinfoSignedResponseAlg }),
  ...(policy.subjectType === undefined ? {} : { subject_type: policy.subjectType }),
  ...(policy.sectorIdentifierUri === undefined ? {} : { sector_identifier_uri: policy.sectorIdentifierUri }),
  ...(policy.passwordAccounts === undefined ? {} : { password_accounts: policy.passwordAccounts }),
  ...(policy.passwordGrantEndsAt === undefined ? {} : { password_grant_ends_at: isoTime(policy.passwordGrantEndsAt) }),
  ...(policy.actsAs === undefined ? {} : { acts_as: policy.actsAs }),
  secrets: secrets.map(({ kind, expiresAt }) => ({
    kind,
    expires_on: expiresAt === undefined ? null : isoTime(expiresAt),
  })),
  created_on: isoTime(createdAt),
  updated_on: isoTime(updatedAt),
})

const describe = (client: Client): string =>
  details(
    Object.entries(documentOf(client)).map(([name, value]) => [
      name,
      Array.isArray(value) && value.every((each) => typeof each === 'string')
        ? value.join(' ') || 'none'
        : typeof value === 'object'
          ? JSON.stringify(value)
          : String(value),
    ]),
  )
