import { Option, type Command } from 'commander'
import { InterruptedError, RefusedError, UsageError } from '#cli/failures.ts'

// An argument is seen by everyone on the machine (`ps`) and stays in the history of the shell, so a secret is never one.

const LONGEST_BYTES = 8192

export type SecretSource = {
  readonly stdin: NodeJS.ReadableStream & {
    readonly isTTY?: boolean
    readonly setRawMode?: (isRaw: boolean) => unknown
  }
  readonly stderr: { readonly write: (text: string) => unknown }
}

export type Secret = {
  /** Such as `password`. */
  readonly what: string
  /** A new one is asked for twice, since nobody sees what was typed. */
  readonly isNew: boolean
}

/**
 * Asks at the terminal without showing what is typed, or takes one line of standard input.
 * @throws {RefusedError} if there is none, or the two differ
 * @throws {InterruptedError} after Ctrl-C
 */
export const readSecret = async ({ what, isNew }: Secret, source: SecretSource = process): Promise<string> => {
  if (source.stdin.isTTY !== true) return readLine(what, source.stdin)
  const secret = await ask(`${what.charAt(0).toUpperCase()}${what.slice(1)}: `, source)
  if (secret === '') throw new RefusedError(`no ${what} was given. Nothing was changed.`)
  if (isNew && (await ask('The same again: ', source)) !== secret) {
    throw new RefusedError('the two were not the same. Nothing was changed.')
  }
  return secret
}

const readLine = async (what: string, stdin: NodeJS.ReadableStream): Promise<string> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk)
    chunks.push(bytes)
    length += bytes.length
    if (length > LONGEST_BYTES || bytes.includes(0x0a)) break
  }
  const all = Buffer.concat(chunks)
  const end = all.indexOf(0x0a)
  const line = all.subarray(0, end === -1 ? all.length : end)
  if (line.length > LONGEST_BYTES) throw new RefusedError(`the ${what} is longer than ${LONGEST_BYTES} bytes.`)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(line).replace(/\r$/, '')
  } catch {
    throw new RefusedError(`the ${what} on standard input is not UTF-8. Nothing was changed.`)
  }
  if (text !== '') return text
  throw new RefusedError(
    `no ${what} came on standard input. Run this in a terminal to be asked for it, or pipe one line into it. Nothing was changed.`,
  )
}

/** Reads a line key by key, because a terminal that is left to itself shows what is typed. */
const ask = (prompt: string, { stdin, stderr }: SecretSource): Promise<string> =>
  new Promise((resolve, reject) => {
    let typed: string[] = []
    const end = (finish: () => void, rest = ''): void => {
      stdin.off('data', read).off('end', leave)
      stdin.pause()
      stdin.setRawMode?.(false)
      stderr.write('\n')
      if (rest !== '') stdin.unshift(rest)
      finish()
    }
    const leave = (): void => end(() => reject(new InterruptedError('interrupted. Nothing was changed.')))
    const read = (chunk: string | Buffer): void => {
      // Arrows and other keys that are no characters come as escape sequences.
      const keys = [...String(chunk).replace(/\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.)/g, '')]
      for (const [index, key] of keys.entries()) {
        switch (key) {
          case '\r':
          case '\n':
            return end(() => resolve(typed.join('')), keys.slice(index + 1).join(''))
          case '\x03': // Ctrl-C
          case '\x04': // Ctrl-D
            return leave()
          case '\x7f':
          case '\b':
            typed = typed.slice(0, -1)
            break
          case '\x15': // Ctrl-U
            typed = []
            break
          default:
            typed.push(key)
        }
      }
    }
    stderr.write(prompt)
    stdin.setRawMode?.(true)
    stdin.setEncoding('utf8')
    stdin.on('data', read).on('end', leave)
    stdin.resume()
  })

/** Refuses options that somebody would try, with a sentence that says how it is done. */
export const refuseSecretOptions = (command: Command, ...names: readonly string[]): Command => {
  for (const name of names) {
    command.addOption(new Option(`--${name} [value]`).hideHelp()).on(`option:${name}`, () => {
      throw new UsageError(
        `--${name}: a secret is never an argument, since others could read it there. Leave it out: you will be asked for it, or pipe it in as one line of standard input.`,
      )
    })
  }
  return command
}
