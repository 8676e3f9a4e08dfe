import { RegistrationError } from '#accounts/register.ts'
import { ConfigError } from '#config.ts'
import { StoreConflictError, StoreRefusedError, StoreUnavailableError, StoreValueError } from '#stores/store.ts'
import { SealedKeyError } from '#tokens/signing_keys.ts'

/** The command line is wrong: exit status 2. The message says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What was asked for cannot be done: exit status 1. The message says why and what to do. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
}

/** Ctrl-C at a prompt: exit status 130, as a shell expects of what SIGINT ended. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
}

export type Failure = { readonly status: number; readonly words: string }

/** What the person is told, and the exit status. Only what nobody foresaw has a stack. */
export const explain = (error: unknown): Failure => {
  if (error instanceof ConfigError || error instanceof UsageError) return { status: 2, words: error.message }
  if (error instanceof InterruptedError) return { status: 130, words: error.message }
  if (error instanceof StoreConflictError) {
    return { status: 1, words: `the ${error.what} is taken. Choose another; nothing was changed.` }
  }
  if (error instanceof StoreUnavailableError) {
    return {
      status: 1,
      words: `the database cannot be used now: ${error.message}. Look after it, then run this again.`,
    }
  }
  if (error instanceof StoreValueError) {
    return { status: 1, words: `${error.message}. Leave out what cannot be kept; nothing was changed.` }
  }
  if (error instanceof SealedKeyError) {
    return {
      status: 1,
      words: `${error.message}. Give the key that the database was begun with, or restore the database from its backup.`,
    }
  }
  if (error instanceof RefusedError || error instanceof StoreRefusedError || error instanceof RegistrationError) {
    return { status: 1, words: error.message }
  }
  return { status: 1, words: explainSystem(error) ?? unforeseen(error) }
}

const explainSystem = (error: unknown): string | undefined => {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined
  const { code, syscall, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string }
  const isNetwork = syscall === 'listen' || syscall === 'bind' || syscall === 'getaddrinfo'
  if (isNetwork) {
    const where = port === undefined ? (address ?? 'the address') : `port ${port} of ${address ?? 'this machine'}`
    if (code === 'EADDRINUSE') return `${where} is in use. Stop the program that has it, or take another with --port.`
    if (code === 'EACCES') {
      return `${where} may not be used by this user. Take a port above 1023 with --port, or have the system allow it.`
    }
    if (['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'].includes(code ?? '')) {
      return 'listen.host: this machine has no such address. Expected one of its own, such as "127.0.0.1".'
    }
  }
  if (['EACCES', 'EPERM', 'EROFS'].includes(code ?? '')) {
    return `${error.message}. Make it readable and writable for the user who runs Postern.`
  }
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code ?? '')) {
    return `${error.message}. Make room on the disk, then run this again.`
  }
  return undefined
}

const unforeseen = (error: unknown): string =>
  `this is a defect of Postern; please report it with what follows.\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
