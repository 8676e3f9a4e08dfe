/** What a page costs whoever opens it for the first time. */
import type { Bytes } from './units.ts'

export type PageWeight = {
  /** The page first, and then each file that it names, once. */
  parts: { what: string; size: Bytes }[]
}

/** In the order in which a page may name them. */
const kinds: readonly { what: string; tag: RegExp }[] = [
  { what: 'style sheet', tag: /<link rel="stylesheet" href="([^"]+)"/g },
  { what: 'icon', tag: /<link rel="icon" href="([^"]+)"/g },
  { what: 'script', tag: /<script[^>]* src="([^"]+)"/g },
  { what: 'picture', tag: /<img[^>]* src="([^"]+)"/g },
]

/** Sizes of bodies as they come without compression. */
export const weighPage = async (port: number, path: string): Promise<PageWeight> => {
  const fetchBody = async (address: string): Promise<Buffer> => {
    const response = await fetch(new URL(address, `http://127.0.0.1:${port}/`), {
      headers: { 'accept-encoding': 'identity' },
      redirect: 'error',
    })
    if (response.status !== 200) throw new Error(`${address} answered ${response.status}`)
    return Buffer.from(await response.arrayBuffer())
  }
  const page = await fetchBody(path)
  const parts = [{ what: 'page', size: page.length }]
  const seen = new Set<string>()
  for (const { what, tag } of kinds) {
    for (const [, address] of page.toString().matchAll(tag)) {
      if (address === undefined || address.startsWith('data:') || seen.has(address)) continue
      seen.add(address)
      parts.push({ what, size: (await fetchBody(address.replaceAll('&amp;', '&'))).length })
    }
  }
  return { parts }
}
