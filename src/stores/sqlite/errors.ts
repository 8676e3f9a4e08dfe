import { StoreRefusedError, StoreUnavailableError } from '#stores/store.ts'

// What SQLite can say, in the words of the store (SQLite, Result and Error Codes).

const BUSY = 5
const READ_ONLY = 8
const CORRUPT = 11
const CANNOT_OPEN = 14
const CONSTRAINT = 19
const NOT_A_DATABASE = 26

const primaryCode = (error: unknown): number | undefined =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined

/** Whether another process has the file just now. */
export const isBusy = (error: unknown): boolean => primaryCode(error) === BUSY

/** What stops work on its way is a `StoreUnavailableError`; what SQLite refuses because of its content stays what it is. */
export const asStoreError = (error: unknown): unknown => {
  const code = primaryCode(error)
  return code === undefined || code === CONSTRAINT
    ? error
    : new StoreUnavailableError(`SQLite: ${(error as Error).message}`, { cause: error })
}

/** Why the file cannot be used, in words for the operator. */
export const refusal = (file: string, error: unknown): unknown => {
  const code = primaryCode(error)
  const reasons: Readonly<Record<number, string>> = {
    [NOT_A_DATABASE]: `${file} is not a database, or is damaged. Restore it from a backup, or move it away to begin anew.`,
    [CORRUPT]: `${file} is damaged. Restore it from a backup, or move it away to begin anew.`,
    [READ_ONLY]: `${file} cannot be written. Make the file and its folder writable for the user who runs Postern.`,
    [CANNOT_OPEN]: `${file} cannot be opened. Its folder must exist and be writable for the user who runs Postern.`,
  }
  const reason = code === undefined ? undefined : reasons[code]
  return reason === undefined ? asStoreError(error) : new StoreRefusedError(reason, { cause: error })
}
