import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

// Moves what is in the write-ahead log into the database file. On the thread that writes it would stall requests for 10 to 20 ms.

const { file, everyMs } = workerData as { readonly file: string; readonly everyMs: number }
const database = new DatabaseSync(file, { timeout: 1000 })
const timer = setInterval(() => {
  try {
    database.exec('pragma wal_checkpoint(passive)')
  } catch {
    // Busy or out of space: the next round tries again, and the writer's own limit keeps the log bounded.
  }
}, everyMs)

parentPort!.on('message', () => {
  clearInterval(timer)
  database.close()
  parentPort!.close()
})
