import { NO_STORE, textReply, type Endpoint } from '#http/message.ts'
import { StoreUnavailableError } from '#stores/store.ts'

/** `/healthz`: the process answers. It says nothing about the database, or a restart would be the answer to its failure. */
export const healthEndpoint: Endpoint = () => textReply(200, 'ok\n', NO_STORE)

/** `/readyz`: requests can be answered, because the database can be read and written; else 503, and no traffic should come here. */
export const readinessEndpoint =
  (check: () => Promise<void>): Endpoint =>
  async () => {
    try {
      await check()
      return textReply(200, 'ready\n', NO_STORE)
    } catch (error) {
      if (error instanceof StoreUnavailableError)
        return textReply(503, 'the database cannot be asked or written\n', NO_STORE)
      throw error
    }
  }
