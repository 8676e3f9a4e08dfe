import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// A start takes a third of the time when the stripped and compiled code of the last one is found. It is kept where only those who may
// change the code itself can write, not in the shared folder for temporary files.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/compiled'))

const { run } = await import('#cli/run.ts')
await run()
