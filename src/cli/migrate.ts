import type { Command } from 'commander'
import { loadConfig, type ConfigOptions } from '#cli/load_config.ts'
import { databasePlace, openOrMakeDatabase } from '#cli/open_database.ts'
import type { Output } from '#cli/output.ts'

export const addMigrateCommand = (program: Command, outputOf: (command: Command) => Output): void => {
  program
    .command('migrate')
    .summary('bring the database up to this version, or make it')
    .description(
      'Bring the database up to this version, or make it. `serve` does the same; this does it alone, before an upgrade is rolled out.',
    )
    .addHelpText(
      'after',
      `
A database that a later version has changed is refused. Several may run at once: one does the work.

Examples:
  postern migrate
  postern migrate --config /etc/postern/postern.json`,
    )
    .action(async (_: unknown, self: Command) => {
      const output = outputOf(self)
      const { config } = loadConfig(self.optsWithGlobals<ConfigOptions>())
      const store = await openOrMakeDatabase(config)
      await store.close()
      output.result({ migrated: true }, '')
      output.words(`${databasePlace(config)} is up to date.`)
    })
}
