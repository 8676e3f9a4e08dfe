import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startPlainServer } from '../outbound/servers.ts'

// A client as the server finds it at its logout URI.

export type Delivered = { readonly token: string; readonly contentType: string | undefined; readonly path: string }

export type Receiver = {
  readonly uri: string
  readonly received: readonly Delivered[]
  /** Requests that are open at the same time, at most so far. */
  readonly mostAtOnce: () => number
  /** What the next requests are answered; `never`: not at all. */
  answers: number | 'never'
}

/** @param holdMs - how long each answer takes */
export const startReceiver = async (t: Pick<TestContext, 'after'>, holdMs = 0): Promise<Receiver> => {
  const received: Delivered[] = []
  let [open, most] = [0, 0]
  const server = await startPlainServer(t, (request, response) => {
    void (async () => {
      most = Math.max(most, ++open)
      const body = Buffer.concat(await request.toArray()).toString()
      const token = new URLSearchParams(body).get('logout_token') ?? ''
      received.push({ token, contentType: request.headers['content-type'], path: request.url ?? '' })
      await sleep(holdMs)
      open--
      const { answers } = receiver
      if (answers === 'never') return
      response
        .writeHead(answers, answers === 302 ? { location: `http://127.0.0.1:${server.port}/elsewhere` } : {})
        .end()
    })()
  })
  const receiver: Receiver = {
    uri: `http://127.0.0.1:${server.port}/backchannel-logout`,
    received,
    mostAtOnce: () => most,
    answers: 200,
  }
  return receiver
}

/** Until it is so, or for too long. */
export const eventually = async (isSo: () => boolean, limitMs = 30_000): Promise<void> => {
  const latest = performance.now() + limitMs
  while (!isSo()) {
    assert.ok(performance.now() < latest, `not within ${limitMs} ms`)
    await sleep(20)
  }
}
