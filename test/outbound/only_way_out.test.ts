import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '..', '..')

/** What a file could ask another server with. Servers are made with `node:http` and `node:net` too: of these only what connects counts. */
const findWayOut = (source: string): string | undefined => {
  const modules = /from '(node:https|node:http2|node:tls|node:dns|node:dns\/promises|node:dgram|undici)'/.exec(source)
  if (modules !== null) return modules[1]
  const names = /import (?!type )\{([^}]*)\} from 'node:(?:http|net)'/g
  for (const [, imported = ''] of source.matchAll(names)) {
    const connecting = /(?<!type )\b(request|get|Agent|ClientRequest|connect|createConnection|Socket)\b/.exec(imported)
    if (connecting !== null) return connecting[1]
  }
  if (/import \* as \w+ from 'node:(?:http|net)'|\bimport\((?!'#)/.test(source)) return 'a whole module'
  return /(?<![.\w])(?:globalThis\.)?(fetch\(|new (?:WebSocket|EventSource|XMLHttpRequest)\b)/.exec(source)?.[1]
}

test('nothing in src/ asks another server but src/outbound/', () => {
  const files = globSync('src/**/*.ts', { cwd: ROOT })
  assert.ok(files.length > 100)
  const ways = files.flatMap((file) => {
    const way = findWayOut(readFileSync(join(ROOT, file), 'utf8'))
    return way === undefined ? [] : [`${file}: ${way}`]
  })
  assert.deepEqual(
    ways.filter((way) => !way.startsWith('src/outbound/')),
    [],
    'use createOutbound of src/outbound/outbound.ts',
  )
  // The search finds what it looks for.
  assert.ok(ways.length >= 2, ways.join())
  for (const source of [
    `await fetch(url)`,
    `globalThis.fetch(url)`,
    `import { createServer, request } from 'node:http'`,
    `import { get as ask } from 'node:http'`,
    `const { request } = await import('node:http')`,
  ]) {
    assert.ok(findWayOut(source) !== undefined, source)
  }
  for (const source of [`this.fetch(x)`, `prefetch(x)`, `import { createServer, type Server } from 'node:http'`]) {
    assert.equal(findWayOut(source), undefined, source)
  }
})
