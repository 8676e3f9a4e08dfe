import { Option, type Command } from 'commander'
import { hashNewPassword, registerAccount } from '#accounts/register.ts'
import { findUsernameKey } from '#accounts/username.ts'
import { createPasswordHashing, type PasswordHashing } from '#base/password_hashing.ts'
import { addPageOptions, collect, parseId, type ListOptions } from '#cli/arguments.ts'
import { RefusedError, UsageError } from '#cli/failures.ts'
import type { ConfigOptions } from '#cli/load_config.ts'
import { withDatabase } from '#cli/open_database.ts'
import { details, isoTime, table, type Output } from '#cli/output.ts'
import { parseOrganization, refuseUnknownOrganizations, refuseUnknownRealm } from '#cli/references.ts'
import { readSecret, refuseSecretOptions } from '#cli/secret_input.ts'
import type { Config } from '#config.ts'
import {
  ACCESS_SCOPES,
  FLAGS,
  ROLES,
  USER_TYPES,
  type Abilities,
  type Account,
  type Permission,
  type Profile,
} from '#stores/records.ts'
import type { Store } from '#stores/store.ts'

type CreateOptions = ConfigOptions & {
  readonly username: string
  readonly realm?: string
  readonly id?: number
  readonly role: Abilities['role']
  readonly scope: Abilities['scope']
  readonly type: Abilities['type']
  readonly flag?: Abilities['flags']
  readonly organization?: readonly Permission[]
  readonly email?: string
  readonly givenName?: string
  readonly familyName?: string
}

type NameOptions = ConfigOptions & { readonly username?: string; readonly realm?: string; readonly id?: number }

export const addUsersCommands = (program: Command, outputOf: (command: Command) => Output): void => {
  const group = program.command('users').summary('accounts of people').description('Accounts of people.')

  const create = group
    .command('create')
    .summary('make an account')
    .description('Make an account and print it. The password is asked for, or is one line of standard input.')
    .requiredOption('--username <name>', 'what the person signs in with, usually a mail address')
    .option('--realm <name>', 'directory of accounts (default: platform.default_realm)')
    .option('--id <number>', 'the user id, if the platform has numbered the user already', parseId)
    .addOption(new Option('--role <role>', 'what the person may do').choices(ROLES).default('REPORTER'))
    .addOption(
      new Option('--scope <scope>', 'GLOBAL sees all organizations, SELECT those of --organization')
        .choices(ACCESS_SCOPES)
        .default('SELECT'),
    )
    .addOption(new Option('--type <type>', 'kind of user').choices(USER_TYPES).default('ADVERTISER'))
    .addOption(new Option('--flag <flag...>', 'single abilities').choices(FLAGS))
    .option(
      '--organization <id:access>',
      'see (id:r) or change (id:w) an organization and all below it; repeatable',
      collect(parseOrganization),
    )
    .option('--email <address>', 'mail address, for the claim `email`')
    .option('--given-name <name>', 'given name, for the claims of the profile')
    .option('--family-name <name>', 'family name, for the claims of the profile')
    .addHelpText(
      'after',
      `
Examples:
  postern users create --username jo@example.com --role MANAGER --scope GLOBAL --flag view_organizations
  postern users create --username ro@example.com --organization 100000:r --flag view_organizations
  postern users create --username op@example.com --realm Staff --json < password.txt`,
    )
    .action(async (_: unknown, self: Command) => createUser(self.optsWithGlobals<CreateOptions>(), outputOf(self)))
  refuseSecretOptions(create, 'password')

  addPageOptions(group.command('list'))
    .summary('list accounts')
    .description('List accounts in the order of their ids.')
    .option('--realm <name>', 'only those of this realm')
    .addHelpText(
      'after',
      '\nExamples:\n  postern users list --realm Staff\n  postern users list --limit 10 --offset 20 --json',
    )
    .action(async (_: unknown, self: Command) =>
      listUsers(self.optsWithGlobals<ConfigOptions & ListOptions & { readonly realm?: string }>(), outputOf(self)),
    )

  const setPassword = addNameOptions(group.command('set-password'))
    .summary('give an account a new password')
    .description(
      'Give an account a new password, which is asked for or is one line of standard input. Everything that was signed in with the old one ends.',
    )
    .addHelpText('after', '\nExamples:\n  postern users set-password --username jo@example.com')
    .action(async (_: unknown, self: Command) => setUserPassword(self.optsWithGlobals<NameOptions>(), outputOf(self)))
  refuseSecretOptions(setPassword, 'password')

  addNameOptions(group.command('sign-out'))
    .summary('sign an account out everywhere')
    .description(
      'End everything that an account is signed in with: in all browsers, and what every client has. It may sign in again. Clients that want to know are told by the server.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  postern users sign-out --username jo@example.com\n  postern users sign-out --id 22612',
    )
    .action(async (_: unknown, self: Command) => signUserOut(self.optsWithGlobals<NameOptions>(), outputOf(self)))

  addNameOptions(group.command('disable'))
    .summary('sign an account out everywhere, for good')
    .description('End everything that an account is signed in with, and let it sign in no more.')
    .addHelpText(
      'after',
      '\nExamples:\n  postern users disable --username jo@example.com\n  postern users disable --id 22612',
    )
    .action(async (_: unknown, self: Command) => disableUser(self.optsWithGlobals<NameOptions>(), outputOf(self)))
}

const addNameOptions = (command: Command): Command =>
  command
    .option('--username <name>', 'of the account')
    .option('--realm <name>', 'of the account (default: platform.default_realm)')
    .addOption(
      new Option('--id <number>', 'of the account, instead of its name')
        .argParser(parseId)
        .conflicts(['username', 'realm']),
    )

