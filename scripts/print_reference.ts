// `npm run reference`: prints docs/reference/ from the code. With `--check` it writes nothing and names the pages that are stale.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import type { Command } from 'commander'
import { ACCESS_REFUSALS } from '#access/caller.ts'
import { configKeys, type ConfigKey } from '#cli/effective_config.ts'
import { createProgram } from '#cli/program.ts'
import { HTTP_ERRORS } from '#http/message.ts'
import { PLATFORM_ERRORS } from '#platform/errors.ts'
import { OAUTH_ERRORS } from '#protocol/errors.ts'
import { openSqliteStore } from '#stores/sqlite/store.ts'
import { TABLES } from '#stores/tables.ts'

const NOTICE = '<!-- Printed from the code by `npm run reference`. Change the code, not this page. -->'

type Page = { readonly title: string; readonly introduction: string; readonly body: string }

const table = (headings: readonly string[], rows: readonly (readonly string[])[]): string => {
  const lines = [headings, ...rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')))]
  const widths = headings.map((_, column) => Math.max(3, ...lines.map((line) => [...line[column]!].length)))
  const print = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell + ' '.repeat(widths[column]! - [...cell].length)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [print(lines[0]!), rule, ...lines.slice(1).map(print)].join('\n')
}

const code = (text: string): string => `\`${text}\``

// ── Configuration ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

const kindOf = (key: ConfigKey): string => {
  if (key.kind === 'duration') return 'duration: `90 s`, `15 min`, `24 h`, `30 d`'
  if (key.kind !== undefined) return key.kind
  if (key.enum !== undefined) return key.enum.map((value) => code(String(value))).join(', ')
  if (key.type === 'array') return `list of ${key.items?.type === 'object' ? 'objects' : 'texts'}`
  if (key.type === 'integer') return `integer, ${key.minimum} to ${key.maximum}`
  return ({ string: 'text', boolean: '`true` or `false`' } as Record<string, string>)[key.type ?? ''] ?? key.type ?? ''
}

const defaultOf = (key: ConfigKey, isRequired: boolean): string => {
  if (isRequired) return 'required'
  if (key.default === undefined) return ''
  return key.items?.type === 'object' ? 'below' : code(JSON.stringify(key.default))
}

/** Every key that holds a value, under its full name: `[]` stands for each element of a list. */
const valuesOf = (
  parent: ConfigKey,
  prefix: string,
): (readonly [name: string, key: ConfigKey, isRequired: boolean])[] =>
  Object.entries(parent.properties ?? {}).flatMap(([part, key]) => {
    const name = `${prefix}${part}`
    if (key.properties !== undefined) return valuesOf(key, `${name}.`)
    const isRequired = key.default === undefined && parent.required?.includes(part) === true
    const own = [[name, key, isRequired] as const]
    return key.items?.properties === undefined ? own : [...own, ...valuesOf(key.items, `${name}[].`)]
  })

const keyTable = (values: ReturnType<typeof valuesOf>): string =>
  table(
    ['key', 'value', 'default', 'meaning'],
    values.map(([name, key, isRequired]) => [
      code(name),
      kindOf(key),
      defaultOf(key, isRequired),
      key.description ?? '',
    ]),
  )

const configuration = (): Page => {
  const root = configKeys()
  const isSection = ([, key]: [string, ConfigKey]): boolean => key.properties !== undefined
  const entries = Object.entries(root.properties ?? {})
  const own = { ...root, properties: Object.fromEntries(entries.filter((entry) => !isSection(entry))) }
  const sections = entries
    .filter(isSection)
    .map(([name, key]) => `## ${code(name)}\n\n${key.description ?? ''}\n\n${keyTable(valuesOf(key, `${name}.`))}`)
  const resources = root.properties?.['api_resources']?.default
  return {
    title: 'Configuration',
    introduction:
      'A JSON file: `postern.json` in the working folder, or the one that `--config` names. Every key may be left out unless it says otherwise. A key that does not exist, or a value of another kind or unit, stops the start with the name of the key and what was expected. `postern config print` prints what is in force.',
    body: [
      keyTable(valuesOf(own, '')),
      ...sections,
      `## Default of ${code('api_resources')}\n\n\`\`\`json\n${JSON.stringify(resources, undefined, 2)}\n\`\`\``,
    ].join('\n\n'),
  }
}

// ── Commands ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const HELP_WIDTH = 110

const helpOf = (command: Command): string => {
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp()
  return text.trim().replaceAll(/[ \t]+$/gm, '')
}

const commandsBelow = (command: Command, names: readonly string[]): (readonly [string, Command])[] => [
  [names.join(' '), command],
  ...command.commands.flatMap((child) => commandsBelow(child, [...names, child.name()])),
]

const cli = (): Page => ({
  title: 'The command `postern`',
  introduction:
    'Every command says this itself with `--help`. In a clone of the repository `npx postern` runs it; `npm start` is `postern serve --demo`.',
  body: commandsBelow(createProgram(HELP_WIDTH), ['postern'])
    .map(([name, command]) => `## ${name}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``)
    .join('\n\n'),
})

// ── Errors ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

type Described = { readonly status: number; readonly source: string; readonly meaning: string }

const errorTable = (errors: Readonly<Record<string, Described>>): string =>
  table(
    ['code', 'status', 'source', 'meaning'],
    Object.entries(errors).map(([name, { status, source, meaning }]) => [code(name), String(status), source, meaning]),
  )

const errors = (): Page => ({
  title: 'Errors',
  introduction: 'Every code that a refusal can have, by the surface that answers it.',
  body: [
    '## OAuth endpoints\n\nAs `error` of a JSON object, with a sentence for the developer in `error_description` (RFC 6749 §5.2).',
    errorTable(OAUTH_ERRORS),
    '## Platform API\n\nThe code stands in v3.0 answers as `errors[].code`, the word in v2.0 answers as `meta.status` or `status code`.',
    table(
      ['code at v3.0', 'word at v2.0', 'status', 'meaning'],
      Object.entries(PLATFORM_ERRORS).map(([name, { word, status, meaning }]) => [
        ...[code(name), code(word), String(status)],
        meaning,
      ]),
    ),
    '## Why a caller is not admitted\n\nWhat the log says about a request that was refused for its bearer token or platform session.',
    table(
      ['code', 'meaning'],
      Object.entries(ACCESS_REFUSALS).map(([name, { meaning }]) => [code(name), meaning]),
    ),
    '## Requests that the server itself refuses\n\nBefore an endpoint sees them; each surface words them in its own format.',
    errorTable(HTTP_ERRORS),
  ].join('\n\n'),
})

// ── Database ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

type Column = { readonly name: string; readonly type: string; readonly notnull: number; readonly pk: number }

const database = async (): Promise<Page> => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-reference-'))
  try {
    const file = join(folder, 'postern.sqlite')
    await (await openSqliteStore(file)).close()
    const schema = new DatabaseSync(file, { readOnly: true })
    const columnsOf = schema.prepare('select name, type, "notnull", pk from pragma_table_info(?) order by cid')
    const sections = Object.entries(TABLES).map(([name, { owner, expiry }]) => {
      const life =
        'never' in expiry
          ? `Its rows stay: ${expiry.never}.`
          : `A row is deleted after \`${expiry.column}\`, unless that is null.`
      const rows = (columnsOf.all(name) as Column[]).map((column) => [
        ...[code(column.name), column.type.toLowerCase(), column.pk > 0 ? 'yes' : ''],
        column.notnull === 0 && column.pk === 0 ? 'yes' : '',
      ])
      return `## ${code(name)}\n\nKept by ${code(owner)} of the stores. ${life}\n\n${table(['column', 'type', 'key', 'may be null'], rows)}`
    })
    schema.close()
    return {
      title: 'Database',
      introduction:
        'The tables and their columns, as the embedded database has them; PostgreSQL has the same under its own types. Times are seconds since 1970-01-01T00:00:00Z. No secret is kept that a copy of the database would give away: secrets are digests or hashes, private keys are sealed with the master key.',
      body: sections.join('\n\n'),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

// ── All ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The pages by their file names. */
export const referencePages = async (): Promise<ReadonlyMap<string, string>> => {
  const pages: readonly (readonly [string, Page])[] = [
    ['configuration.md', configuration()],
    ['cli.md', cli()],
    ['errors.md', errors()],
    ['database.md', await database()],
  ]
  return new Map(
    pages.map(([file, { title, introduction, body }]) => [
      file,
      `${NOTICE}\n\n# ${title}\n\n${introduction}\n\n${body}\n`,
    ]),
  )
}

const isCurrent = (file: string, text: string): boolean => {
  try {
    return readFileSync(file, 'utf8').replaceAll('\r\n', '\n') === text
  } catch {
    return false
  }
}

/** @returns the pages that were stale */
export const printReference = async (folder: string, writes: boolean): Promise<readonly string[]> => {
  const stale = [...(await referencePages())].filter(([file, text]) => !isCurrent(join(folder, file), text))
  if (writes) {
    mkdirSync(folder, { recursive: true })
    for (const [file, text] of stale) writeFileSync(join(folder, file), text)
  }
  return stale.map(([file]) => file)
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
  const stale = await printReference(join(import.meta.dirname, '../docs/reference'), !values.check)
  for (const file of stale) {
    console.error(`docs/reference/${file} ${values.check ? 'is stale: run `npm run reference`' : 'is printed anew'}`)
  }
  if (values.check && stale.length > 0) process.exitCode = 1
}
