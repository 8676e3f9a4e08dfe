import type { Command } from 'commander'
import { parsePort } from '#cli/arguments.ts'
import type { ConfigOptions } from '#cli/load_config.ts'
import type { Output } from '#cli/output.ts'
import { refuseSecretOptions } from '#cli/secret_input.ts'

export type ServeOptions = ConfigOptions & { readonly demo?: boolean }

export const addServeCommand = (program: Command, outputOf: (command: Command) => Output): void => {
  const command = program
    .command('serve')
    .summary('start the server')
    .description(
      'Start the server. The first line on standard output is `ready` and its URL; the log goes to standard error.',
    )
    .option('--demo', 'serve invented data, for this machine alone: made on the first start, and kept')
    .option('--port <number>', 'listen on this port instead of listen.port', parsePort)
    .addHelpText(
      'after',
      `
SIGINT and SIGTERM let requests under way finish; a second one ends it at once.

A database with demo data is only served with --demo, and one without only without.

Examples:
  postern serve --demo
  postern serve --demo --port 9500 --data ./elsewhere
  postern serve --config /etc/postern/postern.json`,
    )
    .action(async (_: unknown, self: Command) => {
      // The other commands start in half the time without the server and all that it is made of.
      const { serve } = await import('#cli/serving.ts')
      await serve(self.optsWithGlobals<ServeOptions>(), outputOf(self))
    })
  refuseSecretOptions(command, 'master-key')
}