const createUser = async (options: CreateOptions, output: Output): Promise<void> =>
  withDatabase(options, async (store, config) => {
    const {
      username,
      realm = config.platform.default_realm,
      id,
      role,
      scope,
      type,
      flag = [],
      organization = [],
    } = options
    refuseUnknownRealm('--realm', realm, config)
    await refuseUnknownOrganizations(
      '--organization',
      organization.map(({ entityId }) => entityId),
      store,
    )
    const password = await readSecret({ what: 'password', isNew: true })
    const account = await withHashing((hashing) =>
      registerAccount(store.accounts, hashing, {
        ...(id === undefined ? {} : { id }),
        realm,
        username,
        password,
        abilities: { role, scope, type, flags: FLAGS.filter((each) => flag.includes(each)) },
        profile: profileOf(options),
        permissions: [...new Map(organization.map((each) => [each.entityId, each])).values()],
      }),
    )
    output.result(documentOf(account), describe(account))
    output.words('The account is made.')
  })

const profileOf = ({ email, givenName, familyName }: CreateOptions): Profile => {
  const name = [givenName, familyName].filter((part) => part !== undefined).join(' ')
  return {
    ...(name === '' ? {} : { name }),
    ...(givenName === undefined ? {} : { given_name: givenName }),
    ...(familyName === undefined ? {} : { family_name: familyName }),
    ...(email === undefined ? {} : { email }),
  }
}

const listUsers = async (
  options: ConfigOptions & ListOptions & { readonly realm?: string },
  output: Output,
): Promise<void> =>
  withDatabase(options, async (store, config) => {
    const { limit, offset, realm } = options
    if (realm !== undefined) refuseUnknownRealm('--realm', realm, config)
    const accounts = await store.accounts.list({ limit, offset, ...(realm === undefined ? {} : { realm }) })
    const rows = accounts.map(({ id, realm, username, abilities: { role, scope, type }, disabledAt }) => [
      ...[String(id), realm, username, role, scope, type],
      disabledAt === undefined ? 'active' : 'disabled',
    ])
    output.result(
      accounts.map(documentOf),
      rows.length === 0 ? '' : table(['ID', 'REALM', 'USERNAME', 'ROLE', 'SCOPE', 'TYPE', 'STATE'], rows),
    )
    if (rows.length === 0) output.words(offset === 0 ? 'There are none.' : 'There are no more.')
  })

const setUserPassword = async (options: NameOptions, output: Output): Promise<void> =>
  withDatabase(options, async (store, config) => {
    const { id, username } = await findAccount(options, store, config)
    const password = await readSecret({ what: 'new password', isNew: true })
    await store.accounts.setPassword(id, await withHashing((hashing) => hashNewPassword(hashing, password)))
    output.result({ id, username, password_set: true }, '')
    output.words(`${username} (${id}) has the new password. What was signed in with the old one has ended.`)
  })

const signUserOut = async (options: NameOptions, output: Output): Promise<void> =>
  withDatabase(options, async (store, config) => {
    const { id, username } = await findAccount(options, store, config)
    await store.browserSessions.endAll(id)
    output.result({ id, username, signed_out: true }, '')
    output.words(`${username} (${id}) is signed out everywhere.`)
  })

const disableUser = async (options: NameOptions, output: Output): Promise<void> =>
  withDatabase(options, async (store, config) => {
    const { id, username } = await findAccount(options, store, config)
    await store.accounts.disable(id)
    output.result({ id, username, active: false }, '')
    output.words(`${username} (${id}) is disabled, and signed out everywhere.`)
  })

const findAccount = async (
  { id, username, realm: named }: NameOptions,
  store: Store,
  config: Config,
): Promise<Account> => {
  if (id === undefined && username === undefined) throw new UsageError('say whose: expected --username or --id.')
  if (id !== undefined) {
    const account = await store.accounts.find(id)
    if (account === undefined) throw new RefusedError(`there is no account ${id}. \`postern users list\` lists them.`)
    return account
  }
  const realm = named ?? config.platform.default_realm
  refuseUnknownRealm('--realm', realm, config)
  const key = findUsernameKey(username!)
  const account = key === undefined ? undefined : await store.accounts.findByUsername(realm, key)
  if (account !== undefined) return account
  throw new RefusedError(
    `there is no account ${username} in the realm ${realm}. \`postern users list\` lists them; --realm names another realm.`,
  )
}

const withHashing = async <T>(work: (hashing: PasswordHashing) => Promise<T>): Promise<T> => {
  const hashing = createPasswordHashing()
  try {
    return await work(hashing)
  } finally {
    await hashing.close()
  }
}

/** Under the platform's names. The password hash is nobody's business. */
const documentOf = ({
  id,
  realm,
  username,
  abilities,
  profile,
  disabledAt,
  version,
  createdAt,
  updatedAt,
}: Account) => ({
  id,
  realm,
  username,
  ...abilities,
  active: disabledAt === undefined,
  profile,
  version,
  created_on: isoTime(createdAt),
  updated_on: isoTime(updatedAt),
})

const describe = (account: Account): string => {
  const { role, scope, type, flags } = account.abilities
  return details([
    ['id', String(account.id)],
    ['realm', account.realm],
    ['username', account.username],
    ['role', role],
    ['scope', scope],
    ['type', type],
    ['flags', flags.length === 0 ? 'none' : flags.join(', ')],
  ])
}
