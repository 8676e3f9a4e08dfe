import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'

/** What scripts/test.ts learns of a run, message by message. */
export type Report =
  | { readonly kind: 'begun' | 'done'; readonly name: string }
  | { readonly kind: 'passed'; readonly name: string }
  | { readonly kind: 'failed'; readonly name: string; readonly error: string }
  | { readonly kind: 'skipped'; readonly name: string; readonly reason: string }
  /** A file without a single test. */
  | { readonly kind: 'empty'; readonly file: string }
  | { readonly kind: 'output'; readonly text: string }
  | { readonly kind: 'file'; readonly file: string; readonly tests: number; readonly milliseconds: number }
  | { readonly kind: 'end'; readonly success: boolean }

const tell = (report: Report): void => {
  // Nobody listens any more once scripts/test.ts is dead, and that is not worth a crash: the global set-up has yet to clean up.
  if (process.connected) process.send?.(report, undefined, undefined, () => {})
}

const here = (path: string): string => relative(process.cwd(), path).replaceAll('\\', '/')

/** A reporter of node:test that prints nothing and passes on what can be counted. */
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  // When scripts/test.ts dies, this run ends in order, and its global set-up with it. It must not live on for that, hence unref.
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  process.channel?.unref()

  const ancestors = new Map<string, string[]>()
  const fullName = (file: string, name: string, nesting: number): string =>
    [here(file), ...(ancestors.get(file) ?? []).slice(0, nesting), name].join(' > ')

  for await (const { type, data } of events) {
    switch (type) {
      case 'test:dequeue':
      case 'test:complete': {
        const file = here(data.file ?? '')
        const isFile = data.file !== undefined && here(data.name) === file
        tell({ kind: type === 'test:dequeue' ? 'begun' : 'done', name: isFile ? file : `${file} > ${data.name}` })
        break
      }
      case 'test:start': {
        const names = ancestors.get(data.file ?? '') ?? []
        ancestors.set(data.file ?? '', [...names.slice(0, data.nesting), data.name])
        break
      }
      case 'test:pass':
      case 'test:fail': {
        const file = data.file ?? ''
        const isFile = data.nesting === 0 && here(data.name) === here(file)
        const name = isFile ? here(file) : fullName(file, data.name, data.nesting)
        const error = 'error' in data.details ? data.details.error : undefined
        const reason = whySkipped(data)
        // The subtests have been told of themselves.
        if (error !== undefined && failureType(error) === 'subtestsFailed') break
        if (reason !== undefined) tell({ kind: 'skipped', name, reason })
        else if (type === 'test:fail') tell({ kind: 'failed', name, error: describe(error) })
        else if (isFile) tell({ kind: 'empty', file: here(file) })
        else if (data.details.type !== 'suite') tell({ kind: 'passed', name })
        break
      }
      case 'test:stdout':
      case 'test:stderr':
        tell({ kind: 'output', text: data.message })
        break
      case 'test:summary': {
        const { file, counts, duration_ms: milliseconds, success } = data
        if (file === undefined) tell({ kind: 'end', success })
        else tell({ kind: 'file', file: here(file), tests: counts.tests, milliseconds })
        break
      }
      default:
        break
    }
  }
  yield ''
}

const whySkipped = ({ skip, todo }: { skip?: string | boolean; todo?: string | boolean }): string | undefined => {
  if (skip !== undefined && skip !== false) return typeof skip === 'string' && skip !== '' ? skip : 'without a reason'
  if (todo !== undefined && todo !== false) return typeof todo === 'string' && todo !== '' ? `todo: ${todo}` : 'todo'
  return undefined
}

const failureType = (error: Error): unknown => ('failureType' in error ? error.failureType : undefined)

const describe = (error: Error | undefined): string => {
  const cause = error?.cause ?? error
  const said = typeof cause === 'string' ? cause : inspect(cause)
  // A whole file fails with the status of its process.
  const status =
    error !== undefined && 'exitCode' in error ? (('signal' in error && error.signal) ?? error.exitCode) : undefined
  return status === undefined ? said : `${said} (its process ended with ${String(status)})`
}
