import { readFileSync } from 'node:fs'
import { UsageError } from '#cli/failures.ts'
import { ConfigError, parseConfig, type Config } from '#config.ts'
import { isPostgresUrl } from '#stores/open.ts'

export const DEFAULT_FILE = 'postern.json'

/** The options that every command with a configuration has. */
export type ConfigOptions = {
  readonly config?: string
  readonly data?: string
  readonly port?: number
}

export type LoadedConfig = {
  readonly config: Config
  /** `undefined` if there was none, and everything has its default. */
  readonly file: string | undefined
}

/**
 * Reads the configuration file (`postern.json` of the working folder unless another is named) and lays the options over it.
 * @throws {ConfigError} with every problem at once
 */
export const loadConfig = ({ config: named, data, port }: ConfigOptions): LoadedConfig => {
  if (data !== undefined && isPostgresUrl(data)) {
    throw new UsageError(
      '--data: expected a folder. The URL of a database belongs into the configuration, as `database`.',
    )
  }
  const file = named ?? DEFAULT_FILE
  const text = readConfigFile(file, named !== undefined)
  const given = text === undefined ? {} : parseJson(file, text)
  return { config: parseConfig(overlay(given, data, port)), file: text === undefined ? undefined : file }
}

const readConfigFile = (file: string, isNamed: boolean): string | undefined => {
  try {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && !isNamed) return undefined
    if (code === 'ENOENT') throw new ConfigError([`${file}: there is no such file`])
    throw new ConfigError([`${file}: cannot be read (${message})`])
  }
}

const parseJson = (file: string, text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    const { message } = error as Error
    const lines = text.slice(0, offsetOf(message, text)).split('\n')
    // V8 goes on to quote the text around it, and that may be a password.
    const what = message.replace(/(?:, (?:\.\.\.)?"| in JSON| after JSON| at position).*$/s, '')
    throw new ConfigError([
      `${file}, line ${lines.length}, column ${[...lines.at(-1)!].length + 1}: this is not JSON (${what})`,
    ])
  }
}

/** V8 says where it stopped, except at an unexpected token, which the shortest text that has the same defect ends in, and at the end. */
const offsetOf = (message: string, text: string): number => {
  const position = /at position (\d+)/.exec(message)?.[1]
  if (position !== undefined) return Number(position)
  if (!hasUnexpectedToken(text)) return text.trimEnd().length
  let [least, most] = [0, text.length]
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2)
    if (hasUnexpectedToken(text.slice(0, middle))) most = middle
    else least = middle
  }
  return least
}

const hasUnexpectedToken = (text: string): boolean => {
  try {
    JSON.parse(text)
    return false
  } catch (error) {
    return (error as Error).message.startsWith('Unexpected token')
  }
}

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Laid over the text before it is checked, since other keys get their defaults from these. */
const overlay = (given: unknown, data: string | undefined, port: number | undefined): unknown => {
  // What is no object is left as it is, for the schema to refuse.
  if (!isPlainObject(given)) return given
  const { listen = {} } = given
  return {
    ...given,
    ...(data === undefined ? {} : { database: data }),
    ...(port === undefined || !isPlainObject(listen) ? {} : { listen: { ...listen, port } }),
  }
}
