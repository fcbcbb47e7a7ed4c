import t from 'tap'
import ts from 'typescript'
import { type Source, sources } from './sources.js'

const LIMITS = { file: 300, cFile: 350, function: 60, cFunction: 70 }

/** Files that may be longer, with the reason. */
const excepted: Readonly<Record<string, string>> = {}

const lineCount = (text: string) => text.replace(/\n$/, '').split('\n').length

function tooLong(files: readonly Source[], limit: number): readonly { path: string; lines: number }[] {
  return files.map(({ path, text }) => ({ path, lines: lineCount(text) })).filter(({ lines }) => lines > limit)
}

const isFunction = (node: ts.Node) =>
  ts.isFunctionDeclaration(node) ||
  ts.isFunctionExpression(node) ||
  ts.isArrowFunction(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isConstructorDeclaration(node)

/** Where the functions are that have more lines than the limit. */
function longFunctions({ path, text }: Source): readonly string[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest)
  const found: string[] = []
  const visit = (node: ts.Node) => {
    const first = file.getLineAndCharacterOfPosition(node.getStart(file)).line
    const lines = file.getLineAndCharacterOfPosition(node.end).line - first + 1
    if (isFunction(node) && lines > LIMITS.function) found.push(`${path}:${first + 1}: ${lines} lines`)
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

/** The same for C, where the formatter puts a function's last brace into the first column. */
function longCFunctions({ path, text }: Source): readonly string[] {
  const lines = text.split('\n')
  const starts = lines.flatMap((line, index) => (/^[a-zA-Z].*\{$/.test(line) ? [index] : []))
  return starts.flatMap(start => {
    const length = lines.slice(start).findIndex(line => line.startsWith('}')) + 1
    return length > LIMITS.cFunction ? [`${path}:${start + 1}: ${length} lines`] : []
  })
}

const lib = sources('lib', '.ts')
const native = sources('native', '.c', '.h').filter(({ path }) => path !== 'native/init/ops.h')

const longFiles = [...tooLong([...lib, ...sources('test', '.ts')], LIMITS.file), ...tooLong(native, LIMITS.cFile)]

t.test('no file is too long to be read at one go', async t => {
  t.ok(lib.length > 0)
  t.same(
    longFiles.filter(({ path }) => !(path in excepted)),
    [],
  )
})

t.test('what is excepted is still too long', async t => {
  const paths = longFiles.map(({ path }) => path)
  t.same(
    Object.keys(excepted).filter(path => !paths.includes(path)),
    [],
  )
})

t.test('no function is too long to be seen at one glance', async t => {
  t.same(lib.flatMap(longFunctions), [])
  t.same(native.flatMap(longCFunctions), [])
})
