// A real Chromium for tests: the one that CHROMIUM names, otherwise the one from npm, unpacked once.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inflate } from '@sparticuz/chromium'
import { chromium, type Browser } from 'playwright-core'

const named = process.env.CHROMIUM

/** Why there is no browser here; `undefined` if there is one. For the `skip` of a test. */
export const noChromium: string | undefined =
  named !== undefined || (process.platform === 'linux' && process.arch === 'x64')
    ? undefined
    : `needs Chromium: npm has none for ${process.platform}-${process.arch}, and CHROMIUM names none`

/**
 * Our own arguments. Those that the package proposes switch web security and the isolation of sites off: a test of CSRF, CORS, cookies or framing
 * would prove nothing. There is no sandbox as tests run as root in containers, and see our own pages alone.
 */
const ARGUMENTS = ['--no-sandbox', '--disable-dev-shm-usage', '--font-render-hinting=none']

/** Starts a browser. It ends with this process, however that ends; close it all the same. @param more - arguments besides our own */
export const launchChromium = async (more: readonly string[] = []): Promise<Browser> => {
  const given = [...ARGUMENTS, ...more]
  if (named !== undefined) return chromium.launch({ executablePath: named, args: [...given, '--headless=new'] })
  const folder = await unpack(['chromium.br', 'fonts.tar.br'])
  const launch = (environment: Readonly<Record<string, string>>): Promise<Browser> =>
    chromium.launch({
      executablePath: join(folder, 'chromium'),
      args: [...given, '--headless=shell'],
      env: { ...process.env, FONTCONFIG_FILE: join(folder, 'fonts.conf'), ...environment },
    })
  try {
    return await launch({})
  } catch (error) {
    if (!String(error).includes('error while loading shared libraries')) throw error
    // A bare container has no NSS: the package brings it along.
    const libraries = join(await unpack(['al2023.tar.br']), 'al2023', 'lib')
    return launch({ LD_LIBRARY_PATH: [libraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':') })
  }
}

const packed = fileURLToPath(new URL('.', import.meta.resolve('@sparticuz/chromium')))

/** Unpacks aside and renames, so that nobody starts half a browser, and an unpacking that was killed is begun anew. */
const unpack = async (archives: readonly string[]): Promise<string> => {
  const root = packageRoot(packed)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const cache = join(root, '..', '..', '.cache')
  const folder = join(cache, `chromium-${version}-${archives[0]!.split('.')[0]!}`)
  if (existsSync(folder)) return folder
  const aside = `${folder}.${process.pid}`
  mkdirSync(aside, { recursive: true })
  await Promise.all(archives.map((archive) => inflateInto(aside, join(root, 'bin', archive))))
  writeFileSync(join(aside, 'fonts.conf'), fontConfiguration(folder))
  try {
    renameSync(aside, folder)
  } catch (error) {
    // Another process was faster.
    if (!existsSync(folder)) throw error
    rmSync(aside, { recursive: true, force: true })
  }
  return folder
}

/**
 * The same letters on every machine, so that what fits here fits there. The package's own file looks for them in /tmp/fonts, and a Chromium
 * that finds no font at all crashes now and then.
 */
const fontConfiguration = (folder: string): string => `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${join(folder, 'fonts')}</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>${join(folder, 'font_cache')}</cachedir>
  ${['system-ui', 'sans-serif', 'Arial']
    .map(
      (family) => `<alias binding="same"><family>${family}</family><prefer><family>Open Sans</family></prefer></alias>`,
    )
    .join('\n  ')}
</fontconfig>
`

const packageRoot = (folder: string): string =>
  existsSync(join(folder, 'package.json')) ? folder : packageRoot(dirname(folder))

/** The package unpacks into the folder for temporary files and reads its name as it begins. */
const inflateInto = (folder: string, archive: string): Promise<string> => {
  const before = process.env.TMPDIR
  process.env.TMPDIR = folder
  try {
    return inflate(archive)
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
}
