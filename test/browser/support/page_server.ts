import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { PageReply } from '#pages/page.ts'

export type PageServer = { readonly origin: string; readonly close: () => Promise<void> }

/** Serves ready answers by their paths, with their headers as they are. */
export const servePages = async (replies: ReadonlyMap<string, PageReply>): Promise<PageServer> => {
  const server = createServer((request, response) => {
    const reply = replies.get(request.url ?? '')
    if (reply === undefined) response.writeHead(404).end()
    else response.writeHead(reply.status, { ...reply.headers, 'x-content-type-options': 'nosniff' }).end(reply.body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
