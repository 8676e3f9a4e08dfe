import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// A start takes a third of the time when the stripped and compiled code of the last one is found. It is kept where only those who may
// change the code itself can write, not in the shared folder for temporary files.
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compiled', import.meta.url)))

const { run } = await import('#cli/run.ts')
await run()
