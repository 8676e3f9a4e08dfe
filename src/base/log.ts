import { pino, type DestinationStream } from 'pino'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** What a line tells besides its message. An error goes under `error`, and is written with its stack and causes. */
export type LogFields = Readonly<Record<string, unknown>>

/** JSON lines for the operator. No field of a request is ever written unasked, and no secret at any level. */
export type Log = {
  /** Ask it before gathering fields for `debug` where every request passes. */
  readonly writesDebug: boolean
  readonly debug: (message: string, fields?: LogFields) => void
  readonly info: (message: string, fields?: LogFields) => void
  readonly warn: (message: string, fields?: LogFields) => void
  readonly error: (message: string, fields?: LogFields) => void
  /** What somebody may have to answer for, by a name of its own in `audit`: written at `info`. */
  readonly audit: (event: string, fields?: LogFields) => void
}

/** In lower case and without `_` and `-`, so that every style of writing a name is caught. */
const SECRET = new Set([
  'password',
  'clientsecret',
  'secret',
  'refreshtoken',
  'accesstoken',
  'idtoken',
  'code',
  'codeverifier',
  'assertion',
  'clientassertion',
  'authorization',
  'cookie',
  'setcookie',
])

const isSecret = (name: string): boolean => SECRET.has(name.toLowerCase().replace(/[-_]/g, ''))

/** Keys that are the line's own: a field of that name would otherwise stand twice in it, and readers believe the last. */
const OWN = new Set(['level', 'time', 'message', 'audit'])

const LONGEST_TEXT = 1024
const DEEPEST = 3
const MOST_ITEMS = 100
// What JSON leaves as it is and a terminal or a pager does not: DEL and C1, line separators, and what turns the reading direction.
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

const printable = (text: string, longest = LONGEST_TEXT): string =>
  (text.length > longest ? `${text.slice(0, longest)}…` : text).replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

const isPlainObject = (value: unknown): value is LogFields =>
  typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value))

/** Type, words and stack alone: drivers hang whole requests and rows on the errors that they throw. */
const describeError = (error: Error, depth = 0): LogFields => ({
  type: error.name,
  message: printable(error.message),
  ...('code' in error && typeof error.code === 'string' ? { code: error.code } : {}),
  stack: printable(error.stack ?? '', 8 * LONGEST_TEXT),
  ...(error.cause instanceof Error && depth < 3 ? { cause: describeError(error.cause, depth + 1) } : {}),
})

const clean = (value: unknown, depth: number): unknown => {
  if (typeof value === 'string') return printable(value)
  if (value instanceof Error) return describeError(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'no date' : value.toISOString()
  // What is not looked through is not written: there may be anything in it.
  if (depth > DEEPEST) return '[too deep]'
  if (Array.isArray(value)) return value.slice(0, MOST_ITEMS).map((item) => clean(item, depth + 1))
  return isPlainObject(value) ? cleanFields(value, depth) : '[not plain]'
}

const cleanFields = (fields: LogFields, depth = 0): Record<string, unknown> => {
  const cleaned: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) {
    const name = depth === 0 && OWN.has(key) ? `field_${key}` : key
    cleaned[name] = isSecret(key) ? '[redacted]' : clean(value, depth + 1)
  }
  return cleaned
}

/**
 * Lines are written before the call returns: what has been answered is in the log even if the process is killed a moment later.
 *
 * @param destination - standard error unless given
 */
export const createLog = ({ level, destination }: { level: LogLevel; destination?: DestinationStream }): Log => {
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: {},
    },
    destination ?? pino.destination({ dest: 2, sync: true }),
  )
  const writer = (at: 'debug' | 'info' | 'warn' | 'error') =>
    logger.isLevelEnabled(at)
      ? (message: string, fields: LogFields = {}) => logger[at](cleanFields(fields), printable(message))
      : () => {}
  return {
    writesDebug: logger.isLevelEnabled('debug'),
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
    audit: logger.isLevelEnabled('info')
      ? (event, fields = {}) => logger.info({ audit: printable(event), ...cleanFields(fields) })
      : () => {},
  }
}

/** For tests that do not ask what was logged. */
export const silentLog: Log = {
  writesDebug: false,
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  audit: () => {},
}
