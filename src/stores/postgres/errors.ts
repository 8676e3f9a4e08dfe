import pg from 'pg'
import { StoreRefusedError, StoreUnavailableError } from '#stores/store.ts'

// What PostgreSQL and the way to it can say, in the words of the store (PostgreSQL, Appendix A: error codes).

/** The whole transaction was undone because of another one; the same again may succeed. */
const TRY_AGAIN = ['40001', '40P01']
/** Connection, resources (disk full, too many connections), shutdown and cancellation, system errors. */
const UNAVAILABLE_CLASSES = ['08', '53', '57', '58']
/** Read-only (a replica), a lock that could not be had, a transaction that was idle too long; a login that no longer works. */
const UNAVAILABLE = ['25006', '55P03', '25P03', '28000', '28P01', '3D000', ...TRY_AGAIN]

const codeOf = (error: unknown): string | undefined => (error instanceof pg.DatabaseError ? error.code : undefined)

export const mayTryAgain = (error: unknown): boolean => TRY_AGAIN.includes(codeOf(error) ?? '')

/** Whether the connection that it came from can be used again. */
export const keepsConnection = (error: unknown): boolean =>
  error instanceof pg.DatabaseError ? error.severity !== 'FATAL' && error.severity !== 'PANIC' : isOfTheStore(error)

const isOfTheStore = (error: unknown): boolean => error instanceof Error && error.name.startsWith('Store')

/** What stops a statement on its way is a `StoreUnavailableError`; what PostgreSQL refuses because of its content stays what it is. */
export const asStoreError = (error: unknown): unknown => {
  if (error instanceof pg.DatabaseError) {
    const code = error.code ?? ''
    const isUnavailable = UNAVAILABLE.includes(code) || UNAVAILABLE_CLASSES.includes(code.slice(0, 2))
    return isUnavailable ? unavailable(error) : error
  }
  // Sockets, time limits and the driver's own: all are plain errors. A TypeError or RangeError is a bug of ours.
  const isOfTheConnection = error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError)
  return isOfTheConnection && !isOfTheStore(error) ? unavailable(error) : error
}

const unavailable = (error: Error): StoreUnavailableError =>
  new StoreUnavailableError(`PostgreSQL: ${wordsOf(error)}`, { cause: error })

/** An attempt at several addresses of one host fails with an empty message and one error each. */
const wordsOf = (error: Error): string =>
  error instanceof AggregateError ? error.errors.map((each) => (each as Error).message).join('; ') : error.message

/** Why the database cannot be opened, in words for the operator. Never with the URL, which holds the password. */
export const refusal = (where: string, found: unknown): unknown => {
  const error = found instanceof StoreUnavailableError && found.cause !== undefined ? found.cause : found
  const code = codeOf(error) ?? ''
  const words = error instanceof Error ? wordsOf(error) : String(error)
  const refused = (what: string) => new StoreRefusedError(`PostgreSQL at ${where}: ${words}. ${what}`, { cause: error })
  if (code.startsWith('28')) return refused('Correct the user or the password in the URL of the database.')
  if (code === '3D000') return refused('Create the database, or correct its name in the URL.')
  if (code === '42501') {
    return refused('The user needs the right to connect and to create tables: grant create on schema public to …')
  }
  const known = asStoreError(error)
  return known instanceof StoreUnavailableError
    ? new StoreUnavailableError(`PostgreSQL at ${where} cannot be used now: ${words}`, { cause: error })
    : known
}
