import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import ts from 'typescript'
import { floorPlan, namesThatSayNothing } from './floor_plan.ts'

export type Problem = { readonly file: string; readonly line: number; readonly message: string }

type Mention = {
  readonly line: number
  readonly kind: 'import' | 'export everything' | 'url'
  /** What is imported, or undefined where only running the code would tell. */
  readonly target: string | undefined
}

/**
 * Compares every import below `root`/src with the floor plan, so that the order of the floors is a fact and not a memory.
 *
 * @param root - the repository, or a folder that has a src/ of the same shape
 */
export const checkFloors = (root: string): Problem[] => {
  const src = join(root, 'src')
  if (!existsSync(src)) return [{ file: 'src', line: 1, message: 'is missing' }]
  return readdirSync(src, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(src, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort()
    .flatMap((path) => checkFile(src, path))
}

const checkFile = (src: string, path: string): Problem[] => {
  const file = `src/${path}`
  const problem = (line: number, message: string): Problem => ({ file, line, message })
  const problems = checkName(path).map((message) => problem(1, message))
  const room = roomOf(path)
  const floor = floorPlan.get(room)
  if (floor === undefined) return [...problems, problem(1, `${room} is not in the floor plan (scripts/floor_plan.ts)`)]
  if (!/\.[cm]?tsx?$/.test(path)) return problems

  for (const mention of mentions(join(src, path))) {
    const say = (message: string) => problems.push(problem(mention.line, message))
    const { target, kind } = mention
    // One name may be handed on; everything is a barrel by another name.
    if (kind === 'export everything') say('hands on everything of another file (export *); name what it exports')
    if (target === undefined) {
      say('imports what only running it would tell; name the file')
      continue
    }
    const found = resolveInside(src, path, target, kind)
    if (found === 'elsewhere') continue
    if (found === 'relative') say(`imports '${target}'; write it as '#room/file.ts'`)
    else if (found === 'outside') say(`reaches '${target}', which is outside src`)
    else if (!existsSync(join(src, found))) say(`imports '${target}', which does not exist`)
    else {
      const other = roomOf(found)
      const otherFloor = floorPlan.get(other)
      if (other === room) continue
      if (otherFloor === undefined) say(`imports '${target}', whose room is not in the floor plan`)
      else if (otherFloor === floor) say(`imports '${target}': ${room} and ${other} are neighbours on floor ${floor}`)
      else if (otherFloor > floor)
        say(`imports '${target}': ${room} is on floor ${floor}, ${other} above it on floor ${otherFloor}`)
    }
  }
  return problems
}

const checkName = (path: string): string[] => {
  const names = path.split('/').map((name) => name.replace(/\.[^.]+$/, ''))
  const file = names.at(-1)
  return [
    ...names.filter((name) => namesThatSayNothing.has(name)).map((name) => `'${name}' says nothing of what is inside`),
    ...(file === 'index' ? ['is a barrel; import from the file itself'] : []),
  ]
}

/** The first folder, or the file itself where it stands alone. */
const roomOf = (path: string): string => path.split('/')[0] ?? path

/** The path below src that an import names, or why it has none. */
const resolveInside = (src: string, from: string, target: string, kind: Mention['kind']): string => {
  if (kind === 'url') {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return 'elsewhere'
    const path = relative(src, resolve(src, dirname(from), target))
      .split(sep)
      .join('/')
    // package.json is data that we may read; code and everything else of another folder is not ours.
    if (path === '../package.json') return 'elsewhere'
    return path.startsWith('..') ? 'outside' : path
  }
  if (target.startsWith('#')) return target.slice(1)
  return target.startsWith('.') || target.startsWith('/') || target.startsWith('file:') ? 'relative' : 'elsewhere'
}

const mentions = (path: string): Mention[] => {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  const found: Mention[] = []
  const add = (node: ts.Node, target: ts.Node | undefined, kind: Mention['kind'] = 'import') =>
    found.push({
      line: source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1,
      kind,
      target: target && ts.isStringLiteralLike(target) ? target.text : undefined,
    })
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier)
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier)
      add(node, node.moduleSpecifier, node.exportClause ? 'import' : 'export everything')
    else if (ts.isImportTypeNode(node))
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined)
    else if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference))
      add(node, node.moduleReference.expression)
    else if (ts.isCallExpression(node) && isImportCall(node)) add(node, node.arguments[0])
    else if (ts.isNewExpression(node) && isUrlOfThisFile(node)) add(node, node.arguments?.[0], 'url')
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

const isMetaProperty = (node: ts.Node | undefined, name: string): boolean =>
  node !== undefined &&
  ts.isPropertyAccessExpression(node) &&
  ts.isMetaProperty(node.expression) &&
  node.name.text === name

/** `import(…)`, `import.meta.resolve(…)`, `require(…)` and `require.resolve(…)`. */
const isImportCall = ({ expression }: ts.CallExpression): boolean =>
  expression.kind === ts.SyntaxKind.ImportKeyword ||
  isMetaProperty(expression, 'resolve') ||
  (ts.isIdentifier(expression) && expression.text === 'require') ||
  (ts.isPropertyAccessExpression(expression) && expression.expression.getText() === 'require')

/** `new URL(…, import.meta.url)`, by which a worker or a file of data is named. */
const isUrlOfThisFile = ({ expression, arguments: parameters }: ts.NewExpression): boolean =>
  ts.isIdentifier(expression) && expression.text === 'URL' && isMetaProperty(parameters?.[1], 'url')

if (import.meta.main) {
  const problems = checkFloors(join(import.meta.dirname, '..'))
  for (const { file, line, message } of problems) console.error(`${file}:${line} ${message}`)
  process.exitCode = problems.length === 0 ? 0 : 1
}
