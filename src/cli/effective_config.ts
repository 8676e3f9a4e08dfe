import { z } from 'zod'
import type { Seconds } from '#base/time.ts'
import { configSchema, type Config } from '#config.ts'
import { isPostgresUrl } from '#stores/open.ts'

/** What of a JSON Schema the configuration has; `kind` is our own word for what a text means. */
export type ConfigKey = {
  readonly type?: string
  readonly kind?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, ConfigKey>>
  readonly required?: readonly string[]
  readonly items?: ConfigKey
}

/** The configuration file as a tree of keys. */
export const configKeys = (): ConfigKey => z.toJSONSchema(configSchema, { io: 'input' }) as ConfigKey

const UNITS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const

/** The inverse of `findDuration`, in the largest unit that says it exactly. */
const printDuration = (length: Seconds): string => {
  const [unit, name] = UNITS.find(([unit]) => length % unit === 0)!
  return `${length / unit} ${name}`
}

/** As the file would have it, with every default filled in. Only the password of a database is not there. */
export const effectiveConfig = ({ api_resources, database, ...rest }: Config): Record<string, unknown> => ({
  ...(inFileForm(configKeys(), { database: masked(database), ...rest }) as Record<string, unknown>),
  api_resources: api_resources.map(
    ({ signingAlgorithm, verifiedByOthers = false, accessTokenLifetime, ...resource }) => ({
      ...resource,
      signing_algorithm: signingAlgorithm,
      verified_by_others: verifiedByOthers,
      access_token_lifetime: printDuration(accessTokenLifetime),
    }),
  ),
})

const inFileForm = (key: ConfigKey, value: unknown): unknown => {
  if (key.kind === 'duration') return printDuration(value as Seconds)
  const { properties } = key
  if (properties === undefined) return value
  return Object.fromEntries(
    Object.entries(value as Record<string, unknown>).map(([name, part]) => [
      name,
      inFileForm(properties[name] ?? {}, part),
    ]),
  )
}

const MASK = '***'

const masked = (database: string): string => {
  if (!isPostgresUrl(database)) return database
  const url = URL.parse(database)
  if (url === null) return `postgres://${MASK}`
  if (url.password !== '') url.password = MASK
  for (const name of url.searchParams.keys()) if (/pass|key|secret/i.test(name)) url.searchParams.set(name, MASK)
  return url.href
}
