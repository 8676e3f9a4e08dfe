import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '..', '..')
/** The port that the README speaks of. */
const PORT = '9400'

type Step = { readonly command: string; readonly answer: string | undefined }

/** The commands of the walk-through in their order, each with the answer that is shown below it. */
const stepsOf = (readme: string): readonly Step[] => {
  const section = readme.split(/^## /m).find((part) => part.startsWith('The walk-through')) ?? ''
  const blocks = [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, text]) => ({ language, text }))
  return blocks.flatMap(({ language, text }, at) => {
    if (language !== 'sh') return []
    const next = blocks[at + 1]
    return [{ command: text!, answer: next?.language === 'text' ? next.text!.trim() : undefined }]
  })
}

/** `…` stands for anything. */
const patternOf = (answer: string): RegExp =>
  new RegExp(
    `^${answer
      .split('…')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
    's',
  )

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** The demo platform as `npm start` starts it, in a folder that is removed afterwards. @returns its folder, port and first lines */
const startDemo = async (t: TestContext) => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-readme-'))
  const port = await freePort()
  const demo = ['src/cli/main.ts', 'serve', '--demo', '--port', String(port), '--data', join(folder, 'data')]
  const child = spawn(process.execPath, demo, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGTERM')
    await exited
    rmSync(folder, { recursive: true, force: true })
  })
  const lines: string[] = []
  const ready = Promise.withResolvers<void>()
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line)
    if (line.startsWith('ready ')) ready.resolve()
  })
  void exited.then(() => ready.reject(new Error(`the demo has ended: ${lines.join('\n')}`)))
  await ready.promise
  return { folder, port, lines }
}

test('the README’s walk-through, pasted as it stands, gives the answers that it shows', async (t) => {
  const steps = stepsOf(readFileSync(join(ROOT, 'README.md'), 'utf8'))
  assert.ok(steps.length >= 7, `only ${steps.length} commands were found`)
  const { folder, port, lines } = await startDemo(t)
  assert.equal(lines[0], `ready http://localhost:${port}/`)

  const here = (text: string): string => text.replaceAll(PORT, String(port))
  const mark = '--- the next command ---'
  const script = steps.map(({ command }) => `${here(command)}\necho '${mark}'\n`).join('')
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder })
  const answers = stdout.split(`${mark}\n`).slice(0, -1)
  assert.equal(answers.length, steps.length)
  for (const [at, { command, answer }] of steps.entries()) {
    const given = answers[at]!.trim()
    if (answer === undefined) assert.equal(given, '', `${command} said something`)
    else assert.match(given, patternOf(here(answer)), `${command} answered ${given}`)
  }
})
