import type { Command } from 'commander'
import { effectiveConfig } from '#cli/effective_config.ts'
import { DEFAULT_FILE, loadConfig, type ConfigOptions, type LoadedConfig } from '#cli/load_config.ts'
import { masterKeyPlace } from '#cli/master_key.ts'
import { databasePlace } from '#cli/open_database.ts'
import { details, type Output } from '#cli/output.ts'
import { ConfigError } from '#config.ts'

export const addConfigCommands = (program: Command, outputOf: (command: Command) => Output): void => {
  const group = program.command('config').summary('look at the configuration').description('Look at the configuration.')

  group
    .command('check')
    .summary('say whether it is right, and if not, all that is wrong')
    .description('Say whether the configuration is right, and if not, everything that is wrong with it.')
    .addHelpText(
      'after',
      `
Nothing but the configuration is looked at: no database is opened.

Examples:
  postern config check
  postern config check --config /etc/postern/postern.json`,
    )
    .action((_: unknown, self: Command) => check(self.optsWithGlobals<ConfigOptions>(), outputOf(self)))

  group
    .command('print')
    .summary('print it with every default filled in')
    .description(
      'Print the configuration with every default filled in, as JSON that can be used as a file. Passwords are masked.',
    )
    .addHelpText(
      'after',
      `
Examples:
  postern config print
  postern config print > effective.json`,
    )
    .action((_: unknown, self: Command) => {
      const { config } = loadConfig(self.optsWithGlobals<ConfigOptions>())
      const effective = effectiveConfig(config)
      outputOf(self).result(effective, JSON.stringify(effective, undefined, 2))
    })
}

const check = (options: ConfigOptions, output: Output): void => {
  let loaded: LoadedConfig
  try {
    loaded = loadConfig(options)
  } catch (error) {
    // A program that asked for JSON gets the problems as such; the words and the status follow as for every command.
    if (error instanceof ConfigError) output.result({ ok: false, problems: error.problems }, '')
    throw error
  }
  const { config, file } = loaded
  const key = masterKeyPlace(config)
  const document = {
    ok: true,
    file: file ?? null,
    database: databasePlace(config),
    listen: `${config.listen.host}, port ${config.listen.port}`,
    issuer: config.urls.auth,
    api: config.urls.api,
    master_key: key,
  }
  output.result(
    document,
    details([
      ['file', file ?? `none (no ${DEFAULT_FILE} here): everything has its default`],
      ['database', document.database],
      ['master key', key],
      ['listens on', document.listen],
      ['issuer', document.issuer],
      ['platform API', document.api],
    ]),
  )
  output.words('The configuration is right.')
}
