import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '..', '..')

test('every link from a page of the repository to one of its files leads somewhere', () => {
  const pages = globSync('{*.md,{docs,bench,examples,test}/**/*.md}', { cwd: ROOT })
  const links = pages.flatMap((page) =>
    [...readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\(([^)\s#]+)[^)]*\)/g)]
      .map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:/i.test(target))
      .map((target) => ({ page, target })),
  )
  assert.ok(links.length > 30, `${links.length} links were found`)
  assert.deepEqual(
    links.filter(({ page, target }) => !existsSync(join(ROOT, dirname(page), target))),
    [],
  )
})
