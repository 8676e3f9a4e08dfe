import type { Writable } from 'node:stream'

/** The result alone goes to stdout, so that it can be piped; everything said about it goes to stderr. */
export type Output = {
  /** One JSON document with `--json`, else `text`, which may be empty. */
  readonly result: (document: unknown, text: string) => void
  readonly words: (text: string) => void
}

export const createOutput = (
  isJson: boolean,
  { stdout, stderr }: { readonly stdout: Writable; readonly stderr: Writable } = process,
): Output => ({
  result: (document, text) => {
    if (isJson) stdout.write(`${JSON.stringify(document, undefined, 2)}\n`)
    else if (text !== '') stdout.write(`${text}\n`)
  },
  words: (text) => void stderr.write(`${text}\n`),
})

/** What others have chosen must not steer the terminal, nor break out of its column. */
const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)

const align = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => [...row[column]!].length)))
  const pad = (cell: string, column: number) => cell + ' '.repeat(widths[column]! - [...cell].length)
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}

/** Rows for people, under their headings. */
export const table = (headings: readonly string[], rows: readonly (readonly string[])[]): string =>
  align([headings, ...rows.map((row) => row.map(printable))])

/** Names and values of one thing for people. */
export const details = (lines: readonly (readonly [name: string, value: string])[]): string =>
  align(lines.map(([name, value]) => [`${name}:`, printable(value)]))

export const isoTime = (at: number): string => new Date(at * 1000).toISOString().replace('.000Z', 'Z')
