import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { ConfigFile } from '#config.ts'
import { NoAnswerError } from './http_client.ts'
import type { TestClient } from './people.ts'

export type ServerOptions = {
  /** A folder, or the URL of a PostgreSQL database. */
  readonly database: string
  /** In hex. */
  readonly masterKey: string
  readonly config?: ConfigFile
  /** A line of the log that holds all of these is passed on. */
  readonly noted?: readonly string[]
}

export type Order =
  | { readonly kind: 'start'; readonly options: ServerOptions }
  /** Makes these, all people with one password. @returns `Populated` */
  | {
      readonly kind: 'populate'
      readonly people: readonly string[]
      readonly password: string
      readonly clients: readonly string[]
    }
  | { readonly kind: 'set password'; readonly accountId: number; readonly hash: string }
  | { readonly kind: 'disable account'; readonly accountId: number }
  | { readonly kind: 'disable client'; readonly clientId: string }
  | { readonly kind: 'fill the disk' | 'free the disk'; readonly file: string }
  | { readonly kind: 'close' }

export type Populated = { readonly ids: readonly number[]; readonly clients: readonly TestClient[] }

export type FromChild =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'noted'; readonly line: string }
  | { readonly kind: 'done'; readonly n: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly n: number; readonly error: string }

/** A server in a process of its own (`server_child.ts`). */
export type ServerProcess = {
  readonly pid: number
  /** Opens the database and listens. @returns the port */
  readonly start: (options: ServerOptions) => Promise<number>
  /** @throws {NoAnswerError} if the process ends before it says that it is done */
  readonly order: (order: Order) => Promise<unknown>
  /** Lines of the log that were asked for. */
  readonly noted: readonly string[]
  readonly hasEnded: () => boolean
  /** SIGKILL. Resolves when the process is gone and what it said last has been read. */
  readonly kill: () => Promise<void>
}

/** @param under - a command that is put before that of the child and ends by becoming it (`exec`) */
export const startServerProcess = (under: readonly string[] = []): ServerProcess => {
  const [command, ...parameters] = [...under, process.execPath, join(import.meta.dirname, 'server_child.ts')]
  const child: ChildProcess = spawn(command, parameters, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const waiting = new Map<number, { readonly done: (value: unknown) => void; readonly failed: (e: Error) => void }>()
  const noted: string[] = []
  let last = 0
  child.on('message', (message) => {
    const told = message as FromChild
    switch (told.kind) {
      case 'loaded':
        return
      case 'noted':
        return void noted.push(told.line)
      case 'done':
        waiting.get(told.n)?.done(told.value)
        return void waiting.delete(told.n)
      case 'failed':
        waiting.get(told.n)?.failed(new Error(told.error))
        return void waiting.delete(told.n)
    }
  })
  // The channel closes after the last word that was in it.
  child.on('disconnect', () => {
    for (const { failed } of waiting.values()) failed(new NoAnswerError('nothing'))
    waiting.clear()
  })
  // A child that cannot be started has no channel to close.
  child.on('error', () => child.emit('disconnect'))
  const loaded = Promise.race([once(child, 'message'), once(child, 'disconnect')])
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null

  const order = async (given: Order): Promise<unknown> => {
    await loaded
    return new Promise((done, failed) => {
      if (!child.connected) return failed(new NoAnswerError('nothing'))
      const n = ++last
      waiting.set(n, { done, failed })
      child.send({ n, order: given }, (error) => {
        if (error !== null && waiting.delete(n)) failed(new NoAnswerError('nothing', { cause: error }))
      })
    })
  }
  return {
    pid: child.pid!,
    order,
    start: async (options) => (await order({ kind: 'start', options })) as number,
    noted,
    hasEnded,
    kill: async () => {
      const gone = hasEnded() ? undefined : once(child, 'exit')
      const silent = child.connected ? once(child, 'disconnect') : undefined
      child.kill('SIGKILL')
      await Promise.all([gone, silent])
    },
  }
}
