import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Asset } from '#pages/brand.ts'
import type { PageReply } from '#pages/page.ts'

export type Received = {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export type PageServer = {
  readonly origin: string
  /** Everything that was asked of it, but for assets. */
  readonly received: readonly Received[]
  readonly close: () => Promise<void>
}

const NOT_FOUND: PageReply = { status: 404, headers: { 'content-type': 'text/plain' }, body: 'There is nothing here' }

/** Serves ready answers with their headers as they are: by path, or by method and path. */
export const servePages = async (
  replies: ReadonlyMap<string, PageReply>,
  assets: readonly Asset[],
): Promise<PageServer> => {
  const received: Received[] = []
  const assetReplies = new Map(assets.map(({ path, reply }) => [path, reply]))
  const server = createServer((request, response) => {
    void (async () => {
      const { method = '', url: path = '', headers } = request
      const body = await text(request)
      const asset = assetReplies.get(path)
      if (asset === undefined) received.push({ method, path, headers, body })
      const reply = asset ?? replies.get(`${method} ${path}`) ?? replies.get(path) ?? NOT_FOUND
      response.writeHead(reply.status, { ...reply.headers, 'x-content-type-options': 'nosniff' }).end(reply.body)
    })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
