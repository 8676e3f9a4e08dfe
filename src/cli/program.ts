import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addClientsCommands } from '#cli/clients.ts'
import { addConfigCommands } from '#cli/config.ts'
import { DEFAULT_FILE } from '#cli/load_config.ts'
import { makeMasterKey, VARIABLE } from '#cli/master_key.ts'
import { addMigrateCommand } from '#cli/migrate.ts'
import { createOutput, type Output } from '#cli/output.ts'
import { addServeCommand } from '#cli/serve.ts'
import { addUsersCommands } from '#cli/users.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const outputOf = (command: Command): Output => createOutput(command.optsWithGlobals<{ json?: boolean }>().json === true)

/**
 * The whole command line, as a value: `main.ts` runs it, the reference is printed from it.
 * @param helpWidth - columns of the help; by default those of the terminal
 */
export const createProgram = (helpWidth?: number): Command => {
  const program = new Command('postern')
    .description('An OAuth 2.0 and OpenID Connect authorization server with an API gateway.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .option('--config <file>', `the configuration (default: ${DEFAULT_FILE} in the working folder, if it is there)`)
    .option(
      '--data <folder>',
      'keep the embedded database in this folder, whatever `database` of the configuration says',
    )
    .option('--json', 'print the result as one JSON document')
    .configureHelp({ showGlobalOptions: true, ...(helpWidth === undefined ? {} : { helpWidth }) })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'postern: ')) })
    .showHelpAfterError('`--help` tells more.')
    .exitOverride()
    .addHelpText(
      'after',
      `
The result alone goes to standard output, everything else to standard error. Secrets are asked for at the
terminal or read as one line of standard input, never taken from an argument.

Exit status:
  0    done
  1    refused or failed; one sentence says why and what to do
  2    the command line or the configuration is wrong
  130  interrupted at a prompt; nothing was changed

Files:
  ${DEFAULT_FILE}         the configuration; paths in it are relative to the working folder
  ./data               the embedded database, unless \`database\` says otherwise
  ./data.key           its master key: beside the folder, readable for its owner alone. Keep a copy elsewhere

Environment:
  ${VARIABLE}   the master key, instead of its file; PostgreSQL has no place for a file beside it

Examples:
  postern serve --demo
  postern config check --config /etc/postern/postern.json
  postern users create --username jo@example.com --role MANAGER --scope GLOBAL`,
    )

  addServeCommand(program, outputOf)
  addMigrateCommand(program, outputOf)
  addConfigCommands(program, outputOf)
  addUsersCommands(program, outputOf)
  addClientsCommands(program, outputOf)
  program
    .command('master-key')
    .summary('print a new master key')
    .description('Print a new master key, for a new database. One that is in use needs the key that it was begun with.')
    .addHelpText(
      'after',
      `\nExamples:\n  export ${VARIABLE}="$(postern master-key)"\n  (umask 077; postern master-key > postern.key)`,
    )
    .action((_: unknown, self: Command) => {
      const key = makeMasterKey()
      outputOf(self).result({ master_key: key }, key)
    })
  return program
}
