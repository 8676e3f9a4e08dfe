/** A program of the bench in a process of its own, asked one question at a time over IPC. */
import { spawn } from 'node:child_process'
import type { ChildProcess, Serializable } from 'node:child_process'
import { once } from 'node:events'

export type Child<Request extends Serializable, Reply> = {
  /** The next message of the child: the answer to `ask`, or what it says unasked when it is ready. */
  next(): Promise<Reply>
  ask(request: Request): Promise<Reply>
  /** Ends the process and waits until it has gone. */
  end(): Promise<void>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const each of running) each.kill('SIGKILL')
})
// Without these two, a signal ends the process without the `exit` event.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

export const startChild = <Request extends Serializable, Reply>(
  program: string,
  parameters: readonly string[],
): Child<Request, Reply> => {
  const child = spawn(process.execPath, [program, ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  running.add(child)

  let words = ''
  const keepTail = (chunk: Buffer): void => {
    words = (words + chunk.toString()).slice(-2000)
  }
  child.stdout?.on('data', keepTail)
  child.stderr?.on('data', keepTail)

  const messages: Reply[] = []
  let waiting: PromiseWithResolvers<Reply> | undefined
  child.on('message', (message: unknown) => {
    if (waiting) waiting.resolve(message as Reply)
    else messages.push(message as Reply)
    waiting = undefined
  })
  const gone = once(child, 'exit').then(() => {
    running.delete(child)
    waiting?.reject(new Error(`${program} has ended unexpectedly:\n${words}`))
    waiting = undefined
  })

  const next = (): Promise<Reply> => {
    const first = messages.shift()
    if (first !== undefined) return Promise.resolve(first)
    if (child.exitCode !== null || child.signalCode !== null) {
      return Promise.reject(new Error(`${program} has ended unexpectedly:\n${words}`))
    }
    waiting = Promise.withResolvers<Reply>()
    return waiting.promise
  }

  return {
    next,
    ask(request) {
      child.send(request)
      return next()
    },
    async end() {
      if (child.connected) child.disconnect()
      const late = setTimeout(() => child.kill('SIGKILL'), 3000)
      await gone
      clearTimeout(late)
    },
  }
}
