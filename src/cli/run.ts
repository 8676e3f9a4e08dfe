import { CommanderError } from 'commander'
import { explain } from '#cli/failures.ts'
import { createProgram } from '#cli/program.ts'

/** Commander has said what is wrong and how to ask for help; what it calls 1 is a wrong command line. */
const statusOf = ({ exitCode }: CommanderError): number => (exitCode === 0 ? 0 : 2)

/** Runs the command that the arguments of the process name. */
export const run = async (): Promise<void> => {
  // A reader that has seen enough (`postern users list | head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  try {
    await createProgram().parseAsync()
  } catch (error) {
    if (error instanceof CommanderError) process.exit(statusOf(error))
    const { status, words } = explain(error)
    process.stderr.write(`postern: ${words}\n`)
    // What was begun, such as a thread of the database, may still run.
    process.exit(status)
  }
}
