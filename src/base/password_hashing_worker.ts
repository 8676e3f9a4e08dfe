import { argon2Sync } from 'node:crypto'
import { parentPort } from 'node:worker_threads'

/** One hash to compute. The parameters come with it, because an old hash keeps the ones it was made with. */
export type HashingTask = {
  readonly id: number
  readonly password: string
  readonly salt: Uint8Array
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
  readonly length: number
}
export type HashingResult = { readonly id: number; readonly hash: Uint8Array }

parentPort!.on('message', ({ id, password, salt, memory, passes, parallelism, length }: HashingTask) => {
  const hash = argon2Sync('argon2id', {
    message: password,
    nonce: salt,
    memory,
    passes,
    parallelism,
    tagLength: length,
  })
  parentPort!.postMessage({ id, hash } satisfies HashingResult)
})
