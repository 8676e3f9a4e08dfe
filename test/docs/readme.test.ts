import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { makePerson, titleOf } from '../support/person.ts'

const ROOT = join(import.meta.dirname, '..', '..')
/** The port that the README speaks of. */
const PORT = '9400'

type Step = { readonly command: string; readonly answer: string | undefined }

/** Where the person is asked for the address at which their browser ended. */
const QUESTION = 'The address: '

const sectionOf = (readme: string, title: string): string =>
  readme.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? ''

/** The commands of a walk-through in their order, each with the answer that is shown below it. */
const stepsOf = (section: string): readonly Step[] => {
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

type Run = {
  readonly folder: string
  readonly port: number
  readonly address?: () => Promise<string>
  /** What the person does when an answer says "Open" and an address, while the shell goes on. */
  readonly open?: (address: string) => Promise<void>
}

/** Pastes the commands into a shell, one after the other, and compares. @param address - what is typed when the shell asks for it */
const follow = async (steps: readonly Step[], { folder, port, address, open }: Run): Promise<void> => {
  const here = (text: string): string => text.replaceAll(PORT, String(port))
  const mark = '--- the next command ---'
  const script = steps.map(({ command }) => `${here(command)}\necho '${mark}'\n`).join('')
  const shell = spawn('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(shell, 'close')
  let stdout = ''
  let asked = address === undefined
  let opened: Promise<void> | undefined
  for await (const text of shell.stdout.setEncoding('utf8')) {
    stdout += text as string
    const [, toOpen] = /^Open (\S+)\n/m.exec(stdout) ?? []
    if (toOpen !== undefined) opened ??= open?.(toOpen)
    if (asked || !stdout.endsWith(QUESTION)) continue
    asked = true
    shell.stdin.end(`${await address!()}\n`)
  }
  assert.deepEqual([await ended, asked], [[0, null], true], stdout)
  assert.equal(opened !== undefined, open !== undefined)
  await opened
  const answers = stdout.split(`${mark}\n`).slice(0, -1)
  assert.equal(answers.length, steps.length)
  for (const [at, { command, answer }] of steps.entries()) {
    const given = answers[at]!.replace(QUESTION, '').trim()
    if (answer === undefined) assert.equal(given, '', `${command} said something`)
    else assert.match(given, patternOf(here(answer)), `${command} answered ${given}`)
  }
}

test('the README’s walk-throughs, pasted as they stand, give the answers that they show', async (t) => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const { folder, port, lines } = await startDemo(t)
  assert.equal(lines[0], `ready http://localhost:${port}/`)

  const own = stepsOf(sectionOf(readme, 'The walk-through'))
  assert.ok(own.length >= 7, `only ${own.length} commands were found`)
  await follow(own, { folder, port })

  const section = sectionOf(readme, 'The walk-through for a third party')
  const steps = stepsOf(section)
  assert.ok(steps.length >= 8, `only ${steps.length} commands were found`)
  // As the person does: each address of the text is opened in a browser, and the last one is where it ended.
  const addresses = [...section.matchAll(/^<(http:\/\/localhost:9400\/authorize\?\S+)>$/gm)].map(
    ([, address]) => address!,
  )
  assert.equal(addresses.length, 2)
  const origin = `http://localhost:${port}`
  const person = makePerson(origin)
  const browse = async (): Promise<string> => {
    let ended: URL | undefined
    for (const address of addresses) {
      ended = await person.authorize(address.replace('http://localhost:9400', origin), {
        username: 'example@example.com',
        password: 'somepassword',
        organizations: [100_001],
      })
      assert.match(ended.href, /^http:\/\/localhost:9401\/callback\?code=\w+&state=af0ifjsldkj&iss=/)
    }
    return ended!.href
  }
  // The functions of the first walk-through are still in the person's shell.
  const helpers = own.slice(0, 1)
  assert.match(helpers[0]!.command, /^field\(\)/)
  await follow([...helpers, ...steps], { folder, port, address: browse })
  const device = stepsOf(sectionOf(readme, 'The walk-through for a device'))
  assert.ok(device.length >= 2, `only ${device.length} commands were found`)
  const open = async (at: string): Promise<void> => {
    const answer = await person.connect(at, { username: 'example@example.com', password: 'somepassword' })
    assert.match(titleOf(answer), /Your device is connected/)
  }
  await follow([...helpers, ...device], { folder, port, open })
  const account = await person.open(`${origin}/account`)
  for (const name of ['Third-party demo', 'Television demo']) assert.ok(account.text.includes(name), name)
})
